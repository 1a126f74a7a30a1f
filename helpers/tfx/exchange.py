"""Hand values from one Python environment to another through files.

The lab and TFX run different versions of Python, pandas and pyarrow, so nothing is pickled: columns
go into Parquet as plain numbers and text, and a JSON note beside them says how to put them together
again. Both sides run this very file, so it keeps to what pandas 1.5 and pandas 3, pyarrow 10 and
pyarrow 26 have in common.

Examples
--------
>>> import tempfile
>>> folder = tempfile.mkdtemp()
>>> save({"rows": 3, "shares": (0.5, float("inf"))}, folder)
>>> load(folder)
{'rows': 3, 'shares': (0.5, inf)}
"""

from __future__ import annotations

import base64
import datetime
import difflib
import importlib
import json
import re
from pathlib import Path, PurePath
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

SUPPORTED = (
    "None, bool, int, float, str, bytes, dates and times, paths; lists, tuples, sets and dicts of "
    "these; numpy arrays and scalars; pandas DataFrames, Series and Indexes; protocol buffers"
)
_NOTE = "note.json"
_NULLABLE = re.compile(r"U?Int(8|16|32|64)|Float(32|64)|boolean|string")
_PLAIN = frozenset({type(None), bool, int, float, str})
_SEQUENCES: dict[str, type] = {"tuple": tuple, "set": set, "frozenset": frozenset}
# What this pandas makes of text: object before pandas 3, str since.
_TEXT = pd.Series(["text"]).dtype
_HAS_STR = str(_TEXT) == "str"


