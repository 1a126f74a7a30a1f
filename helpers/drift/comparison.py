"""Two samples of a table: how far each column moved, and whether chance explains it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_ROWS = 30  # below it a histogram of ten bins says nothing
_LEAST_EXPECTED = 5  # Cochran's rule for chi-squared
_EXACT_ROWS = 200  # up to it, the exact Kolmogorov-Smirnov p-value costs next to nothing
_JOINT_ROWS = 5_000  # of each sample, for the classifier
_MOST_VALUES = 250  # of a text column, for the classifier
_SHOWN = ("verdict", "psi", "psi_by_chance", "js", "test", "p_corrected", "notes")


@dataclass(frozen=True)
class Joint:
    """How well a classifier tells the rows of two samples apart, all columns together.

    Attributes
    ----------
    auc : float
        Area under the ROC curve on rows that the classifier was not fitted to; 0.5: not at all.
    low, high : float
        Its 95 % interval.
    p : float
        Probability of so large an area by chance.
    rows : int
        Rows used of both samples together.
    """

    auc: float
    low: float
    high: float
    p: float
    rows: int

    def __repr__(self) -> str:
        return f"AUC {self.auc:.3f} ({self.low:.3f} to {self.high:.3f}), p {_p(self.p)}"


@dataclass(frozen=True, eq=False, repr=False)
class Comparison:
    """What :func:`compare` found. True if anything drifted.

    Attributes
    ----------
    table : pandas.DataFrame
        One row for each feature. ``verdict`` is "drift" (more than chance, and large), "small"
        (more than chance, but small), "none", "too few rows", "constant" or "not compared". Then
        ``psi``, ``psi_by_chance`` (which PSI exceeds in 5 % of samples of an unchanged world),
        ``js`` (Jensen-Shannon distance, 0 to 1), ``test``, ``statistic``, ``p``, ``p_corrected``,
        ``missing_reference`` and ``missing_current`` (shares), and ``notes``.
    joint : Joint or None
        All features together; None if it was not asked for or there are too few rows.
    rows : tuple of int
        Rows of the reference and of the current sample.
    alpha, least : float
        As given to :func:`compare`.
    shares : dict of str to pandas.DataFrame
        For each feature, the shares of both samples in each bin or value.
    """

    table: pd.DataFrame
    joint: Joint | None
    rows: tuple[int, int]
    alpha: float
    least: float
    shares: dict[str, pd.DataFrame]

    @property
    def drifted(self) -> list[str]:
        """Features whose verdict is "drift", the largest PSI first."""
        found = self.table[self.table["verdict"] == "drift"]
        return list(found.sort_values("psi", ascending=False).index)

    def __bool__(self) -> bool:
        return bool(self.drifted) or (self.joint is not None and self.joint.p < self.alpha)

    def __repr__(self) -> str:
        return f"{self._said()}\n{self._shown().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{self._said()}</p>{self._shown().to_html()}"

    def _said(self) -> str:
        reference, current = self.rows
        compared = self.table["psi"].notna().sum()
        text = (
            f"{current:,} rows against {reference:,}: "
            f"{len(self.drifted)} of {compared} compared features drifted"
        )
        return text + (f"; together: {self.joint}" if self.joint else "")

    def _shown(self) -> pd.DataFrame:
        table = self.table.sort_values("psi", ascending=False, kind="stable")[list(_SHOWN)]
        for name in ("psi", "psi_by_chance", "js"):
            table[name] = table[name].map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
        table["p_corrected"] = table["p_corrected"].map(_p)
        return table.rename(columns={"p_corrected": "p (corrected)"}).rename_axis(None)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the PSI of every feature, beside what chance would give.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if it is not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        table = self.table.dropna(subset="psi").sort_values("psi")
        ax = _axes(ax, height=1.2 + 0.28 * len(table))
        at = np.arange(len(table))
        colours = np.where(table["verdict"] == "drift", style.RED, style.BLUE)
        ax.barh(at, table["psi"], 0.65, color=colours)
        ax.plot(table["psi_by_chance"], at, "|", color=style.BLACK, ms=12, mew=2, label="by chance")
        ax.axvline(self.least, color=style.ORANGE, ls="--", label=f"large: {self.least:g}")
        verdicts = [f"{name}: drift" if v == "drift" else name for name, v in _pairs(table)]
        ax.set_yticks(at, verdicts)
        if table["psi"].max() > 1:  # of a new value it is large
            ax.set_xscale("symlog", linthresh=1)
        ax.set(xlabel="population stability index (PSI)", xlim=(0, None))
        ax.legend(loc="lower right")
        return ax

    def plot_feature(self, name: str, ax: Axes | None = None) -> Axes:
        """Draw the shares of one feature's values in both samples.

        Parameters
        ----------
        name : str
            A feature that was compared.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if it is not given.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            If the feature was not compared.
        """
        if name not in self.shares:
            raise ValueError(f"name is {name!r}; the compared features are {list(self.shares)}")
        shares = 100 * self.shares[name]
        ax = _axes(ax, height=1.2 + 0.34 * len(shares))
        at = np.arange(len(shares))
        ax.barh(at - 0.2, shares["reference"], 0.4, color=style.GREY, label="reference")
        ax.barh(at + 0.2, shares["current"], 0.4, color=style.BLUE, label="current")
        ax.set_yticks(at, shares.index)
        ax.invert_yaxis()
        ax.set(xlabel="share of the rows (%)", ylabel=name)
        ax.legend(loc="best")
        return ax


def compare(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    alpha: float = 0.01,
    least: float = 0.1,
    bins: int = 10,
    joint: bool = True,
    seed: int = 0,
) -> Comparison:
    """Compare two samples of a table, feature by feature and as a whole.

    A feature's verdict is "drift" if chance does not explain the difference (a p-value corrected
    for the number of features by Benjamini and Hochberg's method, below `alpha`) and it is large
    (PSI of `least` or more, and more than chance gives samples of this size). Of large samples the
    p-value alone says "drift" to differences that nobody needs to care about; of small ones the
    PSI alone does.

    Numbers with more than `bins` values: Kolmogorov-Smirnov on what is there, Fisher's exact test
    on the share of what is missing or is no number, and twice the lesser p-value. All else:
    chi-squared, where missing is a value, and values too rare for the test are pooled. PSI and the
    Jensen-Shannon distance are computed over the deciles of the reference (`bins`), or over the
    values. A bin that one sample lacks counts as half a row in the PSI, which would be infinite.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        Say, the training data and last month.
    columns : sequence of str, optional
        Features; all columns by default. Times and identifiers are never compared: they always
        differ.
    alpha : float, default 0.01
        Probability below which chance is not believed.
    least : float, default 0.1
        PSI from which a difference is large. Rules of thumb: 0.1, look; 0.25, act.
    bins : int, default 10
        Bins of a number.
    joint : bool, default True
        Whether a classifier tries to tell the samples apart, which finds what no column shows
        alone; fitted to one half and tried on the other, both ways. Its p-value and interval are
        wide enough for what the two ways share; five-fold cross-validation with the usual formula
        would cry wolf five times as often as it says.
    seed : int, default 0
        Chooses the halves, and the rows if there are more than 5,000 in a sample.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If a sample is not a DataFrame.
    ValueError
        If a sample is empty or has a column twice, lacks one of `columns`, or a number is out of
        its range.

    Notes
    -----
    Sources: Siddiqi (2006), "Credit Risk Scorecards" (PSI); Yurdakul and Naranjo (2020),
    "Statistical properties of the population stability index", Journal of Risk Model Validation
    14(4) (what chance gives); Rabanser, Günnemann and Lipton (2019), "Failing Loudly", NeurIPS
    (univariate tests against classifiers); Lopez-Paz and Oquab (2017), "Revisiting classifier
    two-sample tests", ICLR.

    Examples
    --------
    >>> from helpers.world import World, incidents
    >>> before, after = World().applications("2025-01"), World().applications("2026-03")
    >>> compare(before, incidents["monthly income"].apply(after), joint=False).drifted
    ['income']
    """
    from scipy.stats import false_discovery_control

    for name, frame in (("reference", reference), ("current", current)):
        _check_sample(name, frame, columns)
    for name, value, high in (("alpha", alpha, 1), ("least", least, np.inf)):
        if not 0 < value < high:
            raise ValueError(f"{name} is {value!r}; expected a number above 0, below {high}")
    if not isinstance(bins, int | np.integer) or bins < 2:
        raise ValueError(f"bins is {bins!r}; expected a whole number, 2 or more")

    names = list(dict.fromkeys([*reference, *current] if columns is None else columns))
    rows, shares, kept = {}, {}, []
    for name in names:
        why = _incomparable(name, reference, current)
        if why:
            rows[name] = {"verdict": "not compared", "notes": why}
            continue
        kept.append(name)
        rows[name], shares[name] = _feature(reference[name], current[name], int(bins))
    kinds = {"verdict": "", "test": "", "notes": ""}
    numbers = ("psi", "psi_by_chance", "js", "statistic", "p", "missing_reference")
    numbers += ("missing_current",)
    table = pd.DataFrame([kinds | dict.fromkeys(numbers, np.nan) | rows[n] for n in names], names)
    table["p_corrected"] = np.nan
    tested = table["p"].notna()
    if tested.any():
        table.loc[tested, "p_corrected"] = false_discovery_control(table.loc[tested, "p"])
    large = table["psi"] >= table["psi_by_chance"].clip(lower=least)
    beyond = table["p_corrected"] < alpha
    open_ = table["verdict"] == ""
    table.loc[open_, "verdict"] = np.select([beyond & large, beyond], ["drift", "small"], "none")[
        open_
    ]
    order = ["verdict", *numbers[:3], "test", *numbers[3:5], "p_corrected", *numbers[5:], "notes"]
    enough = min(len(reference), len(current)) >= _LEAST_ROWS
    together = _joint(reference[kept], current[kept], seed) if joint and kept and enough else None
    sizes = (len(reference), len(current))
    return Comparison(table[order], together, sizes, float(alpha), float(least), shares)


def _check_sample(name: str, frame: pd.DataFrame, columns: Sequence[str] | None) -> None:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(
            f"{name} is a {type(frame).__name__}; expected a DataFrame; of one column: "
            "series.to_frame()"
        )
    if not len(frame):
        raise ValueError(f"{name} has no rows; expected one or more")
    twice = list(frame.columns[frame.columns.duplicated()])
    if twice:
        raise ValueError(f"{name} has {twice} more than once; expected each column once")
    if isinstance(columns, str):
        raise ValueError(f"columns is the text {columns!r}; expected a list: [{columns!r}]")
    lacking = [one for one in columns or () if one not in frame]
    if lacking:
        raise ValueError(f"{name} lacks {lacking}; it has {list(frame)}")


def _incomparable(name: str, reference: pd.DataFrame, current: pd.DataFrame) -> str:
    """Say why a column cannot be compared; "" if it can."""
    if name not in current:
        return "only in the reference"
    if name not in reference:
        return "only in the current sample"
    both = (reference[name], current[name])
    if any(pd.api.types.is_datetime64_any_dtype(one) for one in both):
        return "a time: always differs"
    if any(pd.api.types.is_timedelta64_dtype(one) for one in both):
        return "a duration: turn it into a number"
    if not _is_number(both[0]):
        rows = both[0].count()
        if rows >= _LEAST_ROWS and both[0].nunique() > rows / 2:
            return "an identifier: most values occur once"
    return ""


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)


def _feature(
    reference: pd.Series, current: pd.Series, bins: int
) -> tuple[dict[str, object], pd.DataFrame]:
    """Compare one column: its row of the table, and the shares behind it."""
    if _is_number(reference):
        numbers = _numbers(reference), _numbers(current)
        codes, labels = _bin(*numbers, bins)
        continuous = len(_values(numbers[0])) > bins
    else:
        found, labels = _text_codes(reference, current)
        codes, continuous = np.split(found, [len(reference)]), False
    missing = reference.isna().to_numpy(), current.isna().to_numpy()
    labels += ["no number", "missing"]
    cells = [  # what is there and no number has the code -1 until here
        np.where(gone, len(labels) - 1, np.where(code < 0, len(labels) - 2, code))
        for code, gone in zip(codes, missing, strict=True)
    ]
    counts = np.column_stack([np.bincount(cell, minlength=len(labels)) for cell in cells])
    there = counts.any(axis=1)
    counts, labels = counts[there], np.array(labels, dtype=object)[there]
    sizes = counts.sum(axis=0)
    shares = counts / sizes

    notes = []
    if len(counts) == 1:
        row: dict[str, object] = {"verdict": "constant"}
        notes.append(f"always {labels[0]}")
    else:
        row = _test_numbers(*numbers) if continuous else _test_values(counts)
        if sizes.min() < _LEAST_ROWS:
            row["verdict"] = "too few rows"
            notes.append(f"only {sizes.min()} rows")
        else:
            row |= _distances(counts)
    new = np.flatnonzero(counts[:, 0] == 0)
    for at in new[np.argsort(-counts[new, 1], kind="stable")][:3]:
        unseen = "" if labels[at] == "missing" else "unseen: "
        notes.append(f"{unseen}{labels[at]} ({shares[at, 1]:.1%})")
    if not _is_number(reference) and _is_number(current) and not missing[1].all():
        notes.append("text became numbers")
    row |= {"missing_reference": missing[0].mean(), "missing_current": missing[1].mean()}
    row["notes"] = "; ".join(notes)
    return row, pd.DataFrame(shares, labels, ["reference", "current"])


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _text_codes(reference: pd.Series, current: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Give each value of both, as text, a number; missing is -1."""
    codes, values = zip(*(pd.factorize(one) for one in (reference, current)), strict=True)
    texts = [str(value) for some in values for value in some]
    same, labels = pd.factorize(np.array(texts, dtype=object))
    ours, theirs = (np.append(one, -1) for one in np.split(same, [len(values[0])]))
    return np.concatenate([ours[codes[0]], theirs[codes[1]]]), list(labels)


