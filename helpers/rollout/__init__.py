"""Bring a new model to its users step by step, and take it back if it is worse.

A :class:`Router` divides requests among variants of a model, mirrors them, keeps users with their
variant and switches to another when a server dies. A :class:`Rollout` gives a candidate a growing
share of the users and promotes it or rolls it back automatically; the chance of rolling back a
candidate that is not worse is bounded (see ``helpers.rollout.analysis``). :func:`plan` returns the
same roll-out for Kubernetes, KServe and Argo Rollouts; ``helpers.rollout.autoscaler`` replays how
Kubernetes changes the number of pods.

Examples
--------
>>> rollout = Rollout(steps=(0.05, 0.5, 1.0), analysis=Analysis((ErrorRate(),), alpha=0.01))
>>> rollout
<Rollout of candidate against stable, steps 5 %, 50 %, 100 %: running at 5 %; chance of a false \
rollback at most 1 %>
"""

from helpers.base import extras

extras.require("serving", by=__name__)

from helpers.rollout.analysis import (
    STANDARD,
    Analysis,
    Batch,
    Business,
    Disagreement,
    ErrorRate,
    Evidence,
    Latency,
    Metric,
    Sample,
    ScoreShift,
)
from helpers.rollout.canary import Decision, Event, Rollout
from helpers.rollout.manifests import Plan, plan
from helpers.rollout.router import Router, RouterError, assignment

__all__ = [
    "STANDARD",
    "Analysis",
    "Batch",
    "Business",
    "Decision",
    "Disagreement",
    "ErrorRate",
    "Event",
    "Evidence",
    "Latency",
    "Metric",
    "Plan",
    "Rollout",
    "Router",
    "RouterError",
    "Sample",
    "ScoreShift",
    "assignment",
    "plan",
]
