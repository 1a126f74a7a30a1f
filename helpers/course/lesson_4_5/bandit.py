"""Divide traffic between versions by what they have earned so far."""

from collections.abc import Callable

import numpy as np

Step = Callable[[np.ndarray, np.ndarray, float, np.random.Generator], int]


def play(
    step: Step, worth: np.ndarray, sigma: float, *, late: int = 0, seed: int = 0
) -> np.ndarray:
    """Return which version each customer in turn gets.

    Parameters
    ----------
    step : callable
        Takes how many outcomes of each version are known, their means, the standard deviation of
        an outcome and a random generator; returns the number of a version.
    worth : array of float, shape (customers, versions)
        What each customer would bring with each version; one of them is seen.
    sigma : float
        Standard deviation of an outcome.
    late, seed : int, default 0
        Customers that come between a decision and its outcome; seed of the generator.
    """
    rng, given = np.random.default_rng(seed), np.zeros(len(worth), int)
    n, total = np.ones(worth.shape[1]), np.zeros(worth.shape[1])  # as if one had brought 0
    for i in range(len(worth)):
        given[i] = step(n.copy(), total / n, sigma, rng)
        if (known := i - late) >= 0:
            n[given[known]] += 1
            total[given[known]] += worth[known, given[known]]
    return given


def thompson(n: np.ndarray, mean: np.ndarray, sigma: float, rng: np.random.Generator) -> int:
    """Return the version that Thompson sampling gives to the next customer."""
    return int(np.argmax(rng.normal(mean, sigma / np.sqrt(n))))
