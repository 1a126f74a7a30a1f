"""TensorFlow Serving's REST API.

Source: https://www.tensorflow.org/tfx/serving/api_rest, and TensorFlow Serving's own handler where
that page is silent.
"""

from __future__ import annotations

import asyncio
import json
import re
from functools import partial
from typing import Any
from urllib.parse import unquote

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Route

from helpers.serving import examples, tensors
from helpers.serving.errors import Refused, invalid
from helpers.serving.service import Asked, Service, as_refusal

METRICS_PATH = "/monitoring/prometheus/metrics"
MAX_BODY = 64 * 2**20
_READ_AT_MOST = 4 * MAX_BODY  # of a body that is too large, so that its sender hears the answer
_LARGE = 64 * 2**10  # bytes of JSON, or numbers, that would keep the event loop from other requests

_PLACE = r"/v1/models/(?P<model>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
_CALL = re.compile(_PLACE + r":(?P<api>classify|regress|predict)", re.IGNORECASE | re.ASCII)
_LOOK = re.compile(_PLACE + r"(?P<metadata>/metadata)?", re.IGNORECASE | re.ASCII)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


def app(service: Service) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    service : Service

    Returns
    -------
    fastapi.FastAPI
    """

    async def handle(request: Request) -> Response:
        try:
            return await _answer(service, request)
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception as error:
            return _error(as_refusal(error))

    async def refuse(request: Request, error: HTTPException) -> Response:
        return _error(invalid(_malformed(request)))

    api = FastAPI(openapi_url=None, exception_handlers={HTTPException: refuse})
    # One route of Starlette's: the path is matched undecoded, as TensorFlow Serving does it.
    api.router.routes.append(Route("/{path:path}", handle, methods=_METHODS))
    return api


async def _answer(service: Service, request: Request) -> Response:
    path = request.scope.get("raw_path", b"").split(b"?")[0].decode("ascii", "replace")
    if request.method == "POST" and (match := _CALL.fullmatch(path)):
        asked, api = _asked(match), match["api"].lower()
        document = await _aside(tensors.parse, await _body(request))
        asked = asked._replace(signature=document.get("signature_name", ""))
        if api == "predict":
            body = await _predict(service, asked, document)
        else:
            body = await _examine(service, asked, document, api)
        return Response(body, media_type="application/json")
    if request.method == "GET" and path == METRICS_PATH:
        return Response(service.metrics.page(), media_type="text/plain; version=0.0.4")
    if request.method == "GET" and (match := _LOOK.fullmatch(path)):
        return Response(_look(service, match), media_type="application/json")
    if request.method == "GET" and path.lower() in ("/v1/models", "/v1/models/"):
        raise invalid("Missing model name in request.")
    if not path.lower().startswith("/v1/"):
        raise Refused("NOT_FOUND", f"Not found: {request.method} {path}")
    raise invalid(_malformed(request))


async def _predict(service: Service, asked: Asked, document: dict[str, Any]) -> bytes:
    _, outputs = await service.run(
        asked, lambda signature: tensors.arrays_of(document, signature.inputs), "predict", "REST"
    )
    size = sum(array.size for array in outputs.values())
    make = partial(tensors.answer, outputs, "instances" in document)
    return make() if size < _LARGE else await asyncio.to_thread(make)


async def _examine(service: Service, asked: Asked, document: dict[str, Any], api: str) -> bytes:
    serialized = examples.serialized(document)
    _, outputs = await service.run(
        asked, lambda signature: examples.inputs(signature, serialized, api), api, "REST"
    )
    results = examples.results(outputs, len(serialized), api)
    return tensors.dump({"results": results})


def _look(service: Service, match: re.Match) -> bytes:
    from google.protobuf.json_format import MessageToDict

    as_dict = partial(
        MessageToDict,
        preserving_proto_field_name=True,
        always_print_fields_with_no_presence=True,
    )
    asked = _asked(match)
    if not match["metadata"]:
        return _pretty(as_dict(service.models.status(asked.model, asked.version, asked.label)))
    version = service.models.find(asked.model).find(asked.version, asked.label)
    spec = {"name": asked.model, "signature_name": "", "version": str(version.number)}
    definitions = as_dict(version.servable.definition_map())
    return _pretty({"model_spec": spec, "metadata": {"signature_def": definitions}})


def _asked(match: re.Match) -> Asked:
    version = None if match["version"] is None else int(match["version"])
    if version is not None and version >= 2**63:
        raise invalid(f"Failed to convert version: {match['version']} to numeric.")
    label = None if match["label"] is None else unquote(match["label"])
    return Asked(unquote(match["model"]), version, label)


async def _body(request: Request) -> bytes:
    size, chunks = 0, []
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BODY:
            chunks.append(chunk)
        else:
            chunks.clear()
            if size > _READ_AT_MOST:
                break
    if size > MAX_BODY:
        message = f"The body has more than {MAX_BODY // 2**20} MiB; send fewer rows at a time"
        raise Refused("INVALID_ARGUMENT", message, http=413)
    return b"".join(chunks)


async def _aside(parse: Any, body: bytes) -> Any:
    return parse(body) if len(body) < _LARGE else await asyncio.to_thread(parse, body)


def _malformed(request: Request) -> str:
    return f"Malformed request: {request.method} {request.url.path}"


def _error(refusal: Refused) -> Response:
    headers = {"Retry-After": "1"} if refusal.http == 503 else None
    body = json.dumps({"error": str(refusal)})
    return Response(body, refusal.http, headers, "application/json")


def _pretty(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode()
