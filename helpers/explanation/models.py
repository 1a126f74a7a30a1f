"""Kinds of models: the method that explains each, and its output as a function of rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_BATCH = 8192  # rows in one call of a Keras model
_BOOSTERS = {"XGBClassifier", "LGBMClassifier", "CatBoostClassifier"}
# The decision function of these is log(p / (1 - p)) if there are two classes.
_LOGISTIC = {
    "LogisticRegression",
    "SGDClassifier",
    "LinearDiscriminantAnalysis",
    "QuadraticDiscriminantAnalysis",
    "GradientBoostingClassifier",
    "HistGradientBoostingClassifier",
}


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
        if target is not None:
            raise ValueError(
                f"target is {target!r}, but a prediction is not of one class; leave target out, or "
                "ask for output='probability'"
            )
        call = model.predict if hasattr(model, "predict") else model
        return lambda rows: _one_each(call(rows), len(rows))
    at = class_index(model, target)
    margin = hasattr(model, "decision_function")
    if margin and output in ("margin", raw_output(_last(model))):

        def decision(rows: Any) -> np.ndarray:
            margins = np.asarray(model.decision_function(rows))
            return margins[:, at] if margins.ndim == 2 else margins if at else -margins

        return decision
    if output == "margin" or not hasattr(model, "predict_proba"):
        lacks = "decision_function" if output == "margin" else "predict_proba"
        raise ValueError(f"output is {output!r}, but a {type(model).__name__} has no {lacks}")

    def probability(rows: Any) -> np.ndarray:
        values = np.asarray(model.predict_proba(rows))[:, at]
        return _logit(values) if output == "log-odds" else values

    return probability


def method_for(model: Any) -> str:
    """Return the first method that fits the kind of model."""
    if _is_keras(model):
        inputs = getattr(model, "inputs", None) or ()
        plain = len(inputs) == 1 and str(inputs[0].dtype).startswith("float")
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
    if method in ("linear", "tree"):
        raw = raw_output(_last(model))
        return output == raw or (method == "tree" and output == "probability")
    return method == "permutation" or output == natural_output(model, method)


def natural_output(model: Any, method: str) -> str:
    """Return the output that is explained by default."""
    if _is_keras(model):
        return "probability" if _keras_end(model) in ("sigmoid", "softmax") else "prediction"
    last = _last(model)
    if method in ("linear", "tree"):
        return raw_output(last)
    if hasattr(last, "predict_proba"):
        return "probability"
    return "margin" if hasattr(last, "classes_") else "prediction"


def raw_output(last: Any) -> str:
    """Return what a linear model adds up, or the trees of one."""
    if not hasattr(last, "classes_"):
        return "prediction"
    names = {base.__name__ for base in type(last).__mro__}
    two = len(last.classes_) == 2
    if names & _BOOSTERS and two:
        return "log-odds"
    if not hasattr(last, "decision_function"):
        return "probability"
    logistic = names & _LOGISTIC and getattr(last, "loss", "log_loss") == "log_loss"
    return "log-odds" if two and logistic else "margin"


def split(model: Any) -> tuple[Callable[[Any], np.ndarray], Any]:
    """Return the encoding before the last step, and the last step."""
    before = model[:-1] if hasattr(model, "steps") and len(model) > 1 else None

    def encode(rows: Any) -> np.ndarray:
        encoded = rows if before is None else before.transform(rows)
        return as_numbers(encoded.toarray() if hasattr(encoded, "toarray") else encoded, float)

    return encode, _last(model)


def class_index(model: Any, target: Any) -> int:
    """Return the column of the class that is explained; of two, the second by default."""
    classes = getattr(model, "classes_", ())
    if isinstance(classes, list) and classes and np.ndim(classes[0]):
        raise ValueError(
            f"the model has {len(classes)} outputs at once; give a model of one, or a function of "
            "the rows that returns one number each"
        )
    classes = np.asarray(classes).tolist()
    if target is None and len(classes) in (0, 2):
        return 1
    if target is None:
        raise ValueError(f"the model has the classes {classes}; say which: target={classes[0]!r}")
    if target not in classes:
        raise ValueError(f"target is {target!r}; expected one of the classes {classes}")
    return classes.index(target)


def keras_index(model: Any, target: Any) -> tuple[int, int]:
    """Return the column of a Keras model's output that is explained, and -1 if it is turned."""
    if len(getattr(model, "outputs", None) or ()) != 1 or not model.inputs:
        raise ValueError(
            "the Keras model has several outputs, or inputs that are not known; give "
            "keras.Model(model.inputs, model.outputs[0]), or a function of the rows"
        )
    if len(shape := model.outputs[0].shape) > 2:
        raise ValueError(f"the model's output has the shape {shape}; expected (None, outputs)")
    outputs, end = (shape[1] if len(shape) == 2 else 1), _keras_end(model)
    # One sigmoid is the second of two classes; one other number is of no class.
    possible = range({"sigmoid": 2}.get(end, 0) if outputs == 1 else outputs)
    if target is None:
        if outputs > 2 or (outputs == 2 and end != "softmax"):
            raise ValueError(
                f"the model has {outputs} outputs; say which: target=0 to {outputs - 1}"
            )
        target = outputs - 1 if outputs == 2 else 1
    elif isinstance(target, bool) or not hasattr(target, "__index__") or target not in possible:
        expected = f"0 to {len(possible) - 1}" if possible else "none: it has one output, no class"
        raise ValueError(f"target is {target!r}; expected {expected}")
    if outputs == 1:
        return 0, 1 if target else -1
    return operator.index(target), 1


