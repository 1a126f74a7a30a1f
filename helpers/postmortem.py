"""Read a postmortem, as a program in CI might: complete, true to the records, without blame."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

TEXTS = ("detection", "cause", "lesson")
KEYS = (*TEXTS, "timeline", "impact_euro", "actions")
ACTION = ("what", "owner", "due", "kind")
WHO = r"\b(he|she|they|who|engineer|developer|analyst|operator|manager|lead|colleague|on.call)\b"
DID = r"\b(forgot|ignored|missed|failed to|overlooked|asleep|careless|did not|didn't|should have)\b"
BLAME = re.compile(rf"{WHO}[^.;:]*{DID}|human error|negligen|to blame|stupid", re.IGNORECASE)
EMPTY = re.compile(r"careful|attention|watch out|vigilan|remind|try harder", re.IGNORECASE)
NOBODY = ("all", "everybody", "everyone", "team", "the team", "we", "tbd")


def faults(
    document: Mapping[str, Any], dates: Sequence[Any], euro: float, alarm: str
) -> tuple[str, str] | None:
    """Return the first fault of a postmortem, or None.

    It checks the form, and the facts of records; whether the cause is the true one, people judge.

    Parameters
    ----------
    document : dict
        ``timeline``, pairs of date and text; the texts ``detection``, ``cause`` and ``lesson``;
        ``impact_euro``; ``actions``, dicts of ``what``, ``owner``, ``due`` and ``kind``, which is
        ``"detect"``, ``"prevent"`` or ``"mitigate"``.
    dates : sequence of dates
        The begin, the first page and the end, which the timeline must have.
    euro : float
        What the incident has cost; the stated impact may differ by 2 percent.
    alarm : str
        What paged, to be named in ``detection``.

    Returns
    -------
    tuple of str or None
        The kind of fault, such as ``"blame"``, and what was found.

    Raises
    ------
    ValueError
        If a part has a form that cannot be read, such as a timeline without pairs.

    Examples
    --------
    >>> faults({"cause": "He forgot it."}, ["2026-01-13", "2026-01-16"], 900, "Mix")
    ('missing', 'detection, lesson, timeline, impact_euro, actions')
    """
    days = pd.DatetimeIndex(dates)
    try:
        checks = _checks(document, days, euro, alarm)
        return next(((key, found) for key, found, fine in checks if not fine), None)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"a part of the postmortem has a form that cannot be read ({error}); expected are "
            f"{', '.join(KEYS)}, the timeline as pairs, the actions as dicts of {', '.join(ACTION)}"
        ) from error


def _checks(
    document: Mapping[str, Any], dates: pd.DatetimeIndex, euro: float, alarm: str
) -> Iterator[tuple[str, str, bool]]:
    """Ask one question after the other: key, what was found, and whether all is well."""
    lacking = [key for key in KEYS if not document.get(key)]
    yield "missing", ", ".join(lacking), not lacking
    days = [pd.Timestamp(day) for day, _ in document["timeline"]]
    events = [str(text) for _, text in document["timeline"]]
    actions, texts = document["actions"], [str(document[key]) for key in TEXTS]
    for one in actions:
        yield "actions", str(one)[:80], isinstance(one, dict) and all(map(one.get, ACTION))
    whats = [str(one["what"]) for one in actions]
    for text in (*texts, *events, *whats):
        yield "short", text, len(text.split()) > 2
        yield "blame", text, not BLAME.search(text)
    for text in (texts[2], *whats):
        yield "empty", text, not EMPTY.search(text)
    yield "timeline", f"{len(days)} entries", len(days) > 2
    yield "order", ", ".join(f"{day:%Y-%m-%d}" for day in days), days == sorted(days)
    for what, day in {"begin": dates[0], "first page": dates[1], "end": dates[-1]}.items():
        yield "dates", what, day in days
    yield "detection", texts[0], alarm.lower() in texts[0].lower()
    stated = float(document["impact_euro"])
    yield "impact", f"{stated:,.0f} euro", abs(stated - euro) <= 0.02 * euro
    for one in actions:
        yield "kinds", str(one["kind"]), one["kind"] in ("detect", "prevent", "mitigate")
        yield "due", str(one["due"]), 0 < (pd.Timestamp(one["due"]) - dates[-1]).days <= 365
        yield "owner", str(one["owner"]), str(one["owner"]).lower().strip() not in NOBODY
    yield "same", ", ".join(whats), len({*whats}) == len(whats)
    kinds = [one["kind"] for one in actions]
    yield "both", ", ".join(kinds), {"detect", "prevent"} <= {*kinds}