def save(value: Any, folder: str | Path) -> None:
    """Write a value into a folder, for ``load`` to read in another environment.

    Parameters
    ----------
    value : object
        See ``SUPPORTED``; containers may be nested and may hold frames, arrays and protos.
    folder : str or pathlib.Path
        Made if it is missing.

    Raises
    ------
    TypeError
        If the value, or something inside it, is of a type that cannot be handed over.

    Notes
    -----
    A DataFrame keeps its dtypes, index, column labels (of any kind, duplicates too) and the kind of
    its missing values. Where the two pandas differ: text is ``object`` before pandas 3 and ``str``
    since, and pandas before 2 turns every date and time into nanoseconds.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    writer = _Writer()
    note = writer.node(value, "the value")
    writer.finish(note, folder)


def load(folder: str | Path) -> Any:
    """Read the value that ``save`` wrote into a folder.

    Parameters
    ----------
    folder : str or pathlib.Path

    Returns
    -------
    object
    """
    folder = Path(folder)
    return _Reader(folder).value(json.loads((folder / _NOTE).read_text()))


def save_variable(name: str, namespace: dict[str, Any], folder: str | Path) -> None:
    """Write one variable of a namespace into a folder.

    Parameters
    ----------
    name : str
    namespace : dict
        Names and values, such as a notebook's ``globals()``.
    folder : str or pathlib.Path

    Raises
    ------
    NameError
        If there is no such variable; the message says which there are.
    TypeError
        If its type cannot be handed over.
    """
    if name not in namespace:
        raise NameError(f"There is no variable {name!r} here. {whats_there(name, namespace)}")
    try:
        save(namespace[name], folder)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def whats_there(name: str, namespace: dict[str, Any]) -> str:
    """Say in a sentence which variables a notebook's namespace holds, those like `name` first.

    Parameters
    ----------
    name : str
        What was looked for.
    namespace : dict
        Names and values.

    Returns
    -------
    str

    Examples
    --------
    >>> whats_there("fram", {"frame": 1, "n": 2, "_hidden": 3})
    'Did you mean frame? There are: frame, n.'
    """
    shell = {"In", "Out", "exit", "quit", "open", "get_ipython"}
    there = sorted(
        other
        for other, value in namespace.items()
        if not other.startswith("_") and other not in shell and not isinstance(value, ModuleType)
    )
    near = difflib.get_close_matches(name, there)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    more = f" and {len(there) - 30} more" if len(there) > 30 else ""
    return f"{meant}There are: {', '.join(there[:30])}{more}." if there else "There is none yet."


class _Writer:
    """Turns values into JSON-able nodes; arrays are kept aside for files."""

    def __init__(self) -> None:
        self._columns: dict[int, list[pa.Array]] = {}  # by length: one Parquet file for each
        self._arrays: list[np.ndarray] = []

    def finish(self, note: Any, folder: Path) -> None:
        for length, columns in self._columns.items():
            table = pa.table({str(i): column for i, column in enumerate(columns)})
            pq.write_table(
                table,
                folder / f"{length}.parquet",
                version="2.6",  # keeps unsigned integers as they are
                compression="none",  # read back once, at once
                write_statistics=False,
                use_dictionary=[
                    field.name for field in table.schema if field.type == pa.large_string()
                ],
            )
        for i, array in enumerate(self._arrays):
            np.save(folder / f"{i}.npy", array, allow_pickle=False)
        (folder / _NOTE).write_text(json.dumps(note))

    def node(self, value: Any, where: str) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, list):
            return [self.node(item, where) for item in value]
        if isinstance(value, dict):
            items = [
                [self.node(key, where), self.node(item, f"{where}, item {key!r}")]
                for key, item in value.items()
            ]
            return {"is": "dict", "items": items}
        for name, sequence in _SEQUENCES.items():
            if isinstance(value, sequence):
                return {"is": name, "items": [self.node(item, where) for item in value]}
        if isinstance(value, (bytes, bytearray)):
            return {"is": "bytes", "data": _to_text(value)}
        if isinstance(value, pd.DataFrame):
            return self._frame(value, where)
        if isinstance(value, pd.Series):
            return {
                "is": "series",
                "name": self.node(value.name, where),
                "data": self._column(value.array, where),
                "index": self._index(value.index, where),
            }
        if isinstance(value, pd.Index):
            return {"is": "index", "index": self._index(value, where)}
        if isinstance(value, np.generic):
            if value.dtype.kind not in "OV":
                data = _to_text(value.tobytes())
                return {"is": "scalar", "dtype": value.dtype.str, "data": data}
        elif isinstance(value, np.ndarray):
            return self._array(value, where)
        elif value is pd.NA or value is pd.NaT:
            return {"is": "missing", "name": "NA" if value is pd.NA else "NaT"}
        elif isinstance(value, (pd.Timestamp, pd.Timedelta)):
            return {"is": "moment", "data": self._column(pd.Index([value]).array, where)}
        elif kind in (datetime.date, datetime.datetime) and getattr(value, "tzinfo", None) is None:
            return {"is": kind.__name__, "text": value.isoformat()}
        elif isinstance(value, PurePath):
            return {"is": "path", "text": str(value)}
        elif hasattr(value, "SerializeToString") and hasattr(value, "DESCRIPTOR"):
            return {
                "is": "proto",
                "type": value.DESCRIPTOR.full_name,
                "file": value.DESCRIPTOR.file.name,
                "data": _to_text(value.SerializeToString()),
            }
        raise TypeError(
            f"{where} is of type {kind.__module__}.{kind.__qualname__}, which cannot be handed "
            f"between the lab and TFX. What can be: {SUPPORTED}."
        )

    def _array(self, array: np.ndarray, where: str) -> dict[str, Any]:
        if array.dtype.kind in "biufcmMUS":
            self._arrays.append(np.asarray(array))
            return {"is": "array", "file": f"{len(self._arrays) - 1}.npy"}
        if array.dtype.kind in "OT":  # numpy 2's StringDType (T) arrives as objects
            flat = [self.node(item, where) for item in array.ravel().tolist()]
            return {"is": "array", "shape": list(array.shape), "items": flat}
        raise TypeError(
            f"{where} is an array of dtype {array.dtype}, which cannot be handed over; make it "
            "a DataFrame, or an array of numbers or text."
        )

    def _frame(self, frame: pd.DataFrame, where: str) -> dict[str, Any]:
        return {
            "is": "frame",
            "columns": self._index(frame.columns, f"the column labels of {where}"),
            "index": self._index(frame.index, f"the index of {where}"),
            "data": [
                self._column(frame.iloc[:, i].array, f"column {label!r} of {where}")
                for i, label in enumerate(frame.columns)
            ],
        }

    def _index(self, index: pd.Index, where: str) -> dict[str, Any]:
        names = [self.node(name, where) for name in index.names]
        if isinstance(index, pd.RangeIndex):
            return {"names": names, "range": [index.start, index.stop, index.step]}
        if isinstance(index, pd.MultiIndex):
            levels = [index.get_level_values(i) for i in range(index.nlevels)]
            return {"names": names, "levels": [self._column(x.array, where) for x in levels]}
        return {"names": names, "data": self._column(index.array, where)}

    def _column(self, values: Any, where: str) -> dict[str, Any]:
        dtype = values.dtype
        if isinstance(dtype, pd.CategoricalDtype):
            return {
                "is": "category",
                "ordered": bool(dtype.ordered),
                "codes": self._store(pa.array(np.asarray(values.codes))),
                "categories": self._column(dtype.categories.array, where),
            }
        if isinstance(dtype, pd.IntervalDtype):
            return {
                "is": "interval",
                "closed": values.closed,
                "left": self._column(pd.Index(values.left).array, where),
                "right": self._column(pd.Index(values.right).array, where),
            }
        if isinstance(dtype, pd.DatetimeTZDtype):
            moments = {"is": "datetime", "unit": dtype.unit, "zone": _zone(dtype.tz, where)}
            return {**moments, "at": self._store(pa.array(pd.DatetimeIndex(values).asi8))}
        if str(dtype) == "str":
            return {"is": "text", "at": self._store(pa.array(values, pa.large_string()))}
        if _NULLABLE.fullmatch(str(dtype)):
            return {"is": "nullable", "dtype": str(dtype), "at": self._store(pa.array(values))}
        # pandas' wrapper of plain numpy arrays has a dtype of its own.
        dtype = getattr(dtype, "numpy_dtype", dtype)
        if isinstance(dtype, np.dtype):
            plain = np.asarray(values)
            if dtype.kind == "O":
                return self._objects(plain, where)
            if dtype.kind in "mM":
                name = "datetime" if dtype.kind == "M" else "timedelta"
                at = self._store(pa.array(np.ascontiguousarray(plain).view("i8")))
                return {"is": name, "unit": np.datetime_data(dtype)[0], "at": at}
            if dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize <= 8):
                native = plain.astype("f4" if dtype == np.float16 else dtype.newbyteorder("="))
                return {"is": "numbers", "dtype": dtype.str, "at": self._store(pa.array(native))}
        raise TypeError(
            f"{where} has the dtype {values.dtype}, which cannot be handed over; convert it first, "
            'for example with .astype("float64") or .astype("string").'
        )

    def _objects(self, values: np.ndarray, where: str) -> dict[str, Any]:
        kind = pd.api.types.infer_dtype(values, skipna=True)
        if kind in ("string", "bytes", "empty"):
            gaps = {_gap(value) for value in values[pd.isna(values)]}
            if len(gaps) < 2 and gaps <= {"None", "nan"}:
                form = pa.large_binary() if kind == "bytes" else pa.large_string()
                try:
                    stored = pa.array(values, form, from_pandas=True)
                except UnicodeEncodeError:  # half a surrogate pair: text to Python, not to Arrow
                    pass
                else:
                    # With a pandas that has str, object was chosen on purpose.
                    keep = kind == "bytes" or _HAS_STR
                    node = {"is": "objects" if keep else "text", "at": self._store(stored)}
                    return {**node, "gap": "".join(gaps)}
        return {"is": "objects", "items": [self.node(value, where) for value in values]}

    def _store(self, column: pa.Array) -> list[int]:
        columns = self._columns.setdefault(len(column), [])
        columns.append(column)
        return [len(column), len(columns) - 1]


class _Reader:
    """Turns nodes back into values."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._tables: dict[int, pa.Table] = {}

    def value(self, node: Any) -> Any:
        if not isinstance(node, dict):
            return [self.value(item) for item in node] if isinstance(node, list) else node
        kind = node["is"]
        if kind == "dict":
            return {self.value(key): self.value(item) for key, item in node["items"]}
        if kind in _SEQUENCES:
            return _SEQUENCES[kind](self.value(item) for item in node["items"])
        if kind == "bytes":
            return base64.b64decode(node["data"])
        if kind == "frame":
            index = self._index(node["index"])
            data = {i: self._series(part, index) for i, part in enumerate(node["data"])}
            frame = pd.DataFrame(data, index=index)
            frame.columns = self._index(node["columns"])
            return frame
        if kind == "series":
            series = self._series(node["data"], self._index(node["index"])).copy()
            return series.rename(self.value(node["name"]))
        if kind == "index":
            return self._index(node["index"])
        if kind == "scalar":
            data = base64.b64decode(node["data"])
            empty = np.zeros((), node["dtype"])  # empty text has no bytes to read
            return (np.ndarray((), node["dtype"], data) if data else empty)[()]
        if kind == "array":
            return self._array(node)
        if kind == "missing":
            return getattr(pd, node["name"])
        if kind == "moment":
            return pd.Index(self._column(node["data"]))[0]
        if kind in ("date", "datetime"):
            return getattr(datetime, kind).fromisoformat(node["text"])
        if kind == "path":
            return Path(node["text"])
        return _proto(node)

    def _array(self, node: dict[str, Any]) -> np.ndarray:
        if "file" in node:
            return np.load(self._folder / node["file"], allow_pickle=False)
        return _object_array([self.value(item) for item in node["items"]]).reshape(node["shape"])

    def _index(self, node: dict[str, Any]) -> pd.Index:
        names = [self.value(name) for name in node["names"]]
        if "range" in node:
            return pd.RangeIndex(*node["range"], name=names[0])
        if "levels" in node:
            levels = [self._plain_index(level) for level in node["levels"]]
            return pd.MultiIndex.from_arrays(levels, names=names)
        index = self._plain_index(node["data"])
        index.names = names
        return index

    def _plain_index(self, node: dict[str, Any]) -> pd.Index:
        values = self._column(node)
        # Writable memory of its own, and no guess at what objects might be.
        return pd.Index(values, dtype=values.dtype, copy=True)

    def _series(self, node: dict[str, Any], index: pd.Index) -> pd.Series:
        values = self._column(node)
        return pd.Series(values, index=index, dtype=values.dtype, copy=False)

    def _column(self, node: dict[str, Any]) -> Any:
        kind = node["is"]
        if kind == "category":
            codes = self._stored(node["codes"]).to_numpy()
            categories = self._plain_index(node["categories"])
            return pd.Categorical.from_codes(codes, categories, ordered=node["ordered"])
        if kind == "interval":
            sides = self._column(node["left"]), self._column(node["right"])
            return pd.arrays.IntervalArray.from_arrays(*sides, closed=node["closed"])
        if "items" in node:
            return _object_array([self.value(item) for item in node["items"]])
        stored = self._stored(node["at"])
        if kind == "numbers":
            return stored.to_numpy().astype(node["dtype"], copy=False)
        if kind == "nullable":
            return pd.api.types.pandas_dtype(node["dtype"]).__from_arrow__(stored)
        if kind == "timedelta":
            return pd.TimedeltaIndex(stored.to_numpy().view(f"m8[{node['unit']}]")).array
        if kind == "datetime":
            index = pd.DatetimeIndex(stored.to_numpy().view(f"M8[{node['unit']}]"))
            if "zone" in node:
                index = index.tz_localize("UTC").tz_convert(node["zone"])
            return index.array
        if kind == "text" and _HAS_STR:
            return _TEXT.__from_arrow__(stored)
        values = np.array(stored.to_numpy(), dtype=object)
        if stored.null_count and node.get("gap", "nan") == "nan":
            values[pd.isna(values)] = np.nan
        return values

    def _stored(self, at: list[int]) -> pa.ChunkedArray:
        length, position = at
        if length not in self._tables:
            # Read into memory, so that the files may go at once.
            path = self._folder / f"{length}.parquet"
            self._tables[length] = pq.read_table(path, memory_map=False)
        return self._tables[length].column(position)


