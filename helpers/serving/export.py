"""Export models as SavedModels, in the folder layout that TensorFlow Serving reads."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from helpers.base.checks import whole
from helpers.serving.rows import as_arrays
from helpers.serving.target import DEFAULT_SIGNATURE

HIGHEST_VERSION = 2**63 - 1


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
        A Keras 3 model (the keys of a dict of inputs become their names; preprocessing layers
        become part of the graph), a TensorFlow module, or the folder of a SavedModel, such as a
        TFX Pusher writes.
    base_dir : str or pathlib.Path
        The model's folder; created if it is missing.
    version : int, optional
        By default one more than the highest in the folder.
    signatures : mapping, optional
        Further functions of the model by name, each a ``tf.function`` with an ``input_signature``
        that returns a dict of tensors. A module needs ``"serving_default"`` among them, unless its
        ``__call__`` is such a function. Not for a folder, which has its own.
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
    if version is not None and whole("version", version) > HIGHEST_VERSION:
        raise ValueError(f"version is {version}; expected at most {HIGHEST_VERSION}")
    if version is not None and (base / str(version)).exists():
        raise FileExistsError(
            f"version is {version}, which {base} has already; a version is never changed: "
            "leave version out for the next free one"
        )
    base.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".export-", dir=base))  # not a number: servers skip it
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


def version_folders(base_dir: str | Path) -> dict[int, Path]:
    """Return the versions in a model's folder by number; none if the folder cannot be read."""
    try:
        return {number: path for number, path in _numbered(Path(base_dir)) if path.is_dir()}
    except OSError:
        return {}


def unservable(definition: Any) -> str:
    """Return why a signature's definition cannot be served; empty if it can."""
    import tensorflow as tf

    for kind, infos in (("input", definition.inputs), ("output", definition.outputs)):
        for name, info in infos.items():
            if info.WhichOneof("encoding") != "name":
                return f"{kind} {name!r} is a ragged or sparse tensor; use a dense one"
            if not info.dtype or not tf.dtypes.as_dtype(info.dtype).is_numpy_compatible:
                return f"{kind} {name!r} has no values, as operations and resources do not"
    return ""


def _numbered(base: Path) -> Iterator[tuple[int, Path]]:
    """Return what is named by a version's number, a whole one of 64 bits with a sign."""
    for path in base.iterdir():
        if re.fullmatch(r"[0-9]{1,30}", path.name) and int(path.name) <= HIGHEST_VERSION:
            yield int(path.name), path


def _publish(written: Path, base: Path, version: int | None) -> Path:
    while True:
        taken = [number for number, _ in _numbered(base)]
        number = max(taken, default=0) + 1 if version is None else version
        try:
            return written.rename(base / str(number))
        except OSError:
            if not (base / str(number)).exists() or version is not None:
                raise  # otherwise another process has just taken the number: try the next


def _write(model: Any, folder: Path, signatures: dict[str, Callable]) -> None:
    if isinstance(model, str | os.PathLike):
        if not (Path(model) / "saved_model.pb").is_file():
            raise ValueError(
                f"model is the folder {model}, which has no saved_model.pb; expected the folder "
                "of a SavedModel, such as pushed_model/1700000000"
            )
        if signatures:
            raise ValueError("signatures cannot be added to a folder; leave them out")
        shutil.copytree(model, folder)
        return
    import keras
    import tensorflow as tf

    if isinstance(model, keras.Model):
        _write_keras(model, folder, signatures)
    elif isinstance(model, tf.Module):
        tf.saved_model.save(model, str(folder), signatures=signatures or None)
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


