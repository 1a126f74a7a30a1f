"""Comparison of two samples of a table: how far each column moved, and whether by chance."""

from __future__ import annotations

import itertools
import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base import checks, stats, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEAST_ROWS = 30  # fewer are too few for a histogram of ten bins
_LEAST_EXPECTED = 5  # Cochran's rule for chi-squared
_EXACT_ROWS = 200  # up to here the exact Kolmogorov-Smirnov p-value costs next to nothing
_JOINT_ROWS = 5_000  # from each sample, for the classifier
_MOST_VALUES = 250  # of a text column, for the classifier
_DATE = r"\d{4}-\d\d(-\d\d([ T].*)?)?"  # of text
_ID_NAME = re.compile(r"(?i:(^|[\W_])(id|uuid|guid))$|[a-z](Id|ID)$")
_SHOWN = ("verdict", "psi", "psi_by_chance", "js", "test", "p_corrected", "notes")


@dataclass(frozen=True)
class Joint:
    """How well a classifier tells the rows of two samples apart, from all columns together.

    Attributes
    ----------
    auc : float
        Area under the ROC curve on rows that the classifier was not fitted to; 0.5: not at all.
    low, high : float
        Its 95 % interval.
    p : float
        Probability of an area this large by chance.
    rows : int
        Rows used from both samples.
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
    """The result of :func:`compare`. True if anything drifted.

    Attributes
    ----------
    joint : Joint or None
        All features together; None if not asked for or if there are too few rows.
    rows : tuple of int
        Rows of the reference and of the current sample.
    alpha, least : float
        As given to :func:`compare`.
    """

    _table: pd.DataFrame
    joint: Joint | None
    rows: tuple[int, int]
    alpha: float
    least: float

    def to_frame(self) -> pd.DataFrame:
        """Return the numbers: one row for each feature.

        Returns
        -------
        pandas.DataFrame
            ``verdict`` is "drift" (more than chance, and large), "small" (more than chance, but
            small), "none", "too few rows", "constant" or "not compared". Then ``psi``,
            ``psi_by_chance`` (which PSI exceeds in 5 % of samples of an unchanged world), ``js``
            (Jensen-Shannon distance, 0 to 1), ``test``, ``statistic``, ``p``, ``p_corrected``,
            ``missing_reference`` and ``missing_current`` (shares), and ``notes``.
        """
        return self._table.copy()

    @property
    def drifted(self) -> list[str]:
        """Features whose verdict is "drift", the largest PSI first."""
        rows = self._table[self._table["verdict"] == "drift"]
        return list(rows.sort_values("psi", ascending=False).index)

    def __bool__(self) -> bool:
        return bool(self.drifted) or (self.joint is not None and self.joint.p < self.alpha)

    def __repr__(self) -> str:
        return f"{self._summary()}\n{self._text().to_string()}"

    def _repr_html_(self) -> str:
        return f"<p>{self._summary()}</p>{self._text().to_html()}"

    def _summary(self) -> str:
        reference, current = self.rows
        compared = self._table["psi"].notna().sum()
        together = f"; together: {self.joint}" if self.joint else ""
        return (
            f"{current:,} rows against {reference:,}: "
            f"{len(self.drifted)} of {compared} compared features drifted{together}"
        )

    def _text(self) -> pd.DataFrame:
        table = self._table.sort_values("psi", ascending=False, kind="stable")[list(_SHOWN)]
        for name in ("psi", "psi_by_chance", "js"):
            table[name] = table[name].map(lambda value: "" if np.isnan(value) else f"{value:.3f}")
        table["p_corrected"] = table["p_corrected"].map(_p)
        return table.rename(columns={"p_corrected": "p (corrected)"}).rename_axis(None)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the PSI of every feature, beside what chance would give.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; by default new axes.

        Returns
        -------
        matplotlib.axes.Axes
        """
        table = self._table.dropna(subset="psi").sort_values("psi")
        ax = style.axes(ax, height=1.2 + 0.28 * len(table))
        at = np.arange(len(table))
        drifted = table["verdict"] == "drift"
        ax.barh(at, table["psi"], 0.65, color=np.where(drifted, style.RED, style.BLUE))
        ax.plot(table["psi_by_chance"], at, "|", color=style.BLACK, ms=12, mew=2, label="by chance")
        ax.axvline(self.least, color=style.ORANGE, ls="--", label=f"large: {self.least:g}")
        ax.set_yticks(at, [f"{name}: drift" if bad else name for name, bad in drifted.items()])
        if table["psi"].max() > 1:  # as it is for a new value
            ax.set_xscale("symlog", linthresh=1)
        ax.set(xlabel="population stability index (PSI)", xlim=(0, None))
        ax.legend(loc="lower right")
        return ax


