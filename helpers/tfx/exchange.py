"""Hand values from one Python environment to another, as one Arrow file.

The lab and TFX have different versions of Python, numpy, pandas and pyarrow, so nothing is pickled.
Text, nullable and Arrow-backed columns are Arrow arrays in the file; the memory of numpy arrays and
protocol buffers are bytes in it; a note in JSON says how to put them together again. Both sides run
this very file, so it keeps to what pandas 1.5 and 3, and pyarrow 10 and 26, have in common.

Examples
--------
>>> import tempfile
>>> folder = tempfile.mkdtemp()
>>> save({"rows": 3, "shares": (0.5, float("inf"))}, folder)
>>> load(folder)
{'rows': 3, 'shares': (0.5, inf)}
"""

from __future__ import annotations

import contextlib
import datetime
import decimal
import difflib
import importlib
import json
import uuid
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

SUPPORTED = (
    "None, numbers, str, bytes, dates, times, Decimal, UUID, Path; lists, tuples, sets, dicts of "
    "these; numpy arrays; pandas DataFrames, Series and Indexes; protocol buffers"
)
_PLAIN = (type(None), bool, int, float, str)
_CONTAINERS = (list, tuple, set, frozenset)
# Types that can be made from what `str` makes of a value.
_TEXTS: dict[type, Callable] = {
    **{kind: kind.fromisoformat for kind in (datetime.date, datetime.datetime, datetime.time)},
    **{kind: kind for kind in (complex, decimal.Decimal, uuid.UUID, type(Path()))},
}
_NULLABLE = {"boolean", "Float32", "Float64", "string"}.union(
    f"{sign}{bits}" for sign in ("Int", "UInt") for bits in (8, 16, 32, 64)
)
# What this pandas makes of text: object before pandas 3, str since.
_TEXT = pd.Series(["text"]).dtype
_HAS_STR = str(_TEXT) == "str"


def save(value: Any, folder: str | Path) -> None:
    """Write a value into a folder, for `load` to read in another environment.

    ``SUPPORTED`` lists what can be handed over; containers may be nested and hold all of it. A
    frame keeps its dtypes, index, column labels (of any kind, duplicates too), ``attrs`` and the
    kind of its missing values. Where the two pandas differ: text is ``object`` before pandas 3 and
    ``str`` since; pandas before 2 turns every date and time into nanoseconds.

    Raises
    ------
    TypeError
        If the value, or something inside it, cannot be handed over; the message names the column.
    """
    writer = _Writer()
    note = json.dumps(writer.node(value, "the value"))
    arrays = [pa.array(writer.blobs, pa.large_binary()), *writer.arrays]
    # The arrays differ in length, so each is the only cell of a column.
    cells = [pa.LargeListArray.from_arrays(pa.array([0, len(a)], pa.int64()), a) for a in arrays]
    table = pa.Table.from_arrays(cells, [str(i) for i in range(len(cells))], metadata={"": note})
    Path(folder).mkdir(parents=True, exist_ok=True)
    with pa.ipc.new_file(f"{folder}/value.arrow", table.schema) as file:
        file.write_table(table)


def load(folder: str | Path) -> Any:
    """Return the value that `save` wrote into a folder.

    Raises TypeError for a message of a type that is unknown here, and ValueError for a date or time
    out of the range of this pandas; the message names the column.
    """
    with pa.OSFile(f"{folder}/value.arrow") as file:  # into memory, so that the file may go at once
        table = pa.ipc.open_file(file).read_all()
    blobs, *arrays = (column.chunk(0).values for column in table.columns)
    makers = _MAKERS | {
        "bytes": lambda at: blobs[at].as_py(),
        "memory": lambda at: blobs[at].as_buffer(),
        "arrow": lambda at: pa.chunked_array([arrays[at]]),
    }

    def make(node: Any) -> Any:
        return makers[node[0]](*map(make, node[1:])) if isinstance(node, list) else node

    return make(json.loads(table.schema.metadata[b""]))


