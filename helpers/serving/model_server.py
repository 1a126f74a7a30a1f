"""A model server that lives as long as the notebook that started it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.base import process
from helpers.serving import client, config
from helpers.serving.config import Versions
from helpers.serving.export import versions as version_numbers

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

BACKENDS = ("auto", "embedded", "tensorflow_model_server", "docker")
IMAGE = "tensorflow/serving"
_BACKEND_VARIABLE = "MLOPS_SERVING_BACKEND"


class ModelServer:
    """A process that serves models over TensorFlow Serving's REST and gRPC.

    It is ready when the constructor returns, and ends with this process, however this process ends.
    New version folders are picked up, warmed and put into traffic; removed ones are drained.

    Parameters
    ----------
    base_dir : path, mapping or path of a models.config file
        A model's folder of versions; several models as ``{"name": folder}``; or a text file of
        TensorFlow Serving's ``ModelServerConfig``, which the server then keeps reading.
    name : str, default "model"
        What requests call the model; for a single folder only.
    backend : {"auto", "embedded", "tensorflow_model_server", "docker"}
        ``embedded``: this project's own, in Python; ``tensorflow_model_server``: the program, if it
        is on PATH; ``docker``: its official image. ``auto``: what the environment variable
        ``MLOPS_SERVING_BACKEND`` says, else embedded.
    versions : "latest", "all" or list of int
        Which versions are served.
    labels : mapping, optional
        Version by label, such as ``{"stable": 1}``.
    rest_port, grpc_port : int, optional
        By default free ones. The embedded server listens on 127.0.0.1 only, and so does docker's;
        the program listens on every interface of the machine.
    batching : bool, default True
        Whether requests that wait at the same time run together.
    max_batch_size : int, default 64
        Rows.
    batch_timeout_ms : float, default 0
        How long a request waits for company even if the server has nothing else to do.
    max_enqueued_batches : int, default 16
        So many full batches may wait; a request beyond that gets 503 with Retry-After.
    num_batch_threads : int, default 2
        Batches that run at the same time.
    request_log : path, optional
        Folder for sampled requests and answers (embedded only); see `read_log`.
    sampling : float, default 1.0
        Share of the requests that is logged.
    poll_seconds : float, default 0.5
        How often the folders are looked at.
    timeout : float, default 120
        Seconds until the models have to be loaded.

    Attributes
    ----------
    url : str
        Such as ``"http://127.0.0.1:8501"``.
    grpc_address : str
        Such as ``"127.0.0.1:8500"``.
    names : list of str
        The models.
    pid : int

    Raises
    ------
    FileNotFoundError
        If there is no such folder, or no version in it, or the backend is not installed.
    RuntimeError
        If the server does not start; the message says why, such as a port that is taken.

    Examples
    --------
    >>> with ModelServer("models/credit", "credit") as server:  # doctest: +SKIP
    ...     server.predict([{"age": [30]}])
    array([[0.07]])
    """

    def __init__(
        self,
        base_dir: str | Path | Mapping[str, str | Path],
        name: str = "model",
        *,
        backend: str = "auto",
        versions: Versions | None = None,
        labels: Mapping[str, int] | None = None,
        rest_port: int | None = None,
        grpc_port: int | None = None,
        batching: bool = True,
        max_batch_size: int = 64,
        batch_timeout_ms: float = 0,
        max_enqueued_batches: int = 16,
        num_batch_threads: int = 2,
        request_log: str | Path | None = None,
        sampling: float = 1.0,
        poll_seconds: float = 0.5,
        timeout: float = 120,
    ) -> None:
        self.backend = _backend(backend)
        _at_least("max_batch_size", max_batch_size, 1)
        _at_least("batch_timeout_ms", batch_timeout_ms, 0)
        _at_least("max_enqueued_batches", max_enqueued_batches, 1)
        _at_least("num_batch_threads", num_batch_threads, 1)
        if not 0 <= sampling <= 1:
            raise ValueError(f"sampling is {sampling}; expected a share, 0 to 1")
        if request_log is not None and self.backend != "embedded":
            raise ValueError(f"request_log is not for the backend {self.backend}; leave it out")
        self._config, self._own_config = _models(base_dir, name, versions, labels)
        self.names = [one.name for one in self._config.model_config_list.config]
        self.request_log = None if request_log is None else Path(request_log).absolute()
        self._folder = Path(tempfile.mkdtemp(prefix="model-server-"))
        self._config_file = self._folder / "models.config"
        if not self._own_config:
            self._config_file = Path(base_dir).absolute()
        self._write_config()
        batching_file = self._folder / "batching.config"
        batching_file.write_text(
            config.batching_parameters(
                max_batch_size=max_batch_size,
                batch_timeout_micros=int(batch_timeout_ms * 1000),
                max_enqueued_batches=max_enqueued_batches,
                num_batch_threads=num_batch_threads,
            )
        )
        flags = [
            f"--enable_batching={'true' if batching else 'false'}",
            f"--file_system_poll_wait_seconds={poll_seconds if self.backend == 'embedded' else 1}",
            "--model_config_file_poll_wait_seconds=1",
        ]
        if batching or self.backend == "embedded":
            flags.append(f"--batching_parameters_file={self._inside(batching_file)}")
        if self.request_log is not None:
            flags += [f"--request_log={self.request_log}", f"--request_log_sampling={sampling}"]
        self._started = time.monotonic()
        self._process = self._launch(flags, rest_port, grpc_port)
        self._stop = weakref.finalize(self, self._process.stop)
        try:
            self._await_ready(timeout)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> ModelServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "running" if self.alive else "ended"
        return f"<ModelServer of {', '.join(self.names)} at {self.url}, {self.backend}, {state}>"

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    @property
    def log(self) -> str:
        """What the process wrote about itself."""
        try:
            return (self._folder / "log").read_text(errors="replace")
        except OSError:
            return ""

    def model_url(
        self, name: str | None = None, version: int | None = None, label: str | None = None
    ) -> str:
        """URL of a model, to which ``:predict`` or ``/metadata`` is added.

        Parameters
        ----------
        name : str, optional
            By default the first model.
        version : int, optional
        label : str, optional

        Returns
        -------
        str
        """
        return self.url + client.model_path(self._name(name), version, label)

    def predict(
        self, rows: Any, *, name: str | None = None, grpc: bool = False, **options: Any
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Ask a model; see `helpers.serving.predict`.

        Parameters
        ----------
        rows : list, array, DataFrame or dict
        name : str, optional
            By default the first model.
        grpc : bool, default False
            Over gRPC in place of REST.
        **options
            ``version``, ``label``, ``signature``, ``timeout``.

        Returns
        -------
        numpy.ndarray or dict of numpy.ndarray
        """
        address = self.grpc_address if grpc else self.url
        return client.predict(address, rows, model=self._name(name), **options)

    def status(self, name: str | None = None) -> pd.DataFrame:
        """Tell the state of every version of a model, newest first.

        Parameters
        ----------
        name : str, optional
            By default the first model.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``version``: ``state`` (START, LOADING, AVAILABLE, UNLOADING, END),
            ``error_code``, ``error_message``.
        """
        import pandas as pd

        rows = client.get(self.model_url(name)).get("model_version_status", [])
        return pd.DataFrame(
            [(row["state"], *row["status"].values()) for row in rows],
            index=pd.Index([int(row["version"]) for row in rows], name="version"),
            columns=["state", "error_code", "error_message"],
        )

    def metadata(self, name: str | None = None) -> dict[str, Any]:
        """Tell the signatures of a model's newest version, as TensorFlow Serving does."""
        return client.get(f"{self.model_url(name)}/metadata")

    def wait_for(
        self,
        version: int,
        state: str = "AVAILABLE",
        *,
        name: str | None = None,
        timeout: float = 60,
    ) -> None:
        """Wait until a version is in a state.

        Parameters
        ----------
        version : int
        state : str, default "AVAILABLE"
        name : str, optional
            By default the first model.
        timeout : float, default 60
            Seconds.

        Raises
        ------
        TimeoutError
            If it does not get there.
        """
        deadline = time.monotonic() + timeout
        while True:
            status = self.status(name)
            if version in status.index and status.loc[version, "state"] == state:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(
                    f"version {version} is not {state} after {timeout} s; the status is\n{status}"
                )
            time.sleep(0.05)

    def configure(
        self,
        *,
        versions: Versions | None = None,
        labels: Mapping[str, int] | None = None,
        name: str | None = None,
    ) -> None:
        """Change version policy or labels while the server runs; it follows within seconds.

        Parameters
        ----------
        versions : "latest", "all" or list of int, optional
        labels : mapping, optional
            Replaces the labels. A label moves when its version is available.
        name : str, optional
            By default the first model.
        """
        if not self._own_config:
            raise ValueError(
                f"base_dir is the file {self._config_file}, which rules: change that in its place"
            )
        name = self._name(name)
        one = next(one for one in self._config.model_config_list.config if one.name == name)
        if versions is not None:
            config.set_versions(one, versions)
        if labels is not None:
            config.set_labels(one, labels)
        self._write_config()

    def close(self) -> None:
        """End the process; requests that are being answered are finished first."""
        self._stop()

    def _name(self, name: str | None) -> str:
        if name is not None and name not in self.names:
            raise ValueError(f"name is {name!r}; this server has {', '.join(self.names)}")
        return name or self.names[0]

    def _write_config(self) -> None:
        """Write the file that the server reads; docker's sees folders under other paths."""
        if self.backend == "docker":
            inside = type(self._config)()
            inside.CopyFrom(self._config)
            for number, one in enumerate(inside.model_config_list.config):
                one.base_path = f"/models/{number}"
            config.write(inside, self._folder / "models.config")
            self._config_file = self._folder / "models.config"
        elif self._own_config:
            config.write(self._config, self._config_file)

    def _inside(self, file: Path) -> str:
        return f"/serving/{file.name}" if self.backend == "docker" else str(file)

    def _launch(
        self, flags: list[str], rest_port: int | None, grpc_port: int | None
    ) -> process.Child:
        flags = [f"--model_config_file={self._inside(self._config_file)}", *flags]
        if self.backend == "embedded":
            flags += [
                f"--rest_api_port={rest_port or 0}",
                f"--port={grpc_port or 0}",
                f"--ready_file={self._folder / 'ready'}",
            ]
            return process.Child(["-m", "helpers.serving", *flags], self._folder)
        rest_port, grpc_port = rest_port or _free_port(), grpc_port or _free_port()
        self._set_ports(rest_port, grpc_port)
        if self.backend == "docker":
            command = ["docker", "run", "--rm", "--init", f"--name=serving-{uuid.uuid4().hex}"]
            command += ["-p", f"127.0.0.1:{rest_port}:8501", "-p", f"127.0.0.1:{grpc_port}:8500"]
            command += ["-v", f"{self._folder}:/serving:ro"]
            for number, one in enumerate(self._config.model_config_list.config):
                command += ["-v", f"{one.base_path}:/models/{number}:ro"]
            command += [IMAGE]
        else:
            command = [shutil.which(self.backend)]
            command += [f"--rest_api_port={rest_port}", f"--port={grpc_port}"]
        return process.Child(["-m", "helpers.base.process", *command, *flags], self._folder)

    def _set_ports(self, rest: int, grpc: int) -> None:
        self.url = f"http://127.0.0.1:{rest}"
        self.grpc_address = f"127.0.0.1:{grpc}"

    def _await_ready(self, timeout: float) -> None:
        deadline = self._started + timeout
        while not self._ready():
            if not self.alive:
                raise RuntimeError(f"the server did not start: {self._last_words()}")
            if time.monotonic() > deadline:
                folders = [one.base_path for one in self._config.model_config_list.config]
                raise RuntimeError(
                    f"the models were not loaded within {timeout} s; are there numbered folders of "
                    f"SavedModels in {', '.join(folders)}? {self._last_words()}"
                )
            time.sleep(0.05)
        for name in self.names:
            status = self.status(name)
            if "AVAILABLE" not in set(status["state"]):
                raise RuntimeError(f"no version of {name} could be loaded:\n{status.to_string()}")

    def _ready(self) -> bool:
        if self.backend == "embedded":
            try:
                ports = json.loads((self._folder / "ready").read_text())
            except FileNotFoundError:
                return False
            self._set_ports(ports["rest"], ports["grpc"])
            return True
        try:
            states = [set(self.status(name)["state"]) for name in self.names]
        except client.ServingError:
            return False
        return all("AVAILABLE" in each for each in states)

    def _last_words(self) -> str:
        lines = self.log.strip().splitlines()
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return "\n".join(errors or lines[-15:])


