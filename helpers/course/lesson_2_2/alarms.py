"""Years of applications with and without faults: when a plan rings, and what that costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import checks

WORDS = ("employment", "purpose", "channel")
NUMBERS = ("age", "income", "amount", "utilization", "late_payments")
WATCHED = (*WORDS, *NUMBERS)
DAYS = (1, 7, 14, 28)  # how often somebody may look
YEAR = 364
LOGGED_A_DAY = 66  # every fifth of some 330 applications
APPLICATIONS_A_DAY = 330
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
    """Return what the model sees of applications when a fault acts on them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made.
    fault : str
        A key of ``FAULTS``.

    Returns
    -------
    pandas.DataFrame
        A new frame with the same keys.
    """
    if fault in world.incidents:
        return world.incidents[fault].apply(frame)
    if fault == "rows shifted by one":
        return frame.assign(utilization=np.roll(frame["utilization"], 1))
    if fault == "purposes swapped":
        other = {"car": "business", "business": "car"}
        return frame.assign(purpose=frame["purpose"].replace(other))
    return frame.assign(channel="online")


def suspects(seed: int = 2025) -> dict[str, pd.DataFrame]:
    """Return four files of September 2026, of 2,000 applications each."""
    pool = world.World(seed).applications("2026-09", 16_000)
    lost = pool.iloc[:2_000].copy()
    at = (lost["region"] == "North") & (np.arange(len(lost)) % 4 == 0)
    lost.loc[at, "late_payments"] = 0

    def more(column: str, value: str, times: int) -> pd.DataFrame:
        weights = np.where(pool[column] == value, times, 1)
        return pool.sample(2_000, weights=weights, random_state=seed)

    files = [lost, more("employment", "retired", 4), pool.iloc[2_000:4_000]]
    return dict(zip("ABCD", [*files, more("purpose", "medical", 3)], strict=True))


def bands(reference: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return the inner edges of ten bands of equal size, for each of the numbers."""
    tenths = np.arange(0.1, 1, 0.1)
    return {name: np.unique(reference[name].quantile(tenths)) for name in NUMBERS}


