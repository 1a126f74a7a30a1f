"""One persistent TFX process for a notebook: run code in it, send values in, bring values back."""

from __future__ import annotations

import contextlib
import keyword
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
import uuid
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from helpers.base import process

Output = dict[str, Any]

_HERE = Path(__file__).resolve().parent
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
_START_SECONDS = 120  # the first start on a slow disk reads a few hundred files
_STOP_SECONDS = 3
_DRAIN_SECONDS = 10
_RELAYED = ("stream", "display_data", "execute_result", "update_display_data", "clear_output")
_EXCHANGE = "__import__('_mlops_kernel').load('exchange.py')"
# Lines that compiled parts of TensorFlow and Beam's worker processes write about themselves.
_NOISE = re.compile(
    r"""\d{4}-\d\d-\d\d[ ]\d\d:\d\d:\d\d\.\d+:[ ][IWE][ ]  # TensorFlow's own log
    | [IWE]\d{4}[ ][\d:.]+[ ]                             # absl's
    | WARNING:[ ]All[ ]log[ ]messages[ ]before[ ]absl::InitializeLog
    | To[ ]enable[ ]the[ ]following[ ]instructions:
    | (INFO|WARNING):apache_beam\.
    | (INFO|WARNING):__main__:(No[ ])?(semi_persistent|Pipeline_options|Python[ ]sdk[ ]harness)
    | INFO:root:BatchElements[ ]statistics
    | WARNING:root:crcmod
    | .*_python_version_support\.py:\d+:[ ]FutureWarning
    | [ ]+warnings\.warn\(message,[ ]FutureWarning\)
    """,
    re.VERBOSE,
)
# Beam, once it notices a notebook, has it fetch a script from the network.
_NOISY_SCRIPT = "interactive_beam_jquery"
_QUIET = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "GRPC_VERBOSITY": "ERROR",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
}


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
        super().__init__(f"{ename}: {evalue}" if evalue else ename)
        self.ename = ename
        self.evalue = evalue
        self.traceback = traceback

    def __reduce__(self) -> tuple:
        return type(self), (self.ename, self.evalue, self.traceback)

    def _render_traceback_(self) -> list[str]:
        return self.traceback or [str(self)]


class SessionDied(RuntimeError):  # noqa: N818 (it says what happened)
    """The TFX process ended while it was being used, or did not start; its variables are lost."""

    def _render_traceback_(self) -> list[str]:
        return [f"SessionDied: {self}"]


class Session:
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
        self._kernel: _Kernel | None = None
        self._lost = ""  # how the last kernel ended, until that was said
        self._lock = threading.RLock()
        _sessions.add(self)

    def __repr__(self) -> str:
        state = "not started" if self._kernel is None else f"pid={self.pid}"
        return f"<TFX session, {state}>"

    def __enter__(self) -> Session:
        return self

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
            If it does not start; the message quotes what it said.
        helpers.tfx.environment.TFXEnvironmentError
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
            If the code raises; what it put out before was handed on.
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
        """Give the session a variable.

        Parameters
        ----------
        name : str
            What it is called there.
        value : object
            A DataFrame (dtypes, index and missing values are kept), a plain value, bytes, a numpy
            array, a protocol buffer, or lists and dicts of them; see ``helpers.tfx.exchange``.

        Raises
        ------
        TypeError
            If the value cannot be handed over.
        ValueError
            If `name` is not a variable's name.
        """
        from helpers.tfx import exchange

        _check_name(name)
        with self._lock, self._transfer() as folder:
            exchange.save(value, folder)
            self._ask(f"globals()[{name!r}] = {_EXCHANGE}.load({str(folder)!r})")

    def pull(self, name: str) -> Any:
        """Bring a variable of the session here.

        Parameters
        ----------
        name : str
            What it is called there.

        Returns
        -------
        object
            A copy.

        Raises
        ------
        NameError
            If the session has no such variable; the message says which it has.
        TypeError
            If its type cannot be handed over.
        ValueError
            If `name` is not a variable's name.
        """
        from helpers.tfx import exchange

        _check_name(name)
        with self._lock, self._transfer() as folder:
            self._ask(f"{_EXCHANGE}.save_variable({name!r}, globals(), {str(folder)!r})")
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

    def _ready(self) -> _Kernel:
        with self._lock:
            if self._kernel is not None and not self._kernel.alive:
                self._bury(self._kernel)
            if self._kernel is None:
                if self._python is None:
                    from helpers.tfx.environment import interpreter

                    python = Path(interpreter())
                else:
                    python = Path(self._python)
                self._kernel = _Kernel(python)
                # Also at exit, and when nobody refers to this session any more.
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

    def _execute(
        self, code: str, on_output: Callable[[Output], object], silent: bool = False
    ) -> dict[str, Any]:
        kernel = self._ready()
        try:
            reply = kernel.execute(code, on_output, silent)
        except _KernelGone:
            tail = self._bury(kernel)
            said = f"\n\nThe last that it wrote:\n{tail}" if tail else ""
            raise SessionDied(f"{self._lost} Its variables are lost.{said}") from None
        if reply["status"] == "error":
            raise TFXError(reply["ename"], reply["evalue"], reply.get("traceback", []))
        return reply

    def _ask(self, code: str) -> None:
        """Run a line of ours; what is the caller's mistake is raised as if it had happened here."""
        try:
            self._execute(code, lambda output: None, silent=True)
        except TFXError as error:
            for kind in (NameError, TypeError, ValueError):
                if error.ename == kind.__name__:
                    raise kind(error.evalue) from None
            raise

    def _bury(self, kernel: _Kernel) -> str:
        """Clear away after a kernel that ended by itself; the last lines that it wrote."""
        tail = kernel.log.tail()
        pid = kernel.process.pid
        self._stop()
        self._kernel = None
        self._lost = f"The TFX process {pid} ended ({_reason(kernel.process.returncode)})."
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
_inherited: list[_Kernel] = []


