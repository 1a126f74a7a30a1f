"""The exercises of the start page."""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import slip
from helpers.course.exercises.texts import replies

ASKED = (("partner", "2025-03"), ("branch", "2025-09"), ("online", "2025-11"))
ROUNDED = "rounded"


@cache
def _slips(channel: str, month: str) -> tuple[Any, float, dict[str, float]]:
    """Return applications, the rate of a channel in them, and what slips make of it."""
    from helpers import datasets, world

    known, made = datasets.load("loans"), world.World(seed=31).applications(month, 2_000)
    inside, lost = made["channel"] == channel, made["defaulted"] == 1
    rate = lost[inside].mean()
    return made, rate, {
        "the notebook's": known.loc[known["channel"] == channel, "defaulted"].mean(),
        "the partner's": lost[made["channel"] == "partner"].mean(),
        "everybody's": lost.mean(),
        "percent": 100 * rate,
        "a count": lost[inside].sum(),
        "those who pay": 1 - rate,
        "the channel": inside.mean(),
        "of all applications": (inside & lost).mean(),
        "the other channels": lost[~inside].mean(),
        "of all defaults": inside[lost].mean(),
        **{f"{ROUNDED} to {digits}": round(rate, digits) for digits in range(1, 8)},
    }  # fmt: skip


def _default_rate(answer: Any) -> str | None:
    texts = replies("0-a")
    for channel, month in ASKED:
        made, rate, slips = _slips(channel, month)
        cases = {name: texts[ROUNDED] for name in slips if ROUNDED in name} | texts
        about = f"2,000 applications of {month} that you have not seen, and {channel!r}"
        if reply := slip(answer, (made, channel), rate, slips, cases, about):
            return reply
    return None


@cache
def _file(what: str) -> Any:
    """Return a file that the page does not show; only the partner ever sends incomes per month."""
    from helpers import world

    made = world.World(seed=len(what)).applications("2026-05", 2_000).drop(columns="defaulted")
    if "young" in what:
        made = world.incidents["campaign"].apply(made, strength=1, seed=len(what))
    if "per month" in what:
        made = world.incidents["monthly income"].apply(made)
    if "only the partner" in what:
        made = made[made["channel"] == "partner"].reset_index(drop=True)
    return made.head(60) if "60 rows" in what else made


def _gate(answer: Any) -> str | None:
    import numpy as np

    wrong, cases = {}, replies("0-b")
    for what, reply in cases.items():
        about = f"a file with {what}."
        got = run(answer, _file(what), about=about)
        if not isinstance(got, bool | np.bool_):
            many = " A file is let in or not as a whole." if np.size(got) > 1 else ""
            found = kind_of(got)
            return f"Expected True or False, got {found}.{many} It was called with {about}"
        if got != ("per month" in what):
            wrong[what] = f"Your gate {'refuses' if got else 'lets in'} {about} {reply}"
    if len(wrong) == len(cases):
        return "It is the wrong way around: True should mean that the file is refused."
    return next(iter(wrong.values()), None)


JUDGES = {"0-a": _default_rate, "0-b": _gate}
