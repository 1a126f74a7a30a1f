"""What lesson 2.7 tells, over five seeds: joins, a changed meaning, staleness, refresh plans.

``python -m benchmarks.lesson_2_7`` prints mean and range over the seeds. The model is the linear
one of lesson 1.2, with 1,000 applications a month: trained on 2024, tested on 2025. Euro are the
exact expectation for each application.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from benchmarks.known_later import FROM_BUREAU, earned, fit, join, risk, table
from helpers import world
from helpers.base.stats import auc
from helpers.course.lesson_2_7.plans import price


def years(seed):
    """Return the world, the applications of 2024 and 2025 and what the bureau says of each."""
    lender = world.World(seed)
    frames = [lender.applications((f"{year}-01", f"{year}-12"), 1_000) for year in (2024, 2025)]
    return lender, frames, [world.bureau_history(frame, seed=seed) for frame in frames]


def joins(seed):
    """Offline AUC, online AUC and euro of three joins; the join by event time, built later."""
    lender, (train, test), histories = years(seed)
    result = {}

    def add(name, seen):
        model = fit(seen[0], seen[0]["defaulted"])
        areas, _ = auc(test["defaulted"], risk(model, seen[1]), risk(model, test))
        result[f"{name}: offline AUC"], result[f"{name}: online AUC"] = areas
        result[f"{name}: euro"] = earned(lender, model, test)

    both = list(zip((train, test), histories, strict=True))
    for name, how in {
        "latest": {"event": None},
        "event time": {},
        "event and arrival time": {"arrival": 0},
    }.items():
        add(name, [join(frame, history, **how) for frame, history in both])
    for days in (0, 30, 90, 180, 365):
        add(f"event time, built {days} days later", [join(*one, arrival=-days) for one in both])
    exact = join(test, histories[1], arrival=0)
    by_event = join(test, histories[1])
    differs = (exact[FROM_BUREAU] != by_event[FROM_BUREAU]) & ~exact[FROM_BUREAU].isna()
    bad = test["defaulted"] == 1
    for name, rows in {"defaulted": bad, "paid": ~bad}.items():
        late = differs["late_payments"] & (exact["late_payments"] < by_event["late_payments"])
        result[f"event time: more late payments than were known, {name}"] = late[rows].mean()
    result["event time: rows with any value not known"] = differs.any(axis=1).mean()
    return result


def within(late, share, region, rng):
    """Return the late payments in a part of the months; in the East each is counted twice."""
    unit = np.where(region == world.OVERRECORDED_REGION, 2, 1)
    return unit * rng.binomial(late // unit, share)


def meaning(seed):
    """Late payments over 12 months in place of 24: what the model loses, retrained or not."""
    lender, (train, test), _ = years(seed)
    rng = np.random.default_rng(seed)
    short = [
        frame.assign(late_payments=within(frame["late_payments"], 0.5, frame["region"], rng))
        for frame in (train, test)
    ]
    half = pd.concat([train.iloc[:6_000], short[0].iloc[6_000:]])
    models = {
        name: fit(f, f["defaulted"])
        for name, f in {"24": train, "12": short[0], "mixed": half}.items()
    }
    result = {}
    for trained, fed in (("24", "24"), ("24", "12"), ("12", "12"), ("mixed", "12"), ("12", "24")):
        seen = test if fed == "24" else short[1]
        name = f"trained on {trained}, fed {fed}"
        result[f"{name}: AUC"] = auc(test["defaulted"], risk(models[trained], seen))[0][0]
        result[f"{name}: euro"] = earned(lender, models[trained], test, seen)
        result[f"{name}: stated risk"] = risk(models[trained], seen).mean()
        result[f"{name}: granted"] = (world.profit(test, risk(models[trained], seen)) > 0).mean()
    result["defaulted"] = test["defaulted"].mean()
    result["mean, 24"], result["mean, 12"] = (f["late_payments"].mean() for f in (test, short[1]))
    changed = short[1]["late_payments"] != test["late_payments"]
    result["share of rows changed"] = changed.mean()
    return result


def staleness(seed):
    """Euro an application lost with old values and with values that have expired."""
    lender, (train, test), histories = years(seed)
    model = fit(train, train["defaulted"])
    best = earned(lender, model, test)
    nothing = test.assign(**dict.fromkeys(FROM_BUREAU, np.nan))
    result = {"fresh: euro": best, "always missing": earned(lender, model, test, nothing) - best}
    for days in (1, 7, 30, 60, 90, 120, 150):
        old = join(test, histories[1], event=None, arrival=days)
        result[f"{days} days old"] = earned(lender, model, test, old) - best
    newest = histories[1].merge(test[["application_id", "applied_at"]])
    newest = newest[newest["arrival_time"] <= newest["applied_at"]]
    newest = newest.sort_values(["event_time", "arrival_time"]).groupby("application_id").tail(1)
    age = (newest["applied_at"] - newest["event_time"]).set_axis(newest["application_id"])
    age = test["application_id"].map(age) / pd.Timedelta(days=1)
    for share in (0.5, 0.9, 0.99, 1.0):
        result[f"age of the newest, quantile {share}"] = age.quantile(share)
    for ttl in (7, 14, 30, 45, 60):
        seen = test.copy()
        seen.loc[age > ttl, FROM_BUREAU] = np.nan
        result[f"time-to-live {ttl} days"] = earned(lender, model, test, seen) - best
        result[f"time-to-live {ttl} days: missing"] = (age > ttl).mean()
    return result


def plans(seed):
    """Euro a year of plans: a refresh every so many days, and a time-to-live."""
    return {
        f"every {refresh} days, {ttl} days": price(refresh, ttl, seed)["total"]
        for refresh in (1, 3, 5, 7, 10, 14, 30)
        for ttl in (30, 45, 60, 90, 365)
    }


if __name__ == "__main__":
    for function in (joins, meaning, staleness, plans):
        print(f"{function.__doc__}\n{table(function)}\n")
