"""The progress that the committed notebooks show: that of a new learner, over all lessons.

Each lesson ends with it, so each new lesson and each new exercise changes the output of all of
them. It is written without running anything.
"""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from helpers.course.exercises import progress

CALL = "progress()"


@cache
def beginning() -> dict[str, str]:
    """Return what ``progress()`` shows somebody who has not solved anything, by kind of output."""
    with tempfile.TemporaryDirectory() as folder:
        nothing = str(Path(folder) / "progress.json")
        with mock.patch.dict(os.environ, {"MLOPS_PROGRESS": nothing}):
            shown = progress()
    return {"text/html": shown._repr_html_(), "text/plain": repr(shown)}


def refresh(notebook: Any) -> bool:
    """Write the present lessons and exercises into the outputs that show progress.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It is changed.

    Returns
    -------
    bool
        Whether anything was out of date.
    """
    stale = False
    for cell in notebook.cells:
        for output in cell.get("outputs", []) if cell.source.strip() == CALL else []:
            stale |= output.data != beginning()
            output.data |= beginning()
    return stale
