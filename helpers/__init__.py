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
from typing import Any

__version__ = "0.2.0"

__all__ = [
    "cards",
    "course",
    "datasets",
    "drift",
    "explanation",
    "fairness",
    "lineage",
    "model_card",
    "pipelines",
    "postmortem",
    "rollout",
    "serving",
    "tfx",
    "validation",
    "world",
]


def __getattr__(name: str) -> Any:
    if name == "model_card":
        return importlib.import_module(f"{__name__}.cards").model_card
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(ipython: Any) -> None:
    """Set a notebook up for a lesson: the ``%%tfx`` magic and the figure style.

    Called by ``%load_ext helpers``, which is the setup cell of every lesson.
    """
    import os
    import sys

    try:
        from helpers import tfx
        from helpers.base import style
    except ModuleNotFoundError as error:
        message = f"{error}: this kernel is not the one that `make lab` makes. Choose .venv"
        raise ModuleNotFoundError(message, name=error.name) from None

    # Before the first use of OpenMP: threads that spin while they wait starve others on two cores.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # TensorFlow's native code writes about the machine to file descriptor 2. Point that back to the
    # server's log, where it went before ipykernel redirected it into the notebook.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    log = getattr(sys.stderr, "_original_stdstream_copy", None)
    if log is not None:
        os.dup2(log, 2)
    style.use()
    tfx.load_ipython_extension(ipython)
