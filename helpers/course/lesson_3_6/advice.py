"""What refused applicants could do, and what the bank earns if they do it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

from helpers import world

# For each kind of advice the column of the application and its steps, the gentlest first: the part
# that is left of a number, or what is stated in its place.
STEPS: dict[str, tuple[str, Sequence[Any]]] = {
    "ask for less": ("amount", np.arange(0.9, 0.2, -0.1)),
    "pay down credit lines": ("utilization", (0.8, 0.6, 0.4, 0.2)),
    "have entries deleted": ("late_payments", (0.0,)),
    "state another purpose": ("purpose", ("car", "home improvement", "education")),
    "apply by another channel": ("channel", ("branch", "online", "partner")),
}
REAL = ("ask for less", "pay down credit lines")  # the others change what is written, not the risk


@cache
def profits(seed: int) -> dict[str, np.ndarray]:
    """Return the profits of each step of each advice, by a linear model and in truth, in euro.

    By advice, of shape (2, steps, refused applicants); learned on 2025-01 to 06, for 2025-10 to 12.
    """
    from helpers.course.linear import linear

    here = world.World(seed)
    model = linear(here.applications(("2025-01", "2025-06"), n=1_000))
    asked = here.applications(("2025-10", "2025-12"), n=800)
    refused = asked[world.profit(asked, model.predict_proba(asked)[:, 1]) <= 0]
    found = {}
    for advice, (column, steps) in STEPS.items():
        pairs = []
        for step in steps:
            new = step if isinstance(step, str) else refused[column] * step
            new = new.clip(lower=500).round(-2) if column == "amount" else new
            frame = refused.assign(**{column: new})
            truly = here.default_probability(frame if advice in REAL else refused)
            risks = (model.predict_proba(frame)[:, 1], truly)
            pairs.append([world.profit(frame, risk) for risk in risks])
        found[advice] = np.stack(pairs, axis=1)
    return found


def outcome(advices: Sequence[str], margin: float, seed: int) -> tuple[float, float]:
    """Return what a plan of advice comes to in one world.

    Each refused applicant follows the first of the advices (keys of ``STEPS``), in its gentlest
    step, with which the model expects a profit above the margin, in euro.

    Returns
    -------
    (float, float)
        The share of the refused who get a loan, and the mean true profit of these in euro (or NaN).
    """
    by_model, in_truth = np.concatenate([profits(seed)[one] for one in advices], axis=1)
    enough = by_model > margin
    helped, first = enough.any(axis=0), enough.argmax(axis=0)
    earned = in_truth[first[helped], helped]
    return float(helped.mean()), float(earned.mean()) if helped.any() else float("nan")
