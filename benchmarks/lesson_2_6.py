"""Lesson 2.6: which letters plans of what to keep can answer, over five sets of histories.

``python -m benchmarks.lesson_2_6`` prints the percentages and euro a year of Harbor Credit's plan,
of keeping everything and of one that exercise 2.6-g accepts, then how many plans of a grid pass.
"""

from __future__ import annotations

from itertools import product

from helpers.course.lesson_2_6.exercises import LIMITS, MOST
from helpers.course.lesson_2_6.letters import HARBOR, answered

EVERYTHING = {"fingerprint": "content", "log": ["version", "inputs"], "rows": 60, "models": 60}
EVERYTHING |= {"fresh": 120}
PLANS = {"Harbor Credit": HARBOR, "everything": EVERYTHING}
PLANS["accepted"] = EVERYTHING | {"rows": 13, "models": 25, "fresh": 4}
GRID = {"rows": (6, 10, 12, 13, 14, 18, 24, 36), "models": (12, 24, 25, 30, 36, 48)}
GRID |= {"fresh": (1, 2, 3, 4, 6, 9, 12, 24, 120)}


def passes(plan: dict) -> bool:
    """Return whether exercise 2.6-g accepts a plan."""
    found = answered(plan, range(1_000, 1_200))
    enough = all(found[f"{who}: answered, %"] >= least for who, least in LIMITS.items())
    return enough and found["euro a year"] <= MOST


if __name__ == "__main__":
    for name, plan in PLANS.items():
        sets = [answered(plan, range(1_000 * k, 1_000 * k + 200)) for k in range(5)]
        print(name)
        for what in sets[0]:
            values = [one[what] for one in sets]
            print(f"  {what:26} {min(values):8,.0f} to {max(values):,.0f}")
    plans = [EVERYTHING | dict(zip(GRID, kept, strict=True)) for kept in product(*GRID.values())]
    good = [tuple(plan[key] for key in GRID) for plan in plans if passes(plan)]
    print(f"{len(good)} of {len(plans)} plans with both logged and content hashed pass: {good}")
