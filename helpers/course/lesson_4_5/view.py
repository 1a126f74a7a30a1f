"""Move the harm, the margin, the requests and alpha of a canary: what it misses, and how long."""

from __future__ import annotations

from typing import Any

import numpy as np

from helpers.base import style
from helpers.course.lesson_4_5.planner import METRICS, RATE, RUNS, STEPS, caught, days
from helpers.course.views import Explorer, subplots

REQUESTS = (30, 60, 100, 150, 200, 260, 400, 600)


class CanaryPlanner(Explorer):
    """Misses and false rollbacks among 200 simulated roll-outs, by the requests in a step."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        wide: dict[str, Any] = {"style": {"description_width": "90px"}}
        choices = {
            "harm": ([point / 100 for point in range(1, 11)], 0.06),
            "margin": ([0.0, 0.005, 0.01, 0.015, 0.02, 0.03], 0.01),
            "requests": (REQUESTS, 60),
            "alpha": ([0.01, 0.05, 0.2], 0.05),
        }
        return {
            name: w.SelectionSlider(options=options, value=value, description=name, **wide)
            for name, (options, value) in choices.items()
        }

    def describe(self, harm: float, margin: float, requests: int, alpha: float) -> str:
        ends = caught(harm, margin, requests, alpha)
        missed, false = np.isinf(ends).sum(), np.isfinite(caught(0, margin, requests, alpha)).sum()
        wrong = (RATE + harm) * np.minimum(ends, requests * len(STEPS)).mean()
        return (
            f"Errors rise from {RATE:.0%} to {RATE + harm:.0%}; evidence of "
            f"{METRICS / alpha:g} rolls back. Of {RUNS} roll-outs, {missed} miss the harm "
            f"({missed / RUNS:.0%}); with an equal model, {false} of {RUNS} are rolled back. On "
            f"average {wrong:.0f} users get an error from the candidate. {days(requests):.0f} days."
        )

    def plot(self, harm: float, margin: float, requests: int, alpha: float, ax: Any = None) -> Any:
        ax = subplots(ax, (7.6, 3.4))
        shown = ((harm, style.RED, "the harm is missed"), (0.0, style.BLUE, "a false roll-back"))
        for worse, colour, label in shown:
            passed = [100 * np.isinf(caught(worse, margin, n, alpha)).mean() for n in REQUESTS]
            wrong = passed if worse else [100 - share for share in passed]
            at = [REQUESTS.index(requests)]
            ax.plot(REQUESTS, wrong, "o-", markevery=at, ms=9, lw=2, color=colour, label=label)
        ax.axhline(100 * alpha, color=style.GREY, ls=":", label=f"alpha: {100 * alpha:g} %")
        ax.set(xscale="log", xlim=(28, 640), ylim=(-3, 103), ylabel="of 100 roll-outs")
        ax.set_xticks(REQUESTS, [f"{n}\n{days(n):.0f} d" for n in REQUESTS])
        ax.set_xlabel("requests of the candidate in a step, and days in all")
        ax.minorticks_off()
        ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        return ax
