"""A one-page design for an ML system, checked for gaps and contradictions.

The entries are those that a team needs before it builds. :func:`write` makes the page (Markdown)
and checks it: what is missing, and which entries cannot be true together, such as an answer
promised in 50 ms whose feature lookup takes 200 ms. It judges numbers and names, not wisdom.
"""

from __future__ import annotations

import csv
import math
import numbers
import os
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from helpers.base import checks, files

DAYS_PER_MONTH = 30
MINUTES_PER_MONTH = DAYS_PER_MONTH * 24 * 60
EARLY_DAYS = 150  # after which late instalments show, long before the outcome

TEXT, NUMBER, SHARE = "a text", "a number, 0 or more", "a share from 0 to 1"
NAMES = "a list of names"
NUMBERS = "a dict from name to a number, 0 or more"
SHARES = "a dict from name to a share from 0 to 1"
TEXTS = "a dict from name to a text"
ONLINE, BATCH = "online", "batch"
SOURCES = "loan book", "partner", "both"


class Entry(NamedTuple):
    """An entry of the page."""

    section: str
    kind: str
    unit: str
    asks: str


with (Path(__file__).parent / "entries.csv").open(encoding="utf-8", newline="") as table:
    ENTRIES = {row.pop("name"): Entry(**row) for row in csv.DictReader(table)}
# What only one way of serving needs.
_ONLY = {
    ONLINE: ("peak_per_second", "answer_within_ms", "stages_ms", "model_ms", "replicas"),
    BATCH: ("batch_every_hours",),
}


@dataclass(frozen=True)
class Contradiction:
    """Names of entries that cannot be true together, and what is wrong, with the numbers."""

    entries: tuple[str, ...]
    says: str

    def __str__(self) -> str:
        return f"{self.says} ({', '.join(self.entries)})"


