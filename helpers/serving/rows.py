"""Rows of model inputs, in the forms in which callers have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def as_arrays(
    rows: Any, shapes: Mapping[str, Sequence[int]], argument: str
) -> dict[str, np.ndarray]:
    """Return an array for each input of a model, whose `shapes` are given by name.

    `rows` is a DataFrame, a mapping of columns, a sequence of mappings or, if the model has a
    single input, an array. Where the model has one dimension more, a last one is added. `argument`
    is the caller's name for `rows`, for the error about a missing input.
    """
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame
        columns = {name: rows[name].to_numpy() for name in rows.columns}
    elif isinstance(rows, Mapping):
        columns = dict(rows)
    elif isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    elif len(shapes) == 1:
        columns = dict.fromkeys(shapes, rows)
    else:
        columns = {}
    if missing := [name for name in shapes if name not in columns]:
        raise ValueError(
            f"{argument} lacks {', '.join(map(repr, missing))}; the model's inputs are "
            f"{', '.join(map(repr, shapes))}: give a DataFrame or a list of dicts with these"
        )
    arrays = {name: np.asarray(columns[name]) for name in shapes}
    return {
        name: array[..., None] if len(shapes[name]) == array.ndim + 1 else array
        for name, array in arrays.items()
    }
