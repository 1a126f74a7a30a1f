"""Detectors run over streams, and their detections scored against a known onset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import checks, style
from helpers.drift.comparison import check_sample, compare

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# river's detectors: three that take any numbers, then the DDM family, which takes errors (0 or 1).
DETECTORS = ("ADWIN", "KSWIN", "PageHinkley", "DDM", "EDDM", "FHDDM", "HDDM_A", "HDDM_W")
# Statistics of a window: default threshold, and whether small values mean drift.
_STATISTICS = {"psi": (0.1, False), "js": (0.1, False), "p": (0.01, True), "joint": (0.01, True)}
_DRAWN = 200  # points of a timeline
_LEAST_P = 1e-12  # drawn on a logarithmic axis


@dataclass(frozen=True)
class Score:
    """Detections compared with a known onset.

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
        missed = np.isnan(self.delay_days)
        delay = "not found" if missed else f"found after {self.delay_days:.1f} days"
        alarms = "alarm" if self.false_alarms == 1 else "alarms"
        return f"{delay}; {self.false_alarms} false {alarms} in {self.calm_days:.0f} calm days"


@dataclass(frozen=True, eq=False, repr=False)
class Monitoring:
    """The detections of a detector on a stream.

    Attributes
    ----------
    detector : str
        Its name and settings.
    values : numpy.ndarray of shape (n,)
        Its input: the stream without missing values, or the statistic of each window.
    times : pandas.DatetimeIndex or None
        When each value came; for a window, its end.
    positions : numpy.ndarray of int
        Where in `values` it detected drift.
    skipped : int
        Missing values that were left out.
    start : pandas.Timestamp or None
        When the watch began.
    threshold : float or None
        For the statistic of a window; None where the detector sets its own.
    below : bool
        Whether the statistic is a p-value: small values mean drift.
    """

    detector: str
    values: np.ndarray
    times: pd.DatetimeIndex | None
    positions: np.ndarray
    skipped: int = 0
    start: pd.Timestamp | None = None
    threshold: float | None = None
    below: bool = False

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each detection: ``position``, ``value`` and, if known, ``time``."""
        table = pd.DataFrame({"position": self.positions, "value": self.values[self.positions]})
        return table if self.times is None else table.assign(time=self.times[self.positions])

    def __len__(self) -> int:
        return len(self.positions)

    def __repr__(self) -> str:
        sign = "<=" if self.below else ">="
        rule = "" if self.threshold is None else f" {sign} {self.threshold:g}"
        skipped = f" ({self.skipped:,} missing left out)" if self.skipped else ""
        count = f"{len(self)} detection{'s' if len(self) != 1 else ''}"
        text = f"{self.detector}{rule} over {len(self.values):,} values{skipped}: {count}"
        if not len(self):
            return text
        first = self.positions[:6]
        where = first if self.times is None else self.times[first].strftime("%F")
        more = ", ..." if len(self) > 6 else ""
        return f"{text}, {'at' if self.times is None else 'on'} {', '.join(map(str, where))}{more}"

    def at(self, threshold: float) -> Monitoring:
        """Return the detections in the same windows with another threshold.

        Parameters
        ----------
        threshold : float
            For the windows' statistic.

        Returns
        -------
        Monitoring

        Raises
        ------
        ValueError
            If this did not come from :func:`monitor_windows`, or the threshold is not above 0.
        """
        if self.threshold is None:
            raise ValueError(f"{self.detector} sets its own threshold; give monitor() its settings")
        if not threshold > 0:
            raise ValueError(f"threshold is {threshold!r}; expected a number above 0")
        over = self.values <= threshold if self.below else self.values >= threshold
        return replace(self, threshold=float(threshold), positions=np.flatnonzero(over))

    def score(self, onset: str | pd.Timestamp | None) -> Score:
        """Compare the detections with a known onset, as :func:`score` does."""
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
            Where to draw; by default new axes.

        Returns
        -------
        matplotlib.axes.Axes
        """
        ax = style.axes(ax)
        at = np.arange(len(self.values)) if self.times is None else self.times
        size = -(-len(self.values) // _DRAWN)
        drawn = np.maximum(self.values, _LEAST_P) if self.below else self.values
        means = pd.Series(drawn).groupby(np.arange(len(self.values)) // size).mean()
        ends = np.minimum((np.arange(len(means)) + 1) * size, len(self.values)) - 1
        windows = self.threshold is not None
        label = "each window" if windows else "values" if size == 1 else f"mean of {size}"
        ax.plot(at[ends], means, "o-" if windows else "-", ms=4, color=style.GREY, label=label)
        if windows:
            ax.axhline(self.threshold, color=style.ORANGE, ls="--", label="threshold")
        detected = at[self.positions]
        begun = None if onset is None else _moment(onset) if self.times is not None else onset
        false = np.zeros(len(detected), bool) if begun is None else np.asarray(detected < begun)
        true = "detection" if begun is None else "detection after the onset"
        for rows, colour, dash, label in (
            (false, style.PURPLE, ":", "false alarm"),
            (~false, style.RED, "-", true),
        ):
            for i, x in enumerate(detected[rows]):
                ax.axvline(x, color=colour, ls=dash, lw=1.5, label=label if i == 0 else None)
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
    """Return a new detector of river's by its name, whatever river's version calls it.

    Parameters
    ----------
    name : str
        One of ``DETECTORS``; case, hyphens and underscores do not matter.
    **settings
        The detector's own. KSWIN draws at random, by default with ``seed=0``.

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
        family (also for FHDDM, which in river expects the opposite: they are inverted for it).
        Missing values are left out and counted. ADWIN is made for values that span about 1: where
        the first 100 span less than 0.1 or more than 10, it sees the stream divided by their span.
        Page-Hinkley's thresholds are in the units of the stream: standardize it first, by a calm
        period.
    detector : str or river detector, default "ADWIN"
        One of ``DETECTORS``, new in each call. A detector object continues from what it has learned
        and keeps learning, so that the next month can follow in another call; pass
        ``detector.clone()`` for a fresh start. It sees the values as they are.
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
        If there is no such detector, the stream holds anything but numbers (for the DDM family:
        0 and 1), or the times do not fit.

    References
    ----------
    Bifet and Gavaldà (2007), "Learning from time-changing data with adaptive windowing",
    SDM (ADWIN); Page (1954), "Continuous inspection schemes", Biometrika 41; Raab, Heusinger and
    Schleif (2020), "Reactive soft prototype computing for concept drift streams", Neurocomputing
    416 (KSWIN); Gama and others (2004), "Learning with drift detection", SBIA (DDM).

    Examples
    --------
    >>> errors = [0, 0, 0, 0, 1] * 200 + [0, 1] * 200
    >>> monitor(errors, "DDM").to_frame()["position"].iloc[0] > 1_000
    np.True_
    """
    from river import base

    running, name = _running(detector, settings)
    values = _values(stream)
    when, start = (None, None) if times is None else _times(times, len(values))
    present = ~np.isnan(values)
    values = values[present]
    errors = isinstance(running, base.BinaryDriftDetector)
    if errors and not np.isin(values, (0, 1)).all():
        wrong = values[~np.isin(values, (0, 1))][0]
        raise ValueError(
            f"stream holds {wrong:g}; {name} takes errors: 0 where the model was right, 1 where it "
            "was wrong. For other numbers use ADWIN, KSWIN or PageHinkley."
        )
    positions = []
    inputs = values.astype(bool) if errors else values
    if type(running).__name__ == "FHDDM":
        inputs = ~inputs  # river's FHDDM detects ones becoming rarer, contrary to its documentation
    if running is not detector and type(running).__name__ == "ADWIN" and len(values):
        span = np.ptp(values[:100])
        inputs = values / (span if span and not 0.1 <= span <= 10 else 1)
    for i, value in enumerate(inputs.tolist()):
        running.update(value)
        if running.drift_detected:
            positions.append(i)
    when = None if when is None else when[present]
    return Monitoring(name, values, when, np.array(positions, int), int((~present).sum()), start)


def monitor_windows(
    reference: pd.DataFrame,
    stream: pd.DataFrame,
    *,
    times: str | Sequence[Any],
    days: int = 30,
    statistic: str = "psi",
    threshold: float | None = None,
    columns: Sequence[str] | None = None,
    categories: Sequence[str] = (),
    identifiers: Sequence[str] = (),
) -> Monitoring:
    """Compare window after window of a stream with a reference.

    The windows follow each other from the first day on. An incomplete last window and windows of
    fewer than 30 rows are left out.

    Parameters
    ----------
    reference : pandas.DataFrame
        The stream in a good period.
    stream : pandas.DataFrame
        Rows in any order.
    times : str or sequence of times
        A column of `stream`, or the time of each row.
    days : int, default 30
        Length of a window.
    statistic : {"psi", "js", "p", "joint"}
        The largest PSI or Jensen-Shannon distance of any feature, the smallest corrected p-value,
        or the classifier's p-value, each as :func:`compare` returns it.
    threshold : float, optional
        Distances from here up, or p-values from here down, are detections. By default 0.1 for
        distances and 0.01 for p-values.
    columns : sequence of str, optional
        Features; by default all columns of the reference that can be compared.
    categories, identifiers : sequence of str, optional
        Columns to take for these, as in :func:`compare`.

    Returns
    -------
    Monitoring
        Its values are the windows' statistics, its times the windows' ends.

    Raises
    ------
    ValueError
        If an argument is invalid, the times do not fit, or no window is full.

    Examples
    --------
    >>> from helpers.world import World, replay
    >>> reference, stream = World().applications("2025-12"), replay("campaign")
    >>> monitor_windows(reference, stream, times="applied_at").score("2026-08-01")
    found after 28.0 days; 0 false alarms in 212 calm days
    """
    checks.one_of("statistic", statistic, _STATISTICS)
    days = checks.whole("days", days, 1)
    default, below = _STATISTICS[statistic]
    check_sample("reference", reference)
    check_sample("stream", stream)
    if isinstance(times, str):
        if times not in stream:
            raise ValueError(f"times is {times!r}, which the stream lacks; it has {list(stream)}")
        times = stream[times]
    when, _ = _times(times, len(stream), in_order=False)
    first = when.min().normalize()
    numbers = np.asarray((when - first) // pd.Timedelta(days=days))
    full = int((when.max().normalize() + pd.Timedelta(days=1) - first) // pd.Timedelta(days=days))
    named = {"columns": columns, "categories": categories, "identifiers": identifiers}
    values, ends = [], []
    for number in range(full):
        window = stream[numbers == number]
        if len(window) < 30:
            continue
        result = compare(reference, window, joint=statistic == "joint", **named)
        if statistic == "joint":
            values.append(result.joint.p if result.joint else np.nan)
        else:
            column = result.to_frame()["p_corrected" if below else statistic]
            values.append(column.min() if below else column.max())
        ends.append(first + (number + 1) * pd.Timedelta(days=days))
    if not values:
        raise ValueError(f"stream fills no window of {days} days and 30 rows; give shorter days")
    if np.isnan(values).any():
        raise ValueError("columns has none that can be compared in every window; see compare()")
    name, ends = f"windows of {days} days, {statistic}", pd.DatetimeIndex(ends)
    windows = Monitoring(name, np.array(values), ends, np.array([], int), 0, first, 1.0, below)
    return windows.at(default if threshold is None else threshold)


def score(
    detections: Sequence[Any],
    onset: str | pd.Timestamp | None,
    *,
    start: str | pd.Timestamp,
    end: str | pd.Timestamp,
) -> Score:
    """Compare detections with what really happened.

    Parameters
    ----------
    detections : sequence of times
    onset : str, pandas.Timestamp or None
        When it began; None if nothing happened, so that every detection is a false alarm.
    start, end : str or pandas.Timestamp
        When the detector began and ended watching.

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
    start, end = _moment(start), _moment(end)
    when = pd.DatetimeIndex([_moment(detection) for detection in detections]).sort_values()
    if end < start or (len(when) and not start <= when[0] <= when[-1] <= end):
        raise ValueError(
            f"detections are from {when.min()} to {when.max()}, watched from {start} to {end}; "
            "expected start before end, and the detections between them"
        )
    begun = end if onset is None else min(max(_moment(onset), start), end)
    true = when[when >= begun] if onset is not None else when[:0]
    day = pd.Timedelta(days=1)
    delay = (true[0] - _moment(onset)) / day if len(true) else np.nan
    return Score(float(delay), len(when) - len(true), float((begun - start) / day))


def _moment(time: Any) -> pd.Timestamp:
    """Return a time without a zone, in UTC, as streams have it."""
    moment = pd.Timestamp(time)
    return moment if moment.tz is None else moment.tz_convert(None)


def _plain(name: str) -> str:
    return name.replace("_", "").replace("-", "").lower()


def _running(detector: str | Any, settings: dict[str, Any]) -> tuple[Any, str]:
    """Return a detector, and its name and settings as text."""
    if isinstance(detector, str):
        running = make_detector(detector, **settings)
        name = next(name for name in DETECTORS if _plain(name) == _plain(detector))
        text = ", ".join(f"{key}={value}" for key, value in settings.items())
        return running, f"{name}({text})" if text else name
    if isinstance(detector, type) or not hasattr(detector, "drift_detected"):
        raise TypeError(
            f"detector is {detector!r}; expected one of {list(DETECTORS)}, or an object of "
            "river.drift such as ADWIN(delta=0.001)"
        )
    if settings:
        raise TypeError(
            f"detector is an object and {list(settings)} were given; give them to the object"
        )
    return detector, type(detector).__name__


def _values(stream: Sequence[float]) -> np.ndarray:
    try:
        values = pd.Series(stream).to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise ValueError("stream contains a value that is not a number") from None
    if not len(values) or np.isnan(values).all():
        raise ValueError("stream holds no values; expected one or more")
    if np.isinf(values).any():
        raise ValueError("stream holds an infinite value; leave it out or make it missing")
    return values


def _times(
    times: Sequence[Any], n: int, *, in_order: bool = True
) -> tuple[pd.DatetimeIndex, pd.Timestamp]:
    """Return when each value is known, and when the first period began."""
    given = pd.Index(times)
    if len(given) != n:
        raise ValueError(f"times has {len(given):,} entries for {n:,} values; expected one each")
    if pd.api.types.is_numeric_dtype(given.dtype):
        raise ValueError(f"times holds the number {given[0]}; expected dates or months")
    if not isinstance(given, pd.DatetimeIndex | pd.PeriodIndex):
        months = all(isinstance(time, str) and len(time) == 7 for time in given)
        given = pd.PeriodIndex(given, freq="M") if months else pd.DatetimeIndex(given)
    begun = given
    if isinstance(given, pd.PeriodIndex):  # a month's value is known at its end
        begun, given = given.to_timestamp(), (given + 1).to_timestamp()
    if given.tz is not None:
        begun = given = given.tz_convert(None)
    if given.hasnans or (in_order and not given.is_monotonic_increasing):
        raise ValueError("times are missing or run backwards; sort the stream by time first")
    return given, begun.min()