def _write_keras(model: Any, folder: Path, signatures: dict[str, Callable]) -> None:
    import keras
    import tensorflow as tf

    if DEFAULT_SIGNATURE not in signatures and not getattr(model, "inputs", None):
        raise ValueError(
            f"model {model.name!r} does not say what its inputs are, as functional and built "
            "sequential models do; give signatures={'serving_default': a tf.function with an "
            "input_signature}"
        )
    archive = keras.export.ExportArchive()
    archive.track(model)
    if DEFAULT_SIGNATURE not in signatures:
        inputs, named = _named_inputs(model)
        specs = {name: tf.TensorSpec(x.shape, x.dtype, name=name) for name, x in named.items()}

        def serve(tensors: dict[str, Any]) -> dict[str, Any]:
            values = [tensors[name] for name in named]
            outputs = model(tf.nest.pack_sequence_as(inputs, values), training=False)
            return _named_outputs(model, outputs)

        archive.add_endpoint(DEFAULT_SIGNATURE, serve, input_signature=[specs])
    for name, function in signatures.items():
        if not hasattr(function, "get_concrete_function"):
            raise TypeError(
                f"signatures[{name!r}] is a {type(function).__name__}; expected a tf.function with "
                "an input_signature"
            )
        function.get_concrete_function()  # traces it, as the archive requires
        archive.add_endpoint(name, function)
    archive.write_out(str(folder), verbose=False)


def _named_inputs(model: Any) -> tuple[Any, dict[str, Any]]:
    """Return the structure that the model is called with, and its tensors by name."""
    import tensorflow as tf

    structure = getattr(model, "_inputs_struct", None)  # Keras has no public name for it
    if isinstance(structure, dict):
        return structure, {name: structure[name] for name in sorted(structure)}
    flat = list(model.inputs)
    structure = flat[0] if len(flat) == 1 else flat
    names = [tensor.name.split(":")[0] for tensor in tf.nest.flatten(structure)]
    if len(names) == 1 and names[0].startswith(("keras_tensor", "input_layer")):
        names = ["inputs"]  # Keras made that name up
    return structure, dict(zip(names, flat, strict=True))


def _named_outputs(model: Any, outputs: Any) -> dict[str, Any]:
    if isinstance(outputs, dict):
        return outputs
    flat = outputs if isinstance(outputs, list | tuple) else [outputs]
    layers = [model.layers[-1].name] if model.layers else []  # sequential models lack output_names
    names = list(getattr(model, "output_names", None) or layers)
    if len(set(names)) != len(flat):
        names = [f"output_{number}" for number in range(len(flat))]
    return dict(zip(names, flat, strict=True))


def _signatures(folder: Path) -> Mapping[str, Any]:
    from tensorflow.core.protobuf import saved_model_pb2

    proto = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return proto.meta_graphs[0].signature_def


def _check(folder: Path) -> None:
    signatures = _signatures(folder)
    names = [name for name in signatures if not name.startswith("__")]
    if DEFAULT_SIGNATURE not in names:
        raise ValueError(
            f"model has the signatures {names}; a server needs {DEFAULT_SIGNATURE!r}: give "
            f"signatures={{{DEFAULT_SIGNATURE!r}: a tf.function with an input_signature}}"
        )
    if reason := unservable(signatures[DEFAULT_SIGNATURE]):
        raise ValueError(f"the model's signature {DEFAULT_SIGNATURE!r} cannot be served: {reason}")


def _write_warmup(folder: Path, rows: Any) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    inputs = _signatures(folder)[DEFAULT_SIGNATURE].inputs
    shapes = {name: [dim.size for dim in info.tensor_shape.dim] for name, info in inputs.items()}
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = DEFAULT_SIGNATURE
    for name, array in as_arrays(rows, shapes, "warmup").items():
        dtype = tf.dtypes.as_dtype(inputs[name].dtype)
        array = array.astype(object if dtype == tf.string else dtype.as_numpy_dtype)
        request.inputs[name].CopyFrom(tf.make_tensor_proto(array, dtype))
    log = prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
    (folder / "assets.extra").mkdir(exist_ok=True)
    path = folder / "assets.extra" / "tf_serving_warmup_requests"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(log.SerializeToString())
