"""Files that are there whole or not at all, whenever the program that writes them ends."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Give a temporary name to write to, which becomes `path` if all goes well.

    Parameters
    ----------
    path : str or pathlib.Path
        The file; its folder exists.

    Yields
    ------
    pathlib.Path
        A name beside it. Should the block raise, what has it goes, and `path` stays as it was.

    Examples
    --------
    >>> with whole("/tmp/numbers.csv") as temporary:
    ...     _ = temporary.write_text("1,2,3")
    """
    path = Path(path)
    # A name of its own for each writer, so that two at once do not mix what they write.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file in one step: who reads it meanwhile sees the old one or the new one.

    Parameters
    ----------
    path : str or pathlib.Path
    content : str or bytes
        Text is written as UTF-8.

    Examples
    --------
    >>> write("/tmp/greeting.txt", "good day")
    """
    with whole(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def markdown(path: str | Path) -> Path:
    """Give the path of a Markdown file that is to be written, with its folder made.

    Parameters
    ----------
    path : str or pathlib.Path

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        If the name does not end in ``.md``.

    Examples
    --------
    >>> markdown("card.md").name
    'card.md'
    """
    path = Path(path)
    if path.suffix != ".md":
        raise ValueError(f"path is {str(path)!r}; expected a name that ends in .md")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
