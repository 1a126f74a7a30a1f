"""A folder whose program can be killed at any operation: half of what it writes is then there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd


class Killed(BaseException):
    """The program was killed: no ``except Exception`` sees it, and nothing works after it."""


class Disk:
    """A folder of tables (CSV) that survives its program, which is killed at one operation.

    A write is two operations: killed at the first, half of the rows are there, at the second, all.
    """

    def __init__(self, folder: str | Path, die_at: float = float("inf")) -> None:
        self.folder, self.die_at, self.done = Path(folder), die_at, 0

    def write(self, name: str, frame: pd.DataFrame) -> None:
        """Write a table, in place of what has that name."""
        for rows in (len(frame) // 2, len(frame)):
            self._step(lambda rows=rows: frame[:rows].to_csv(self.folder / name, index=False))

    def rename(self, old: str, new: str) -> None:
        """Give a table another name, in place of what has that name: all at once (atomic)."""
        self._step(lambda: (self.folder / old).replace(self.folder / new))

    def names(self) -> list[str]:
        """Return the names of all tables, sorted."""
        return sorted(path.name for path in self.folder.iterdir())

    def read(self, name: str) -> pd.DataFrame:
        """Return a table."""
        return pd.read_csv(self.folder / name)

    def _step(self, operation: Callable[[], object]) -> None:
        if self.done < self.die_at:
            operation()
            self.done += 1
        if self.done >= self.die_at:
            raise Killed
