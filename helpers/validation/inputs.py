"""Preparation of frames and files for TFDV, and clear errors for those it cannot take."""

from __future__ import annotations

import contextlib
import functools
import glob
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from helpers.base.checks import nearest


def check_columns(names: Sequence[str], by: Sequence[str]) -> None:
    """Raise if a column name occurs twice, or a column to slice by is missing."""
    if doubled := list(dict.fromkeys(name for name in names if names.count(name) > 1)):
        raise ValueError(f"data has columns twice: {doubled}; rename or drop one of each")
    if lacking := [name for name in by if name not in names]:
        raise ValueError(f"slice_by has {lacking}; {nearest(lacking[0], names)}")


def to_arrow(frame: pd.DataFrame, by: Sequence[str]) -> pa.Table:
    """Return the frame as a table of columns that TFDV takes; refuse empty and doubled ones."""
    if len(frame) == 0 or frame.shape[1] == 0:
        raise ValueError(f"data has {len(frame)} rows and {frame.shape[1]} columns; nothing to do")
    names = [str(name) for name in frame.columns]
    check_columns(names, by)
    return pa.table([_column(frame.iloc[:, i]) for i in range(len(names))], names=names)


_TAKEN = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_binary),
)


def _column(values: pd.Series) -> pa.Array:
    """Return a column as numbers, text or lists of them; other types become text."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    elif values.dtype == np.float16:  # unknown to older Parquet readers
        values = values.astype(np.float32)
    with contextlib.suppress(pa.ArrowException):  # numbers and texts in one column, for example
        column = pa.array(values, from_pandas=True)
        kind = column.type.value_type if pa.types.is_list(column.type) else column.type
        if any(is_taken(kind) for is_taken in _TAKEN):
            return column
    return pa.array(values.astype(str).where(values.notna(), None), pa.string(), from_pandas=True)


def matching_files(data: Any) -> list[str]:
    """Return the files that match a path, a pattern or a list of them; raise if none does."""
    paths = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(paths, list | tuple) or not all(isinstance(p, str | Path) for p in paths):
        raise TypeError(f"data is a {type(data).__name__}; expected a DataFrame or a path")
    matches = []
    for path in map(str, paths):
        files = [path] if Path(path).exists() else sorted(glob.glob(path))  # noqa: PTH207
        if not files:
            raise FileNotFoundError(f"data is {path!r}, and there is no such file")
        matches += files
    return matches


def file_kind(path: str) -> str:
    """Return "csv" or "parquet", from the file's ending."""
    for kind in ("csv", "parquet"):
        if path.lower().removesuffix(".gz").endswith(f".{kind}"):
            return kind
    raise ValueError(f"data is {path!r}; expected a file that ends in .csv, .csv.gz or .parquet")


def column_names(path: str) -> list[str]:
    """Return the columns in a file's header; pandas renames those that occur twice."""
    if file_kind(path) == "parquet":
        return pq.read_schema(path).names
    return pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].fillna("").tolist()


def read_frame(data: Any) -> pd.DataFrame:
    """Read CSV or Parquet files as one table."""
    readers = {"csv": functools.partial(pd.read_csv, low_memory=False), "parquet": pd.read_parquet}
    frames = []
    for path in matching_files(data):
        read = readers[file_kind(path)]
        try:
            names = column_names(path)
            frames.append(read(path))
        except ValueError as error:  # pandas and pyarrow do not name the file
            raise ValueError(f"{path} cannot be read: {error}") from error
        check_columns(names, [])
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