def save_variable(name: str, namespace: dict[str, Any], folder: str | Path) -> None:
    """Write one variable of a namespace, such as a notebook's ``globals()``, into a folder.

    Raises NameError, with a list of the variables that exist, if there is no such variable, and
    TypeError as `save` does.
    """
    if name not in namespace:
        raise NameError(f"There is no variable {name!r} here. {whats_there(name, namespace)}")
    try:
        save(namespace[name], folder)
    except TypeError as error:
        raise TypeError(f"{name}: {error}") from None


def whats_there(name: str, namespace: dict[str, Any]) -> str:
    """Return a sentence on the variables of a notebook's namespace, those like `name` first.

    Examples
    --------
    >>> whats_there("fram", {"frame": 1, "n": 2, "_hidden": 3})
    'Did you mean frame? There are: frame, n.'
    """
    shell = {"In", "Out", "exit", "quit", "open", "get_ipython"}
    shown = {k for k, v in namespace.items() if not (k[:1] == "_" or isinstance(v, ModuleType))}
    names = sorted(shown - shell)
    near = difflib.get_close_matches(name, names)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return f"{meant}There are: {', '.join(names[:30])}{more}." if names else "There is none yet."


class _Writer:
    """Turns values into nodes for JSON: plain values and ``[name in _MAKERS, *arguments]``."""

    def __init__(self) -> None:
        self.arrays: list[pa.Array] = []
        self.blobs: list[bytes] = []

    def node(self, value: Any, where: str) -> Any:
        kind = type(value)
        if kind in _PLAIN:
            return value
        if isinstance(value, dict):
            pairs = ((k, self.node(v, f"{where}, item {k!r}")) for k, v in value.items())
            return ["dict", *(node for k, v in pairs for node in (self.node(k, where), v))]
        if isinstance(value, _CONTAINERS):
            name = next(c.__name__ for c in _CONTAINERS if isinstance(value, c))
            return [name, *(self.node(item, where) for item in value)]
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(value)
        if isinstance(value, (pd.DataFrame, pd.Series)):
            index = self._index(value.index, f"the index of {where}")
            attrs = self.node(value.attrs, f"attrs of {where}")
            if isinstance(value, pd.Series):
                name = self.node(value.name, f"the name of {where}")
                return ["series", index, attrs, name, self._column(value, where)]
            names = [f"column {label!r} of {where}" for label in value.columns]
            columns = (self._column(value.iloc[:, i], name) for i, name in enumerate(names))
            labels = self._index(value.columns, f"the column labels of {where}")
            return ["frame", index, attrs, labels, *columns]
        if isinstance(value, pd.Index):
            return self._index(value, where)
        if isinstance(value, (pd.Timestamp, pd.Timedelta, pd.Interval)):
            return ["first", self._index(pd.Index([value]), where)]
        if value is pd.NA or value is pd.NaT:
            return ["missing", "NA" if value is pd.NA else "NaT"]
        if kind is np.ndarray:
            return self._array(value, where)
        if isinstance(value, np.generic):
            return ["first", self._array(np.asarray(value).reshape(1), where)]
        if kind is datetime.timedelta:
            return ["timedelta", value.days, value.seconds, value.microseconds]
        zone = getattr(value, "tzinfo", None)  # as text, other zones lose their names
        if kind in _TEXTS and (zone is None or isinstance(zone, datetime.timezone)):
            return [kind.__name__, str(value)]
        if hasattr(value, "SerializeToString") and hasattr(value, "DESCRIPTOR"):
            names = value.DESCRIPTOR.file.name, value.DESCRIPTOR.full_name
            return ["proto", *names, self._bytes(value.SerializeToString())]
        mended = "; convert it with .to_pandas()" if hasattr(value, "to_pandas") else ""
        mended = f" in {zone!r}; convert it with pandas.Timestamp()" if zone else mended
        raise TypeError(
            f"{where} is of type {kind.__module__}.{kind.__qualname__}, which cannot be handed "
            f"between the lab and TFX{mended}. What can be: {SUPPORTED}."
        )

    def _bytes(self, data: bytes, name: str = "bytes") -> list:
        self.blobs.append(bytes(data))
        return [name, len(self.blobs) - 1]

    def _arrow(self, values: Any, kind: pa.DataType | None = None) -> list:
        array = pa.array(values, kind, from_pandas=True)
        chunked = isinstance(array, pa.ChunkedArray)
        self.arrays.append(array.combine_chunks() if chunked else array)
        return ["arrow", len(self.arrays) - 1]

    def _array(self, array: np.ndarray, where: str) -> list:
        shape = ["tuple", *array.shape]
        if array.dtype.kind in "biufcmMUS":
            return ["array", shape, array.dtype.str, self._bytes(array.tobytes(), "memory")]
        if array.dtype.kind in "OT":  # numpy 2's StringDType (T) arrives as objects
            return ["objects", shape, *(self.node(item, where) for item in array.ravel().tolist())]
        raise TypeError(f"{where} is an array of dtype {array.dtype}; make it a DataFrame first.")

    def _index(self, index: pd.Index, where: str) -> list:
        names = [self.node(name, where) for name in index.names]
        if isinstance(index, pd.RangeIndex):
            return ["range", *names, index.start, index.stop, index.step]
        if isinstance(index, pd.MultiIndex):
            levels = (index.get_level_values(i) for i in range(index.nlevels))
            return ["levels", ["list", *names], *(self._index(level, where) for level in levels)]
        return ["index", *names, self._column(index, where)]

    def _column(self, values: pd.Series | pd.Index, where: str) -> list:
        dtype, array = values.dtype, values.array
        if isinstance(dtype, np.dtype):
            if dtype.kind == "O":
                return self._objects(values.to_numpy(), where)
            node = self._array(values.to_numpy(), where)
            return ["moments", node, where] if dtype.kind in "mM" else node
        if isinstance(dtype, pd.CategoricalDtype):
            labels = self._index(dtype.categories, f"the categories of {where}")
            return ["category", self._array(array.codes, where), labels, bool(dtype.ordered)]
        if isinstance(dtype, pd.IntervalDtype):
            sides = (self._index(pd.Index(side), where) for side in (array.left, array.right))
            return ["interval", *sides, dtype.closed]
        if isinstance(dtype, pd.ArrowDtype) and _old(dtype.pyarrow_dtype):
            return ["backed", self._arrow(array)]
        # Not text that is no Unicode, nor a zone with neither a name nor an offset in minutes.
        with contextlib.suppress(ValueError):
            if dtype.name == "str":
                return ["str", self._arrow(array, pa.large_string())]
            if dtype.name in _NULLABLE:
                return ["nullable", dtype.name, self._arrow(array)]
            if isinstance(dtype, pd.DatetimeTZDtype):
                utc = np.asarray(pd.DatetimeIndex(values).tz_convert(None))
                zone = pa.timestamp("ns", tz=dtype.tz).tz
                return ["zoned", ["moments", self._array(utc, where), where], zone]
        raise TypeError(
            f"{where} has the dtype {dtype}, which cannot be handed over; first convert periods "
            "with .dt.to_timestamp(), sparse columns with .sparse.to_dense(), zones without a name "
            'with .dt.tz_convert("UTC"), others with .astype("object").'
        )

    def _objects(self, array: np.ndarray, where: str) -> list:
        kind = pd.api.types.infer_dtype(array, skipna=True)
        gaps = {str(gap) for gap in array[pd.isna(array)]}
        if kind in ("string", "bytes", "empty") and gaps in ({"None"}, {"nan"}, set()):
            form = pa.large_binary() if kind == "bytes" else pa.large_string()
            # With a pandas that has str, object was chosen on purpose.
            name = "str" if kind != "bytes" and not _HAS_STR else "python"
            with contextlib.suppress(UnicodeEncodeError):
                return [name, self._arrow(array, form), *gaps]
        return self._array(array, where)


