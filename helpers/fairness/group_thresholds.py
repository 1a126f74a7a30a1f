"""The effect of every decision threshold on each group, computed once for all thresholds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from helpers.base import checks
from helpers.fairness.counts import rate
from helpers.fairness.inputs import Groups, binary, same_order, unit_scores, vector

MOST_GROUPS = 6  # more thresholds than this cannot be set by hand
MOST_STEPS = 200  # of scores that are considered one by one
REACHED = 0.02  # rates nearer than this count as equal
RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
PRESETS = (
    "one threshold",
    "maximum profit",
    "demographic parity",
    "equal opportunity",
    "equalized odds",
)


@dataclass(frozen=True)
class Preset:
    """Thresholds that satisfy a criterion.

    Attributes
    ----------
    thresholds : dict of str to float
        For each group; scores at or above it are selected, and none if it is infinite.
    gap : float
        Largest difference between the rates that should be equal; 0 if none should be.
    reached : bool
        Whether ``gap`` is at most 0.02 and, for equalized odds, the decisions tell good from bad in
        every group: selecting all or none makes all rates equal too, and helps nobody.
    """

    thresholds: dict[str, float]
    gap: float
    reached: bool


class _Ranked(NamedTuple):
    """A group's rows in the order of their scores."""

    scores: np.ndarray  # ascending
    sums: np.ndarray  # of label 0, label 1 and utility, over the rows from each position on

    @classmethod
    def of(cls, scores: np.ndarray, y: np.ndarray, utility: np.ndarray) -> _Ranked:
        order = np.argsort(scores, kind="stable")[::-1]
        columns = np.stack([1 - y, y, utility], axis=1)[order]
        sums = np.concatenate([np.zeros((1, 3)), columns.cumsum(axis=0)])
        return cls(scores[order][::-1], sums[::-1])

    def at(self, thresholds: Any) -> np.ndarray:
        """Return the sums over the rows at or above thresholds, as ``scores >= threshold``."""
        dtype = np.result_type(self.scores, thresholds)
        return self.sums[np.searchsorted(self.scores, np.asarray(thresholds, dtype))]

    def counts(self, thresholds: Any) -> np.ndarray:
        negatives, positives = self.sums[0, :2]
        fp, tp = self.at(thresholds)[..., :2].T
        return np.stack([negatives - fp, fp, positives - tp, tp], axis=-1).astype(np.int64)

    def best(self) -> float:
        """Return the score with the highest sum of utilities at or above it."""
        return self.scores[self.at(self.scores)[:, 2].argmax()]


