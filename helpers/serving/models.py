"""Models and their versions: found in a folder, loaded, warmed, served, drained, unloaded.

Versions are loaded as TensorFlow Serving loads them, each into a session of its own: its memory is
freed with the version, and a call costs less than after ``tf.saved_model.load`` of version 2. All
state changes on the event loop's thread; only loading and inference happen in other threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from helpers.serving import config as configuration
from helpers.serving.batching import Batcher, Limits
from helpers.serving.errors import RequestError, from_tensorflow, invalid
from helpers.serving.export import unservable, version_folders
from helpers.serving.target import DEFAULT_SIGNATURE, Target
from helpers.serving.tensors import Arrays, Spec

if TYPE_CHECKING:
    from tensorflow_serving.apis.get_model_metadata_pb2 import SignatureDefMap
    from tensorflow_serving.apis.get_model_status_pb2 import GetModelStatusResponse

    from helpers.serving.metrics import Metrics

WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"


class Signature:
    """One function of a loaded version.

    Attributes
    ----------
    inputs, outputs : dict of Spec
    run : callable
        Takes and returns dicts of arrays.
    batchable : bool
        Whether the first dimension of every tensor has any size, for rows.
    """

    def __init__(self, definition: Any, session: Any) -> None:
        from tensorflow.core.protobuf import config_pb2

        self.inputs = {name: _spec(info) for name, info in definition.inputs.items()}
        self.outputs = {name: _spec(info) for name, info in definition.outputs.items()}
        every = [*self.inputs.values(), *self.outputs.values()]
        self.batchable = all(spec.shape and spec.shape[0] is None for spec in every)
        # Session.run would refuse other shapes than the declared; TensorFlow Serving does not.
        options = config_pb2.CallableOptions(
            feed=[definition.inputs[name].name for name in self.inputs],
            fetch=[definition.outputs[name].name for name in self.outputs],
        )
        call = session._make_callable_from_options(options)

        def run(inputs: Arrays) -> Arrays:
            values = call(*(inputs[name] for name in self.inputs))
            return {
                name: np.asarray(value, spec.dtype)
                for (name, spec), value in zip(self.outputs.items(), values, strict=True)
            }

        self.run = run

    def check(self, inputs: Arrays) -> None:
        """Raise an error for tensors that the signature does not accept."""
        if inputs.keys() != self.inputs.keys():
            raise invalid(
                f"inputs are {sorted(inputs)}; the signature expects {sorted(self.inputs)}"
            )
        for name, spec in self.inputs.items():
            array = inputs[name]
            if array.dtype != spec.dtype and (spec.dtype != object or array.dtype.kind not in "SU"):
                raise invalid(
                    f"Input {name} has type {array.dtype}; the signature expects {spec.dtype}"
                )


def _spec(info: Any) -> Spec:
    import tensorflow as tf

    dtype = np.dtype(tf.dtypes.as_dtype(info.dtype).as_numpy_dtype)
    if info.tensor_shape.unknown_rank:
        return Spec(dtype, None)
    sizes = (dim.size for dim in info.tensor_shape.dim)
    return Spec(dtype, tuple(None if size < 0 else size for size in sizes))


class Servable:
    """A loaded version."""

    def __init__(self, folder: Path) -> None:
        import tensorflow as tf

        graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=graph)
        try:
            meta = tf.compat.v1.saved_model.load(self._session, ["serve"], str(folder))
            self._definitions = dict(meta.signature_def)
            self.signatures: dict[str, Signature] = {}
            self._unservable: dict[str, str] = {}
            for name, definition in self._definitions.items():
                self._add(name, definition)
            graph.finalize()
            self._warm(folder)
        except BaseException:
            self._session.close()
            raise

    def _add(self, name: str, definition: Any) -> None:
        """Add a signature; one that cannot be served must not take the others down."""
        reason = unservable(definition)
        if not reason:
            try:
                self.signatures[name] = Signature(definition, self._session)
            except Exception as error:  # such as a tensor that is not in the graph
                reason = _explain(error)[1]
        if reason:
            self._unservable[name] = reason

    def close(self) -> None:
        """Free its memory."""
        self._session.close()

    def definition_map(self) -> SignatureDefMap:
        """Return its signatures as the message that both protocols answer with."""
        from tensorflow_serving.apis import get_model_metadata_pb2

        message = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self._definitions.items():
            message.signature_def[name].CopyFrom(definition)
        return message

    def signature(self, name: str) -> Signature:
        """Return a signature; '' is the default."""
        name = name or DEFAULT_SIGNATURE
        if name in self._unservable:
            raise invalid(f'Signature "{name}" cannot be served: {self._unservable[name]}')
        if name not in self.signatures:
            raise invalid(
                f'Serving signature name: "{name}" not found in signature def; it has '
                f"{', '.join(sorted(self.signatures))}"
            )
        return self.signatures[name]

    def _warm(self, folder: Path) -> None:
        """Run the model's predict requests for warmup; without a file of them, a row of zeros."""
        import tensorflow as tf
        from tensorflow_serving.apis import prediction_log_pb2

        if (folder / WARMUP_FILE).exists():
            for record in tf.data.TFRecordDataset(str(folder / WARMUP_FILE)).as_numpy_iterator():
                log = prediction_log_pb2.PredictionLog.FromString(record)
                if not log.HasField("predict_log"):  # of an API that this server does not have
                    continue
                request = log.predict_log.request
                signature = self.signature(request.model_spec.signature_name)
                inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
                signature.check(inputs)
                signature.run(inputs)
            return
        for signature in filter(lambda signature: signature.inputs, self.signatures.values()):
            zeros = {
                name: np.full(
                    [n or 1 for n in spec.shape or ()], b"" if spec.dtype == object else 0
                )
                for name, spec in signature.inputs.items()
            }
            with contextlib.suppress(Exception):  # a model need not accept zeros
                signature.run(
                    {
                        name: zeros[name].astype(spec.dtype)
                        for name, spec in signature.inputs.items()
                    }
                )


