"""Who is selected and who is wronged: metrics by group, with their uncertainty."""

from __future__ import annotations

import functools
import html
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.fairness.counts import (
    DENOMINATORS,
    RATIOS,
    confusion,
    difference,
    draw_counts,
    interval,
    quantiles,
    rate,
    ratio,
)
from helpers.fairness.inputs import Groups, binary, label, same_order, unit_scores
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
    """What :func:`audit` found.

    Attributes
    ----------
    by_group : pandas.DataFrame
        One row for each group (control features come first in the index); columns ``n`` (rows),
        ``(metric, value)``, ``(metric, low)``, ``(metric, high)`` and ``notes``, which says what is
        small, undefined or not to be trusted. Undefined values are NaN.
    overall : pandas.DataFrame
        One row for each metric (within each level of the control features), columns ``value``,
        ``low``, ``high``.
    differences, ratios : pandas.DataFrame
        Highest less lowest group, and lowest over highest, as fairlearn's ``between_groups``; with
        the names of the two groups and ``notes`` on groups that are left out as undefined.
    n : int
        Rows.
    confidence : float
        Coverage that the intervals aim at.
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

    def table(self) -> pd.DataFrame:
        """Give the groups, the whole and the differences as text: value [low, high].

        Returns
        -------
        pandas.DataFrame
        """
        text = pd.DataFrame(index=self.by_group.index)
        text["n"] = [f"{n:,}" for n in self.by_group["n"]]
        for metric in self.metrics:
            text[metric] = with_interval(self.by_group[metric])
        text["notes"] = self.by_group["notes"]
        text.index = [label(key) for key in text.index]
        rows = [text.rename_axis(" x ".join(map(str, self.by_group.index.names)))]
        for name, found in (
            ("all", self.overall),
            ("difference", self.differences),
            ("ratio", self.ratios),
        ):
            wide = pd.Series(with_interval(found), index=found.index)
            if found.index.nlevels == 1:
                line = pd.DataFrame([wide], index=[name])
            else:
                line = wide.unstack(-1)[self.metrics]  # noqa: PD010
                line.index = [f"{name}: {label(key)}" for key in line.index]
            rows.append(line)
        return pd.concat(rows).fillna("").rename_axis(rows[0].index.name)

    def _said(self) -> str:
        interval = (
            f"{self.confidence:.0%} intervals from {self.resamples:,} resamples"
            if self.resamples
            else "no intervals"
        )
        return f"Audit: {self.n:,} rows, {len(self.by_group)} groups; {interval}"

    def __repr__(self) -> str:
        return f"{self._said()}\n\n{self.table().to_string(max_colwidth=60)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._said())}</p>{self.table().to_html()}"

    def plot(self, metrics: Sequence[str] | None = None, ax: Axes | None = None) -> Axes:
        """Draw each group's values with their intervals; small groups are hollow.

        Parameters
        ----------
        metrics : sequence of str, optional
            Names of metrics; all but counts if not given.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if not given.

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
        if ax is None:
            import matplotlib.pyplot as plt

            height = 1.2 + groups * (0.22 + 0.16 * len(chosen))
            _, ax = plt.subplots(figsize=(8, max(2.4, height)), layout="constrained")
        shift = 0.8 / max(len(chosen), 1)
        small = self.by_group["n"].to_numpy() < SMALL
        for i, metric in enumerate(chosen):
            colour = style.PALETTE[i % len(style.PALETTE)]
            values = self.by_group[metric]
            at = np.arange(groups) + (i - (len(chosen) - 1) / 2) * shift
            ax.hlines(at, values["low"], values["high"], color=colour, lw=2)
            ax.scatter(
                values["value"],
                at,
                s=34,
                zorder=3,
                edgecolors=colour,
                facecolors=np.where(small, "white", colour),
                label=metric,
            )
            if self.overall.index.nlevels == 1:
                ax.axvline(self.overall.loc[metric, "value"], color=colour, lw=1, ls=":")
        names = [
            f"{label(key)} (n = {n:,})"
            for key, n in zip(self.by_group.index, self.by_group["n"], strict=True)
        ]
        ax.set_yticks(np.arange(groups), names)
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
    sensitive: Any,
    control: Any = None,
    metrics: Metric | Sequence[Metric] | Mapping[str, Callable[..., float]] | None = None,
    confidence: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
) -> Audit:
    """Measure decisions or scores by group, with confidence intervals.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        What happened, 0 or 1.
    y_pred : array-like of shape (n,), optional
        What was decided, 0 or 1; 1 is 'selected'.
    y_score : array-like of shape (n,), optional
        Scores from 0 to 1. At least one of ``y_pred`` and ``y_score`` is needed.
    sensitive : array-like, Series or DataFrame of n rows
        One column, or several: then each intersection is a group. Missing values are a group.
    control : array-like, Series or DataFrame of n rows, optional
        Groups are compared within each level of it, never across.
    metrics : str, callable, sequence of these, or mapping of str to callable, optional
        Names (``"selection_rate"``, ``"true_positive_rate"``, ``"false_positive_rate"``,
        ``"true_negative_rate"``, ``"false_negative_rate"``, ``"precision"``, ``"recall"``,
        ``"f1"``, ``"accuracy"``, ``"balanced_accuracy"``, ``"count"``; of scores ``"mean_score"``,
        ``"roc_auc"``) or functions ``f(y_true, y_pred)``. A function whose second parameter is
        called ``y_score``, ``y_prob`` or ``y_proba`` is given the scores.
    confidence : float, default 0.95
        Coverage of the intervals.
    resamples : int, default 1000
        Bootstrap resamples; 0 for no intervals.
    seed : int, default 0
        Chooses the resamples.

    Returns
    -------
    Audit

    Raises
    ------
    ValueError
        If lengths differ, labels or decisions are not 0 and 1, scores are not from 0 to 1, there
        are more than 50 groups, a metric is unknown or lacks its input, or another parameter is out
        of its range.

    Notes
    -----
    fairlearn gives 0 where a rate is undefined (the true positive rate of a group without
    positives); here it is NaN, left out of the differences, and said in ``notes``. A difference of
    the extremes among noisy groups tends to be too large, and so does its interval: the more groups
    and the smaller, the more. An interval of a rate of exactly 0 or 1 has no width, which is
    flagged: resampling cannot show what was never seen.

    Examples
    --------
    >>> found = audit([1, 1, 0, 0], [1, 1, 1, 0], sensitive=["a", "a", "b", "b"])
    >>> found.by_group["notes"].iloc[0]  # doctest: +ELLIPSIS
    'small: 2 rows; no negatives: false_positive_rate undefined; interval without width, ...'
    """
    y = binary(y_true, "y_true")
    n = len(y)
    decisions = None if y_pred is None else binary(y_pred, "y_pred", n)
    scores = None if y_score is None else unit_scores(y_score, "y_score", n)
    if decisions is None and scores is None:
        raise ValueError("neither y_pred nor y_score is given; expected decisions, scores or both")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; expected a share between 0 and 1: 0.95")
    if not isinstance(resamples, int | np.integer) or resamples < 0:
        raise ValueError(f"resamples is {resamples!r}; expected a whole number, 0 or more")
    for other, name in ((y_pred, "y_pred"), (y_score, "y_score"), (sensitive, "sensitive")):
        same_order(y_true, other, name)
    same_order(y_true, control, "control")
    groups = Groups.of(sensitive, "sensitive", n)
    levels = Groups.of(control, "control", n) if control is not None else Groups.one(n)
    clash = set(groups.names) & set(levels.names)
    if clash:
        raise ValueError(f"control and sensitive both have {sorted(clash)}; name them differently")
    wanted = resolve(metrics, decisions is not None, scores is not None)
    return _Study(y, decisions, scores, groups, levels, wanted).audit(confidence, resamples, seed)


