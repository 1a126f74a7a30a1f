"""How long requests wait at a given load: a queue with several servers (M/M/c)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from helpers.base.checks import share as checked_share


@dataclass(frozen=True)
class Queue:
    """A number of replicas under a load; computed by :func:`queue`.

    Attributes
    ----------
    rate, service_s, replicas
        As in :func:`queue`.
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
        """Return the share of the requests whose answer takes longer than this."""
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
        """Return the seconds within which this share of the requests is answered.

        Parameters
        ----------
        share : float, default 0.99
            0.5 for the median, 0.99 for the p99.

        Returns
        -------
        float
            Infinite if the replicas are overloaded.
        """
        from scipy.optimize import brentq

        checked_share("share", share, ends=False)
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
    """Return a queue with independent arrivals and exponential service times (M/M/c).

    Real service times vary less, so real waits are shorter; real arrivals come in bursts, which
    makes them longer. It is a first estimate, to be checked by a load test.

    Parameters
    ----------
    rate : float
        Requests per second.
    service_s : float
        Mean seconds for which a request keeps a replica busy.
    replicas : int
        Replicas, each of which serves one request at a time.

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
    >>> single = queue(rate=50, service_s=0.01, replicas=1)
    >>> round(single.mean, 3), round(single.latency(0.99), 3)
    (0.02, 0.092)
    """
    for name, value in (("rate", rate), ("service_s", service_s), ("replicas", replicas)):
        if not value > 0:
            raise ValueError(f"{name} is {value}; expected a number above 0")
    load = rate * service_s
    if load >= replicas:
        return Queue(rate, service_s, replicas, load / replicas, 1.0)
    blocked = 1.0  # Erlang's B by its recursion, from which C follows
    for servers in range(1, replicas + 1):
        blocked = load * blocked / (servers + load * blocked)
    waits = blocked / (1 - load / replicas * (1 - blocked))
    return Queue(rate, service_s, replicas, load / replicas, waits)
