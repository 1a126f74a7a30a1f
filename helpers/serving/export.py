"""Models to SavedModels, in the folder layout that TensorFlow Serving reads."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from helpers.serving.rows import as_columns

_SIGNATURE = "serving_default"


def export(
    model: Any,
    base_dir: str | Path,
    *,
    version: int | None = None,
    signatures: Mapping[str, Callable] | None = None,
    warmup: Any = None,
) -> Path:
    """Write a model as ``base_dir/version/``, where a model server picks it up.

    It is written under a temporary name and renamed, so a server never sees half of it.

    Parameters
    ----------
    model : keras.Model, tf.Module or path
        A Keras 3 model (a dict of inputs gives inputs of these names; preprocessing layers become
        part of the graph), a TensorFlow module, or the folder of a SavedModel, such as a TFX
        Pusher writes.
    base_dir : str or pathlib.Path
        The model's folder; made if it is missing.
    version : int, optional
        By default one more than the highest in the folder.
    signatures : mapping, optional
        Further functions of the model by name, each a ``tf.function`` with an ``input_signature``
        that returns a dict of tensors. For a module ``"serving_default"`` has to be among them,
        unless its ``__call__`` is such a function. Not for a folder, which has its own.
    warmup : list of dict, DataFrame or dict of arrays, optional
        Rows of typical inputs, which a server runs before the version gets any traffic.

    Returns
    -------
    pathlib.Path
        The version's folder.

    Raises
    ------
    FileExistsError
        If the folder has that version already.
    TypeError, ValueError
        If the model cannot be exported; the message says why.

    Examples
    --------
    >>> import keras
    >>> age = keras.Input((1,), name="age")
    >>> model = keras.Model({"age": age}, keras.layers.Dense(1, name="risk")(age))
    >>> export(model, "models/credit")  # doctest: +SKIP
    PosixPath('models/credit/1')
    """
    base = Path(base_dir)
    if version is not None and (isinstance(version, bool) or not isinstance(version, int)):
        raise TypeError(f"version is {version!r}; expected a whole number, such as 3")
    if version is not None and version < 0:
        raise ValueError(f"version is {version}; expected 0 or more")
    if version is not None and (base / str(version)).exists():
        raise FileExistsError(
            f"version is {version}, which {base} has already; a version is never changed: "
            "leave version out for the next free one"
        )
    base.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=base))  # no number: servers pass it by
    try:
        written = temporary / "model"
        with _quiet_tensorflow():
            _write(model, written, dict(signatures or {}))
        _check(written)
        if warmup is not None:
            _write_warmup(written, warmup)
        return _publish(written, base, version)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def versions(base_dir: str | Path) -> list[int]:
    """List the versions in a model's folder, in order."""
    with contextlib.suppress(OSError):
        entries = [path for path in Path(base_dir).iterdir() if path.is_dir()]
        return sorted(int(p.name) for p in entries if p.name.isascii() and p.name.isdigit())
    return []


def _publish(written: Path, base: Path, version: int | None) -> Path:
    while True:
        taken = [int(p.name) for p in base.iterdir() if p.name.isascii() and p.name.isdigit()]
        number = max(taken, default=0) + 1 if version is None else version
        try:
            return written.rename(base / str(number))
        except OSError:
            if not (base / str(number)).exists() or version is not None:
                raise  # else somebody else took the number a moment ago: take the next


def _write(model: Any, place: Path, signatures: dict[str, Callable]) -> None:
    if isinstance(model, str | os.PathLike):
        if not (Path(model) / "saved_model.pb").is_file():
            raise ValueError(
                f"model is the folder {model}, which has no saved_model.pb; expected the folder "
                "of a SavedModel, such as pushed_model/1700000000"
            )
        if signatures:
            raise ValueError("signatures cannot be added to a folder; leave them out")
        shutil.copytree(model, place)
        return
    import keras
    import tensorflow as tf

    if isinstance(model, keras.Model):
        _write_keras(model, place, signatures)
    elif isinstance(model, tf.Module):
        tf.saved_model.save(model, str(place), signatures=signatures or None)
    else:
        raise TypeError(
            f"model is a {type(model).__name__}; expected a Keras model, a tf.Module or the folder "
            "of a SavedModel"
        )


