"""Read a postmortem, as a program in CI might: complete, true, and without blame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

KEYS = ("timeline", "detection", "impact_euro", "cause", "actions", "lesson")
ACTION = ("what", "owner", "due", "kind")
BLAME = re.compile(r"\b(he|she|his|her|forgot|careless\w*|to blame|stupid\w*|should have|"
                   r"human error|negligen\w*|incompeten\w*|mrs?)\b", re.IGNORECASE)  # fmt: skip
NOBODY = ("all", "everybody", "everyone", "team", "the team", "we", "tbd")


def faults(
    document: dict[str, Any], dates: Sequence[pd.Timestamp], euro: float
) -> tuple[str, str] | None:
    """Return the first fault of a postmortem: its key and what was found; None if there is none.

    `dates` must all be in its timeline; the first is the begin of the incident, the last its end.
    `euro` is what it cost.
    """
    found = ((key, what) for key, fine, what in _checks(document, dates, euro) if not fine)
    return next(found, None)


def _checks(
    document: dict[str, Any], dates: Sequence[pd.Timestamp], euro: float
) -> Iterator[tuple[str, Any, str]]:
    """Ask one question after the other: key, whether all is well, and what was found."""
    lacking = [key for key in KEYS if not document.get(key)]
    yield "missing", not lacking, ", ".join(lacking)
    timeline, cause, lesson, detection = map(
        document.get, ("timeline", "cause", "lesson", "detection")
    )
    for text in (cause, lesson, detection, *(what for _, what in timeline)):
        blamed = BLAME.search(str(text))
        yield "blame", not blamed, blamed and blamed[0]
    days = [pd.Timestamp(day) for day, _ in timeline]
    yield "timeline", len(days) > 2 and days == sorted(days), f"{len(days)} entries"
    dated = abs(days[0] - dates[0]).days <= 1 and {*dates} <= {*days}
    yield "dates", dated, ", ".join(f"{day:%Y-%m-%d}" for day in days)
    stated = float(document["impact_euro"])
    yield "impact", abs(stated - euro) <= 0.02 * euro, f"{stated:,.0f} euro"
    yield "cause", len(str(cause).split()) > 4, str(cause)
    for one in document["actions"]:
        complete = isinstance(one, dict) and all(map(one.get, ACTION))
        yield "actions", complete, str(one)[:80]
        yield "kinds", one["kind"] in ("detect", "prevent", "mitigate"), str(one["kind"])
        yield "due", pd.Timestamp(one["due"]) > dates[-1], str(one["due"])
        yield "owner", str(one["owner"]).lower().strip() not in NOBODY, str(one["owner"])
    kinds = [one["kind"] for one in document["actions"]]
    yield "both", {"detect", "prevent"} <= {*kinds}, ", ".join(kinds)
