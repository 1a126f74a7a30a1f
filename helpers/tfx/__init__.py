"""TFX in its own environment: one process of it for each notebook.

In a notebook, ``%load_ext helpers.tfx`` and then ``%%tfx`` cells. In code, ``session()``:

>>> from helpers import tfx
>>> tfx.session().push("frame", frame)  # doctest: +SKIP
>>> tfx.session().run("import tensorflow_data_validation as tfdv")  # doctest: +SKIP
"""

from __future__ import annotations

from typing import Any

from helpers.base import extras

extras.require("validation", by=__name__)

from helpers.tfx.environment import TFXEnvironmentError
from helpers.tfx.kernel_session import Session, SessionDied, TFXError, session

__all__ = ["Session", "SessionDied", "TFXEnvironmentError", "TFXError", "session"]


def load_ipython_extension(ipython: Any) -> None:
    """Register ``%%tfx``; called by ``%load_ext helpers.tfx``."""
    from helpers.tfx import environment
    from helpers.tfx.magic import TFXMagics

    ipython.register_magics(TFXMagics)
    if environment.missing():
        print(f"TFX is not here yet. The first cell that needs it installs it, {environment.COST}.")
