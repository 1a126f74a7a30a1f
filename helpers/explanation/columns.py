"""Columns of the model's input: text as numbers and back, and which encoded columns they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd


class Columns:
    """The columns of a background: their names, and text as numbers and back."""

    def __init__(self, background: Any) -> None:
        self.frame = background.iloc[:0] if isinstance(background, pd.DataFrame) else None
        self.shape = np.shape(background)[1:]
        if self.frame is None:
            self.dtype = np.asarray(background).dtype
            if self.dtype.kind not in "biuf":
                raise ValueError(
                    f"background is an array of {self.dtype}; expected numbers, or a DataFrame"
                )
            width = self.shape[0] if len(self.shape) == 1 else 0
            self.names = [f"feature {i}" for i in range(width)]
        else:
            self.names = [str(name) for name in background]
            if len(set(self.names)) < len(self.names):
                raise ValueError(f"background has the columns {self.names}; expected each once")
            texts = {name: background[name].dropna() for name in _texts(background)}
            self.values = {name: pd.Index(text.unique()) for name, text in texts.items()}

    def check(self, X: Any) -> None:
        """Refuse rows whose columns are not those of the background."""
        if not len(X):
            raise ValueError("X has no rows; expected one or more to explain")
        if self.frame is not None:
            given = list(X.columns) if isinstance(X, pd.DataFrame) else type(X).__name__
            if given != (expected := list(self.frame)):
                raise ValueError(f"X has {given}; expected a DataFrame with the columns {expected}")
        elif np.shape(X)[1:] != self.shape:
            raise ValueError(f"X has the shape {np.shape(X)}; expected (n, {self.shape})")

    def codes(self, X: Any) -> np.ndarray:
        """Return numbers as they are, text as its index among the values seen, missing as NaN."""
        if self.frame is None:
            return np.asarray(X, dtype=float)
        codes = np.empty((len(X), len(self.names)))
        for i, name in enumerate(X):
            if name in self.values:
                new = pd.Index(X[name].dropna().unique())
                self.values[name] = self.values[name].union(new, sort=False)
                code = self.values[name].get_indexer(X[name]).astype(float)
                codes[:, i] = np.where(X[name].isna(), np.nan, code)
            else:
                codes[:, i] = X[name].to_numpy(dtype=float, na_value=np.nan)
        return codes

    def rows(self, codes: np.ndarray) -> Any:
        """Return the rows that codes stand for, in the form that the model takes."""
        if self.frame is None:
            return _as(codes, self.dtype)
        columns = {}
        for i, name in enumerate(self.frame):
            column, dtype = codes[:, i], self.frame[name].dtype
            if name in self.values:
                texts = np.append(self.values[name].to_numpy(dtype=object), None)
                index = np.nan_to_num(column, nan=-1).astype(int)  # missing: None, the last
                columns[name] = pd.Series(texts[index], dtype=dtype)
            else:
                columns[name] = _as(pd.Series(column), dtype)
        return pd.DataFrame(columns)

    def gather(self, encode: Callable, background: Any) -> Callable[[np.ndarray, Any], np.ndarray]:
        """Return a function that sums attributions of encoded columns, by original column.

        It takes the rows too: they may have what no row of the background has, such as a rare text.
        """
        if self.frame is None:
            return lambda values, rows: values
        found = origins(encode, background)

        def to_columns(values: np.ndarray, rows: Any) -> np.ndarray:
            lost = (found < 0) & (np.abs(values).max(axis=0) > 1e-12)
            if lost.any():  # one row shows it for each
                showing = rows.iloc[np.abs(values[:, lost]).argmax(axis=0)]
                found[lost] = origins(encode, pd.concat([showing, background]))[lost]
            to = found[:, None] == np.arange(len(self.names))
            return values @ to.astype(float)

        return to_columns


def origins(encode: Callable[[Any], np.ndarray], frame: pd.DataFrame) -> np.ndarray:
    """Return which original column each encoded column comes from, by changing one at a time.

    This works for every transformer, and columns with similar names cannot mislead it. An encoded
    column that never changes is -1.

    Raises
    ------
    ValueError
        If one depends on several originals (a product, a principal component).
    """
    shown = np.arange(len(frame)) < 200
    for name in _texts(frame):  # every value of a text column must occur
        shown |= ~frame[name].duplicated().to_numpy()
    rows = frame[shown].sample(frac=1, random_state=0, ignore_index=True)
    changed, one_on = [rows], np.roll(np.arange(len(rows)), 1)  # which moves all that varies
    for name in rows:
        copy = rows.copy()
        copy[name] = rows[name].take(one_on).to_numpy()
        copy[name] = copy[name].astype(rows[name].dtype)
        changed.append(copy)
    encoded = encode(pd.concat(changed, ignore_index=True)).reshape(len(changed), len(rows), -1)
    same = np.isclose(encoded[1:], encoded[0], rtol=1e-9, atol=1e-12, equal_nan=True)
    moved = ~same.all(axis=1)  # original x encoded
    if (moved.sum(axis=0) > 1).any():
        raise ValueError(
            "the pipeline makes a column out of several: its attribution cannot be divided; "
            "use method='permutation', which explains the pipeline as a whole"
        )
    return np.where(moved.any(axis=0), moved.argmax(axis=0), -1)


def _as(numbers: Any, dtype: Any) -> Any:
    """Return numbers in a dtype if it holds them: rows may have what the background has not."""
    known = numbers[~np.isnan(numbers)]
    if pd.api.types.is_float_dtype(dtype):
        return numbers.astype(dtype)
    low, high = (0, 1) if pd.api.types.is_bool_dtype(dtype) else (-(2.0**53), 2.0**53)
    holds = (known % 1 == 0).all() and (known >= low).all() and (known <= high).all()
    nullable = not isinstance(dtype, np.dtype)
    return numbers.astype(dtype) if holds and (nullable or known.size == numbers.size) else numbers


def _texts(frame: pd.DataFrame) -> list[Any]:
    """Return the columns that are coded: text, and what a float cannot hold."""
    return [
        name
        for name, column in frame.items()
        if not pd.api.types.is_numeric_dtype(column.dtype)
        or (pd.api.types.is_integer_dtype(column.dtype) and column.abs().max() > 2**53)
    ]
