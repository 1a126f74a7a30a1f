"""Exact Shapley values of the true log-odds: what an explanation ought to find."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from helpers.world.truth import CAUSES, COLUMNS, check_as_made, recession_terms, risk_terms

# Features of the terms of the log-odds that are not named after their only feature. A feature has
# the same position in every tuple, so that one mixed frame serves a coalition of each term.
_TERM_FEATURES = {
    "burden": ("income", "amount", "term_months"),
    "late_payments": ("late_payments", "region"),
    "late and used up": ("late_payments", "region", "utilization"),
    "credit_history": ("credit_history_years",),
}
_MIXED_ROWS = 200_000  # at a time, to keep memory small


def attributions(
    frame: pd.DataFrame, background: pd.DataFrame, *, recession: bool = False
) -> pd.DataFrame:
    """Return the exact Shapley values of the true log-odds.

    A feature outside the coalition takes its value from a row of the background, whatever the other
    features are, and the log-odds are averaged over the background (interventional values). They
    are a sum of terms of one to three features, so only the coalitions of each term's own features
    need enumerating.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications as they were made.
    background : pandas.DataFrame
        Applications to compare with. The cost grows with ``len(frame) * len(background)``.
    recession : bool, default False
        Whether there is a recession, for the frame and the background.

    Returns
    -------
    pandas.DataFrame of shape (len(frame), 13)
        In log-odds, a column for each feature; ``sex`` is always 0. Each row sums to its log-odds
        minus the mean log-odds of the background.

    Raises
    ------
    ValueError
        If one of them has no rows, or values that no application has.

    References
    ----------
    Lundberg and Lee (2017), "A unified approach to interpreting model predictions", NeurIPS;
    Janzing, Minorics and Blöbaum (2020), "Feature relevance quantification in explainable AI: a
    causal problem", AISTATS.

    Examples
    --------
    >>> from helpers.world import World
    >>> frame = World().applications("2025-03", n=50)
    >>> log_odds = World().log_odds(frame)
    >>> values = attributions(frame, frame)
    >>> bool(np.allclose(values.sum(axis=1), log_odds - log_odds.mean()))
    True
    """
    for name, table in (("frame", frame), ("background", background)):
        if not len(table):
            raise ValueError(f"{name} has no rows; expected one application or more")
        check_as_made(table)
    texts = {name: list(values) for name, values in CAUSES.items() if isinstance(values, Mapping)}
    rows, others = (
        table[list(CAUSES)].astype({name: pd.CategoricalDtype(v) for name, v in texts.items()})
        for table in (frame, background)
    )
    step = max(1, _MIXED_ROWS // len(others))
    starts = range(0, len(rows), step)
    parts = [_attributions(rows.iloc[at : at + step], others, recession) for at in starts]
    values = {name: np.concatenate([part[name] for part in parts]) for name in CAUSES}
    values["sex"] = np.zeros(len(rows))
    return pd.DataFrame(values, index=frame.index)[[name for name in COLUMNS if name in values]]


def _attributions(
    rows: pd.DataFrame, background: pd.DataFrame, recession: bool
) -> dict[str, np.ndarray]:
    """Return the values of a few rows: every row meets every row of the background."""
    n, m = len(rows), len(background)
    ours, theirs = np.repeat(np.arange(n), m), np.tile(np.arange(m), n)
    position = dict.fromkeys(CAUSES, 0)
    for names in _TERM_FEATURES.values():
        position |= {name: at for at, name in enumerate(names)}

    # worth[c][term]: mean of the term when the features whose position is in c are the row's own.
    worth = []
    for coalition in range(8):
        own = [name for name in CAUSES if coalition >> position[name] & 1]
        rest = [name for name in CAUSES if name not in own]
        parts = (rows[own].iloc[ours], background[rest].iloc[theirs])
        mixed = pd.concat([part.reset_index(drop=True) for part in parts], axis=1)
        terms = risk_terms(mixed)
        if recession:
            terms |= {f"{name}, recession": v for name, v in recession_terms(mixed).items()}
        worth.append({name: v.reshape(n, m).mean(axis=1) for name, v in terms.items()})

    values = {name: np.zeros(n) for name in CAUSES}
    for term in worth[0]:
        name = term.removesuffix(", recession")
        features = () if name == "base" else _TERM_FEATURES.get(name, (name,))
        bits = [1 << position[feature] for feature in features]
        for feature, bit in zip(features, bits, strict=True):
            others = [other for other in bits if other != bit]
            for size in range(len(bits)):
                weight = factorial(size) * factorial(len(bits) - size - 1) / factorial(len(bits))
                for joined in map(sum, combinations(others, size)):
                    gain = worth[joined | bit][term] - worth[joined][term]
                    values[feature] += weight * gain
    return values
