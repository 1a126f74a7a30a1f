"""Candidates that are known to be good or bad, and how often a gate stops each of them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import NUMBERS, linear

GOOD = ["the truth", "more rows", "burden added"]
BAD = ["East wiped", "level too low", "level too high", "600 rows", "no utilization"]


@cache
def trials(seed: int, worlds: int = 25, rows: int = 6_000) -> pd.DataFrame:
    """Return what a validation team measures of eight candidates, in many test sets.

    Parameters
    ----------
    seed : int
        Seed of the lender: its applicants, and the models that learn from them.
    worlds, rows : int
        How many test sets are drawn from 60,000 applications of 2025, and of how many rows.

    Returns
    -------
    pandas.DataFrame
        A row for each test set, candidate and slice ("all" and the regions): the areas ``before``
        (the model in force) and ``after``; ``change`` and its standard error; ``gap``, mean stated
        risk minus share of defaults, and its standard error.
    """
    lender = world.World(seed)
    first, more = (lender.applications(m) for m in (("2024-01", "2024-06"), ("2023-01", "2023-12")))
    test = lender.applications(("2025-01", "2025-12"), 5_000)
    wide, fewer = [*NUMBERS, "burden"], [name for name in NUMBERS if name != "utilization"]
    burdened = _risk(linear(_burden(more), wide), _burden(test))
    scores = {
        "before": _risk(linear(first), test),
        "the truth": lender.default_probability(test),
        "more rows": _risk(linear(more), test),
        "burden added": burdened,
        "East wiped": _risk(linear(_wiped(more), wide), _wiped(test)),
        "level too low": 1 / (1 + np.exp(0.3) * (1 / burdened - 1)),  # log-odds changed by 0.3
        "level too high": 1 / (1 + np.exp(-0.3) * (1 / burdened - 1)),
        "600 rows": _risk(linear(more.head(600)), test),
        "no utilization": _risk(linear(more, fewer), test),
    }
    label, region = test["defaulted"].to_numpy(), test["region"].to_numpy()
    rng, found = np.random.default_rng(seed), []
    for i in range(worlds):
        drawn = rng.choice(len(test), rows, replace=False)
        for where in ("all", *sorted(set(region))):
            at = drawn if where == "all" else drawn[region[drawn] == where]
            areas, c = auc(label[at], *(score[at] for score in scores.values()))
            for j, (name, score) in list(enumerate(scores.items()))[1:]:
                p, error = score[at], np.sqrt(c[0, 0] + c[j, j] - 2 * c[0, j])
                gap, noise = p.mean() - label[at].mean(), np.sqrt((p * (1 - p)).sum()) / len(at)
                change = areas[j] - areas[0]
                found.append((i, name, where, areas[0], areas[j], change, error, gap, noise))
    names = "world candidate slice before after change change_se gap gap_se"
    return pd.DataFrame(found, columns=names.split())


def stopped(gate: Callable[[pd.DataFrame], bool], table: pd.DataFrame) -> pd.Series:
    """Return the share of the test sets of `trials` in which a gate stops each candidate.

    The gate gets the table of one candidate in one test set, with a row for each slice.
    """
    released = {
        key: bool(gate(one.set_index("slice").drop(columns=["world", "candidate"])))
        for key, one in table.groupby(["candidate", "world"])
    }
    return 1 - pd.Series(released).groupby(level=0).mean().reindex([*GOOD, *BAD])


def _risk(model: Any, frame: pd.DataFrame) -> np.ndarray:
    return model.predict_proba(frame)[:, 1]


def _burden(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.assign(burden=np.tanh(world.burden(frame) / 0.25))


def _wiped(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame without what the East's bureaus report, as in lesson 2.5."""
    east = frame["region"] == "East"
    names = ("late_payments", "credit_history_years")
    kept = {name: frame[name].mask(east, 0) for name in names}
    return _burden(frame.assign(utilization=frame["utilization"].mask(east), **kept))
