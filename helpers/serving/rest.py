"""TensorFlow Serving's REST API.

Source: https://www.tensorflow.org/tfx/serving/api_rest, and TensorFlow Serving's own handler for
what that page leaves open.
"""

from __future__ import annotations

import asyncio
import json
import re
import zlib
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from helpers.serving import tensors
from helpers.serving.errors import RequestError, invalid
from helpers.serving.service import Service, as_request_error
from helpers.serving.target import Target

METRICS_PATH = "/monitoring/prometheus/metrics"
MAX_BODY = 64 * 2**20
_MAX_READ = 4 * MAX_BODY  # of a body that is too large, so that the client receives the answer
_LARGE = 64 * 2**10  # bytes of JSON, or numbers, that would block the event loop for too long

_MODEL = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_PREDICT = re.compile(_MODEL + ":predict", re.IGNORECASE | re.ASCII)
_READ = re.compile(_MODEL + r"(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)


def app(service: Service) -> ASGIApp:
    """Return the ASGI application."""

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await _answer(service, request)
        except ClientDisconnect:
            response = Response(status_code=400)
        except Exception as error:
            response = _error(as_request_error(error))
        await response(scope, receive, send)

    return handle


async def _answer(service: Service, request: Request) -> Response:
    # The path is matched before it is decoded, as in TensorFlow Serving.
    path = request.scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace")
    if request.method == "POST" and (match := _PREDICT.fullmatch(path)):
        body = await _predict(service, _target(match), await _body(request))
        return Response(body, media_type="application/json")
    if request.method == "GET" and path == METRICS_PATH:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")
    if request.method == "GET" and (match := _READ.fullmatch(path)):
        return Response(_read(service, match), media_type="application/json")
    if request.method == "GET" and path.lower() in ("/v1/models", "/v1/models/"):
        raise invalid("Missing model name in request.")
    if not path.lower().startswith("/v1/"):
        raise RequestError("NOT_FOUND", f"Not found: {request.method} {path}")
    raise invalid(f"Malformed request: {request.method} {request.url.path}")


async def _predict(service: Service, target: Target, body: bytes) -> bytes:
    document = await _run(partial(tensors.parse, body), len(body))
    target = target._replace(signature=document.get("signature_name", ""))
    _, outputs = await service.run(
        target, lambda signature: tensors.arrays_of(document, signature.inputs), "REST"
    )
    size = sum(array.size for array in outputs.values())
    return await _run(partial(tensors.answer, outputs, "instances" in document), size)


async def _run(function: partial, size: int) -> Any:
    """Call a function, in a thread if its work is large."""
    return function() if size < _LARGE else await asyncio.to_thread(function)


def _read(service: Service, match: re.Match) -> bytes:
    from google.protobuf.json_format import MessageToDict

    as_dict = partial(
        MessageToDict,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    target = _target(match)
    if match["metadata"]:
        version = service.models.find(target)
        definitions = as_dict(version.servable.definition_map())
        spec = {"name": target.model, "signature_name": "", "version": str(version.number)}
        document = {"model_spec": spec, "metadata": {"signature_def": definitions}}
    else:
        document = as_dict(service.models.status(target))
    return json.dumps(document, indent=1).encode()


def _target(match: re.Match) -> Target:
    version = None if match["version"] is None else int(match["version"])
    if version is not None and version >= 2**63:
        raise invalid(f"Failed to convert version: {match['version']} to numeric.")
    label = None if match["label"] is None else unquote(match["label"])
    return Target(unquote(match["model"]), version, label)


async def _body(request: Request) -> bytes:
    size, chunks = 0, []
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            chunks.append(chunk)
        else:
            chunks.clear()
            if size > _MAX_READ:
                break
    if size > MAX_BODY:
        raise _too_large()
    body = b"".join(chunks)
    if "gzip" not in request.headers.get("content-encoding", ""):
        return body
    unzip = zlib.decompressobj(wbits=31)
    try:
        body = unzip.decompress(body, MAX_BODY + 1)
    except zlib.error as error:
        raise invalid(f"The body is not gzip data, as its Content-Encoding says: {error}") from None
    if len(body) > MAX_BODY:
        raise _too_large()
    if not unzip.eof:
        raise invalid("The body ends in the middle of its gzip data")
    return body


def _too_large() -> RequestError:
    message = f"The body has more than {MAX_BODY // 2**20} MiB; send fewer rows at a time"
    return RequestError("INVALID_ARGUMENT", message, http=413)


def _error(error: RequestError) -> Response:
    headers = {"Retry-After": "1"} if error.http == 503 else None
    body = json.dumps({"error": str(error)})
    return Response(body, error.http, headers, "application/json")
