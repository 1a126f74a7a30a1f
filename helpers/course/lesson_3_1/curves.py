"""Learning curves: made-up ones to try out plans of halving, and those of 108 networks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.course.exercises.calls import ReplyError


class Bench:
    """Candidates, of which slow learners end higher on average, and the epochs that they took."""

    def __init__(self, n: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.speed = np.exp(rng.uniform(np.log(0.1), np.log(2.0), n))
        self.final = 0.775 - 0.008 * np.log(self.speed) - rng.exponential(0.08, n)
        self.candidates = [f"candidate {i}" for i in range(n)]
        self.noise = rng.normal(0, 0.002, n)
        self.trained: dict[int, int] = {}
        self.calls: set[tuple[int, int]] = set()

    def train(self, candidate: str, epochs: int) -> float:
        """Train on to so many epochs in all, and return the validation AUC."""
        if candidate not in self.candidates:
            raise ReplyError(f"train(candidate, epochs) was given {candidate!r} as the candidate.")
        trial = self.candidates.index(candidate)
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
def regret(candidates: int, first: int, factor: int, worlds: range = range(100)) -> tuple:
    """Return how far below the best of 81 a plan ends on average, and the epochs it spends."""
    lost, spent = [], []
    for seed in worlds:
        bench = Bench(81, seed)
        left = halve(bench.candidates[:candidates], bench.train, first, factor)
        lost.append(bench.final.max() - bench.final[bench.candidates.index(left)])
        spent.append(bench.spent)
    return float(np.mean(lost)), float(np.mean(spent))


def networks() -> pd.DataFrame:
    """Return the learning curves of 108 networks, one for each ``(learning_rate, units, l2)``.

    The columns 1 to 27 are the AUC on 500 validation rows after so many epochs; ``"true_1"``,
    ``"true_3"``, ``"true_9"`` and ``"true_27"`` are the true AUC.
    """
    frame = pd.read_csv(Path(__file__).with_name("networks.csv"), index_col=[0, 1, 2])
    return frame.rename(columns={str(epoch): epoch for epoch in range(1, 28)})
