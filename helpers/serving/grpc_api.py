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

from helpers.serving.errors import Refused, invalid
from helpers.serving.models import DEFAULT_SIGNATURE, Signature
from helpers.serving.rest import MAX_BODY
from helpers.serving.service import Asked, Service, as_refusal
from helpers.serving.tensors import Arrays


def server(service: Service, port: int) -> tuple[grpc.aio.Server, int]:
    """Make the server, bound to a port of this machine only.

    Parameters
    ----------
    service : Service
    port : int
        0 for a free one.

    Returns
    -------
    server : grpc.aio.Server
    port : int
    """
    one = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 0),  # or two servers would share a port, and the requests
            ("grpc.max_receive_message_length", MAX_BODY),
            ("grpc.max_send_message_length", -1),
        ]
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_Prediction(service), one)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Models(service), one)
    return one, one.add_insecure_port(f"127.0.0.1:{port}")


class _Prediction(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        def inputs_of(signature: Signature) -> Arrays:
            inputs = {name: _array(proto, name) for name, proto in request.inputs.items()}
            signature.check(inputs)
            return inputs

        try:
            asked = _asked(request.model_spec)
            version, outputs = await self._service.run(asked, inputs_of, "predict", "GRPC")
            wanted = list(request.output_filter) or list(outputs)
            if missing := set(wanted) - outputs.keys():
                raise invalid(f"output_filter: the outputs are {sorted(outputs)}, no {missing}")
        except Refused as refusal:
            return await _abort(context, refusal)
        response = predict_pb2.PredictResponse()
        _fill_spec(response.model_spec, asked, version)
        for name in wanted:
            response.outputs[name].CopyFrom(tf.make_tensor_proto(outputs[name]))
        return response

    async def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            asked = _asked(request.model_spec)
            if list(request.metadata_field) != ["signature_def"]:
                raise invalid("metadata_field has to be ['signature_def']")
            version = self._service.models.find(asked.model).find(asked.version, asked.label)
        except Exception as error:
            return await _abort(context, as_refusal(error))
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        _fill_spec(response.model_spec, asked, version.number)
        response.metadata["signature_def"].Pack(version.servable.definition_map())
        return response


class _Models(model_service_pb2_grpc.ModelServiceServicer):
    def __init__(self, service: Service) -> None:
        self._service = service

    async def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        try:
            asked = _asked(request.model_spec)
            return self._service.models.status(asked.model, asked.version, asked.label)
        except Exception as error:
            return await _abort(context, as_refusal(error))


def _asked(spec: Any) -> Asked:
    if not spec.name:
        raise invalid("Missing ModelSpec: the request names no model")
    choice = spec.WhichOneof("version_choice")
    version = spec.version.value if choice == "version" else None
    label = spec.version_label if choice == "version_label" else None
    return Asked(spec.name, version, label, spec.signature_name)


def _fill_spec(spec: Any, asked: Asked, version: int) -> None:
    spec.name = asked.model
    spec.version.value = version
    spec.signature_name = asked.signature or DEFAULT_SIGNATURE


def _array(proto: Any, name: str) -> np.ndarray:
    try:
        return tf.make_ndarray(proto)
    except (TypeError, ValueError) as error:
        raise invalid(f"Input {name}: {error}") from None


async def _abort(context: Any, refusal: Refused) -> None:
    await context.abort(grpc.StatusCode[refusal.code], str(refusal))
