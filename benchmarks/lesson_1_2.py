"""Lesson 1.2: which of 29 candidates is chosen, what is promised, and what it brings in truth.

``python -m benchmarks.lesson_1_2`` prints the table that the lesson quotes; ``--record`` writes the
file from which it and the exercise are computed, ``helpers/course/lesson_1_2/candidates.csv``.
"""

from __future__ import annotations

import sys
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.lesson_1_2 import candidates
from helpers.course.linear import NUMBERS, linear

WORLDS = range(20, 60)
_MEASURES = ["dev euro", "dev euro error", "dev log loss", "dev log loss error"]
_MEASURES += ["test euro", "test euro error", "true euro"]


def _columns(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the candidates: the burden, and the products of all pairs of numbers, standardized."""
    filled = frame[NUMBERS].fillna(frame[NUMBERS].median())
    z = (filled - filled.mean()) / filled.std()
    pairs = {f"{a} x {b}": z[a] * z[b] for a, b in combinations(NUMBERS, 2)}
    return {"burden": pd.Series(world.burden(frame), frame.index)} | pairs


def _measures(p: dict[str, np.ndarray], spans: dict[str, pd.DataFrame], seed: int, base: dict):
    row: dict[str, float] = {}
    for span, frame in spans.items():
        y = frame["defaulted"].to_numpy()
        granted, before = (world.profit(frame, q[span]) > 0 for q in (p, base))
        euro = world.profit(frame, y) * (granted.astype(int) - before)
        row[f"{span} euro"] = euro.mean()
        row[f"{span} euro error"] = euro.std() / np.sqrt(len(y))
        if span == "dev":
            surprise = [-np.log(np.where(y == 1, q[span], 1 - q[span])) for q in (base, p)]
            saved = surprise[0] - surprise[1]
            row["dev log loss"] = saved.mean()
            row["dev log loss error"] = saved.std() / np.sqrt(len(y))
        else:
            true = world.World(seed).expected_profit(frame) * (granted.astype(int) - before)
            row["true euro"] = true.mean()
    return row


def record() -> pd.DataFrame:
    """Return the measures of each candidate in each world."""
    rows = []
    for seed in WORLDS:
        here = world.World(seed)
        months = {"train": ("01", "06"), "dev": ("07", "09"), "test": ("10", "12")}
        spans = {
            name: here.applications((f"2025-{a}", f"2025-{b}")) for name, (a, b) in months.items()
        }
        more = {name: _columns(frame) for name, frame in spans.items()}
        base = linear(spans["train"])
        p = {name: base.predict_proba(spans[name])[:, 1] for name in ("dev", "test")}
        for one in more["train"]:
            frames = {name: frame.assign(new=more[name][one]) for name, frame in spans.items()}
            model = linear(frames["train"], [*NUMBERS, "new"])
            q = {name: model.predict_proba(frames[name])[:, 1] for name in ("dev", "test")}
            found = _measures(q, {name: spans[name] for name in ("dev", "test")}, seed, p)
            rows.append({"world": seed, "candidate": one, **found})
        print(seed, file=sys.stderr)
    return pd.DataFrame(rows)


def panels() -> pd.Series:
    """Return how 30 panels of five clerks compare with an imitator, as section 2 does for one."""
    here = world.World()
    train = here.applications(("2025-01", "2025-06"))
    dev = here.applications(("2025-07", "2025-09"))
    earns = here.expected_profit(dev)

    def clerks(frame: pd.DataFrame, seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        shared = 4.0 * world.burden(frame).clip(0, 0.6) + 0.45 * frame["late_payments"].clip(0, 4)
        shared += 0.5 * (frame["age"] < 30) - 0.4 * (frame["purpose"] == "home improvement")
        shared += 0.3 * (frame["employment"] != "public") - 2.6
        own = rng.normal(0, 0.25, (5, 1)) + rng.normal(0, 0.6, (5, len(frame)))
        return np.array(
            [world.profit(frame, 1 / (1 + np.exp(-(shared + one)))) <= 0 for one in own]
        )

    rows = []
    for seed in range(30):
        panel = clerks(dev, 2 * seed + 1)
        majority = panel.sum(axis=0) >= 3
        labels = clerks(train, 2 * seed + 2).sum(axis=0) >= 3
        imitator = linear(train.assign(defaulted=labels.astype(int))).predict(dev) > 0.5
        rows.append(
            {
                "imitator agrees": np.mean(imitator == majority),
                "a clerk agrees": np.mean(panel == majority),
                "imitator earns more": np.mean(earns * ~imitator) > np.mean(earns * ~majority),
            }
        )
    table = pd.DataFrame(rows)
    table["agrees better"] = table["imitator agrees"] > table["a clerk agrees"]
    return table.astype(float).mean()


def main() -> None:
    if "--record" in sys.argv:
        table = record()
        table[_MEASURES] = table[_MEASURES].round(5)
        table.to_csv(Path(candidates.__file__).parent / "candidates.csv", index=False)
    print(candidates.compared().round(1).to_string())
    print(panels().round(3).to_string())


if __name__ == "__main__":
    main()
