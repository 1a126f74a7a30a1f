"""Files that ship with the package: its data and its TFX locks; and the lessons of a checkout."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]


def path(*parts: str) -> Path:
    """Return the path of a file or folder that is shipped with the project.

    In a checkout these files are beside the package (``data/``, ``requirements/``); in an
    installed wheel they are copied into it, under ``helpers/_shipped/`` (see ``pyproject.toml``).

    Parameters
    ----------
    *parts : str
        Path below the project's top folder, such as ``"data", "loans"``.

    Returns
    -------
    pathlib.Path
        It may not exist.

    Examples
    --------
    >>> path("data", "README.md").name
    'README.md'
    """
    shipped = _PACKAGE / "_shipped"
    root = shipped if shipped.is_dir() else _PACKAGE.parent
    return root.joinpath(*parts)


@dataclass(frozen=True)
class Lesson:
    """A lesson in this checkout.

    Attributes
    ----------
    number : str
        Such as ``"2.1"``; "0" is the start page.
    title : str
        Its name, without the number and the part after the colon.
    minutes : int
        How long a learner takes, roughly.
    budget_s : int
        How long the notebook may run, in seconds.
    path : pathlib.Path
        The notebook.
    """

    number: str
    title: str
    minutes: int
    budget_s: int
    path: Path


def lessons() -> list[Lesson]:
    """Return the lessons of this checkout, in the order of their numbers.

    Returns
    -------
    list of Lesson
        Read from the notebooks; empty where the package is installed without them.

    Examples
    --------
    >>> lessons()[0].number
    '0'
    """
    lessons = []
    for file in path("notebooks").glob("**/[!.]*.ipynb"):
        if ".ipynb_checkpoints" in file.parts:
            continue
        notebook = json.loads(file.read_text(encoding="utf-8"))
        about = notebook["metadata"].get("first_dance")
        if about:
            heading = "".join(notebook["cells"][0]["source"]).partition("\n")[0].lstrip("# ")
            title = heading.removeprefix(about["lesson"]).partition(":")[0].strip()
            minutes, seconds = about["minutes"], about["budget_s"]
            lessons.append(Lesson(about["lesson"], title, minutes, seconds, file))
    return sorted(lessons, key=lambda lesson: [int(part) for part in lesson.number.split(".")])
