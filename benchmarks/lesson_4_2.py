"""What lesson 4.2 tells, over five seeds: contradicting letters, late statements, a year's plans.

``python -m benchmarks.lesson_4_2`` prints mean and range over the seeds. The models are the linear
one of lesson 1.2; euro are the exact expectation.
"""

from __future__ import annotations

import pandas as pd

from benchmarks.known_later import risk, table
from helpers import world
from helpers.course.lesson_4_2.plans import price
from helpers.course.linear import linear

DIED_AFTER = 14_400


def letters(seed):
    """Return how many customers hear yes and no, and what it is worth to honour each yes."""
    lender = world.World(seed)
    old = linear(lender.applications(("2024-01", "2024-06")))
    new = linear(lender.applications(("2024-07", "2025-06")))
    first = lender.applications(("2025-07", "2026-06"))[:DIED_AFTER]
    yes, then = (world.profit(first, risk(model, first)) > 0 for model in (old, new))
    worth = lender.expected_profit(first)
    return {
        "yes and no": (yes != then).sum(),
        "yes, then no": (yes & ~then).sum(),
        "euro, if each yes is honoured": worth[yes != then].sum(),
    }


def late(seed):
    """Return after how many days a share of the bureau's messages about 90 days had arrived."""
    applied = world.World(seed).applications("2025-01", 200)
    history = world.bureau_history(applied, seed=seed)
    start, day = pd.Timestamp("2025-01-01"), pd.Timedelta(days=1)
    event = (history["event_time"] - start) / day
    delay = ((history["arrival_time"] - start) / day - event)[(event >= 0) & (event < 90)]
    return {f"{share:.0%} there after days": delay.quantile(share) for share in (0.5, 0.95, 0.99)}


def plans(seed):
    """Return what plans cost in a year, in euro."""
    told = {f"every {days} days": (days, 0) for days in (1, 7, 30)} | {"all live": (None, 0)}
    told |= {f"every {days} days, band {b}": (days, b) for days in (7, 30, 90) for b in (0.5, 0.8)}
    return {name: price(*plan, seed)["total"] for name, plan in told.items()}


def many(seeds=(2025, *range(1, 20))):
    """Return the range over 20 years: two plans, and what a band of 0.5 saves at 30 days."""
    rows = {}
    for seed in seeds:
        old = [price(30, band, seed)["old values"] for band in (0, 0.5)]
        rows[seed] = {
            "every 7 days": price(7, 0, seed)["total"],
            "all live": price(None, 0, seed)["total"],
            "share of old values that a band of 0.5 saves": 1 - old[1] / old[0],
        }
    return pd.DataFrame(rows).agg(["min", "max"], axis=1).round(2)


if __name__ == "__main__":
    for function in (letters, late, plans):
        print(f"{function.__name__}\n{table(function)}\n")
    print(f"many\n{many()}")
