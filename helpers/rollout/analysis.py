r"""A test of a candidate against the stable model that may be looked at after every batch.

A classical test is valid once, at the end. If you test after every batch and stop at the first
significant result, you roll back good models far more often than 5 % of the time. The tests here
are bets: for each metric a player starts with 1 and bets, again and again, that the candidate's
next few requests will be worse than the stable model's at the same moment. If the candidate is not
worse, no strategy makes money on average, so by Ville's inequality the chance that the fortune
*ever* reaches 1/a is at most a. The fortune is the evidence. With m metrics the limit of each is
m / alpha: whatever the number of looks, steps and requests, the chance to roll back a candidate
that is not worse on any metric is at most alpha over the whole roll-out.

In a bet, x is the mean badness of some requests of the candidate minus that of the stable model's
requests at the same moment; badness is between 0 and 1. It multiplies the fortune by
:math:`1 + f\,(x - \text{margin}) / (1 + \text{margin})`; the evidence is the mean of the fortunes
of players with different f. Comparing moment by moment also keeps a change of the traffic, or of
its split, from looking like a difference between the models.

The guarantee assumes that requests are assigned to the two models at random. Where users stay with
a model, users are assigned at random and requests are not, so a roll-out counts one request per
user and step as evidence.

Sources: Ville (1939); Waudby-Smith and Ramdas (2024), "Estimating means of bounded random variables
by betting", JRSS B 86(1); Shafer (2021), "Testing by betting", JRSS A 184(2); on peeking at A/B
tests: Johari, Koomen, Pekelis and Walsh (2017), "Peeking at A/B tests", KDD.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

# Shares of the fortune that the players bet: small shares find small differences, large ones find
# large differences soon. None bets everything, so that no single request ruins a player.
FRACTIONS = np.array([0.02, 0.05, 0.1, 0.2, 0.35, 0.6, 0.9])
REFERENCE = 50  # requests of the stable model that percentiles and ranks need
_REMEMBERED = 1_000


@dataclass(frozen=True)
class Sample:
    """Requests of a model in a batch, in the order in which they came.

    Parameters
    ----------
    error : array of bool, shape (n,)
        No answer, a status from 400 on, or a prediction that is not finite.
    latency_ms : array of float, shape (n,), optional
        NaN where there was no answer.
    score : array of float, shape (n,), optional
        Mean score of a request's instances; NaN where there is none.
    value : array of float, shape (n,), optional
        Value of the business metric; NaN where it is not known.
    """

    error: np.ndarray
    latency_ms: np.ndarray | None = None
    score: np.ndarray | None = None
    value: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.error)
        for name in ("latency_ms", "score", "value"):
            given = getattr(self, name)
            object.__setattr__(self, name, np.full(n, np.nan) if given is None else given)
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {len(given)} values, error has {n}; expected {n}")

    def __len__(self) -> int:
        return len(self.error)


_NOTHING = Sample(np.zeros(0, bool))


@dataclass(frozen=True)
class Batch:
    """The requests since the last look.

    Parameters
    ----------
    stable, candidate : Sample
        The answers to users; in a step of weight 0, the candidate's mirrored requests.
    pairs : array of float, shape (n, 2), optional
        Scores of the same instance by the stable model and by the candidate, from mirroring.
    request : array of int, shape (n,), optional
        Request to which each pair belongs, if requests have several instances: these count as one
        observation, since they may be alike.
    down_s : float, default 0.0
        Seconds for which the candidate has not answered at all.
    """

    stable: Sample = _NOTHING
    candidate: Sample = _NOTHING
    pairs: np.ndarray = field(default_factory=lambda: np.zeros((0, 2)))
    request: np.ndarray | None = None
    down_s: float = 0.0


@dataclass(frozen=True)
class Memory:
    """Earlier batches of the stable model, which define what "slow" and "high" mean.

    The batch that is judged is never included: a limit chosen after seeing the requests that it
    judges would break the test's guarantee.
    """

    latency_ms: np.ndarray = field(default_factory=lambda: np.zeros(0))
    score: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def with_(self, sample: Sample) -> Memory:
        """Return a memory with this sample, and without the oldest requests."""

        def longer(old: np.ndarray, new: np.ndarray) -> np.ndarray:
            return np.concatenate([old, new[np.isfinite(new)]])[-_REMEMBERED:]

        return Memory(longer(self.latency_ms, sample.latency_ms), longer(self.score, sample.score))


Pair = tuple[np.ndarray, np.ndarray]


def _check_margin(margin: float) -> None:
    if not 0 <= margin < 1:
        raise ValueError(f"margin is {margin!r}; expected a share, at least 0 and less than 1")


class Metric(ABC):
    """A way in which a candidate can be worse; up to `margin` it does not matter."""

    margin: float
    lowest: ClassVar[float] = -1.0  # possible difference of two badnesses
    sides: ClassVar[tuple[str, ...]] = ("",)  # directions in which it can be worse

    @property
    @abstractmethod
    def name(self) -> str:
        """Name in tables."""

    @abstractmethod
    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return the badness of requests, stable and candidate, 0 to 1, shape (n, sides)."""

    def readable(self, badness: float) -> float:
        """Return a mean badness in the metric's own unit."""
        return badness

    @property
    def scaled_margin(self) -> float:
        """The margin on the scale of the badness."""
        return self.margin


