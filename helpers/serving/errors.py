"""The one way a request is refused, over REST and over gRPC alike."""

from __future__ import annotations

# TensorFlow Serving's table of its codes to HTTP's.
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


class Refused(Exception):  # noqa: N818 (it says what happened)
    """A request is not answered; `code` is a gRPC status code's name, `http` that of REST."""

    def __init__(self, code: str, message: str, http: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.http = http or HTTP_STATUS.get(code, 500)


def invalid(message: str) -> Refused:
    """Make the refusal of a request that is wrong in itself."""
    return Refused("INVALID_ARGUMENT", message)


def of_tensorflow(error: Exception) -> tuple[str, str] | None:
    """Give code and message of an error of TensorFlow's own, without where in the graph it arose.

    None for any other error.
    """
    code = getattr(error, "error_code", None)
    if not isinstance(code, int):
        return None
    from tensorflow.core.protobuf import error_codes_pb2

    lines = [line for line in str(getattr(error, "message", "")).splitlines() if line.strip()]
    telling = [line for line in lines if line[0] != "\t" and line != "Graph execution error:"]
    name = error_codes_pb2.Code.Name(code)
    return name, (telling or lines or [name])[0][:500]
