"""What lesson 2.1 tells, over five seeds: the fault of March, planted faults, plans at the gate.

``python -m benchmarks.lesson_2_1`` prints mean and range over the seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.known_later import table
from helpers import world
from helpers.base.stats import auc
from helpers.course.exercises.core import find
from helpers.course.lesson_2_1.exercises import WORLDS
from helpers.course.lesson_2_1.plans import trial
from helpers.course.linear import linear

LESSON = {"out of range": (None, 0), "missing": (None, 0.1), "unknown word": (None, 0)}
PLANS = {
    "the lesson's": LESSON | {"sent twice": (None, None)},
    "stops at anything": dict.fromkeys([*LESSON, "sent twice"], (None, 0)),
    "asks about anything": dict.fromkeys([*LESSON, "sent twice"], (0, None)),
    "0.01 and 0.05 for all": dict.fromkeys([*LESSON, "sent twice"], (0.01, 0.05)),
    "0.02 and 0.2 for all": dict.fromkeys([*LESSON, "sent twice"], (0.02, 0.2)),
}


def march(seed):
    """The partner's file of a month, right and with incomes per month."""
    lender = world.World(seed)
    model = linear(lender.applications(("2025-01", "2025-02"), 2_000))
    right = lender.applications("2026-03", 10_000).query("channel == 'partner'")
    wrong = world.incidents["monthly income"].apply(right)
    scores = [model.predict_proba(frame)[:, 1] for frame in (right, wrong)]
    result, worth, rng = {}, lender.expected_profit(right), np.random.default_rng(seed)
    for name, frame, score in zip(("right", "wrong"), (right, wrong), scores, strict=True):
        granted = np.asarray(world.profit(frame, score) > 0)
        result[f"{name}: granted (%)"] = 100 * granted.mean()
        result[f"{name}: euro per application"] = (worth * granted).mean()
    label = right["defaulted"].to_numpy()
    areas, _ = auc(label, *scores)
    result["AUC lost"] = areas[0] - areas[1]
    drops = []
    for _ in range(300):
        rows = rng.integers(len(label), size=len(label))
        pair, _ = auc(label[rows], *(score[rows] for score in scores))
        drops.append(pair[0] - pair[1])
    result["AUC lost: low"], result["AUC lost: high"] = np.quantile(drops, [0.025, 0.975])
    return result


def plans(seed):
    """Thousand euro a year that each plan costs more than the least; the least itself."""
    space = {}
    exec(find("2.1-h").solution, space)
    every = PLANS | {"the solution": space["answer"]}
    costs = {name: trial(plan, [seed]).loc["all"] for name, plan in every.items()}
    result = {name: (cost["euro"] - cost["least"]) / 1_000 for name, cost in costs.items()}
    return result | {"the least": costs["the solution"]["least"] / 1_000}


if __name__ == "__main__":
    print(f"{march.__doc__}\n{table(march)}\n")
    worlds = pd.DataFrame({seed: plans(seed) for seed in WORLDS})
    print(f"{plans.__doc__}\n{worlds.agg(['mean', 'min', 'max'], axis=1).round(1).to_string()}")
