"""What lesson 3.3 tells about batches, stale gradients and distillation, over five seeds.

``python -m benchmarks.lesson_3_3`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them. The loss is of 2025, money is counted by
the exact expectation of 2027, in euro for each application. Times are not measured here.
"""

from __future__ import annotations

import os
import sys

import numpy as np

from benchmarks.ranges import show
from helpers import world
from helpers.base.stats import auc
from helpers.course.lesson_3_3.view import Plan, minutes
from helpers.course.linear import features

TWO = Plan(workers=2)
FIVE = Plan(workers=5, batch=4_096, reads=4, prefetch=True, cache=True, spares=1)


def gradient(w, X, y):
    return X.T @ (1 / (1 + np.exp(-X @ w)) - y) / len(y)


def epoch(X, y, Z, z, batch, rate, delay=0):
    """Return the log-loss on Z of one epoch on X, with gradients that are some steps old."""
    w = np.zeros(X.shape[1])
    seen = [w] * (delay + 1)
    order = np.random.default_rng(1).permutation(len(X))
    for rows in np.split(order[: len(X) // batch * batch], len(X) // batch):
        w = w - rate * gradient(seen.pop(0), X[rows], y[rows])
        seen.append(w)
    p = 1 / (1 + np.exp(-Z @ w))
    return -np.mean(z * np.log(p) + (1 - z) * np.log(1 - p))


def measure(seed):
    """Yield the name and the value of everything that is quoted, for one world."""
    lender = world.World(seed)
    frames = [lender.applications((f"{year}-01", f"{year}-12")) for year in (2024, 2025, 2027)]
    prepare = features().fit(frames[0])
    X, U, T = (prepare.transform(frame).astype("float32") for frame in frames)
    y, later = (frame["defaulted"].to_numpy("float32") for frame in frames[:2])
    for workers in (1, 4, 16, 64):
        yield f"batch {64 * workers}, rate .02", epoch(X, y, U, later, 64 * workers, 0.02)
        yield f"batch {64 * workers}, scaled", epoch(X, y, U, later, 64 * workers, 0.02 * workers)
    for rate in (0.02, 0.1, 0.5):
        for delay in (0, 4, 16):
            yield f"rate {rate}, delay {delay}", epoch(X, y, U, later, 64, rate, delay)
    for name, plan in {"one": Plan(), "two": TWO, "five": FIVE}.items():
        yield f"night of {name}: 95 of 100", np.percentile(minutes(plan, seed=seed), 95)
    if "--quick" in sys.argv:
        return

    import keras

    def fit(units, X, target, epochs, batch=250):
        keras.utils.set_random_seed(1)
        layers = [keras.layers.Dense(n, "relu") for n in units]
        last = keras.layers.Dense(1, "sigmoid")
        model = keras.Sequential([keras.Input((X.shape[1],)), *layers, last])
        model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy")
        model.fit(X, target, epochs=epochs, batch_size=batch, verbose=0)
        return lambda rows: model.predict(rows, verbose=0, batch_size=4_000)[:, 0]

    test = frames[2]
    worth, few = lender.expected_profit(test), slice(0, 2_000)
    teacher = fit((64, 64), X, y, 5, batch=500)
    truth = lender.default_probability(frames[1]).astype("float32")
    students = {
        "2,000 labels": (X[few], y[few], 20),
        "teacher, the same 2,000": (X[few], teacher(X[few]), 20),
        "24,000 labels": (X, y, 4),
        "teacher, 24,000 unlabelled": (U, teacher(U), 4),
        "oracle, 24,000 unlabelled": (U, truth, 4),
    }
    scores = {"teacher": teacher(T)}
    scores |= {name: fit((8,), *data)(T) for name, data in students.items()}
    for name, p in scores.items():
        yield f"{name}: AUC", auc(test["defaulted"], p)[0][0]
        yield f"{name}: euro", np.mean(worth * (world.profit(test, p) > 0))


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    show(measure)
