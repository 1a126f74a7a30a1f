"""A year of weekly files at the gate: what a plan of rules that ask or stop costs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.linear import linear

RULES = ("out of range", "missing", "unknown word", "sent twice")
WEEKLY = 400  # applications
LATE = 0.02  # share of a file's profit that is gone when it is stopped and comes a day later
LOOK = 200  # euro: a person looks at a file for two hours, and decides right
PATIENCE = 12  # files a year that this person looks at; later ones are let in unread
WEEKS = 4  # so often a lasting fault comes if it is let in, until somebody else finds it
TWICE = 400  # euro to get a loan back that was paid twice

# The kinds of files: the incident, how many of 52 a year, how strong, from and to.
KINDS = {
    "no fault": ("new purpose", 18, 0, 0),
    "a few ages": ("impossible age", 8, 1 / WEEKLY, 3 / WEEKLY),
    "a few sent twice": ("sent twice", 8, 1 / WEEKLY, 3 / WEEKLY),
    "a few new purposes": ("new purpose", 6, 0.01, 0.1),
    "missing history": ("missing history", 3, 0.15, 0.9),
    "monthly income": ("monthly income", 3, 0.1, 1.0),
    "utilization in percent": ("utilization in percent", 2, 0.02, 1.0),
    "sent twice": ("sent twice", 2, 0.05, 0.3),
    "new purpose": ("new purpose", 2, 0.3, 1.0),
}


def trial(plan: Mapping[str, tuple], seeds: Iterable[int] = range(1, 6)) -> pd.DataFrame:
    """Return what the gate does in a year with each kind of file, and what that costs.

    Parameters
    ----------
    plan : mapping of str to (ask, stop)
        For each of ``RULES`` the share of the rows above which the gate asks, or stops the file;
        None for never.
    seeds : iterable of int, default 1 to 5
        The worlds, of which the result is the mean. "least": if all is decided right, unasked.
        In ``attrs``, "dearest": the kind and the decision that lose most, compared with the least.
    """
    years = [_files(seed).copy() for seed in seeds]
    for files in years:
        limits = [[np.inf if end is None else end for end in plan[rule]] for rule in RULES]
        ask, stop = (
            (files[list(RULES)] > list(limit)).any(axis=1) for limit in zip(*limits, strict=True)
        )
        unread = ask & ~stop & ((ask & ~stop).cumsum() > PATIENCE)
        files["decision"] = np.select([stop, unread, ask], ["stop", "unread", "ask"], "accept")
        files["least"] = np.minimum(files["accept"], files["stop"])
        euro = [files["stop"], files["accept"], files["least"] + LOOK]
        files["euro"] = np.select([stop, unread, ask], euro, files["accept"])
    every = pd.concat(years)
    table = pd.crosstab(every["kind"], every["decision"])
    table = table.reindex(columns=["accept", "ask", "unread", "stop"], fill_value=0)
    table = table.join(every.groupby("kind")[["euro", "least"]].sum()).loc[list(KINDS)] / len(years)
    table.loc["all"] = table.sum()
    more = (every["euro"] - every["least"]).groupby([every["kind"], every["decision"]]).sum()
    table.attrs["dearest"] = more.idxmax()
    return table


_model = cache(lambda: linear(world.World(2024).applications(("2024-01", "2024-06"), 1_000)))


@cache
def _files(seed: int) -> pd.DataFrame:
    """Return a year's files: kind, what the rules measure, what accepting and stopping cost."""
    rng, lender = np.random.default_rng(seed), world.World(seed)
    kinds = rng.permutation([kind for kind, (_, n, *_) in KINDS.items() for _ in range(n)])
    people = lender.applications("2026-09", 5 * WEEKLY)
    worth = pd.Series(lender.expected_profit(people), people["application_id"])
    made, came = [], []
    for week, kind in enumerate(kinds):
        made.append(people.sample(WEEKLY, random_state=week).assign(week=week))
        incident, strength = world.incidents[KINDS[kind][0]], rng.uniform(*KINDS[kind][2:])
        came.append(incident.apply(made[-1], strength=strength, seed=week))
    should, earned = (_earned(pd.concat(frames), worth) for frames in (made, came))
    files = pd.DataFrame(map(_measured, came)).assign(kind=kinds, stop=LATE * should)
    times = np.where(files["kind"].str.startswith("a few"), 1, WEEKS)
    return files.assign(accept=(should - earned) * times)


def _measured(file: pd.DataFrame) -> dict[str, float]:
    ranges = {"age": (18, 75), "income": (6_000, 400_000), "utilization": (0, 1)}
    outside = [((file[c] < low) | (file[c] > high)).mean() for c, (low, high) in ranges.items()]
    return {
        "out of range": max(outside),
        "missing": file["credit_history_years"].isna().mean(),
        "unknown word": (~file["purpose"].isin(list(world.PURPOSES))).mean(),
        "sent twice": file.duplicated("application_id").mean(),
    }


def _earned(files: pd.DataFrame, worth: pd.Series) -> pd.Series:
    """Return what the model's decisions earn in each week."""
    granted = world.profit(files, _model().predict_proba(files)[:, 1]) > 0
    again = files.duplicated(["week", "application_id"]).to_numpy()
    euro = np.where(again, -TWICE, files["application_id"].map(worth))
    return pd.Series(np.asarray(granted) * euro).groupby(files["week"].to_numpy()).sum()