def _values(x: np.ndarray) -> np.ndarray:
    return np.unique(x[~np.isnan(x)])


def _bin(
    reference: np.ndarray, current: np.ndarray, bins: int
) -> tuple[list[np.ndarray], list[str]]:
    """Put numbers into bins: the reference's values if they are few, else its quantiles."""
    values = _values(reference)
    both = (reference, current)
    if len(values) <= bins:
        codes = [np.searchsorted(values, x) for x in both]
        known = [np.isin(x, values) for x in both]
        labels = [f"{value:g}" for value in values] + ["other values"]
        codes = [np.where(k, code, len(values)) for k, code in zip(known, codes, strict=True)]
    else:
        inner = np.nanquantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
        edges, times = np.unique(inner, return_counts=True)
        # A value that fills more than one bin is a bin of its own: below it is another.
        edges = np.union1d(edges, np.nextafter(edges[times > 1], -np.inf))
        codes = [np.searchsorted(edges, x) for x in both]
        said = [f"{round(edge, 9) + 0:,.4g}" for edge in edges]
        between = itertools.pairwise(said)
        labels = [f"to {said[0]}", *(a if a == b else f"{a} to {b}" for a, b in between)]
        labels.append(f"above {said[-1]}")
    return [np.where(np.isnan(x), -1, code) for x, code in zip(both, codes, strict=True)], labels


