"""Benefit and cost of mitigation: several methods, compared on data not used for fitting."""

from __future__ import annotations

import html
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import checks, style
from helpers.fairness.audits import Audit, audit, with_interval
from helpers.fairness.counts import (
    confusion,
    difference,
    draw_counts,
    draw_weighted,
    quantiles,
    rate,
)
from helpers.fairness.inputs import Groups, binary, frame_of, same_order, weights
from helpers.fairness.metrics import OF_DECISIONS, bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_METHODS = (
    "unmitigated",
    "attribute dropped",
    "reweighing",
    "correlation remover",
    "exponentiated gradient (demographic parity)",
    "exponentiated gradient (equalized odds)",
    "threshold optimizer (demographic parity)",
    "threshold optimizer (equalized odds)",
)
_BY_LOT = ("exponentiated gradient", "threshold optimizer")
_TRAITS = ("needs attribute", "by lot")
_PERFORMANCES = ("accuracy", "balanced_accuracy")
_DISPARITIES = ("demographic_parity_difference", "equalized_odds_difference")


@dataclass(frozen=True, repr=False)
class MitigationComparison:
    """Result of :func:`compare_mitigations`; :meth:`to_frame` has its numbers.

    Attributes
    ----------
    audits : dict of str to Audit
        The audit of each method that did not fail.
    decisions : dict of str to numpy.ndarray
        Each method's decisions for the test rows.
    performance : str
        The measure of performance that methods with a choice were fitted for.
    confidence : float
        Nominal coverage of the intervals.
    n : int
        Test rows.
    """

    audits: dict[str, Audit]
    decisions: dict[str, np.ndarray]
    performance: str
    confidence: float
    n: int
    _frame: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers of each method.

        Returns
        -------
        pandas.DataFrame
            One row for each method: ``(measure, value)``, ``(measure, low)``, ``(measure, high)``
            for accuracy, balanced accuracy, demographic parity difference and equalized odds
            difference; ``needs attribute`` (at decision time), ``by lot`` (equal people may get
            different decisions), ``seconds`` and ``error``.
        """
        return self._frame.copy()

    def text(self) -> pd.DataFrame:
        """Return :meth:`to_frame` as text: value [low, high]."""
        frame = self._frame
        measures = (*_PERFORMANCES, *_DISPARITIES)
        columns = {measure: with_interval(frame[measure]) for measure in measures}
        text = pd.DataFrame(columns, index=frame.index)
        text[list(_TRAITS)] = frame[list(_TRAITS)]
        if frame["error"].any():
            text["error"] = frame["error"]
        return text

    def _title(self) -> str:
        return (
            f"Comparison of {len(self._frame)} methods on {self.n:,} rows not used for fitting; "
            f"{self.confidence:.0%} intervals"
        )

    def __repr__(self) -> str:
        return f"{self._title()}\n\n{self.text().to_string(max_colwidth=60)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self._title())}</p>{self.text().to_html()}"

    def plot(
        self,
        disparity: str = "demographic_parity_difference",
        performance: str | None = None,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw performance against disparity, with intervals; up and to the left is better.

        Parameters
        ----------
        disparity : str, default "demographic_parity_difference"
            Or ``"equalized_odds_difference"``.
        performance : str, optional
            ``"accuracy"`` or ``"balanced_accuracy"``; by default that of the comparison.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; new ones by default.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If a measure is not one of those named.
        """
        performance = self.performance if performance is None else performance
        checks.one_of("disparity", disparity, _DISPARITIES)
        checks.one_of("performance", performance, _PERFORMANCES)
        ax = style.axes(ax, 9, 4.2)
        shown = self._frame[self._frame["error"] == ""]
        markers = "osD^vP*X<>"
        for i, (name, row) in enumerate(shown.iterrows()):
            colour = style.PALETTE[i % len(style.PALETTE)]
            x, y = row[disparity], row[performance]
            ax.hlines(y["value"], x["low"], x["high"], color=colour, lw=1.2, alpha=0.6)
            ax.vlines(x["value"], y["low"], y["high"], color=colour, lw=1.2, alpha=0.6)
            needs = row[("needs attribute", "")] == "yes"
            label = f"{name}*" if needs else str(name)
            marker = markers[i % len(markers)]
            ax.plot(x["value"], y["value"], marker, color=colour, ms=8, ls="", label=label)
        ax.set(
            xlabel=disparity.replace("_", " "),
            ylabel=performance.replace("_", " "),
            title=f"on {self.n:,} rows not used for fitting, {self.confidence:.0%} intervals",
        )
        ax.set_xlim(left=min(0, ax.get_xlim()[0]))
        ax.legend(
            loc="center left", bbox_to_anchor=(1, 0.5), title="* needs the attribute to decide"
        )
        return ax


