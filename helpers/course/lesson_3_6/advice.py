"""What refused applicants could do, and what the bank earns if they do it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd

from helpers import world

# For each kind of advice the column of the application and its new values, the gentlest first.
STEPS: dict[str, tuple[str, list[Callable[[pd.Series], pd.Series]]]] = {
    "ask for less": (
        "amount",
        [lambda v, s=s: (v * s).clip(lower=500).round(-2) for s in np.arange(0.9, 0.2, -0.1)],
    ),
    "pay down credit lines": ("utilization", [lambda v, s=s: v * s for s in (0.8, 0.6, 0.4, 0.2)]),
    "have entries deleted": ("late_payments", [lambda v: v * 0]),
    "state another purpose": (
        "purpose",
        [lambda v, s=s: pd.Series(s, v.index) for s in ("car", "home improvement", "education")],
    ),
    "apply by another channel": (
        "channel",
        [lambda v, s=s: pd.Series(s, v.index) for s in ("branch", "online", "partner")],
    ),
}
REAL = ("ask for less", "pay down credit lines")  # the others change what is written, not the risk


@cache
def profits(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the profits of each step of each advice, by a linear model and in truth, in euro.

    By advice, of shape (refused applicants, steps); learned on 2025-01 to 06, for 2025-10 to 12.
    """
    from helpers.course.linear import linear

    here = world.World(seed)
    train = here.applications(("2025-01", "2025-06"), n=1_000)
    asked = here.applications(("2025-10", "2025-12"), n=800)
    model = linear(train)

    def stated(frame: pd.DataFrame) -> np.ndarray:
        return world.profit(frame, model.predict_proba(frame)[:, 1])

    refused = asked[stated(asked) <= 0]
    by_model, in_truth = {}, {}
    for advice, (column, steps) in STEPS.items():
        changed = [refused.assign(**{column: step(refused[column])}) for step in steps]
        by_model[advice] = np.column_stack([stated(frame) for frame in changed])
        in_truth[advice] = np.column_stack(
            [
                world.profit(f, here.default_probability(f if advice in REAL else refused))
                for f in changed
            ]
        )
    return by_model, in_truth


def outcome(advices: Sequence[str], margin: float, seed: int) -> tuple[float, float]:
    """Return what a plan of advice comes to in one world.

    Each refused applicant follows the first of the advices (keys of ``STEPS``), in its gentlest
    step, with which the model expects a profit above the margin, in euro.

    Returns
    -------
    (float, float)
        The share of the refused who get a loan, and the mean true profit of these in euro (or NaN).
    """
    by_model, in_truth = (np.hstack([part[one] for one in advices]) for part in profits(seed))
    enough = by_model > margin
    helped, first = enough.any(axis=1), enough.argmax(axis=1)
    earned = in_truth[helped, first[helped]]
    return float(helped.mean()), float(earned.mean()) if helped.any() else float("nan")