def compare(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    *,
    columns: Sequence[str] | None = None,
    categories: Sequence[str] = (),
    identifiers: Sequence[str] = (),
    alpha: float = 0.01,
    least: float = 0.1,
    bins: int = 10,
    joint: bool = True,
    seed: int = 0,
) -> Comparison:
    """Compare two samples of a table, feature by feature and as a whole.

    A feature's verdict is "drift" if chance does not explain the difference (a p-value corrected
    for the number of features by Benjamini and Hochberg's method, below `alpha`) and it is large
    (PSI of `least` or more, and more than chance gives samples of this size). With large samples
    the p-value alone flags differences too small to matter; with small samples the PSI does.

    Numbers with more than `bins` values: Kolmogorov-Smirnov on the numbers present, Fisher's exact
    test on the share of missing values and texts, and twice the smaller p-value. All other columns:
    chi-squared, with missing as a value and values too rare for the test pooled. PSI and the
    Jensen-Shannon distance are computed over the deciles of the reference (`bins`), or over the
    values. A bin that is empty in one sample counts as half a row, or the PSI would be infinite.

    Parameters
    ----------
    reference, current : pandas.DataFrame
        For example the training data and last month.
    columns : sequence of str, optional
        Features; all columns by default. Times and identifiers are not compared: they always
        differ. A column is taken for an identifier if most of its values occur once and they are
        texts, have a name such as ``customer_id``, or are whole numbers that go on counting.
    categories, identifiers : sequence of str, optional
        Columns to take for categories whatever their type, such as codes that are numbers, and
        columns to take for identifiers.
    alpha : float, default 0.01
        Significance level.
    least : float, default 0.1
        PSI from which a difference is large. Rules of thumb: 0.1, look; 0.25, act.
    bins : int, default 10
        Bins for numbers.
    joint : bool, default True
        Whether a classifier also tries to tell the samples apart, which finds what no single column
        shows. It is fitted to one half and tested on the other, both ways; p-value and interval
        allow for what the two ways share. Five-fold cross-validation with the usual formula would
        raise five times as many false alarms as its p-value states.
    seed : int, default 0
        Chooses the halves, and the rows if a sample has more than 5,000.

    Returns
    -------
    Comparison

    Raises
    ------
    TypeError
        If a sample is not a DataFrame.
    ValueError
        If a sample is empty, repeats a column or lacks one that is named, or a setting is wrong.

    References
    ----------
    Siddiqi (2006), "Credit Risk Scorecards" (PSI); Yurdakul and Naranjo (2020),
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

    named = {"columns": columns, "categories": categories, "identifiers": identifiers}
    for name, frame in (("reference", reference), ("current", current)):
        check_sample(name, frame, named)
    if both := set(categories) & set(identifiers):
        raise ValueError(f"categories and identifiers both have {sorted(both)}; name each once")
    alpha = checks.share("alpha", alpha, ends=False)
    if not 0 < least < np.inf:
        raise ValueError(f"least is {least!r}; expected a number above 0")
    bins = checks.whole("bins", bins, 2)

    names = list(dict.fromkeys([*reference, *current] if columns is None else columns))
    reference, current = (
        pd.DataFrame({name: _typed(frame[name], name in categories) for name in frame})
        for frame in (reference, current)
    )
    rows, kept = {}, []
    for name in names:
        reason = "an identifier, as you said" if name in identifiers else ""
        reason = reason or _incomparable(name, reference, current, name in categories)
        if reason:
            rows[name] = {"verdict": "not compared", "notes": reason}
        else:
            kept.append(name)
            rows[name] = _feature(reference[name], current[name], bins)
    numbers = ["psi", "psi_by_chance", "js", "statistic", "p", "p_corrected"]
    numbers += ["missing_reference", "missing_current"]
    empty = {"verdict": "", "test": "", "notes": ""} | dict.fromkeys(numbers, np.nan)
    table = pd.DataFrame([empty | rows[name] for name in names], names)
    tested = table["p"].notna()
    if tested.any():
        table.loc[tested, "p_corrected"] = false_discovery_control(table.loc[tested, "p"])
    large = table["psi"] >= table["psi_by_chance"].clip(lower=least)
    beyond = table["p_corrected"] < alpha
    verdicts = np.select([beyond & large, beyond], ["drift", "small"], "none")
    table["verdict"] = table["verdict"].where(table["verdict"] != "", verdicts)
    table = table[["verdict", *numbers[:3], "test", *numbers[3:], "notes"]]
    sizes = (len(reference), len(current))
    enough = kept and min(sizes) >= _LEAST_ROWS
    together = _joint(reference[kept], current[kept], seed) if joint and enough else None
    return Comparison(table, together, sizes, alpha, float(least))


def check_sample(
    name: str, frame: pd.DataFrame, named: Mapping[str, Sequence[str] | None] | None = None
) -> None:
    """Refuse what is no table, has no rows, repeats a column or lacks one that an argument names.

    Parameters
    ----------
    name : str
        Name of the argument.
    frame : pandas.DataFrame
    named : mapping of str to sequence of str, optional
        Arguments, and the columns that each names.

    Raises
    ------
    TypeError
        If it is not a DataFrame.
    ValueError
        Otherwise.

    Examples
    --------
    >>> check_sample("current", pd.DataFrame({"a": []}))
    Traceback (most recent call last):
    ValueError: current has no rows; expected one or more
    """
    if not isinstance(frame, pd.DataFrame):
        kind = type(frame).__name__
        raise TypeError(f"{name} is a {kind}; expected a DataFrame (series.to_frame() makes one)")
    if not len(frame):
        raise ValueError(f"{name} has no rows; expected one or more")
    twice = list(frame.columns[frame.columns.duplicated()])
    if twice:
        raise ValueError(f"{name} has {twice} more than once; expected each column once")
    for argument, columns in (named or {}).items():
        if isinstance(columns, str):
            raise ValueError(f"{argument} is the text {columns!r}; expected a list: [{columns!r}]")
        lacking = [column for column in columns or () if column not in frame]
        if lacking:
            raise ValueError(f"{name} lacks {lacking}; it has {list(frame)}")


def _typed(column: pd.Series, category: bool) -> pd.Series:
    """Return a column with its Python numbers as numbers, or any column as a category."""
    return column.astype(object) if category else stats.plain_numbers(column)


def _incomparable(name: str, reference: pd.DataFrame, current: pd.DataFrame, category: bool) -> str:
    """Return why a column cannot be compared; "" if it can."""
    if name not in current:
        return "only in the reference"
    if name not in reference:
        return "only in the current sample"
    both = (reference[name], current[name])
    try:
        unique = [column.nunique() for column in both]
    except (TypeError, NotImplementedError):  # from pandas, and from pyarrow
        unique = []
    if not unique or any(map(pd.api.types.is_complex_dtype, both)):
        return "lists or other objects: turn them into numbers or text"
    if category:
        return ""
    kinds = {pd.api.types.infer_dtype(column, skipna=True) for column in both}
    if any(map(pd.api.types.is_timedelta64_dtype, both)) or "timedelta" in kinds:
        return "a duration: turn it into a number"
    times = kinds & {"datetime", "datetime64", "date", "time", "period"}
    if times or any(map(pd.api.types.is_datetime64_any_dtype, both)) or all(map(_is_dates, both)):
        return "a time: always differs"
    if both[0].count() < _LEAST_ROWS or unique[0] <= both[0].count() / 2:
        return ""
    if not _is_number(both[0]) or (_ID_NAME.search(str(name)) and _is_whole(both[0])):
        return "an identifier: most values occur once"
    if all(map(_is_number, both)):
        in_order = both[0].max() < both[1].min() and all(_is_count(x, in_order=True) for x in both)
        if in_order or all(map(_is_count, both)):
            return "an identifier: numbers that go on counting"
    return ""


def _is_dates(column: pd.Series) -> bool:
    """Return whether a column holds dates as text."""
    texts = [] if _is_number(column) else column.dropna().unique()
    return len(texts) > 0 and all(re.fullmatch(_DATE, str(text)) for text in texts)


def _is_whole(column: pd.Series) -> bool:
    values = _numbers(column)
    return bool((np.isnan(values) | (values == np.rint(values))).all())


def _is_count(column: pd.Series, in_order: bool = False) -> bool:
    """Return whether whole numbers occur once each, with few gaps in any order, or in order."""
    if not (_is_number(column) and _is_whole(column) and column.is_unique):
        return False
    few_gaps = column.max() - column.min() < 3 * len(column)
    return column.is_monotonic_increasing if in_order else bool(few_gaps)


def _is_number(column: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(column) and not kinds.is_bool_dtype(column)


def _feature(reference: pd.Series, current: pd.Series, bins: int) -> dict[str, object]:
    """Compare a column: its row of the table."""
    if _is_number(reference):
        both = _same_digits(reference, current)
        codes, labels, continuous = _bin(*both, bins)
    else:
        texts, labels = _text_codes(reference, current)
        codes, continuous = np.split(texts, [len(reference)]), False
    missing = reference.isna().to_numpy(), current.isna().to_numpy()
    labels += ["no number", "missing"]
    cells = [  # until here, a value that is not missing and not a number has the code -1
        np.where(gone, len(labels) - 1, np.where(code < 0, len(labels) - 2, code))
        for code, gone in zip(codes, missing, strict=True)
    ]
    counts = np.column_stack([np.bincount(cell, minlength=len(labels)) for cell in cells])
    present = counts.any(axis=1)
    counts, labels = counts[present], np.array(labels, dtype=object)[present]
    sizes = counts.sum(axis=0)

    notes = []
    if len(counts) == 1:
        row: dict[str, object] = {"verdict": "constant"}
        notes.append(f"always {labels[0]}")
    else:
        row = _test_numbers(*both) if continuous else _test_values(counts)
        if sizes.min() < _LEAST_ROWS:
            row["verdict"] = "too few rows"
            notes.append(f"only {sizes.min()} rows")
        else:
            row |= _distances(counts)
    new = np.flatnonzero(counts[:, 0] == 0)
    for at in new[np.argsort(-counts[new, 1], kind="stable")][:3]:
        unseen = "" if labels[at] == "missing" else "unseen: "
        notes.append(f"{unseen}{labels[at]} ({counts[at, 1] / sizes[1]:.1%})")
    if not _is_number(reference) and _is_number(current) and not missing[1].all():
        notes.append("text became numbers")
    row |= {"missing_reference": missing[0].mean(), "missing_current": missing[1].mean()}
    return row | {"notes": "; ".join(notes)}


def _numbers(column: pd.Series) -> np.ndarray:
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _same_digits(reference: pd.Series, current: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of both samples with the digits that all their types can hold.

    0.1 in 32 bits is another number than 0.1 in 64, also after a conversion: all have the 24 digits
    of 32 bits (or 11 of 16), but large whole numbers keep theirs if both columns have 64 bits.
    """
    dtypes = f"{reference.dtype} {current.dtype}".lower()
    digits = 11 if re.search("float16|halffloat", dtypes) else 24
    narrow = re.search(r"float(16|32|\[)", dtypes) is not None
    values = np.concatenate([_numbers(reference), _numbers(current)])
    mantissa, exponent = np.frexp(values)
    rounded = np.ldexp(np.rint(np.ldexp(mantissa, digits)), exponent - digits)
    rounded = np.where(narrow | (np.abs(values) < 2**digits), rounded, values)
    if len(np.unique(rounded)) < len(np.unique(values)):  # otherwise it tells nothing apart
        values = rounded
    return values[: len(reference)], values[len(reference) :]


