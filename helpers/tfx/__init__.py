"""TFX in its own environment: one process of it for each notebook.

In a notebook, ``%load_ext helpers.tfx`` and then ``%%tfx`` cells. In code, ``session()``:

>>> from helpers import tfx
>>> tfx.session().push("frame", frame)  # doctest: +SKIP
>>> tfx.session().run("import tensorflow_data_validation as tfdv")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import Any

from helpers.base import extras

extras.require("validation", by=__name__)

_HOMES = {
    "Session": "session",
    "SessionDied": "session",
    "TFXEnvironmentError": "environment",
    "TFXError": "session",
}

# `session` is the module, which can be called: `session()` is the session of this notebook.
__all__ = ["Session", "SessionDied", "TFXEnvironmentError", "TFXError", "session"]


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%%tfx``; called by ``%load_ext helpers.tfx``."""
    ipython.register_magics(_module("magic").TFXMagics)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(_module(_HOMES[name]), name)
    if name in ("environment", "exchange", "magic", "session"):
        return _module(name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}")


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
