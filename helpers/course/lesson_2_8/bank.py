"""The lender in a recession, ready for many label sets: what a model of each of them earns."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from helpers import world
from helpers.course.linear import features

SOURCES = list(world.SIGNS)


def fit(X: np.ndarray, label: Any) -> LogisticRegression:
    """Return the linear model of labels or probabilities; each row counts on both sides."""
    label = np.asarray(label, float)
    weight, side = np.r_[label, 1 - label], np.repeat([1, 0], len(label))
    used = weight > 0
    model = LogisticRegression(solver="newton-cholesky", tol=1e-6)
    return model.fit(np.vstack([X, X])[used], side[used], weight[used])


def log_odds(p: Any) -> np.ndarray:
    """Return the log-odds of probabilities, finite also at 0 and 1."""
    p = np.clip(p, 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def label_model(
    votes: np.ndarray, X: np.ndarray | None = None, steps: int = 25
) -> tuple[np.ndarray, np.ndarray]:
    """Return each loan's probability of default by EM, and the hit rates it believes in.

    Without features every loan has the same prior (Dawid and Skene 1979); with them the prior is
    the linear model's, fitted to the probabilities of the step before (Raykar and others 2010).
    """
    p = np.where(votes.any(axis=1), 0.7, 0.2)
    for _ in range(steps):
        hit, false = (np.clip(w @ votes / w.sum(), 1e-3, 1 - 1e-3) for w in (p, 1 - p))
        prior = p.mean() if X is None else fit(X, p).predict_proba(X)[:, 1]
        score = log_odds(prior) + votes @ np.log(hit / false)
        p = 1 / (1 + np.exp(-score - (1 - votes) @ np.log((1 - hit) / (1 - false))))
    return p, hit


def platt(hand: np.ndarray, outcome: np.ndarray, risk: np.ndarray) -> np.ndarray:
    """Return risks with the level and slope of hand-labelled loans (Platt 1999).

    `hand` and `outcome` are what was stated about these and what became of them.
    """
    line = LogisticRegression(C=1e3).fit(log_odds(hand)[:, None], outcome)
    return line.predict_proba(log_odds(risk)[:, None])[:, 1]


class Bank:
    """A recession: loans with early signs (`new`), and those to decide on half a year later.

    Attributes
    ----------
    X, X_test, y : numpy.ndarray
        Features of the new loans and of those to decide on; true outcomes of the new ones.
    """

    def __init__(self, seed: int = 2025) -> None:
        self.seed, self.lender = seed, world.World(seed, changes=("recession",))
        months = (("2026-10", "2026-11"), ("2027-04", "2027-09"))
        self.new, self.test = map(self.lender.applications, months)
        self.prepare = features()
        self.X = self.prepare.fit_transform(self.new)
        self.X_test = self.prepare.transform(self.test)
        self.y = self.new["defaulted"].to_numpy()
        self._worth = self.lender.expected_profit(self.test)
        self.best = float(np.mean(np.maximum(self._worth, 0)))

    def votes(self, **how: Any) -> np.ndarray:
        """Return what the four sources say about the new loans; `how` is as for early_signs."""
        return world.early_signs(self.new, seed=self.seed, **how)[SOURCES].to_numpy()

    def labels(self, votes: np.ndarray, vote: str) -> np.ndarray:
        """Return labels from votes by "any", "majority" (at least two) or "label model"."""
        if vote == "label model":
            return label_model(votes, self.X)[0]
        return (votes.sum(axis=1) >= {"any": 1, "majority": 2}[vote]).astype(float)

    def risk(self, label: Any, rows: Any = slice(None)) -> np.ndarray:
        """Return the risk of the loans to decide on, from a model of these labels."""
        return fit(self.X[rows], label).predict_proba(self.X_test)[:, 1]

    def earned(self, risk: np.ndarray) -> float:
        """Return what lending by these risks earns, in euro an application."""
        return float(np.mean(self._worth * (world.profit(self.test, risk) > 0)))


bank = cache(Bank)
