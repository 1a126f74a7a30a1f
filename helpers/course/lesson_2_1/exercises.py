"""The exercises of lesson 2.1, Validate data."""

from __future__ import annotations

import tempfile
import tomllib
from collections.abc import Mapping
from functools import cache
from operator import floordiv, mul
from pathlib import Path
from typing import Any

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import Judge, as_names, as_number, as_numbers, chosen, name
from helpers.course.exercises.texts import replies

USED = (
    *("age", "employment", "income", "years_employed", "purpose", "amount", "term_months"),
    *("utilization", "late_payments", "credit_history_years", "channel"),
)
COLUMNS = (*USED, "application_id", "applied_at", "sex", "region", "defaulted")
MOST_EURO = 4_000  # a year above the least; the solution costs 1,900, the lesson's plan 207,000
WORLDS = range(11, 19)


@cache
def _made(what: str) -> tuple[Any, set[str]]:
    """Return a file that the lesson does not show, and the columns that are wrong in it."""
    from helpers import world

    n = 20_000 if "20,000" in what else 2_000
    f = world.World(51 + len(what)).applications("2026-02", n).drop(columns="defaulted")
    known = tomllib.loads(Path(__file__).with_name("files.toml").read_text(encoding="utf-8"))
    changes = [known[part] for part in what.split(" and ") if part in known]
    change = {"times": mul, "over": floordiv, "some": lambda v, to: v.mask(v.index < n / 10, to)}
    for kind, column, value, *_ in changes:
        if kind in world.incidents:
            f = world.incidents[kind].apply(f, strength=value)
        elif kind in ("head", "drop"):
            f = f.head(value) if kind == "head" else f.drop(columns=column)
        else:
            f = f.assign(**{column: change[kind](f[column], value)})
    return f, {column for _, column, _, *fine in changes if column and not fine}


@cache
def _statistics(what: str) -> Any:
    from helpers.validation import generate_statistics

    return generate_statistics(_made(what)[0])


def _odd(answer: Any) -> str | None:
    for what, reply in replies("2.1-b").items():
        was = "no history for 40 %" if what == "the gaps filled" else "no fault, 20,000 rows"
        before, now, odd = _statistics(was).proto, _statistics(what).proto, _made(what)[1]
        about = f"the statistics of a month with: {was}; and those of a file with: {what}."
        more = f"It was called with {about}"
        got = as_names(run(answer, before, now, about=about), COLUMNS, more=more)
        if extra := sorted(got - odd):
            return f"{extra[0]} is not odd: compare its median and its gaps in both. {more}"
        if got != odd:
            return f"One column is not found. {reply} {more}"
    return None


def _on_files(id: str) -> Judge:
    """Return a judge that tries a schema on files: those without a fault pass, the others not."""

    def judge(answer: Any) -> str | None:
        from helpers.validation import Schema, validate_statistics

        try:
            schema = answer if isinstance(answer, Schema) else Schema(answer or 0)
        except TypeError:
            return f"Expected a schema, got {kind_of(answer)}."
        if "SERVING" not in schema.environments:
            return "Begin with the lesson's schema: yours has no environment SERVING."
        for what, reply in replies(id).items():
            found = validate_statistics(_statistics(what), schema, environment="SERVING")
            if _made(what)[1] and not found:
                return f"A file got through, with: {what}. {reply}"
            if found and not _made(what)[1]:
                row = found.to_frame().iloc[0]
                why = f"{row['feature'] or 'all rows'}: {row['details']}"
                return f"A good file is refused, with: {what}. {why} {reply}"
        return None

    return judge


@cache
def _incomes() -> tuple[Any, Any]:
    """Return incomes of months without a fault, and those of the file of March as it came."""
    import pandas as pd

    from helpers import datasets, world

    good = world.World(seed=21).applications("2026-02", 100_000)["income"]
    return good, pd.read_csv(datasets.path("incoming", "2026-03_partner.csv"))["income"]