class Version:
    """A version of a model, in any state."""

    def __init__(self, number: int, folder: Path) -> None:
        self.number = number
        self.folder = folder
        self.state = "START"
        self.code = "OK"
        self.message = ""
        self.servable: Servable | None = None
        self.batchers: dict[str, Batcher] = {}
        self.failed_on: object = None  # the folder's content when it could not be loaded
        self._users = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextlib.contextmanager
    def lease(self) -> Iterator[Version]:
        """Keep it loaded while a request is answered."""
        self._users += 1
        self._idle.clear()
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                self._idle.set()

    async def drained(self) -> None:
        """Wait until no request uses it."""
        await self._idle.wait()

    async def run(self, signature_name: str, inputs: Arrays) -> Arrays:
        """Return the outputs of a request whose tensors have been checked."""
        return await self.batchers[signature_name or DEFAULT_SIGNATURE].submit(inputs)


class Model:
    """A model: a folder of versions, and a policy that selects the versions to serve."""

    def __init__(self, config: Any, models: Models) -> None:
        self.name = config.name
        self.config = config
        self.versions: dict[int, Version] = {}
        self.task: asyncio.Task | None = None
        self._models = models
        self._labels: dict[str, int] = {}
        self._draining: set[asyncio.Task] = set()

    @property
    def settled(self) -> bool:
        """Whether it serves, or loading has failed."""
        states = [version.state for version in self.versions.values()]
        return "AVAILABLE" in states or (bool(states) and set(states) == {"END"})

    def available(self) -> list[int]:
        """Return the versions that answer requests, newest first."""
        return sorted(
            (n for n, version in self.versions.items() if version.state == "AVAILABLE"),
            reverse=True,
        )

    def find(self, version: int | None, label: str | None) -> Version:
        """Return the version that a request addresses."""
        if label is not None:
            version = self.labels().get(label)
            if version is None:
                raise invalid(f"Unrecognized servable version label: {label}")
        available = self.available()
        if version is None and available:
            version = available[0]
        if version not in available:
            servable = (
                f"Latest({self.name})" if version is None else f"Specific({self.name}, {version})"
            )
            raise RequestError("NOT_FOUND", f"Servable not found for request: {servable}")
        return self.versions[version]

    def labels(self) -> dict[str, int]:
        """Return the version by label. A label moves only to a version that is available."""
        available = self.available()
        wanted = dict(self.config.version_labels)
        kept = {label: n for label, n in self._labels.items() if label in wanted}
        self._labels = kept | {label: n for label, n in wanted.items() if n in available}
        return {label: n for label, n in self._labels.items() if n in available}

    def status(self, version: int | None, label: str | None) -> GetModelStatusResponse:
        """Return the state of a version, or of all, newest first."""
        from tensorflow.core.protobuf import error_codes_pb2
        from tensorflow_serving.apis import get_model_status_pb2

        if label is not None:
            version = self.find(None, label).number
        numbers = sorted(self.versions, reverse=True) if version is None else [version]
        if version is not None and version not in self.versions:
            message = f"Could not find version {version} of model {self.name}"
            raise RequestError("NOT_FOUND", message)
        response = get_model_status_pb2.GetModelStatusResponse()
        for number in numbers:
            found = self.versions[number]
            status = response.model_version_status.add(
                version=number,
                state=get_model_status_pb2.ModelVersionStatus.State.Value(found.state),
            )
            status.status.error_code = error_codes_pb2.Code.Value(found.code)
            status.status.error_message = found.message
        return response

    async def refresh(self) -> None:
        """Load the versions in the folder that should be served, then unload the others."""
        folders = version_folders(self.config.base_path)
        wanted = self._wanted(folders)
        for number in sorted(wanted, reverse=True):
            version = self.versions.get(number)
            ended = version is not None and version.state == "END"
            if version is None or (ended and _content(folders[number]) != version.failed_on):
                self.versions[number] = Version(number, folders[number])
                await self._load(self.versions[number])
        replaced = not wanted or any(n in wanted for n in self.available())
        for number in self.available():
            if number not in wanted and replaced:
                self.unload(self.versions[number])

    def _wanted(self, folders: dict[int, Path]) -> set[int]:
        policy = self.config.model_version_policy
        match policy.WhichOneof("policy_choice"):
            case "all":
                return set(folders)
            case "specific":
                return set(policy.specific.versions) & folders.keys()
            case _:
                return set(sorted(folders)[-(policy.latest.num_versions or 1) :])

    async def _load(self, version: Version) -> None:
        version.state = "LOADING"
        content = _content(version.folder)
        try:
            version.servable = await self._models.in_loader(Servable, version.folder)
        except Exception as error:
            version.code, version.message = _explain(error)
            version.failed_on = content
            version.state = "END"
            print(f"{self.name} version {version.number}: {version.message}", file=sys.stderr)
            return
        version.batchers = {
            name: self._models.batcher(self.name, signature)
            for name, signature in version.servable.signatures.items()
        }
        version.state = "AVAILABLE"

    def unload(self, version: Version) -> None:
        """Take a version out of traffic, and unload it when its last request is answered."""
        version.state = "UNLOADING"

        async def drain() -> None:
            await version.drained()
            servable, version.servable, version.batchers = version.servable, None, {}
            await self._models.in_loader(servable.close)
            version.state = "END"

        task = asyncio.create_task(drain())
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)


