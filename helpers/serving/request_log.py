"""A sample of the requests and answers, as lines of JSON that are only ever appended."""

from __future__ import annotations

import base64
import json
import os
import random
import sys
import threading
from collections import deque
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from helpers.serving.tensors import Arrays

_MAX_ROWS = 100_000  # in memory; more are dropped, so that the log cannot exhaust it
_COLUMNS = ("time", "model", "version", "signature", "entrypoint", "latency_ms")


class RequestLog:
    """Collects a share of what is served, and appends it to a file when `flush` is called.

    A line is a request, its rows as columns. Each process has a file of its own in `folder`; if it
    is killed in the middle of a line, that request is lost and nothing before it.
    """

    def __init__(self, folder: Path, sampling: float) -> None:
        self._folder = folder
        self._sampling = sampling
        self._random = random.Random()
        self._waiting: deque[tuple] = deque()
        self._rows_waiting = 0
        self._file: IO[bytes] | None = None
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def offer(
        self,
        served_by: tuple[str, int, str],
        entrypoint: str,
        seconds: float,
        inputs: Arrays,
        outputs: Arrays,
    ) -> None:
        """Keep a served request, if it is sampled; `served_by` is model, version and signature."""
        if self._random.random() >= self._sampling:
            return
        sizes = {a.shape[0] if a.ndim else None for a in [*inputs.values(), *outputs.values()]}
        rows = sizes.pop() if len(sizes) == 1 else None
        if not rows or self._rows_waiting + rows > _MAX_ROWS:
            return
        self._rows_waiting += rows
        about = (*served_by, entrypoint, seconds * 1000)
        self._waiting.append((datetime.now(UTC), about, inputs, outputs))

    def flush(self) -> None:
        """Append what has been collected since the last call."""
        with self._lock:
            waiting = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._rows_waiting = 0
            lines = []
            for time, about, inputs, outputs in waiting:
                line = dict(zip(_COLUMNS, (time.isoformat(), *about), strict=True))
                try:
                    for kind, arrays in (("input", inputs), ("output", outputs)):
                        line[kind] = {name: _values(array) for name, array in arrays.items()}
                    lines.append(json.dumps(line).encode() + b"\n")
                except Exception as error:  # the log must never stop the server
                    print(f"request log: {error}", file=sys.stderr)
            try:
                self._append(b"".join(lines))
            except OSError as error:
                self._file = None  # half a line may be at its end: go on in another file
                print(f"request log: {error}", file=sys.stderr)

    def _append(self, lines: bytes) -> None:
        if lines and self._file is None:
            name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}.jsonl"
            self._file = (self._folder / name).open("ab", buffering=0)
        while lines:
            lines = lines[self._file.write(lines) :]


def _values(array: np.ndarray) -> list:
    """Return a value for each row, a list where a row has more than one number."""
    if array.dtype.kind not in "biufcOSU":
        array = array.astype(np.float32)
    values = array.reshape(len(array)).tolist() if array.size == len(array) else array.tolist()
    return _without_bytes(values) if array.dtype.kind in "OS" else values


def _without_bytes(value: Any) -> Any:
    """Decode bytes, at any depth; those that are not text become objects, as in the REST API."""
    if isinstance(value, list):
        return [_without_bytes(part) for part in value]
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return {"b64": base64.b64encode(value).decode()}


def _with_bytes(value: dict) -> Any:
    return base64.b64decode(value["b64"]) if isinstance(value.get("b64"), str) else value


def read_log(folder: str | Path) -> pd.DataFrame:
    """Read what a server logged.

    Parameters
    ----------
    folder : str or pathlib.Path
        The server's `request_log`. What is served appears there within about a second.

    Returns
    -------
    pandas.DataFrame
        One row for each row that was served, oldest first: ``time`` (UTC), ``model``, ``version``,
        ``signature``, ``entrypoint`` ("REST" or "GRPC"), ``latency_ms`` of its request, then a
        column ``input.NAME`` for each input and ``output.NAME`` for each output. Tensors with more
        than one number in a row are lists. Empty if nothing was served.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    import pandas as pd
    import pyarrow as pa

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder is {folder}, which does not exist; expected the request_log of a ModelServer"
        )
    columns: dict[str, list] = {name: [] for name in _COLUMNS}
    total = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_bytes().split(b"\n")[:-1]:  # a last line without its end is left out
            request = json.loads(line, object_hook=_with_bytes)
            request["time"] = datetime.fromisoformat(request["time"])
            tensors = {
                f"{kind}.{name}": values
                for kind in ("input", "output")
                for name, values in request[kind].items()
            }
            rows = len(next(iter(tensors.values())))
            for name in tensors:
                columns.setdefault(name, [None] * total)
            for name, values in columns.items():
                values += tensors.get(name) or [request.get(name)] * rows
            total += rows
    if not total:
        return pd.DataFrame(columns=list(_COLUMNS))

    def column(values: list) -> pd.Series:
        try:
            return pa.array(values).to_pandas()
        except pa.ArrowInvalid:  # requests of several shapes
            return pd.Series(values, dtype=object)

    frame = pd.DataFrame({name: column(values) for name, values in columns.items()})
    return frame.sort_values("time", kind="stable", ignore_index=True)
