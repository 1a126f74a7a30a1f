"""Streams watched by detectors, and detections held against what really happened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.drift.comparison import compare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# river's detectors: three that take any numbers, then the DDM family, which takes errors (0 or 1).
DETECTORS = ("ADWIN", "KSWIN", "PageHinkley", "DDM", "EDDM", "FHDDM", "HDDM_A", "HDDM_W")
# What a window is judged by: threshold unless one says otherwise, and whether less is worse.
_STATISTICS = {"psi": (0.1, False), "js": (0.1, False), "p": (0.01, True), "joint": (0.01, True)}
_DRAWN = 200  # points of a timeline
_LEAST_P = 1e-12  # drawn on a logarithmic axis


@dataclass(frozen=True)
class Score:
    """Detections held against a known onset.

    Attributes
    ----------
    delay_days : float
        From the onset to the first detection; NaN if there was none.
    false_alarms : int
        Detections before the onset.
    calm_days : float
        Days watched before the onset.
    """

    delay_days: float
    false_alarms: int
    calm_days: float

    @property
    def false_alarms_per_year(self) -> float:
        """False alarms in a year at this rate; NaN if nothing was watched before the onset."""
        return self.false_alarms * 365.25 / self.calm_days if self.calm_days > 0 else np.nan

    def __repr__(self) -> str:
        found = (
            "not found" if np.isnan(self.delay_days) else f"found after {self.delay_days:.1f} days"
        )
        alarms = "alarm" if self.false_alarms == 1 else "alarms"
        return f"{found}; {self.false_alarms} false {alarms} in {self.calm_days:.0f} calm days"


@dataclass(frozen=True, eq=False, repr=False)
class Monitoring:
    """What a detector said about a stream.

    Attributes
    ----------
    detector : str
        Its name and settings.
    values : numpy.ndarray of shape (n,)
        What it saw: the stream without missing values, or the statistic of each window.
    times : pandas.DatetimeIndex or None
        When each value came; of a window, its end.
    positions : numpy.ndarray of int
        Where in `values` it said "drift".
    skipped : int
        Missing values that were left out.
    start : pandas.Timestamp or None
        Since when the stream was watched.
    threshold : float or None
        Of a window's statistic; None where the detector sets its own.
    below : bool
        Whether a statistic is a p-value, which says "drift" where it is small.
    """

    detector: str
    values: np.ndarray
    times: pd.DatetimeIndex | None
    positions: np.ndarray
    skipped: int = 0
    start: pd.Timestamp | None = None
    threshold: float | None = None
    below: bool = False

    @property
    def detections(self) -> pd.DataFrame:
        """One row for each detection: ``position``, ``value`` and, if known, ``time``."""
        table = pd.DataFrame({"position": self.positions, "value": self.values[self.positions]})
        if self.times is not None:
            table["time"] = self.times[self.positions]
        return table

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        found = self.positions if self.times is None else self.times[self.positions].strftime("%F")
        said = ", ".join(map(str, found[:6])) + (", ..." if len(found) > 6 else "")
        skipped = f" ({self.skipped:,} missing left out)" if self.skipped else ""
        count = f"{len(found)} detection{'s' if len(found) != 1 else ''}"
        rule = (
            "" if self.threshold is None else f" {'<=' if self.below else '>='} {self.threshold:g}"
        )
        return f"{self.detector}{rule} over {len(self.values):,} values{skipped}: {count}" + (
            f", {'at' if self.times is None else 'on'} {said}" if len(found) else ""
        )

    def at(self, threshold: float) -> Monitoring:
        """Judge the same windows by another threshold.

        Parameters
        ----------
        threshold : float
            Of the windows' statistic.

        Returns
        -------
        Monitoring

        Raises
        ------
        ValueError
            If this is no monitoring of windows, or the threshold is not above 0.
        """
        if self.threshold is None:
            raise ValueError(f"{self.detector} sets its own threshold; give monitor() its settings")
        if not threshold > 0:
            raise ValueError(f"threshold is {threshold!r}; expected a number above 0")
        over = self.values <= threshold if self.below else self.values >= threshold
        return replace(self, threshold=float(threshold), positions=np.flatnonzero(over))

    def score(self, onset: str | pd.Timestamp | None) -> Score:
        """Hold the detections against a known onset, as :func:`score` does."""
        if self.times is None:
            raise ValueError("this stream has no times; give monitor(..., times=...) to score it")
        return score(self.times[self.positions], onset, start=self.start, end=self.times.max())

    def plot(self, onset: str | pd.Timestamp | None = None, ax: Axes | None = None) -> Axes:
        """Draw the stream and the detections on a timeline.

        Parameters
        ----------
        onset : str or pandas.Timestamp, optional
            When it really began; detections before it are drawn as false alarms.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if it is not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if ax is None:
            import matplotlib.pyplot as plt

            ax = plt.subplots()[1]
        at = np.arange(len(self.values)) if self.times is None else self.times
        size = -(-len(self.values) // _DRAWN)
        drawn = np.maximum(self.values, _LEAST_P) if self.below else self.values
        means = pd.Series(drawn).groupby(np.arange(len(self.values)) // size).mean()
        ends = np.minimum((np.arange(len(means)) + 1) * size, len(self.values)) - 1
        windows = self.threshold is not None
        label = "each window" if windows else "values" if size == 1 else f"mean of {size}"
        style_of_line = "o-" if windows else "-"
        ax.plot(at[ends], means, style_of_line, ms=4, color=style.GREY, label=label)
        if windows:
            ax.axhline(self.threshold, color=style.ORANGE, ls="--", label="threshold")
        found = at[self.positions]
        begun = None if onset is None else pd.Timestamp(onset) if self.times is not None else onset
        false = np.zeros(len(found), bool) if begun is None else np.asarray(found < begun)
        true = "detection" if begun is None else "detection after the onset"
        for rows, colour, dash, what in (
            (false, style.PURPLE, ":", "false alarm"),
            (~false, style.RED, "-", true),
        ):
            for i, one in enumerate(found[rows]):
                ax.axvline(one, color=colour, ls=dash, lw=1.5, label=what if i == 0 else None)
        if begun is not None:
            ax.axvline(begun, color=style.BLACK, lw=3, alpha=0.5, label="true onset")
        if self.below:
            ax.set_yscale("log")
        if self.times is not None:
            from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

            dates = AutoDateLocator(maxticks=8)
            ax.xaxis.set_major_locator(dates)
            ax.xaxis.set_major_formatter(ConciseDateFormatter(dates))
        known = "position" if self.times is None else "time"
        ax.set(xlabel=known, ylabel="statistic" if windows else "value", title=self.detector)
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return ax


def make_detector(name: str, **settings: Any) -> Any:
    """Make one of river's detectors by its name, whatever river's version calls it.

    Parameters
    ----------
    name : str
        One of ``DETECTORS``; case, hyphens and underscores do not matter.
    **settings
        The detector's own; KSWIN, which draws at random, gets ``seed=0`` unless one says otherwise.

    Returns
    -------
    river.base.DriftDetector or river.base.BinaryDriftDetector

    Raises
    ------
    TypeError
        If the detector has no such setting.
    ValueError
        If there is no such detector, or river refuses the setting's value.

    Examples
    --------
    >>> make_detector("page-hinkley", threshold=20).threshold
    20
    """
    if _plain(name) not in map(_plain, DETECTORS):
        raise ValueError(f"detector is {name!r}; the detectors are {list(DETECTORS)}")
    from river import drift

    # river 0.26 writes HDDMA where it wrote HDDM_A.
    kinds = {_plain(k): v for part in (drift, drift.binary) for k, v in vars(part).items()}
    given = {"seed": 0} | settings if _plain(name) == "kswin" else settings
    try:
        return kinds[_plain(name)](**given)
    except TypeError as error:
        raise TypeError(f"{name} does not take these settings: {error}") from None


def monitor(
    stream: Sequence[float],
    detector: str | Any = "ADWIN",
    *,
    times: Sequence[Any] | None = None,
    **settings: Any,
) -> Monitoring:
    """Run one of river's drift detectors over a stream.

    Parameters
    ----------
    stream : sequence of float
        Values in order of time, or errors (0: right, 1: wrong) for the detectors of the DDM
        family (also for FHDDM, which in river wants them the other way round: they are turned for
        it). Missing values are left out and counted. Page-Hinkley's thresholds are in the
        units of the stream: bring it to standard deviations of a calm time first.
    detector : str or river detector, default "ADWIN"
        One of ``DETECTORS``; each call starts afresh. A detector object of river's goes on from
        what it has learned, and learns: the next month can be given to it in another call. For a
        fresh start give ``detector.clone()``.
    times : sequence of times or months, optional
        When each value is known, in order. A month such as ``"2026-03"`` is known at its end.
    **settings
        The detector's own, such as ``delta=0.0001``; only with a name.

    Returns
    -------
    Monitoring

    Raises
    ------
    TypeError
        If `detector` is neither a name nor a detector, or has no such setting.
    ValueError
        If there is no such detector, the stream holds no numbers (or, for the DDM family, other
        ones than 0 and 1), or the times do not fit it.

    Notes
    -----
    Sources: Bifet and Gavaldà (2007), "Learning from time-changing data with adaptive windowing",
    SDM (ADWIN); Page (1954), "Continuous inspection schemes", Biometrika 41; Raab, Heusinger and
    Schleif (2020), "Reactive soft prototype computing for concept drift streams", Neurocomputing
    416 (KSWIN); Gama and others (2004), "Learning with drift detection", SBIA (DDM).

    Examples
    --------
    >>> errors = [0, 0, 0, 0, 1] * 200 + [0, 1] * 200
    >>> monitor(errors, "DDM").detections["position"].iloc[0] > 1_000
    np.True_
    """
    running, name = _running(detector, settings)
    values = _values("stream", stream)
    when, start = (None, None) if times is None else _times(times, len(values))
    there = ~np.isnan(values)
    values = values[there]
    if _takes_errors(running) and not np.isin(values, (0, 1)).all():
        wrong = values[~np.isin(values, (0, 1))][0]
        raise ValueError(
            f"stream holds {wrong:g}; {name} takes errors: 0 where the model was right, 1 where it "
            "was wrong. For other numbers use ADWIN, KSWIN or PageHinkley."
        )
    found = []
    feed = values.astype(bool) if _takes_errors(running) else values
    if type(running).__name__ == "FHDDM":
        feed = ~feed  # river's FHDDM sees its ones grow rare, whatever its documentation says
    for i, value in enumerate(feed.tolist()):
        running.update(value)
        if running.drift_detected:
            found.append(i)
    skipped = int((~there).sum())
    when = None if when is None else when[there]
    return Monitoring(name, values, when, np.array(found, int), skipped, start)


def monitor_windows(
    reference: pd.DataFrame,
    stream: pd.DataFrame,
    *,
    times: str | Sequence[Any] = "applied_at",
    days: int = 30,
    statistic: str = "psi",
    threshold: float | None = None,
    columns: Sequence[str] | None = None,
) -> Monitoring:
    """Compare window after window of a stream with a reference.

    The windows follow each other from the first day on; one that is not full at the end is left
    out, and so is one of fewer than 30 rows.

    Parameters
    ----------
    reference : pandas.DataFrame
        What the stream looked like when all was well.
    stream : pandas.DataFrame
        Rows in any order.
    times : str or sequence of times, default "applied_at"
        A column of `stream`, or the time of each row.
    days : int, default 30
        Length of a window.
    statistic : {"psi", "js", "p", "joint"}
        What a window is judged by: the largest PSI or Jensen-Shannon distance of any feature, the
        least corrected p-value, or the classifier's p-value, each as :func:`compare` gives it.
    threshold : float, optional
        A detection is a distance of so much or more, a p-value of so much or less. By default 0.1
        for distances and 0.01 for p-values.
    columns : sequence of str, optional
        Features; by default all columns of the reference that can be compared.

    Returns
    -------
    Monitoring
        Its values are the windows' statistics, its times the windows' ends.

    Raises
    ------
    ValueError
        If an argument is not one of these, the times do not fit, or no window is full.

    Examples
    --------
    >>> from helpers.world import World, replay
    >>> monitor_windows(World().applications("2025-12"), replay("campaign")).score("2026-08-01")
    found after 28.0 days; 0 false alarms in 212 calm days
    """
    if statistic not in _STATISTICS:
        raise ValueError(f"statistic is {statistic!r}; expected one of {list(_STATISTICS)}")
    if not isinstance(days, int | np.integer) or days < 1:
        raise ValueError(f"days is {days!r}; expected a whole number of days, 1 or more")
    usual, less = _STATISTICS[statistic]
    threshold = usual if threshold is None else threshold
    if isinstance(times, str):
        if times not in stream:
            raise ValueError(f"times is {times!r}, which the stream lacks; it has {list(stream)}")
        times = stream[times]
    when, _ = _times(times, len(stream), in_order=False)
    first = when.min().normalize()
    numbers = np.asarray((when - first) // pd.Timedelta(days=days))
    full = int((when.max().normalize() + pd.Timedelta(days=1) - first) // pd.Timedelta(days=days))
    values, ends = [], []
    for number in range(full):
        window = stream[numbers == number]
        if len(window) < 30:
            continue
        found = compare(reference, window, columns=columns, joint=statistic == "joint")
        if statistic == "joint":
            values.append(found.joint.p if found.joint else np.nan)
        else:
            column = found.table["p_corrected" if less else statistic]
            values.append(column.min() if less else column.max())
        ends.append(first + (number + 1) * pd.Timedelta(days=days))
    if not values:
        raise ValueError(f"stream fills no window of {days} days and 30 rows; give shorter days")
    if np.isnan(values).any():
        raise ValueError(
            "columns has none that can be compared in every window; compare(reference, stream) "
            "says why in its notes"
        )
    name = f"windows of {days} days, {statistic}"
    none = np.array([], int)
    watched = Monitoring(name, np.array(values), pd.DatetimeIndex(ends), none, 0, first, 1.0, less)
    return watched.at(threshold)


def score(
    detections: Sequence[Any],
    onset: str | pd.Timestamp | None,
    *,
    start: str | pd.Timestamp,
    end: str | pd.Timestamp,
) -> Score:
    """Hold detections against what really happened.

    Parameters
    ----------
    detections : sequence of times
    onset : str, pandas.Timestamp or None
        When it began; None if nothing happened, so that every detection is a false alarm.
    start, end : str or pandas.Timestamp
        Between which times the detector watched.

    Returns
    -------
    Score

    Raises
    ------
    ValueError
        If `start` is after `end`, or a detection is not between them.

    Examples
    --------
    >>> watched = {"start": "2026-01-01", "end": "2026-06-01"}
    >>> score(["2026-02-01", "2026-03-04"], "2026-03-01", **watched)
    found after 3.0 days; 1 false alarm in 59 calm days
    """
    start, end = pd.Timestamp(start), pd.Timestamp(end)
    when = pd.DatetimeIndex(detections).sort_values()
    if end < start or (len(when) and not start <= when[0] <= when[-1] <= end):
        raise ValueError(
            f"detections are from {when.min()} to {when.max()}, watched from {start} to {end}; "
            "expected start before end, and the detections between them"
        )
    begun = end if onset is None else min(max(pd.Timestamp(onset), start), end)
    true = when[when >= begun] if onset is not None else when[:0]
    day = pd.Timedelta(days=1)
    delay = (true[0] - pd.Timestamp(onset)) / day if len(true) else np.nan
    return Score(float(delay), len(when) - len(true), float((begun - start) / day))


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _running(detector: str | Any, settings: dict[str, Any]) -> tuple[Any, str]:
    """Make or take a detector; also its name and settings as text."""
    if isinstance(detector, str):
        said = ", ".join(f"{key}={value}" for key, value in settings.items())
        made = make_detector(detector, **settings)
        name = next(name for name in DETECTORS if _plain(name) == _plain(detector))
        return made, f"{name}({said})" if said else name
    parts = (hasattr(detector, "update"), hasattr(detector, "drift_detected"))
    if isinstance(detector, type) or not all(parts):
        raise TypeError(
            f"detector is {detector!r}; expected one of {list(DETECTORS)}, or an object of "
            "river.drift such as ADWIN(delta=0.001)"
        )
    if settings:
        raise TypeError(
            f"detector is an object and {list(settings)} were given; give them to the object"
        )
    return detector, type(detector).__name__


def _takes_errors(detector: Any) -> bool:
    from river import base

    return isinstance(detector, base.BinaryDriftDetector)


def _values(name: str, stream: Sequence[float]) -> np.ndarray:
    try:
        values = pd.Series(stream).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise ValueError(f"{name} holds what is no number; expected numbers, or 0 and 1") from None
    if not len(values) or np.isnan(values).all():
        raise ValueError(f"{name} holds no values; expected one or more")
    if np.isinf(values).any():
        raise ValueError(f"{name} holds an infinite value; leave it out or make it missing")
    return values


def _times(
    times: Sequence[Any], n: int, *, in_order: bool = True
) -> tuple[pd.DatetimeIndex, pd.Timestamp]:
    """Read times: when each value is known, and since when there is anything to know."""
    given = pd.Index(times)
    if len(given) != n:
        raise ValueError(f"times has {len(given):,} entries for {n:,} values; expected one each")
    if pd.api.types.is_numeric_dtype(given.dtype):
        raise ValueError(f"times holds the number {given[0]}; expected dates or months")
    if not isinstance(given, pd.DatetimeIndex | pd.PeriodIndex):
        months = all(isinstance(one, str) and len(one) == 7 for one in given)
        given = pd.PeriodIndex(given, freq="M") if months else pd.DatetimeIndex(given)
    begun = given
    if isinstance(given, pd.PeriodIndex):  # a month's value is known at its end
        begun, given = given.to_timestamp(), (given + 1).to_timestamp()
    if given.tz is not None:
        begun = given = given.tz_convert(None)
    if given.hasnans or (in_order and not given.is_monotonic_increasing):
        raise ValueError("times are missing or run backwards; sort the stream by time first")
    return given, begun.min()
