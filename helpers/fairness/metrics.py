"""Metrics by name or function, and how each is computed on resampled rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from helpers.fairness.counts import RATIOS
from helpers.fairness.inputs import one_of

OF_SCORES = ("mean_score", "roc_auc")
OF_DECISIONS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
Metric = str | Callable[..., float]


class Known(NamedTuple):
    """A metric as it will be computed."""

    name: str
    function: Callable[..., float]
    of_scores: bool
    fast: str  # the key of a closed form, "" where the function must be called

    @property
    def formula(self) -> bool:
        """Whether it is a function of the counts."""
        return self.fast in RATIOS


def resolve(metrics: Any, decisions: bool, scores: bool) -> list[Known]:
    """Turn what was asked for into metrics; refuse those whose input is not there."""
    from fairlearn import metrics as fair
    from sklearn import metrics as sk

    functions = {
        "selection_rate": fair.selection_rate,
        "true_positive_rate": fair.true_positive_rate,
        "false_positive_rate": fair.false_positive_rate,
        "true_negative_rate": fair.true_negative_rate,
        "false_negative_rate": fair.false_negative_rate,
        "precision": sk.precision_score,
        "recall": sk.recall_score,
        "f1": sk.f1_score,
        "accuracy": sk.accuracy_score,
        "balanced_accuracy": sk.balanced_accuracy_score,
        "count": fair.count,
        "mean_score": fair.mean_prediction,
        "roc_auc": sk.roc_auc_score,
    }
    if metrics is None:
        metrics = [*(OF_DECISIONS if decisions else ()), *(OF_SCORES if scores else ())]
    if isinstance(metrics, str) or callable(metrics):
        metrics = [metrics]
    if isinstance(metrics, Mapping):
        asked = list(metrics.items())
    else:
        asked = [(m if isinstance(m, str) else getattr(m, "__name__", repr(m)), m) for m in metrics]
    if not asked:
        raise ValueError("metrics is empty; expected at least one name or function")
    known = []
    for name, metric in asked:
        if isinstance(metric, str):
            one_of(metric, functions, "metrics")
            fast, function = metric, functions[metric]
        elif callable(metric):
            fast = next((key for key, known_as in functions.items() if known_as is metric), "")
            function = metric
        else:
            raise ValueError(f"metrics has {metric!r}; expected names or functions")
        of_scores = fast in OF_SCORES or (not fast and _wants_scores(function))
        if fast == "mean_score" and metric is fair.mean_prediction and not scores:
            fast, of_scores = "selection_rate", False  # the mean of decisions
        if fast == "count" and not decisions:
            of_scores, fast = True, ""
        if not (scores if of_scores else decisions):
            lacks = "y_score" if of_scores else "y_pred"
            raise ValueError(f"metrics has {name!r}, which needs {lacks}; give {lacks}")
        if name in ("n", "notes") or name in {k.name for k in known}:
            raise ValueError(f"metrics has the name {name!r} twice or reserved; name it otherwise")
        known.append(Known(str(name), function, of_scores, fast))
    return known


def _wants_scores(function: Callable[..., float]) -> bool:
    from sklearn.metrics import log_loss

    try:
        second = list(inspect.signature(function).parameters)[1]
    except (TypeError, ValueError, IndexError):
        return False
    return function is log_loss or second.startswith(("y_score", "y_prob"))


def guarded(metric: Known) -> Callable[[Any, Any], float]:
    """Make a metric give NaN where it says, by a warning or an error, that it is undefined."""

    def guarded(y_true: Any, y_pred: Any) -> float:
        if metric.formula:  # its formula says where it is undefined
            return metric.function(y_true, y_pred)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                return float(metric.function(y_true, y_pred))
            except (UserWarning, ValueError, ZeroDivisionError):
                return np.nan

    guarded.__name__ = metric.name
    return guarded


def weighted_mean(y: np.ndarray, values: np.ndarray, code: np.ndarray, groups: int) -> Callable:
    """Make a function from weights of rows to the mean of ``values`` in each group."""

    def of(times: np.ndarray) -> np.ndarray:
        n = np.bincount(code, times, groups)
        total = np.bincount(code, times * values, groups)
        return np.divide(total, n, out=np.full(groups, np.nan), where=n > 0)

    return of


def weighted_auc(y: np.ndarray, values: np.ndarray, code: np.ndarray, groups: int) -> Callable:
    """Area under the ROC curve: the share of pairs in the right order, ties counting half."""
    order = np.lexsort((values, code))
    y, values, code = y[order], values[order], code[order]
    new = np.ones(len(y), dtype=bool)
    new[1:] = (values[1:] != values[:-1]) | (code[1:] != code[:-1])
    tie = np.cumsum(new) - 1
    owner = code[new]

    def of(times: np.ndarray) -> np.ndarray:
        times = times[order]
        positive = np.bincount(tie, times * y, len(owner))
        negative = np.bincount(tie, times * (1 - y), len(owner))
        positives = np.bincount(owner, positive, groups)
        negatives = np.bincount(owner, negative, groups)
        before = np.concatenate([[0], np.cumsum(negatives)[:-1]])
        below = np.cumsum(negative) - negative / 2 - before[owner]
        pairs = positives * negatives
        right = np.bincount(owner, positive * below, groups)
        return np.divide(right, pairs, out=np.full(groups, np.nan), where=pairs > 0)

    return of


def by_calls(
    function: Callable, y: np.ndarray, values: np.ndarray, code: np.ndarray, groups: int
) -> Callable:
    """Make a function from how often each row was drawn to ``function`` of each group."""
    rows_of = [np.flatnonzero(code == g) for g in range(groups)]

    def of(times: np.ndarray) -> np.ndarray:
        found = np.full(groups, np.nan)
        for g, rows in enumerate(rows_of):
            drawn = np.repeat(rows, times[rows])
            if len(drawn):
                found[g] = function(y[drawn], values[drawn])
        return found

    return of


def bar(items: Any, work: int | None) -> Iterable[Any]:
    """Show progress where it takes long (``None``: always); the bar goes away at the end."""
    if work is not None and work < 50_000_000:
        return items
    from tqdm.auto import tqdm

    return tqdm(items, leave=False)
