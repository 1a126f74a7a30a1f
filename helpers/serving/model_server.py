"""A model server that lives as long as the notebook that started it."""

from __future__ import annotations

import json
import tempfile
import time
import weakref
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.base import process
from helpers.base.checks import share, whole
from helpers.serving import client, config
from helpers.serving.batching import Limits
from helpers.serving.config import Versions
from helpers.serving.export import version_folders
from helpers.serving.target import Target

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd


class ModelServer:
    """A process that serves models over TensorFlow Serving's REST and gRPC.

    It is ready when the constructor returns, and ends with this process, even if that is killed.
    New version folders are picked up, warmed and put into traffic; removed ones are drained. The
    methods' ``name`` is that of a model, by default the first.

    Parameters
    ----------
    base_dir : path, mapping or path of a models.config file
        A model's folder of versions; several models as ``{"name": folder}``; or a text file of
        TensorFlow Serving's ``ModelServerConfig``, which the server then keeps reading.
    name : str, default "model"
        What requests call the model; for a single folder only.
    versions : "latest", "all" or list of int
        Which versions are served.
    labels : mapping, optional
        Version by label, such as ``{"stable": 1}``.
    rest_port, grpc_port : int, optional
        By default free ones. The server listens on 127.0.0.1 only.
    batching : bool, default True
        Whether requests that wait at the same time run together.
    max_batch_size : int, default 64
        Rows.
    batch_timeout_ms : float, default 0
        How long a request waits for others even if the server is idle.
    max_enqueued_batches : int, default 16
        How many full batches may wait; a request beyond that gets 503 with Retry-After.
    num_batch_threads : int, default 2
        Batches that run at the same time.
    request_log : path, optional
        Folder for sampled requests and answers; see `read_log`.
    sampling : float, default 1.0
        Share of the requests that is logged.
    poll_seconds : float, default 0.5
        How often the folders are checked.
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
        If the folder does not exist or has no version in it.
    RuntimeError
        If the server does not start; the message says why, such as a port that is in use.

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
        if batch_timeout_ms < 0:
            raise ValueError(f"batch_timeout_ms is {batch_timeout_ms}; expected 0 or more")
        limits = Limits(
            whole("max_batch_size", max_batch_size, 1),
            float(batch_timeout_ms),
            whole("max_enqueued_batches", max_enqueued_batches, 1),
            whole("num_batch_threads", num_batch_threads, 1),
        )
        if not batching:  # the queue holds as many rows
            queue = limits.max_batch_size * limits.max_enqueued_batches
            limits = Limits(1, 0.0, queue, limits.num_batch_threads)
        sampling = share("sampling", sampling)
        self._config, self._own_config = _models(base_dir, name, versions, labels)
        self.names = [model.name for model in self._config.model_config_list.config]
        self.request_log = None if request_log is None else Path(request_log).absolute()
        self._folder = Path(tempfile.mkdtemp(prefix="model-server-"))
        if self._own_config:
            self._config_file = self._folder / "models.config"
            config.write(self._config, self._config_file)
        else:
            self._config_file = Path(base_dir).absolute()
        settings = {
            "model_config": str(self._config_file),
            "limits": asdict(limits),
            "poll_seconds": poll_seconds,
            "rest_port": rest_port or 0,
            "grpc_port": grpc_port or 0,
            "request_log": self.request_log and str(self.request_log),
            "sampling": sampling,
        }
        (self._folder / "settings.json").write_text(json.dumps(settings))
        self._started = time.monotonic()
        self._process = process.Child(["-m", "helpers.serving"], self._folder)
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
        return f"<ModelServer of {', '.join(self.names)} at {self.url}, {state}>"

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
        """What the process wrote to its standard output and error."""
        try:
            return self._process.log.read_text(errors="replace")
        except OSError:
            return ""

    def model_url(
        self, name: str | None = None, version: int | None = None, label: str | None = None
    ) -> str:
        """Return the URL of a model, to which ``:predict`` or ``/metadata`` is added."""
        return self.url + Target(self._name(name), version, label).path

    def predict(
        self, rows: Any, *, name: str | None = None, grpc: bool = False, **options: Any
    ) -> np.ndarray | dict[str, np.ndarray]:
        """Return a model's predictions, over REST or gRPC; see `helpers.serving.predict`.

        Parameters
        ----------
        rows, **options
            As there; the options are ``version``, ``label``, ``signature`` and ``timeout``.
        """
        address = self.grpc_address if grpc else self.url
        return client.predict(address, rows, model=self._name(name), **options)

    def status(self, name: str | None = None) -> pd.DataFrame:
        """Return the state of every version of a model, newest first.

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
        """Return the signatures of a model's newest version, as TensorFlow Serving writes them."""
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

        Raises
        ------
        TimeoutError
            If it does not reach that state within `timeout` seconds.
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
        """Replace version policy or labels of a model; the server follows within seconds.

        A label moves when its version is available.
        """
        if not self._own_config:
            raise ValueError(
                f"base_dir is the file {self._config_file}, which decides: change that instead"
            )
        name = self._name(name)
        model = next(m for m in self._config.model_config_list.config if m.name == name)
        if versions is not None:
            config.set_versions(model, versions)
        if labels is not None:
            config.set_labels(model, labels)
        config.write(self._config, self._config_file)

    def close(self) -> None:
        """End the process; requests in progress are finished first."""
        self._stop()

    def _name(self, name: str | None) -> str:
        if name is not None and name not in self.names:
            raise ValueError(f"name is {name!r}; this server has {', '.join(self.names)}")
        return name or self.names[0]

    def _await_ready(self, timeout: float) -> None:
        ready = self._folder / "ready"
        while not ready.exists():
            if not self.alive:
                raise RuntimeError(f"the server did not start: {self._last_words()}")
            if time.monotonic() > self._started + timeout:
                folders = [model.base_path for model in self._config.model_config_list.config]
                raise RuntimeError(
                    f"the models were not loaded within {timeout} s; are there numbered folders of "
                    f"SavedModels in {', '.join(folders)}? {self._last_words()}"
                )
            time.sleep(0.05)
        ports = json.loads(ready.read_text())
        self.url = f"http://127.0.0.1:{ports['rest']}"
        self.grpc_address = f"127.0.0.1:{ports['grpc']}"
        for name in self.names:
            status = self.status(name)
            if "AVAILABLE" not in set(status["state"]):
                raise RuntimeError(f"no version of {name} could be loaded:\n{status.to_string()}")

    def _last_words(self) -> str:
        lines = self.log.strip().splitlines()
        errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        return "\n".join(errors or lines[-15:])


def _models(
    base_dir: Any, name: str, versions: Versions | None, labels: Mapping[str, int] | None
) -> tuple[Any, bool]:
    """Return the configuration, and whether this process may change it."""
    if not isinstance(base_dir, Mapping) and Path(base_dir).is_file():
        if versions is not None or labels is not None:
            raise ValueError("base_dir is a models.config file; set versions and labels there")
        return config.read(base_dir), False
    models = base_dir if isinstance(base_dir, Mapping) else {name: base_dir}
    if not models:
        raise ValueError("base_dir is empty; expected at least one model, {'name': folder}")
    for folder in models.values():
        present = sorted(version_folders(folder))
        if not isinstance(versions, str | None) and not set(versions) & set(present) and present:
            raise FileNotFoundError(f"versions is {versions!r}; {folder} has {present}")
        if not present:
            problem = "has no version" if Path(folder).is_dir() else "does not exist"
            raise FileNotFoundError(
                f"base_dir is {folder}, which {problem}; expected a folder with numbered folders "
                f"of SavedModels in it, such as {Path(folder) / '1'}: export(model, base_dir)"
            )
    return config.model_config(models, versions, labels), True
