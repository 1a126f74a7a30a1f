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
START, DAY = pd.Timestamp("2025-01-01"), pd.Timedelta(days=1)


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
    at, silent = year["at"], 60 + seed * 37 % 150
    refreshed = np.floor(at / refresh_days) * refresh_days
    frozen = np.minimum(refreshed, silent)
    missing = _seen(year, frozen, ttl_days)[BUREAU[0]].isna()
    usual = missing[at < silent].mean()

    def in_week(day: int) -> float:
        return missing[(at > silent + day - 7) & (at <= silent + day)].mean()

    alarms = (day for day in range(1, UNNOTICED) if in_week(day) > usual + MORE_MISSING)
    noticed = next(alarms, UNNOTICED)
    seen = _seen(year, np.where(at < silent + noticed + MENDED, frozen, refreshed), ttl_days)
    lost = (_earned(year, year["frame"][BUREAU]) - _earned(year, seen)) * 12 * A_MONTH
    paid = REFRESH * 365 / refresh_days
    return {
        "refreshes": paid,
        "worse decisions": lost,
        "total": paid + lost,
        "usually missing": usual,
        "silent feed noticed after": noticed,
    }


def news(history: pd.DataFrame) -> pd.DataFrame:
    """Return a bureau's messages in the order of arrival, without old statements that come late."""
    sent = history.astype({"arrival_time": "datetime64[ns]"})
    sent = sent.sort_values(["arrival_time", "event_time"])
    return sent[sent["event_time"] == sent.groupby("application_id")["event_time"].cummax()]


def as_known(requests: pd.DataFrame, news: pd.DataFrame) -> pd.DataFrame:
    """Return for each request the newest statement that had arrived by ``applied_at``, if any."""
    asked = requests[["application_id", "applied_at"]].astype({"applied_at": "datetime64[ns]"})
    asked = asked.assign(row=np.arange(len(asked))).sort_values("applied_at")
    times = {"left_on": "applied_at", "right_on": "arrival_time"}
    found = pd.merge_asof(asked, news, **times, by="application_id")
    return found.sort_values("row", ignore_index=True)


_model = cache(lambda: linear(world.World(2024).applications(("2024-01", "2024-06"), 1_000)))


@cache
def _year(seed: int, n: int = 500) -> dict[str, Any]:
    """Return a year's applications, the day and the worth of each, and what the bureau sends."""
    lender = world.World(seed)
    frame = lender.applications(("2025-01", "2025-12"), n)
    return {
        "frame": frame,
        "at": ((frame["applied_at"] - START) / DAY).to_numpy(),
        "worth": lender.expected_profit(frame),
        "news": news(world.bureau_history(frame, seed=seed)),
    }


def _seen(year: dict[str, Any], known: np.ndarray, ttl: float) -> pd.DataFrame:
    """Return what the model sees of each application: the newest of what was known on a day."""
    found = as_known(year["frame"].assign(applied_at=START + known * DAY), year["news"])
    fresh = (year["frame"]["applied_at"] - found["event_time"]) / DAY <= ttl
    return found[BUREAU].where(fresh)


def _earned(year: dict[str, Any], seen: pd.DataFrame) -> float:
    frame = year["frame"].assign(**seen)
    granted = world.profit(frame, _model().predict_proba(frame)[:, 1]) > 0
    return float(np.mean(year["worth"] * granted))
