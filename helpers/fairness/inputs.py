"""Checks of the arguments: labels, decisions, scores, and the groups that rows belong to.

``what`` is the name of the argument, for the message of the ValueError.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import checks

MOST_GROUPS = 200
MOST_NUMBERS = 50  # of one column: more may be a measurement
_NUMBERS = int | float | np.number
MISSING = "(missing)"


@dataclass(frozen=True)
class Groups:
    """Rows in groups: the code of each row, and the key of each code.

    Attributes
    ----------
    names : tuple of str
        Names of the columns.
    keys : list of tuple
        Values of the columns for each code, in order: all combinations, with or without rows, or
        those with rows if all would be too many.
    code : numpy.ndarray of shape (n,)
        Each row's group.
    """

    names: tuple[str, ...]
    keys: list[tuple[Any, ...]]
    code: np.ndarray = field(repr=False)

    @classmethod
    def of(cls, columns: Any, what: str, n: int, most: int | None = None) -> Groups:
        """Return ``n`` rows grouped by columns; missing values are a group.

        Without ``most``, 50 values of a number or 200 of anything else are too many.
        """
        frame = frame_of(columns, what)
        if len(frame) != n:
            raise ValueError(f"{what} has {len(frame):,} rows; expected {n:,}, one for each label")
        limit = MOST_GROUPS if most is None else checks.whole("most_groups", most, least=1)
        code, keys, possible = np.zeros(n, dtype=np.int64), [()], 1
        for name, column in frame.items():
            of_column, values = pd.factorize(column.astype(object), use_na_sentinel=True)
            number = all(isinstance(v, _NUMBERS) and not isinstance(v, bool) for v in values)
            allowed = MOST_NUMBERS if number and most is None else limit
            if len(values) > allowed:
                count = f"column {name!r} has {len(values):,} values"
                raise ValueError(_too_many(what, count, allowed, len(values), number))
            order = sorted(range(len(values)), key=lambda i: _sort_key(values[i]))
            rank = np.empty(len(values) + 1, dtype=np.int64)
            rank[order] = np.arange(len(values))
            rank[-1] = len(values)  # missing values, coded -1, come last
            named = [values[i] for i in order]
            if (of_column < 0).any():
                missing = MISSING
                while missing in named:
                    missing = f"({missing})"
                named.append(missing)
            code = code * len(named) + rank[of_column]
            keys = [(*key, value) for key in keys for value in named]
            possible *= len(named)
            if possible > limit:  # then only those that occur
                occurring, code = np.unique(code, return_inverse=True)
                keys = [keys[i] for i in occurring]
            if len(keys) > limit:
                count = f"{list(frame)} make {len(keys):,} groups or more"
                raise ValueError(_too_many(what, count, limit, len(keys)))
        return cls(tuple(map(str, frame.columns)), keys, code)

    @classmethod
    def single(cls, n: int) -> Groups:
        """Return all rows in one group without a name."""
        return cls((), [()], np.zeros(n, dtype=np.int64))

    @property
    def labels(self) -> list[str]:
        """The keys as texts, each once."""
        return labels(self.keys)

    def index(self, within: Groups | None = None) -> pd.Index:
        """Return the index of a table with a row for each group, within each of other groups."""
        outer = within if within is not None else Groups.single(0)
        names = [*outer.names, *self.names]
        keys = [(*level, *key) for level in outer.keys for key in self.keys]
        if len(names) == 1:
            return pd.Index([key[0] for key in keys], name=names[0])
        return pd.MultiIndex.from_tuples(keys, names=names)


def binary(values: Any, what: str, n: int | None = None) -> np.ndarray:
    """Return labels or decisions (0 and 1, or False and True) as whole numbers."""
    array = vector(values, what, n)
    distinct = pd.unique(array)
    if not all(isinstance(v, int | float | np.number | np.bool_) and v in (0, 1) for v in distinct):
        shown = ", ".join(repr(getattr(v, "item", lambda v=v: v)()) for v in distinct[:4])
        raise ValueError(
            f"{what} has {shown}{', ...' if len(distinct) > 4 else ''}; expected 0 and 1"
            f"{' (scores go into y_score)' if len(distinct) > 2 else ''}, such as {what} == 'yes'"
        )
    return array.astype(np.int64)


def unit_scores(values: Any, what: str, n: int | None = None) -> np.ndarray:
    """Return scores, which must be from 0 to 1, as an array."""
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


def weights(values: Any, what: str, n: int) -> np.ndarray | None:
    """Return weights of rows, 0 or more and not all 0; None if there are none."""
    if values is None:
        return None
    array = vector(values, what, n)
    if array.dtype.kind not in "biuf" or not 0 < array.sum() < np.inf or array.min() < 0:
        raise ValueError(f"{what} has {array[:4].tolist()}, ...; expected numbers of 0 or more")
    return array.astype(float)


def same_order(**given: Any) -> None:
    """Refuse pandas objects whose indexes do not agree, each with each.

    Rows are matched by position, as scikit-learn does; another order would give a wrong number.
    An index of 0, 1, 2, ... is that of new objects, and agrees with all but its own shuffle.
    """
    indexes = {name: index for name, value in given.items() if (index := _index(value)) is not None}
    for (first, a), (what, b) in itertools.combinations(indexes.items(), 2):
        if len(a) != len(b) or a.equals(b):  # other lengths are refused by their number
            continue
        if set(a) == set(b):
            problem = "the same labels in another order"
        elif any(index.equals(pd.RangeIndex(len(index))) for index in (a, b)):
            continue
        else:
            problem = "different labels"
        raise ValueError(
            f"{what} and {first} have indexes with {problem}, and rows are matched by "
            f"position; bring them into one order: {what}.loc[{first}.index]"
        )


def _index(value: Any) -> pd.Index | None:
    if isinstance(value, Mapping):
        return next(filter(lambda i: i is not None, map(_index, value.values())), None)
    return value.index if isinstance(value, pd.Series | pd.DataFrame) else None


def vector(values: Any, what: str, n: int | None) -> np.ndarray:
    """Return one value for each row; refuse missing ones, other shapes and other lengths."""
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or not len(array):
        raise ValueError(f"{what} has the shape {array.shape}; expected one value for each row")
    if n is not None and len(array) != n:
        raise ValueError(f"{what} has {len(array):,} values; expected {n:,}, one for each row")
    missing = pd.isna(array)
    if missing.any():
        raise ValueError(
            f"{what} has {missing.sum():,} missing values, the first at row {missing.argmax()}; "
            "leave these rows out, or wait until they are known"
        )
    return array


def frame_of(columns: Any, what: str) -> pd.DataFrame:
    """Return a frame of one or several columns, given in any of the usual forms."""
    if isinstance(columns, pd.DataFrame):
        frame = columns.copy()
    elif isinstance(columns, Mapping):
        same_order(**{f"{what}[{name!r}]": column for name, column in columns.items()})
        frame = pd.DataFrame({k: pd.Series(v).reset_index(drop=True) for k, v in columns.items()})
    elif isinstance(columns, pd.Series):
        frame = columns.to_frame("group" if columns.name is None else columns.name)
    else:
        array = np.asarray(columns, dtype=object)
        if array.ndim not in (1, 2):
            raise ValueError(f"{what} has the shape {array.shape}; expected columns of n rows")
        array = array.reshape(len(array), -1)
        stem = "level" if what == "control_features" else "group"
        names = [stem] if array.shape[1] == 1 else [f"{stem}_{i}" for i in range(array.shape[1])]
        frame = pd.DataFrame(array, columns=names)
    frame.columns = frame.columns.map(str)
    if not frame.shape[1] or not frame.columns.is_unique:
        raise ValueError(f"{what} has the columns {list(frame)}; expected one or more, each once")
    return frame


def labels(keys: Iterable[Any]) -> list[str]:
    """Return the keys of groups as text; as literals where two of them would read the same.

    >>> labels([("Craft, repair", "north"), ("Craft", "repair, north"), ("Craft", "south")])
    ["'Craft, repair', 'north'", "'Craft', 'repair, north'", "'Craft', 'south'"]
    """
    tuples = [key if isinstance(key, tuple) else (key,) for key in keys]
    texts = [", ".join(map(str, key)) for key in tuples]
    if len(set(texts)) == len(texts):
        return texts
    return [", ".join(repr(getattr(v, "item", lambda v=v: v)()) for v in key) for key in tuples]


def _sort_key(value: Any) -> tuple[bool, Any]:
    """Return a key that sorts numbers before texts, so that mixed columns can be sorted."""
    number = isinstance(value, int | float | np.number | np.bool_)
    return (not number, value if number else str(value))


def _too_many(what: str, count: str, limit: int, needed: int, number: bool = False) -> str:
    mend = "merge the rare ones"
    if number:
        mend = "was a continuous column meant? Cut it into bands: pandas.cut(column, [0, 30, 50])"
    return f"{what}: {count}, more than {limit}; {mend}, or allow it: most_groups={needed}"
