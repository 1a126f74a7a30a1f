"""What callers hand in, checked: labels, decisions, scores, and the groups that rows belong to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

MOST_GROUPS = 50


MISSING = "(missing)"


@dataclass(frozen=True)
class Groups:
    """Rows in groups: each row's code, and what each code stands for.

    Attributes
    ----------
    names : tuple of str
        Of the columns.
    keys : list of tuple
        The values that each code stands for: all combinations, in order, those without rows too.
    code : numpy.ndarray of shape (n,)
        Each row's group.
    """

    names: tuple[str, ...]
    keys: list[tuple[Any, ...]]
    code: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, columns: Any, what: str, n: int) -> Groups:
        """Group rows by one or several columns.

        Parameters
        ----------
        columns : array-like, Series, DataFrame or mapping, of n rows
            Missing values are a group of their own.
        what : str
            The parameter's name, for messages.
        n : int
            Rows expected.

        Returns
        -------
        Groups

        Raises
        ------
        ValueError
            If the length is not ``n``, there is no column, or there are more than 50 groups.
        """
        frame = frame_of(columns, what)
        if len(frame) != n:
            raise ValueError(f"{what} has {len(frame):,} rows, y_true has {n:,}; expected as many")
        code, keys = np.zeros(n, dtype=np.int64), [()]
        for name, column in frame.items():
            of_column, values = pd.factorize(column.astype(object), use_na_sentinel=True)
            if len(values) > MOST_GROUPS:
                raise ValueError(_too_many(what, f"column {name!r} has {len(values):,} values"))
            order = sorted(range(len(values)), key=lambda i: _sort_key(values[i]))
            rank = np.empty(len(values) + 1, dtype=np.int64)
            rank[order] = np.arange(len(values))
            rank[-1] = len(values)  # the sentinel -1: missing, in the last place
            named = [values[i] for i in order] + [MISSING] * bool((of_column < 0).any())
            code = code * len(named) + rank[of_column]
            keys = [(*key, value) for key in keys for value in named]
        if len(keys) > MOST_GROUPS:
            raise ValueError(_too_many(what, f"{list(frame)} make {len(keys):,} groups"))
        return cls(tuple(map(str, frame.columns)), keys, code)

    @classmethod
    def one(cls, n: int) -> Groups:
        """All rows in one group without a name."""
        return cls((), [()], np.zeros(n, dtype=np.int64))

    def index(self, within: Groups | None = None) -> pd.Index:
        """Give the index of a table with one row for each group, within each of other groups."""
        outer = within if within is not None else Groups.one(0)
        names = [*outer.names, *self.names]
        keys = [(*level, *key) for level in outer.keys for key in self.keys]
        if len(names) == 1:
            return pd.Index([key[0] for key in keys], name=names[0])
        return pd.MultiIndex.from_tuples(keys, names=names)


def binary(values: Any, what: str, n: int | None = None) -> np.ndarray:
    """Check labels or decisions.

    Parameters
    ----------
    values : array-like of shape (n,)
        0 and 1, or False and True.
    what : str
        The parameter's name, for messages.
    n : int, optional
        Length expected.

    Returns
    -------
    numpy.ndarray of int

    Raises
    ------
    ValueError
        If the values are missing, not 0 and 1, or of another length.
    """
    array = vector(values, what, n)
    distinct = pd.unique(array)
    if not all(isinstance(v, int | float | np.number | np.bool_) and v in (0, 1) for v in distinct):
        shown = ", ".join(repr(getattr(v, "item", lambda v=v: v)()) for v in distinct[:4])
        raise ValueError(
            f"{what} has {shown}{', ...' if len(distinct) > 4 else ''}; expected 0 and 1"
            f"{' (scores go into y_score)' if len(distinct) > 2 else ''}: {what} == 'yes', say"
        )
    return array.astype(np.int64)


def unit_scores(values: Any, what: str, n: int | None = None) -> np.ndarray:
    """Check scores.

    Parameters
    ----------
    values : array-like of shape (n,)
        Numbers from 0 to 1.
    what : str
        The parameter's name, for messages.
    n : int, optional
        Length expected.

    Returns
    -------
    numpy.ndarray of float

    Raises
    ------
    ValueError
        If they are missing, not numbers, not from 0 to 1, or of another length.
    """
    array = vector(values, what, n)
    try:
        array = array.astype(float)
    except (TypeError, ValueError):
        raise ValueError(f"{what} is not numeric; expected scores from 0 to 1") from None
    low, high = array.min(), array.max()
    if low < 0 or high > 1:
        raise ValueError(
            f"{what} goes from {low:.4g} to {high:.4g}; expected scores from 0 to 1, such as "
            "predict_proba(X)[:, 1]; put log-odds through 1 / (1 + exp(-score))"
        )
    return array


def same_order(first: Any, other: Any, what: str) -> None:
    """Refuse two pandas objects that hold the same rows in a different order.

    Rows are matched by place, as scikit-learn does; a shuffled index would give a wrong number.

    Parameters
    ----------
    first, other : object
        Compared if both have a pandas index.
    what : str
        The other's name, for messages.

    Raises
    ------
    ValueError
        If the two indexes have the same labels in another order.
    """
    a, b = (x.index if isinstance(x, pd.Series | pd.DataFrame) else None for x in (first, other))
    if a is None or b is None or len(a) != len(b) or a.equals(b):
        return
    if len(a.difference(b)) == 0 and len(b.difference(a)) == 0:
        raise ValueError(
            f"{what} has the same index as the labels in another order, and rows are matched by "
            f"place; put it in order: {what}.loc[y.index]"
        )


def vector(values: Any, what: str, n: int | None) -> np.ndarray:
    """Check one value for each row, none missing."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{what} has the shape {array.shape}; expected one value for each row")
    if n is not None and len(array) != n:
        raise ValueError(f"{what} has {len(array):,} values where {n:,} rows are; expected as many")
    missing = pd.isna(array)
    if missing.any():
        raise ValueError(
            f"{what} has {missing.sum():,} missing values, the first at row {missing.argmax()}; "
            "leave these rows out, or wait until they are known"
        )
    return array


