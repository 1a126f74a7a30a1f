"""Kinds of models: the method that explains each, and its output as a function of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_BATCH = 8192  # rows in one call of a Keras model


def output_of(
    model: Any, *, output: str = "auto", target: Any = None
) -> Callable[[Any], np.ndarray]:
    """Return any model's output as a function from rows to n numbers.

    Parameters
    ----------
    model, output, target
        As in :func:`explain`.

    Raises
    ------
    ValueError
        If the model has no such output, or has several and ``target`` is missing.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> model = DummyClassifier().fit([[0], [0], [0], [0]], [0, 1, 1, 1])
    >>> output_of(model)([[0]]).tolist()
    [0.75]
    """
    if output == "auto":
        output = natural_output(model, method_for(model))
    if _is_keras(model):
        return _keras_output(model, output, target)
    if output == "prediction":
        call = model.predict if hasattr(model, "predict") else model
        return lambda rows: np.asarray(call(rows), dtype=float).reshape(len(rows))
    at = class_index(model, target)
    if output == "log-odds" and hasattr(model, "decision_function"):

        def log_odds(rows: Any) -> np.ndarray:
            margins = np.asarray(model.decision_function(rows))
            return margins[:, at] if margins.ndim == 2 else margins if at else -margins

        return log_odds
    if not hasattr(model, "predict_proba"):
        raise ValueError(f"output is {output!r}, but a {type(model).__name__} has no predict_proba")

    def probability(rows: Any) -> np.ndarray:
        values = np.asarray(model.predict_proba(rows))[:, at]
        return _logit(values) if output == "log-odds" else values

    return probability


def method_for(model: Any) -> str:
    """Return the first method that fits the kind of model."""
    if _is_keras(model):
        plain = len(model.inputs) == 1 and str(model.inputs[0].dtype).startswith("float")
        return "gradient" if plain else "permutation"
    last = _last(model)
    names = {base.__name__ for base in type(last).__mro__}
    if hasattr(last, "coef_") and names & {"LinearModel", "LinearClassifierMixin"}:
        return "linear"
    trees = {"BaseForest", "BaseDecisionTree", "BaseGradientBoosting", "BaseHistGradientBoosting"}
    boosters = {"XGBModel", "LGBMModel", "CatBoost"}
    return "tree" if names & (trees | boosters) else "permutation"


def explains(method: str, model: Any, output: str) -> bool:
    """Return whether a method can explain this output of this model."""
    if method == "linear":
        return output != "probability"
    if method == "tree":
        return output != "log-odds" or raw_is_log_odds(_last(model))
    return method == "permutation" or output == natural_output(model, method)


def natural_output(model: Any, method: str) -> str:
    """Return the output that is explained by default."""
    if _is_keras(model):
        activation = getattr(model.layers[-1], "activation", None)
        bounded = getattr(activation, "__name__", "") in ("sigmoid", "softmax")
        return "probability" if bounded else "prediction"
    last = _last(model)
    if not hasattr(last, "predict_proba"):
        return "prediction"
    boosted = method == "tree" and raw_is_log_odds(last)
    return "log-odds" if method == "linear" or boosted else "probability"


def raw_is_log_odds(last: Any) -> bool:
    """Return whether the trees of a model sum to log-odds."""
    boosters = ("XGBClassifier", "LGBMClassifier", "CatBoostClassifier")
    return hasattr(last, "decision_function") or type(last).__name__ in boosters


def split(model: Any) -> tuple[Callable[[Any], np.ndarray], Any]:
    """Return the encoding before the last step, and the last step."""
    before = model[:-1] if hasattr(model, "steps") and len(model) > 1 else None

    def encode(rows: Any) -> np.ndarray:
        encoded = rows if before is None else before.transform(rows)
        return as_numbers(encoded.toarray() if hasattr(encoded, "toarray") else encoded, float)

    return encode, _last(model)


def class_index(model: Any, target: Any) -> int:
    """Return the column of the class that is explained; of two, the second by default."""
    classes = list(getattr(model, "classes_", ()))
    if target is None and len(classes) > 2:
        raise ValueError(f"the model has the classes {classes}; say which: target={classes[0]!r}")
    if target is None:
        return 1
    if target not in classes:
        raise ValueError(f"target is {target!r}; expected one of the classes {classes}")
    return classes.index(target)


def keras_index(model: Any, target: Any) -> int:
    """Return the column of a Keras model's output that is explained."""
    outputs = model.outputs[0].shape[-1]
    if outputs > 1 and target is None:
        raise ValueError(f"the model has {outputs} outputs; say which: target=0 to {outputs - 1}")
    at = 0 if target is None or outputs == 1 else int(target)
    if not 0 <= at < outputs:
        raise ValueError(f"target is {target!r}; expected 0 to {outputs - 1}")
    return at


def as_numbers(rows: Any, dtype: Any = np.float32) -> np.ndarray:
    """Return rows as a numeric array, or refuse them."""
    try:
        return np.asarray(rows, dtype=dtype)
    except (TypeError, ValueError):
        raise ValueError(
            "a column is not numeric, and this method needs numbers; put the encoding into a "
            "pipeline with the model, or use method='permutation'"
        ) from None


def _last(model: Any) -> Any:
    return model.steps[-1][1] if hasattr(model, "steps") else model


def _is_keras(model: Any) -> bool:
    return any(base.__module__.startswith("keras.") for base in type(model).__mro__)


def _keras_output(model: Any, output: str, target: Any) -> Callable[[Any], np.ndarray]:
    at = keras_index(model, target)
    natural = natural_output(model, "gradient")
    if output not in (natural, "log-odds") or (output == "log-odds" and natural == "prediction"):
        raise ValueError(f"output is {output!r}, but this Keras model gives a {natural}")
    import tensorflow as tf

    # one graph takes milliseconds where the model's predict takes tens of them
    graph = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def score(rows: Any) -> np.ndarray:
        starts = range(0, len(rows), _BATCH)
        parts = [np.asarray(graph(_keras_rows(model, rows[i : i + _BATCH]))) for i in starts]
        values = np.concatenate(parts).reshape(len(rows), -1)[:, at].astype(float)
        return _logit(values) if output == "log-odds" else values

    return score


def _keras_rows(model: Any, rows: Any) -> Any:
    """Return rows as a Keras model takes them: a matrix, or a dict of columns by input name."""
    if len(model.inputs) == 1 and not isinstance(rows, dict):
        return as_numbers(rows)
    import tensorflow as tf

    columns = {}
    for tensor in model.inputs:
        column = rows[tensor.name]
        text = str(tensor.dtype) == "string"
        values = column.astype(object).to_numpy() if text else column.to_numpy(np.float32)
        shape = (-1, 1) if len(tensor.shape) > 1 else -1
        columns[tensor.name] = tf.constant(values.reshape(shape))
    return columns


def _logit(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped))
