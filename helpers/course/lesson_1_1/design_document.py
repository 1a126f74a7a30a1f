"""The review of a one-page design for an ML system: what is missing, what cannot be true together.

``entries.csv`` has what a team answers before it builds, ``contradictions.toml`` what is said of
entries that contradict. The review judges numbers and names, not wisdom.
"""

from __future__ import annotations

import csv
import math
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from helpers.base import checks
from helpers.course.exercises.judges import as_number

HERE = Path(__file__).parent
CONTRADICTIONS = tomllib.loads((HERE / "contradictions.toml").read_text(encoding="utf-8"))
with (HERE / "entries.csv").open(encoding="utf-8", newline="") as table:
    ENTRIES = {row["name"]: row for row in csv.DictReader(table)}
MONTH, EARLY_DAYS = 30 * 24 * 60, 150  # minutes; days until late instalments show
MOST = {"a share from 0 to 1": 1, "a number, 0 or more": sys.float_info.max}
NOBODY = re.compile(r"all|every(body|one)|nobody|some(body|one)|tbd|(the )?team|us|we|")


def _if(wrong: object, *shown: float) -> list[tuple]:
    return [shown] if wrong else []


# A rule takes the entries that contradictions.toml lists, and returns what the words show: a tuple
# for each thing that is wrong. New rows are the partner's; who begins with the book has it today.
RULES: dict[str, Callable[..., list[tuple]]] = {
    "value": lambda value, cost: _if(value <= cost),
    "bill": lambda thousand, n, cost: _if((bill := thousand * n * 12 / 1000) > cost, bill),
    "future": lambda seen, later: [(name,) for name in sorted({*seen} & {*later})],
    "consent": lambda seen, allowed: [(name,) for name in sorted({*seen} - {*allowed})],
    "rows": lambda source, needed, in_hand, per_month, delay, launch: _if(
        needed > (there := in_hand.get("partner" if source == "partner" else "loan book", 0)
                  + per_month * max(0, launch - delay * 12 / 365) * (source == "partner")), there),
    "stages": lambda within, stages: _if((ms := sum(stages.values())) > within, ms),
    "guardrails": lambda guardrails, stages: [
        (name, bound, ms) for ms in [sum(stages.values())] for name, bound in guardrails.items()
        if name.startswith("p99") and bound < ms],
    "capacity": lambda peak, ms, replicas: _if((busy := peak * ms / 1000) >= replicas, busy),
    "peak": lambda peak, per_month: _if(peak < (mean := per_month / MONTH / 60), mean),
    "batch": lambda serving, ms, hours: _if(serving == "batch" and hours * 3.6e6 > ms),
    "dependencies": lambda promised, up: _if(promised > (both := math.prod(up.values())), both),
    "rollback": lambda up, minutes: _if(minutes > (allowed := (1 - up) * MONTH), allowed),
    "labels": lambda watched, delay: [
        (name, days, exist) for name, days in watched.items()
        if days < (exist := min(delay, EARLY_DAYS if "late instal" in name.lower() else delay))],
    "unseen": lambda inputs, labels, delay: _if(labels and not inputs and delay > 30),
    "owners": lambda risks: [
        item for item in risks.items() if NOBODY.fullmatch(item[1].strip().lower())],
}  # fmt: skip


def review(entries: Mapping[str, Any]) -> list[str]:
    """Return what cannot be true together in a design, then what is missing: a line for each.

    Parameters
    ----------
    entries : mapping of str to object
        Values by the names of ``ENTRIES``. One that is ``...`` is open, and contradicts nothing;
        one of another name or kind is a ValueError.

    Examples
    --------
    >>> review({"availability": 0.999, "rollback_minutes": 60})[0].partition(";")[0]
    'Contradiction: A rollback takes 60 minutes'
    """
    given = {name: value for name, value in entries.items() if value is not ...}
    for name, value in given.items():
        checks.one_of("an entry", name, ENTRIES)
        kind, asks = ENTRIES[name]["kind"], ENTRIES[name]["asks"]
        if not _fits(value, kind):
            raise ValueError(f"{name} is {value!r}; expected {kind}. It asks: {asks}")
    contradictions = [
        f"Contradiction: {rule['says'].format(*shown, **given)} ({', '.join(rule['entries'])})"
        for about, rule in CONTRADICTIONS.items()
        if given.keys() >= {*rule["entries"]}
        for shown in RULES[about](*map(given.get, rule["entries"]))
    ]
    return contradictions + [
        f"Missing: {name}. {entry['asks']}"
        for name, entry in ENTRIES.items()
        if name not in given and entry["only"] in ("", given.get("serving", entry["only"]))
    ]


def _fits(value: Any, kind: str) -> bool:
    if isinstance(value, Mapping) and "dict" in kind:
        of = kind.removeprefix("a dict from name to ")
        return all(_fits(name, "a text") and _fits(each, of) for name, each in value.items())
    if kind == "a list of names":
        return isinstance(value, list | tuple | set) and all(
            _fits(name, "a text") for name in value
        )
    if kind in MOST:
        return (number := as_number(value)) is not None and 0 <= number <= MOST[kind]
    return (
        isinstance(value, str) and value.strip() != "" and (kind == "a text" or repr(value) in kind)
    )
