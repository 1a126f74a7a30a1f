"""Run by the session in the TFX environment: a quiet ipykernel that ends with its notebook.

This file uses nothing of the lab; it runs with the TFX environment's Python and packages.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import importlib.util
import logging
import os
import re
import sys
import warnings
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent
STOP_SECONDS = 2  # for what runs at the exit

# Packages whose warnings and log lines are hidden.
STACK = (
    *("absl", "apache_beam", "google", "keras", "keras_tuner", "kfp", "ml_metadata", "tf_keras"),
    *("ml_pipelines_sdk", "pkg_resources", "struct2tensor", "tensorboard", "tfx", "tfx_bsl"),
    *("tensorflow", "tensorflow_[a-z_]+"),
)


def hush() -> None:
    """Hide what the stack logs and warns about itself; errors and the user's own stay."""
    for package in STACK:
        warnings.filterwarnings("ignore", module=rf"{package}(\.|$)")
    for name in ("apache_beam", "tfx"):
        logging.getLogger(name).setLevel(logging.ERROR)
    with contextlib.suppress(ImportError):
        # First, since it makes the logger "absl" one of its own class.
        importlib.import_module("absl.logging")
    stack = re.compile(rf"site-packages.*/({'|'.join(STACK)})/")

    def own(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR or not stack.search(record.pathname)

    # Filters, not levels: TensorFlow and absl set the levels of their loggers themselves.
    for name in (None, "absl", "tensorflow"):
        logging.getLogger(name).addFilter(own)


@functools.cache
def load(file: str) -> ModuleType:
    """Return a module of the helpers that needs nothing of the lab; each is loaded on first use."""
    spec = importlib.util.spec_from_file_location(f"_mlops_{Path(file).stem}", HERE / file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> None:
    """Start the kernel: ``kernel.py FOLDER`` and then ipykernel's own arguments."""
    _, folder, *arguments = sys.argv
    gc.set_threshold(100_000)  # after 700 objects, as by default, it takes a fifth of TFX's time
    load("../base/process.py").end_with_parent(seconds=STOP_SECONDS)
    sys.path[:] = [place for place in sys.path if Path(place).resolve() != HERE]
    # The session reaches this module by this name; "__main__" becomes the learner's.
    sys.modules["_mlops_kernel"] = sys.modules["__main__"]
    hush()

    import ipykernel.compiler
    from ipykernel.kernelapp import IPKernelApp

    # Cells are named alike in every run, so that tracebacks and warnings are.
    ipykernel.compiler.get_tmp_directory = lambda: "%%tfx"
    sys.argv = [sys.argv[0], *arguments]
    app = IPKernelApp.instance()
    app.initialize(arguments)
    # What compiled code writes to file descriptor 2 goes to the session's log, which the session
    # relays without TensorFlow's noise and quotes if this process dies.
    log = os.open(Path(folder, "log"), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(log, 2)
    app.start()


if __name__ == "__main__":
    main()