def _distances(counts: np.ndarray) -> dict[str, float]:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2

    sizes = counts.sum(axis=0)
    first, second = (np.maximum(counts, 0.5) / sizes).T
    by_chance = chi2.ppf(0.95, len(counts) - 1) * (1 / sizes).sum()
    return {
        "psi": float(((second - first) * np.log(second / first)).sum()),
        "psi_by_chance": float(by_chance),
        "js": float(jensenshannon(*(counts / sizes).T, base=2)),
    }


def _test_numbers(reference: np.ndarray, current: np.ndarray) -> dict[str, object]:
    from scipy.stats import fisher_exact, ks_2samp

    there = [x[~np.isnan(x)] for x in (reference, current)]
    tests, p, statistic = [], [], np.nan
    if min(map(len, there)):
        method = "exact" if max(map(len, there)) <= _EXACT_ROWS else "asymp"
        result = ks_2samp(*there, method=method)
        tests, p, statistic = ["Kolmogorov-Smirnov"], [result.pvalue], float(result.statistic)
    gone = [len(x) - len(y) for x, y in zip((reference, current), there, strict=True)]
    if sum(gone):
        tests.append("Fisher (missing)")
        p.append(fisher_exact([gone, [len(one) for one in there]]).pvalue)
    return {
        "test": ", ".join(tests),
        "statistic": statistic,
        "p": min(1.0, len(p) * float(min(p))),
    }


