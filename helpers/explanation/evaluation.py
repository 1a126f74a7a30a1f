"""Quality of an explanation: agreement with a reference, and faithfulness to the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.explanation.models import output_of

if TYPE_CHECKING:
    import shap
    from matplotlib.axes import Axes


@dataclass(frozen=True, repr=False)
class Agreement:
    """How far an explanation agrees with a reference; result of :func:`agreement`.

    Attributes
    ----------
    by_row : pandas.DataFrame
        For each row: ``rank_correlation`` (Spearman's, of the features' attributions, -1 to 1),
        ``top_k_overlap`` (share of the k largest that are the same, 0 to 1), ``sign_agreement``
        (share of the reference's weight with the right direction, 0 to 1).
    by_feature : pandas.DataFrame
        For each feature: mean absolute attribution in explanation and reference, as a share of all
        features', and ``correlation`` (Pearson's) across rows, NaN where either is constant.
    k : int
        Number of top features compared.
    """

    by_row: pd.DataFrame
    by_feature: pd.DataFrame
    k: int

    @property
    def overall(self) -> pd.DataFrame:
        """Means over the rows with 95 % intervals (normal, from the spread of the rows)."""
        mean = self.by_row.mean()
        error = 1.96 * self.by_row.std(ddof=1) / np.sqrt(len(self.by_row))
        return pd.DataFrame({"mean": mean, "low": mean - error, "high": mean + error})

    def __repr__(self) -> str:
        rows = [
            f"  {name.replace('_', ' ')}: {row['mean']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
            for name, row in self.overall.iterrows()
        ]
        title = f"Agreement of {len(self.by_row):,} explanations with a reference (top {self.k}):"
        return "\n".join([title, *rows])

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw each feature's weight in explanation and reference; new axes by default."""
        ax = style.axes(ax, height=3.8)
        table = self.by_feature.sort_values("reference")
        at = np.arange(len(table))
        ax.hlines(at, table["reference"], table["explanation"], color=style.GREY, lw=1)
        ax.plot(table["reference"], at, "o", color=style.BLACK, mfc="white", label="reference")
        ax.plot(table["explanation"], at, "s", color=style.GREEN, label="explanation")
        ax.set_yticks(at, table.index)
        ax.set(xlabel="share of all attribution (mean absolute)", xlim=(0, None))
        ax.legend(loc="lower right")
        return ax


def agreement(explanation: shap.Explanation, truth: Any, *, k: int = 3) -> Agreement:
    """Compare an explanation with a reference, such as attributions that are known to be true.

    Only ranks, top features and signs count, so a probability can be compared with log-odds; the
    direction must be the same (negate one if the model scores the opposite).

    Parameters
    ----------
    explanation : shap.Explanation
        ``values`` of shape (n, features).
    truth : DataFrame or array of shape (n, features), or shap.Explanation
        The reference. A DataFrame is matched by feature name; other features are left out.
    k : int, default 3
        Number of top features to compare.

    Returns
    -------
    Agreement

    Raises
    ------
    ValueError
        If the numbers of rows differ, or there are no common features.

    Examples
    --------
    >>> import shap
    >>> result = shap.Explanation(np.array([[3.0, 1.0, -2.0]]), feature_names=["a", "b", "c"])
    >>> truth = pd.DataFrame({"c": [-9.0], "a": [5.0], "b": [2.0]})
    >>> agreement(result, truth, k=1).by_row.to_dict("records")
    [{'rank_correlation': 1.0, 'top_k_overlap': 0.0, 'sign_agreement': 1.0}]
    """
    from scipy.stats import rankdata

    values = np.asarray(explanation.values, dtype=float)
    if values.ndim != 2:
        raise ValueError(
            f"explanation has values of shape {values.shape}; expected (n, features): keep a row "
            "as explanation[:1]"
        )
    names = list(explanation.feature_names)
    if isinstance(truth, pd.DataFrame):
        common = [name for name in names if name in truth]
        if len(common) < 2:
            raise ValueError(f"truth has {list(truth)}; expected columns named as in {names}")
        values = values[:, [names.index(name) for name in common]]
        names, truth = common, truth[common].to_numpy(dtype=float)
    else:
        truth = np.asarray(getattr(truth, "values", truth), dtype=float)
    if truth.shape != values.shape:
        raise ValueError(f"truth has the shape {truth.shape}; expected {values.shape}")
    if not 1 <= k <= len(names):
        raise ValueError(f"k is {k}; expected 1 to {len(names)}, the number of features")
    ranks = rankdata(values, axis=1), rankdata(truth, axis=1)
    top = [np.argsort(-np.abs(part), axis=1, kind="stable")[:, :k] for part in (values, truth)]
    shared = [len(set(a) & set(b)) / k for a, b in zip(*map(np.ndarray.tolist, top), strict=True)]
    weight = np.abs(truth)
    right = (weight * (np.sign(values) == np.sign(truth))).sum(axis=1)
    total = weight.sum(axis=1)
    by_row = {
        "rank_correlation": _correlation(*ranks, axis=1),
        "top_k_overlap": shared,
        "sign_agreement": np.divide(right, total, out=np.ones_like(right), where=total > 0),
    }
    means = [np.abs(part).mean(axis=0) for part in (values, truth)]
    shares = [mean / max(mean.sum(), 1e-300) for mean in means]
    by_feature = pd.DataFrame(
        {
            "explanation": shares[0],
            "reference": shares[1],
            "correlation": _correlation(values, truth, axis=0),
        },
        index=pd.Index(names, name="feature"),
    )
    return Agreement(pd.DataFrame(by_row), by_feature.sort_values("reference", ascending=False), k)


