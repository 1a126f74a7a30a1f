"""The judges of lesson 4.7, Run the system for a year."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_names, as_numbers, number
from helpers.course.exercises.texts import replies
from helpers.course.lesson_4_7.policy import Calm, Policy
from helpers.course.lesson_4_7.year import run_year
from helpers.course.postmortem import faults

MONTHS = pd.read_csv(Path(__file__).with_name("months.csv"))  # the notebook shows those up to 20
WORLDS, ENOUGH, CLEARLY = range(101, 121), 15, 0.15
HABITS = {"skew": ("utilization in percent", -0.03), "slow": ("quarantine", -0.02),
          "models": ("new models", -0.004), "explore": ("exploration", -0.02),
          "harsh": ("brake", -0.01), "brake": ("brake", 0.01)}  # fmt: skip
_year = cache(run_year)


def _first(tries: Callable[[Any], Iterator[str]]) -> Callable[[Any], str | None]:
    """Return a judge: its reply is the first one that a generator has, and that is not empty."""
    return lambda answer: next(filter(None, tries(answer)), None)


def _diagnose(answer: Any) -> Iterator[str]:
    kinds, missed = set(MONTHS["kind"]), []
    unseen = MONTHS[MONTHS["world"] > 20].drop(columns="world").to_dict("records")
    for shown in unseen:
        kind = shown.pop("kind")
        got = run(answer, shown, about=str(shown))
        if not isinstance(got, str) or got not in kinds:
            yield f"Expected one of {', '.join(sorted(kinds))}; got {got!r:.40}, for {shown}"
        if got != kind:
            missed.append(f"{replies('4.7-b')[kind]} {got!r} was said of {shown}")
    if missed:
        yield f"{len(missed)} of {len(unseen)} months are named wrongly. {missed[0]}"


def _policy(answer: Any) -> Iterator[str]:
    if not issubclass(answer if isinstance(answer, type) else type(answer), Policy):
        yield f"Expected a subclass of Policy, or an object of one, got {kind_of(answer)}."
    better, lines = [], []
    for seed in WORLDS:
        year = run(lambda seed=seed: run_year(answer, seed, 500), seconds=20, about=f"world {seed}")
        nothing = _year(Policy, seed, 500)
        best = nothing.ledger["best possible"]
        better.append((year.total - nothing.total) / best > CLEARLY)
        lines.append(year.ledger / best)
        if sum(better) == ENOUGH:
            return
        if better.count(False) > len(WORLDS) - ENOUGH:
            break
    mean = sum(lines) / len(lines)
    key = next((key for key, (line, least) in HABITS.items() if mean[line] < least), "close")
    seen = f"Clearly better in {sum(better)} of {len(better)} worlds so far."
    yield f"{seen} {replies('4.7-c')[key]}"


def _budget(answer: Any) -> Iterator[str]:
    say, rng = replies("4.7-d"), np.random.default_rng(7)
    for n, width in ((4_000, 0.03), (9_000, 0.02), (150, 0.01)):
        risk = rng.beta(3, 6, n)
        profit = 600 - 4_000 * risk
        about = f"{n:,} refused applications, width={width}"
        got = run(answer, profit, risk, width, about=about)
        share, euro = as_numbers(got, (2,), f"numbers, share and euro, for {about}")
        warns, bad = (0.03 + 0.52 * risk).mean(), risk.mean()
        right, slip = (min(p * (1 - p) / width**2 / n, 1) for p in (warns, bad))
        found = f"For {about} your share is {share:.4f}, your price {euro:,.0f} euro."
        if n == 150 and share > 1:
            yield f"{say['more']} {found}"
        if abs(share - right) > 0.03 * right:
            yield f"{say['risk' if abs(share - slip) < 0.03 * slip else 'share']} {found}"
        if abs(euro + right * profit.sum()) > 0.05 * abs(right * profit.sum()):
            yield f"{say['euro']} {found}"


def _cut(answer: Any) -> Iterator[str]:
    say, rng = replies("4.7-e"), np.random.default_rng(3)
    names = ["gate", "alarms", "parity", "canary", "brake"]
    for trial in range(6):
        worth = dict(zip(names, rng.uniform(1, 5, 5).round(2), strict=True))
        pair = set(rng.choice(names, 2, replace=False).tolist())
        totals = {}
        for cut in (frozenset(cut) for k in range(6) for cut in combinations(names, k)):
            lost = sum(0.1 if name in pair else worth[name] for name in cut)
            totals[cut] = round(50 - lost - 12 * (pair <= cut), 2)
        k = 1 + trial % 3
        got = run(answer, totals, k, about=f"the totals of 32 sets, and k = {k}")
        given = frozenset(as_names([got] if isinstance(got, str) else got, names, "capabilities"))
        if len(given) != k:
            yield f"Expected {k} of {', '.join(names)}, got {got!r:.80}."
        if totals[given] < max(totals[cut] for cut in totals if len(cut) == k):
            key = "pair" if pair <= given else "other"
            yield f"{say[key]} With k = {k} you cut {', '.join(sorted(given))}."


def _postmortem(answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict):
        yield f"Expected a dict with the six keys, got {kind_of(answer)}."
    try:
        found = faults(answer, *_year(Calm, 2026).facts("slow leak"))
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        yield f"A part has a form that the program cannot read: {error}"
    if found:
        yield f"{replies('4.7-f')[found[0]]} ({found[1]})"


JUDGES = {
    "4.7-a": number(2.82, within=0.06, replies=replies("4.7-a")),
    "4.7-b": _first(_diagnose),
    "4.7-c": _first(_policy),
    "4.7-d": _first(_budget),
    "4.7-e": _first(_cut),
    "4.7-f": _first(_postmortem),
}
