"""What a decision is worth: the costs of right and wrong on sliders, profit and payback drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from helpers.base import style
from helpers.course.views import Explorer, subplots

LIMITS = np.linspace(0, 0.6, 121)  # the risk above which a case is refused
MONTHS = np.arange(37)
SLIDERS = {  # label, end, step and format
    "limit": ("refuse above a risk of", LIMITS[-1], LIMITS[1], ".3f"),
    "gain": ("gain of a good case (euro)", 5_000, 50, ",.0f"),
    "loss": ("loss of a bad case (euro)", 20_000, 100, ",.0f"),
    "per_month": ("cases per month", 50_000, 100, ",.0f"),
    "build": ("cost to build (euro)", 2_000_000, 10_000, ",.0f"),
    "run": ("cost to run per month (euro)", 200_000, 1_000, ",.0f"),
}


class ValueCalculator(Explorer):
    """What a model is worth above what is done today, as in Elkan (2001), IJCAI.

    Parameters
    ----------
    y, risk, today : array-like of shape (n,)
        Whether a case goes badly, the model's probability of it, and whether it is refused today.
    **costs : float
        What a granted case that goes well brings (``gain``), and one that goes badly costs
        (``loss``); cases ``per_month``; what the model costs to ``build``, and a month to ``run``.
    """

    def __init__(self, y: ArrayLike, risk: ArrayLike, today: ArrayLike, **costs: float) -> None:
        y, risk, today = (np.asarray(values, dtype=float) for values in (y, risk, today))
        self.costs = costs
        # Which cases are granted: a column for each limit, one for today, one for granting all.
        granted = np.column_stack([risk[:, None] <= LIMITS, today == 0, np.ones_like(y, bool)])
        self._well, self._badly = (granted[y == bad].sum(axis=0) / len(y) for bad in (0, 1))

    def profits(self, gain: float, loss: float) -> tuple[np.ndarray, float, float]:
        """Return the profit per case (euro): at each limit, as it is today, granting all."""
        profit = gain * self._well - loss * self._badly
        return profit[:-2], float(profit[-2]), float(profit[-1])

    def value(self, limit: float | None = None, **costs: float) -> dict[str, float]:
        """Return what the model is worth, by default at the best limit and the costs of the class.

        The payback is infinite where the running is not earned.
        """
        costs = self.costs | costs
        model, today, _ = self.profits(costs["gain"], costs["loss"])
        at = model.argmax() if limit is None else np.abs(LIMITS - limit).argmin()
        above = float(model[at]) - today
        monthly = above * costs["per_month"] - costs["run"]
        return {
            "limit": float(LIMITS[at]),
            "euro per case": float(model[at]),
            "euro per case above today": above,
            "euro per year, costs paid": 12 * monthly,
            "payback (months)": costs["build"] / monthly if monthly > 0 else np.inf,
        }

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "230px"}, "layout": w.Layout(width="600px")}
        start = self.costs | self.value()
        return {
            name: w.FloatSlider(start[name], min=0, max=max(end, start[name]), step=step,
                                readout_format=form, description=label, **look)
            for name, (label, end, step, form) in SLIDERS.items()
        }  # fmt: skip

    def describe(self, **state: float) -> str:
        limit, euro, above, paid, after = self.value(**state).values()
        year = 12 * above * state["per_month"]
        best = self.value(**state | {"limit": None})["limit"]
        return (
            f"Refused above a risk of {limit:.1%}: {euro:,.0f} euro per case, today "
            f"{euro - above:,.0f}. A year brings {year / 1e6:,.2f} million euro above today, "
            f"{paid / 1e6:,.2f} when its running is paid; "
            + (f"paid back after {after:.1f} months" if np.isfinite(after) else "never paid back")
            + f". The best limit is {best:.1%}."
        )

    def plot(self, ax: Any = None, **state: float) -> Any:
        curve, sums = axes = subplots(ax, (7.6, 3.4), ncols=2)
        limit, euro, _, paid, after = self.value(**state).values()
        unit = state["gain"] or 1.0
        model, today, everybody = self.profits(state["gain"], state["loss"])
        curve.plot(LIMITS, model / unit, color=style.BLUE, label="model")
        curve.axhline(today / unit, color=style.ORANGE, ls="--", label="today")
        curve.axhline(everybody / unit, color=style.GREY, ls=":", label="grant all")
        curve.plot(limit, euro / unit, "o", color=style.RED, ms=9)
        curve.set(xlim=(0, LIMITS[-1]), ylim=(-0.5, 1.05), yticks=[-0.5, 0, 0.5, 1])
        curve.set(xlabel="refuse above a risk of", ylabel="profit per case (share of the gain)")
        curve.legend(loc="lower right", ncols=3, columnspacing=1, handlelength=1.5)
        total = (MONTHS / 12 * paid - state["build"]) / 1e6
        sums.axhline(0, color=style.BLACK, lw=1)
        sums.plot(MONTHS, total, color=style.GREEN)
        sums.plot(after, 0, "o", color=style.RED, ms=9)
        sums.set(xlim=(0, MONTHS[-1]), ylim=(min(-2, *total), max(8, *total)))
        sums.set(xlabel="months after the launch", ylabel="above today, all paid (million euro)")
        return axes