def frame_of(columns: Any, what: str) -> pd.DataFrame:
    """Make a frame of one or several columns, given in any of the usual forms."""
    if isinstance(columns, pd.DataFrame):
        frame = columns.copy()
    elif isinstance(columns, Mapping):
        frame = pd.DataFrame(dict(columns))
    elif isinstance(columns, pd.Series):
        frame = columns.to_frame("group" if columns.name is None else columns.name)
    else:
        array = np.asarray(columns, dtype=object)
        if array.ndim not in (1, 2):
            raise ValueError(f"{what} has the shape {array.shape}; expected columns of n rows")
        array = array.reshape(len(array), -1)
        stem = "level" if what == "control" else "group"
        names = [stem] if array.shape[1] == 1 else [f"{stem}_{i}" for i in range(array.shape[1])]
        frame = pd.DataFrame(array, columns=names)
    frame.columns = frame.columns.map(str)
    if not frame.shape[1] or not frame.columns.is_unique:
        raise ValueError(f"{what} has the columns {list(frame)}; expected one or more, each once")
    return frame


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Numbers before texts, so that mixed columns have an order too."""
    number = isinstance(value, int | float | np.number | np.bool_)
    return (not number, value if number else str(value))


def label(key: Any) -> str:
    """Write a group's key as text."""
    return ", ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _too_many(what: str, found: str) -> str:
    return (
        f"{what}: {found}, more than {MOST_GROUPS}. Was a continuous column meant? Cut it into "
        "bands first: pandas.cut(column, [0, 30, 50, 100])"
    )


def one_of(name: Any, possible: Iterable[str], what: str) -> None:
    """Refuse a name that is not one of those possible."""
    if name not in possible:
        raise ValueError(f"{what} has {name!r}; expected {', '.join(map(repr, possible))}")