def _old(kind: pa.DataType) -> bool:
    """Return whether pyarrow 10 knows a type: not views, small decimals and extensions."""
    inner = [kind.field(i).type for i in range(kind.num_fields if hasattr(kind, "field") else 0)]
    inner += [kind.value_type] if pa.types.is_dictionary(kind) else []
    return kind.id <= 37 and kind.id != 31 and all(map(_old, inner))


def _array(shape: tuple[int, ...], dtype: str, memory: pa.Buffer) -> np.ndarray:
    if not memory.size:  # numbers of no row, or text without a letter
        return np.zeros(shape, dtype)
    return np.frombuffer(memory, dtype).reshape(shape).copy()


def _objects(shape: tuple[int, ...], *items: Any) -> np.ndarray:
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):  # numpy would make a table of lists of one length
        array[i] = item
    return array.reshape(shape)


def _python(stored: pa.ChunkedArray, gap: str = "nan") -> np.ndarray:
    values = np.array(stored.to_numpy(), dtype=object)
    if stored.null_count and gap == "nan":
        values[pd.isna(values)] = np.nan
    return values


def _moments(array: np.ndarray, where: str) -> np.ndarray:
    """Return dates or durations in a unit that this pandas has; refuse what is out of its range."""
    if int(pd.__version__.split(".")[0]) >= 2:
        return array
    fine = array.astype(f"{array.dtype.kind}8[ns]")
    lost = array[(fine.astype(array.dtype) != array) & ~np.isnat(array)]
    if len(lost):
        raise ValueError(
            f"{where} has {lost[0]}, which pandas {pd.__version__} cannot hold: it counts "
            "nanoseconds, from 1677 to 2262. Replace such values, or convert with .astype(str)."
        )
    return fine


