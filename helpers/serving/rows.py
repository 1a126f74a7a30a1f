"""Rows of model inputs, in the forms that people have them in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np


def as_columns(rows: Any, names: Sequence[str], argument: str) -> dict[str, Any]:
    """Make columns by name of a DataFrame, of a list of dicts, or of the one input there is.

    Parameters
    ----------
    rows : DataFrame, mapping of columns, sequence of mappings, or array
    names : sequence of str
        The inputs of the model.
    argument : str
        What the caller calls `rows`, for the error.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If an input is missing.
    """
    if hasattr(rows, "to_dict") and hasattr(rows, "columns"):  # a DataFrame
        columns = {name: rows[name].to_numpy() for name in rows.columns}
    elif isinstance(rows, Mapping):
        columns = dict(rows)
    elif isinstance(rows, Sequence) and rows and all(isinstance(row, Mapping) for row in rows):
        columns = {name: [row.get(name) for row in rows] for name in rows[0]}
    elif len(names) == 1:
        columns = {names[0]: np.asarray(rows)}
    else:
        columns = {}
    if missing := [name for name in names if name not in columns]:
        raise ValueError(
            f"{argument} lacks {', '.join(map(repr, missing))}; the model's inputs are "
            f"{', '.join(map(repr, names))}: give a DataFrame or a list of dicts with these"
        )
    return {name: columns[name] for name in names}
