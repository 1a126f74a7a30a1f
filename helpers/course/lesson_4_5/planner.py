"""Play roll-outs of a canary plan by the hundred, on errors alone."""

from __future__ import annotations

import functools
import math

import numpy as np

from helpers.rollout.analysis import FRACTIONS

RATE = 0.02  # errors of the stable model
STEPS = (0.05, 0.25, 0.5)  # the candidate's share of the users; then all
METRICS = 5  # that share alpha
A_DAY = 330  # applications that Harbor Credit gets
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
    runs: int = RUNS,
    seed: int = 45,
) -> np.ndarray:
    """Return after how many requests of the candidate each roll-out was rolled back.

    Infinite where it was promoted. The bets are those of ``helpers.rollout.Evidence`` on an
    ``ErrorRate``, all runs at once; `harm` and `margin` say how many more of the candidate's
    requests fail and may fail, `metrics` among how many `alpha` is divided.
    """
    rng, fortune, seen = np.random.default_rng(seed), np.zeros((runs, 1, len(FRACTIONS))), 0
    end = np.full(runs, np.inf)
    for step in steps:
        each, others = round(_BATCH * step), round(1 / step) - 1  # of the stable model, for one
        looks = math.ceil(requests / each)
        failed = (rng.random((runs, looks * each)) < RATE + harm).astype(int)
        failed_before = rng.binomial(others, RATE, failed.shape)
        worse = np.arange(2)[:, None] - np.arange(others + 1) / others
        bets = np.log1p(FRACTIONS * ((worse - margin) / (1 + margin))[..., None])
        gains = bets[failed, failed_before].reshape(runs, looks, each, -1).sum(2)
        fortunes = fortune + gains.cumsum(1)
        over = np.exp(np.minimum(fortunes, 500)).mean(2) >= metrics / alpha
        at = np.where(over.any(1), seen + each * (over.argmax(1) + 1), np.inf)
        end, fortune, seen = np.minimum(end, at), fortunes[:, -1:], seen + looks * each
    return end


def missed(harm: float, margin: float, requests: int, alpha: float) -> float:
    """Return the share of the roll-outs in which the candidate was promoted."""
    return float(np.isinf(caught(harm, margin, requests, alpha)).mean())


def days(requests: int) -> float:
    """Return how long a candidate takes that is not rolled back."""
    return sum(requests / step for step in STEPS) / A_DAY