@dataclass(frozen=True)
class ErrorRate(Metric):
    """Share of requests that fail or get a prediction that is not a number.

    Parameters
    ----------
    margin : float, default 0.005
        By how much the candidate's share may be larger.
    """

    margin: float = 0.005
    name: ClassVar[str] = "errors"

    def __post_init__(self) -> None:
        _check_margin(self.margin)

    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return 1 for each error."""
        return _column(batch.stable.error), _column(batch.candidate.error)


@dataclass(frozen=True)
class Latency(Metric):
    """Share of slow answers, compared with a percentile of the stable model's latency.

    Parameters
    ----------
    percentile : float, default 95
        Of the stable model's latencies so far; 50 is about all requests, 99 about the slowest.
    factor : float, default 1.5
        An answer is slow from this many times that latency on.
    limit_ms : float, optional
        A limit in milliseconds instead, such as a service-level objective.
    margin : float, default 0.05
        By how much the candidate's share of slow answers may be larger.
    """

    percentile: float = 95
    factor: float = 1.5
    limit_ms: float | None = None
    margin: float = 0.05

    def __post_init__(self) -> None:
        _check_margin(self.margin)
        if not 0 < self.percentile < 100:
            raise ValueError(f"percentile is {self.percentile!r}; expected more than 0, under 100")
        if not self.factor >= 1:
            raise ValueError(f"factor is {self.factor!r}; expected 1 or more")
        if self.limit_ms is not None and not self.limit_ms > 0:
            raise ValueError(f"limit_ms is {self.limit_ms!r}; expected milliseconds, more than 0")

    @property
    def name(self) -> str:
        """Name in tables, with the definition of "slow"."""
        if self.limit_ms is not None:
            return f"slower than {self.limit_ms:g} ms"
        return f"slower than {self.factor:g} × stable's p{self.percentile:g}"

    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return 1 for each slow answer."""
        limit = self.limit_ms
        if limit is None:
            if len(memory.latency_ms) < REFERENCE:
                return None
            limit = self.factor * np.quantile(memory.latency_ms, self.percentile / 100)
        parts = (batch.stable.latency_ms, batch.candidate.latency_ms)
        stable, candidate = (_column(part[np.isfinite(part)] > limit) for part in parts)
        return stable, candidate