def _frame(index: pd.Index, attrs: dict, labels: pd.Index, *columns: Any) -> pd.DataFrame:
    series = (pd.Series(values, index=index, dtype=values.dtype) for values in columns)
    frame = pd.DataFrame(dict(enumerate(series)), index=index)
    frame.columns, frame.attrs = labels, attrs
    return frame


def _series(index: pd.Index, attrs: dict, name: Any, values: Any) -> pd.Series:
    series = pd.Series(values, index=index, dtype=values.dtype, name=name)
    series.attrs = attrs
    return series


def _proto(file: str, name: str, data: bytes) -> Any:
    from google.protobuf import descriptor_pool, message_factory

    try:
        importlib.import_module(file.removesuffix(".proto").replace("/", ".") + "_pb2")
        kind = descriptor_pool.Default().FindMessageTypeByName(name)
    except (ImportError, KeyError) as error:
        raise TypeError(
            f"A message of type {name} cannot be received in this environment: {error}. "
            "Send its bytes (message.SerializeToString()) or plain values instead."
        ) from error
    return message_factory.GetMessageClass(kind).FromString(data)


_MAKERS: dict[str, Callable] = {
    **{kind.__name__: lambda *items, kind=kind: kind(items) for kind in _CONTAINERS},
    **{kind.__name__: make for kind, make in _TEXTS.items()},
    "dict": lambda *items: dict(zip(items[::2], items[1::2])),  # noqa: B905
    "timedelta": datetime.timedelta,
    "missing": lambda name: getattr(pd, name),
    "first": lambda values: values[0],
    "array": _array,
    "objects": _objects,
    "frame": _frame,
    "series": _series,
    "index": lambda name, data: pd.Index(data, dtype=data.dtype, name=name, copy=True),
    "range": lambda name, *bounds: pd.RangeIndex(*bounds, name=name),
    "levels": lambda names, *levels: pd.MultiIndex.from_arrays(levels, names=names),
    "moments": _moments,
    "zoned": lambda utc, zone: pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone).array,
    "category": lambda codes, names, ordered: pd.Categorical.from_codes(codes, names, ordered),
    "interval": pd.arrays.IntervalArray.from_arrays,
    "backed": pd.arrays.ArrowExtensionArray,
    "nullable": lambda name, stored: pd.api.types.pandas_dtype(name).__from_arrow__(stored),
    "str": lambda s, *gap: _TEXT.__from_arrow__(s) if _HAS_STR else _python(s, *gap),
    "python": _python,
    "proto": _proto,
}