def compare_mitigations(
    estimator: Any,
    X: pd.DataFrame,
    y: Any,
    *,
    sensitive_features: Any,
    X_test: pd.DataFrame,
    y_test: Any,
    sensitive_features_test: Any = None,
    methods: Iterable[str] | Mapping[str, Callable[..., Callable]] | None = None,
    performance: str = "balanced_accuracy",
    confidence: float = 0.95,
    resamples: int = 1_000,
    seed: int = 0,
    progress: bool = True,
    most_groups: int | None = None,
    sample_weight_test: Any = None,
) -> MitigationComparison:
    """Fit a model with several mitigations; compare performance and disparity on other data.

    Parameters
    ----------
    estimator : scikit-learn classifier or pipeline
        Each method fits a clone of it. Methods that weigh rows need ``sample_weight`` in its fit.
    X : pandas.DataFrame of shape (n, columns)
        Features for fitting.
    y : array-like of shape (n,)
        Labels, 0 or 1.
    sensitive_features : str, list of str, or array-like of n rows
        Columns of ``X``, or values: then the attribute is not taken to be a feature, unless its
        name (of a Series, or in a DataFrame) is that of a column of ``X``. Several columns give
        their intersections.
    X_test, y_test : as ``X`` and ``y``
        Data not used for fitting; every number of the result comes from them.
    sensitive_features_test : array-like of len(X_test), optional
        Needed if ``sensitive_features`` holds values.
    methods : iterable of str, or mapping of str to callable, optional
        Names, by default all that apply: ``"unmitigated"``; ``"attribute dropped"``;
        ``"reweighing"`` (Kamiran & Calders 2012: weights that make group and label independent);
        ``"correlation remover"``; ``"exponentiated gradient (demographic parity)"`` and
        ``"... (equalized odds)"`` (Agarwal et al. 2018); ``"threshold optimizer (demographic
        parity)"`` and ``"... (equalized odds)"`` (Hardt et al. 2016). Or your own:
        ``f(estimator, X, y, group)`` that fits and returns ``decide(X, group)``.
    performance : str, default "balanced_accuracy"
        What the threshold optimizer maximises; or ``"accuracy"``.
    confidence, resamples, seed : as in :func:`audit`
        ``seed`` is used by methods with randomised decisions too.
    progress : bool, default True
        Show a progress bar, which disappears at the end.
    most_groups : as in :func:`audit`
    sample_weight_test : array-like of len(X_test), optional
        Weights of the test rows, with which everything is measured; fitting does not see them.

    Returns
    -------
    MitigationComparison
        A method that failed is a row with its ``error``.

    Raises
    ------
    ValueError
        If lengths differ, labels are not both 0 and 1, test groups were not seen in fitting, or
        a method is unknown.

    Notes
    -----
    'Dropped' replaces the attribute by a constant, so that pipelines that name the column still
    work: a constant tells a model nothing.

    The exponentiated gradient decides by a model that it draws for each row from several, the
    threshold optimizer by a threshold that it may draw: two people with the same data can get
    different decisions, and the same person another one the next day. Here ``seed`` draws them.
    """
    from sklearn.base import clone

    checks.one_of("performance", performance, _PERFORMANCES)
    for name, features in (("X", X), ("X_test", X_test)):
        if not isinstance(features, pd.DataFrame):
            raise ValueError(f"{name} is a {type(features).__name__}; expected a DataFrame")
    columns, at_fit, at_test = _attribute(sensitive_features, sensitive_features_test, X, X_test)
    truth = {"y": binary(y, "y", len(X)), "y_test": binary(y_test, "y_test", len(X_test))}
    for name, labels in truth.items():
        if len(np.unique(labels)) < 2:
            raise ValueError(f"{name} holds only {labels[0]}; expected both 0 and 1")
    same_order(X=X, y=y, sensitive_features=sensitive_features)
    same_order(
        X_test=X_test,
        y_test=y_test,
        sensitive_features_test=sensitive_features_test,
        sample_weight_test=sample_weight_test,
    )
    weight = weights(sample_weight_test, "sample_weight_test", len(X_test))
    fit_groups, test_groups = _labelled(at_fit, len(X), at_test, len(X_test), most_groups)
    unseen = sorted(set(test_groups) - set(fit_groups))
    if unseen:
        raise ValueError(
            f"sensitive_features_test has {unseen}, which fitting never saw; merge or drop them"
        )
    chosen = _chosen(methods, columns)
    rows, audits, decisions = {}, {}, {}
    context = _Context(columns, performance, seed)
    for name, method in bar(chosen.items(), None if progress else 0):
        start = time.perf_counter()
        row = {("error", ""): ""}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if isinstance(method, str):
                    decide = context.fit(method, clone(estimator), X, truth["y"], fit_groups)
                else:
                    decide = method(clone(estimator), X, truth["y"], fit_groups)
                decided = binary(decide(X_test, test_groups), "decisions", len(X_test))
            decisions[name] = decided
            audits[name] = audit(
                truth["y_test"],
                decided,
                sensitive_features=at_test,
                metrics=[*OF_DECISIONS, *_PERFORMANCES],
                confidence=confidence,
                resamples=resamples,
                seed=seed,
                most_groups=most_groups,
                sample_weight=weight,
            )
            row |= _measures(
                truth["y_test"], decided, test_groups, confidence, resamples, seed, weight
            )
        except Exception as error:  # one method that fails must not lose the others
            row["error", ""] = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        row["needs attribute", ""] = context.needs(method)
        lots = "yes" if str(method).startswith(_BY_LOT) else "no"
        row["by lot", ""] = lots if isinstance(method, str) else "unknown"
        row["seconds", ""] = time.perf_counter() - start
        rows[name] = row
    measured = [(m, k) for m in (*_PERFORMANCES, *_DISPARITIES) for k in ("value", "low", "high")]
    order = [*measured, *((trait, "") for trait in _TRAITS), ("seconds", ""), ("error", "")]
    table = pd.DataFrame(
        [[row.get(key, np.nan) for key in order] for row in rows.values()],
        index=pd.Index(rows, name="method"),
        columns=pd.MultiIndex.from_tuples(order),
    )
    return MitigationComparison(audits, decisions, performance, confidence, len(X_test), table)