@contextlib.contextmanager
def _quiet_tensorflow() -> Iterator[None]:
    """Keep TensorFlow from announcing files under their temporary name."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _write_keras(model: Any, place: Path, signatures: dict[str, Callable]) -> None:
    import keras
    import tensorflow as tf

    if _SIGNATURE not in signatures and not getattr(model, "inputs", None):
        raise ValueError(
            f"model {model.name!r} does not say what its inputs are, as functional and built "
            "sequential models do; give signatures={'serving_default': a tf.function with an "
            "input_signature}"
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    if _SIGNATURE not in signatures:
        inputs, named = _named_inputs(model)
        specs = {name: tf.TensorSpec(x.shape, x.dtype, name=name) for name, x in named.items()}

        def serve(tensors: dict[str, Any]) -> dict[str, Any]:
            values = [tensors[name] for name in named]
            outputs = model(tf.nest.pack_sequence_as(inputs, values), training=False)
            return _named_outputs(model, outputs)

        archive.add_endpoint(_SIGNATURE, serve, input_signature=[specs])
    for name, function in signatures.items():
        if not hasattr(function, "get_concrete_function"):
            raise TypeError(
                f"signatures[{name!r}] is a {type(function).__name__}; expected a tf.function with "
                "an input_signature"
            )
        function.get_concrete_function()  # traces it, which the archive wants done
        archive.add_endpoint(name, function)
    archive.write_out(str(place), verbose=False)


def _named_inputs(model: Any) -> tuple[Any, dict[str, Any]]:
    """Find the structure that the model is called with, and its tensors by name."""
    import tensorflow as tf

    structure = getattr(model, "_inputs_struct", None)  # Keras has no public name for it
    if isinstance(structure, dict):
        return structure, {name: structure[name] for name in sorted(structure)}
    flat = list(model.inputs)
    structure = flat[0] if len(flat) == 1 else flat
    names = [tensor.name.split(":")[0] for tensor in tf.nest.flatten(structure)]
    if len(names) == 1 and names[0].startswith(("keras_tensor", "input_layer")):
        names = ["inputs"]  # nobody chose that name
    return structure, dict(zip(names, flat, strict=True))


def _named_outputs(model: Any, outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, dict):
        return outputs
    flat = outputs if isinstance(outputs, list | tuple) else [outputs]
    layers = [model.layers[-1].name] if model.layers else []  # a sequential model has no names
    names = list(getattr(model, "output_names", None) or layers)
    if len(set(names)) != len(flat):
        names = [f"output_{number}" for number in range(len(flat))]
    return dict(zip(names, flat, strict=True))


def _signatures(place: Path) -> Mapping[str, Any]:
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel.FromString((place / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0].signature_def


def _check(place: Path) -> None:
    names = [name for name in _signatures(place) if not name.startswith("__")]
    if _SIGNATURE not in names:
        raise ValueError(
            f"model has the signatures {names}; a server needs {_SIGNATURE!r}: give "
            f"signatures={{{_SIGNATURE!r}: a tf.function with an input_signature}}"
        )


def _write_warmup(place: Path, rows: Any) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    infos = _signatures(place)[_SIGNATURE].inputs
    columns = as_columns(rows, list(infos), "warmup")
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = _SIGNATURE
    for name, info in infos.items():
        dtype = tf.dtypes.as_dtype(info.dtype)
        shape = [None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim]
        array = np.asarray(columns[name])
        array = array.astype(object if dtype == tf.string else dtype.as_numpy_dtype)
        if len(shape) == array.ndim + 1 and shape[-1] == 1:
            array = array[..., None]
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype))
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    folder = place / "assets.extra"
    folder.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(folder / "tf_serving_warmup_requests")) as writer:
        writer.write(log.SerializeToString())
