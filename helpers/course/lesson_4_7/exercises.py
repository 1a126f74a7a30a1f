"""The judges of lesson 4.7, Run the system for a year."""

from __future__ import annotations

from functools import cache
from itertools import combinations
from typing import Any

from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number
from helpers.course.exercises.texts import replies

WORLDS, ENOUGH, CLEARLY = range(101, 121), 15, 0.15


@cache
def _nothing(seed: int) -> Any:
    from helpers.course.lesson_4_7.policy import Policy
    from helpers.course.lesson_4_7.year import run_year

    return run_year(Policy, seed, 500)


def _line(answer: Any) -> str | None:
    from helpers.course.lesson_4_7.policy import Policy
    from helpers.course.lesson_4_7.year import run_year

    value, say = as_number(answer), replies("4.7-a")
    if value is None:
        return f"Expected a number of million euro, got {kind_of(answer)}."
    year = run_year(Policy, 2026)
    known, lines = year.causes["listed"], year.ledger / 1e6
    own = {part: -lines.reindex(known.index[known == part]).sum() for part in (True, False)}
    if abs(value - own[False]) < 0.06:
        return None
    for key, typical in (("listed", own[True]), ("all", sum(own.values())),
                         ("sign", -own[False]), ("unit", own[False] * 1e6)):  # fmt: skip
        if abs(value - typical) < max(0.03 * abs(typical), 0.06):
            return say[key]
    return f"{value:g} is not the sum of the lines of what is not listed: take a hint."


def _diagnose(answer: Any) -> str | None:
    from helpers.course.lesson_4_7.signals import KINDS, signals

    say, wrong = replies("4.7-b"), []
    for seed in range(21, 25):
        for kind in KINDS:
            shown = signals(kind, seed)
            got = run(answer, dict(shown), about=str(shown))
            if not isinstance(got, str) or got not in KINDS:
                return f"Expected one of {', '.join(KINDS)}; got {got!r:.40}, for {shown}"
            if got != kind:
                wrong.append((kind, got, shown))
    if not wrong:
        return None
    kind, got, shown = wrong[0]
    return f"{len(wrong)} of 28 months are named wrongly. {say[kind]} {got!r} was said of {shown}"


def _policy(answer: Any) -> str | None:
    from helpers.course.lesson_4_7.policy import Policy
    from helpers.course.lesson_4_7.year import run_year

    policy = answer if isinstance(answer, type) else type(answer)
    if not issubclass(policy, Policy):
        return f"Expected a subclass of Policy, or an object of one, got {kind_of(answer)}."
    say, better, lines = replies("4.7-d"), [], []
    for seed in WORLDS:
        year = run(lambda seed=seed: run_year(answer, seed, 500), seconds=20, about=f"world {seed}")
        nothing = _nothing(seed)
        better.append((year.total - nothing.total) / nothing.ledger["best possible"] > CLEARLY)
        lines.append(year.ledger / nothing.ledger["best possible"])
        if sum(better) == ENOUGH:
            return None
        if len(better) - sum(better) > len(WORLDS) - ENOUGH:
            break
    mean = sum(lines) / len(lines)
    key = next((key for key, bad in (
        ("skew", mean["utilization in percent"] < -0.03), ("slow", mean["quarantine"] < -0.02),
        ("models", mean["new models"] < -0.004), ("explore", mean["exploration"] < -0.02),
        ("harsh", mean["brake"] < -0.01), ("brake", mean["brake"] < 0.01),
    ) if bad), "close")  # fmt: skip
    return f"Clearly better in {sum(better)} of {len(better)} worlds so far. {say[key]}"


def _held(answer: Any) -> str | None:
    import numpy as np

    say, rng = replies("4.7-c"), np.random.default_rng(47)
    for key, days, n in (("plain", 3, 200), ("days", 1, 50), ("none", 0, 50), ("none", 2, 0)):
        profit = rng.normal(400, 900, n)
        about = f"profit of {n} applications, days={days}"
        got = as_number(run(answer, profit, days, about=about))
        if got is None:
            return f"Expected a number of euro. It was called with {about}"
        lost = profit[profit > 0].sum()
        right = 400 + lost * (1 - 0.95**days)
        slips = {"check": right - 400, "all": 400 + profit.sum() * (1 - 0.95**days),
                 "days": 400 + lost * 0.05 * days, "whole": 400 + lost, "sign": -right}  # fmt: skip
        if abs(got - right) > 0.01 * abs(right) + 0.01 or got != got:
            near = (k for k, v in slips.items() if abs(got - v) < 0.002 * abs(v) + 0.01)
            return f"{say[next(near, key)]} It was called with {about}, and returned {got:,.0f}."
    return None


