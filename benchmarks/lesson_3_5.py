"""What lesson 3.5 tells about a lender's fairness, over five seeds of the world.

``python -m benchmarks.lesson_3_5`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them. Shares are in percent, prices in euro for
each application, against the policy in force.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from fairlearn.reductions import DemographicParity, ExponentiatedGradient
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.ranges import SEEDS, show
from helpers import world
from helpers.course.lesson_3_5.exercises import effect
from helpers.course.linear import features, linear

ROWS = 4_000  # that the mitigation is fitted to, as in the lesson


def constrained(train: pd.DataFrame, bound: float) -> ExponentiatedGradient:
    """Return the exponentiated gradient of the lesson, fitted."""
    last = LogisticRegression(solver="newton-cholesky", class_weight="balanced")
    fitted = ExponentiatedGradient(
        make_pipeline(features(), last),
        DemographicParity(difference_bound=bound),
        sample_weight_name="logisticregression__sample_weight",
    )
    train = train[:ROWS]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fitted.fit(train, 1 - train["defaulted"], sensitive_features=train["sex"])


def helped(loans: pd.DataFrame, score: np.ndarray) -> np.ndarray:
    """Return the decisions of the solution of exercise 3.5-f."""
    return world.profit(loans, 1 - score) + 255 * np.log(30_000 / loans["income"]) > 0


def measure(seed: int) -> Iterator[tuple[str, float]]:
    """Yield the name and the value of everything that is quoted, for one world."""
    lender = world.World(seed)
    train, test = (
        lender.applications(half) for half in (("2025-01", "2025-06"), ("2025-07", "2025-12"))
    )
    score = 1 - linear(train).predict_proba(test)[:, 1]
    granted, women = world.profit(test, 1 - score) > 0, (test["sex"] == "female").to_numpy()
    money = world.profit(test, test["defaulted"].astype(float))

    def gap(decided: np.ndarray, among: np.ndarray | bool = True) -> float:
        return 100 * (decided[~women & among].mean() - decided[women & among].mean())

    yield "gap of the policy in force", gap(granted)
    yield "euro in force", (money * granted).mean()
    fifth = pd.qcut(test["income"], 5, labels=False).to_numpy()
    at_equal = [gap(granted, fifth == i) for i in range(5)]
    yield "mean gap at equal income, five bands", float(np.mean(at_equal))
    residual = 1 - test["defaulted"] - score
    east, late = test["region"] == "East", test["late_payments"] > 0
    yield "calibration gap, East with late payments", 100 * residual[east & late].mean()
    yield "calibration gap, elsewhere with late payments", 100 * residual[~east & late].mean()

    def prices(name: str, decided: np.ndarray) -> Iterator[tuple[str, float]]:
        yield f"{name}: gap", gap(decided)
        yield f"{name}: price", (money * (granted.astype(int) - decided)).mean()

    fitted = constrained(train, 0.01)
    yield from prices("by lot", fitted.predict(test, random_state=0))
    yield "weight of the main member", 100 * fitted.weights_.max()
    for bound in (0.01, 0.02, 0.03, 0.05):
        fitted = constrained(train, bound)
        member = fitted.predictors_[fitted.weights_.idxmax()]
        yield from prices(f"main member, bound {bound}", member.predict(test))
        if bound == 0.02 and seed == SEEDS[0]:
            found = effect(lambda loans, score, member=member: member.predict(loans))
            yield "its gap in the worlds of 3.5-f", 100 * found.gap
            yield "its cost in the worlds of 3.5-f", found.cost
    yield from prices("help by income", helped(test, score))


if __name__ == "__main__":
    show(measure)
