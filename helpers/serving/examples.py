"""The classify and regress calls: rows travel as ``tf.train.Example`` messages."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.serving.errors import invalid
from helpers.serving.models import Signature
from helpers.serving.tensors import Arrays, Spec, to_array, to_json

_LISTS = {"b": "int64_list", "i": "int64_list", "f": "float_list", "O": "bytes_list"}
_OUTPUTS = {"classify": {"classes", "scores"}, "regress": {"outputs"}}


def serialized(document: dict[str, Any]) -> list[bytes]:
    """Make the serialized examples of a request's JSON.

    Parameters
    ----------
    document : dict
        With ``examples``, a list of objects, and perhaps ``context``, an object whose features
        every example gets.

    Returns
    -------
    list of bytes
    """
    from tensorflow.core.example.example_pb2 import Example

    rows = document.get("examples")
    context = document.get("context", {})
    if not isinstance(rows, list) or not rows:
        raise invalid("Expecting 'examples' to be a list/array with at least one element")
    for row in [*rows, context]:
        if not isinstance(row, dict):
            raise invalid("Example must be JSON object")
    messages = []
    for row in rows:
        example = Example()
        for name, value in {**context, **row}.items():
            try:
                _fill(example.features.feature[name], name, value)
            except UnicodeEncodeError:
                raise invalid("Feature names have to be text") from None
        messages.append(example.SerializeToString())
    return messages


def _fill(feature: Any, name: str, value: Any) -> None:
    values = value if isinstance(value, list) else [value]
    if not values:
        return
    kinds = {type(one) for one in values}
    if kinds <= {bool, int}:
        dtype, values = np.dtype(np.int64), [int(one) for one in values]
    elif kinds == {float}:
        dtype = np.dtype(np.float32)
    elif kinds <= {str, dict}:
        dtype = np.dtype(object)
    else:
        raise invalid(f"Feature: {name} has elements of an unexpected JSON type, or of several")
    array = to_array(values, Spec(dtype, (None,)), name)
    getattr(feature, _LISTS[dtype.kind]).value.extend(array.tolist())


def inputs(signature: Signature, rows: list[bytes], api: str) -> Arrays:
    """Feed serialized examples to a signature that is made for this call."""
    specs = list(signature.inputs.items())
    fits = len(specs) == 1 and specs[0][1].dtype == object and specs[0][1].fits((len(rows),))
    if not fits or not signature.outputs.keys() <= _OUTPUTS[api]:
        raise invalid(
            f"The signature is not for {api}: that takes one string tensor of serialized examples "
            f"and gives {' and '.join(sorted(_OUTPUTS[api]))}. Use predict, or another signature"
        )
    return {specs[0][0]: np.array(rows, object)}


def results(outputs: Arrays, rows: int, api: str) -> list:
    """Tell the outputs as the API does: pairs of label and score, or one value for each row."""
    if any(array.shape[:1] != (rows,) for array in outputs.values()):
        raise invalid("The outputs do not have one row for each example")
    if api == "regress":
        values = outputs["outputs"]
        if values.size != rows:
            raise invalid(f"A regression has one value for each row, not {values.shape}")
        return to_json(values.reshape(rows), "outputs")
    shape = next(iter(outputs.values())).reshape(rows, -1).shape
    if any(array.size != rows * shape[1] for array in outputs.values()):
        raise invalid("classes and scores have different shapes")
    labels = to_json(outputs.get("classes", np.full(shape, b"", object)).reshape(shape), "classes")
    scores = to_json(outputs.get("scores", np.zeros(shape)).reshape(shape), "scores")
    return [
        [list(pair) for pair in zip(*both, strict=True)]
        for both in zip(labels, scores, strict=True)
    ]
