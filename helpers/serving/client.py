"""A small client for both protocols."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.serving.rows import as_arrays
from helpers.serving.target import DEFAULT_SIGNATURE, Target

if TYPE_CHECKING:
    import grpc
    import httpx

Outputs = np.ndarray | dict[str, np.ndarray]


class ServingError(RuntimeError):
    """A server did not answer a request.

    Attributes
    ----------
    status : int or str
        HTTP status, or name of the gRPC status code.
    """

    def __init__(self, status: int | str, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


def predict(
    url: str,
    rows: Any,
    *,
    model: str = "model",
    version: int | None = None,
    label: str | None = None,
    signature: str | None = None,
    timeout: float = 30,
) -> Outputs:
    """Return the predictions of a `ModelServer`, or of TensorFlow Serving itself.

    Parameters
    ----------
    url : str
        ``"http://127.0.0.1:8501"`` for REST; without ``http://``, such as ``"127.0.0.1:8500"``,
        for gRPC.
    rows : list, array, DataFrame or dict
        A list (or array) has an item for each row and is sent as ``instances``; a DataFrame or a
        dict of columns is sent as ``inputs``. Columns of a DataFrame gain a last dimension of size
        1 where the model needs it.
    model : str, default "model"
    version : int, optional
        By default the newest that is available.
    label : str, optional
        In place of a version.
    signature : str, optional
    timeout : float, default 30
        Seconds.

    Returns
    -------
    numpy.ndarray or dict of numpy.ndarray
        The output; by name if there are several.

    Raises
    ------
    ServingError
        If the server refuses or cannot be reached.
    ValueError
        If an input is missing, or has values that cannot be sent.

    Examples
    --------
    >>> predict("http://127.0.0.1:8501", [[1.0, 2.0]], model="half")  # doctest: +SKIP
    array([[2.5]])
    """
    if version is not None and label is not None:
        raise ValueError(f"version is {version} and label is {label!r}; give one of them")
    target = Target(model, version, label, signature or "")
    call = _rest if "://" in url else _grpc
    return call(url, target, rows, timeout)


def get(url: str, timeout: float = 30) -> dict[str, Any]:
    """Return the JSON at a URL of a server, such as a model's status or ``/metadata``."""
    return _request("GET", url, None, timeout)


def _rest(url: str, target: Target, rows: Any, timeout: float) -> Outputs:
    url = url.rstrip("/") + target.path
    by_column = isinstance(rows, dict) or hasattr(rows, "columns")
    if hasattr(rows, "columns"):
        shapes = _input_shapes(get(f"{url}/metadata", timeout), target.signature)
        rows = as_arrays(rows, shapes, "rows")
    body = {"inputs" if by_column else "instances": _plain(rows)}
    if target.signature:
        body["signature_name"] = target.signature
    answer = _request("POST", f"{url}:predict", body, timeout)
    values = answer["outputs" if by_column else "predictions"]
    if by_column and isinstance(values, dict):
        return {name: np.asarray(value) for name, value in values.items()}
    if not by_column and values and isinstance(values[0], dict) and "b64" not in values[0]:
        return {name: np.asarray([row[name] for row in values]) for name in values[0]}
    return np.asarray(values)


def _input_shapes(metadata: dict[str, Any], signature: str) -> dict[str, list[int]]:
    """Return the shapes of a signature's inputs by name; -1 is any size."""
    definitions = metadata["metadata"]["signature_def"]["signature_def"]
    name = signature or DEFAULT_SIGNATURE
    if name not in definitions:
        raise ServingError(400, f"the model has no signature {name!r}, only {sorted(definitions)}")
    return {
        name: [int(dim["size"]) for dim in info["tensor_shape"]["dim"]]
        for name, info in definitions[name]["inputs"].items()
    }


def _plain(value: Any) -> Any:
    """Replace arrays by lists, at any depth."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value


def _request(method: str, url: str, body: dict | None, timeout: float) -> dict[str, Any]:
    import json

    import httpx

    try:
        content = None if body is None else json.dumps(body)  # httpx's own refuses NaN
    except TypeError as error:  # a missing value of pandas, a time, an object
        raise ValueError(f"rows cannot be sent: {error}; expected numbers and texts") from None
    try:
        response = _http(os.getpid()).request(method, url, content=content, timeout=timeout)
    except httpx.HTTPError as error:
        raise ServingError(503, f"{url} does not answer: {error!r}") from None
    try:
        answer = response.json()
    except ValueError:
        answer = {"error": response.text[:500]}
    if response.status_code != 200:
        raise ServingError(response.status_code, str(answer.get("error", answer)))
    return answer


@lru_cache(maxsize=1)
def _http(pid: int) -> httpx.Client:
    """Return a client that keeps connections for the next call; a fork needs its own."""
    import httpx

    return httpx.Client(trust_env=False)


def _grpc(address: str, target: Target, rows: Any, timeout: float) -> Outputs:
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    stub = PredictionServiceStub(_channel(address, os.getpid()))
    request = predict_pb2.PredictRequest()
    request.model_spec.name = target.model
    request.model_spec.signature_name = target.signature or DEFAULT_SIGNATURE
    if target.version is not None:
        request.model_spec.version.value = target.version
    if target.label is not None:
        request.model_spec.version_label = target.label
    question = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    question.model_spec.CopyFrom(request.model_spec)
    try:
        metadata = stub.GetModelMetadata(question, timeout=timeout)
        definitions = get_model_metadata_pb2.SignatureDefMap()
        metadata.metadata["signature_def"].Unpack(definitions)
        if request.model_spec.signature_name not in definitions.signature_def:
            message = f"the model has no signature {target.signature!r}"
            raise ServingError("INVALID_ARGUMENT", message)
        inputs = definitions.signature_def[request.model_spec.signature_name].inputs
        shapes = {name: [d.size for d in info.tensor_shape.dim] for name, info in inputs.items()}
        for name, array in as_arrays(rows, shapes, "rows").items():
            dtype = tf.dtypes.as_dtype(inputs[name].dtype)
            try:
                proto = tf.make_tensor_proto(array.tolist(), dtype)
            except (OverflowError, TypeError, ValueError):
                raise ValueError(f"rows {_has(name, array)}; expected {dtype.name}") from None
            request.inputs[name].CopyFrom(proto)
        response = stub.Predict(request, timeout=timeout)
    except grpc.RpcError as error:
        raise ServingError(error.code().name, error.details()) from None
    outputs = {name: _decoded(tf.make_ndarray(proto)) for name, proto in response.outputs.items()}
    return next(iter(outputs.values())) if len(outputs) == 1 else outputs


def _has(name: str, array: np.ndarray) -> str:
    """Return a column and its kinds of values as text."""
    kinds = sorted({type(value).__name__ for value in array.ravel().tolist()})
    gaps = ", some of them missing" if pd.isna(array).any() else ""
    return f"has {' and '.join(kinds)} in {name!r}{gaps}"


def _decoded(array: np.ndarray) -> np.ndarray:
    """Decode bytes where all are text, as REST does."""
    if array.dtype != object:
        return array
    try:
        return np.asarray([value.decode() for value in array.ravel()]).reshape(array.shape)
    except UnicodeDecodeError:
        return array


@lru_cache(maxsize=16)
def _channel(address: str, pid: int) -> grpc.Channel:
    import grpc

    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    return grpc.insecure_channel(address, options)
