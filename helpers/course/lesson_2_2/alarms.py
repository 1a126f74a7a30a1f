"""Years of applications with and without faults: when a plan rings, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import checks

WORDS = ("employment", "purpose", "channel")
NUMBERS = ("age", "income", "amount", "utilization", "late_payments")
WATCHED = (*WORDS, *NUMBERS)
DAYS = (1, 7, 14, 28)  # how often somebody may look
YEAR = 364
APPLICATIONS_A_DAY, LOGGED_A_DAY = 330, 66  # every fifth is logged
TRAINING = 24_000  # applications in the training table
FALSE_ALARM, ROW = 1_000, 0.40  # euro: a day of somebody's work; a row computed once more
COMPLAINT = 90  # days after which somebody complains

# What it costs, in euro an application (benchmarks/lesson_2_2.py), and whether both paths have it.
FAULTS = {
    "utilization in percent": (840, False),
    "rows shifted by one": (80, False),
    "monthly income": (80, True),
    "purposes swapped": (23, False),
    "channel lost": (4, True),
    "new purpose": (1, True),
}


def damage(frame: pd.DataFrame, fault: str) -> pd.DataFrame:
    """Return what the model sees of applications when one of the ``FAULTS`` acts on them."""
    if fault in world.incidents:
        return world.incidents[fault].apply(frame)
    if fault == "rows shifted by one":
        return frame.assign(utilization=np.roll(frame["utilization"], 1))
    if fault == "purposes swapped":
        return frame.replace({"purpose": {"car": "business", "business": "car"}})
    return frame.assign(channel="online")


def suspects(seed: int = 2025) -> dict[str, pd.DataFrame]:
    """Return four files of September 2026, of 2,000 applications each."""
    pool = world.World(seed).applications("2026-09", 16_000)
    lost, calm = pool.iloc[:2_000].copy(), pool.iloc[2_000:4_000]
    lost.loc[(lost["region"] == "North") & (lost.index % 4 == 0), "late_payments"] = 0
    more = [np.where(pool["employment"] == "retired", 4, 1)]
    more += [np.where(pool["purpose"] == "medical", 3, 1)]
    retired, medical = (pool.sample(2_000, weights=w, random_state=seed) for w in more)
    return {"A": lost, "B": retired, "C": calm, "D": medical}


def banded(frame: pd.DataFrame, reference: pd.DataFrame) -> pd.DataFrame:
    """Return the watched columns: words, and of numbers the tenth of a reference (-1: missing)."""
    seen = frame[list(WORDS)].copy()
    for name in NUMBERS:
        edges = [-np.inf, *reference[name].quantile(np.arange(0.1, 1, 0.1)).unique(), np.inf]
        seen[name] = pd.cut(frame[name], edges, right=False, labels=False).fillna(-1)
    return seen


@dataclass(frozen=True)
class Plan:
    """How the log is watched.

    Attributes
    ----------
    days : int
        Days between two looks, one of ``DAYS``; a look sees the log since the last one.
    thresholds : float or mapping of str to float
        Largest L-infinity to the training table: one for all of ``WATCHED``, or one for each column
        that is watched.
    rows : int, default 0
        Logged rows that are computed once more at each look and compared by key.
    """

    days: int
    thresholds: float | Mapping[str, float]
    rows: int = 0

    def __post_init__(self) -> None:
        if self.days not in DAYS or isinstance(self.days, bool):
            raise ValueError(f"days is {self.days!r}; expected one of {DAYS}")
        if checks.whole("rows", self.rows) > (log := self.days * LOGGED_A_DAY):
            raise ValueError(f"rows is {self.rows}; the log of {self.days} days has {log}")
        for name, value in self.limits.items():
            checks.one_of("column", name, WATCHED)
            checks.share(f"threshold of {name}", value)

    @property
    def limits(self) -> Mapping[str, float]:
        """The threshold of each column that is watched."""
        one_for_all = not isinstance(self.thresholds, Mapping)
        return dict.fromkeys(WATCHED, self.thresholds) if one_for_all else self.thresholds


class Outcome(NamedTuple):
    """What a plan does in many years."""

    false_alarms: float  # in a year in which nothing happens
    faults: pd.DataFrame  # of each: share of years in which it is found, days until then, euro
    euro: float  # in a year with one fault, each equally likely: losses, false alarms, rows


class Years:
    """Many years in which a log is compared with a training table of 24,000 applications.

    Rows are independent, so how often each value is logged is a multinomial draw.

    Parameters
    ----------
    n : int, default 40
        How many years; each has a training table of its own.
    seed : int, default 1
        Chooses who applies, on which day a fault begins, and which rows are computed once more.
    """

    def __init__(self, n: int = 40, seed: int = 1) -> None:
        self.seed, rng = seed, np.random.default_rng(seed)
        self.onset = rng.integers(84, YEAR - COMPLAINT, n)
        self._luck = rng.random((n, YEAR))
        pool, columns = world.World(seed).applications("2026-01", 48_000), list(WATCHED)
        frames = {"": pool} | {fault: damage(pool, fault) for fault in FAULTS}
        self._differ = {f: (frames[f][columns] != pool[columns]).any(axis=1).mean() for f in FAULTS}
        self._shares = {
            (fault, name): column.value_counts(normalize=True).sort_index()
            for fault, frame in frames.items()
            for name, column in banded(frame, pool).items()
        }
        self.distances = cache(self._distances)

    def _distances(self, days: int, column: str, fault: str = "") -> np.ndarray:
        """Return L-infinity at each look of each year; a fault begins on its day of onset."""
        both, at = [self._shares[f, column] for f in ("", fault)], WATCHED.index(column)
        calm, wrong = pd.concat(both, axis=1).fillna(0).to_numpy().T
        table, log = (np.random.default_rng([self.seed, at, i]) for i in (0, days))
        trained = table.multinomial(TRAINING, calm, len(self.onset))[:, None] / TRAINING
        shares = calm + self._looks(days)[1][..., None] * (wrong - calm)
        rows = days * LOGGED_A_DAY
        return abs(log.multinomial(rows, shares) / rows - trained).max(axis=2)

    def _looks(self, days: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the days from the onset to each look of each year, and the faulty share of it."""
        since = np.arange(days, YEAR + 1, days) - self.onset[:, None]
        return since, np.clip(since / days, 0, 1)

    def run(self, plan: Plan) -> Outcome:
        """Return what a plan does in these years."""
        since, faulty = self._looks(plan.days)
        looks, limits = since.shape[1], plan.limits.items()
        alarms = sum((self.distances(plan.days, name) > limit).sum() for name, limit in limits)
        days = {}
        for fault, (_, at_the_source) in FAULTS.items():
            wrong = 0 if at_the_source else self._differ[fault]
            rings = self._luck[:, :looks] > (1 - faulty * wrong) ** plan.rows
            for name, limit in limits:
                if not self._shares[fault, name].equals(self._shares["", name]):
                    rings |= self.distances(plan.days, name, fault) > limit
            until = np.where(rings & (since > 0), since, COMPLAINT).min(axis=1)
            days[fault] = until.clip(max=COMPLAINT)
        days = pd.DataFrame(days).rename_axis("fault", axis=1)
        table = pd.DataFrame({"found": (days < COMPLAINT).mean(), "days": days.mean()})
        table["euro"] = table["days"] * [APPLICATIONS_A_DAY * loss for loss, _ in FAULTS.values()]
        false_alarms = float(alarms / len(since))
        effort = false_alarms * FALSE_ALARM + plan.rows * looks * ROW
        return Outcome(false_alarms, table, float(table["euro"].mean() + effort))