def _backend(backend: str) -> str:
    if backend not in BACKENDS:
        raise ValueError(f"backend is {backend!r}; expected one of {', '.join(BACKENDS)}")
    if backend == "auto":
        return _backend(os.environ.get(_BACKEND_VARIABLE) or "embedded")
    if backend == "tensorflow_model_server" and shutil.which(backend) is None:
        raise FileNotFoundError(
            "backend is 'tensorflow_model_server', which is not on PATH; install the package "
            "tensorflow-model-server (https://www.tensorflow.org/tfx/serving/setup), or use "
            "backend='embedded'"
        )
    if backend == "docker" and not _docker_answers():
        raise FileNotFoundError(
            "backend is 'docker', but no Docker engine answers; install and start Docker "
            f"(https://docs.docker.com/engine/install) and `docker pull {IMAGE}`, or use "
            "backend='embedded'"
        )
    return backend


def _docker_answers() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def _models(
    base_dir: Any, name: str, versions: Versions | None, labels: Mapping[str, int] | None
) -> tuple[Any, bool]:
    """Make the configuration, and tell whether it is ours to change."""
    if not isinstance(base_dir, Mapping) and Path(base_dir).is_file():
        if versions is not None or labels is not None:
            raise ValueError("versions and labels belong into the models.config file here")
        return config.read(base_dir), False
    models = base_dir if isinstance(base_dir, Mapping) else {name: base_dir}
    if not models:
        raise ValueError("base_dir is empty; expected at least one model, {'name': folder}")
    for folder in models.values():
        found = version_numbers(folder)
        if not isinstance(versions, str | None) and not set(versions) & set(found) and found:
            raise FileNotFoundError(f"versions is {versions!r}; {folder} has {found}")
        if not found:
            problem = "has no version" if Path(folder).is_dir() else "does not exist"
            raise FileNotFoundError(
                f"base_dir is {folder}, which {problem}; expected a folder with numbered folders "
                f"of SavedModels in it, such as {Path(folder) / '1'}: export(model, base_dir)"
            )
    return config.model_config(models, versions, labels), True


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise ValueError(f"{name} is {value}; expected {least} or more")


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
