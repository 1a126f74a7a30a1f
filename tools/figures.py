"""The words that describe a figure: where a notebook has them, and how they reach its outputs."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import Any

# A lesson describes each figure in the cell below it.
CAPTION = re.compile(r"^\*The figure: ([^*]*\S)\*", re.M)


def caption(source: str) -> str:
    """Return the description of the figure above a Markdown cell, as plain text, or "".

    Examples
    --------
    >>> caption("*The figure: two points,\\none above `low`.*")
    'Two points, one above low.'
    """
    match = CAPTION.search(source)
    words = " ".join(match[1].split()) if match else ""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", words).replace("`", "").replace("$", "")
    return words[:1].upper() + words[1:]


def describe(notebook: Any) -> None:
    """Write its alternative text into the metadata of every image output that has none.

    A view describes itself in its plain text; a plain figure is described by the cell below.
    ``{"image/png": {"alt": ...}}`` is where nbconvert looks for it.

    Parameters
    ----------
    notebook : nbformat.NotebookNode
        It is changed.
    """
    for cell, below in zip_longest(notebook.cells, notebook.cells[1:]):
        words = caption(below.source) if below and below.cell_type == "markdown" else ""
        for output in cell.get("outputs", []):
            own = output.get("data", {}).get("text/plain", "")
            text = words if not own or own.startswith("<") else own
            for kind in output.get("data", {}):
                if kind.startswith("image/") and text:
                    output.metadata.setdefault(kind, {}).setdefault("alt", text)