def session() -> Session:
    """Return the session of this notebook, which ``%%tfx`` and the helpers share.

    Returns
    -------
    Session
        Always the same one; it starts when it is first used.
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


class _KernelGone(Exception):  # noqa: N818
    """The process ended while an answer was awaited."""


class _Kernel:
    """A running kernel: its process, its sockets and its folder for files.

    Jupyter's own client runs an event loop in a thread when a notebook calls it, which loses a
    message when Ctrl-C comes at the wrong moment. So this speaks Jupyter's protocol over plain
    sockets; jupyter_client makes and signs the messages.
    """

    def __init__(self, python: Path) -> None:
        import zmq
        from jupyter_client.session import Session as Messages

        self.folder = Path(tempfile.mkdtemp(prefix="tfx-session-"))
        self.log = _Log(self.folder / "log")
        self._messages = Messages(key=uuid.uuid4().hex.encode())
        self._context = zmq.Context()
        self._control = self.process = None
        try:
            connection = self._connection()
            self.process = self._launch(python)
            self._connect(connection)
            self._greet()
        except BaseException:
            self.stop()
            raise

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def execute(
        self, code: str, on_output: Callable[[Output], object], silent: bool
    ) -> dict[str, Any]:
        content = {
            "code": code,
            "silent": silent,
            "store_history": not silent,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        self.log.skip()
        request = self._send(self._shell, "execute_request", content)
        cell = _Cell(request, on_output)
        try:
            while not cell.done:
                self._receive(cell)
        except _KernelGone:
            self._relay_log(on_output)
            raise
        except BaseException:  # Ctrl-C, or the reader of the output failed: stop the cell as well
            self._interrupt(cell)
            raise
        self._relay_log(on_output)
        return cell.reply

    def _receive(self, cell: _Cell, milliseconds: int = 100) -> None:
        """Take in what there is to take in, or wait a moment for it."""
        ready = dict(self._poller.poll(milliseconds))
        if not ready and not self.alive:
            raise _KernelGone
        # Outputs before replies: what a cell put out belongs before its end.
        for socket in (self._iopub, self._shell):
            if socket in ready:
                _, message = self._messages.recv(socket, copy=True)
                cell.take(message)
        if not cell.silenced:
            self._relay_log(cell.on_output)

    def _relay_log(self, on_output: Callable[[Output], object]) -> None:
        if text := self.log.news():
            on_output({"output_type": "stream", "name": "stderr", "text": text})

    def _interrupt(self, cell: _Cell) -> None:
        """Interrupt the running cell and wait a while for its end; what it says now is dropped."""
        cell.silenced = True
        sent = False
        deadline = time.monotonic() + _DRAIN_SECONDS
        try:
            while not cell.done and time.monotonic() < deadline:
                if cell.started and not sent:
                    os.killpg(self.process.pid, signal.SIGINT)
                    sent = True
                self._receive(cell)
        except (_KernelGone, ProcessLookupError):
            pass  # the next call will find that out and say it

    def _connection(self) -> dict[str, Any]:
        from jupyter_client.connect import write_connection_file

        file = str(self.folder / "connection.json")
        key = self._messages.key
        if len(str(self.folder)) < 90:  # the system's limit for the path of a local socket is 104
            ports = {f"{name}_port": i for i, name in enumerate(_CHANNELS, 1)}
            ip = str(self.folder / "s")
            return write_connection_file(file, ip=ip, transport="ipc", key=key, **ports)[1]
        return write_connection_file(file, ip="127.0.0.1", key=key)[1]

    def _launch(self, python: Path) -> process.Child:
        connection = f"--f={self.folder / 'connection.json'}"
        try:
            return process.Child(
                [_HERE / "kernel.py", self.folder, connection, "--HistoryManager.enabled=False"],
                self.folder,
                python,
                {**_QUIET, "IPYTHONDIR": str(self.folder / "ipython")},
                cwd=os.curdir,
                stdout=subprocess.DEVNULL,  # ipykernel repeats there what it relays
            )
        except OSError as error:
            raise SessionDied(f"The TFX process could not be started: {error}.") from error

    def _connect(self, connection: dict[str, Any]) -> None:
        import zmq

        def channel(name: str, kind: int) -> Any:
            socket = self._context.socket(kind)
            socket.linger = 0
            separator = "-" if connection["transport"] == "ipc" else ":"
            port = connection[f"{name}_port"]
            address = f"{connection['transport']}://{connection['ip']}{separator}{port}"
            if kind == zmq.SUB:
                socket.subscribe(b"")
            socket.connect(address)
            return socket

        self._shell = channel("shell", zmq.DEALER)
        self._control = channel("control", zmq.DEALER)
        self._iopub = channel("iopub", zmq.SUB)
        self._poller = zmq.Poller()
        self._poller.register(self._shell, zmq.POLLIN)
        self._poller.register(self._iopub, zmq.POLLIN)

    def _greet(self) -> None:
        """Wait until the kernel answers and its outputs arrive."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            # An answer whose end is not heard of came before the subscription to the outputs.
            cell = _Cell(self._send(self._shell, "kernel_info_request", {}), lambda output: None)
            heard = None
            while heard is None or time.monotonic() < heard + 0.1:
                try:
                    self._receive(cell, 20)
                except _KernelGone:
                    raise SessionDied(
                        f"The TFX process ended as it started ({_reason(self.process.returncode)})."
                        f" It wrote:\n{self.log.tail(noise=True)}"
                    ) from None
                if cell.done:
                    return
                if cell.reply is not None and heard is None:
                    heard = time.monotonic()
                if time.monotonic() > deadline:
                    raise SessionDied(
                        f"The TFX process did not answer within {_START_SECONDS} s. It wrote:\n"
                        f"{self.log.tail(noise=True)}"
                    )

    def _send(self, socket: Any, kind: str, content: dict[str, Any]) -> str:
        return self._messages.send(socket, kind, content)["header"]["msg_id"]

    def stop(self) -> None:
        """End the process and what it started, close the sockets, remove the files."""
        try:
            if self.process is not None:
                if self.alive and self._control is not None:
                    self._send(self._control, "shutdown_request", {"restart": False})
                self.process.stop(_STOP_SECONDS)
        finally:
            self._context.destroy(linger=0)
            shutil.rmtree(self.folder, ignore_errors=True)


