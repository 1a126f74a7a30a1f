"""Releases with defects of known damage, and what the gates of a delivery pipeline measure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import NUMBERS, TEXTS, as_score, linear

RECORD = Path(__file__).with_name("evidence.csv")
WIPED = ["late_payments", "credit_history_years", "utilization"]
GATES = {  # each stops the releases for which its rule holds
    "course": "auc < 0.70",
    "unit": "wrong_cases > 0",
    "data": "columns > 0 or same > 0 or drift > 2.58",
    "parity": "parity > 0",
    "behaviour": "sex > 0 or against > 0 or clear > 0",
    "money": "gain < 0",
    "slice": "slice_z < -1.96",
    "latency": "lookups > 10",
}
Score = Callable[[pd.DataFrame], np.ndarray]


@dataclass(frozen=True)
class Release:
    """What a pipeline delivers: where it was developed, where customers ask it, and the rest."""

    name: str
    train: pd.DataFrame
    valid: pd.DataFrame
    notebook: Score
    endpoint: Score
    least: float = 0.0  # a loan must promise more than this, in euro
    lookups: int = 1  # how often the endpoint asks another system, for one request

    def grants(self, frame: pd.DataFrame, risk: np.ndarray) -> np.ndarray:
        """Return which loans are granted at these risks."""
        return world.profit(frame, risk) > self.least


@cache
def bank(seed: int = 2025) -> tuple[Release, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the champion; a year to learn from; a year to measure on; a month of customers."""
    lender = world.World(seed)
    first = lender.applications(("2024-01", "2024-06"), 500)
    pool = lender.applications(("2024-07", "2025-06"), 2_000)
    later = lender.applications(("2025-07", "2026-06"), 1_500)
    customers = lender.applications("2026-07", 5_000)
    customers["worth"] = lender.expected_profit(customers)
    score = as_score(linear(first))
    return Release("champion", first, first, score, score), pool, later, customers


