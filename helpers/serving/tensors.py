"""JSON to arrays and back, by the rules of TensorFlow Serving's REST API."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from helpers.serving.errors import invalid

Arrays = dict[str, np.ndarray]


class Spec(NamedTuple):
    """Type and shape of a tensor in a signature; None is an unknown size or rank.

    The shape is what the exporter declared. As in TensorFlow Serving, the graph decides whether it
    can do with another one.
    """

    dtype: np.dtype
    shape: tuple[int | None, ...] | None


def parse(body: bytes) -> dict[str, Any]:
    """Return the JSON object in a request's body."""
    if not body.strip():
        raise invalid("JSON Parse error: The document is empty")
    try:
        document = json.loads(body)
    except RecursionError:
        raise invalid("JSON Parse error: The document is nested too deeply") from None
    except ValueError as error:  # also: not UTF-8, or a number of thousands of digits
        raise invalid(f"JSON Parse error: {error}") from None
    if not isinstance(document, dict):
        raise invalid(f"JSON Value: {_short(document)} Is not object")
    name = document.get("signature_name", "")
    if not isinstance(name, str):
        raise invalid("'signature_name' key must be a string value.")
    return document


def arrays_of(document: Mapping[str, Any], specs: Mapping[str, Spec]) -> Arrays:
    """Return the tensors of a predict request, with ``instances`` (rows) or ``inputs`` (columns).

    A request that does not fit `specs`, the signature's inputs, raises a `RequestError`.
    """
    if ("instances" in document) == ("inputs" in document):
        both = "instances" in document
        raise invalid(
            "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"
            if both
            else "Missing 'inputs' or 'instances' key"
        )
    if "inputs" in document:
        columns = _columns(document["inputs"], specs)
    else:
        columns = _columns_of_rows(document["instances"], specs)
    return {name: _to_array(columns[name], spec, name) for name, spec in specs.items()}


def _columns(value: Any, specs: Mapping[str, Spec]) -> dict[str, Any]:
    if isinstance(value, dict) and not _is_base64(value):
        for name in specs:
            if name not in value:
                raise invalid(f"Missing named input: {name} in 'inputs' object.")
        return value
    if len(specs) > 1:
        raise invalid(
            "inputs is a plain value/list, but expecting an object as multiple input tensors "
            f"required: {', '.join(sorted(specs))}"
        )
    return dict.fromkeys(specs, value)


def _columns_of_rows(rows: Any, specs: Mapping[str, Spec]) -> dict[str, list]:
    if not isinstance(rows, list):
        raise invalid(f"Expecting 'instances' to be a list/array, but got {_short(rows)}")
    if not rows:
        raise invalid("No values in 'instances' array")
    objects = [isinstance(row, dict) and not _is_base64(row) for row in rows]
    if not any(objects):
        if len(specs) > 1:
            raise invalid(
                "instances is a plain list, but expecting list of objects as multiple input "
                f"tensors required: {', '.join(sorted(specs))}"
            )
        return dict.fromkeys(specs, rows)
    for number, (row, is_object) in enumerate(zip(rows, objects, strict=True)):
        if not is_object or row.keys() != specs.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: "
                f"{_short(row)} keys must be equal to: {', '.join(sorted(specs))}"
            )
    return {name: [row[name] for row in rows] for name in specs}


def _to_array(value: Any, spec: Spec, name: str) -> np.ndarray:
    """Return a JSON value as a tensor.

    It works on one level of the nesting at a time, so that the loops run in C: first the shape,
    then the set of types that occur, all of which the tensor's type has to accept.
    """
    shape: list[int] = []
    flat = [value]
    while flat and isinstance(flat[0], list):
        size = len(flat[0])
        if not all(isinstance(part, list) and len(part) == size for part in flat):
            raise invalid(f"Input {name}: lists of unequal size or depth at level {len(shape)}")
        shape.append(size)
        flat = list(chain.from_iterable(flat))
    try:
        return _flat_array(flat, spec.dtype, name).reshape(shape)
    except ValueError as error:  # more dimensions than an array can have
        raise invalid(f"Input {name}: {error}") from None


