"""Choose how often to look, a threshold and rows to compare; see what is found, at what cost."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import numpy as np

from helpers.base.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED
from helpers.course.lesson_2_2.alarms import COMPLAINT, DAYS, FALSE_ALARM, Plan, Years
from helpers.course.views import Explorer, subplots

THRESHOLDS = (0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.06, 0.08, 0.1, 0.13, 0.16, 0.2, 0.25, 0.3)
ROWS = (0, 3, 20, 60)


class AlarmLab(Explorer):
    """Watch the same years with other plans.

    Parameters
    ----------
    years : Years, optional
        40 of them by default.
    """

    def __init__(self, years: Years | None = None) -> None:
        self.years = years or Years()
        self.outcome = cache(lambda *plan: self.years.run(Plan(*plan)))

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "150px"}, "layout": w.Layout(width="480px")}
        days = [(f"{d} (log: {66 * d:,} rows)", d) for d in DAYS]
        limits = [(f"{limit:g}", limit) for limit in THRESHOLDS]
        slider = partial(w.SelectionSlider, **look)
        return {
            "days": slider(options=days, value=28, description="look every days"),
            "threshold": slider(options=limits, value=0.03, description="threshold (L-infinity)"),
            "rows": slider(options=ROWS, value=0, description="rows compared by key"),
        }

    def describe(self, days: int, threshold: float, rows: int) -> str:
        outcome = self.outcome(days, threshold, rows)
        table = outcome.faults
        missed = [name for name in table.index if table.loc[name, "found"] < 0.95]
        return (
            f"A look every {days} days, threshold {threshold:g}, {rows} rows compared by key: "
            f"{outcome.false_alarms:,.1f} false alarms a calm year; found in 95 % of the years: "
            f"{len(table) - len(missed)} of {len(table)} faults"
            f"{' (not: ' + ', '.join(missed) + ')' if missed else ''}. "
            f"Expected cost of a year with one fault: {round(outcome.euro, -3):,.0f} euro."
        )

    def plot(self, days: int, threshold: float, rows: int, ax: Any = None) -> Any:
        left, right = axes = subplots(ax, (7.6, 3.6), ncols=2, width_ratios=[1, 1])
        table = self.outcome(days, threshold, rows).faults[::-1]
        colors = np.select([table["found"] >= 0.95, table["found"] >= 0.05], [GREEN, ORANGE], RED)
        bars = left.barh(
            [name.replace(" in ", "\nin ") for name in table.index], table["days"], color=colors
        )
        days_shown, shares = table["days"].map("{:.0f}".format), table["found"].map("{:.0%}".format)
        texts = days_shown.where(table["found"] >= 0.95, "found in " + shares)
        left.bar_label(bars, texts, padding=4)
        left.set(xlim=(0, 1.5 * COMPLAINT), xlabel="days until found (mean)", title="Faults")
        left.set_xticks(range(0, COMPLAINT + 1, 30))
        left.grid(axis="y", visible=False)
        outcomes = [self.outcome(days, t, rows) for t in THRESHOLDS]
        euro = np.array([one.euro for one in outcomes])
        false = np.array([one.false_alarms * FALSE_ALARM for one in outcomes])
        right.plot(THRESHOLDS, euro, color=BLACK, label="all")
        right.plot(THRESHOLDS, euro - false, color=BLUE, ls="--", label="losses, rows")
        right.plot(THRESHOLDS, np.where(false, false, np.nan), ":", c=PURPLE, label="false alarms")
        right.axvline(threshold, color=GREY, lw=1)
        right.plot(threshold, self.outcome(days, threshold, rows).euro, "o", color=BLACK)
        right.set(xscale="log", yscale="log", ylim=(300, 5e6), title="A year with one fault")
        right.set(xlabel="threshold (L-infinity)", ylabel="euro a year")
        right.set_xticks([0.01, 0.03, 0.1, 0.3], ["0.01", "0.03", "0.1", "0.3"])
        right.minorticks_off()
        right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=3, columnspacing=0.8)
        return axes
