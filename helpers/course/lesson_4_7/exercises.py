"""The judges of lesson 4.7, Run the system for a year."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_names, as_numbers, first_reply, number
from helpers.course.exercises.texts import replies
from helpers.course.lesson_4_7.policy import Calm, Policy
from helpers.course.lesson_4_7.year import run_year
from helpers.postmortem import faults

MONTHS = pd.read_csv(Path(__file__).with_name("months.csv"))  # the notebook shows those up to 20
LEAK = pd.to_datetime(["2026-08-30", "2026-09-09", "2026-09-11"])  # begin, first page, end
RECESSION, NONE = (102, 103, 104, 107, 109, 112, 114, 115), (101, 105, 106, 108, 110, 111, 113, 119)
TRAP = {"": 100, "a": 99, "b": 98, "c": 98, "d": 97, "bc": 97, "bd": 81, "cd": 81, "ab": 80,
        "ac": 80, "ad": 80, "abd": 75, "abc": 60, "acd": 60, "bcd": 60, "abcd": 50}  # fmt: skip
_calm = cache(partial(run_year, Calm, a_month=500))


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
    say, more = replies("4.7-c"), {}
    for seed in RECESSION + NONE:
        year = run(lambda seed=seed: run_year(answer, seed, 500), seconds=20, about=f"world {seed}")
        more[seed] = (year.ledger - _calm(seed).ledger) / _calm(seed).ledger["best possible"]
    mean = sum(more.values()) / len(more)
    with_it, without = (sum(more[k] for k in seeds) / len(seeds) for seeds in (RECESSION, NONE))
    found = say["found"].format(with_it["total"], without["total"])
    habits = {"skew": mean["utilization in percent"] < -0.03, "slow": mean["quarantine"] < -0.02,
              "models": mean["new models"] < -0.004, "harsh": without["brake"] < -0.007,
              "brake": with_it["brake"] < 0.03, "close": True}  # fmt: skip
    if with_it["total"] < 0.08 or without["total"] < -0.01:
        yield f"{found} {say[next(key for key, bad in habits.items() if bad)]}"


def _budget(answer: Any) -> Iterator[str]:
    say, rng = replies("4.7-d"), np.random.default_rng(7)
    for n, width in ((4_000, 0.03), (9_000, 0.02), (150, 0.01)):
        risk = rng.beta(3, 6, n)
        profit = 600 - 4_000 * risk + rng.normal(0, 1_000, n)
        about = f"{n:,} refused applications, width={width}"
        got = run(answer, profit, risk, width, about=about)
        share, euro = as_numbers(got, (2,), f"numbers, share and euro, for {about}")
        p = np.array([0.03 + 0.52 * risk.mean(), risk.mean(), 0.55 * risk.mean()])
        need, bad, hits = p * (1 - p) / width**2 / n
        right = min(need, 1)
        slips = {"risk": bad, "hits": hits, "wide": 1.96**2 * need, "count": n * need}
        slips["more"] = max(share, 1)
        found = f"For {about} your share is {share:.4f}, your price {euro:,.0f} euro."
        if abs(share - right) > 0.03 * right:
            near = (key for key, value in slips.items() if abs(share - value) <= 0.01 * value)
            yield f"{say[next(near, 'share')]} {found}"
        if abs(euro + right * profit[profit < 0].sum()) < 0.01 * euro:
            yield f"{say['losers']} {found}"
        if abs(euro + right * profit.sum()) > 0.05 * abs(right * profit.sum()):
            yield f"{say['euro']} {found}"


def _companies() -> Iterator[tuple[dict[frozenset[str], float], int, set[str]]]:
    """Make totals of what is missing, how many to give up, and the pair that guards the same."""
    rng = np.random.default_rng(3)
    for k in (1, 2, 3, 1, 2, 3):
        names = rng.permutation(["gate", "pages", "backup", "shadow", "tests", "brake"])[: k + 3]
        worth, pair = dict(zip(names.tolist(), rng.uniform(1, 5, k + 3), strict=True)), {*names[:2]}
        sets = [frozenset(cut) for n in range(k + 3) for cut in combinations(worth, n)]
        lost = {cut: sum(0.1 if n in pair else worth[n] for n in cut) for cut in sets}
        yield {cut: round(50 - lost[cut] - 12 * (pair <= cut), 2) for cut in sets}, k, pair
    yield {frozenset(cut): float(total) for cut, total in TRAP.items()}, 2, set()


def _cut(answer: Any) -> Iterator[str]:
    say = replies("4.7-e")
    for totals, k, pair in _companies():
        names = sorted(frozenset.union(*totals))
        got = run(answer, totals, k, about=f"the totals of {len(totals)} sets, and k = {k}")
        given = frozenset(as_names([got] if isinstance(got, str) else got, names, "capabilities"))
        if len(given) != k:
            yield f"Expected {k} of {', '.join(names)}, got {got!r:.80}."
        if totals[given] < max(totals[cut] for cut in totals if len(cut) == k):
            key = "greedy" if not pair else "pair" if pair <= given else "other"
            yield f"{say[key]} With k = {k} you cut {', '.join(sorted(given))}."


def _postmortem(answer: Any) -> Iterator[str]:
    if not isinstance(answer, dict):
        yield f"Expected a dict with the six keys, got {kind_of(answer)}."
    try:
        found = faults(answer, LEAK, 31_735, "Errors")
    except ValueError as error:
        yield f"The program cannot read it: {error}."
    if found:
        yield f"{replies('4.7-f')[found[0]]} ({found[1]})"


JUDGES = {
    "4.7-a": number(2.82, within=0.06, replies=replies("4.7-a")),
    "4.7-b": first_reply(_diagnose),
    "4.7-c": first_reply(_policy),
    "4.7-d": first_reply(_budget),
    "4.7-e": first_reply(_cut),
    "4.7-f": first_reply(_postmortem),
}