@dataclass(frozen=True)
class ScoreShift(Metric):
    """How far the distribution of the candidate's scores is from the stable model's.

    A score is replaced by its rank among the stable model's earlier scores, 0 to 1, so that no
    assumption on their distribution is needed. Four bets look for higher, lower, wider and
    narrower scores; the evidence is their mean.

    Parameters
    ----------
    margin : float, default 0.1
        By how much the mean rank may differ: with 0.1, a random score of the candidate is higher
        than a random score of the stable model in 40 to 60 of 100 cases.
    """

    margin: float = 0.1
    name: ClassVar[str] = "score shift"
    sides: ClassVar[tuple[str, ...]] = ("higher", "lower", "wider", "narrower")

    def __post_init__(self) -> None:
        _check_margin(self.margin)

    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return rank, reverse rank, distance from the middle, and 1 minus that distance."""
        if len(memory.score) < REFERENCE:
            return None
        known = np.sort(memory.score)

        def sides(score: np.ndarray) -> np.ndarray:
            score = score[np.isfinite(score)]
            below = np.searchsorted(known, score, "left") + np.searchsorted(known, score, "right")
            rank = below / (2 * len(known))
            spread = np.abs(2 * rank - 1)
            return np.column_stack([rank, 1 - rank, spread, 1 - spread])

        return sides(batch.stable.score), sides(batch.candidate.score)


@dataclass(frozen=True)
class Disagreement(Metric):
    """Share of mirrored predictions that differ from the stable model's for the same instance.

    A better model must differ somewhere; this guards against a model that differs everywhere.

    Parameters
    ----------
    tolerance : float, default 0.1
        Difference of two scores that still counts as agreement.
    threshold : float, optional
        Compare decisions (score at least the threshold) instead of scores.
    margin : float, default 0.1
        Share that may differ; more than 0.
    """

    tolerance: float = 0.1
    threshold: float | None = None
    margin: float = 0.1
    lowest: ClassVar[float] = 0.0

    def __post_init__(self) -> None:
        _check_margin(self.margin)
        if not self.margin > 0:
            raise ValueError("margin is 0, but two models never agree always; expected more")
        if not self.tolerance >= 0:
            raise ValueError(f"tolerance is {self.tolerance!r}; expected 0 or more")

    @property
    def name(self) -> str:
        """Name in tables, with what is compared."""
        return "scores differ" if self.threshold is None else "decisions differ"

    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return the share of each request that differs; stable never differs from itself."""
        stable, candidate = batch.pairs[:, 0], batch.pairs[:, 1]
        if self.threshold is None:
            differ = ~(np.abs(candidate - stable) <= self.tolerance)
        else:
            differ = (candidate >= self.threshold) != (stable >= self.threshold)
        if batch.request is not None and len(differ):
            _, of = np.unique(batch.request, return_inverse=True)
            differ = np.bincount(of, differ) / np.bincount(of)
        return np.zeros((len(differ), 1)), _column(differ)


@dataclass(frozen=True)
class Business(Metric):
    """What a request is worth, such as the profit of a decision in euro; more is better.

    Parameters
    ----------
    low, high : float
        Least and most that one request can be worth; values beyond are clipped.
    value : callable, optional
        Takes observations (see ``Router.observations``) and returns a value for each row, NaN where
        it is not known.
    margin : float, default 0.0
        By how much less the candidate may be worth on average, in the value's unit.
    title : str, default "business value"
        Name in tables.
    """

    low: float
    high: float
    value: Callable[[pd.DataFrame], np.ndarray] | None = None
    margin: float = 0.0
    title: str = "business value"

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise ValueError(f"low is {self.low!r} and high {self.high!r}; expected low < high")
        _check_margin(self.scaled_margin)

    @property
    def name(self) -> str:
        """Name in tables: the title."""
        return self.title

    @property
    def scaled_margin(self) -> float:
        """The margin as a share of the range."""
        return self.margin / (self.high - self.low)

    def badness(self, batch: Batch, memory: Memory) -> Pair | None:
        """Return how far values are from the best, as a share of the range."""

        def scaled(value: np.ndarray) -> np.ndarray:
            value = np.clip(value[~np.isnan(value)], self.low, self.high)
            return _column((self.high - value) / (self.high - self.low))

        return scaled(batch.stable.value), scaled(batch.candidate.value)

    def readable(self, badness: float) -> float:
        """Return the value."""
        return self.high - badness * (self.high - self.low)


