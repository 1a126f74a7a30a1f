"""The exercises of lesson 3.4, Analyse a model."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from helpers import world
from helpers.course.exercises.calls import ReplyError, function, run
from helpers.course.exercises.judges import as_number, number
from helpers.course.exercises.texts import replies
from helpers.course.lesson_3_4.gate import BAD, GOOD, stopped, trials
from helpers.course.linear import NUMBERS, TEXTS, linear


def _many(answer: Any, calls: list[tuple], about: str) -> list:
    """Return what a learner's function returns for each call, under one time limit for all."""
    tried = function(answer)
    return run(lambda: [tried(*deepcopy(one)) for one in calls], seconds=20, about=about)


@cache
def _book(seed: int = 34, n: int = 6_000) -> tuple[pd.DataFrame, np.ndarray]:
    lender = world.World(seed)
    frame = lender.applications("2025-05", n)
    return frame, lender.default_probability(frame)


def _above_best(truth: np.ndarray, p: np.ndarray) -> float:
    """Return by how much the expected log loss of p is above that of the truth."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    loss = truth * np.log(truth / p) + (1 - truth) * np.log((1 - truth) / (1 - p))
    return float(loss.mean())


def _finder(answer: Any) -> str | None:
    frame, p = _book()
    rng, calls, planted = np.random.default_rng(34), [], []
    cells = frame["region"] + " x " + frame["purpose"]
    for key, factor, least in ((cells, 4.0, 200), (frame["region"], 1.6, 0)):
        slices = {name: (key == name).to_numpy() for name in sorted(set(key))}
        large = [name for name, at in slices.items() if at.sum() >= least]
        for kind in ["right", "more", "right", "fewer"] * 15:
            name = "" if kind == "right" else str(rng.choice(large))
            change = np.where(slices.get(name, False), factor if kind == "more" else 1 / factor, 1)
            odds = p / (1 - p) * change
            planted.append((name, kind))
            calls.append((p, (rng.random(len(p)) < odds / (1 + odds)).astype(int), slices))
    lists = _many(answer, calls, "6,000 loans and 30 or 5 slices, 120 times")
    for got, (*_, slices) in zip(lists, calls, strict=True):
        if isinstance(got, str | dict) or not np.iterable(got) or not set(got) <= set(slices):
            return f"Expected a list of names of slices, got {str(got)[:80]}."
    rings: dict[str, list[bool]] = {"right": [], "more": [], "fewer": []}
    for got, (name, kind) in zip(lists, planted, strict=True):
        rings[kind].append(name in list(got) if name else len(got) > 0)
    false, more, fewer = (np.mean(rings[kind]) for kind in rings)
    seen = f" (No wrong slice: an alarm in {false:.0%}. Found, where more default than stated: "
    seen += f"{more:.0%}; where fewer: {fewer:.0%}.)"
    if false > 0.12:
        return "It rings where p is right everywhere: each slice is another chance." + seen
    if min(more, fewer) < 0.75:
        return f"It misses wrong slices: small and large ones, with p too low or too high.{seen}"
    return None


def _null(answer: Any) -> str | None:
    rng, last = np.random.default_rng(0), None
    for p, n in ((_book()[1], 500), (_book()[1], 5_000), (rng.beta(1, 1, 3_000), 1_000)):
        values = []
        for q in rng.choice(p, (800, n)):
            gaps = np.bincount(np.minimum((10 * q).astype(int), 9), q - (rng.random(n) < q))
            values.append(np.abs(gaps).sum() / n)
        right, middle = np.quantile(values, 0.95), np.mean(values)
        got = as_number(run(answer, p, n, about=f"{len(p):,} probabilities and n = {n:,}"))
        called = f"\nFor {len(p):,} probabilities and n = {n:,} it returned {got}."
        if got is None or not 0 < got < 1:
            return f"Expected an ECE, a number between 0 and 1.{called}"
        if got == last:
            return f"The same for 500 and for 5,000 rows: chance is larger in fewer rows.{called}"
        last = got
        if n == 500 and 0.9 * right < got < 1.1 * right:
            continue
        if abs(got - middle) < 0.05 * middle:
            return f"That is near the mean: every second honest model would be above it.{called}"
        if got < 0.9 * right:
            return f"Too low: more than 5 % of the samples of an honest model exceed it.{called}"
        if got > 1.1 * right:
            return f"Too high: less than 5 % of the samples of an honest model exceed it.{called}"
    return None


def _monotone(answer: Any) -> str | None:
    (frame, _), (fresh, truth) = _book(35, 4_000), _book()
    X, new = (one[NUMBERS + TEXTS].astype(dict.fromkeys(TEXTS, "category"))
              for one in (frame, fresh))  # fmt: skip
    with threadpool_limits(1):  # a small fit: threads that wait for each other cost more
        model = run(answer, X, frame["defaulted"], seconds=60, about="X and y of 4,000 loans")
    if not hasattr(model, "predict_proba"):
        return f"Expected a fitted classifier, got {type(model).__name__}."
    p, wrong = model.predict_proba(new)[:, 1], {}
    for name, step in zip(NUMBERS, (3, 8_000, 3, 3_000, 12, 0.1, 1, 3), strict=True):
        sign = 1 if name in ("amount", "utilization", "late_payments") else -1
        change = sign * (model.predict_proba(new.assign(**{name: new[name] + step}))[:, 1] - p)
        wrong[name] = (change < -1e-6).mean()
        if wrong[name] and change.max() < 1e-6:
            return (
                f"With more {name} nobody moves the right way: its sign is not that of the truth. "
                "Default rates by a column mix in what goes with it; what does the column do to "
                "an applicant who is otherwise the same?"
            )
    if free := [name for name in NUMBERS if wrong[name]]:
        worst = max(free, key=wrong.get)
        return (
            f"In {len(free)} of 8 columns some applicants still move the wrong way, most often in "
            f"{worst}: {wrong[worst]:.0%} of them."
        )
    if (loss := _above_best(truth, p)) > 0.04:
        return (
            f"Monotone, but its log loss is {loss:.3f} above the best possible; 0.04 can be had. "
            "It learned too little, or every accident of the 4,000 rows."
        )
    return None


def _promise(answer: Any) -> str | None:
    frame, truth = _book()
    p = linear(_book(35, 4_000)[0]).predict_proba(frame)[:, 1]
    rng, new = np.random.default_rng(5), np.arange(3_000, 6_000)
    for n, alpha in ((150, 0.1), (60, 0.05)):
        y = (rng.random((100, len(p))) < truth).astype(int)
        rows = [rng.choice(3_000, n, replace=False) for _ in y]
        calls = [(p[i], one[i], p[new], alpha) for i, one in zip(rows, y, strict=True)]
        answers = _many(answer, calls, f"{n} loans, 3,000 new ones, alpha = {alpha}")
        if any(np.shape(got) != (len(new), 2) for got in answers):
            return f"Expected an array of {len(new):,} rows and 2 columns, of True and False."
        sets = np.asarray(answers, bool)
        kept = [sets[:, :, k][y[:, new] == k].mean() for k in (0, 1)]
        seen = f" ({n} loans: kept for {kept[0]:.1%} of those who repay and {kept[1]:.1%} of those "
        seen += f"who default; promised: {1 - alpha:.0%}.)"
        if min(kept) < 1 - alpha - 0.15:
            return "The promise is made to each outcome, and not to all loans together." + seen
        if min(kept) < 1 - alpha - 0.012:
            few = (
                "Among 60 loans few default: is there a score at that place? If not, what must be "
            )
            few += "in the set?"
            short = "A little short: a new loan is one more than those you have seen."
            return (short if n > 100 else few) + seen
        if n > 100 and sets.sum(axis=2).mean() > 1.75:
            return "Kept by sets that hold nearly everything, which say nothing." + seen
    return None


def _gate(answer: Any) -> str | None:
    tried = function(answer)

    def gate(table: pd.DataFrame) -> bool:
        released = tried(table)
        if not isinstance(released, bool | np.bool_):
            raise ReplyError(f"Expected True (release) or False (stop), got {str(released)[:60]}.")
        return bool(released)

    for seed in (2, 9):
        shares = run(lambda seed=seed: stopped(gate, trials(seed)), seconds=30, about="a table")
        seen = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
        seen = f"\nStopped among the test sets of trials({seed}): {seen}."
        if (worst := shares[GOOD]).max() > 0.1:
            return f"It stops {worst.idxmax()!r}, a good candidate, too often.{seen}"
        if (worst := shares[BAD]).min() < 0.7:
            return f"It lets {worst.idxmin()!r} pass too often.{seen}"
    return None


JUDGES = {
    "3.4-a": number(
        7,
        replies=replies("3.4-a"),
    ),
    "3.4-b": _finder,
    "3.4-c": _null,
    "3.4-e": _monotone,
    "3.4-g": _promise,
    "3.4-h": _gate,
}