def _test_values(counts: np.ndarray) -> dict[str, object]:
    from scipy.stats import chi2_contingency

    sizes = counts.sum(axis=0)
    totals = np.sort(counts.sum(axis=1))
    counts = counts[np.argsort(counts.sum(axis=1), kind="stable")]
    needed = _LEAST_EXPECTED * sizes.sum() / sizes.min()
    rare = int((totals < needed).sum())
    if rare and totals[:rare].sum() < needed:
        rare += 1  # the next one joins them, so that together they are enough
    if rare:
        counts = np.vstack([counts[:rare].sum(axis=0), counts[rare:]])
    result = {"test": "chi-squared", "statistic": np.nan, "p": np.nan}
    if len(counts) > 1:
        found = chi2_contingency(counts, correction=False)
        result |= {"statistic": float(found.statistic), "p": float(found.pvalue)}
    return result


def _joint(reference: pd.DataFrame, current: pd.DataFrame, seed: int) -> Joint | None:
    """Cross-validate a classifier of the sample that a row comes from."""
    from scipy.stats import mannwhitneyu, norm
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import StratifiedKFold
    from threadpoolctl import threadpool_limits

    rng = np.random.default_rng(seed)
    samples = [
        frame.iloc[rng.choice(len(frame), min(len(frame), _JOINT_ROWS), replace=False)]
        for frame in (reference, current)
    ]
    is_current = np.repeat([0, 1], [len(one) for one in samples])
    text = [not _is_number(reference[name]) for name in reference]
    X = np.empty((len(is_current), len(text)))
    for i, name in enumerate(reference):
        both = [one[name] for one in samples]
        if text[i]:
            codes = _text_codes(*both)[0]
            X[:, i] = np.where(codes < 0, np.nan, np.minimum(codes, _MOST_VALUES - 1))
        else:
            X[:, i] = np.concatenate([_numbers(one) for one in both])
    told = np.flatnonzero((~np.isnan(X)).sum(axis=0) >= _LEAST_ROWS)
    if not len(told):
        return None
    X, text = X[:, told], np.array(text)[told]
    classifier = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, categorical_features=text, random_state=seed
    )
    # Each half's classifier is tried on the other half. The two areas depend on each other, more
    # so than those of five folds would let one hope, so both together count as one: no credit.
    halves = StratifiedKFold(2, shuffle=True, random_state=seed)
    aucs, errors, z = [], [], []
    with threadpool_limits(1):  # of so few rows, threads would only wait for each other
        for fitted, left_out in halves.split(X, is_current):
            classifier.fit(X[fitted], is_current[fitted])
            scores = classifier.predict_proba(X[left_out])[:, 1]
            ours, theirs = (scores[is_current[left_out] == one] for one in (1, 0))
            found = mannwhitneyu(ours, theirs, alternative="greater", method="asymptotic")
            aucs.append(found.statistic / len(ours) / len(theirs))
            errors.append(_auc_error(ours, theirs))
            z.append(norm.isf(found.pvalue))
    auc = float(np.mean(aucs))
    low, high = np.clip(auc + norm.ppf([0.025, 0.975]) * np.mean(errors), 0, 1)
    return Joint(auc, float(low), float(high), float(norm.sf(np.mean(z))), len(X))


def _auc_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Give the standard error of an area under the ROC curve (DeLong and others, 1988)."""
    placed = []
    for one, other in ((ours, np.sort(theirs)), (theirs, np.sort(ours))):
        below = np.searchsorted(other, one, "left") + np.searchsorted(other, one, "right")
        placed.append(below / (2 * len(other)))
    return float(np.sqrt(sum(one.var(ddof=1) / len(one) for one in placed)))


def _pairs(table: pd.DataFrame) -> list[tuple[str, str]]:
    return list(table["verdict"].items())


def _p(value: float) -> str:
    if np.isnan(value):
        return ""
    return f"{value:.3f}" if value >= 0.0005 else "< 0.001"


def _axes(ax: Axes | None, height: float) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt

        ax = plt.subplots(figsize=(8, height))[1]
    return ax
