"""A Monday on Kubernetes: the load, the pods that are ready, and the requests that are lost."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views import Explorer, subplots
from helpers.rollout.autoscaler import PERIOD_S, Autoscaler, replay

PER_POD = 50  # requests per second that keep a pod busy
EURO_AN_HOUR = 0.04  # for a pod
HOURS = np.arange(6, 12, PERIOD_S / 3600)


@cache
def monday(seed: int = 2025) -> np.ndarray:
    """Return requests per second from 6 to 12: a peak at about nine, later a smaller one."""
    rng = np.random.default_rng([seed, 43])

    def peak(at: float, height: float, lasts: float) -> np.ndarray:
        rise = np.clip((HOURS - at) * 60, 0, 1)
        return height * rise * np.exp(-np.clip(HOURS - at - 0.2, 0, None) / lasts)

    load = 40 + peak(9 + rng.uniform(-0.1, 0.1), rng.uniform(240, 320), 1.0)
    load = load + peak(rng.uniform(10.5, 11.5), rng.uniform(60, 120), 0.3)
    return rng.poisson(load * PERIOD_S) / PERIOD_S


def morning_run(
    load: np.ndarray, target: float, least: int, start_s: float, morning: int = 0
) -> pd.DataFrame:
    """Replay a Monday; from 8:45 to 10:00 at least `morning` pods are wanted."""
    usual = Autoscaler(target, least)
    early = Autoscaler(target, max(least, morning))
    settings = [early if 8.75 <= hour < 10 else usual for hour in HOURS]
    return replay(load, settings, per_pod=PER_POD, start_s=start_s)


class MondayPeak(Explorer):
    """Choose the start-up time and the autoscaler's settings."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "90px"}, "layout": w.Layout(width="420px")}
        return {
            "start_s": w.IntSlider(60, 5, 90, 5, description="start (s)", **look),
            "target": w.IntSlider(60, 30, 90, 5, description="target (%)", **look),
            "least": w.IntSlider(2, 1, 10, description="least pods", **look),
            "morning": w.IntSlider(0, 0, 10, description="at 8:45", **look),
        }

    def run(self, start_s: int, target: int, least: int, morning: int) -> pd.DataFrame:
        """Return the replay of the lesson's Monday."""
        return morning_run(monday(), target / 100, least, start_s, morning)

    def describe(self, **state: int) -> str:
        run = self.run(**state)
        hours = run["pods"].sum() * PERIOD_S / 3600
        return (
            f"Start {state['start_s']} s, target {state['target']} %, least {state['least']}, at "
            f"8:45 at least {state['morning']}: {run['lost'].sum():,.0f} requests lost, "
            f"{(run['lost'] > 0).sum() * PERIOD_S} s with a loss; at most "
            f"{run['pods'].max():.0f} pods, {hours:.1f} pod-hours: {hours * EURO_AN_HOUR:.2f} euro."
        )

    def plot(self, ax: Any = None, **state: int) -> Any:
        run = self.run(**state)
        axes = subplots(ax, (7.4, 3.6), ncols=2, sharey=True, width_ratios=[2, 1.3])
        minutes = 60 * (HOURS - 9)
        for one, (low, high) in zip(axes, ((-180, 180), (-12, 18)), strict=True):
            capacity = PER_POD * run["ready"]
            one.step(minutes, capacity, color=style.BLUE, where="post", label="pods can answer")
            one.plot(minutes, run["load"], color=style.GREY, lw=1, label="requests")
            lost = run["load"].to_numpy() > capacity.to_numpy()
            one.fill_between(
                minutes,
                capacity,
                run["load"],
                where=lost,
                step="post",
                color=style.RED,
                label="lost",
            )
            one.set_xlim(low, high)
            one.set_xlabel("minutes from nine o'clock")
        axes[0].set_ylabel("requests per second")
        axes[0].set_ylim(0, 530)
        axes[0].set_title("six hours")
        axes[1].set_title("the peak, closer")
        axes[0].legend(loc="upper left")
        return axes
