"""What lesson 4.5 tells about its plan, its bets and its bandit, over five seeds.

``python -m benchmarks.lesson_4_5`` prints the least and the largest of each number, and all of
them. Version 2 is the linear model with the column that is filled in later. In the lesson it is a
network, whose numbers lie within these ranges or near them.
"""

from __future__ import annotations

import numpy as np

from benchmarks.ranges import show
from helpers import world
from helpers.course.lesson_4_5.planner import caught, play, thompson
from helpers.course.linear import NUMBERS, linear

DELAYS = {"at once": 0, "a month later": 11_250, "a year later": 135_000}


def plans(seed):
    """Yield what plans miss, in percent of 200 roll-outs."""
    for requests, margin in ((60, 0.01), (200, 0.01), (260, 0.01), (200, 0.03), (200, 0.0)):
        passed = np.isinf(caught(0.06, margin, requests, 0.05, seed=seed))
        yield f"{requests} requests, margin {margin}: harm of 6 points missed", 100 * passed.mean()
    passed = np.isinf(caught(0.02, 0.0, 600, 0.05, seed=seed))
    yield "600 requests, margin 0.0: harm of 2 points missed", 100 * passed.mean()
    for harm in (0.0, 0.01, 0.02, 0.06):
        ends = caught(harm, 0.0, 2_000, 0.05, metrics=1, steps=(0.5,), seed=seed)
        yield f"bets, 2,000 requests, {harm:.2f} more: caught", 100 * np.isfinite(ends).mean()


def release(seed):
    """Yield what version 2 does, and what an A/B test and a bandit lose by it in a spring."""
    lender = world.World(seed)
    train = world.warehouse(lender.applications(("2025-01", "2025-06")))
    spring = lender.applications(("2026-03", "2026-06"), n=11_250).assign(service_contacts=0)
    models = linear(train), linear(train, [*NUMBERS, "service_contacts"])
    granted = [world.profit(spring, model.predict_proba(spring)[:, 1]) > 0 for model in models]
    yield "granted by version 1 (%)", 100 * granted[0].mean()
    yield "granted by version 2 (%)", 100 * granted[1].mean()
    brings, truth = world.profit(spring, spring["defaulted"]), lender.expected_profit(spring)
    worth, mean = (np.column_stack([np.where(g, v, 0.0) for g in granted]) for v in (brings, truth))
    lost = mean[:, 0] - mean[:, 1]
    yield "A/B test: regret (1,000 euro)", lost.sum() / 2_000
    for known, late in DELAYS.items():
        regrets = [
            lost[play(thompson, worth, 3_000.0, late=late, seed=run) == 1].sum() for run in range(3)
        ]
        yield f"bandit, {known}: regret (1,000 euro, mean of 3)", np.mean(regrets) / 1_000
        yield f"bandit, {known}: largest of 3", max(regrets) / 1_000


if __name__ == "__main__":
    show(lambda seed: [*plans(seed), *release(seed)])