def _proto(node: dict[str, Any]) -> Any:
    from google.protobuf import descriptor_pool, message_factory

    module = node["file"].removesuffix(".proto").replace("/", ".") + "_pb2"
    try:
        importlib.import_module(module)
        found = descriptor_pool.Default().FindMessageTypeByName(node["type"])
    except (ImportError, KeyError) as error:
        raise TypeError(
            f"A message of type {node['type']} cannot be received in this environment: {error}. "
            "Send its bytes (message.SerializeToString()) or plain values instead."
        ) from error
    return message_factory.GetMessageClass(found).FromString(base64.b64decode(node["data"]))


def _zone(tz: Any, where: str) -> str:
    """Name of a time zone that both environments understand."""
    offset = tz.utcoffset(None)
    name = getattr(tz, "key", None) or getattr(tz, "zone", None)
    if name is None and offset is not None:
        minutes = round(offset.total_seconds() / 60)
        name = f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    if name is None:
        raise TypeError(
            f"{where} has the time zone {tz!r}, which has no name; convert it, for example with "
            '.dt.tz_convert("Europe/Paris").'
        )
    return "UTC" if name == "UTC+00:00" else name


def _gap(value: Any) -> str:
    return "nan" if isinstance(value, float) else str(value)


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _object_array(items: list[Any]) -> np.ndarray:
    # numpy would make a table of equally long lists: fill one by one.
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array
