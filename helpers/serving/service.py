"""What a request goes through, whichever protocol it came by."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from helpers.serving.errors import HTTP_STATUS, Refused, of_tensorflow
from helpers.serving.metrics import Metrics
from helpers.serving.models import DEFAULT_SIGNATURE, Models, Signature
from helpers.serving.request_log import RequestLog
from helpers.serving.tensors import Arrays


class Asked(NamedTuple):
    """Which function of which model a request is for."""

    model: str
    version: int | None = None
    label: str | None = None
    signature: str = ""


class Service:
    """Models, metrics and request log of one server process."""

    def __init__(self, models: Models, metrics: Metrics, log: RequestLog | None) -> None:
        self.models = models
        self.metrics = metrics
        self.log = log

    async def run(
        self,
        asked: Asked,
        inputs_of: Callable[[Signature], Arrays],
        api: str,
        entrypoint: str,
    ) -> tuple[int, Arrays]:
        """Answer a request.

        Parameters
        ----------
        asked : Asked
        inputs_of : callable
            Makes the tensors, once the signature is known.
        api : str
            ``"predict"``, ``"classify"`` or ``"regress"``.
        entrypoint : str
            ``"REST"`` or ``"GRPC"``.

        Returns
        -------
        version : int
            Which version answered.
        outputs : dict of numpy.ndarray

        Raises
        ------
        Refused
            If there is no answer, whatever the reason.
        """
        begun = time.perf_counter()
        status = "INTERNAL"
        try:
            found = self.models.find(asked.model).find(asked.version, asked.label)
            with found.lease() as version:
                inputs = inputs_of(version.servable.signature(asked.signature))
                outputs = await version.run(asked.signature, inputs)
            status = "OK"
        except Exception as error:
            refusal = as_refusal(error)
            status = refusal.code
            raise refusal from None
        finally:
            seconds = time.perf_counter() - begun
            known = asked.model if asked.model in self.models.models else ""
            self.metrics.requests[known, status] += 1
            self.metrics.latency.labels(known, api, entrypoint).observe(seconds * 1e6)
        if self.log is not None:
            signature = asked.signature or DEFAULT_SIGNATURE
            about = (asked.model, version.number, signature)
            self.log.offer(about, entrypoint, seconds, inputs, outputs)
        return version.number, outputs


def as_refusal(error: Exception) -> Refused:
    """Make a refusal of any error. What is nobody's mistake but ours is told to the log only."""
    if isinstance(error, Refused):
        return error
    if told := of_tensorflow(error):  # such as an index out of range
        code, message = told
        return Refused(code if code in HTTP_STATUS else "INTERNAL", message)
    traceback.print_exception(error)
    return Refused("INTERNAL", "The server failed; its log says why")
