"""Clerks with known habits who label the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from helpers.base import checks
from helpers.world.draws import Draws


def habit(
    swaps: Mapping[tuple[Any, Any], float] | None = None,
    slips: float = 0.0,
    classes: Sequence[Any] = range(10),
) -> pd.DataFrame:
    """Return a clerk's confusion matrix: how each true class (row) is written (columns).

    Parameters
    ----------
    swaps : mapping, optional
        ``{(1, 7): 0.6}``: of the ones, 60 % are written as sevens.
    slips : float, default 0.0
        Share of the others that become any other class, each equally often.
    classes : sequence, default range(10)
        All classes; two or more.

    Raises
    ------
    ValueError
        If a share, or the sum of a class's swaps, is not from 0 to 1, or a class is unknown.

    Examples
    --------
    >>> habit({(1, 0): 0.25}, classes=[0, 1]).loc[1].tolist()
    [0.25, 0.75]
    """
    slip = checks.share("slips", slips) / (checks.whole("number of classes", len(classes), 2) - 1)
    table = np.full((len(classes), len(classes)), slip)
    np.fill_diagonal(table, 1 - slips)
    table = pd.DataFrame(table, index=list(classes), columns=list(classes))
    swapped = pd.DataFrame(0.0, index=table.index, columns=table.columns)
    for (true, written), share in (swaps or {}).items():
        if true not in table or written not in table or true == written:
            raise ValueError(f"swaps has {(true, written)!r}; expected two of {list(classes)}")
        swapped.loc[true, written] = checks.share(f"swap {(true, written)!r}", share)
    rest = [1 - checks.share("sum of a class's swaps", total) for total in swapped.sum(axis=1)]
    return table.mul(rest, axis=0) + swapped


# Five clerks who read digits.
CLERKS = {
    "A": habit(slips=0.01),
    "B": habit({(1, 7): 0.6}, slips=0.01),
    "C": habit(slips=0.12),
    "D": habit({(4, 9): 0.15, (9, 4): 0.15}, slips=0.02),
    "E": habit(slips=0.03),
}


def clerks(
    labels: ArrayLike,
    habits: Mapping[str, pd.DataFrame] = CLERKS,
    *,
    where: ArrayLike = True,
    seed: int = 2025,
) -> pd.DataFrame:
    """Return what each clerk writes for the same items.

    Given the true label, clerks err independently of each other and of what the item looks like.

    Parameters
    ----------
    labels : array_like of shape (n,)
        The true labels. An item is known by its index if this is a Series, else by its position.
    habits : mapping of str to pandas.DataFrame, optional
        A confusion matrix for each clerk, such as :func:`habit` returns; by default ``CLERKS``,
        who read digits.
    where : array_like of bool, optional
        Where clerks err at all, such as ``frame["channel"] == "partner"``; by default everywhere.
    seed : int, default 2025
        A label depends on it, the clerk, the item and the true label, and on no other item.

    Returns
    -------
    pandas.DataFrame of shape (n, len(habits))
        A column for each clerk.

    Raises
    ------
    ValueError
        If a label is not among a clerk's classes.

    Examples
    --------
    >>> float(clerks([1] * 10_000)["B"].eq(7).mean().round(1))
    0.6
    """
    true = pd.Series(labels)
    draws = Draws(true.index, seed)
    written = {}
    for name, table in habits.items():
        code = table.index.get_indexer(true)
        if (code < 0).any():
            raise ValueError(
                f"labels has {str(true[code < 0].iloc[0])!r}; {name!r} knows {[*table]}"
            )
        # Errors come first on the scale from 0 to 1, so that a rarer error is a part of them.
        errors = np.array(table)
        np.fill_diagonal(errors, 0)
        wrong = (draws(name)[:, None] >= errors.cumsum(axis=1)[code]).sum(axis=1)
        right = (wrong == len(table)) | ~np.asarray(where, dtype=bool)
        written[name] = table.columns.to_numpy()[np.where(right, code, wrong % len(table))]
    return pd.DataFrame(written, true.index)
