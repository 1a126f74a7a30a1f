"""One persistent TFX process for a notebook: run code in it, send values in, bring values back."""

from __future__ import annotations

import contextlib
import keyword
import os
import shutil
import sys
import threading
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from helpers.tfx.client import Kernel, KernelEnded, Output, SessionDied

_EXCHANGE = "__import__('_mlops_kernel').load('exchange.py')"


class TFXError(RuntimeError):
    """Code that ran in the TFX session raised an exception.

    Attributes
    ----------
    ename, evalue : str
        Type and message of the exception there, such as ``"KeyError"`` and ``"'income'"``.
    traceback : list of str
        The traceback there, as text with terminal colours. A notebook shows it in place of the
        traceback of this error.
    """

    def __init__(self, ename: str, evalue: str, traceback: list[str]) -> None:
        super().__init__(ename, evalue, traceback)
        self.ename, self.evalue, self.traceback = ename, evalue, traceback

    def __str__(self) -> str:
        return f"{self.ename}: {self.evalue}" if self.evalue else self.ename

    def _render_traceback_(self) -> list[str]:
        return self.traceback or [str(self)]


class Session(contextlib.AbstractContextManager):
    """A TFX process that keeps its variables between calls.

    TFX runs in an environment of its own (see ``helpers.tfx.environment``); a session is one
    IPython kernel of that environment. It starts on first use, in about two seconds, and ends with
    this process, however this process ends. Calls from several threads wait for each other.

    Parameters
    ----------
    python : str or pathlib.Path, optional
        The interpreter to run, which needs ipykernel, pandas and pyarrow. By default that of the
        TFX environment, which is made if it is missing.

    Examples
    --------
    >>> import sys
    >>> with Session(sys.executable) as example:
    ...     example.push("n", 20)
    ...     _ = example.run("n = n + 1")
    ...     example.pull("n")
    21
    """

    def __init__(self, python: str | Path | None = None) -> None:
        self._python = python
        self._kernel: Kernel | None = None
        self._lost = ""  # how the last kernel ended, until that was reported
        self._lock = threading.RLock()
        _sessions.add(self)

    def __repr__(self) -> str:
        state = "not started" if self._kernel is None else f"pid={self.pid}"
        return f"<TFX session, {state}>"

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """Process id of the kernel; None while there is none."""
        return self._kernel.process.pid if self._kernel and self._kernel.alive else None

    def start(self) -> None:
        """Start the TFX process, unless it runs.

        Raises
        ------
        SessionDied
            If it does not start; the message quotes what it wrote.
        TFXEnvironmentError
            If there is no TFX environment and none can be made.
        """
        self._ready()

    def run(self, code: str, on_output: Callable[[Output], object] | None = None) -> list[Output]:
        r"""Run code in the session, as a notebook runs a cell.

        Parameters
        ----------
        code : str
            Python as IPython knows it: magics and ``!`` commands work.
        on_output : callable, optional
            Called with each output as soon as it is produced.

        Returns
        -------
        list of dict
            The outputs in order, as notebooks store them, with the key ``output_type`` ("stream",
            "display_data", "execute_result", "update_display_data" or "clear_output"). Empty if
            `on_output` took them.

        Raises
        ------
        TFXError
            If the code raises; its outputs until then were handed on.
        SessionDied
            If the process ends meanwhile. The next call starts a fresh one and warns that the
            variables are lost.
        KeyboardInterrupt
            After an interrupt here, which interrupts the code there; the session stays usable.

        Examples
        --------
        >>> import sys
        >>> with Session(sys.executable) as example:
        ...     example.run("print('hello')")
        [{'output_type': 'stream', 'name': 'stdout', 'text': 'hello\n'}]
        """
        outputs: list[Output] = []
        with self._lock:
            self._execute(code, on_output or outputs.append)
        return outputs

    def push(self, name: str, value: Any) -> None:
        """Copy a value into the session's variable `name`.

        Parameters
        ----------
        name : str
        value : object
            A DataFrame (dtypes, index and missing values are kept), a plain value, bytes, a numpy
            array, a protocol buffer, or lists and dicts of them; see ``helpers.tfx.exchange``.

        Raises
        ------
        TypeError
            If the value cannot be handed over; the message names the column.
        ValueError
            If `name` is not a variable's name, or the other pandas cannot hold a date.
        """
        from helpers.tfx import exchange

        _check_name(name)
        with self._lock, self._transfer() as folder:
            exchange.save(value, folder)
            self._call(f"globals()[{name!r}] = {_EXCHANGE}.load({str(folder)!r})")

    def pull(self, name: str) -> Any:
        """Return a copy of the session's variable `name`.

        Raises
        ------
        NameError
            If the session has no such variable; the message lists those that it has.
        TypeError
            If the value cannot be handed over; the message names the column.
        ValueError
            If `name` is not a variable's name.
        """
        from helpers.tfx import exchange

        _check_name(name)
        with self._lock, self._transfer() as folder:
            self._call(f"{_EXCHANGE}.save_variable({name!r}, globals(), {str(folder)!r})")
            return exchange.load(folder)

    def restart(self) -> None:
        """End the TFX process and start a fresh one; its variables are gone."""
        with self._lock:
            self.close()
            self.start()

    def close(self) -> None:
        """End the TFX process and all that it started; the next call starts a fresh one."""
        with self._lock:
            if self._kernel is not None:
                self._stop()
                self._kernel = None
            self._lost = ""

    def _ready(self) -> Kernel:
        with self._lock:
            if self._kernel is not None and not self._kernel.alive:
                self._clear(self._kernel)
            if self._kernel is None:
                from helpers.tfx.environment import interpreter

                self._kernel = Kernel(Path(self._python or interpreter()))
                # Also at exit, and when nothing refers to this session any more.
                self._stop = weakref.finalize(self, self._kernel.stop)
                if self._lost:
                    lost, self._lost = self._lost, ""
                    warnings.warn(
                        f"{lost} A fresh one was started, which knows nothing of the old: run the "
                        "cells that define its variables again.",
                        RuntimeWarning,
                        stacklevel=_frames_of_ours(),
                    )
            return self._kernel

    def _execute(self, code: str, on_output: Callable, silent: bool = False) -> None:
        kernel = self._ready()
        try:
            reply = kernel.execute(code, on_output, silent)
        except KernelEnded:
            tail = self._clear(kernel)
            wrote = f"\n\nThe last that it wrote:\n{tail}" if tail else ""
            raise SessionDied(f"{self._lost} Its variables are lost.{wrote}") from None
        if reply["status"] == "error":
            raise TFXError(reply["ename"], reply["evalue"], reply.get("traceback", []))

    def _call(self, code: str) -> None:
        """Run a line of ours; errors that are the caller's mistake are raised as their own kind."""
        try:
            self._execute(code, lambda output: None, silent=True)
        except TFXError as error:
            for kind in (NameError, TypeError, ValueError):
                if error.ename == kind.__name__:
                    raise kind(error.evalue) from None
            raise

    def _clear(self, kernel: Kernel) -> str:
        """Clear up after a kernel that has ended, and return the last lines that it wrote."""
        tail, pid = kernel.log.tail(), kernel.process.pid
        self._stop()
        self._kernel = None
        self._lost = f"The TFX process {pid} ended ({kernel.reason})."
        return tail

    @contextlib.contextmanager
    def _transfer(self) -> Iterator[Path]:
        folder = self._ready().folder / uuid.uuid4().hex
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_shared: Session | None = None
_inherited: list[Kernel] = []


def session() -> Session:
    """Return the session of this notebook, which ``%%tfx`` and the helpers share.

    It is always the same one, and starts when it is first used.
    """
    global _shared
    if _shared is None:
        _shared = Session()
    return _shared


def _leave_to_parent() -> None:
    """In a forked child: the kernels are the parent's; a child that needs one starts its own."""
    for each in list(_sessions):
        if each._kernel is not None:
            each._stop.detach()
            _inherited.append(each._kernel)  # kept, since collecting it would close its sockets
        each._kernel = None
        each._lock = threading.RLock()


os.register_at_fork(after_in_child=_leave_to_parent)


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"name is {name!r}; a variable's name was expected, such as 'frame'.")


def _frames_of_ours() -> int:
    """Return how many frames up the caller outside this module is, for a warning."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "contextlib"):
        level, frame = level + 1, frame.f_back
    return level
