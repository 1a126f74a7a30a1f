"""What was really served: sampled requests and answers in Parquet files, one row for each row."""

from __future__ import annotations

import contextlib
import os
import random
import sys
import threading
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import numpy as np

from helpers.base import files

if TYPE_CHECKING:
    import pandas as pd

    from helpers.serving.tensors import Arrays

_ROWS_PER_FILE = 10_000
_ROWS_WAITING = 100_000  # more than that is dropped: a log must not eat the server's memory


class RequestLog:
    """Collects what is served and writes it now and then.

    Parameters
    ----------
    folder : pathlib.Path
    sampling : float
        Share of the requests to keep, 0 to 1.
    max_files : int, default 100
        The oldest files of the folder go when there are more.
    """

    def __init__(self, folder: Path, sampling: float, max_files: int = 100) -> None:
        self._folder = folder
        self._sampling = sampling
        self._max_files = max_files
        self._random = random.Random()
        self._waiting: list[tuple] = []
        self._rows_waiting = 0
        self._open: dict[tuple, tuple] = {}  # file and table that can still grow
        self._lock = threading.Lock()
        self._count = 0
        folder.mkdir(parents=True, exist_ok=True)

    def offer(
        self,
        about: tuple[str, int, str],
        entrypoint: str,
        seconds: float,
        inputs: Arrays,
        outputs: Arrays,
    ) -> None:
        """Take a served request, or leave it.

        Parameters
        ----------
        about : tuple
            Model, version and signature.
        entrypoint : str
        seconds : float
            How long the answer took.
        inputs, outputs : dict of numpy.ndarray
        """
        if self._random.random() >= self._sampling:
            return
        sizes = {a.shape[0] if a.ndim else None for a in [*inputs.values(), *outputs.values()]}
        rows = sizes.pop() if len(sizes) == 1 else None
        if not rows or self._rows_waiting + rows > _ROWS_WAITING:
            return
        self._rows_waiting += rows
        entry = (datetime.now(UTC), entrypoint, seconds * 1000, rows, inputs, outputs)
        self._waiting.append((about, entry))

    def flush(self) -> None:
        """Write what has come in. The newest file is written anew until it is full."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        with self._lock:
            waiting, self._waiting, self._rows_waiting = self._waiting, [], 0
            groups: dict[tuple, list] = defaultdict(list)
            for about, entry in waiting:
                groups[about].append(entry)
            for about, entries in groups.items():
                try:
                    table = _table(about, entries)
                    file, whole = self._open.pop(about, None) or (self._new_file(about), table)
                    if whole.schema != table.schema:  # such as bytes that are no text, now
                        file, whole = self._new_file(about), table
                    elif whole is not table:
                        whole = pa.concat_tables([whole, table])
                    with files.whole(file) as temporary:
                        pq.write_table(whole, temporary)
                    if whole.num_rows < _ROWS_PER_FILE:
                        self._open[about] = file, whole
                except Exception as error:  # the log must never stop the server
                    print(f"request log: {error}", file=sys.stderr)
            if groups:
                self._rotate()

    def _new_file(self, about: tuple[str, int, str]) -> Path:
        self._count += 1
        stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}-{self._count:06}"
        return self._folder / f"{stamp}-{quote(about[0], safe='')}-{about[1]}.parquet"

    def _rotate(self) -> None:
        for path in sorted(self._folder.glob("*.parquet"))[: -self._max_files]:
            with contextlib.suppress(OSError):
                path.unlink()


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
        If there is no such folder.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"folder is {folder}, which does not exist; expected the request_log of a ModelServer"
        )
    tables = []
    for path in sorted(folder.glob("*.parquet")):
        with contextlib.suppress(FileNotFoundError):  # rotated away meanwhile
            tables.append(pq.read_table(path))
    if not tables:
        return pd.DataFrame(columns=list(_ABOUT))
    whole = pa.concat_tables(tables, promote_options="permissive")
    return whole.to_pandas().sort_values("time", kind="stable", ignore_index=True)


_ABOUT = ("time", "model", "version", "signature", "entrypoint", "latency_ms")


def _table(about: tuple[str, int, str], entries: list[tuple]) -> Any:
    import pyarrow as pa

    times, entrypoints, latencies, rows, inputs, outputs = zip(*entries, strict=True)
    repeats = list(rows)
    total = sum(repeats)
    columns: dict[str, Any] = {
        "time": pa.array(np.repeat(times, repeats), pa.timestamp("us", "UTC")),
        "model": [about[0]] * total,
        "version": [about[1]] * total,
        "signature": [about[2]] * total,
        "entrypoint": np.repeat(entrypoints, repeats).tolist(),
        "latency_ms": np.repeat(latencies, repeats),
    }
    for prefix, arrays in (("input", inputs), ("output", outputs)):
        for name in arrays[0]:
            parts = [part for one in arrays for part in _values(one[name])]
            columns[f"{prefix}.{name}"] = _column(parts)
    return pa.table(columns)


def _values(array: np.ndarray) -> list:
    """One value for each row, a list where a row has more than one number."""
    if array.dtype.kind not in "biufcOSU":
        array = array.astype(np.float32)
    return array.reshape(len(array)).tolist() if array.size == len(array) else array.tolist()


def _column(values: list) -> Any:
    import pyarrow as pa

    if values and isinstance(values[0], bytes):
        with contextlib.suppress(UnicodeDecodeError):
            return pa.array([value.decode() for value in values])
    return pa.array(values)
