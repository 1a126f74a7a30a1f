"""The lessons' data sets, loaded by name and with the right types."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helpers.base import resources
from helpers.world import parse_months

_FOLDERS = {"loans": ("data", "loans"), "incoming": ("data", "loans", "incoming")}


def load(name: str, *, months: str | tuple[str, str] | Sequence[str] | None = None) -> pd.DataFrame:
    """Load a data set.

    Parameters
    ----------
    name : {"loans"}
        ``"loans"`` is the loan book of Harbor Credit in 2025, 2,000 applications a month; its
        columns are described in ``helpers.world.COLUMNS`` and in ``data/README.md``. Read the
        incoming files one by one, with their faults: ``pd.read_csv(path("incoming", file))``.
    months : str, tuple of two str, or list of str, optional
        A month such as ``"2025-03"``, a range ``("2025-01", "2025-06")`` (both ends included), or
        a list of months; all by default.

    Returns
    -------
    pandas.DataFrame
        ``applied_at`` is a datetime; whole numbers are integers; text columns are text.

    Raises
    ------
    ValueError
        If there is no such data set or month; the message lists what exists.

    Examples
    --------
    >>> load("loans", months=("2025-01", "2025-02")).shape
    (4000, 16)
    """
    if name != "loans":
        hint = (
            "; for 'incoming' use pd.read_csv(path('incoming', file))" if name in _FOLDERS else ""
        )
        raise ValueError(f"name is {name!r}; the data sets are ['loans']{hint}")
    files = {path.stem: path for path in _files(name).values()}
    wanted = list(files) if months is None else list(map(str, parse_months(months)))
    missing = [month for month in wanted if month not in files]
    if missing:
        raise ValueError(
            f"months has {missing}, which {name!r} does not hold; it holds {list(files)}"
        )
    frames = [pd.read_csv(files[month], parse_dates=["applied_at"]) for month in wanted]
    return pd.concat(frames, ignore_index=True)


def path(name: str, file: str | None = None) -> Path:
    """Return the path of a data set's folder, or of one of its files.

    Parameters
    ----------
    name : {"loans", "incoming"}
        ``"loans"``: one file a month; ``"incoming"``: files that arrived, some of them wrong.
    file : str, optional
        Name of a file, such as ``"2026-03_partner.csv"``.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If there is no such data set or file; the message lists what exists.

    Examples
    --------
    >>> path("incoming", "2026-03_partner.csv").name
    '2026-03_partner.csv'
    """
    if name not in _FOLDERS:
        raise ValueError(f"name is {name!r}; there are {list(_FOLDERS)}")
    if file is None:
        return resources.path(*_FOLDERS[name])
    files = _files(name)
    if file not in files:
        raise ValueError(f"file is {file!r}, which {name!r} does not hold; it holds {list(files)}")
    return files[file]


def _files(name: str) -> dict[str, Path]:
    folder = resources.path(*_FOLDERS[name])
    files = {file.name: file for file in sorted(folder.glob("*.csv"))}
    if not files:
        raise FileNotFoundError(f"no files in {folder}: run `python -m helpers.world data/`")
    return files
