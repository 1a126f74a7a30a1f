"""Metrics by group with confidence intervals: selection rates, error rates and scores."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import checks, style
from helpers.fairness.counts import (
    DENOMINATORS,
    RATIOS,
    confusion,
    difference,
    draw_counts,
    draw_weighted,
    interval,
    quantiles,
    rate,
    ratio,
)
from helpers.fairness.inputs import Groups, binary, labels, same_order, unit_scores, weights
from helpers.fairness.metrics import (
    Known,
    Metric,
    bar,
    by_calls,
    guarded,
    resolve,
    weighted_auc,
    weighted_mean,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SMALL = 30  # a group, or a rate's denominator, with fewer rows than this is flagged


@dataclass(frozen=True, repr=False)
class Audit:
    """Result of :func:`audit`.

    Attributes
    ----------
    by_group : pandas.DataFrame
        One row for each group (control features come first in the index); columns ``n`` (rows),
        ``(metric, value)``, ``(metric, low)``, ``(metric, high)`` and ``notes``: what is small,
        undefined or not to be trusted. Undefined values are NaN.
    overall : pandas.DataFrame
        One row for each metric (within each level of the control features), columns ``value``,
        ``low``, ``high``.
    differences, ratios : pandas.DataFrame
        Highest minus lowest group, and lowest over highest, as fairlearn's ``between_groups``; with
        the names of the two groups and ``notes`` on groups that are left out as undefined.
    n : int
        Rows.
    confidence : float
        Nominal coverage of the intervals.
    resamples : int
        Bootstrap resamples; 0 gives no intervals.
    """

    by_group: pd.DataFrame
    overall: pd.DataFrame
    differences: pd.DataFrame
    ratios: pd.DataFrame
    n: int
    confidence: float
    resamples: int

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics."""
        return [m for m, kind in self.by_group.columns if kind == "value"]

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers of the groups, of all rows together, the differences and the ratios.

        Returns
        -------
        pandas.DataFrame
            The columns of ``by_group``; one row for each group, then ``all``, ``difference`` and
            ``ratio`` (within each level of the control features: ``all: level`` and so on).
        """
        names = " x ".join(map(str, self.by_group.index.names))
        groups = self.by_group.set_axis(labels(self.by_group.index))
        rows = [groups.astype({("n", ""): "Int64"})]  # has no value in the other rows
        others = {"all": self.overall, "difference": self.differences, "ratio": self.ratios}
        for name, table in others.items():
            wide = pd.concat({name: table[["value", "low", "high"]]}).unstack(-1)  # noqa: PD010
            if wide.index.nlevels > 1:
                wide.index = [f"{name}: {level}" for level in labels(k[1:] for k in wide.index)]
            rows.append(wide.swaplevel(axis=1))
        return pd.concat(rows).rename_axis(names).fillna({("notes", ""): ""})

    def text(self) -> pd.DataFrame:
        """Return :meth:`to_frame` as text: value [low, high]."""
        frame = self.to_frame()
        columns = {"n": ["" if pd.isna(n) else f"{n:,}" for n in frame["n"]]}
        columns |= {metric: with_interval(frame[metric]) for metric in self.metrics}
        columns["notes"] = frame["notes"].tolist()
        return pd.DataFrame(columns, index=frame.index)

    def _title(self) -> str:
        interval = (
            f"{self.confidence:.0%} intervals from {self.resamples:,} resamples"
            if self.resamples
            else "no intervals"
        )
        return f"Audit: {self.n:,} rows, {len(self.by_group)} groups; {interval}"

    def __repr__(self) -> str:
        return f"{self._title()}\n\n{self.text().to_string(max_colwidth=60)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._title())}</p>{self.text().to_html()}"

    def plot(self, metrics: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
        """Draw each group's values with their intervals; small groups are hollow.

        Parameters
        ----------
        metrics : sequence of str, optional
            Names of metrics; by default all except counts.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; new ones by default.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If a metric was not audited.
        """
        chosen = [m for m in self.metrics if m != "count"] if metrics is None else list(metrics)
        for metric in chosen:
            if metric not in self.metrics:
                raise ValueError(f"metrics has {metric!r}; this audit has {self.metrics}")
        groups = len(self.by_group)
        ax = style.axes(ax, 8, max(2.4, 1.2 + groups * (0.22 + 0.16 * len(chosen))))
        shift = 0.8 / max(len(chosen), 1)
        small = self.by_group["n"].to_numpy() < SMALL
        for i, metric in enumerate(chosen):
            colour = style.PALETTE[i % len(style.PALETTE)]
            values = self.by_group[metric]
            at = np.arange(groups) + (i - (len(chosen) - 1) / 2) * shift
            ax.hlines(at, values["low"], values["high"], color=colour, lw=2)
            look = {"edgecolors": colour, "facecolors": np.where(small, "white", colour)}
            ax.scatter(values["value"], at, s=34, zorder=3, label=metric, **look)
            if self.overall.index.nlevels == 1:
                ax.axvline(self.overall.loc[metric, "value"], color=colour, lw=1, ls=":")
        names = [
            f"{name} (n = {n:,})"
            for name, n in zip(labels(self.by_group.index), self.by_group["n"], strict=True)
        ]
        ax.set_yticks(np.arange(groups), [name.replace("$", r"\$") for name in names])
        ax.invert_yaxis()
        ax.grid(False, axis="y")
        ax.set_xlabel("value" if len(chosen) != 1 else chosen[0])
        whole = "; dotted: all together" if self.overall.index.nlevels == 1 else ""
        ax.set_title(
            f"by group, {self.confidence:.0%} intervals{whole}"
            + (f"; hollow: under {SMALL} rows" if small.any() else "")
        )
        if len(chosen) > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return ax


def audit(
    y_true: Any,
    y_pred: Any = None,
    y_score: Any = None,
    *,
    sensitive_features: Any,
    control_features: Any = None,
    metrics: Metric | Sequence[Metric] | Mapping[str, Callable[..., float]] | None = None,
    confidence: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
    most_groups: int | None = None,
    sample_weight: Any = None,
    least_rows: int = 0,
) -> Audit:
    """Return metrics of decisions or scores by group, with confidence intervals.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels, 0 or 1.
    y_pred : array-like of shape (n,), optional
        Decisions, 0 or 1; 1 is 'selected'.
    y_score : array-like of shape (n,), optional
        Scores from 0 to 1. At least one of ``y_pred`` and ``y_score`` is needed.
    sensitive_features : array-like, Series or DataFrame of n rows
        One column, or several: then each intersection is a group. Missing values are a group.
    control_features : array-like, Series or DataFrame of n rows, optional
        Groups are compared within each of its levels, never across.
    metrics : str, callable, sequence of these, or mapping of str to callable, optional
        Names (``"selection_rate"``, ``"true_positive_rate"``, ``"false_positive_rate"``,
        ``"true_negative_rate"``, ``"false_negative_rate"``, ``"precision"``, ``"recall"``,
        ``"f1"``, ``"accuracy"``, ``"balanced_accuracy"``, ``"count"``, and ``"base_rate"``,
        the share with label 1; of scores ``"mean_score"``, ``"roc_auc"``) or functions ``f(y_true,
        y_pred)``. A function whose second parameter is called ``y_score``, ``y_prob`` or
        ``y_proba`` gets the scores.
    confidence : float, default 0.95
        Coverage of the intervals.
    resamples : int, default 1000
        Bootstrap resamples; 0 for no intervals.
    seed : int, default 0
        Seed of the resamples.
    most_groups : int, optional
        More groups than this are refused; by default 200, or 50 values of a numeric column. Of
        more possible intersections than this, only those that occur are groups.
    sample_weight : array-like of shape (n,), optional
        A weight of each row, 0 or more, as fairlearn's metrics take it (``n`` and ``"count"`` stay
        rows). Rows are then resampled one by one, which takes longer.
    least_rows : int, default 0
        Groups with fewer rows are left out of differences and ratios, and named in ``notes``.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If lengths or indexes differ, labels or decisions are not 0 and 1, scores are not from 0 to
        1, there are too many groups, a metric is unknown or lacks its input, or another parameter
        is out of its range.

    Notes
    -----
    fairlearn returns 0 where a rate is undefined (the true positive rate of a group without
    positives); here it is NaN, left out of the differences, and mentioned in ``notes``. The
    difference between the extremes of noisy groups tends to be too large, and so does its interval:
    the more groups and the smaller, the more. The interval of a rate of exactly 0 or 1 has no
    width, which is flagged: resampling cannot show what was never seen.

    Examples
    --------
    >>> result = audit([1, 1, 0, 0], [1, 1, 1, 0], sensitive_features=["a", "a", "b", "b"])
    >>> result.by_group["notes"].iloc[0]  # doctest: +ELLIPSIS
    'small: 2 rows; no negatives: false_positive_rate undefined; interval without width, ...'
    """
    y = binary(y_true, "y_true")
    n = len(y)
    decisions = None if y_pred is None else binary(y_pred, "y_pred", n)
    scores = None if y_score is None else unit_scores(y_score, "y_score", n)
    if decisions is None and scores is None:
        raise ValueError("neither y_pred nor y_score is given; expected decisions, scores or both")
    confidence = checks.share("confidence", confidence, ends=False)
    resamples = checks.whole("resamples", resamples)
    same_order(
        y_true=y_true,
        y_pred=y_pred,
        y_score=y_score,
        sensitive_features=sensitive_features,
        control_features=control_features,
        sample_weight=sample_weight,
    )
    groups = Groups.of(sensitive_features, "sensitive_features", n, most_groups)
    levels = Groups.single(n)
    if control_features is not None:
        levels = Groups.of(control_features, "control_features", n, most_groups)
    if clash := set(groups.names) & set(levels.names):
        raise ValueError(
            f"control_features and sensitive_features both have {sorted(clash)}; use other names"
        )
    weight = weights(sample_weight, "sample_weight", n)
    wanted = resolve(metrics, decisions is not None, scores is not None, weight is not None)
    least = checks.whole("least_rows", least_rows)
    study = _Study(y, decisions, scores, groups, levels, wanted, weight, least)
    return study.audit(confidence, resamples, seed)


class _Study:
    """Numbers of one audit; its cells are control level x sensitive group, the level first."""

    def __init__(
        self,
        y: np.ndarray,
        decisions: np.ndarray | None,
        scores: np.ndarray | None,
        groups: Groups,
        levels: Groups,
        metrics: list[Known],
        weight: np.ndarray | None,
        least: int,
    ) -> None:
        self.y, self.decisions, self.scores = y, decisions, scores
        self.groups, self.levels, self.metrics = groups, levels, metrics
        self.shape = (len(levels.keys), len(groups.keys))
        self.cell = levels.code * self.shape[1] + groups.code
        self.cells = self.shape[0] * self.shape[1]
        self.rows = y, y if decisions is None else decisions, self.cell, self.cells
        self.counts, self.weight, self.least = confusion(*self.rows), weight, least

    def audit(self, confidence: float, resamples: int, seed: int) -> Audit:
        values, overall = self.points()
        drawn = self.resample(resamples, seed)
        tail = (1 - confidence) / 2
        low, high = quantiles(drawn[0], tail)
        by_group = {("n", ""): self.counts.sum(axis=1)}
        for i, metric in enumerate(self.metrics):
            for kind, array in (("value", values), ("low", low), ("high", high)):
                by_group[metric.name, kind] = array[:, i]
        by_group["notes", ""] = self.notes(values, drawn[0])
        index = self.groups.index(self.levels)
        frame = pd.DataFrame(by_group, index=index)
        frame.columns = pd.MultiIndex.from_tuples(frame.columns)
        whole = self.by_level({"value": overall} | interval(drawn[1], tail))
        compared = []
        split = (*self.shape, len(self.metrics))
        few = (self.counts.sum(axis=1) < self.least)[:, None]
        values, of_cells = (np.where(few, np.nan, array) for array in (values, drawn[0]))
        for compare in (difference, ratio):
            columns = {"value": compare(values.reshape(split))}
            columns |= interval(compare(of_cells.reshape(-1, *split)), tail)
            table = self.by_level(columns).assign(**self.extremes(values.reshape(split)))
            outside = (table["value"] < table["low"]) | (table["value"] > table["high"])
            noise = np.where(outside, "outside its interval: much of it may be noise", "")
            table["notes"] = [
                "; ".join(filter(None, both)) for both in zip(table["notes"], noise, strict=True)
            ]
            compared.append(table)
        return Audit(frame, whole, *compared, len(self.y), confidence, resamples)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the values of each cell and of each level, as fairlearn's MetricFrame has them."""
        cells = np.full((self.cells, len(self.metrics)), np.nan)
        wholes = np.full((self.shape[0], len(self.metrics)), np.nan)
        once = np.ones(len(self.y), dtype=np.int64)
        weighted = self.counts
        if self.weight is not None:
            weighted = confusion(*self.rows, self.weight)
        for i, metric in enumerate(self.metrics):
            if metric.formula:
                counts = self.counts if metric.fast == "count" else weighted
                totals = counts.reshape(*self.shape, 4).sum(axis=1)
                cells[:, i], wholes[:, i] = rate(metric.fast, counts), rate(metric.fast, totals)
            else:
                values = self.scores if metric.of_scores else self.decisions
                for array, code in ((cells, self.cell), (wholes, self.levels.code)):
                    call = guarded(metric), self.y, values, code, len(array), self.weight
                    array[:, i] = by_calls(*call)(once)
        cells[self.counts.sum(axis=1) == 0] = np.nan
        return cells, wholes

    def resample(self, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Bootstrap the metrics of each cell (resamples, cells, metrics), and of each level."""
        rng = np.random.default_rng(seed)
        cells = np.full((resamples, self.cells, len(self.metrics)), np.nan)
        wholes = np.full((resamples, self.shape[0], len(self.metrics)), np.nan)
        if not resamples:
            return cells, wholes
        slow = []
        drawn = weighted = draw_counts(self.counts, resamples, rng)
        if self.weight is not None:
            weighted = draw_weighted(self.rows, self.weight, resamples, rng)
        for i, metric in enumerate(self.metrics):
            if metric.formula:
                counts = drawn if metric.fast == "count" else weighted
                totals = counts.reshape(resamples, *self.shape, 4).sum(axis=2)
                cells[:, :, i] = rate(metric.fast, counts)
                wholes[:, :, i] = rate(metric.fast, totals)
            else:
                slow.append((i, *self.of_rows(metric)))
        if slow:
            for b in bar(range(resamples), resamples * len(self.y) * len(slow)):
                times = np.bincount(rng.integers(0, len(self.y), len(self.y)), None, len(self.y))
                for i, of_cells, of_levels in slow:
                    cells[b, :, i] = of_cells(times)
                    wholes[b, :, i] = of_levels(times)
        return cells, wholes

    def of_rows(self, metric: Known) -> tuple[Callable, Callable]:
        """Return functions from how often each row was drawn to the metric by cell and by level."""
        values = self.scores if metric.of_scores else self.decisions
        make = {"mean_score": weighted_mean, "roc_auc": weighted_auc}.get(metric.fast)
        if make is None:
            make = functools.partial(by_calls, guarded(metric), weight=self.weight)
        each = 1 if self.weight is None or not metric.fast else self.weight
        of = [(self.cell, self.cells), (self.levels.code, self.shape[0])]
        of_cells, of_levels = (make(self.y, values, *codes) for codes in of)
        return lambda times: of_cells(times * each), lambda times: of_levels(times * each)

    def by_level(self, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        """Return a table with one row for each metric, or for each level and metric."""
        names = [m.name for m in self.metrics]
        index = pd.Index(names, name="metric")
        if self.levels.names:
            tuples = [(*key, name) for key in self.levels.keys for name in names]
            index = pd.MultiIndex.from_tuples(tuples, names=[*self.levels.names, "metric"])
        return pd.DataFrame({k: np.ravel(v) for k, v in columns.items()}, index=index)

    def extremes(self, values: np.ndarray) -> dict[str, list[str]]:
        """Return the lowest and highest group of each level and metric, and what was left out."""
        columns: dict[str, list[str]] = {"lowest": [], "highest": [], "notes": []}
        names = np.array(self.groups.labels, dtype=object)
        small = (self.counts.sum(axis=1) < self.least).reshape(self.shape)
        for level, few in zip(values, small, strict=True):
            for column in level.T:
                out = np.isnan(column)
                enough = (~out).sum() > 1
                columns["lowest"].append(names[np.nanargmin(column)] if enough else "")
                columns["highest"].append(names[np.nanargmax(column)] if enough else "")
                why = {"undefined": out & ~few, f"under {self.least} rows": few}
                notes = [f"{w}, left out: {', '.join(names[o])}" for w, o in why.items() if o.any()]
                notes += [] if enough else ["fewer than two groups to compare"]
                columns["notes"].append("; ".join(notes))
        return columns

    def notes(self, values: np.ndarray, drawn: np.ndarray) -> list[str]:
        """Return what is small, undefined or not to be trusted in each cell."""
        all_notes = []
        for cell, counts in enumerate(self.counts):
            n = counts.sum()
            if n == 0:
                all_notes.append("no rows")
                continue
            notes = {f"small: {n} rows": None} if n < SMALL else {}  # ordered, each once
            still = []
            for i, metric in enumerate(self.metrics):
                if np.isnan(values[cell, i]):
                    notes[f"{_why(metric, counts)}: {metric.name} undefined"] = None
                    continue
                if metric.formula and n >= SMALL:
                    for _, of in RATIOS[metric.fast]:
                        if of and (few := int(np.dot(DENOMINATORS[of], counts))) < SMALL:
                            notes[f"few {of}: {few}"] = None
                resampled = drawn[:, cell, i]
                if np.isnan(resampled).all() or np.nanmax(resampled) > np.nanmin(resampled):
                    continue
                if metric.fast != "count":
                    still.append(metric.name)
            if still:
                notes[f"interval without width, not to be trusted: {', '.join(still)}"] = None
            all_notes.append("; ".join(notes))
        return all_notes


def _why(metric: Known, counts: np.ndarray) -> str:
    """Return what a group lacks for a metric to be defined."""
    needed = [of for _, of in RATIOS.get(metric.fast, ())] or ["positives", "negatives"]
    lacking = [of for of in needed if not np.dot(DENOMINATORS[of], counts)]
    return " and ".join(f"no {of}" for of in lacking) or "the function says so"


def with_interval(values: pd.DataFrame) -> list[str]:
    """Return each row of ``value``, ``low``, ``high`` as text: 0.312 [0.290, 0.335]."""
    texts = []
    for value, low, high in values[["value", "low", "high"]].to_numpy():
        form = ",.0f" if abs(value) >= 100 else ".3f"
        ends = "" if np.isnan(low) else f" [{low:{form}}, {high:{form}}]"
        texts.append("undefined" if np.isnan(value) else f"{value:{form}}{ends}")
    return texts
