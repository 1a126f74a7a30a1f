"""Worlds beside the lesson's own: to tune a detector in, and to try a brake in."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.exercises.calls import ReplyError
from helpers.course.exercises.judges import as_number
from helpers.course.linear import linear

ONSET = pd.Timestamp("2026-10-01")
KINDS = {"severe": 1.0, "mild": 0.5, "ends": 1.0, "calm": 0.0}  # the recession's strength
SIGNS = list(world.SIGNS)[:3]  # the fourth repeats the first
_PERIODS = pd.period_range("2026-10", "2028-12", freq="M")


@cache
def model() -> Any:
    """Return the lesson's model: the linear one, of 2024."""
    return linear(world.World().applications(("2024-01", "2024-12")))


@cache
def _calm(seed: int, first: str, last: str, n: int) -> pd.DataFrame:
    here = world.World(seed, changes=("campaign",))
    frame = here.applications((first, last), n)
    calm, more = here.log_odds(frame), sum(world.recession_terms(frame).values())
    return frame.assign(risk=model().predict_proba(frame)[:, 1], calm=calm, more=more)


@cache
def applications(
    seed: int, first: str, last: str, strength: float, n: int = 2_000, lasts: int = 99
) -> pd.DataFrame:
    """Return a world with the campaign, and from October 2026 a recession of some months."""
    frame = _calm(seed, first, last, n).copy()
    since = (frame["applied_at"] - ONSET).to_numpy() / np.timedelta64(1, "D") / 30.5
    odds = frame.pop("calm") + strength * frame.pop("more") * ((since >= 0) & (since < lasts))
    frame["probability"] = 1 / (1 + np.exp(-odds))
    chance = np.random.default_rng([seed, n]).random(len(frame))
    return frame.assign(defaulted=(chance < frame["probability"]).astype(int))


def residuals(seed: int) -> pd.Series:
    """Return outcome minus stated risk in 2026, by time; a mild recession begins in October."""
    year = applications(seed, "2026-01", "2026-12", KINDS["mild"])
    return (year["defaulted"] - year["risk"]).set_axis(pd.DatetimeIndex(year["applied_at"]))


@cache
def _months(kind: str, seed: int) -> np.ndarray:
    """Return each month's risks, the risks up to which a loan pays, earnings and signs' excess."""
    months = 9 if kind == "ends" else 99
    frame = applications(seed, "2026-10", "2028-12", KINDS[kind], 1_000, months)
    risk, bad = frame["risk"].to_numpy(), frame["defaulted"] == 1
    gain, loss = (world.profit(frame, np.full(len(frame), default)) for default in (0, 1))
    columns = [risk, gain / (gain - loss), world.profit(frame, frame["probability"].to_numpy())]
    rng = np.random.default_rng(seed)
    for hit, false in map(world.SIGNS.get, SIGNS):
        warns = rng.random(len(frame)) < np.where(bad, hit, false)
        columns.append(warns - (false + (hit - false) * risk))
    table = np.array(columns).reshape(len(columns), len(_PERIODS), -1)
    if kind == "calm":
        table[3, 5] += 0.06  # a strike at the bank: instalments of loans of March 2027 are late
    return table.swapaxes(0, 1)


def simulate(brake: Callable[[pd.DataFrame], float], kind: str, seed: int = 1) -> pd.DataFrame:
    """Return each month's ``factor``, and what ``brake`` and ``never`` earn in million euro.

    ``brake(signs)`` returns by what stated risks are multiplied in the coming month. ``signs`` has
    a row for each month known, the newest last: warnings per granted loan minus those expected.
    ``kind``: a ``"severe"`` or ``"mild"`` recession, one that ``"ends"``, or ``"calm"``, a strike.
    """
    rows, seen = [], np.empty((len(_PERIODS), len(SIGNS)))
    for i, (risk, limit, earns, *excess) in enumerate(_months(kind, seed)):
        known = max(0, i - 4)  # on 1 March, of loans granted until 31 October
        given = brake(pd.DataFrame(seen[:known].copy(), _PERIODS[:known], SIGNS))
        factor = as_number(given)
        if factor is None or not 0 < factor < np.inf:
            got = f"{given!r:.40}; for the signs of {known} months."
            raise ReplyError(f"Expected a factor above 0, got {got}")
        granted = factor * risk < limit
        seen[i] = np.mean(excess, axis=1, where=granted) if granted.any() else 0
        rows.append((factor, *(0.01 * (earns * yes).mean() for yes in (risk < limit, granted))))
    return pd.DataFrame(rows, _PERIODS, ["factor", "never", "brake"])


def gain(brake: Callable, kind: str, seeds: range = range(1, 4)) -> float:
    """Return what a brake earns more than doing nothing: million euro a year in 2027 and 2028."""
    years = (simulate(brake, kind, seed).loc["2027":] for seed in seeds)
    return float(np.mean([12 * (year["brake"] - year["never"]).mean() for year in years]))
