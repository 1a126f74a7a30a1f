"""What a year costs if risks are computed by night, live, or live only where it matters."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.linear import linear

NIGHT = 500  # euro: the bureau's statements of all customers, and the job
QUESTION = 3.0  # euro: the bureau's statement of one customer, at once
SERVER = 10_000  # euro a year: two replicas, and people who look after them
SILENT = 0.003  # share of the live questions that get no answer in time
A_YEAR = 12_000  # applications
_BUREAU = ["late_payments", "utilization"]


def price(
    every: float | None, band: float, seed: int = 2025, night: float = NIGHT, ask: float = QUESTION
) -> dict[str, float]:
    """Return what a plan costs in one year, in euro.

    Parameters
    ----------
    every : float or None
        Days between two night jobs, which store a risk for each customer; None: no such job.
    band : float
        An application whose stored risk is nearer (in log-odds) to the risk at which a loan just
        pays is scored live. If there is no answer, the stored risk decides; without one, the
        customer goes elsewhere.
    seed : int, default 2025
        The year: who applies, and what the bureau sends.
    night, ask : float
        The prices of a night and of a live question.
    """
    worth, fresh = (_year(seed)[name] for name in ("worth", "fresh"))
    stored = _stored(seed, every) if every else np.zeros(len(fresh))  # 0: all live, none granted
    live = np.abs(stored) < (band if every else 1)
    best, granted = np.mean(worth * (fresh < 0)), np.where(live, fresh, stored) < 0
    unanswered = np.mean(worth * live * (granted * 1 - (stored < 0)))
    costs = {
        "nights": night * 365 / every if every else 0.0,
        "live": float(A_YEAR * ask * live.mean() + SERVER * live.any()),
        "no answer": float(A_YEAR * SILENT * unanswered),
        "old values": float(A_YEAR * (best - np.mean(worth * granted))),
    }
    return {**costs, "total": sum(costs.values()), "share live": float(live.mean())}


@cache
def _year(seed: int, n: int = 500) -> dict[str, Any]:
    """Return a year's applications, the bureau's messages, and what fresh values would decide."""
    lender = world.World(seed)
    frame = lender.applications(("2025-01", "2025-12"), n)
    known = {"worth": lender.expected_profit(frame), "fresh": above(frame)}
    return {"frame": frame, "history": world.bureau_history(frame, seed=seed), **known}


@cache
def _stored(seed: int, every: float) -> np.ndarray:
    """Return how far the risk that the last night stored is above the risk that just pays."""
    frame, history = (_year(seed)[name] for name in ("frame", "history"))
    start = frame["applied_at"].dt.normalize().min()
    days = np.floor((frame["applied_at"] - start) / pd.Timedelta(days=every)) * every
    asked = frame[["application_id"]].assign(arrival_time=start + pd.to_timedelta(days, unit="D"))
    asked["arrival_time"] = asked["arrival_time"].astype(history["arrival_time"].dtype)
    known = pd.merge_asof(
        asked.sort_values("arrival_time"), history, on="arrival_time", by="application_id"
    ).set_index("application_id")
    return above(frame.drop(columns=_BUREAU).join(known[_BUREAU], on="application_id"))


@cache
def _model() -> Any:
    return linear(world.World(2024).applications(("2024-01", "2024-06"), 1_000))


def above(frame: pd.DataFrame) -> np.ndarray:
    """Return the log-odds of the model's risk above those at which the loan earns nothing."""
    gain, loss = (world.profit(frame, np.full(len(frame), risk)) for risk in (0.0, 1.0))
    risk = _model().predict_proba(frame)[:, 1]
    return np.log(risk / (1 - risk)) - np.log(-gain / loss)
