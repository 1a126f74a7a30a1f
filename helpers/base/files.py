"""Files that are written completely or not at all, even if the program is killed."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary name to write to; it is renamed to `path` if the block succeeds.

    Parameters
    ----------
    path : str or pathlib.Path
        The file; its folder exists.

    Yields
    ------
    pathlib.Path
        In the same folder. If the block raises, the temporary file is deleted and `path` is
        unchanged.

    Examples
    --------
    >>> with whole("/tmp/numbers.csv") as temporary:
    ...     _ = temporary.write_text("1,2,3")
    """
    path = Path(path)
    # Each writer has its own name, so that two of them do not mix what they write.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.partial")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes) -> None:
    """Write a file in one step: readers see either the old content or the new.

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
    """Return the path of a Markdown file to write, after creating its folder.

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