class _Cell:
    """What has been heard of one request so far."""

    def __init__(self, request: str, on_output: Callable[[Output], object]) -> None:
        self.on_output = on_output
        self.reply: dict[str, Any] | None = None
        self.started = False
        self.silenced = False
        self._request = request
        self._idle = False

    @property
    def done(self) -> bool:
        return self._idle and self.reply is not None

    def take(self, message: dict[str, Any]) -> None:
        if message["parent_header"].get("msg_id") != self._request:
            return  # left over from a cell that was given up
        kind, content = message["msg_type"], message["content"]
        if kind == "status":
            self._idle = content["execution_state"] == "idle"
        elif kind == "execute_input":  # from here on the kernel heeds interrupts
            self.started = True
        elif kind.endswith("_reply"):
            self.reply = content
        elif kind in _RELAYED and not self.silenced:
            if _NOISY_SCRIPT in content.get("data", {}).get("application/javascript", ""):
                return
            self.on_output({"output_type": kind, **content})


class _Log:
    """The file that collects what the process writes to its standard error as a process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = 0

    def skip(self) -> None:
        self._seen = self._size()

    def news(self) -> str:
        """Whole lines written since the last look, without TensorFlow's noise."""
        if self._size() == self._seen:
            return ""
        with self.path.open("rb") as file:
            file.seek(self._seen)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        return self._clean(whole.decode(errors="replace"))

    def tail(self, lines: int = 20, noise: bool = False) -> str:
        try:
            text = self.path.read_text(errors="replace")
        except OSError:
            return ""
        return "".join((text if noise else self._clean(text)).splitlines(True)[-lines:]).strip()

    def _size(self) -> int:
        try:
            return self.path.stat().st_size
        except OSError:
            return self._seen

    @staticmethod
    def _clean(text: str) -> str:
        return "".join(line for line in text.splitlines(True) if not _NOISE.match(line))


def _check_name(name: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise ValueError(f"name is {name!r}; a variable's name was expected, such as 'frame'.")


def _reason(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        memory = "; perhaps the machine ran out of memory" if name == "SIGKILL" else ""
        return f"killed by {name}{memory}"
    return f"exit code {code}"


def _frames_of_ours() -> int:
    """How many frames up the caller outside this module is, for a warning's `stacklevel`."""
    level, frame = 1, sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__") in (__name__, "contextlib"):
        level, frame = level + 1, frame.f_back
    return level


class _CallableModule(types.ModuleType):
    """Lets ``helpers.tfx.session()`` mean what ``helpers.tfx.session.session()`` means."""

    def __call__(self) -> Session:
        return session()


sys.modules[__name__].__class__ = _CallableModule