def _text_codes(reference: pd.Series, current: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return a number for each value of both samples, read as text (missing: -1), and the texts."""
    codes, values = zip(*map(pd.factorize, (reference, current)), strict=True)
    # Where one sample has texts and the other none, a text such as "1" may be the other's 1 or 1.0.
    one, other = (any(isinstance(value, str) for value in part) for part in values)
    keys = [_key(value, one != other) for value in itertools.chain(*values)]
    numbers, unique = pd.factorize(np.array(keys, dtype=object))
    texts = map(str, itertools.chain(values[1][::-1], values[0][::-1]))
    shown = dict(zip(keys[::-1], texts, strict=True))  # the first way to write a value
    first, second = (np.append(part, -1) for part in np.split(numbers, [len(values[0])]))
    return np.concatenate([first[codes[0]], second[codes[1]]]), [shown[key] for key in unique]


def _key(value: object, parse: bool) -> str:
    """Return a text that is the same for each way to write a value."""
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    if isinstance(value, str):
        if not parse:
            return value
        value = {"true": True, "false": False}.get(value.lower(), value)
        value = int(value) if re.fullmatch(r"[+-]?[0-9]+", str(value)) else value
    if isinstance(value, numbers.Integral):
        return str(int(value))
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)
    return f"{number:.0f}" if number.is_integer() else f"{number:.7g}"


def _bin(
    reference: np.ndarray, current: np.ndarray, bins: int
) -> tuple[list[np.ndarray], list[str], bool]:
    """Put numbers into bins: the reference's values or, if these are many, its quantiles (True)."""
    values = np.unique(reference[~np.isnan(reference)])
    both = (reference, current)
    if len(values) <= bins:
        other = len(values)
        codes = [np.where(np.isin(x, values), np.searchsorted(values, x), other) for x in both]
        labels = [f"{value:g}" for value in values] + ["other values"]
    else:
        inner = np.nanquantile(reference, np.linspace(0, 1, bins + 1)[1:-1])
        edges, times = np.unique(inner, return_counts=True)
        # A value that fills more than one bin gets a bin of its own, apart from what is below it.
        edges = np.union1d(edges, np.nextafter(edges[times > 1], -np.inf))
        codes = [np.searchsorted(edges, x) for x in both]
        texts = [f"{round(edge, 9) + 0:,.4g}" for edge in edges]
        between = [a if a == b else f"{a} to {b}" for a, b in itertools.pairwise(texts)]
        labels = [f"to {texts[0]}", *between, f"above {texts[-1]}"]
    codes = [np.where(np.isnan(x), -1, code) for x, code in zip(both, codes, strict=True)]
    return codes, labels, len(values) > bins


def _distances(counts: np.ndarray) -> dict[str, float]:
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2

    sizes = counts.sum(axis=0)
    first, second = (np.maximum(counts, 0.5) / sizes).T
    return {
        "psi": float(((second - first) * np.log(second / first)).sum()),
        "psi_by_chance": float(chi2.ppf(0.95, len(counts) - 1) * (1 / sizes).sum()),
        "js": float(jensenshannon(*(counts / sizes).T, base=2)),
    }


def _test_numbers(reference: np.ndarray, current: np.ndarray) -> dict[str, object]:
    from scipy.stats import fisher_exact, ks_2samp

    present = [x[~np.isnan(x)] for x in (reference, current)]
    tests, p, statistic = [], [], np.nan
    if min(map(len, present)):
        method = "exact" if max(map(len, present)) <= _EXACT_ROWS else "asymp"
        result = ks_2samp(*present, method=method)
        tests, p, statistic = ["Kolmogorov-Smirnov"], [result.pvalue], float(result.statistic)
    gone = [len(x) - len(y) for x, y in zip((reference, current), present, strict=True)]
    if sum(gone):
        tests.append("Fisher (missing)")
        p.append(fisher_exact([gone, list(map(len, present))]).pvalue)
    p = min(1.0, len(p) * float(min(p)))
    return {"test": ", ".join(tests), "statistic": statistic, "p": p}


def _test_values(counts: np.ndarray) -> dict[str, object]:
    from scipy.stats import chi2_contingency

    sizes = counts.sum(axis=0)
    counts = counts[np.argsort(counts.sum(axis=1), kind="stable")]
    totals = counts.sum(axis=1)
    needed = _LEAST_EXPECTED * sizes.sum() / sizes.min()
    rare = int((totals < needed).sum())
    if rare and totals[:rare].sum() < needed:
        rare += 1  # the next value joins them, so that together they are enough
    if rare:
        counts = np.vstack([counts[:rare].sum(axis=0), counts[rare:]])
    statistic = p = np.nan
    if len(counts) > 1:
        statistic, p, *_ = chi2_contingency(counts, correction=False)
    return {"test": "chi-squared", "statistic": float(statistic), "p": float(p)}


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
    is_current = np.repeat([0, 1], [len(sample) for sample in samples])
    text = np.array([not _is_number(reference[name]) for name in reference])
    X = np.empty((len(is_current), len(text)))
    for i, name in enumerate(reference):
        both = [sample[name] for sample in samples]
        if text[i]:
            codes = _text_codes(*both)[0]
            X[:, i] = np.where(codes < 0, np.nan, np.minimum(codes, _MOST_VALUES - 1))
        else:
            X[:, i] = np.concatenate(_same_digits(*both))
    usable = (~np.isnan(X)).sum(axis=0) >= _LEAST_ROWS
    if not usable.any():
        return None
    X, text = X[:, usable], text[usable]
    classifier = HistGradientBoostingClassifier(
        max_iter=40, max_leaf_nodes=8, categorical_features=text, random_state=seed
    )
    # Each half's classifier is tested on the other half. The two areas depend on each other, so
    # their mean is credited with no less error than a single area.
    halves = StratifiedKFold(2, shuffle=True, random_state=seed)
    areas, errors, z = [], [], []
    with threadpool_limits(1):  # with so few rows, threads would only wait for each other
        for fitted, left_out in halves.split(X, is_current):
            classifier.fit(X[fitted], is_current[fitted])
            scores = classifier.predict_proba(X[left_out])[:, 1]
            label = is_current[left_out]
            area, covariance = stats.auc(label, scores)
            areas.append(area[0])
            errors.append(np.sqrt(covariance[0, 0]))
            ours, theirs = (scores[label == sample] for sample in (1, 0))
            test = mannwhitneyu(ours, theirs, alternative="greater", method="asymptotic")
            z.append(norm.isf(test.pvalue))
    auc = float(np.mean(areas))
    low, high = np.clip(auc + norm.ppf([0.025, 0.975]) * np.mean(errors), 0, 1)
    return Joint(auc, float(low), float(high), float(norm.sf(np.mean(z))), len(X))


def _p(value: float) -> str:
    text = f"{value:.3f}" if value >= 0.0005 else "< 0.001"
    return "" if np.isnan(value) else text