def banded(frame: pd.DataFrame, edges: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Return the watched columns as text: words as they are, numbers as the name of their band."""
    seen = frame[list(WORDS)].copy()
    for name, cuts in edges.items():
        band = pd.Series(np.searchsorted(cuts, frame[name], "right"), frame.index).astype(str)
        seen[name] = band.where(frame[name].notna(), "missing")
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
        checks.whole("rows", self.rows)
        if self.rows > self.days * LOGGED_A_DAY:
            raise ValueError(
                f"rows is {self.rows}; the log of {self.days} days has {self.days * LOGGED_A_DAY}"
            )
        for name, value in self.limits.items():
            checks.one_of("column", name, WATCHED)
            checks.share(f"threshold of {name}", value)

    @property
    def limits(self) -> Mapping[str, float]:
        """The threshold of each column that is watched."""
        if isinstance(self.thresholds, Mapping):
            return self.thresholds
        return dict.fromkeys(WATCHED, self.thresholds)


@dataclass(frozen=True)
class Outcome:
    """What a plan does in many years.

    Attributes
    ----------
    false_alarms : float
        In a year in which nothing happens.
    days : pandas.DataFrame
        Days until each fault (a column) is found, in each year; ``COMPLAINT`` if the plan does not.
    euro : float
        Expected in a year with one of the faults, each equally likely: losses until it is found,
        false alarms, rows computed once more.
    """

    false_alarms: float
    days: pd.DataFrame
    euro: float

    def to_frame(self) -> pd.DataFrame:
        """Return for each fault the share of years in which it is found, the days and the euro."""
        losses = [APPLICATIONS_A_DAY * loss for loss, _ in FAULTS.values()]
        found = (self.days < COMPLAINT).mean()
        table = {"found": found, "days": self.days.mean(), "euro": self.days.mean() * losses}
        return pd.DataFrame(table).rename_axis("fault")


class Years:
    """Many years in which a log is compared with a training table of 24,000 applications.

    Parameters
    ----------
    n : int, default 40
        How many years; each has a training table of its own.
    seed : int, default 1
        Chooses who applies, on which day a fault begins, and which rows are computed once more.
    """

    def __init__(self, n: int = 40, seed: int = 1) -> None:
        pool = world.World(seed).applications("2026-01", 48_000)
        edges = bands(pool)
        frames = {fault: damage(pool, fault) for fault in FAULTS}
        seen = {"": banded(pool, edges)}
        seen |= {fault: banded(frame, edges) for fault, frame in frames.items()}
        rng = np.random.default_rng(seed)
        rows, table = rng.integers(len(pool), size=(2, n, YEAR * LOGGED_A_DAY))
        self.onset = rng.integers(84, YEAR - COMPLAINT, n)
        self._luck = rng.random((n, YEAR))
        self._distances = cache(self._compare)
        columns = [*WORDS, *NUMBERS]
        self._wrong = {
            fault: 0 if at_the_source else (frame[columns] != pool[columns]).any(axis=1).mean()
            for (fault, (_, at_the_source)), frame in zip(
                FAULTS.items(), frames.values(), strict=True
            )
        }
        self._shares: dict[str, np.ndarray] = {}
        self._counts: dict[tuple[str, str], np.ndarray] = {}
        for column in WATCHED:
            values = pd.concat([frame[column] for frame in seen.values()], ignore_index=True)
            codes, kinds = pd.factorize(values)
            codes = dict(zip(seen, codes.reshape(len(seen), -1), strict=True))
            self._shares[column] = (
                _counts(codes[""][table], len(kinds)).sum(axis=1) / table.shape[1]
            )
            for fault in seen:
                many = [np.bincount(codes[one], minlength=len(kinds)) for one in (fault, "")]
                if fault == "" or (many[0] != many[1]).any():  # else no distance can show it
                    self._counts[fault, column] = _counts(codes[fault][rows], len(kinds))

    def distances(self, days: int, column: str, fault: str = "") -> np.ndarray:
        """Return L-infinity at each look of each year; a fault begins on its day of onset."""
        return self._distances(days, column, fault)

    def _compare(self, days: int, column: str, fault: str) -> np.ndarray:
        seen = self._counts["", column]
        if fault:
            after = np.arange(YEAR)[:, None] >= self.onset[:, None, None]
            seen = np.where(after, self._counts[fault, column], seen)
        n, _, kinds = seen.shape
        looks = seen.reshape(n, YEAR // days, days, kinds).sum(axis=2)
        return abs(looks / looks.sum(axis=2, keepdims=True) - self._shares[column][:, None]).max(2)

    def run(self, plan: Plan) -> Outcome:
        """Return what a plan does in these years."""
        looks = np.arange(plan.days, YEAR + 1, plan.days)
        alarms = sum(
            (self.distances(plan.days, column) > limit).sum()
            for column, limit in plan.limits.items()
        )
        until = looks - self.onset[:, None]
        share = np.clip(until / plan.days, 0, 1)  # of the rows of a look, those since the onset
        luck = self._luck[:, : len(looks)]
        days = {}
        for fault in FAULTS:
            rings = luck > (1 - share * self._wrong[fault]) ** plan.rows
            for column, limit in plan.limits.items():
                if (fault, column) in self._counts:
                    rings |= self.distances(plan.days, column, fault) > limit
            days[fault] = np.where(rings & (until > 0), until, COMPLAINT).min(axis=1)
        days = pd.DataFrame(days).clip(upper=COMPLAINT)
        losses = [loss for loss, _ in FAULTS.values()]
        false_alarms = float(alarms / len(self.onset))
        euro = (days.mean() * losses).mean() * APPLICATIONS_A_DAY
        euro += false_alarms * FALSE_ALARM + plan.rows * len(looks) * ROW
        return Outcome(false_alarms, days, float(euro))


def _counts(codes: np.ndarray, kinds: int) -> np.ndarray:
    """Return how often each value came on each day of each year."""
    n = len(codes)
    day = np.arange(n * YEAR).repeat(LOGGED_A_DAY)
    flat = np.bincount(day * kinds + codes.ravel(), minlength=n * YEAR * kinds)
    return flat.reshape(n, YEAR, kinds)
