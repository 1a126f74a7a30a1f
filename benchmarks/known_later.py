"""What is learned after the decision, over five seeds: early signs, joins in time, staleness.

``python -m benchmarks.known_later`` prints what lessons 2.7, 2.8, 4.2 and 4.6 tell, as mean and
range over the seeds. The model is the linear one of lesson 1.2, decisions are those of
``world.profit``, and euro are the exact expectation for each application.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import features

SEEDS = (2025, 1, 2, 3, 4)
FROM_BUREAU = ["late_payments", "utilization"]


def fit(frame, label):
    """Fit the linear model to labels, or to probabilities: each row then counts on both sides."""
    model = make_pipeline(features(), LogisticRegression(solver="newton-cholesky"))
    label = np.asarray(label, float)
    both, weight = pd.concat([frame, frame]), np.r_[label, 1 - label]
    side = np.repeat([1, 0], len(frame))
    use = weight > 0
    return model.fit(both[use], side[use], logisticregression__sample_weight=weight[use])


def risk(model, frame):
    return model.predict_proba(frame)[:, 1]


def earned(in_world, model, frame, seen=None):
    """Return the euro an application when the model sees other values than the true ones."""
    granted = world.profit(frame, risk(model, frame if seen is None else seen)) > 0
    return np.mean(in_world.expected_profit(frame) * granted)


def dawid_skene(votes, frame=None, steps=200):
    """Return the probability of default by EM, and the hit rates it believes in.

    Without a frame every loan has the same prior; with one, the prior is the linear model's, which
    is fitted to the probabilities of the step before (Raykar and others 2010, "Learning from
    crowds", Journal of Machine Learning Research 11).
    """
    p = np.where(votes.sum(axis=1) >= 2, 0.99, 0.01)
    for _ in range(steps if frame is None else 15):
        prior = p.mean() if frame is None else np.clip(risk(fit(frame, p), frame), 1e-6, 1 - 1e-6)
        hit, false = p @ votes / p.sum(), (1 - p) @ votes / (1 - p).sum()
        score = np.log(prior / (1 - prior)) + votes @ np.log(hit / false)
        p = 1 / (1 + np.exp(-score - (1 - votes) @ np.log((1 - hit) / (1 - false))))
    return p, hit


def early_signs(seed, n):
    """Train on October and November 2026; earn from April to September 2027."""
    lender = world.World(seed, changes=("recession",))
    year_old = lender.applications(("2025-04", "2026-03"))
    new = lender.applications(("2026-10", "2026-11"), n)
    test = lender.applications(("2027-04", "2027-09"))
    signs = world.early_signs(new, seed=seed)[list(world.SIGNS)].to_numpy()
    alone = signs[:, :3]
    with_copy, without = dawid_skene(signs), dawid_skene(alone)
    labels = {
        "any source warns": signs.any(axis=1),
        "majority: two warn": signs.sum(axis=1) >= 2,
        "label model, copy among four": with_copy[0] > 0.5,
        "label model, three sources": without[0] > 0.5,
        "the same, as probabilities": without[0],
        "label model with features, four": dawid_skene(signs, new)[0],
        "label model with features, three": dawid_skene(alone, new)[0],
        "true at once": new["defaulted"],
    }
    euro = {"true but a year late": earned(lender, fit(year_old, year_old["defaulted"]), test)}
    euro |= {name: earned(lender, fit(new, label), test) for name, label in labels.items()}
    euro["best possible"] = np.mean(np.maximum(lender.expected_profit(test), 0))
    euro["believed hit rate of early arrears, four"] = with_copy[1][0]
    euro["believed hit rate of early arrears, three"] = without[1][0]
    return euro


def join(frame, history, event=0, arrival=None):
    """Return the frame with the bureau's last values by event time.

    Up to so many days before the application, by event time and arrival time; None: all.
    """
    rows = history.merge(frame[["application_id", "applied_at"]], on="application_id")
    for column, days in {"event_time": event, "arrival_time": arrival}.items():
        if days is not None:
            rows = rows[rows[column] <= rows["applied_at"] - pd.Timedelta(days=days)]
    rows = rows.sort_values(["event_time", "arrival_time"]).groupby("application_id").tail(1)
    values = rows.set_index("application_id")[FROM_BUREAU]
    return frame.drop(columns=FROM_BUREAU).join(values, on="application_id")


def joins(seed):
    """Train on 2024, test on 2025: what a test set shows, and what the server would earn."""
    lender = world.World(seed)
    years = [lender.applications((f"{year}-01", f"{year}-12")) for year in (2024, 2025)]
    histories = [world.bureau_history(frame, seed=seed) for frame in years]
    test, told = years[1], histories[1]
    ways = {
        "latest": {"event": None},
        "as of event time": {},
        "as of event and arrival time": {"arrival": 0},
    }
    result = {}
    for name, how in ways.items():
        seen = [join(frame, told, **how) for frame, told in zip(years, histories, strict=True)]
        model = fit(seen[0], seen[0]["defaulted"])
        areas, _ = auc(test["defaulted"], risk(model, seen[1]), risk(model, test))
        result |= {f"{name}: offline AUC": areas[0], f"{name}: online AUC": areas[1]}
        result[f"{name}: euro"] = euro = earned(lender, model, test)
    for days in (1, 7, 30):
        stale = earned(lender, model, test, join(test, told, event=None, arrival=days))
        result[f"values from {days} days before: euro"] = stale - euro
    return result


def table(function, *arguments):
    """Return mean and range over the seeds, and each seed's numbers, as text."""
    numbers = pd.DataFrame({seed: function(seed, *arguments) for seed in SEEDS})
    summary = {name: numbers.agg(name, axis=1) for name in ("mean", "min", "max")}
    return pd.concat([pd.DataFrame(summary), numbers], axis=1).round(3).to_string()


if __name__ == "__main__":
    for n in (2_000, 10_000):
        print(f"Early signs, {n:,} applications a month\n{table(early_signs, n)}\n")
    print(f"Joins and staleness\n{table(joins)}")
