"""Calls that run in the TFX environment, where ``in_tfx.py`` is loaded once."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from helpers.tfx import Session, session

_one_at_a_time = threading.RLock()  # calls share variables of the TFX process


def call(function: str, *arguments: Any, **named: Any) -> Any:
    """Call a function of ``in_tfx.py`` in the TFX session; plain values and protos go over."""
    with _one_at_a_time:
        tfx = _session()
        tfx.push("_mlops_call", {"arguments": list(arguments), "named": named})
        call = f"{function}(*_mlops_call['arguments'], **_mlops_call['named'])"
        tfx.run(f"_mlops_call = _mlops_tfdv.{call}")
        return tfx.pull("_mlops_call")


def _session() -> Session:
    """Return the TFX session, with ``in_tfx.py`` loaded in it once for each process."""
    tfx = session()
    tfx.start()
    if getattr(_session, "loaded_in", None) != tfx.pid:
        source = Path(__file__).with_name("in_tfx.py").read_text(encoding="utf-8")
        tfx.run(
            "import types as _types\n_mlops_tfdv = _types.ModuleType('_mlops_tfdv')\n"
            f"exec({source!r}, _mlops_tfdv.__dict__)"
        )
        _session.loaded_in = tfx.pid
    return tfx
