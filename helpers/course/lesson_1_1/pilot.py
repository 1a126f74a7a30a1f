"""Three years of the pilot at the partner's counters: what a plan earns above the rule."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from helpers import world
from helpers.course.linear import features

MONTHS, PER_MONTH, BUILD, RUN = 36, 1_800, 600_000, 60_000
MODELS = {
    "linear": LogisticRegression(solver="newton-cholesky"),
    "trees": HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, random_state=0),
}
# The risk above which a metric refuses, as in section 4; None: where a loan brings no profit.
METRICS = {"profit": None, "accuracy": 0.5, "granted": 0.6, "defaults": 0.05}
# After how many months each signal shows that a model loses money. Inputs look the same.
SIGNALS = {"inputs": MONTHS, "late instalments": 5, "defaults": 13}


@cache
def _world(seed: int) -> tuple[pd.DataFrame, ...]:
    """Return the loan book, the loans that the rule grants at the partner, and what is to come.

    In every second world the partner's customers are of another kind: a single late payment or a
    heavy instalment counts, and the rest of what the book knows counts less and the other way.
    """
    here = world.World(seed)
    frames = [here.applications(("2026-01", "2026-12"), n=1_000), here.applications("2027-01")]
    for at, frame in enumerate(frames):
        odds, burden, late = here.log_odds(frame), world.burden(frame), frame["late_payments"]
        if seed % 2:
            odds = -2.5 + 1.5 * (late >= 1) + 1.5 * (burden > 0.2) - 0.3 * (odds - odds.mean())
        chance = np.asarray(1 / (1 + np.exp(-odds)))
        drawn = np.random.default_rng(seed).random(len(frame)) < chance
        rule = ~((late >= 2) | (burden > 0.2))
        frames[at] = frame.assign(chance=chance, defaulted=drawn.astype(int), by_rule=rule)
    partner, coming = frames
    return here.applications(("2025-01", "2025-09")), partner[partner["by_rule"]], coming


@cache
def _euro(seed: int, source: str, model: str, rows: int, metric: str) -> tuple[float, float]:
    """Return what a model earns per application above the rule, and the share that it grants."""
    book, partner, coming = _world(seed)
    train = (partner if source == "partner" else book).head(rows)
    fitted = make_pipeline(features(), MODELS[model]).fit(train, train["defaulted"])
    risk, limit = fitted.predict_proba(coming)[:, 1], METRICS[metric]
    granted = world.profit(coming, risk) > 0 if limit is None else risk <= limit
    earns = world.profit(coming, coming["chance"].to_numpy())
    return float(np.mean(earns * granted) - np.mean(earns * coming["by_rule"])), granted.mean()


def outcome(seed: int, page: Mapping[str, Any]) -> tuple[float, float]:
    """Return the euro above the rule in 36 months, costs paid, and the share granted at first.

    Where the seed is odd, the partner's customers are of another kind. Six entries of the page
    count: ``source``, ``first_model``, ``rows_needed``, ``launch_in_months`` (until then the rule
    decides), ``optimize``, and ``stopped_by`` (after that it decides again).
    """
    source, rows, month = page["source"], int(page["rows_needed"]), page["launch_in_months"]
    plan, stop = (page["first_model"], rows, page["optimize"]), SIGNALS[page["stopped_by"]]
    total, (above, granted) = -float(BUILD), _euro(seed, source, *plan)
    if source == "both" and (again := max(month, 12 + rows / 1_000)) < MONTHS:
        lasts = again if above >= 0 else min(again, month + stop)
        total += (lasts - month) * (above * PER_MONTH - RUN)
        month, (above, _) = again, _euro(seed, "partner", *plan)
    lasts = MONTHS if above >= 0 else min(MONTHS, month + stop)
    return total + max(0, lasts - month) * (above * PER_MONTH - RUN), granted
