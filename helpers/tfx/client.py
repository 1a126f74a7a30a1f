"""A kernel of another Python: start it, run code in it, receive its outputs, end it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from helpers.base import process

Output = dict[str, Any]

_PROGRAM = Path(__file__).with_name("kernel.py")
_CHANNELS = ("shell", "iopub", "stdin", "control", "hb")
_START_SECONDS = 120  # the first start on a slow disk reads a few hundred files
_STOP_SECONDS = 3  # a second more than the kernel takes
_DRAIN_SECONDS = 10
_RELAYED = ("stream", "display_data", "execute_result", "update_display_data", "clear_output")
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


class SessionDied(RuntimeError):  # noqa: N818 (it says what happened)
    """The TFX process ended while it was being used, or did not start; its variables are lost."""

    def _render_traceback_(self) -> list[str]:
        return [f"SessionDied: {self}"]


class KernelEnded(Exception):  # noqa: N818
    """The process ended while an answer was awaited."""


class Kernel:
    """A running kernel: its process, its sockets and its folder for files.

    Jupyter's own client runs an event loop in a thread when a notebook calls it, which loses a
    message when Ctrl-C comes at the wrong moment. So this speaks Jupyter's protocol over plain
    sockets; jupyter_client makes and signs the messages. A kernel that does not start raises
    `SessionDied`, with what it wrote.
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
            connection = self._write_connection()
            self.process = self._launch(python)
            self._connect(connection)
            self._await_first_answer()
        except BaseException:
            self.stop()
            raise

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.poll() is None

    @property
    def reason(self) -> str:
        """How the process ended."""
        code = self.process.returncode
        if code is None or code >= 0:
            return f"exit code {code}"
        memory = "; perhaps the machine ran out of memory" if -code == signal.SIGKILL else ""
        return f"killed by {signal.Signals(-code).name}{memory}"

    def execute(
        self, code: str, on_output: Callable[[Output], object], silent: bool
    ) -> dict[str, Any]:
        """Run code, hand on its outputs, and return the content of the kernel's reply.

        An interrupt here, or an error of `on_output`, interrupts the code. Raises `KernelEnded` if
        the process ends meanwhile.
        """
        content = {"code": code, "silent": silent, "store_history": not silent}
        content |= {"user_expressions": {}, "allow_stdin": False, "stop_on_error": False}
        self.log.skip()
        cell = _Cell(self._send(self._shell, "execute_request", content), on_output)
        try:
            while not cell.done:
                self._receive(cell)
        except KernelEnded:
            self._relay_log(on_output)
            raise
        except BaseException:  # Ctrl-C, or the reader of the output failed: stop the cell as well
            self._interrupt(cell)
            raise
        self._relay_log(on_output)
        return cell.reply

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

    def _write_connection(self) -> dict[str, Any]:
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
                [_PROGRAM, self.folder, connection, "--HistoryManager.enabled=False"],
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
            if kind == zmq.SUB:
                socket.subscribe(b"")
            socket.connect(f"{connection['transport']}://{connection['ip']}{separator}{port}")
            return socket

        self._shell = channel("shell", zmq.DEALER)
        self._control = channel("control", zmq.DEALER)
        self._iopub = channel("iopub", zmq.SUB)
        self._poller = zmq.Poller()
        self._poller.register(self._shell, zmq.POLLIN)
        self._poller.register(self._iopub, zmq.POLLIN)

    def _await_first_answer(self) -> None:
        """Wait until the kernel answers and its outputs arrive."""
        deadline = time.monotonic() + _START_SECONDS
        what = f"did not answer within {_START_SECONDS} s"
        try:
            while time.monotonic() < deadline:
                # An answer without its end came before the subscription to the outputs: ask again.
                request = self._send(self._shell, "kernel_info_request", {})
                cell, again = _Cell(request, lambda output: None), deadline
                while time.monotonic() < again:
                    self._receive(cell, 20)
                    if cell.done:
                        return
                    if cell.reply is not None:
                        again = min(again, time.monotonic() + 0.1)
        except KernelEnded:
            what = f"ended as it started ({self.reason})"
        raise SessionDied(f"The TFX process {what}. It wrote:\n{self.log.tail(noise=True)}")

    def _send(self, socket: Any, kind: str, content: dict[str, Any]) -> str:
        return self._messages.send(socket, kind, content)["header"]["msg_id"]

    def _receive(self, cell: _Cell, milliseconds: int = 100) -> None:
        """Take in the messages that have arrived, or wait a moment for one."""
        ready = dict(self._poller.poll(milliseconds))
        if not ready and not self.alive:
            raise KernelEnded
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
        """Interrupt the running cell and wait a while for its end; drop what it puts out now."""
        cell.silenced = True
        sent = False
        deadline = time.monotonic() + _DRAIN_SECONDS
        # If the process has ended, the next call reports it.
        with contextlib.suppress(KernelEnded, ProcessLookupError):
            while not cell.done and time.monotonic() < deadline:
                if cell.started and not sent:
                    os.killpg(self.process.pid, signal.SIGINT)
                    sent = True
                self._receive(cell)


class _Cell:
    """What has been received of one request so far."""

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
    """The file with what the process writes to its standard error, past IPython."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = 0

    def skip(self) -> None:
        self._seen = self._size()

    def news(self) -> str:
        """Return whole lines written since the last look, without TensorFlow's noise."""
        if self._size() == self._seen:
            return ""
        with self._path.open("rb") as file:
            file.seek(self._seen)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._seen += len(whole)
        return self._clean(whole.decode(errors="replace"))

    def tail(self, lines: int = 20, noise: bool = False) -> str:
        text = self._path.read_text(errors="replace") if self._path.exists() else ""
        return "".join((text if noise else self._clean(text)).splitlines(True)[-lines:]).strip()

    def _size(self) -> int:
        return self._path.stat().st_size if self._path.exists() else self._seen

    @staticmethod
    def _clean(text: str) -> str:
        return "".join(line for line in text.splitlines(True) if not _NOISE.match(line))
