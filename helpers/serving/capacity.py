"""How long requests wait at a given load: a queue with several servers, computed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Queue:
    """What a number of replicas does under a load; made by :func:`queue`.

    Attributes
    ----------
    rate : float
        Requests a second that arrive.
    service_s : float
        Seconds that one request keeps one replica busy, on average.
    replicas : int
        Replicas that serve, one request each at a time.
    utilization : float
        Share of the time that a replica is busy; at 1 and above the queue grows without end.
    waits : float
        Share of the requests that have to wait.
    """

    rate: float
    service_s: float
    replicas: int
    utilization: float
    waits: float

    def tail(self, seconds: float | np.ndarray) -> float | np.ndarray:
        """Share of the requests whose answer takes longer than so many seconds.

        Parameters
        ----------
        seconds : float or numpy.ndarray

        Returns
        -------
        float or numpy.ndarray
        """
        if self.utilization >= 1:
            return np.ones_like(seconds, dtype=float)
        fast = 1 / self.service_s
        drain = self.replicas * fast - self.rate
        if abs(drain - fast) < 1e-9 * fast:
            drain *= 1 + 1e-6  # the formula divides by their difference
        served = np.exp(-fast * np.asarray(seconds, dtype=float))
        waited = np.exp(-drain * np.asarray(seconds, dtype=float))
        return (1 - self.waits) * served + self.waits * (drain * served - fast * waited) / (
            drain - fast
        )

    def latency(self, share: float = 0.99) -> float:
        """Seconds within which this share of the requests is answered; infinite if overloaded.

        Parameters
        ----------
        share : float, default 0.99
            0.5 for the median, 0.99 for the p99.

        Returns
        -------
        float
        """
        from scipy.optimize import brentq

        if not 0 < share < 1:
            raise ValueError(f"share is {share}; expected a share between 0 and 1, such as 0.99")
        if self.utilization >= 1:
            return float("inf")
        high = self.service_s
        while self.tail(high) > 1 - share:
            high *= 2
        return float(brentq(lambda t: self.tail(t) - (1 - share), 0, high))

    @property
    def mean(self) -> float:
        """Mean seconds until the answer."""
        if self.utilization >= 1:
            return float("inf")
        return self.service_s + self.waits / (self.replicas / self.service_s - self.rate)


def queue(rate: float, service_s: float, replicas: int) -> Queue:
    """Compute a queue with independent arrivals and exponential service times (M/M/c).

    Real service times vary less, so the waits are rather too long than too short; real arrivals
    come in bursts, which does the opposite. It is a first sizing, to be checked by a load test.

    Parameters
    ----------
    rate : float
        Requests a second.
    service_s : float
        Seconds that one request keeps a replica busy.
    replicas : int
        Replicas.

    Returns
    -------
    Queue

    Raises
    ------
    ValueError
        If a number is not positive.

    References
    ----------
    Harchol-Balter (2013), "Performance Modeling and Design of Computer Systems", chapter 14
    (Erlang's C formula).

    Examples
    --------
    >>> one = queue(rate=50, service_s=0.01, replicas=1)
    >>> round(one.mean, 3), round(one.latency(0.99), 3)
    (0.02, 0.092)
    """
    for name, value in (("rate", rate), ("service_s", service_s), ("replicas", replicas)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; expected a number above 0")
    load = rate * service_s
    if load >= replicas:
        return Queue(rate, service_s, replicas, load / replicas, 1.0)
    blocked = 1.0  # Erlang's B, by its recursion; C follows from it
    for servers in range(1, replicas + 1):
        blocked = load * blocked / (servers + load * blocked)
    waits = blocked / (1 - load / replicas * (1 - blocked))
    return Queue(rate, service_s, replicas, load / replicas, waits)
