"""Where the files that come with the package are: its data and its TFX locks."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def path(*parts: str) -> Path:
    """Path of a file or folder that is shipped with the project.

    In a checkout these files stand beside the package (``data/``, ``requirements/``); in an
    installed wheel they are copied into it, under ``helpers/_shipped/`` (see ``pyproject.toml``).

    Parameters
    ----------
    *parts : str
        Path below the project's top folder, such as ``"data", "loans"``.

    Returns
    -------
    pathlib.Path
        The path, which need not exist.

    Examples
    --------
    >>> path("data", "README.md").name
    'README.md'
    """
    shipped = _PACKAGE / "_shipped"
    root = shipped if shipped.is_dir() else _PACKAGE.parent
    return root.joinpath(*parts)
