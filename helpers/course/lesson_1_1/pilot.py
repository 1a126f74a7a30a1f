"""Three years of the pilot at the partner's counters: what a plan earns above the rule."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.linear import features, linear

MONTHS, PER_MONTH, BUILD, RUN = 36, 1_800, 600_000, 60_000
BOOK, PARTNER, BOTH = SOURCES = "loan book", "partner", "both"
# The risk above which a metric refuses, as in section 4; None: where a loan brings no profit.
METRICS = {"profit": None, "accuracy": 0.5, "granted": 0.6, "defaults": 0.05}
# After how many months each signal shows that a model loses money. Inputs never do: the customers
# look the same.
SIGNALS = {"inputs": MONTHS, "late instalments": 5, "defaults": 13}


@cache
def _world(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the loan book, the partner's loans, and the applications that are still to come.

    In every second world the partner's customers are of another kind: a single late payment or a
    heavy instalment counts, and the rest of what the book knows counts less and the other way.
    """
    here = world.World(seed)
    book = here.applications(("2025-01", "2025-09"))
    frames = [here.applications(("2026-01", "2026-12"), n=1_000), here.applications("2027-01")]
    for at, frame in enumerate(frames):
        odds = here.log_odds(frame)
        if seed % 2:
            late, heavy = frame["late_payments"] >= 1, world.burden(frame) > 0.2
            odds = -2.5 + 1.5 * late + 1.5 * heavy - 0.3 * (odds - odds.mean())
        chance = np.asarray(1 / (1 + np.exp(-odds)))
        drawn = np.random.default_rng(seed).random(len(frame)) < chance
        frames[at] = frame.assign(chance=chance, defaulted=drawn.astype(int))
    return book, *frames


def _refused(frame: pd.DataFrame) -> np.ndarray:
    return ((frame["late_payments"] >= 2) | (world.burden(frame) > 0.2)).to_numpy()


@cache
def _euro(seed: int, source: str, model: str, rows: int, metric: str) -> tuple[float, float]:
    """Return what a model earns per application above the rule, and the share that it grants."""
    book, partner, coming = _world(seed)
    train = (book if source == BOOK else partner[~_refused(partner)]).head(rows)
    if model == "linear":
        fitted = linear(train)
    else:
        from sklearn.ensemble import HistGradientBoostingClassifier
        from sklearn.pipeline import make_pipeline

        trees = HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=0)
        fitted = make_pipeline(features(), trees).fit(train, train["defaulted"])
    risk = fitted.predict_proba(coming)[:, 1]
    limit = METRICS[metric]
    granted = world.profit(coming, risk) > 0 if limit is None else risk <= limit
    earns = world.profit(coming, coming["chance"].to_numpy())
    return float(np.mean(earns * granted) - np.mean(earns * ~_refused(coming))), float(
        granted.mean()
    )


def outcome(
    seed: int, source: str, model: str, rows: int, launch: float, metric: str, signal: str
) -> tuple[float, float]:
    """Return what a plan comes to in one world.

    Parameters
    ----------
    seed : int
        Of the world; the partner's customers are of another kind where it is odd.
    source : str
        One of ``SOURCES``. With ``"both"`` the model learns from the book, and again from the
        partner's loans when there are ``rows`` of them.
    model : str
        ``"linear"`` or ``"trees"``.
    rows : int
        Labelled rows to learn from.
    launch : float
        Months from today. Until then the rule decides.
    metric : str
        What is optimized, one of ``METRICS``.
    signal : str
        What stops a model that loses money, one of ``SIGNALS``; then the rule decides again.

    Returns
    -------
    (float, float)
        Euro above the rule in 36 months, costs paid, and the share granted by the first model.
    """
    first = PARTNER if source == PARTNER else BOOK
    above, granted = _euro(seed, first, model, rows, metric)
    total, month = -float(BUILD), launch
    if source == BOTH and (again := max(launch, 12 + rows / 1_000)) < MONTHS:
        lasts = again if above >= 0 else min(again, launch + SIGNALS[signal])
        total += (lasts - launch) * (above * PER_MONTH - RUN)
        month, (above, _) = again, _euro(seed, PARTNER, model, rows, metric)
    lasts = MONTHS if above >= 0 else min(MONTHS, month + SIGNALS[signal])
    return total + max(0, lasts - month) * (above * PER_MONTH - RUN), granted
