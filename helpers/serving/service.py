"""The steps of a request that are the same for both protocols."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable

from helpers.serving.errors import HTTP_STATUS, RequestError, from_tensorflow
from helpers.serving.metrics import Metrics
from helpers.serving.models import Models, Signature
from helpers.serving.request_log import RequestLog
from helpers.serving.target import DEFAULT_SIGNATURE, Target
from helpers.serving.tensors import Arrays


class Service:
    """Models, metrics and request log of a server process."""

    def __init__(self, models: Models, metrics: Metrics, log: RequestLog | None) -> None:
        self.models = models
        self.metrics = metrics
        self.log = log

    async def run(
        self, target: Target, inputs_of: Callable[[Signature], Arrays], entrypoint: str
    ) -> tuple[int, Arrays]:
        """Return the version that answered and its outputs; any failure is a `RequestError`.

        `inputs_of` returns the tensors, once the signature is known; `entrypoint` is "REST" or
        "GRPC".
        """
        begun = time.perf_counter()
        status = "INTERNAL"
        try:
            with self.models.find(target).lease() as version:
                inputs = inputs_of(version.servable.signature(target.signature))
                outputs = await version.run(target.signature, inputs)
            status = "OK"
        except Exception as error:
            refusal = as_request_error(error)
            status = refusal.code
            raise refusal from None
        finally:
            seconds = time.perf_counter() - begun
            known = target.model if target.model in self.models.models else ""
            self.metrics.requests[known, status] += 1
            self.metrics.latency.labels(known, "predict", entrypoint).observe(seconds * 1e6)
        if self.log is not None:
            signature = target.signature or DEFAULT_SIGNATURE
            served_by = (target.model, version.number, signature)
            self.log.offer(served_by, entrypoint, seconds, inputs, outputs)
        return version.number, outputs


def as_request_error(error: Exception) -> RequestError:
    """Return an error for the client; the server's own faults are explained in its log only."""
    if isinstance(error, RequestError):
        return error
    if code_and_message := from_tensorflow(error):  # such as an index out of range
        code, message = code_and_message
        return RequestError(code if code in HTTP_STATUS else "INTERNAL", message)
    traceback.print_exception(error)
    return RequestError("INTERNAL", "The server failed; its log says why")