def as_numbers(rows: Any, dtype: Any = np.float32) -> np.ndarray:
    """Return rows as a numeric array, or refuse them."""
    try:
        if isinstance(rows, pd.Series | pd.DataFrame) and rows.isna().to_numpy().any():
            return rows.to_numpy(dtype, na_value=np.nan)
        return np.asarray(rows, dtype=dtype)
    except (TypeError, ValueError):
        raise ValueError(
            "a column is not numeric, and this method needs numbers; put the encoding into a "
            "pipeline with the model, or use method='permutation'"
        ) from None


def _last(model: Any) -> Any:
    return model.steps[-1][1] if hasattr(model, "steps") else model


def _one_each(values: Any, n: int) -> np.ndarray:
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            "the model's prediction is no number; expected one for each row: ask for "
            "output='probability', or give a function"
        ) from None
    if numbers.size != n:
        raise ValueError(
            f"the model returns the shape {numbers.shape} for {n} rows; expected one number for "
            "each: give a function that chooses one"
        )
    return numbers.reshape(n)


def _is_keras(model: Any) -> bool:
    return any(base.__module__.startswith("keras.") for base in type(model).__mro__)


def _keras_end(model: Any) -> str:
    """Return the activation at a Keras model's end, or the kind of its last layer."""
    last = model.layers[-1] if model.layers else None
    return getattr(getattr(last, "activation", None), "__name__", type(last).__name__.lower())


def _keras_output(model: Any, output: str, target: Any) -> Callable[[Any], np.ndarray]:
    at, sign = keras_index(model, target)
    natural = natural_output(model, "gradient")
    if output != natural and (output != "log-odds" or natural == "prediction"):
        raise ValueError(f"output is {output!r}, but this Keras model gives a {natural}")
    import tensorflow as tf

    # one graph takes milliseconds where the model's predict takes tens of them
    graph = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)

    def score(rows: Any) -> np.ndarray:
        starts = range(0, len(rows), _BATCH)
        parts = [np.asarray(graph(_keras_rows(model, rows[i : i + _BATCH]))) for i in starts]
        values = np.concatenate(parts).reshape(len(rows), -1)[:, at].astype(float)
        values = values if sign > 0 else 1 - values
        return _logit(values) if output == "log-odds" else values

    return score


def _keras_rows(model: Any, rows: Any) -> Any:
    """Return rows as a Keras model takes them: a matrix, or a dict of columns by input name."""
    if len(model.inputs) == 1:
        return _keras_input(model.inputs[0], rows, np.shape(rows)[1:])
    columns = {}
    for tensor in model.inputs:
        if tensor.name not in getattr(rows, "columns", ()):
            raise ValueError(
                f"the model's input {tensor.name!r} is no column of X; expected a DataFrame with a "
                "column for each input: give the inputs these names, or give a function of X"
            )
        columns[tensor.name] = _keras_input(tensor, rows[tensor.name], (1,))
    return columns


def _keras_input(tensor: Any, values: Any, given: tuple[int, ...]) -> Any:
    """Return values, a column or all of them, as one input takes them."""
    import tensorflow as tf

    shape = tuple(tensor.shape[1:])
    fits = len(shape) == len(given) and all(
        a in (None, b) for a, b in zip(shape, given, strict=True)
    )
    if not fits and (shape, given) != ((), (1,)):
        raise ValueError(
            f"the model's input {tensor.name!r} takes rows of shape {shape}, X gives {given}; give "
            "a function of X that puts its columns together"
        )
    if str(tensor.dtype) != "string":
        numbers = as_numbers(values, np.dtype(str(tensor.dtype)))
        return tf.constant(numbers.reshape(-1, *(given if shape else ())))
    texts = np.asarray(values, dtype=object)
    if pd.isna(texts).any():
        raise ValueError(
            f"X has missing values for the text input {tensor.name!r}, which takes none; fill them "
            "as for training"
        )
    return tf.constant(texts.reshape(-1, *(given if shape else ())))


def _logit(probability: np.ndarray) -> np.ndarray:
    clipped = np.clip(probability, 1e-7, 1 - 1e-7)
    return np.log(clipped / (1 - clipped))