@dataclass(frozen=True, repr=False)
class Faithfulness:
    """The model's output as features are hidden in an explanation's order.

    Attributes
    ----------
    curves : pandas.DataFrame
        Index: the number of features changed, from 0 to all. Columns: ``deletion`` (distance of the
        output from the original, with the largest attributions hidden first), ``insertion``
        (the same with only the largest attributions shown), and both in random order. Means over
        the rows, as shares of the distance when all are hidden.
    n : int
        Rows.
    """

    curves: pd.DataFrame = field(repr=False)
    n: int

    @property
    def areas(self) -> pd.Series:
        """Mean height of each curve: high is good for deletion, low for insertion."""
        return self.curves.mean()

    def __repr__(self) -> str:
        areas = ", ".join(f"{name} {area:.2f}" for name, area in self.areas.items())
        return f"Faithfulness over {self.n:,} rows, mean height of the curves: {areas}"

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the curves; new axes by default."""
        ax = style.axes(ax, height=3.8)
        looks = {
            # Not red and blue: in SHAP's plots they say up and down.
            "deletion": {"color": style.ORANGE, "marker": "o"},
            "insertion": {"color": style.GREEN, "marker": "s"},
            "deletion, random order": {"color": style.ORANGE, "ls": ":"},
            "insertion, random order": {"color": style.GREEN, "ls": ":"},
        }
        for name, curve in self.curves.items():
            ax.plot(curve, label=name, ms=4, **looks[name])
        ax.set(
            xlabel="features hidden (deletion) or shown (insertion)",
            ylabel="distance from the model's output",
        )
        ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        return ax


def faithfulness(
    model: Any,
    explanation: shap.Explanation,
    X: pd.DataFrame,
    background: pd.DataFrame,
    *,
    draws: int = 20,
    target: Any = None,
    seed: int = 0,
) -> Faithfulness:
    """Measure, without a reference, whether the model behaves as the explanation says.

    Hiding the features with the largest attributions should move the output at once; showing only
    these should restore it.

    Parameters
    ----------
    model, target
        As in :func:`helpers.explanation.explain`.
    explanation : shap.Explanation
        Explanation of the rows of ``X``.
    X, background : pandas.DataFrame
        The rows, and rows from which hidden features take their values.
    draws : int, default 20
        Background rows for each row.
    seed : int, default 0
        Seed of the background rows and the random order.

    Returns
    -------
    Faithfulness

    Raises
    ------
    ValueError
        If the explanation has other rows or columns.

    References
    ----------
    Petsiuk, Das & Saenko (2018), "RISE: Randomized input sampling for explanation of black-box
    models"; Samek et al. (2017), "Evaluating the visualization of what a deep neural network has
    learned".
    """
    values = np.asarray(explanation.values)
    if values.shape != X.shape:
        raise ValueError(
            f"explanation has values of shape {values.shape}, X has {X.shape}; expected the same "
            "rows and columns"
        )
    output = str(explanation.output_names).split(",")[0]
    score = output_of(model, output=output, target=target)
    rng = np.random.default_rng(seed)
    n, features = values.shape
    rows = X.iloc[np.repeat(np.arange(n), draws)].reset_index(drop=True)
    others = background.iloc[rng.integers(0, len(background), n * draws)].reset_index(drop=True)
    own = np.repeat(score(X), draws)
    orders = {
        "": np.argsort(-np.abs(values), axis=1, kind="stable"),
        ", random order": rng.permuted(np.tile(np.arange(features), (n, 1)), axis=1),
    }
    curves = {}
    for which, order in orders.items():
        turn = np.repeat(np.argsort(order, axis=1), draws, axis=0)  # when each feature changes
        for kind in ("deletion", "insertion"):
            curve = []
            for step in range(features + 1):
                hidden = (turn < step) == (kind == "deletion")
                mixed = rows.copy()
                for i, name in enumerate(X.columns):
                    mixed[name] = rows[name].where(~hidden[:, i], others[name])
                moved = (score(mixed) - own).reshape(n, draws).mean(axis=1)
                curve.append(np.abs(moved).mean())
            curves[f"{kind}{which}"] = curve
    table = pd.DataFrame(curves)
    whole = table["deletion"].iloc[-1]
    return Faithfulness(table / (whole if whole > 0 else 1.0), n)


def _correlation(a: np.ndarray, b: np.ndarray, axis: int) -> np.ndarray:
    a = a - a.mean(axis=axis, keepdims=True)
    b = b - b.mean(axis=axis, keepdims=True)
    above = (a * b).sum(axis=axis)
    below = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
    return np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 1e-12)
