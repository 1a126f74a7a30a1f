"""What lesson 2.2 says, over five seeds of the world: ``python -m benchmarks.lesson_2_2``."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
from scipy.special import rel_entr

from helpers import world
from helpers.course.lesson_2_2.alarms import (
    FAULTS,
    NUMBERS,
    WATCHED,
    WORDS,
    Plan,
    Years,
    banded,
    damage,
)
from helpers.course.linear import linear

SEEDS = (2025, 1, 2, 3, 4)


def l_infinity(a: pd.Series, b: pd.Series) -> float:
    """Return TFDV's L-infinity distance of two text columns."""
    p, q = (column.value_counts(normalize=True) for column in (a, b))
    return p.sub(q, fill_value=0).abs().max()


def jensen_shannon(a: pd.Series, b: pd.Series, bins: int = 10) -> float:
    """Return TFDV's Jensen-Shannon divergence of two columns of numbers."""
    parts = [np.histogram(column.dropna(), bins) for column in (a, b)]
    grid = np.union1d(parts[0][1], parts[1][1])
    below = [np.interp(grid, edges, np.append(0, n.cumsum() / n.sum())) for n, edges in parts]
    p, q = map(np.diff, below)
    m = (p + q) / 2
    return sum(rel_entr(one, m).sum() for one in (p, q)) / (2 * np.log(2))


def distances(a: pd.DataFrame, b: pd.DataFrame) -> dict[str, float]:
    """Return the distance of each watched column, and of late payments as a category."""
    found = {name: l_infinity(a[name], b[name]) for name in WORDS}
    found |= {name: jensen_shannon(a[name], b[name]) for name in NUMBERS}
    return found | {"late*": l_infinity(a["late_payments"], b["late_payments"])}


def null(seed: int) -> pd.DataFrame:
    """Return how often 0.01 rings (%) and the 98 % quantile, for 50 calm pairs of each size."""
    parts = {}
    for n in (100, 500, 2_000, 10_000):
        calm = world.World(seed).applications(("2001-01", "2009-04"), n)
        files = [frame for _, frame in calm.groupby(calm["applied_at"].dt.to_period("M"))]
        pairs = zip(files[:50], files[50:], strict=True)
        found = pd.DataFrame([distances(a, b) for a, b in pairs])
        parts[n, "rings %"] = 100 * (found > 0.01).mean()
        parts[n, "98 %"] = found.quantile(0.98).round(3)
    return pd.DataFrame(parts)


def tutorial(seed: int) -> dict[str, object]:
    """Return the alarms of 0.01 on words from January to June, and a year's months that ring."""
    calm = world.World(seed).applications(("2025-12", "2026-12"))
    files = [frame for _, frame in calm.groupby(calm["applied_at"].dt.to_period("M"))]
    pairs = itertools.pairwise(files)
    rings = pd.DataFrame([distances(a, b) for a, b in pairs])[list(WORDS)] > 0.01
    return {"alarms in 6 months": rings.head(6).sum().sum(), **rings.sum()}


def euro(seed: int) -> pd.DataFrame:
    """Return the largest distance and the euro an application of each fault."""
    lender = world.World(seed)
    training = lender.applications(("2025-01", "2025-12"))
    model = linear(training, NUMBERS, WORDS)
    year = lender.applications(("2026-01", "2026-10"))
    earns = lender.expected_profit(year)

    def earned(seen: pd.DataFrame) -> float:
        risk = model.predict_proba(seen)[:, 1]
        return np.mean(earns * (world.profit(year, risk) > 0))

    a, rows = banded(training, training), {}
    for fault in FAULTS:
        seen = damage(year, fault)
        b = banded(seen, training)
        distance = max(l_infinity(a[name], b[name]) for name in WATCHED)
        rows[fault] = {"distance": round(distance, 3), "euro": round(earned(year) - earned(seen))}
    return pd.DataFrame(rows).T


def slices(seed: int) -> dict[str, float]:
    """Return distances of the Islands' doubled counts and of a month with many students."""
    lender = world.World(seed)
    training = lender.applications(("2025-01", "2025-12"))
    june = lender.applications("2026-06")
    june["late_payments"] *= np.where(june["region"] == "Islands", 2, 1)
    pool = lender.applications("2026-09", 20_000)
    weights = np.where(pool["employment"] == "student", 4, 1)
    september = pool.sample(2_000, weights=weights, random_state=5)
    a, b, c = (banded(frame, training) for frame in (training, june, september))
    one = [frame["region"] == "Islands" for frame in (training, june)]
    salaried = [frame["employment"] == "salaried" for frame in (training, september)]
    late = (a["late_payments"], b["late_payments"])
    return {
        "late, whole": l_infinity(*late),
        "late, Islands": l_infinity(late[0][one[0]], late[1][one[1]]),
        "age, whole": l_infinity(a["age"], c["age"]),
        "age, salaried": l_infinity(a["age"][salaried[0]], c["age"][salaried[1]]),
    }


def plans(seed: int) -> pd.DataFrame:
    """Return what five plans do."""
    years, rows = Years(seed=seed), {}
    for plan in (
        Plan(28, 0.01),
        Plan(28, 0.03),
        Plan(7, 0.06, 100),
        Plan(1, 0.16, 10),
        Plan(1, 0.2, 0),
        Plan(1, 0.2, 3),
        Plan(1, {"income": 0.17, "channel": 0.25, "purpose": 0.22}, 10),
    ):
        outcome = years.run(plan)
        missed = (outcome.faults["found"] < 0.95).sum()
        rows[str(plan)] = (round(outcome.false_alarms, 2), missed, round(outcome.euro, -3))
    return pd.DataFrame(rows, index=["false alarms", "missed", "euro"]).T


if __name__ == "__main__":
    pd.options.display.width = 200
    for title, table in {"null": null, "euro": euro, "plans": plans}.items():
        print(f"\n{title}\n{pd.concat({seed: table(seed) for seed in SEEDS}).to_string()}")
    for title, row in {"tutorial": tutorial, "slices": slices}.items():
        print(
            f"\n{title}\n{pd.DataFrame({seed: row(seed) for seed in SEEDS}).round(3).to_string()}"
        )