@dataclass(frozen=True)
class _Context:
    """Settings that the methods share."""

    columns: list[str]  # columns of X that hold the attribute
    performance: str
    seed: int

    def needs(self, method: Any) -> str:
        """Return whether the attribute must be known to decide: yes, no, or unknown."""
        if not isinstance(method, str):
            return "unknown"
        if method.startswith(("threshold optimizer", "correlation remover")):
            return "yes"
        return "yes" if self.columns and method != "attribute dropped" else "no"

    def fit(
        self, method: str, model: Any, X: pd.DataFrame, y: np.ndarray, group: np.ndarray
    ) -> Callable[[pd.DataFrame, np.ndarray], np.ndarray]:
        kind, _, constraint = method.partition(" (")
        constraint = constraint.removesuffix(")")
        match kind:
            case "unmitigated":
                model.fit(X, y)
            case "attribute dropped":
                same = self.without(X)
                model.fit(same(X), y)
                return lambda X, group: model.predict(same(X))
            case "reweighing":
                model.fit(X, y, **{_weight_name(model): reweighing(y, group)})
            case "correlation remover":
                return self.correlation_remover(model, X, y, group)
            case "exponentiated gradient":
                return self.exponentiated_gradient(constraint, model, X, y, group)
            case "threshold optimizer":
                return self.threshold_optimizer(constraint, model, X, y, group)
        return lambda X, group: model.predict(X)

    def without(self, X: pd.DataFrame) -> Callable[[pd.DataFrame], pd.DataFrame]:
        """Return a function that fills the attribute's columns with their most frequent value."""
        constant = {name: X[name].mode().iloc[0] for name in self.columns}

        def same(frame: pd.DataFrame) -> pd.DataFrame:
            filled = {
                name: pd.Series(value, index=frame.index).astype(frame[name].dtype)
                for name, value in constant.items()
            }
            return frame.assign(**filled)

        return same

    def correlation_remover(
        self, model: Any, X: pd.DataFrame, y: np.ndarray, group: np.ndarray
    ) -> Callable:
        """Subtract from the numeric features what the attribute predicts of them, then fit."""
        from fairlearn.preprocessing import CorrelationRemover
        from sklearn.pipeline import Pipeline

        same = self.without(X)
        if isinstance(model, Pipeline) and len(model) > 1:
            last, encode = model[-1], model[:-1].fit(same(X), y).transform
        else:
            last = model
            columns = pd.get_dummies(X.drop(columns=self.columns), dtype=float).columns

            def encode(frame: pd.DataFrame) -> pd.DataFrame:
                wide = pd.get_dummies(frame.drop(columns=self.columns), dtype=float)
                return wide.reindex(columns=columns, fill_value=0.0)

        known = np.unique(group)[1:]  # the first group is the baseline

        def matrix(frame: pd.DataFrame, group: np.ndarray) -> np.ndarray:
            features = encode(same(frame))
            dense = features.toarray() if hasattr(features, "toarray") else np.asarray(features)
            return np.hstack([dense.astype(float), group[:, None] == known])

        full = matrix(X, group)
        ids = list(range(full.shape[1] - len(known), full.shape[1]))
        remover = CorrelationRemover(sensitive_feature_ids=ids).fit(full)
        last.fit(remover.transform(full), y)
        return lambda X, group: last.predict(remover.transform(matrix(X, group)))

    def exponentiated_gradient(
        self, constraint: str, model: Any, X: pd.DataFrame, y: np.ndarray, group: np.ndarray
    ) -> Callable:
        from fairlearn import reductions

        moment = getattr(reductions, constraint.title().replace(" ", ""))  # DemographicParity, ...
        fitted = reductions.ExponentiatedGradient(
            model, constraints=moment(), sample_weight_name=_weight_name(model)
        )
        fitted.fit(X, y, sensitive_features=group)
        return lambda X, group: fitted.predict(X, random_state=self.seed)

    def threshold_optimizer(
        self, constraint: str, model: Any, X: pd.DataFrame, y: np.ndarray, group: np.ndarray
    ) -> Callable:
        from fairlearn.postprocessing import ThresholdOptimizer

        fitted = ThresholdOptimizer(
            estimator=model,
            constraints=constraint.replace(" ", "_"),
            objective=f"{self.performance}_score",
            predict_method="auto",
        )
        fitted.fit(X, y, sensitive_features=group)
        return lambda X, group: fitted.predict(X, sensitive_features=group, random_state=self.seed)


