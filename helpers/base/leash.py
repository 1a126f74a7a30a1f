"""Processes on a leash: one ends when the process that started it ends, however that ends.

The leash is a pipe to the child's standard input, which the system closes when its holder dies,
also by SIGKILL. A process that was forked meanwhile holds that pipe too, so the child looks at its
parent's id as well.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_PARENT = "MLOPS_LEASH_PARENT"
_ROOT = str(Path(__file__).resolve().parents[2])


def start(command: Sequence[str], folder: Path, stdout: int | None = None) -> subprocess.Popen:
    """Start a Python process on a leash.

    Parameters
    ----------
    command : sequence of str
        Arguments of Python, such as ``["-m", module]``, for a program that calls `hold`.
    folder : pathlib.Path
        Where it runs; the file ``log`` in it takes what the process writes.
    stdout : int, optional
        ``subprocess.PIPE`` to read its standard output; by default that is logged too.

    Returns
    -------
    subprocess.Popen
        Its standard input is the leash; lines written to it reach the function given to `hold`.
    """
    paths = [_ROOT, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", *command],
            stdin=subprocess.PIPE,
            stdout=stdout or log,
            stderr=log,
            cwd=folder,
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(paths),
                "PYTHONUNBUFFERED": "1",
                _PARENT: str(os.getpid()),
            },
            start_new_session=True,  # Ctrl-C in the notebook is not meant for it
        )


def stop(process: subprocess.Popen, folder: Path, owner: int, seconds: float = 5) -> None:
    """Let go of the leash, wait for the end, and remove the folder; kill what does not end in time.

    Parameters
    ----------
    process : subprocess.Popen
        As `start` returned it.
    folder : pathlib.Path
        As given to `start`.
    owner : int
        Id of the process that started it: in a fork of that one nothing is done.
    seconds : float, default 5
        How long it may take to end by itself.
    """
    if os.getpid() != owner:
        return
    for stream in filter(None, (process.stdin, process.stdout)):
        with contextlib.suppress(OSError):
            stream.close()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    shutil.rmtree(folder, ignore_errors=True)


def hold(let_go: Callable[[], object], take: Callable[[bytes], object] = len) -> None:
    """In the child: have a function called when the leash ends; without a leash do nothing.

    Parameters
    ----------
    let_go : callable
        Called from a thread, and perhaps twice, when the parent has let go or is gone.
    take : callable, optional
        Called from one thread with each line that the parent writes.
    """
    if _PARENT not in os.environ:
        return
    parent = int(os.environ.pop(_PARENT))

    def read() -> None:
        unfinished = b""
        while True:
            select.select([0], [], [])  # where threads are gevent's, a read alone would stop all
            more = os.read(0, 2**16)  # not sys.stdin: its lock would hinder the exit
            if not more:
                break
            *lines, unfinished = (unfinished + more).split(b"\n")
            for line in lines:
                take(line)
        let_go()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        let_go()

    for what in (read, watch):
        threading.Thread(target=what, name="leash", daemon=True).start()
