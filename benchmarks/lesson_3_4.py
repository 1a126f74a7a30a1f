"""The surprises of lesson 3.4 over five seeds of the world.

``python -m benchmarks.lesson_3_4`` prints one table: a row for each claim, a column for each seed.
TFMA itself is not run; its areas are those of ``helpers.base.stats.auc``.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator

from helpers import world
from helpers.base.stats import auc
from helpers.course.lesson_3_4.gate import BAD, GOOD, stopped, trials
from helpers.course.linear import NUMBERS, TEXTS, linear

SEEDS = (2025, 1, 2, 3, 4)
COLUMNS = ["channel", "employment", "purpose", "region", "sex"]
SIGNS = {"age": -1, "income": -1, "years_employed": -1, "amount": 1, "term_months": -1}
SIGNS |= {"utilization": 1, "late_payments": 1, "credit_history_years": -1}


def features(frame):
    return frame[NUMBERS + TEXTS].astype(dict.fromkeys(TEXTS, "category"))


def risk(model, frame):
    return model.predict_proba(frame)[:, 1]


def boosted(frame, **settings):
    settings = {"categorical_features": "from_dtype", "random_state": 0} | settings
    model = HistGradientBoostingClassifier(**settings)
    return model.fit(features(frame), frame["defaulted"])


def euro(lender, frame, p):
    return np.mean(lender.expected_profit(frame) * (world.profit(frame, p) > 0))


def ece(p, y):
    bins = np.minimum((10 * p).astype(int), 9)
    return np.abs(np.bincount(bins, p - y)).sum() / len(p)


def slices_of(frame):
    found = {}
    for n in (1, 2):
        for keys in combinations(COLUMNS, n):
            for values, rows in frame.groupby(list(keys)):
                if len(rows) >= 100:
                    found[" x ".join(values)] = rows.index.to_numpy()
    return found


def chance(lender, rng):
    """Return what the truth's slices and ECE look like in a month, and the same slices later."""
    march, april = (lender.applications(month) for month in ("2025-03", "2025-04"))
    p, q = (lender.default_probability(frame) for frame in (march, april))
    y, later = march["defaulted"].to_numpy(), april["defaulted"].to_numpy()
    outcomes = np.vstack([y, rng.random((400, len(p))) < p]).astype(float)
    areas, again, other = [], [], slices_of(april)
    for name, at in slices_of(march).items():
        bad = outcomes[:, at].sum(axis=1)
        ranks = outcomes[:, at] @ rankdata(p[at]) - bad * (bad + 1) / 2
        areas.append(ranks / (bad * (len(at) - bad)))
        if areas[-1][0] < 0.7 and name in other:
            again.append(auc(later[other[name]], q[other[name]])[0][0])
    areas = np.array(areas)
    few = (areas < 0.7).sum(axis=0)
    sizes = {n: np.mean([ece(one, rng.random(n) < one) for one in rng.choice(p, (200, n))])
             for n in (200, 500, 2_000, 10_000)}  # fmt: skip
    return {
        "slices of 100 rows": len(areas),
        "truth: slices below 0.70": few[0],
        "the same by chance, 97.5 %": np.quantile(few[1:], 0.975),
        "truth: worst slice": areas[:, 0].min(),
        "the same by chance, 2.5 %": np.nanquantile(np.nanmin(areas[:, 1:], axis=0), 0.025),
        "of those, below 0.70 a month later": np.sum(np.array(again) < 0.7),
        "truth: ECE in March": ece(p, y),
    } | {f"truth: mean ECE, {n:,} rows": value for n, value in sizes.items()}


def calibration(lender, book, fresh, line):
    trees = boosted(book.tail(8_000), max_iter=400, early_stopping=False)
    train, test = fresh[:12_000], fresh[12_000:]
    before = euro(lender, test, risk(trees, features(test)))
    found = {"trees: ECE": ece(risk(trees, features(test)), test["defaulted"])}
    for n, times in ((12_000, 1), (300, 8)):
        for method in ("sigmoid", "isotonic"):
            gains = []
            for i in range(times):
                some = train.sample(n, random_state=i)
                model = CalibratedClassifierCV(FrozenEstimator(trees), method=method)
                q = risk(model.fit(features(some), some["defaulted"]), features(test))
                gains.append(euro(lender, test, q) - before)
            found[f"{method} on {n:,} rows, euro more"] = np.mean(gains)
    late, east = fresh["late_payments"] > 0, fresh["region"] == "East"
    for name, at in (("East", late & east), ("elsewhere", late & ~east)):
        gap = 100 * (line[at].mean() - fresh["defaulted"][at].mean())
        found[f"linear, late payers, {name}: stated less happened, points"] = gap
    return found


