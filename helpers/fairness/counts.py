"""Classification metrics from confusion counts, and a bootstrap that resamples the counts.

A metric of decisions depends on the rows only through the counts of each group x label x decision.
Drawing rows with replacement draws these counts from a multinomial distribution, so a bootstrap can
draw the counts directly: the same distribution, at a cost that does not grow with the rows.
Percentile intervals: Efron & Tibshirani (1993), "An Introduction to the Bootstrap", chapter 13.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

# A metric of decisions is the mean of one or more ratios of counts. It is a row of a table, not a
# function of the rows, for speed: one matrix product computes it for every group and resample.
# Counts are in the order of their code, 2 * label + decision: true negatives, false positives,
# false negatives, true positives.
DENOMINATORS = {
    "rows": (1, 1, 1, 1),
    "positives": (0, 0, 1, 1),
    "negatives": (1, 1, 0, 0),
    "selected": (0, 1, 0, 1),
    "positives or selected": (0, 1, 1, 2),
}
RATIOS: dict[str, tuple[tuple[tuple[int, ...], str], ...]] = {
    "selection_rate": (((0, 1, 0, 1), "rows"),),
    "true_positive_rate": (((0, 0, 0, 1), "positives"),),
    "false_positive_rate": (((0, 1, 0, 0), "negatives"),),
    "true_negative_rate": (((1, 0, 0, 0), "negatives"),),
    "false_negative_rate": (((0, 0, 1, 0), "positives"),),
    "precision": (((0, 0, 0, 1), "selected"),),
    "recall": (((0, 0, 0, 1), "positives"),),
    "f1": (((0, 0, 0, 2), "positives or selected"),),
    "accuracy": (((1, 0, 0, 1), "rows"),),
    "balanced_accuracy": (((0, 0, 0, 1), "positives"), ((1, 0, 0, 0), "negatives")),
    "count": (((1, 1, 1, 1), ""),),
    "base_rate": (((0, 0, 1, 1), "rows"),),
}


def confusion(
    y: np.ndarray, decided: np.ndarray, code: np.ndarray, groups: int, weight: Any = None
) -> np.ndarray:
    """Return true negatives, false positives, false negatives and true positives by group.

    ``y`` and ``decided`` are 0 or 1, ``code`` is each row's group, from 0; shape (groups, 4). With
    a weight for each row, sums of weights.
    """
    return np.bincount(4 * code + 2 * y + decided, weight, 4 * groups).reshape(groups, 4)


def draw_counts(counts: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Return the counts of bootstrap samples of the rows, of shape (resamples, groups, 4).

    Each sample has the size of the data: it sums to ``counts.sum()``.
    """
    n = counts.sum()
    return rng.multinomial(n, counts.ravel() / n, size=resamples).reshape(-1, *counts.shape)


def draw_weighted(
    cells: tuple[Any, ...], weight: np.ndarray, resamples: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the same of weighted rows, one by one; ``cells`` is what :func:`confusion` takes."""
    n, drawn = len(weight), np.zeros((resamples, cells[-1], 4))
    for sample in drawn:
        sample[:] = confusion(*cells, weight * np.bincount(rng.integers(0, n, n), minlength=n))
    return drawn


def rate(name: str, counts: np.ndarray) -> np.ndarray:
    """Return a metric of decisions, computed from counts.

    Parameters
    ----------
    name : str
        Such as ``"true_positive_rate"``.
    counts : numpy.ndarray of shape (..., 4)
        True negatives, false positives, false negatives, true positives.

    Returns
    -------
    numpy.ndarray of shape (...)
        NaN where the denominator is 0.

    Examples
    --------
    >>> float(rate("true_positive_rate", np.array([5, 5, 1, 3])))
    0.75
    """
    terms = []
    for over, under in RATIOS[name]:
        above = counts @ np.array(over)
        if not under:
            return above.astype(float)
        below = counts @ np.array(DENOMINATORS[under])
        empty = np.full(np.shape(above), np.nan)
        terms.append(np.divide(above, below, out=empty, where=below > 0))
    return sum(terms) / len(terms)


def quantiles(drawn: np.ndarray, tail: float) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper quantiles over the resamples (axis 0), without undefined values."""
    if not len(drawn):
        return (np.full(drawn.shape[1:], np.nan),) * 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all NaN: NaN is the answer
        low, high = np.nanquantile(drawn, [tail, 1 - tail], axis=0)
    return low, high


def interval(drawn: np.ndarray, tail: float) -> dict[str, np.ndarray]:
    """Return the quantiles as columns of a table."""
    return dict(zip(("low", "high"), quantiles(drawn, tail), strict=True))


def _extremes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return lowest and highest over the groups (second to last axis); NaN if fewer than two."""
    enough = np.isfinite(values).sum(axis=-2) > 1
    low = np.where(enough, np.nanmin(np.nan_to_num(values, nan=np.inf), axis=-2), np.nan)
    high = np.where(enough, np.nanmax(np.nan_to_num(values, nan=-np.inf), axis=-2), np.nan)
    return low, high


def difference(values: np.ndarray) -> np.ndarray:
    """Return highest minus lowest over the groups (second to last axis); NaN if fewer than two."""
    low, high = _extremes(values)
    return high - low


def ratio(values: np.ndarray) -> np.ndarray:
    """Return lowest over highest over the groups (second to last axis); NaN if fewer than two."""
    low, high = _extremes(values)
    return np.divide(low, high, out=np.full(low.shape, np.nan), where=high != 0)