class _Study:
    """One audit's numbers: cells are control level x sensitive group, the level first."""

    def __init__(
        self,
        y: np.ndarray,
        decisions: np.ndarray | None,
        scores: np.ndarray | None,
        groups: Groups,
        levels: Groups,
        metrics: list[Known],
    ) -> None:
        self.y, self.decisions, self.scores = y, decisions, scores
        self.groups, self.levels, self.metrics = groups, levels, metrics
        self.shape = (len(levels.keys), len(groups.keys))
        self.cell = levels.code * self.shape[1] + groups.code
        self.cells = self.shape[0] * self.shape[1]
        self.counts = confusion(y, y if decisions is None else decisions, self.cell, self.cells)

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
        for compare in (difference, ratio):
            found = {"value": compare(values.reshape(split))}
            found |= interval(compare(drawn[0].reshape(-1, *split)), tail)
            table = self.by_level(found).assign(**self.extremes(values.reshape(split)))
            outside = (table["value"] < table["low"]) | (table["value"] > table["high"])
            said = np.where(outside, "outside its interval: much of it may be noise", "")
            table["notes"] = [
                "; ".join(filter(None, both)) for both in zip(table["notes"], said, strict=True)
            ]
            compared.append(table)
        return Audit(frame, whole, *compared, len(self.y), confidence, resamples)

    def points(self) -> tuple[np.ndarray, np.ndarray]:
        """Give fairlearn's values for each cell and for each level; NaN where undefined."""
        from fairlearn.metrics import MetricFrame

        code = pd.DataFrame({"group": self.groups.code})
        level = None if self.levels.names == () else pd.DataFrame({"level": self.levels.code})
        cells, wholes = np.full((2, self.cells, len(self.metrics)), np.nan)
        wholes = wholes[: self.shape[0]]
        for of_scores in (False, True):
            mine = [i for i, m in enumerate(self.metrics) if m.of_scores is of_scores]
            if not mine:
                continue
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                frame = MetricFrame(
                    metrics={self.metrics[i].name: guarded(self.metrics[i]) for i in mine},
                    y_true=self.y,
                    y_pred=self.scores if of_scores else self.decisions,
                    sensitive_features=code,
                    control_features=level,
                )
            found, whole = frame.by_group.astype(float), frame.overall.astype(float)
            if level is None:
                cells[found.index, np.c_[mine]] = found.to_numpy().T
                wholes[0, mine] = whole.to_numpy()
            else:
                at = found.index.get_level_values(0) * self.shape[1]
                cells[at + found.index.get_level_values(1), np.c_[mine]] = found.to_numpy().T
                wholes[whole.index, np.c_[mine]] = whole.to_numpy().T
        totals = self.counts.reshape(*self.shape, 4).sum(axis=1)
        for i, metric in enumerate(self.metrics):
            if metric.formula:
                for array, counts in ((cells, self.counts), (wholes, totals)):
                    array[np.isnan(rate(metric.fast, counts)), i] = np.nan
        return cells, wholes

    def resample(self, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Draw the metrics anew: of each cell (resamples, cells, metrics), and of each level."""
        rng = np.random.default_rng(seed)
        cells = np.full((resamples, self.cells, len(self.metrics)), np.nan)
        wholes = np.full((resamples, self.shape[0], len(self.metrics)), np.nan)
        if not resamples:
            return cells, wholes
        slow = []
        drawn = draw_counts(self.counts, resamples, rng)
        totals = drawn.reshape(resamples, *self.shape, 4).sum(axis=2)
        for i, metric in enumerate(self.metrics):
            if metric.formula:
                cells[:, :, i] = rate(metric.fast, drawn)
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
        """Functions from 'how often was each row drawn' to the metric of each cell and level."""
        values = self.scores if metric.of_scores else self.decisions
        make = {"mean_score": weighted_mean, "roc_auc": weighted_auc}.get(metric.fast)
        if make is None:
            make = functools.partial(by_calls, guarded(metric))
        return (
            make(self.y, values, self.cell, self.cells),
            make(self.y, values, self.levels.code, self.shape[0]),
        )

    def by_level(self, columns: dict[str, np.ndarray]) -> pd.DataFrame:
        """One row for each metric, or for each level and metric."""
        names = [m.name for m in self.metrics]
        index = pd.Index(names, name="metric")
        if self.levels.names:
            tuples = [(*key, name) for key in self.levels.keys for name in names]
            index = pd.MultiIndex.from_tuples(tuples, names=[*self.levels.names, "metric"])
        return pd.DataFrame({k: np.ravel(v) for k, v in columns.items()}, index=index)

    def extremes(self, values: np.ndarray) -> dict[str, list[str]]:
        """For each level and metric: the lowest and highest group, and what was left out."""
        found: dict[str, list[str]] = {"lowest": [], "highest": [], "notes": []}
        names = np.array([label(key) for key in self.groups.keys], dtype=object)
        for level in values:
            for column in level.T:
                out = np.isnan(column)
                enough = (~out).sum() > 1
                found["lowest"].append(names[np.nanargmin(column)] if enough else "")
                found["highest"].append(names[np.nanargmax(column)] if enough else "")
                said = [f"undefined, left out: {', '.join(names[out])}"] if out.any() else []
                said += [] if enough else ["fewer than two groups to compare"]
                found["notes"].append("; ".join(said))
        return found

    def notes(self, values: np.ndarray, drawn: np.ndarray) -> list[str]:
        notes = []
        for cell, counts in enumerate(self.counts):
            n = counts.sum()
            if n == 0:
                notes.append("no rows")
                continue
            said = {f"small: {n} rows": None} if n < SMALL else {}  # ordered, each once
            still = []
            for i, metric in enumerate(self.metrics):
                if np.isnan(values[cell, i]):
                    said[f"{_why(metric, counts)}: {metric.name} undefined"] = None
                    continue
                if metric.formula and n >= SMALL:
                    for _, of in RATIOS[metric.fast]:
                        if of and (few := int(np.dot(DENOMINATORS[of], counts))) < SMALL:
                            said[f"few {of}: {few}"] = None
                resampled = drawn[:, cell, i]
                if np.isnan(resampled).all() or np.nanmax(resampled) > np.nanmin(resampled):
                    continue
                if metric.fast != "count":
                    still.append(metric.name)
            if still:
                said[f"interval without width, not to be trusted: {', '.join(still)}"] = None
            notes.append("; ".join(said))
        return notes


def _why(metric: Known, counts: np.ndarray) -> str:
    """Say what a group lacks for a metric to be defined."""
    needed = [of for _, of in RATIOS.get(metric.fast, ())] or ["positives", "negatives"]
    lacking = [of for of in needed if not np.dot(DENOMINATORS[of], counts)]
    return " and ".join(f"no {of}" for of in lacking) or "the function says so"


def with_interval(values: pd.DataFrame) -> list[str]:
    """Write each row of ``value``, ``low``, ``high`` as text: 0.312 [0.290, 0.335]."""
    found = []
    for value, low, high in values[["value", "low", "high"]].to_numpy():
        if np.isnan(value):
            found.append("undefined")
        elif abs(value) >= 100:
            found.append(f"{value:,.0f}" + ("" if np.isnan(low) else f" [{low:,.0f}, {high:,.0f}]"))
        else:
            found.append(f"{value:.3f}" + ("" if np.isnan(low) else f" [{low:.3f}, {high:.3f}]"))
    return found
