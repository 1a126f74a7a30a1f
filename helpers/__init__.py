"""Helpers for the lessons of First Dance with MLOps.

``import helpers`` is instant: a submodule is loaded when it is first used.

Examples
--------
>>> import helpers
>>> helpers.world.World(seed=7).applications("2025-03", n=2).shape
(2, 16)
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

__all__ = [
    "checkup",
    "datasets",
    "exercises",
    "resources",
    "style",
    "tfx",
    "validation",
    "widgets",
    "world",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ipython: Any) -> None:
    """Make a notebook ready for a lesson: the ``%%tfx`` magic and the figure style.

    Called by ``%load_ext helpers``, which is the setup cell of every lesson.
    """
    from helpers import style, tfx

    style.use()
    tfx.load_ipython_extension(ipython)