_TAKES = {"b": {bool}, "i": {int}, "u": {int}, "f": {int, float}, "O": {str, dict}}


def _flat_array(flat: list, dtype: np.dtype, name: str) -> np.ndarray:
    takes = _TAKES.get(dtype.kind)
    if takes is None:
        raise invalid(f"Input {name}: JSON cannot express {dtype}; use gRPC")
    types = set(map(type, flat))
    if not types <= takes:
        wrong = next(part for part in flat if type(part) not in takes)
        expected = "string" if dtype.kind == "O" else dtype.name
        raise invalid(
            f"Input {name}: JSON Value: {_short(wrong)} is not of expected type: {expected}"
        )
    if dtype.kind == "O":
        array = np.empty(len(flat), object)
        array[:] = [_bytes(part, name) for part in flat]
        return array
    if dtype.kind == "f":
        try:
            wide = np.array(flat, np.float64)
        except OverflowError:  # a whole number of hundreds of digits
            raise invalid("JSON Parse error: Number too big to be stored in double.") from None
        with np.errstate(over="ignore"):  # rounded, or infinite, as in TensorFlow Serving
            return wide.astype(dtype)
    limits = None if dtype.kind == "b" else np.iinfo(dtype)
    if limits and flat and not limits.min <= min(flat) <= max(flat) <= limits.max:
        raise invalid(f"Input {name}: a number does not fit {dtype}")
    return np.array(flat, dtype)


def _is_base64(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {"b64"} and isinstance(value["b64"], str)


def _bytes(value: str | dict, name: str) -> bytes:
    try:
        if isinstance(value, str):
            return value.encode()
        if _is_base64(value):
            return base64.b64decode(value["b64"], validate=True)
    except (binascii.Error, UnicodeEncodeError, ValueError):
        pass
    raise invalid(f"Input {name}: JSON Value: {_short(value)} is neither text nor base64 data")


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def answer(outputs: Arrays, by_row: bool) -> bytes:
    """Return the body of the answer to a request with ``instances`` (`by_row`) or ``inputs``.

    Outputs by row that are not one for each row raise a `RequestError`.
    """
    if not by_row:
        values = {name: _to_json(array, name) for name, array in outputs.items()}
        return _dump({"outputs": _alone(values)})
    rows = {array.shape[:1] for array in outputs.values()}
    if len(rows) > 1 or () in rows:
        raise invalid(
            "The outputs do not have one row for each instance: send 'inputs' in place of "
            "'instances'. Shapes: "
            + ", ".join(f"{name} {list(array.shape)}" for name, array in outputs.items())
        )
    columns = {name: _to_json(array, name) for name, array in outputs.items()}
    if len(columns) == 1:
        return _dump({"predictions": _alone(columns)})
    each = zip(*columns.values(), strict=True)
    return _dump({"predictions": [dict(zip(columns, row, strict=True)) for row in each]})


def _alone(values: dict[str, Any]) -> Any:
    return next(iter(values.values())) if len(values) == 1 else values


def _to_json(array: np.ndarray, name: str) -> Any:
    """Return an output tensor as nested lists; if `name` ends in ``_bytes``, of base64 objects."""
    kind = array.dtype.kind
    if kind in "OSU":
        if name.endswith("_bytes"):
            flat = [{"b64": base64.b64encode(part).decode()} for part in array.ravel()]
        else:
            flat = [part.decode(errors="replace") for part in array.ravel()]
        texts = np.empty(array.size, object)
        texts[:] = flat
        return texts.reshape(array.shape).tolist()
    if kind == "c":
        raise invalid(f"Output {name}: JSON cannot express {array.dtype}; use gRPC")
    if kind not in "biu" and array.dtype != np.float64:
        # 0.2 as float32 is 0.2, not the 0.20000000298023224 that it becomes as float64.
        array = array.astype(np.float32).astype("U32").astype(np.float64)
    return array.tolist()


def _dump(document: Mapping[str, Any]) -> bytes:
    """Return JSON in the API's dialect, in which NaN and infinities are tokens."""
    return json.dumps(document).encode()
