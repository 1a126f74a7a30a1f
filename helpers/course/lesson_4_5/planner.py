"""Play roll-outs of a canary plan by the hundred, on errors alone; and a bandit's traffic."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

from helpers.rollout.analysis import FRACTIONS

RATE, A_DAY = 0.02, 330  # errors of the stable model; applications that Harbor Credit gets
STEPS = (0.05, 0.25, 0.5)  # the candidate's share of the users; then all
METRICS = 5  # that share alpha
RUNS = 200
_BATCH = 20  # requests of users between two looks, as a Rollout has them


@functools.lru_cache(maxsize=1_000)
def caught(
    harm: float,
    margin: float,
    requests: int,
    alpha: float,
    *,
    metrics: int = METRICS,
    steps: tuple[float, ...] = STEPS,
    seed: int = 45,
) -> np.ndarray:
    """Return after how many requests of the candidate each roll-out ended; inf: promoted.

    The bets are those of ``helpers.rollout.Evidence`` on an ``ErrorRate`` that rises by `harm`.
    """
    rng, fortune, seen = np.random.default_rng(seed), np.zeros((len(FRACTIONS), RUNS, 1)), 0
    end, limit = np.full(RUNS, np.inf), math.log(metrics / alpha)
    for step in steps:
        each, others = round(_BATCH * step), round(1 / step) - 1  # of the stable model, for one
        looks = math.ceil(requests / each)
        failed = (rng.random((RUNS, looks * each)) < RATE + harm).astype(int)
        failed_before = rng.binomial(others, RATE, failed.shape)
        worse = np.arange(2)[:, None] - np.arange(others + 1) / others
        bets = np.log1p(FRACTIONS[:, None, None] * (worse - margin) / (1 + margin))
        gains = bets.reshape(len(FRACTIONS), -1).take(failed * (others + 1) + failed_before, 1)
        fortunes = fortune + gains.cumsum(2)[:, :, each - 1 :: each]
        over = (most := fortunes.max(0)) >= limit  # else their mean is below it, too
        over[over] = most[over] + np.log(np.exp(fortunes[:, over] - most[over]).mean(0)) >= limit
        at = np.where(over.any(1), seen + each * (over.argmax(1) + 1), np.inf)
        end, fortune, seen = np.minimum(end, at), fortunes[:, :, -1:], seen + looks * each
    return end


def days(requests: int) -> float:
    """Return how long a candidate takes that is not rolled back."""
    return sum(requests / step for step in STEPS) / A_DAY


def play(
    step: Callable, worth: np.ndarray, sigma: float, *, late: int = 0, seed: int = 0
) -> np.ndarray:
    """Return which version each customer in turn gets by a `step`.

    A row of `worth` is what each version would bring; one is seen, `late` customers afterwards.
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