STANDARD = (ErrorRate(), Latency(50), Latency(95), ScoreShift(), Disagreement())


@dataclass(frozen=True)
class Analysis:
    """How a candidate is judged.

    Parameters
    ----------
    metrics : tuple of Metric
        By default errors, two latencies, score shift and disagreement.
    alpha : float, default 0.05
        Chance to roll back a candidate that is not worse on any metric (by more than its margin),
        over the whole roll-out, however often you look.
    step_requests : int, default 200
        Requests of the candidate after which a step without a verdict is passed.
    dead_s : float, default 2.0
        A candidate that has not answered for this many seconds is rolled back.

    Examples
    --------
    >>> Analysis((ErrorRate(), Latency(95)), alpha=0.05).limit
    40.0
    """

    metrics: tuple[Metric, ...] = STANDARD
    alpha: float = 0.05
    step_requests: int = 200
    dead_s: float = 2.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(self.metrics))
        for metric in self.metrics:
            if not isinstance(metric, Metric):
                raise TypeError(f"metrics has {metric!r}; expected metrics, such as ErrorRate()")
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"metrics are {names}; expected at least one, and none twice")
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha!r}; expected a chance between 0 and 1")
        if self.step_requests < 1:
            raise ValueError(f"step_requests is {self.step_requests!r}; expected 1 or more")
        if not self.dead_s > 0:
            raise ValueError(f"dead_s is {self.dead_s!r}; expected seconds, more than 0")

    @property
    def limit(self) -> float:
        """Evidence on a metric that rolls back: the number of metrics divided by alpha."""
        return len(self.metrics) / self.alpha


class Evidence:
    """The evidence so far, batch by batch; pure computation, without a clock or a server.

    Examples
    --------
    >>> evidence = Evidence(Analysis((ErrorRate(),)))
    >>> good, bad = np.zeros(40, bool), np.ones(40, bool)
    >>> evidence.add(Batch(Sample(good), Sample(bad)))
    >>> evidence.guilty()
    'errors: 100.0 % against 0.0 %'
    """

    def __init__(self, analysis: Analysis) -> None:
        self.analysis = analysis
        self._memory = Memory()
        self._bets = [_Bets(metric) for metric in analysis.metrics]

    def add(self, batch: Batch) -> None:
        """Let the players bet on a batch."""
        for bets in self._bets:
            badness = bets.metric.badness(batch, self._memory)
            if badness is not None:
                bets.add(*badness)
        self._memory = self._memory.with_(batch.stable)

    def against(self) -> dict[str, float]:
        """Return the evidence against the candidate on each metric; it starts at 1."""
        return {bets.metric.name: bets.evidence for bets in self._bets}

    def guilty(self) -> str | None:
        """Return on which metric the candidate is worse, if the evidence reaches the limit."""
        worst = max(self._bets, key=lambda bets: bets.log_evidence)
        if worst.log_evidence < math.log(self.analysis.limit):
            return None
        return worst.reason()

    def to_frame(self) -> pd.DataFrame:
        """Return the comparison on each metric.

        Returns
        -------
        pandas.DataFrame
            A row for each metric: ``stable`` and ``candidate`` (means over compared requests, in
            the metric's unit), ``compared`` (groups of requests), ``worse by`` and ``at least`` /
            ``at most`` (bounds that hold at every look, each with probability 1 - alpha / number
            of metrics), ``allowed`` (the margin), ``evidence`` and ``limit``. The differences of a
            business metric are in its unit, and a positive one is worse.
        """
        level = len(self._bets) / self.analysis.alpha
        rows = {bets.metric.name: bets.row(level) for bets in self._bets}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric")