def releases(seed: int = 2025) -> Iterator[Release]:
    """Yield twelve releases with a defect each, and twenty good ones: ``good 1``, ``good 2``..."""
    champion, pool, later, _ = bank(seed)
    rng = np.random.default_rng([seed, 44])

    def fresh(name: str, numbers: list = NUMBERS, texts: list = TEXTS, **changes: Any) -> Release:
        train, valid = (
            changes.get(extract, lambda frame: frame)(
                frame.iloc[rng.choice(len(frame), n, replace=False)].reset_index(drop=True)
            )
            for extract, frame, n in (("train", pool, 8_000), ("valid", later, 4_000))
        )
        prepare = changes.get("prepare")
        model = linear(prepare(train) if prepare else train, numbers, texts)
        return Release(name, train, valid, *2 * [as_score(model, prepare)])

    def served(release: Release, change: Callable[[pd.DataFrame], pd.DataFrame]) -> Release:
        return replace(release, endpoint=lambda frame: release.notebook(change(frame)))

    def contacts(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(service_contacts=rng.poisson(0.3 + 2 * frame["defaulted"]))

    def joined(frame: pd.DataFrame) -> pd.DataFrame:
        outside, outcome = frame["channel"] != "branch", frame["defaulted"].to_numpy().copy()
        outcome[outside] = rng.permutation(outcome[outside])
        return frame.assign(defaulted=outcome)

    def wiped(frame: pd.DataFrame) -> pd.DataFrame:
        new = frame.assign(burden=world.burden(frame))
        return new.assign(**{name: new[name].where(new["region"] != "East") for name in WIPED})

    purposes = sorted(world.PURPOSES)
    yield served(fresh("columns swapped"),
                 lambda f: f.assign(age=f["years_employed"], years_employed=f["age"]))  # fmt: skip
    yield served(fresh("percent"), lambda f: f.assign(utilization=100 * f["utilization"]))
    yield fresh("column dropped", [name for name in NUMBERS if name != "utilization"],
                train=lambda f: f.drop(columns="utilization"))  # fmt: skip
    stale = dict(zip(purposes, purposes[1:] + purposes[:1], strict=True))
    yield served(fresh("stale vocabulary"), lambda f: f.assign(purpose=f["purpose"].map(stale)))
    yield fresh("leak", [*NUMBERS, "service_contacts"], train=contacts, valid=contacts,
        prepare=lambda f: f.assign(service_contacts=f.get("service_contacts", 0)))  # fmt: skip
    yield fresh("wrong join", train=joined, valid=joined)
    yield replace(fresh("threshold moved"), least=-400.0)
    yield served(fresh("gap to zero"), lambda f: f.fillna({"utilization": 0.0}))
    yield fresh("older data", train=lambda f: champion.train)
    few = fresh("seed luck")
    tries = [as_score(linear(few.train.sample(300, random_state=i))) for i in range(25)]
    lucky = max(tries, key=lambda score: earned(few, few.valid, score(few.valid)).sum())
    yield replace(few, notebook=lucky, endpoint=lucky)
    yield fresh("Friday model", [*NUMBERS, "burden"], prepare=wiped)
    yield replace(fresh("slow graph"), lookups=11)
    for i in range(20):
        yield fresh(f"good {i + 1}", texts=TEXTS[: 3 - i % 2])  # half of them without `channel`


def earned(release: Release, frame: pd.DataFrame, risk: np.ndarray) -> np.ndarray:
    """Return what each application has earned, in euro, now that the outcomes are known."""
    return release.grants(frame, risk) * world.profit(frame, frame["defaulted"].to_numpy())


def golden(frame: pd.DataFrame) -> pd.DataFrame:
    """Return 300 usual rows and 100 without utilization."""
    rows = frame.head(400).copy()
    rows.loc[rows.index[300:], "utilization"] = np.nan
    return rows


def measure(release: Release, seed: int = 2025) -> dict[str, float]:
    """Return what the gates look at, and ``damage``, in euro a month, which no gate can see.

    ``parity``, ``sex`` and ``clear`` are counts, ``against`` is a share; ``drift`` is the largest z
    of a mean against the champion's extract, ``slice_z`` the least z of the gain in a slice.
    """
    champion, _, later, customers = bank(seed)
    train, valid, old, found = release.train, release.valid, champion.train, {}
    risk, ask = release.notebook(valid), release.endpoint
    found["auc"] = auc(valid["defaulted"], risk)[0][0]
    loans = pd.DataFrame({"amount": [10_000] * 3, "term_months": [24] * 3})
    found["wrong_cases"] = (release.grants(loans, np.array([0.10, 0.15, 0.30])) != [1, 0, 0]).sum()
    found["columns"] = len({*NUMBERS, *TEXTS} - {*train})
    means = [(train[name], old[name]) for name in [*NUMBERS, "defaulted"] if name in train]
    found["drift"] = max(abs(a.mean() - b.mean()) / np.hypot(a.sem(), b.sem()) for a, b in means)
    rows = golden(valid)
    sides = (release.grants(rows, score(rows)) for score in (release.notebook, ask))
    found["parity"] = np.not_equal(*sides).sum()
    rows = later.head(300)
    base, swapped = ask(rows), rows["sex"].map({"female": "male", "male": "female"})
    found["sex"] = (ask(rows.assign(sex=swapped)) != base).sum()
    steps = (("income", 10_000, -1), ("utilization", 0.1, 1), ("years_employed", 3, -1))
    moves = [s * (ask(rows.assign(**{name: rows[name] + step})) - base) for name, step, s in steps]
    found["against"] = np.mean([move < -1e-9 for move in moves])
    order = np.argsort(champion.endpoint(later))
    clear = later.iloc[[*order[:10], *order[-10:]]]
    found["clear"] = (release.grants(clear, ask(clear)) != np.repeat([1, 0], 10)).sum()
    gain = pd.Series(earned(release, valid, risk))
    gain -= earned(champion, valid, champion.endpoint(valid))
    found["gain"], found["gain_se"] = gain.mean(), gain.sem()
    slices = [part for by in ("region", "sex") for _, part in gain.groupby(valid[by])]
    found["slice_z"] = min(part.mean() / (part.sem() + 1e-9) for part in slices)
    found |= {"same": int(train.equals(old)), "lookups": release.lookups}
    stay = 0.8 if release.lookups > 10 else 1.0  # one in five does not wait for a slow answer
    new, before = (one.grants(customers, one.endpoint(customers)) for one in (release, champion))
    lost = before @ customers["worth"] - stay * (new @ customers["worth"])
    found["damage"] = lost * 10_000 / len(customers)
    return found


@cache
def evidence() -> pd.DataFrame:
    """Return the record of 30 worlds, by ``world`` and ``release``, with `measure`'s columns."""
    return pd.read_csv(RECORD, index_col=["world", "release"])
