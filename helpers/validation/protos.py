"""Protocol buffers: check, write and read them; and name what is near to a wrong name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from google.protobuf import text_format

from helpers.base import files


def expect_message(proto: Any, kind: type) -> Any:
    """Return a protocol buffer of the expected kind; raise for anything else."""
    if not isinstance(proto, kind):
        raise TypeError(f"expected a {kind.__name__} as TFDV makes it, got {type(proto).__name__}")
    return proto


def write_text(path: str | Path, proto: Any) -> None:
    """Write a protocol buffer as text, under a temporary name first."""
    files.write(path, text_format.MessageToString(proto))


def read_text(path: str | Path, proto: Any) -> Any:
    """Read what ``write_text`` wrote into a protocol buffer, and return that."""
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), proto)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no {type(proto).__name__} as text: {error}") from None


def nearest(name: str, names: Sequence[str]) -> str:
    """Say which names are near to a wrong one, or else all that there are."""
    near = difflib.get_close_matches(str(name), [str(one) for one in names], n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {list(names) or 'none'}"
