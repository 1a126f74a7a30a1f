"""The rule by which Kubernetes changes the number of pods, and its replay on a day's load.

The horizontal pod autoscaler (HPA) compares a metric with its target and multiplies. Pods that are
not ready yet count as idle when it scales up; it follows the highest wish of the last five minutes
when it scales down. Source: Kubernetes, "Horizontal Pod Autoscaling", algorithm details.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from helpers.base.checks import whole

PERIOD_S = 15  # the controller looks this often
CALM = 20  # looks: five minutes


@dataclass(frozen=True)
class Autoscaler:
    """The settings of a HorizontalPodAutoscaler.

    Parameters
    ----------
    target : float, default 0.6
        Utilization of a pod that it aims at.
    least, most : int
        Fewest and most pods.
    tolerance : float, default 0.1
        Relative deviation from the target that changes nothing.

    Examples
    --------
    >>> Autoscaler().desired(pods=4, utilization=0.9)
    6
    """

    target: float = 0.6
    least: int = 2
    most: int = 10
    tolerance: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.target <= 1:
            raise ValueError(f"target is {self.target!r}; expected more than 0, at most 1")
        if whole("most", self.most, 1) < whole("least", self.least, 1):
            raise ValueError(f"most is {self.most}; expected at least least, {self.least}")

    def desired(self, pods: int, utilization: float, ready: int | None = None) -> int:
        """Return the number of pods wished for, where `utilization` is that of `ready` of them."""
        counted = pods if ready is None else ready
        ratio = utilization / self.target
        if counted < pods and ratio > 1:
            ratio, counted = max(ratio * counted / pods, 1.0), pods
        if abs(ratio - 1) > self.tolerance:
            pods = min(math.ceil(counted * ratio), max(2 * pods, pods + 4))  # its default policy
        return min(max(pods, self.least), self.most)


def replay(
    load: Sequence[float],
    autoscaler: Autoscaler | Sequence[Autoscaler],
    *,
    per_pod: float,
    start_s: float,
) -> pd.DataFrame:
    """Replay a load; what exceeds the capacity of the pods that are ready is lost.

    Parameters
    ----------
    load : sequence of float
        Requests per second in each period of ``PERIOD_S`` seconds.
    autoscaler : Autoscaler, or a sequence of them
        The settings, for all periods or for each.
    per_pod : float
        Requests per second that keep a pod fully busy.
    start_s : float
        Seconds from the wish for a pod until it is ready.

    Returns
    -------
    pandas.DataFrame
        A row for each period: ``load``, ``pods``, ``ready``, ``utilization``, ``lost`` (requests).
    """
    settings = [autoscaler] * len(load) if isinstance(autoscaler, Autoscaler) else autoscaler
    born, wishes, rows = [-math.inf] * settings[0].least, [], []  # born: when a pod was wished for
    for period, (requests, one) in enumerate(zip(load, settings, strict=True)):
        now = period * PERIOD_S
        ready = sum(at + start_s <= now for at in born)
        served = min(requests, ready * per_pod)
        busy = served / (ready * per_pod) if ready else 1.0
        rows.append((requests, len(born), ready, busy, (requests - served) * PERIOD_S))
        wishes.append(one.desired(len(born), busy, ready))
        wish = max(wishes[-1], min(max(wishes[-CALM - 1 :]), len(born)))
        born = born[:wish] + [now] * (wish - len(born))
    return pd.DataFrame(np.array(rows), columns=["load", "pods", "ready", "utilization", "lost"])