def moves(lender, book, fresh):
    plain = boosted(book)
    before, found = risk(plain, features(fresh)), {}
    for name, step in {"income": 1_000, "amount": 1_000, "years_employed": 1}.items():
        moved = fresh.assign(**{name: fresh[name] + step})
        wrong = SIGNS[name] * (risk(plain, features(moved)) - before) < -1e-6
        found[f"trees: {name} + {step}, wrong way, %"] = 100 * wrong.mean()
    earned = euro(lender, fresh, before)
    for name, signs in {"true signs": SIGNS, "amount reversed": SIGNS | {"amount": -1}}.items():
        model = boosted(book, monotonic_cst=signs)
        found[f"{name}, euro more"] = euro(lender, fresh, risk(model, features(fresh))) - earned
    quintile = book.groupby(pd.qcut(book["amount"], 5))["defaulted"].mean()
    found["default rate, largest less smallest fifth of amounts"] = (
        quintile.iloc[-1] - quintile.iloc[0]
    )
    return found


def attacks(lender, credit, fresh, line):
    def grants(frame):
        return world.profit(frame, risk(credit, frame)) > 0

    refused = fresh[~grants(fresh)]
    earns, found = lender.expected_profit(refused), {}
    lies = {"purpose": {"purpose": "home improvement"}, "channel": {"channel": "branch"}}
    lies["two loans"] = {"amount": refused["amount"] / 2}
    for name, lie in lies.items():
        yes = grants(refused.assign(**lie))
        found[f"{name}: granted now, %"], found[f"{name}: euro"] = (
            100 * yes.mean(),
            earns[yes].mean(),
        )
    longer = refused.assign(term_months=(refused["term_months"] + 12).clip(upper=60))
    found["12 months more: euro"] = lender.expected_profit(longer)[grants(longer)].mean()

    asked, other = fresh[:2_000], fresh[2_000:]
    copy = linear(asked.assign(defaulted=grants(asked).astype(int)))
    found["copy from 2,000 answers, %"] = 100 * (copy.predict(other) == grants(other)).mean()
    own = world.profit(other, risk(linear(asked), other)) > 0
    found["model from 2,000 loans, %"] = 100 * (own == grants(other)).mean()

    y, n = fresh["defaulted"].to_numpy(), 2_000
    limit = np.sort(np.abs(y - line)[:n])[int(np.ceil((n + 1) * 0.9)) - 1]
    holds = (np.abs(y - line) <= limit)[n:]
    return found | {
        "conformal: covered, %": 100 * holds.mean(),
        "of those who default, %": 100 * holds[y[n:] == 1].mean(),
    }


def gates(seed):
    def lesson_2_5(table):
        return table["change"]["all"] >= -0.02 and (table["change"] >= -0.05).all()

    def designed(table):
        level = abs(table["gap"]["all"]) <= 3 * table["gap_se"]["all"]
        return level and (table["change"] + 2.2 * table["change_se"] >= 0).all()

    found = {}
    for name, gate in {"gate of 2.5": lesson_2_5, "gate of the solution": designed}.items():
        shares = 100 * stopped(gate, trials(seed))
        found[f"{name}: stops the good at most, %"] = shares[GOOD].max()
        found[f"{name}: stops the bad at least, %"] = shares[BAD].min()
    return found


def measured(seed):
    lender, rng = world.World(seed), np.random.default_rng(seed)
    book = lender.applications(("2024-01", "2024-12"))
    fresh = lender.applications(("2025-03", "2026-02"))
    credit = linear(book)
    line = risk(credit, fresh)
    return (
        chance(lender, rng)
        | calibration(lender, book, fresh, line)
        | moves(lender, book, fresh)
        | attacks(lender, credit, fresh, line)
        | gates(seed)
    )


if __name__ == "__main__":
    table = pd.DataFrame({seed: measured(seed) for seed in SEEDS})
    print(table.map("{:.4g}".format).to_string())