class Models:
    """All models of a server, which follow their folders and ``models.config``."""

    def __init__(self, config_file: Path, limits: Limits, metrics: Metrics) -> None:
        self.limits = limits
        self.models: dict[str, Model] = {}
        self._file = config_file
        self._read_at: object = None
        self._metrics = metrics
        self.threads = ThreadPoolExecutor(limits.num_batch_threads, "inference")
        self._loader = ThreadPoolExecutor(1, "loader")
        self._configure(configuration.read(config_file))

    async def in_loader(self, function: Callable, *arguments: Any) -> Any:
        """Run a function in the thread that loads and unloads, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(self._loader, function, *arguments)

    def batcher(self, name: str, signature: Signature) -> Batcher:
        """Return a queue for a signature."""
        observe = self._metrics.batch_observer(name)
        return Batcher(signature.run, signature.batchable, self.limits, self.threads, observe)

    def find(self, target: Target) -> Version:
        """Return the version of a model that a request addresses."""
        if target.model not in self.models:
            raise RequestError(
                "NOT_FOUND", f"Servable not found for request: Latest({target.model})"
            )
        return self.models[target.model].find(target.version, target.label)

    def status(self, target: Target) -> GetModelStatusResponse:
        """Return the state of a version of a model, or of all versions."""
        if target.model not in self.models:
            raise RequestError("NOT_FOUND", f"Could not find any versions of model {target.model}")
        return self.models[target.model].status(target.version, target.label)

    async def watch(self, seconds: float) -> None:
        """Follow the folders and the file for ever. A slow load does not delay other models."""
        while True:
            try:
                self._reread()
                for model in self.models.values():
                    if model.task is None or model.task.done():
                        model.task = asyncio.create_task(model.refresh())
                        model.task.add_done_callback(_report)
            except Exception:  # such as a disk that is missing for a moment
                traceback.print_exc()
            await asyncio.sleep(seconds)

    async def settled(self) -> None:
        """Wait until every model serves or cannot."""
        while not all(model.settled for model in self.models.values()):
            await asyncio.sleep(0.02)

    def _reread(self) -> None:
        stat = self._file.stat()
        if self._read_at != (stat.st_mtime_ns, stat.st_size):
            self._read_at = (stat.st_mtime_ns, stat.st_size)
            self._configure(configuration.read(self._file))

    def _configure(self, config: Any) -> None:
        listed = {entry.name: entry for entry in config.model_config_list.config}
        for name, entry in listed.items():
            model = self.models.get(name)
            if model is None or model.config.base_path != entry.base_path:
                if model is not None:
                    self._remove(model)
                self.models[name] = Model(entry, self)
            else:
                model.config = entry
        for name in self.models.keys() - listed.keys():
            self._remove(self.models.pop(name))

    def _remove(self, model: Model) -> None:
        async def later() -> None:
            if model.task is not None:
                await asyncio.wait([model.task])
            for number in model.available():
                model.unload(model.versions[number])

        model.removal = asyncio.create_task(later())


def _report(task: asyncio.Task) -> None:
    if not task.cancelled() and task.exception():
        traceback.print_exception(task.exception())


def _content(folder: Path) -> object:
    """Return names, sizes and times of a folder's files, to see whether they have changed."""
    with contextlib.suppress(OSError):
        stats = [(str(path), path.stat()) for path in sorted(folder.rglob("*"))]
        return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]
    return None


def _explain(error: Exception) -> tuple[str, str]:
    """Return a status code and a one-line message."""
    if isinstance(error, RequestError):
        return error.code, str(error)
    if code_and_message := from_tensorflow(error):
        return code_and_message
    message = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
    return "NOT_FOUND" if isinstance(error, OSError) else "INTERNAL", message
