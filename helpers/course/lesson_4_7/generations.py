"""A model that learns from its own grants, year after year, through a recession."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
from sklearn.base import clone

from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import linear

YEARS, RECESSION = range(2025, 2032), (2027, 2028)


@cache
def _years(seed: int, a_month: int) -> tuple:
    """Return the first model, and for each year features, chances, outcomes and money."""
    lender = world.World(seed)
    base = lender.applications(("2024-01", "2024-12"), a_month)
    first = linear(base)
    years = {2024: (first[0].transform(base), base["defaulted"].to_numpy(), None, None)}
    for year in YEARS:
        made = lender.applications((f"{year}-01", f"{year}-12"), a_month)
        odds = lender.log_odds(made)
        if year in RECESSION:
            odds = odds + 0.8 * sum(world.recession_terms(made).values())
        chance = 1 / (1 + np.exp(-odds))
        rng = np.random.default_rng([seed, year])
        bad = (rng.random(len(made)) < chance).astype(int)
        gain, loss = (world.profit(made, np.full(len(made), risk)) for risk in (0.0, 1.0))
        worth = gain - (gain - loss) * chance
        years[year] = (first[0].transform(made), bad, gain / (gain - loss), worth)
    return first[-1], years


def generations(seed: int, share: float | None, weighted: bool = True,
                a_month: int = 1_000) -> pd.DataFrame:  # fmt: skip
    """Return what each year's model earns; it learns from the grants of the two years before.

    Parameters
    ----------
    seed : int
        The world; there is a recession in 2027 and 2028.
    share : float or None
        Share of the refused who are granted at random; None: the outcomes of all are known.
    weighted : bool, default True
        Whether each random grant counts ``1 / share`` times, for those who were not drawn.
    a_month : int, default 1000
        Simulated applications a month.

    Returns
    -------
    pandas.DataFrame
        By year: ``AUC`` on all applicants; in euro an application ``earned`` (by the model's
        grants), ``price`` (of the random ones) and ``best``; ``granted``, a share.
    """
    first, years = _years(seed, a_month)
    rng, rows = np.random.default_rng([seed, 7]), {}
    data = {2023: None, 2024: (*years[2024][:2], np.ones(len(years[2024][1])))}
    for year in YEARS:
        known = [data[k] for k in (year - 3, year - 2) if data.get(k)] or [data[2024]]
        x, bad, weight = (np.concatenate(part) for part in zip(*known, strict=True))
        model = clone(first).fit(x, bad, sample_weight=weight)
        x, bad, limit, worth = years[year]
        risk = model.predict_proba(x)[:, 1]
        granted = risk < limit
        extra = ~granted & (rng.random(len(bad)) < (share or 0))
        rows[year] = {"AUC": auc(bad, risk)[0][0], "earned": (worth * granted).mean(),
                      "price": -(worth * extra).mean(), "granted": granted.mean(),
                      "best": np.maximum(worth, 0).mean()}  # fmt: skip
        seen = granted | extra | (share is None)
        heavy = np.where(extra & weighted, 1 / (share or 1), 1.0)
        data[year] = (x[seen], bad[seen], heavy[seen])
    return pd.DataFrame.from_dict(rows, orient="index")