@dataclass(frozen=True)
class Thresholds:
    """Counts and money of each group at each threshold; result of :func:`thresholds`.

    Attributes
    ----------
    groups : list of str
        Names of the groups.
    grid : numpy.ndarray of shape (steps,)
        The thresholds that presets choose from: 0 (selects all), scores, infinity (selects none).
    counts : numpy.ndarray of shape (steps, groups, 4)
        True negatives, false positives, false negatives and true positives.
    utility : numpy.ndarray of shape (steps, groups)
        Sum of the utilities of those selected.
    """

    groups: list[str]
    grid: np.ndarray = field(repr=False)
    counts: np.ndarray = field(repr=False)
    utility: np.ndarray = field(repr=False)
    _ranked: list[_Ranked] = field(repr=False)

    def at(self, chosen: Mapping[str, float]) -> pd.DataFrame:
        """Return what thresholds do.

        Parameters
        ----------
        chosen : mapping of str to float
            A threshold for each group, any number: scores at or above it are selected.

        Returns
        -------
        pandas.DataFrame
            One row for each group: threshold, n, the rates of ``RATES``, utility (a sum).

        Raises
        ------
        ValueError
            If a group has no threshold, a threshold no group, or one is not a number.
        """
        if set(chosen) != set(self.groups):
            raise ValueError(f"chosen has {list(chosen)}; expected one of each: {self.groups}")
        for group, threshold in chosen.items():
            if not isinstance(threshold, Real) or np.isnan(threshold):
                raise ValueError(f"chosen has {threshold!r} for {group!r}; expected a number")
        pairs = [
            (ranked, chosen[group]) for ranked, group in zip(self._ranked, self.groups, strict=True)
        ]
        counts = np.array([ranked.counts(threshold) for ranked, threshold in pairs])
        columns = {"threshold": [float(t) for _, t in pairs], "n": counts.sum(axis=1)}
        columns |= {name: rate(name, counts) for name in RATES}
        columns["utility"] = [ranked.at(threshold)[2] for ranked, threshold in pairs]
        return pd.DataFrame(columns, index=pd.Index(self.groups, name="group"))

    def preset(self, name: str) -> Preset:
        """Return the thresholds of highest utility that satisfy a criterion.

        Parameters
        ----------
        name : str
            ``"one threshold"`` for all groups; ``"maximum profit"`` in each group separately;
            ``"demographic parity"`` (equal selection rates); ``"equal opportunity"`` (equal true
            positive rates); ``"equalized odds"`` (equal true and false positive rates; without
            randomisation, thresholds reach it only where the groups' ROC curves meet). Source:
            Hardt, Price & Srebro (2016), "Equality of Opportunity in Supervised Learning".

        Returns
        -------
        Preset

        Raises
        ------
        ValueError
            If the name is unknown, or the criterion is undefined: a group has no positives, for
            example.
        """
        checks.one_of("name", name, PRESETS)
        each = np.arange(len(self.groups))
        if name == "one threshold":
            return self._preset(np.full(len(each), self.utility.sum(axis=1).argmax()))
        if name == "maximum profit":
            return self._preset(self.utility.argmax(axis=0))
        wanted = {
            "demographic parity": ("selection_rate",),
            "equal opportunity": ("true_positive_rate",),
            "equalized odds": ("true_positive_rate", "false_positive_rate"),
        }[name]
        rates = np.stack([rate(r, self.counts) for r in wanted])  # rate x step x group
        if np.isnan(rates).any():
            raise ValueError(
                f"{name} needs the {' and the '.join(wanted)} of each group, and a group has no "
                "positives or no negatives; leave the group out or merge it"
            )
        steps, gaps = self._equal(rates)
        money = self.utility[steps, each].sum(axis=1)
        best = np.where(gaps <= REACHED, money, -np.inf).argmax()
        telling = len(wanted) == 1 or ((rates[0] - rates[1])[steps[best], each].min() > REACHED)
        return self._preset(steps[best], float(gaps[best]), telling)

    def _preset(self, steps: np.ndarray, gap: float = 0.0, telling: bool = True) -> Preset:
        chosen = dict(zip(self.groups, self.grid[steps].tolist(), strict=True))
        return Preset(chosen, gap, bool(gap <= REACHED and telling))

    def _equal(self, rates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return, for each step of each group, the steps of all groups nearest to its rates."""
        all_steps, all_gaps = [], []
        for leader in range(len(self.groups)):
            target = rates[:, :, leader]  # rate x step
            steps = np.empty((target.shape[1], len(self.groups)), dtype=int)
            for group in range(len(self.groups)):
                apart = np.abs(target[:, :, None] - rates[:, None, :, group]).max(axis=0)
                steps[:, group] = apart.argmin(axis=1)
            chosen = rates[:, steps, np.arange(len(self.groups))]  # rate x step x group
            all_steps.append(steps)
            all_gaps.append((chosen.max(axis=2) - chosen.min(axis=2)).max(axis=0))
        return np.concatenate(all_steps), np.concatenate(all_gaps)


def thresholds(
    y_true: Any,
    y_score: Any,
    *,
    sensitive_features: Any,
    utility: Any = (1.0, -1.0),
    grid: Any = None,
) -> Thresholds:
    """Compute what every threshold would do, so that looking one up costs nothing.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels, 0 or 1.
    y_score : array-like of shape (n,)
        Scores from 0 to 1; at or above the threshold means selected.
    sensitive_features : array-like, Series or DataFrame of n rows
        Groups, at most 6; several columns give their intersections.
    utility : pair of float, or array-like of shape (n,), default (1.0, -1.0)
        Value of selecting a row: one number for rows with label 1 and one for rows with label 0,
        or a number for each row, in euro for example. With the default, the highest utility is the
        highest accuracy.
    grid : array-like of float, optional
        Thresholds that presets may choose, such as the steps of a slider. By default the scores
        themselves; of more than 200, those of highest utility, and quantiles by group and label.

    Returns
    -------
    Thresholds

    Raises
    ------
    ValueError
        If lengths differ, labels are not 0 and 1, scores are not from 0 to 1, or there are more
        than 6 groups.

    Examples
    --------
    >>> groups = ["a", "b", "a", "b"]
    >>> table = thresholds([1, 1, 0, 0], [0.9, 0.4, 0.6, 0.1], sensitive_features=groups)
    >>> table.at({"a": 0.7, "b": 0.7})["selection_rate"].to_dict()
    {'a': 0.5, 'b': 0.0}
    >>> table.preset("maximum profit").reached
    True
    """
    y = binary(y_true, "y_true")
    scores = unit_scores(y_score, "y_score", len(y))
    same_order(
        y_true=y_true, y_score=y_score, sensitive_features=sensitive_features, utility=utility
    )
    by = Groups.of(sensitive_features, "sensitive_features", len(y))
    occurring, code = np.unique(by.code, return_inverse=True)
    names = [by.labels[i] for i in occurring]
    if len(names) > MOST_GROUPS:
        raise ValueError(
            f"sensitive_features make {len(names)} groups; expected at most {MOST_GROUPS}, one "
            "slider for each: choose one column, or merge groups"
        )
    if isinstance(utility, tuple) or (np.size(utility) == 2 and len(y) != 2):
        gain, loss = np.asarray(utility, dtype=float)
        each = np.where(y == 1, gain, loss)
    else:
        each = vector(utility, "utility", len(y)).astype(float)
    own = np.asarray(y_score).dtype  # a threshold is compared as the caller's >= compares it
    scores = scores.astype(own if own.kind == "f" else float)
    members = [code == i for i in range(len(names))]
    ranked = [_Ranked.of(scores[mine], y[mine], each[mine]) for mine in members]
    if grid is None:
        grid = np.unique(scores)
        if len(grid) > MOST_STEPS:
            together = sum(one.at(grid)[:, 2] for one in ranked)
            best = [grid[together.argmax()], *(one.best() for one in ranked)]
            levels = np.linspace(0, 1, max(MOST_STEPS // len(ranked), 40))
            parts = [scores[mine & (y == label)] for mine in members for label in (0, 1)]
            spread = [np.quantile(part, levels, method="lower") for part in parts if len(part)]
            grid = np.concatenate([best, *spread])
    elif vector(grid, "grid", None).dtype.kind not in "biuf":
        raise ValueError(f"grid is {grid!r}; expected numbers")
    grid = np.unique([0.0, *np.ravel(grid), np.inf])
    counts = np.stack([one.counts(grid) for one in ranked], axis=1)
    money = np.stack([one.at(grid)[:, 2] for one in ranked], axis=1)
    return Thresholds(names, grid, counts, money, ranked)
