"""Preparation of frames and files for TFDV, and clear errors for those it cannot take."""

from __future__ import annotations

import contextlib
import glob
import os
import zlib
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from helpers.base.checks import nearest
from helpers.base.stats import plain_numbers

READING = ("sep", "decimal", "encoding", "na_values", "keep_default_na")  # of pandas.read_csv


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
    elif isinstance(values.dtype, pd.SparseDtype):
        values = values.sparse.to_dense()
    elif values.dtype == np.float16:  # unknown to older Parquet readers
        values = values.astype(np.float32)
    values = plain_numbers(values)
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


def column_names(path: str, **options: Any) -> list[str]:
    """Return the columns in a file's header; pandas renames those that occur twice."""
    if file_kind(path) == "parquet":
        return pq.read_schema(path).names
    first = pd.read_csv(path, header=None, nrows=1, dtype=str, **options)
    return first.iloc[0].fillna("").tolist()


def read_frame(data: Any, texts: Sequence[str] = (), **options: Any) -> pd.DataFrame:
    """Read CSV or Parquet files as one table, CSV as TFDV itself does.

    That is: a row has as many cells as the header, and whole numbers with a gap are whole numbers.
    `texts` are columns whose digits are text; the options are those of ``READING``.
    """
    types = {"dtype": dict.fromkeys(texts, "string"), "dtype_backend": "numpy_nullable"}
    frames = []
    for path in matching_files(data):
        is_csv = file_kind(path) == "csv"
        if options and not is_csv:
            raise ValueError(f"{next(iter(options))} is for CSV files, and data has {path!r}")
        try:
            if is_csv:
                _check_rows(path, **options)
            check_columns(column_names(path, **options), [])
            read = partial(pd.read_csv, low_memory=False, **types) if is_csv else pd.read_parquet
            frames.append(read(path, **options))
        except (ValueError, EOFError, OSError, zlib.error, pa.ArrowException) as error:
            raise ValueError(  # the libraries do not name the file
                f"{path} cannot be read: {str(error).strip()}. CSV files may need one of "
                f"{', '.join(READING)}; or read the file yourself and pass the DataFrame"
            ) from error
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _check_rows(path: str, sep: str = ",", encoding: str = "utf-8", **_: Any) -> None:
    """Raise if a row of a CSV file is longer or shorter than the header; pandas fills or shifts."""
    reading = csv.ReadOptions(
        use_threads=False,  # then an error has the number of the row
        block_size=2**26,  # no row may be longer
        autogenerate_column_names=True,
        encoding=encoding,
    )
    parsing = csv.ParseOptions(delimiter=sep, newlines_in_values=True)
    first = csv.ConvertOptions(include_columns=["f0"], column_types={"f0": pa.binary()})
    compression = "gzip" if path.lower().endswith(".gz") else None
    with pa.input_stream(path, compression=compression) as file:
        for _batch in csv.open_csv(file, reading, parsing, first):
            pass
