"""TensorFlow Serving's gRPC API: Predict, GetModelMetadata and GetModelStatus."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from helpers.serving.errors import RequestError, invalid
from helpers.serving.models import Signature
from helpers.serving.rest import MAX_BODY
from helpers.serving.service import Service, as_request_error
from helpers.serving.target import DEFAULT_SIGNATURE, Target
from helpers.serving.tensors import Arrays

# The field of a TensorProto for each type, and how its values are seen there.
_FIELDS: dict[str, tuple[str, type | None]] = {
    "float32": ("float_val", None),
    "float64": ("double_val", None),
    "string": ("string_val", None),
    "int64": ("int64_val", None),
    "bool": ("bool_val", None),
    "uint32": ("uint32_val", None),
    "uint64": ("uint64_val", None),
    "float16": ("half_val", np.uint16),
    "bfloat16": ("half_val", np.uint16),
    "complex64": ("scomplex_val", np.float32),
    "complex128": ("dcomplex_val", np.float64),
} | dict.fromkeys(("int32", "int16", "int8", "uint16", "uint8"), ("int_val", None))


def server(service: Service, port: int) -> tuple[grpc.aio.Server, int]:
    """Return a server and the port that it is bound to, on 127.0.0.1; port 0 is any free one."""
    api = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),  # otherwise two servers could share a port and its requests
            ("grpc.max_receive_message_length", MAX_BODY),
            ("grpc.max_send_message_length", -1),
        ]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(service), api)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(service), api)
    return api, api.add_insecure_port(f"127.0.0.1:{port}")


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        def inputs_of(signature: Signature) -> Arrays:
            inputs = {name: _array(proto, name) for name, proto in request.inputs.items()}
            signature.check(inputs)
            return inputs

        try:
            target = _target(request.model_spec)
            version, outputs = await self._service.run(target, inputs_of, "GRPC")
            wanted = list(request.output_filter) or list(outputs)
            if missing := set(wanted) - outputs.keys():
                raise invalid(f"output_filter: the outputs are {sorted(outputs)}, no {missing}")
        except RequestError as error:
            return await _abort(context, error)
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, target, version)
        for name in wanted:
            _fill_tensor(response.outputs[name], outputs[name])
        return response

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            target = _target(request.model_spec)
            if list(request.metadata_field) != ["signature_def"]:
                raise invalid("metadata_field has to be ['signature_def']")
            version = self._service.models.find(target)
        except Exception as error:
            return await _abort(context, as_request_error(error))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _fill_spec(response.model_spec, target, version.number)
        response.metadata["signature_def"].Pack(version.servable.definition_map())
        return response


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            return self._service.models.status(_target(request.model_spec))
        except Exception as error:
            return await _abort(context, as_request_error(error))


def _target(spec: Any) -> Target:
    if not spec.name:
        raise invalid("Missing ModelSpec: the request names no model")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    return Target(spec.name, version, label, spec.signature_name)


def _fill_spec(spec: Any, target: Target, version: int) -> None:
    spec.name = target.model
    spec.version.value = version
    spec.signature_name = target.signature or DEFAULT_SIGNATURE


def _fill_tensor(proto: Any, array: np.ndarray) -> None:
    """Write an output as TensorFlow Serving does, with its values in the field of their type.

    Clients read ``float_val`` and its like; ``tf.make_tensor_proto`` would leave these empty.
    """
    dtype = tf.dtypes.as_dtype(array.dtype)
    if dtype.name not in _FIELDS:
        proto.CopyFrom(tf.make_tensor_proto(array, dtype))
        return
    field, as_type = _FIELDS[dtype.name]
    proto.dtype = dtype.as_datatype_enum
    proto.tensor_shape.CopyFrom(tf.TensorShape(array.shape).as_proto())
    values = np.ascontiguousarray(array).ravel()
    getattr(proto, field).extend((values.view(as_type) if as_type else values).tolist())


def _array(proto: Any, name: str) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"Input {name}: {error}") from None


async def _abort(context: Any, error: RequestError) -> None:
    await context.abort(grpc.StatusCode[error.code], str(error))
