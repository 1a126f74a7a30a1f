"""Candidates whose learning curves are made up, to try out plans of successive halving."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from helpers.course.exercises.calls import ReplyError


class Bench:
    """Candidates, of which slow learners end higher on average, and the epochs that they took."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.speed = np.exp(rng.uniform(np.log(0.2), np.log(3.0), n))
        self.final = 0.775 - 0.006 * np.log(self.speed) - rng.exponential(0.03, n)
        self.candidates = [{"trial": i, "speed": round(float(self.speed[i]), 3)} for i in range(n)]
        self.noise = rng.normal(0, 0.002, n)
        self.trained: dict[int, int] = {}
        self.calls: set[tuple[int, int]] = set()

    def train(self, candidate: dict[str, Any], epochs: int) -> float:
        """Train on to so many epochs in all, and return the validation AUC."""
        if not isinstance(candidate, dict) or "trial" not in candidate:
            raise ReplyError(f"train(candidate, epochs) was given {candidate!r} as the candidate.")
        trial = candidate["trial"]
        self.calls.add((trial, int(epochs)))
        self.trained[trial] = max(self.trained.get(trial, 0), int(epochs))
        at_end = self.final[trial] + self.noise[trial]
        return float(at_end - 0.1 * np.exp(-self.speed[trial] * int(epochs)))

    @property
    def spent(self) -> int:
        """Return the epochs that were spent so far."""
        return sum(self.trained.values())


def halve(candidates: list, train: Callable[[Any, int], float], first: int, factor: int) -> Any:
    """Return the winner of successive halving: keep the best part, and train those on."""
    if factor < 2:
        raise ValueError(f"factor is {factor}; expected at least 2, or no candidate is dropped")
    epochs = first
    while len(candidates) > 1:
        ranked = sorted(candidates, key=lambda one: train(one, epochs), reverse=True)
        candidates = ranked[: max(1, len(ranked) // factor)]
        epochs *= factor
    return candidates[0]


@functools.cache
def regret(
    candidates: int, first: int, factor: int, worlds: range = range(60)
) -> tuple[float, float]:
    """Return how far below the best of 81 a plan ends on average, and the epochs it spends."""
    lost, spent = [], []
    for seed in worlds:
        bench = Bench(81, seed)
        left = halve(bench.candidates[:candidates], bench.train, first, factor)
        lost.append(bench.final.max() - bench.final[left["trial"]])
        spent.append(bench.spent)
    return float(np.mean(lost)), float(np.mean(spent))
