"""Metrics by name or function, and the fast way to compute each on resampled rows."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from helpers.base import checks
from helpers.fairness.counts import RATIOS

OF_SCORES = ("mean_score", "roc_auc")
OF_LABELS = ("count", "base_rate")
OF_DECISIONS = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
Metric = str | Callable[..., float]


class Known(NamedTuple):
    """A metric and how to compute it."""

    name: str
    function: Callable[..., float]
    of_scores: bool
    fast: str  # the key of a closed form; "" if the function must be called

    @property
    def formula(self) -> bool:
        """Whether it can be computed from the counts."""
        return self.fast in RATIOS


def resolve(metrics: Any, decisions: bool, scores: bool, weighted: bool) -> list[Known]:
    """Return the requested metrics; refuse those whose input is missing."""
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
        "base_rate": lambda y_true, y_pred: fair.mean_prediction(y_pred, y_true),
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
            checks.one_of("metrics", metric, functions)
            fast, function = metric, functions[metric]
        elif callable(metric):
            fast = next((key for key, known_as in functions.items() if known_as is metric), "")
            function = metric
        else:
            raise ValueError(f"metrics has {metric!r}; expected names or functions")
        of_scores = fast in OF_SCORES or (not fast and _wants_scores(function))
        if fast == "mean_score" and metric is fair.mean_prediction and not scores:
            fast, of_scores = "selection_rate", False  # the mean of decisions
        of_scores = of_scores or (fast in OF_LABELS and not decisions)
        if not (scores if of_scores else decisions):
            lacks = "y_score" if of_scores else "y_pred"
            raise ValueError(f"metrics has {name!r}, which needs {lacks}; give {lacks}")
        if weighted and not fast and "sample_weight" not in inspect.signature(function).parameters:
            raise ValueError(
                f"metrics has {name!r}, a function without the parameter sample_weight; add it, or "
                "leave sample_weight out"
            )
        if name in ("n", "notes") or name in {k.name for k in known}:
            raise ValueError(f"metrics has {name!r} twice, or it is reserved; use another name")
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
    """Return a metric that is NaN where the function warns or raises that it is undefined."""

    def guarded(y_true: Any, y_pred: Any, **weights: Any) -> float:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            try:
                return float(metric.function(y_true, y_pred, **weights))
            except (UserWarning, ValueError, ZeroDivisionError):
                return np.nan

    guarded.__name__ = metric.name
    return guarded


def weighted_mean(y: np.ndarray, values: np.ndarray, code: np.ndarray, groups: int) -> Callable:
    """Return a function from how often each row was drawn to the mean of each group."""

    def mean(times: np.ndarray) -> np.ndarray:
        n = np.bincount(code, times, groups)
        total = np.bincount(code, times * values, groups)
        return np.divide(total, n, out=np.full(groups, np.nan), where=n > 0)

    return mean


def weighted_auc(y: np.ndarray, values: np.ndarray, code: np.ndarray, groups: int) -> Callable:
    """Return a function from how often each row was drawn to the area under each ROC curve.

    Written by hand for speed: one sort serves all groups and resamples. Ties count half.
    """
    order = np.lexsort((values, code))
    y, values, code = y[order], values[order], code[order]
    new = np.ones(len(y), dtype=bool)
    new[1:] = (values[1:] != values[:-1]) | (code[1:] != code[:-1])
    tie = np.cumsum(new) - 1
    owner = code[new]

    def auc(times: np.ndarray) -> np.ndarray:
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

    return auc


def by_calls(
    function: Callable,
    y: np.ndarray,
    values: np.ndarray,
    code: np.ndarray,
    groups: int,
    weight: np.ndarray | None = None,
) -> Callable:
    """Return a function from how often each row was drawn to ``function`` of each group."""
    rows_of = [np.flatnonzero(code == g) for g in range(groups)]

    def metric(times: np.ndarray) -> np.ndarray:
        result = np.full(groups, np.nan)
        for g, rows in enumerate(rows_of):
            drawn = np.repeat(rows, times[rows])
            if len(drawn):
                weights = {} if weight is None else {"sample_weight": weight[drawn]}
                result[g] = function(y[drawn], values[drawn], **weights)
        return result

    return metric


def bar(items: Any, work: int | None) -> Iterable[Any]:
    """Return items under a progress bar if the work is long (``None``: always)."""
    if work is not None and work < 50_000_000:
        return items
    from tqdm.auto import tqdm

    return tqdm(items, leave=False)
