"""The surprises of lesson 4.6 over five seeds of the world: ``python -m benchmarks.lesson_4_6``."""

from __future__ import annotations

import hashlib
import time

import numpy as np
import yaml
from prometheus_client import Histogram
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

from helpers import world
from helpers.course.exercises.core import find
from helpers.course.lesson_4_6.year import pages, score, year
from helpers.course.linear import features, linear

SEEDS = (2025, 1, 2, 3, 4)
MONTHS = {
    "2026-05": None,
    "2026-06": "new purpose",
    "2026-07": "utilization in percent",
    "2026-08": "campaign",
    "2026-10": "recession",
    "2026-11": "recession",
}


def cbpe(seed: int) -> None:
    """Print estimated and true profit for each application, in euro, month by month."""
    fitted = linear(world.World(seed).applications(("2025-01", "2025-06")))
    for month, incident in MONTHS.items():
        frame = world.replay(incident, months=month, seed=seed)
        changed = incident in ("campaign", "recession")
        made = frame if changed else world.World(seed).applications(month)
        lender = world.World(seed, ("recession",) if incident == "recession" else ())
        worth = lender.expected_profit(made, month)
        risk = fitted.predict_proba(frame)[:, 1]
        profit = world.profit(frame, risk)
        granted = profit > 0
        signs = world.early_signs(frame)["early_arrears"].to_numpy()
        promised = 0.55 * risk + 0.03 * (1 - risk)
        few = np.random.default_rng(seed).random(len(frame)) < 0.05
        refused = ~granted & few
        print(
            f"{seed} {month} {incident!s:24} granted {granted.mean():.2f}"
            f" estimated {np.mean(profit * granted):6.0f} true {np.mean(worth * granted):6.0f}"
            f" | AUC {_auc(risk):.3f} {roc_auc_score(frame['defaulted'], risk):.3f}"
            f" | arrears {signs[granted].mean():.3f} promised {promised[granted].mean():.3f}"
            f" | refused, granted at random: {refused.sum()} {signs[refused].mean():.3f}"
            f" {promised[refused].mean():.3f} price {-worth[refused].sum():.0f}"
        )


def _auc(risk: np.ndarray) -> float:
    label = np.repeat([1, 0], len(risk))
    return roc_auc_score(label, np.tile(risk, 2), sample_weight=np.r_[risk, 1 - risk])


def privacy(seed: int) -> None:
    """Print how well an attacker does on each of the lesson's four attacks."""
    frame = world.World(seed).applications("2026-03", 2_000)
    hashed = {hashlib.sha256(one.encode()).hexdigest() for one in frame["application_id"]}
    start = time.perf_counter()
    tried = (f"2026-{m:02}-{i:06}" for m in range(1, 13) for i in range(1, 10_001))
    found = sum(hashlib.sha256(one.encode()).hexdigest() in hashed for one in tried)
    took = time.perf_counter() - start
    for columns in (["region", "age"], ["region", "age", "sex"], ["region", "age", "sex", "income"],
                    ["region", "age", "sex", "employment"]):  # fmt: skip
        coarse = frame.assign(income=frame["income"] // 10_000)
        size = coarse.groupby(columns)["age"].transform("size")
        print(f"{seed} unique by {columns}: {(size == 1).mean():.1%}")
    print(f"{seed} {found} of 2000 ids found in {took:.2f} s")
    count = (frame["region"] == "East").sum()
    rng = np.random.default_rng(seed)
    for epsilon in (0.01, 0.1, 1):
        error = np.abs(rng.laplace(0, 1 / epsilon, 1_000)).mean()
        print(f"{seed} count {count}, epsilon {epsilon}: mean error {error:.1f}")
    lender = world.World(seed)
    inside, outside = (lender.applications(m, 1_000) for m in ("2025-01", "2025-02"))
    forest = make_pipeline(features(), RandomForestClassifier(100, random_state=0))
    small = make_pipeline(
        features(), RandomForestClassifier(100, min_samples_leaf=20, random_state=0)
    )
    for name, fitted in {
        "forest": forest.fit(inside, inside["defaulted"]),
        "forest, 20 a leaf": small.fit(inside, inside["defaulted"]),
        "linear": linear(inside),
    }.items():
        sure = []
        for part in (inside, outside):
            risk = fitted.predict_proba(part)[:, 1]
            sure.append(np.where(part["defaulted"], risk, 1 - risk))
        area = roc_auc_score(np.repeat([1, 0], 1_000), np.r_[sure[0], sure[1]])
        print(f"{seed} membership, {name}: AUC {area:.2f}")


def buckets(seed: int) -> None:
    """Print the p99 of latencies, and what three sets of buckets say it is."""
    seconds = np.random.default_rng(seed).lognormal(np.log(0.030), 0.5, 20_000)
    seconds[::40] += 0.25
    for name, ends in {
        "coarse": [0.1, 1, 10],
        "default": Histogram.DEFAULT_BUCKETS[:-1],
        "fine": [0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 1],
    }.items():
        counts = [0, *((seconds <= end).sum() for end in ends)]
        k = np.searchsorted(counts, 0.99 * len(seconds))
        share = (0.99 * len(seconds) - counts[k - 1]) / (counts[k] - counts[k - 1])
        low = [0, *ends][k - 1]
        p99 = low + share * (ends[k - 1] - low)
        print(f"{seed} p99 {np.quantile(seconds, 0.99):.3f}, {name}: {p99:.3f}")


def alerts(seed: int) -> None:
    """Print what the team's rules, burn rates and the solution of exercise 4.6-e are worth."""
    share = "rate(credit_{0}_total[{1}]) / rate(credit_applications_total[{1}])"
    errors = "rate(credit_errors_total[{0}]) / rate(credit_requests_total[{0}])"
    team = [errors.format("5m") + " > 0.01", "credit_in_flight > 30"]
    team += [share.format("missing", "1h") + " > 0.2", share.format("granted", "6h") + " < 0.5"]
    team += [share.format("out_of_range", "1h") + " > 0.05"]
    speeds = [
        f"{errors.format(long)} > {factor} * 0.001 and {errors.format(short)} > {factor} * 0.001"
        for factor, long, short in ((14.4, "1h", "5m"), (6, "6h", "30m"), (1, "3d", "6h"))
    ]
    own = {"answer": ...}
    exec(find("4.6-e").solution, own)
    for name, rules in (("team", team), ("burn rates", speeds), ("solution", own["answer"])):
        if isinstance(rules, list):
            rules = [{"alert": f"A{k}", "expr": rule} for k, rule in enumerate(rules)]
            rules = yaml.safe_dump({"groups": [{"name": "g", "rules": rules}]})
        found = score(rules, year(seed)).loc["all together"].to_dict()
        print(seed, name, {k: v if k == "missed" else round(v, 2) for k, v in found.items()})
    pages.cache_clear()
    year.cache_clear()


def main() -> None:
    """Print all tables."""
    for table in (alerts, cbpe, privacy, buckets):
        for seed in SEEDS:
            table(seed)


if __name__ == "__main__":
    main()
