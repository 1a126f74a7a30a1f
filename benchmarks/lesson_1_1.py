"""Lesson 1.1: what plans for the pilot earn: ``python -m benchmarks.lesson_1_1``.

Twenty worlds that the lesson does not use, in million euro above the rule over 36 months.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.course.lesson_1_1 import pilot

SEEDS = range(100, 120)
LATE = "late instalments"
PLANS = {
    "wait for 4,000 rows": ("partner", "linear", 4_000, 17, "profit", LATE),
    "book in month 4": ("loan book", "linear", 16_000, 4, "profit", LATE),
    "book in month 6": ("loan book", "linear", 16_000, 6, "profit", LATE),
    "book in month 12": ("loan book", "linear", 16_000, 12, "profit", LATE),
    "stopped by defaults": ("loan book", "linear", 16_000, 6, "profit", "defaults"),
    "stopped by inputs": ("loan book", "linear", 16_000, 6, "profit", "inputs"),
    "both": ("both", "linear", 4_000, 6, "profit", LATE),
    "accuracy": ("loan book", "linear", 16_000, 6, "accuracy", LATE),
}


def main() -> None:
    rows = {}
    for name, plan in PLANS.items():
        euro = np.array([pilot.outcome(seed, *plan)[0] for seed in SEEDS]) / 1e6
        alike, other = euro[::2], euro[1::2]
        rows[name] = {
            "alike": alike.mean(),
            "alike, lowest": alike.min(),
            "other": other.mean(),
            "other, lowest": other.min(),
            "mean": euro.mean(),
        }
    print(pd.DataFrame(rows).T.round(2).to_string())


if __name__ == "__main__":
    main()
