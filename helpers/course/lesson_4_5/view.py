"""Move the harm, the margin, the requests and alpha of a canary: what it misses, and how long."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.base import style
from helpers.course.lesson_4_5.planner import METRICS, RATE, RUNS, STEPS, caught, days
from helpers.course.views import Explorer, subplots

REQUESTS = (30, 60, 100, 150, 200, 260, 400, 600)


class CanaryPlanner(Explorer):
    """Misses and false roll-backs among 200 simulated roll-outs, by the requests in a step."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        wide: dict[str, Any] = {"style": {"description_width": "90px"}}
        points = {"readout_format": ".3f", **wide}
        return {
            "harm": w.FloatSlider(0.06, min=0.01, max=0.1, step=0.01, description="harm", **points),
            "margin": w.FloatSlider(
                0.01, min=0, max=0.03, step=0.005, description="margin", **points
            ),
            "requests": w.SelectionSlider(
                options=REQUESTS, value=60, description="requests", **wide
            ),
            "alpha": w.Dropdown(options=[0.01, 0.05, 0.2], value=0.05, description="alpha", **wide),
        }

    def describe(self, harm: float, margin: float, requests: int, alpha: float) -> str:
        ends = caught(harm, margin, requests, alpha)
        missed, false = np.isinf(ends).sum(), np.isfinite(caught(0, margin, requests, alpha)).sum()
        wrong = (RATE + harm) * np.minimum(ends, requests * len(STEPS)).mean()
        return (
            f"Errors rise from {RATE:.0%} to {RATE + harm:.0%}; evidence of "
            f"{METRICS / alpha:g} rolls back. Of {RUNS} roll-outs, {missed} miss the harm "
            f"({missed / RUNS:.0%}); of {RUNS} with an equal model, {false} are rolled back. On "
            f"average {wrong:.0f} users of the canary get an error before it ends. A model that "
            f"passes takes {days(requests):.0f} days."
        )

    def plot(self, harm: float, margin: float, requests: int, alpha: float, ax: Any = None) -> Any:
        ax = subplots(ax, (7.6, 3.4))
        shown = {"the harm is missed": (harm, style.RED), "a false roll-back": (0.0, style.BLUE)}
        for label, (worse, colour) in shown.items():
            passed = np.array([np.isinf(caught(worse, margin, n, alpha)).mean() for n in REQUESTS])
            wrong = 100 * (passed if worse else 1 - passed)
            at = wrong[REQUESTS.index(requests)]
            ax.plot(REQUESTS, wrong, color=colour, lw=2, label=label)
            ax.plot(requests, at, "o", color=colour, ms=9, clip_on=False)
        limit = 100 * alpha
        ax.axhline(limit, color=style.GREY, ls=":", label=f"alpha: {limit:g} %")
        ax.set(xscale="log", xlim=(28, 640), ylim=(-3, 103), ylabel="of 100 roll-outs")
        ax.set_xticks(REQUESTS, [f"{n}\n{days(n):.0f} d" for n in REQUESTS])
        ax.minorticks_off()
        ax.set(xlabel="requests of the candidate in a step, and days in all")
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return ax
