"""What the monitors show when one thing happens: to learn to name it."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from helpers import world
from helpers.course.linear import NUMBERS, linear

KINDS = ("calm", "term as text", "late payments zero", "skew", "campaign", "recession", "strike")


@cache
def _model(seed: int) -> tuple[Any, Any]:
    base = world.World(seed).applications(("2024-01", "2024-12"), 500)
    return linear(base), base


def signals(kind: str, seed: int, n: int = 4_000) -> dict[str, float]:
    """Return what is seen of a month in which one of KINDS happens.

    ``unreadable``: share of the files' rows; ``mix_z``: how many standard errors the feature that
    moved most is off in the files; ``late_z``: the same of late payments; ``parity``: share of
    decisions that the server makes otherwise than the notebook; ``grants``: change of the share
    granted; ``arrears``, ``alert``, ``adviser``: warnings in 100 loans granted, minus the promised.
    """
    model, base = _model(seed)
    made = world.World(seed + 500).applications("2026-08", n)
    if kind == "campaign":
        made = world.incidents[kind].apply(made, seed=seed)
    odds = world.World().log_odds(made)
    if kind == "recession":
        odds = odds + 0.8 * sum(world.recession_terms(made).values())
    came, chance = made.copy(), np.random.default_rng(seed).random((2, n))
    bad = chance[0] < 1 / (1 + np.exp(-odds))
    if kind == "late payments zero":
        came["late_payments"] = 0
    unreadable = (chance[1] < 0.3) & (kind == "term as text")
    asked = world.incidents["utilization in percent"].apply(came) if kind == "skew" else came
    notebook, risk = (model.predict_proba(frame)[:, 1] for frame in (came, asked))
    right, granted = (world.profit(made, one) > 0 for one in (notebook, risk))
    granted &= ~unreadable
    usual = (world.profit(base, model.predict_proba(base)[:, 1]) > 0).mean()
    z = (came[NUMBERS].mean() - base[NUMBERS].mean()) / base[NUMBERS].std()
    z = z.abs() / np.sqrt(1 / n + 1 / len(base))
    signs = world.early_signs(made.assign(defaulted=bad.astype(int)), seed=seed)
    found = {"unreadable": unreadable.mean(), "mix_z": z.max(), "late_z": z["late_payments"],
             "parity": (right != granted)[~unreadable].mean(),
             "grants": granted.mean() - usual}  # fmt: skip
    for short, name in (("arrears", 0), ("alert", 1), ("adviser", 2)):
        name = list(world.SIGNS)[name]
        hit, false = world.SIGNS[name]
        warns = signs[name].to_numpy()
        if kind == "strike" and short == "arrears":
            warns = np.maximum(warns, chance[1] < 0.08)
        excess = (warns - false - (hit - false) * risk)[granted]
        found[short] = 100 * excess.mean() if granted.any() else 0.0
    return {name: round(float(value), 3) for name, value in found.items()}