def reweighing(y: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Return weights of the rows that make group and label independent.

    Parameters
    ----------
    y : numpy.ndarray of shape (n,)
        Labels.
    group : numpy.ndarray of shape (n,)
        Groups.

    Returns
    -------
    numpy.ndarray of shape (n,)
        P(group) P(label) / P(group and label): above 1 where a label is rarer than expected.
        Source: Kamiran & Calders (2012), "Data preprocessing techniques for classification without
        discrimination".

    Examples
    --------
    >>> reweighing(np.array([1, 0, 0, 0]), np.array(["a", "a", "b", "b"])).tolist()
    [0.5, 1.5, 0.75, 0.75]
    """
    same_order(y=y, group=group)
    frame = pd.DataFrame({"y": np.asarray(y), "group": np.asarray(group)})
    of_group, of_label, both = (
        frame.groupby(by, dropna=False)["y"].transform("size")
        for by in ("group", "y", ["group", "y"])
    )
    return (of_group * of_label / both / len(frame)).to_numpy()


def _measures(
    y: np.ndarray,
    decided: np.ndarray,
    group: np.ndarray,
    confidence: float,
    resamples: int,
    seed: int,
    weight: np.ndarray | None,
) -> dict[tuple[str, str], float]:
    """Return performance and disparity with intervals, all from the same resampled counts."""
    names, code = np.unique(group, return_inverse=True)
    rows, rng = (y, decided, code, len(names)), np.random.default_rng(seed)
    counts = confusion(*rows, weight)
    if weight is None:
        drawn = draw_counts(counts, resamples, rng)
    else:
        drawn = draw_weighted(rows, weight, resamples, rng)
    measures = {}
    for kind, at in (("value", counts[None]), ("drawn", drawn)):
        by_group = np.stack(
            [rate(f"{name}_rate", at) for name in ("selection", "true_positive", "false_positive")],
            axis=-1,
        )
        gaps = difference(by_group)
        measures[kind] = {name: rate(name, at.sum(axis=-2)) for name in _PERFORMANCES}
        measures[kind]["demographic_parity_difference"] = gaps[:, 0]
        measures[kind]["equalized_odds_difference"] = gaps[:, 1:].max(axis=1)
    row = {}
    for name, value in measures["value"].items():
        low, high = quantiles(measures["drawn"][name], (1 - confidence) / 2)
        row |= {(name, "value"): float(value[0]), (name, "low"): low, (name, "high"): high}
    return row


def _attribute(
    sensitive: Any, sensitive_test: Any, X: pd.DataFrame, X_test: pd.DataFrame
) -> tuple[list[str], pd.DataFrame, pd.DataFrame]:
    """Return the attribute's columns in X, and its values for fitting and for testing."""
    named = [sensitive] if isinstance(sensitive, str) else sensitive
    if isinstance(named, list) and named and all(isinstance(n, str) for n in named):
        lacking = [n for n in named if n not in X or n not in X_test]
        if not lacking:
            return named, X[named], X_test[named]
        if isinstance(sensitive, str) or len(named) != len(X):
            raise ValueError(
                f"sensitive_features names {lacking}, not in both X and X_test; pass the values "
                "themselves as sensitive_features and sensitive_features_test"
            )
    if sensitive_test is None:
        raise ValueError(
            "sensitive_features holds values; pass those of X_test as sensitive_features_test"
        )
    at_fit = frame_of(sensitive, "sensitive_features")
    at_test = frame_of(sensitive_test, "sensitive_features_test")
    if set(at_fit) == set(at_test):
        at_test = at_test[list(at_fit)]
    elif at_fit.shape[1] != at_test.shape[1] or (
        at_fit.shape[1] > 1 and _names(sensitive) and _names(sensitive_test)
    ):
        raise ValueError(
            f"sensitive_features has the columns {list(at_fit)}, sensitive_features_test "
            f"{list(at_test)}; expected the same"
        )
    at_test.columns = at_fit.columns
    return [n for n in _names(sensitive) if n in X and n in X_test], at_fit, at_test


def _names(values: Any) -> list[Any]:
    """Return the names that values have by themselves."""
    if isinstance(values, pd.Series):
        return [] if values.name is None else [values.name]
    if isinstance(values, pd.DataFrame) and values.columns.equals(pd.RangeIndex(values.shape[1])):
        return []  # pandas gave these
    return list(values) if isinstance(values, pd.DataFrame | Mapping) else []


def _labelled(
    at_fit: pd.DataFrame, n: int, at_test: pd.DataFrame, n_test: int, most: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return each row's group as text, the same for the same values in both."""
    for what, frame, rows in (
        ("sensitive_features", at_fit, n),
        ("sensitive_features_test", at_test, n_test),
    ):
        if len(frame) != rows:
            raise ValueError(f"{what} has {len(frame):,} rows; expected {rows:,}")
    both = pd.concat([at_fit.astype(object), at_test.astype(object)], ignore_index=True)
    groups = Groups.of(both, "sensitive_features", len(both), most)
    of_rows = np.array(groups.labels)[groups.code]
    return of_rows[:n], of_rows[n:]


def _chosen(methods: Any, columns: list[str]) -> dict[str, Any]:
    if methods is None:
        return {m: m for m in _METHODS if columns or m != "attribute dropped"}
    if isinstance(methods, Mapping):
        return dict(methods)
    chosen = [methods] if isinstance(methods, str) else list(methods)
    for name in chosen:
        checks.one_of("methods", name, _METHODS)
        if name == "attribute dropped" and not columns:
            raise ValueError("methods has 'attribute dropped', but X has no such column to drop")
    return {name: name for name in chosen}


def _weight_name(model: Any) -> str:
    """Return the name of fit's weights; a pipeline passes them to its last step."""
    from sklearn.pipeline import Pipeline

    step = f"{model.steps[-1][0]}__" if isinstance(model, Pipeline) else ""
    return f"{step}sample_weight"
