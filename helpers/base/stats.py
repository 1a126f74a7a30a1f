"""Statistics that several packages and lessons share."""

from __future__ import annotations

import numbers
from decimal import Decimal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike


def auc(label: ArrayLike, *scores: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Return areas under the ROC curve and the covariance of their errors.

    Parameters
    ----------
    label : array_like of shape (n,)
        1 (or True) for the positive class.
    *scores : array_like of shape (n,)
        One or more scores of the same rows; ties count half.

    Returns
    -------
    areas : numpy.ndarray of shape (k,)
        NaN where one of the classes is missing.
    covariance : numpy.ndarray of shape (k, k)
        Its diagonal has the squared standard errors; NaN where a class has fewer than two rows.
        The variance of a difference is ``c[0, 0] + c[1, 1] - 2 * c[0, 1]``.

    Notes
    -----
    Source: DeLong, DeLong and Clarke-Pearson (1988), "Comparing the areas under two or more
    correlated receiver operating characteristic curves", Biometrics 44.

    Examples
    --------
    >>> areas, covariance = auc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> float(areas[0]), float(np.sqrt(covariance[0, 0]))
    (0.75, 0.3535533905932738)
    """
    positive = np.asarray(label) == 1
    k = len(scores)
    areas, covariance = np.full(k, np.nan), np.full((k, k), np.nan)
    if positive.all() or not positive.any():
        return areas, covariance
    groups: tuple[list, list] = ([], [])
    for score in scores:
        one, other = np.asarray(score, float)[positive], np.asarray(score, float)[~positive]
        groups[0].append(_share_below(one, other))
        groups[1].append(1 - _share_below(other, one))
    areas = np.mean(groups[0], axis=1)
    if min(positive.sum(), (~positive).sum()) > 1:
        covariance = sum(np.atleast_2d(np.cov(part)) / len(part[0]) for part in groups)
    return areas, covariance


def _share_below(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return, for each value, the share of the others that are smaller; equal ones count half."""
    others = np.sort(others)
    below = np.searchsorted(others, values, "left") + np.searchsorted(others, values, "right")
    return below / (2 * len(others))


def plain_numbers(values: pd.Series) -> pd.Series:
    """Return a column of Python's number objects as numbers; any other column unchanged.

    Parameters
    ----------
    values : pandas.Series
        Such as one of ``decimal.Decimal``, ``fractions.Fraction`` or integers of any size.

    Returns
    -------
    pandas.Series
        Integers where all of them fit 64 bits, otherwise floats; missing values stay missing.

    Examples
    --------
    >>> plain_numbers(pd.Series([Decimal("0.5"), None, 2**70])).dtype
    dtype('float64')
    """
    if isinstance(values.dtype, pd.ArrowDtype) and values.dtype.type is Decimal:
        return values.astype(float)
    present = values[values.notna()] if values.dtype == object else values[:0]
    kinds = set(map(type, present))
    if not kinds or bool in kinds or not all(issubclass(k, numbers.Real | Decimal) for k in kinds):
        return values
    if all(issubclass(k, numbers.Integral) for k in kinds) and present.abs().max() < 2**63:
        return values.astype("Int64")
    return values.map(float, na_action="ignore").astype(float)