def _income_range(answer: Any) -> str | None:
    low, high = as_numbers(answer, (2,), "numbers: low and high, in euro per year")
    if low >= high:
        return f"The range runs backwards: {low:,.0f} is not below {high:,.0f}."
    good, bad = _incomes()
    caught, cents = ((bad < low) | (bad > high)).mean(), (good * 100 > high).mean()
    above, refused = (good > high).sum(), ((good < low) | (good > high)).sum()
    if caught < 0.1:
        case = "half" if caught else "low"
    elif above and refused < 100:
        case = "room" if high > 187_550 else "seen"
    elif refused or cents < 0.5:
        case = "narrow" if refused else "cents"
    else:
        return None
    return replies("2.1-d")[case].format(low=low, high=high, n=refused, caught=caught, cents=cents)


def _gate(answer: Any) -> str | None:
    from helpers.validation import infer_schema

    schema = infer_schema(_statistics("no fault, 20,000 rows"))
    schema["income"].range, schema["utilization"].range = (6_000, 400_000), (0, 1)
    schema.min_rows, schema.environments = 100, ["TRAINING", "SERVING"]
    schema.add("defaulted", "INT")
    schema["defaulted"].not_in_environment = ["SERVING"]
    raw = {"not one byte": b"", "a picture": b"\x89PNG\r\n\x1a\n\x00\xff\xfe" * 40}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "2026-09_all.csv"
        for what, reply in replies("2.1-f").items():
            frame, wrong = _made(what)
            path.write_bytes(raw.get(what, frame.to_csv(index=False).encode()))
            about = f"a file with: {what}. {reply}"
            used = [*USED, *(["region"] if "uses it" in what else [])]
            got = run(answer, path, schema.copy(), used, about=about)
            if not isinstance(got, tuple | list) or [type(text) for text in got] != [str, str]:
                return f"Expected a decision and a report, two texts. It was called with {about}"
            want = "accept" if what == "no fault" else "quarantine"
            want = "ask" if wrong == {"region"} and "region" not in used else want
            if got[0] != want:
                return f"Your gate decides {got[0][:40]!r} on {about}"
            if [column for column in wrong if column in COLUMNS and column not in got[1]]:
                return f"The report has to name each column that is wrong. Called with {about}"
    return None


def _plan(answer: Any) -> str | None:
    from helpers.course.lesson_2_1 import plans

    if not isinstance(answer, Mapping) or set(answer) != set(plans.RULES):
        return f"Expected a dict with the rules {', '.join(plans.RULES)}, got {kind_of(answer)}."
    for rule, pair in answer.items():
        two = isinstance(pair, list | tuple) and len(pair) == 2
        ends = [0 if end is None else as_number(end) for end in pair] if two else [None]
        if None in ends or not 0 <= min(ends) <= max(ends) <= 1:
            return f"{rule!r} needs (ask above, stop above): shares from 0 to 1, None for never."
    table = plans.trial(answer, WORLDS)
    more, unread = table.eval("euro - least")["all"], table.loc["all", "unread"]
    if more <= MOST_EURO:
        return None
    text = f"In eight other worlds it costs {more:,.0f} euro a year more than the least. "
    if unread > 1:
        return text + f"{unread:.0f} of the files that you ask about go unread, and are let in."
    kind, did = table.attrs["dearest"]
    does = {"accept": "lets in", "ask": "asks about", "stop": "stops"}.get(did, "never looks at")
    return text + f"Most of that is lost with {kind!r} that the gate {does}."


NEVER, SEVEN = {"sent twice", "campaign", "recession"}, replies("2.1-g")
JUDGES = {
    "2.1-a": name("utilization", among=COLUMNS, replies=replies("2.1-a")),
    "2.1-b": _odd,
    "2.1-c": _on_files("2.1-c"),
    "2.1-d": _income_range,
    "2.1-e": _on_files("2.1-e"),
    "2.1-f": _gate,
    "2.1-g": chosen(NEVER, among=SEVEN, extra=SEVEN, missing=SEVEN),
    "2.1-h": _plan,
}