def _budget(answer: Any) -> str | None:
    import numpy as np

    say, rng = replies("4.7-e"), np.random.default_rng(7)
    for n, width in ((4_000, 0.03), (9_000, 0.02), (150, 0.01)):
        risk = rng.beta(3, 6, n)
        profit = 600 - 4_000 * risk
        about = f"{n:,} refused applications, width={width}"
        got = run(answer, profit, risk, width, about=about)
        if not isinstance(got, (tuple, list)) or len(got) != 2:
            return f"Expected two numbers, share and euro, got {kind_of(got)}, for {about}."
        share, euro = map(as_number, got)
        if share is None or euro is None:
            return f"Expected two numbers, share and euro, got {got!r:.60}, for {about}."
        p = (0.03 + 0.52 * risk).mean()
        need = p * (1 - p) / width**2 / n
        if n == 150 and share > 1:
            return f"{say['more']} For {about} your share is {share:.2f}."
        right, slip = min(need, 1.0), risk.mean() * (1 - risk.mean()) / width**2 / n
        if abs(share - right) > 0.03 * right:
            key = "risk" if abs(share - min(slip, 1)) < 0.03 * slip else "share"
            return f"{say[key]} For {about} your share is {share:.4f}."
        if abs(euro + right * profit.sum()) > 0.05 * abs(right * profit.sum()):
            return f"{say['euro']} For {about} you state {euro:,.0f} euro."
    return None


def _postmortem(answer: Any) -> str | None:
    from helpers.course.lesson_4_7.policy import Calm
    from helpers.course.lesson_4_7.postmortem import faults
    from helpers.course.lesson_4_7.year import run_year

    say = replies("4.7-g")
    if not isinstance(answer, dict):
        return f"Expected a dict with the six keys, got {kind_of(answer)}."
    try:
        found = faults(answer, run_year(Calm, 2026), "slow leak")
    except (TypeError, ValueError, AttributeError, KeyError) as error:
        return f"A part has a form that the program cannot read: {error}"
    return f"{say[found[0]]} ({found[1]})" if found else None


def _cut(answer: Any) -> str | None:
    import numpy as np

    say, rng = replies("4.7-f"), np.random.default_rng(3)
    for trial in range(6):
        names = ["gate", "alarms", "parity", "canary", "brake"]
        worth = dict(zip(names, rng.uniform(1, 5, 5).round(2), strict=True))
        pair = set(rng.choice(names, 2, replace=False).tolist())
        table = {}
        for k in range(6):
            for cut in combinations(names, k):
                lost = sum(0.1 if n in pair else worth[n] for n in cut)
                table[frozenset(cut)] = round(50 - lost - 12 * (pair <= set(cut)), 2)
        size = 1 + trial % 3
        got = run(answer, table, size, about=f"the totals of 32 sets, and k = {size}")
        try:
            given = frozenset([got] if isinstance(got, str) else got)
        except TypeError:
            raise ReplyError(f"Expected a set of names, got {kind_of(got)}.") from None
        if not given <= set(names) or len(given) != size:
            return f"Expected {size} of {', '.join(names)}, got {got!r:.80}."
        sets = [one for one in table if len(one) == size]
        best = max(sets, key=table.get)
        if table[given] < table[best]:
            key = "pair" if pair <= given else "other"
            return f"{say[key]} With k = {size} you cut {', '.join(sorted(given))}."
    return None


JUDGES = {"4.7-a": _line, "4.7-b": _diagnose, "4.7-d": _policy, "4.7-c": _held,
          "4.7-e": _budget, "4.7-g": _postmortem, "4.7-f": _cut}  # fmt: skip
