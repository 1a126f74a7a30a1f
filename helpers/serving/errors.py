"""The error with which a request is refused, over REST and gRPC alike."""

from __future__ import annotations

# TensorFlow Serving's mapping from its codes to HTTP status codes.
HTTP_STATUS = {
    "OK": 200,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "NOT_FOUND": 404,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}


class RequestError(Exception):
    """A request is refused; `code` is the name of a gRPC status code, `http` the HTTP status."""

    def __init__(self, code: str, message: str, http: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.http = http or HTTP_STATUS.get(code, 500)


def invalid(message: str) -> RequestError:
    """Return the error for a request that is wrong in itself."""
    return RequestError("INVALID_ARGUMENT", message)


def from_tensorflow(error: Exception) -> tuple[str, str] | None:
    """Return code and message of a TensorFlow error, without graph location; None for others."""
    code = getattr(error, "error_code", None)
    if not isinstance(code, int):
        return None
    from tensorflow.core.protobuf import error_codes_pb2

    lines = [line for line in str(getattr(error, "message", "")).splitlines() if line.strip()]
    telling = [line for line in lines if line[0] != "\t" and line != "Graph execution error:"]
    name = error_codes_pb2.Code.Name(code)
    return name, (telling or lines or [name])[0][:500]
