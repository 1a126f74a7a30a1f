"""What lesson 1.4 tells about brakes, retraining and detectors, over five seeds of the world.

``python -m benchmarks.lesson_1_4`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them; million euro a year, if nothing else.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from river.drift import ADWIN, PageHinkley
from sklearn.base import clone

from benchmarks.ranges import show
from helpers import drift, world
from helpers.course.lesson_1_4.worlds import applications, gain, model, residuals
from helpers.course.linear import linear

CALM_DAYS = slice("2026-01", "2026-09")
BRAKES = {
    "x2, for ever": lambda signs: 2 if (signs["early_arrears"] > 0.03).any() else 1,
    "grows with the sign": lambda signs: (
        1.0 if signs.empty else np.clip(1 + 15 * signs["early_arrears"].tail(2).mean(), 1, 3)
    ),
}


def earned(frame, risk):
    """Return million euro a year, by the true probability."""
    expected = world.profit(frame, frame["probability"].to_numpy())
    return 0.12 * np.mean(expected * (world.profit(frame, np.minimum(risk, 1)) > 0))


def of_a_seed(seed):
    """Yield names and numbers."""
    for strength, what in ((1, "recession"), (0.5, "mild recession"), (0, "calm")):
        frame = applications(seed, "2027-01", "2027-12", strength, 1_000)
        nothing = earned(frame, frame["risk"])
        yield f"{what}: never", nothing
        for factor in (1.5, 2, 3):
            yield f"{what}: x{factor} minus never", earned(frame, factor * frame["risk"]) - nothing
    past = world.World(seed).applications(("2024-01", "2025-12"))
    future = applications(seed, "2028-01", "2028-12", 1, 1_000)
    since = applications(seed, "2026-10", "2026-12", 1)
    since = since[world.profit(since, since["risk"].to_numpy()) > 0].sample(frac=1, random_state=0)
    old = earned(future, future["risk"])
    yield "2028: never", old
    everything = pd.concat([past, applications(seed, "2026-01", "2026-12", 1)])
    yield "2028: retrained on all", earned(future, linear(everything).predict_proba(future)[:, 1])
    for n in (50, 100, 300, 1_000, 3_000):
        few = since[:n]
        level = few["defaulted"].mean() / few["risk"].mean()
        fitted = clone(model()).fit(few, few["defaulted"])
        yield f"2028: level from {n} loans", earned(future, level * future["risk"])
        yield f"2028: model from {n} loans", earned(future, fitted.predict_proba(future)[:, 1])
    stream = residuals(seed)
    for name, detector in {
        "ADWIN": ADWIN(),
        **{f"Page-Hinkley {height}": PageHinkley(threshold=height) for height in (50, 75, 100)},
    }.items():
        score = drift.monitor(stream, detector, times=stream.index).score("2026-10-01")
        yield f"{name}: false alarms to September", score.false_alarms
        yield f"{name}: delay in days, mild recession", score.delay_days
    for name, brake in BRAKES.items():
        for kind in ("severe", "mild", "ends", "calm"):
            yield f"brake {name}: {kind}", gain(brake, kind, (seed,))


if __name__ == "__main__":
    show(of_a_seed)
