"""What it costs a year to refresh an online store so often, and to let values expire so early."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.linear import linear

REFRESH = 300  # euro that the bureau charges for a refresh
A_MONTH = 1_000  # applications
UNNOTICED = 90  # days after which somebody asks about a feed that is silent
MENDED = 7  # days from the alarm to the first refresh that works
MORE_MISSING = 0.05  # the alarm: so much more is missing in a week than is usual
BUREAU = ["late_payments", "utilization"]


def price(refresh_days: float, ttl_days: float, seed: int = 2025) -> dict[str, float]:
    """Return what a plan costs in one year in which the bureau's feed falls silent once.

    At midnight of every ``refresh_days``-th day the online store takes what has arrived. A value
    older than ``ttl_days`` (by its event time) is missing to the model. From some day on nothing
    arrives any more. That is noticed when 5 % more of a week's applications lack a value than
    before, or after 90 days; 7 days later the feed is whole again.

    Parameters
    ----------
    refresh_days, ttl_days : float
        The plan.
    seed : int, default 2025
        The year: who applies, what the bureau sends, and when the feed falls silent.

    Returns
    -------
    dict of str to float
        ``refreshes``, ``worse decisions`` and ``total`` in euro a year; ``usually missing``, a
        share; ``silent feed noticed after``, in days.
    """
    year = _year(seed)
    at, silent = year["at"], year["silent"]
    refreshed = np.floor(at / refresh_days) * refresh_days
    frozen = np.minimum(refreshed, silent)
    missing = np.isnan(_seen(year, frozen, ttl_days)[:, 0])
    usual = missing[at < silent].mean()
    noticed = UNNOTICED
    for day in range(1, UNNOTICED):
        week = (at > silent + day - 7) & (at <= silent + day)
        if missing[week].mean() > usual + MORE_MISSING:
            noticed = day
            break
    seen = _seen(year, np.where(at < silent + noticed + MENDED, frozen, refreshed), ttl_days)
    lost = (year["best"] - _earned(year, seen)) * 12 * A_MONTH
    paid = REFRESH * 365 / refresh_days
    return {
        "refreshes": paid,
        "worse decisions": lost,
        "total": paid + lost,
        "usually missing": usual,
        "silent feed noticed after": noticed,
    }


@cache
def _model() -> Any:
    return linear(world.World(2024).applications(("2024-01", "2024-06"), 1_000))


@cache
def _year(seed: int, n: int = 500) -> dict[str, Any]:
    """Return a year's applications, and each one's messages in the order of their statements."""
    lender = world.World(seed)
    frame = lender.applications(("2025-01", "2025-12"), n)
    history = world.bureau_history(frame, seed=seed)
    start, day = pd.Timestamp("2025-01-01"), pd.Timedelta(days=1)
    history = history.sort_values(["event_time", "arrival_time"])
    place = frame["application_id"].searchsorted(history["application_id"])
    turn = history.groupby("application_id").cumcount().to_numpy()
    columns = {name: (history[f"{name}_time"] - start) / day for name in ("event", "arrival")}
    columns |= {name: history[name] for name in BUREAU}
    year: dict[str, Any] = {"frame": frame, "silent": 60 + seed * 37 % 150}
    for name, values in columns.items():
        year[name] = np.full((len(frame), turn.max() + 1), np.inf)
        year[name][place, turn] = values
    year["at"] = ((frame["applied_at"] - start) / day).to_numpy()
    year["worth"] = lender.expected_profit(frame)
    year["best"] = _earned(year, frame[BUREAU].to_numpy())
    return year


def _seen(year: dict[str, Any], known: np.ndarray, ttl: float) -> np.ndarray:
    """Return what the model sees of each application: the newest of what had arrived by then."""
    arrived = year["arrival"] <= known[:, None]
    newest = arrived.shape[1] - 1 - arrived[:, ::-1].argmax(axis=1)
    rows = np.arange(len(newest))
    fresh = arrived.any(axis=1) & (year["at"] - year["event"][rows, newest] <= ttl)
    return np.column_stack([np.where(fresh, year[name][rows, newest], np.nan) for name in BUREAU])


def _earned(year: dict[str, Any], seen: np.ndarray) -> float:
    frame = year["frame"].assign(**dict(zip(BUREAU, seen.T, strict=True)))
    granted = world.profit(frame, _model().predict_proba(frame)[:, 1]) > 0
    return float(np.mean(year["worth"] * granted))
