"""Child processes that end with their parent, even if it is killed.

The parent makes a `Child`, whose program calls `end_with_parent`. It notices the end of its parent
in two ways: the system closes the pipe to its standard input, and the id of its parent changes. The
second is needed where a fork of the parent keeps the pipe open. Standard library only: the TFX
environment loads this file by its path, with a Python of its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

_PARENT = "MLOPS_PARENT"
_ROOT = str(Path(__file__).resolve().parents[2])
# Variables that change what another Python loads (without bytecode TFX takes half a minute) or what
# an installer chooses, except those that lead to a package index, through a proxy or to a cache.
_BENDING = re.compile(
    r"(?!(PIP|UV)_.*(INDEX|FIND_LINKS|MIRROR|PROXY|HOST|CERT|TLS|KEYRING|TIMEOUT|RETRIES|OFFLINE"
    r"|CACHE|CONFIG_FILE|NO_CONFIG|INSTALL_DIR|DOWNLOADS|LINK_MODE))"
    r"(PYTHON|PIP_|UV_|VIRTUAL_ENV|CONDA|_CE_|JPY_|IPYTHON|PYTEST_|__PYVENV|MPLBACKEND)"
)


def clean_environ(python: str | Path | None = None) -> dict[str, str]:
    """Return the environment variables of this process that suit another Python.

    Those that change which modules it loads, or which packages pip and uv install, are left out;
    those of package indexes, proxies, certificates and caches stay. The folder of `python`, if
    given, comes first on ``PATH``.

    Examples
    --------
    >>> {"PYTHONPATH", "UV_CONSTRAINT", "VIRTUAL_ENV"} & clean_environ().keys()
    set()
    """
    kept = {name: value for name, value in os.environ.items() if not _BENDING.match(name)}
    if python is not None:
        kept["PATH"] = os.pathsep.join([str(Path(python).parent), kept.get("PATH", os.defpath)])
    return kept


class Child(subprocess.Popen):
    """A Python program that ends with this process, however this process ends.

    It leads a session and a process group of its own, so Ctrl-C does not reach it.

    Parameters
    ----------
    arguments : sequence of str or pathlib.Path
        Arguments of Python, such as ``["-m", module]``, for a program that calls `end_with_parent`.
    folder : pathlib.Path
        A folder for it alone, removed by `stop`; the file ``log`` in it takes what it writes.
    python : str or pathlib.Path, optional
        Another Python, with a clean environment. By default this one, which finds this package.
    env : mapping of str to str, optional
        Environment variables beside those.
    **options
        Of ``subprocess.Popen``, such as ``stdout=subprocess.PIPE``; ``cwd`` is `folder` by default.
    """

    def __init__(
        self,
        arguments: Sequence[str | Path],
        folder: Path,
        python: str | Path | None = None,
        env: Mapping[str, str] | None = None,
        **options: Any,
    ) -> None:
        self.folder, self.log, self._owner = folder, folder / "log", os.getpid()
        if python is None:
            python, arguments = sys.executable, ["-P", *arguments]
            path = os.pathsep.join(filter(None, [_ROOT, os.environ.get("PYTHONPATH")]))
            kept = {**os.environ, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1"}
        else:
            kept = clean_environ(python)
        kept |= {**(env or {}), _PARENT: f"{self._owner} {folder.absolute()}"}
        command = [str(part) for part in (python, *arguments)]
        with self.log.open("ab") as log, contextlib.ExitStack() as failed:
            failed.callback(shutil.rmtree, folder)
            options = {"stdout": log, "cwd": folder, "start_new_session": True, **options}
            super().__init__(command, stdin=subprocess.PIPE, stderr=log, env=kept, **options)
            failed.pop_all()

    def stop(self, seconds: float = 5) -> None:
        """Ask the program to end, wait, kill the rest and all that it started, remove its folder.

        In a fork of this process nothing is done.
        """
        if os.getpid() != self._owner:
            return
        started = _descendants(self.pid) if self.poll() is None else set()
        try:
            for stream in filter(None, (self.stdin, self.stdout)):
                with contextlib.suppress(OSError):
                    stream.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(seconds)
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)  # a group may outlive its leader
            _kill(started)
            self.wait()
            shutil.rmtree(self.folder, ignore_errors=True)


def end_with_parent(
    on_end: Callable[[], object] = int,
    on_line: Callable[[bytes], object] = len,
    seconds: float = 0,
) -> None:
    """In the program of a `Child`: end when the parent has ended, or has called `stop`.

    Its folder is removed, and it is killed with all that it started. Elsewhere nothing is done.

    Parameters
    ----------
    on_end : callable, optional
        Called before the program is killed, from a thread, and perhaps twice.
    on_line : callable, optional
        Called from one thread with each line that the parent writes to its standard input.
    seconds : float, default 0
        How long the program may take, after that call, to end in its own way.
    """
    parent, _, folder = os.environ.pop(_PARENT, "").partition(" ")
    if not parent:
        return
    orders = os.dup(0)
    # Programs that this one starts must not wait for what the parent writes.
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)

    def end() -> None:
        try:
            shutil.rmtree(folder, ignore_errors=True)  # a parent that was killed does not do it
            on_end()
            time.sleep(seconds)
        finally:
            kill_all()

    def read() -> None:
        unfinished = b""
        # Waits in `select`, since where threads are gevent's a read alone would stop them all.
        while select.select([orders], [], []) and (more := os.read(orders, 2**16)):
            *lines, unfinished = (unfinished + more).split(b"\n")
            for line in lines:
                on_line(line)
        end()

    threading.Thread(target=read, daemon=True).start()
    when_ended(int(parent), end)


def when_ended(parent: int, action: Callable[[], object]) -> None:
    """Call a function, from a thread, when the parent, given by its process id, has ended."""
    above = os.getppid()  # the parent, or a script between that started this Python

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.getppid() == above:
                os.kill(parent, 0)  # an error if it does not run
                time.sleep(0.2)
        action()

    threading.Thread(target=watch, daemon=True).start()


def kill_all() -> None:
    """Kill all that this process started, its process group and itself."""
    try:
        _kill(_descendants(os.getpid()))
    finally:
        if os.getpgrp() == os.getsid(0):  # made by `Child`; that of a shell is not ours
            os.killpg(os.getpgrp(), signal.SIGKILL)
        os.kill(os.getpid(), signal.SIGKILL)


def _kill(processes: set[tuple[str, str]]) -> None:
    """Kill processes given by id and start time, since an id may be another process's by now."""
    for pid, _ in processes & {(pid, start) for pid, _, start in processes and _processes()}:
        with contextlib.suppress(OSError):
            os.kill(int(pid), signal.SIGKILL)


def _descendants(pid: int) -> set[tuple[str, str]]:
    """Return id and start time of every process below one, also of those in other groups."""
    rows, found, parents = _processes(), set(), {str(pid)}
    while parents:
        below = {(pid, start) for pid, parent, start in rows if parent in parents} - found
        parents = {pid for pid, _ in below}
        found |= below
    return found


def _processes() -> list[tuple[str, str, str]]:
    """Return id, parent and start time of every process."""
    if sys.platform != "linux":
        listing = subprocess.run(["ps", "-axo", "pid=,ppid=,lstart="], capture_output=True)
        return [tuple(line.split(maxsplit=2)) for line in listing.stdout.decode().splitlines()]
    rows = []
    for file in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            # After the name, which may hold spaces and brackets: state, parent, ..., start time.
            values = file.read_text(errors="replace").rpartition(")")[2].split()
            rows.append((file.parent.name, values[1], values[19]))
    return rows
