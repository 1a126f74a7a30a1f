"""Check, write and read protocol buffers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import text_format

from helpers.base import files


def expect_message(proto: Any, kind: type) -> Any:
    """Return a protocol buffer of the expected type; refuse anything else."""
    if not isinstance(proto, kind):
        raise TypeError(f"expected a {kind.__name__} from TFDV, got a {type(proto).__name__}")
    return proto


def write_text(path: str | Path, proto: Any) -> None:
    """Write a protocol buffer as text, whole or not at all."""
    files.write(path, text_format.MessageToString(proto))


def read_text(path: str | Path, proto: Any) -> Any:
    """Return a protocol buffer filled from a file that ``write_text`` wrote."""
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), proto)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a {type(proto).__name__} as text: {error}") from None