class _Bets:
    """The players of one metric."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        sides = len(metric.sides)
        self._log = np.zeros((len(FRACTIONS), sides))  # of each player's fortune
        self._differences = [np.zeros((0, sides))]
        self._sums = np.zeros((2, sides))
        self._counts = np.zeros(2)

    @property
    def log_evidence(self) -> float:
        return _log_mean_exp(self._log)

    @property
    def evidence(self) -> float:
        return math.exp(min(self.log_evidence, 700.0))

    def add(self, stable: np.ndarray, candidate: np.ndarray) -> None:
        if not len(stable) or not len(candidate):
            return
        self._sums += [stable.sum(0), candidate.sum(0)]
        self._counts += [len(stable), len(candidate)]
        groups = min(len(stable), len(candidate))
        difference = _group_means(candidate, groups) - _group_means(stable, groups)
        self._differences.append(difference)
        self._log += self._gains(difference, self.metric.scaled_margin)

    def reason(self) -> str:
        side, metric = self._side(), self.metric
        stable, candidate = (metric.readable(mean) for mean in self._means()[:, side])
        if isinstance(metric, Business):
            return f"{metric.name}: {candidate:,.1f} against {stable:,.1f}"
        if isinstance(metric, ScoreShift):
            return f"{metric.name}: {metric.sides[side]} scores than the stable model's"
        if isinstance(metric, Disagreement):
            return f"{metric.name} in {candidate:.1%} of the cases".replace("%", " %")
        return f"{metric.name}: {candidate:.1%} against {stable:.1%}".replace("%", " %")

    def row(self, level: float) -> dict[str, float]:
        side, metric = self._side(), self.metric
        stable, candidate = self._means()[:, side]
        x = np.concatenate(self._differences)[:, [side]]
        unit = abs(metric.readable(1) - metric.readable(0))
        low, high = self._bounds(x, math.log(level * len(metric.sides)))
        return {
            "stable": metric.readable(stable),
            "candidate": metric.readable(candidate),
            "compared": len(x),
            "worse by": unit * x.mean() if len(x) else math.nan,
            "at least": unit * low,
            "at most": unit * high,
            "allowed": metric.margin,
            "evidence": self.evidence,
            "limit": level,
        }

    def _gains(self, x: np.ndarray, margin: float) -> np.ndarray:
        """Return by how much the logarithm of each player's fortune grows."""
        scaled = (x - margin) / (margin - self.metric.lowest)  # -1 or more
        return np.log1p(FRACTIONS[:, None, None] * scaled).sum(1)

    def _bounds(self, x: np.ndarray, log_level: float) -> tuple[float, float]:
        """Return the smallest and largest difference that no bet has ruled out."""
        from scipy.optimize import brentq

        def more(margin: float) -> float:  # evidence that the difference is more than this
            return _log_mean_exp(self._gains(x, margin)) - log_level

        def less(margin: float) -> float:
            scaled = (margin - x) / (1 - margin)
            return _log_mean_exp(np.log1p(FRACTIONS[:, None, None] * scaled).sum(1)) - log_level

        edge, end = self.metric.lowest, 1.0
        inner = (edge + 1e-9, end - 1e-9)
        low = brentq(more, *inner) if more(inner[0]) > 0 else edge
        high = brentq(less, *inner) if less(inner[1]) > 0 else end
        return low, high

    def _side(self) -> int:
        return int(self._log.max(0).argmax())

    def _means(self) -> np.ndarray:
        counts = np.where(self._counts, self._counts, np.nan)
        return self._sums / counts[:, None]


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, float)[:, None]


def _group_means(values: np.ndarray, groups: int) -> np.ndarray:
    """Return the mean of each group of neighbouring rows; the groups are as equal as possible."""
    if groups == len(values):
        return values
    edges = np.arange(groups) * len(values) // groups
    sizes = np.diff(np.append(edges, len(values)))
    return np.add.reduceat(values, edges) / sizes[:, None]


def _log_mean_exp(log: np.ndarray) -> float:
    top = log.max()
    return float(top + np.log(np.exp(log - top).mean()))