@dataclass(frozen=True, repr=False)
class DesignDocument:
    """A design on one page; made by :func:`write`.

    It has what was entered, which entries are still open, and which cannot be true together. A
    missing entry contradicts nothing.
    """

    entries: dict[str, Any]
    missing: tuple[str, ...]
    contradictions: tuple[Contradiction, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing and nothing contradicts."""
        return not self.missing and not self.contradictions

    @property
    def text(self) -> str:
        """The page in Markdown."""
        lines = [f"# {self.entries.get('title', 'A design without a title')}"]
        section, idle = "", _idle(self.entries)
        for name, entry in ENTRIES.items():
            if name == "title" or (name in idle and name not in self.entries):
                continue
            if entry.section != section:
                section = entry.section
                lines += ["", f"## {section}", ""]
            value = _text(self.entries[name], entry) if name in self.entries else "**open**"
            lines.append(f"- {entry.asks} {value}")
        return "\n".join(lines) + "\n"

    def review(self) -> str:
        """Return what is contradictory or missing, a line for each finding."""
        lines = [f"Contradiction: {found}" for found in self.contradictions]
        lines += [f"Missing: {name}. {ENTRIES[name].asks}" for name in self.missing]
        return "\n".join(lines) or "Nothing is missing and nothing contradicts."

    def __repr__(self) -> str:
        return self.text

    def _repr_markdown_(self) -> str:
        return self.text

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the page into a Markdown file, completely or not at all; return its path."""
        path = files.markdown(path)
        files.write(path, self.text)
        return path


def write(entries: Mapping[str, Any]) -> DesignDocument:
    """Return a design on one page, checked for gaps and contradictions.

    Parameters
    ----------
    entries : mapping of str to object
        Values by the names of ``ENTRIES``, which has the question and the unit of each. A value of
        ``...`` is an entry that is still open.

    Returns
    -------
    DesignDocument
        ``.text`` is the page, ``.missing`` and ``.contradictions`` are the findings.

    Raises
    ------
    ValueError
        If a name is not in ``ENTRIES``, or a value is not of its kind; the message says which.

    Examples
    --------
    >>> page = write({"answer_within_ms": 50, "stages_ms": {"feature lookup": 200}})
    >>> print(page.contradictions[0].says)
    The stages take 200 ms, the answer is promised in 50 ms.
    """
    if not isinstance(entries, Mapping):
        raise ValueError(f"entries is a {type(entries).__name__}; expected a dict of entries")
    for name in entries:
        if name not in ENTRIES:
            raise ValueError(f"entries has {name!r}; {checks.nearest(name, ENTRIES)}")
    given = {name: entries[name] for name in ENTRIES if entries.get(name, ...) is not ...}
    for name, value in given.items():
        _check(name, value)
    idle = _idle(given)
    missing = tuple(name for name in ENTRIES if name not in given and name not in idle)
    contradictions = tuple(
        Contradiction(needs, text)
        for needs, rule in _RULES
        if all(name in given for name in needs)
        for text in rule(*(given[name] for name in needs))
    )
    return DesignDocument(given, missing, contradictions)


def _idle(given: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the entries that this way of serving does not need."""
    other = {ONLINE: BATCH, BATCH: ONLINE}.get(given.get("serving"))
    return _ONLY.get(other, ())


def _check(name: str, value: Any) -> None:
    kind = ENTRIES[name].kind
    named = isinstance(value, Mapping) and all(_is_text(key) for key in value)
    right = {
        TEXT: lambda: _is_text(value),
        NUMBER: lambda: _is_number(value),
        SHARE: lambda: _is_number(value) and value <= 1,
        NAMES: lambda: (
            isinstance(value, Collection)
            and not isinstance(value, str | bytes | Mapping)
            and all(map(_is_text, value))
        ),
        NUMBERS: lambda: named and all(map(_is_number, value.values())),
        SHARES: lambda: named and all(_is_number(v) and v <= 1 for v in value.values()),
        TEXTS: lambda: named and all(isinstance(v, str) for v in value.values()),
    }[kind]
    if not right():
        raise ValueError(f"{name} is {value!r}; expected {kind}. It asks: {ENTRIES[name].asks}")
    allowed = {"serving": tuple(_ONLY), "source": SOURCES}.get(name, (value,))
    if value not in allowed:
        raise ValueError(f"{name} is {value!r}; expected {' or '.join(map(repr, allowed))}")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_number(value: Any) -> bool:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and math.isfinite(value) and value >= 0


def _text(value: Any, entry: Entry) -> str:
    unit = f" {entry.unit}" if entry.unit else ""
    if isinstance(value, Mapping):
        parts = (f"{key}: {_text(each, entry)}" for key, each in value.items())
        return "; ".join(parts) or "none"
    if isinstance(value, str):
        return value or "**nobody**"
    if isinstance(value, numbers.Real):
        return f"{value:,.10g}{unit}"
    return ", ".join(value) or "none"


# A rule takes the entries that it names and yields what is wrong.
Rule = Callable[..., Iterable[str]]


def _value(value: float, cost: float) -> Iterable[str]:
    if value <= cost:
        yield f"It is worth {value:,.0f} euro a year and may cost {cost:,.0f}."


def _running_cost(per_thousand: float, per_month: float, cost: float) -> Iterable[str]:
    needed = per_thousand * per_month * 12 / 1000
    if needed > cost:
        yield f"The decisions of a year cost {needed:,.0f} euro, the budget is {cost:,.0f}."


def _from_the_future(features: Iterable[str], later: Iterable[str]) -> Iterable[str]:
    for name in sorted(set(features) & set(later)):
        yield f"The model sees {name!r}, which is filled in after the decision."


def _consent(features: Iterable[str], consent: Iterable[str]) -> Iterable[str]:
    for name in sorted(set(features) - set(consent)):
        yield f"The model sees {name!r}, which nobody agreed to have used for this."


def _rows(
    source: str,
    needed: float,
    in_hand: Mapping[str, float],
    per_month: float,
    delay: float,
    launch: float,
) -> Iterable[str]:
    # New labels are the partner's, and wait; who begins with the book has it today.
    coming = per_month * max(0, launch - delay * 12 / 365) if source == "partner" else 0
    there = in_hand.get("partner" if source == "partner" else "loan book", 0) + coming
    if there < needed:
        yield (
            f"Training needs {needed:,.0f} labelled rows ({source}); at the launch in {launch:g} "
            f"months there are {there:,.0f}, as a label takes {delay:g} days."
        )


def _stages(budget: float, stages: Mapping[str, float]) -> Iterable[str]:
    if sum(stages.values()) > budget:
        yield (
            f"The stages take {sum(stages.values()):,.10g} ms, the answer is promised in "
            f"{budget:,.10g} ms."
        )


def _guardrails(guardrails: Mapping[str, float], stages: Mapping[str, float]) -> Iterable[str]:
    for name, bound in guardrails.items():
        if name.startswith("p99") and bound < sum(stages.values()):
            yield f"The stages take {sum(stages.values()):,.10g} ms; {name} is {bound:g} ms."


def _model_stage(model: float, stages: Mapping[str, float]) -> Iterable[str]:
    if model > sum(stages.values()):
        yield f"The model is busy for {model:g} ms, longer than all stages together."


def _capacity(peak: float, model: float, replicas: float) -> Iterable[str]:
    if peak * model / 1000 >= replicas:
        yield (
            f"{peak:g} requests a second of {model:g} ms keep {peak * model / 1000:.3g} replicas "
            f"busy all the time; there are {replicas:g}."
        )


def _peak(peak: float, per_month: float) -> Iterable[str]:
    mean = per_month / (MINUTES_PER_MONTH * 60)
    if peak < mean:
        yield f"The worst minute has {peak:g} requests a second, the mean minute {mean:.3g}."


def _dependencies(promised: float, dependencies: Mapping[str, float]) -> Iterable[str]:
    together = math.prod(dependencies.values())
    if promised > together:
        yield f"{promised:.3%} is promised; what it depends on is up together {together:.3%}."


def _rollback(promised: float, minutes: float) -> Iterable[str]:
    allowed = (1 - promised) * MINUTES_PER_MONTH
    if minutes > allowed:
        yield (
            f"A rollback takes {minutes:g} minutes; {promised:.3%} allows {allowed:.0f} minutes of "
            f"failure in {DAYS_PER_MONTH} days."
        )


def _labels(monitors: Mapping[str, float], delay: float) -> Iterable[str]:
    for name, days in monitors.items():
        exist = min(delay, EARLY_DAYS) if "late instal" in name.lower() else delay
        if days < exist:
            yield f"{name!r} is to be seen in {days:g} days; its labels exist after {exist:g}."


def _unseen(inputs: Mapping, labels: Mapping, delay: float) -> Iterable[str]:
    if labels and not inputs and delay > DAYS_PER_MONTH:
        yield f"Only outcomes are watched: for {delay:g} days nobody would see anything."


def _batch(serving: str, within: float, every: float) -> Iterable[str]:
    if serving == BATCH and every * 3.6e6 > within:
        yield f"A batch runs every {every:g} hours, the answer is needed in {within:,.0f} ms."


def _owners(risks: Mapping[str, str]) -> Iterable[str]:
    for name, owner in risks.items():
        if owner.strip().lower() in _NOBODY:
            yield f"The risk {name!r} has no owner: {owner.strip() or 'nobody'!r} is no one's name."


_NOBODY = {
    "", "all", "everybody", "everyone", "nobody", "somebody", "someone", "tbd", "team", "the team",
    "us", "we",
}  # fmt: skip
_RULES: tuple[tuple[tuple[str, ...], Rule], ...] = (
    (("value_per_year", "cost_per_year"), _value),
    (("cost_per_thousand", "decisions_per_month", "cost_per_year"), _running_cost),
    (("features", "known_after_decision"), _from_the_future),
    (("features", "consent"), _consent),
    (
        ("source", "rows_needed", "rows_in_hand", "labelled_rows_per_month", "label_delay_days",
         "launch_in_months"),
        _rows,
    ),
    (("answer_within_ms", "stages_ms"), _stages),
    (("guardrails", "stages_ms"), _guardrails),
    (("model_ms", "stages_ms"), _model_stage),
    (("peak_per_second", "model_ms", "replicas"), _capacity),
    (("peak_per_second", "decisions_per_month"), _peak),
    (("serving", "answer_within_ms", "batch_every_hours"), _batch),
    (("availability", "dependencies"), _dependencies),
    (("availability", "rollback_minutes"), _rollback),
    (("monitors_labels", "label_delay_days"), _labels),
    (("monitors_inputs", "monitors_labels", "label_delay_days"), _unseen),
    (("risks",), _owners),
)  # fmt: skip
