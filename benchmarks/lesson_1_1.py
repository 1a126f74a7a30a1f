"""Lesson 1.1: what plans for the pilot earn: ``python -m benchmarks.lesson_1_1``.

Twenty worlds that the lesson does not use, in million euro above the rule over 36 months.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from helpers.course.lesson_1_1 import pilot

SEEDS = range(100, 120)
BOOK = {
    "source": "loan book",
    "first_model": "linear",
    "rows_needed": 16_000,
    "launch_in_months": 6,
    "optimize": "profit",
    "stopped_by": "late instalments",
}
PLANS = {
    "wait for 4,000 rows": {"source": "partner", "rows_needed": 4_000, "launch_in_months": 17},
    "book in month 4": {"launch_in_months": 4},
    "book in month 6": {},
    "book in month 12": {"launch_in_months": 12},
    "stopped by defaults": {"stopped_by": "defaults"},
    "stopped by inputs": {"stopped_by": "inputs"},
    "both": {"source": "both", "rows_needed": 4_000},
    "accuracy": {"optimize": "accuracy"},
}


def main() -> None:
    rows = {}
    for name, plan in PLANS.items():
        euro = np.array([pilot.outcome(seed, BOOK | plan)[0] for seed in SEEDS]) / 1e6
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
