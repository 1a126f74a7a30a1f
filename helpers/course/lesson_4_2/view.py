"""Move the nights apart and widen the band of live questions: what a year costs."""

from __future__ import annotations

from typing import Any

from helpers.base import style
from helpers.course.lesson_4_2.plans import NIGHT, QUESTION, price
from helpers.course.views import Explorer, subplots

DAYS = (1, 2, 3, 5, 7, 10, 14, 21, 30, 45, 60, 90)
_PARTS = {"nights": style.BLUE, "live": style.ORANGE, "old values": style.RED}


class PlanExplorer(Explorer):
    """Euro a year by the days between two night jobs, for one band and two prices."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        wide: dict[str, Any] = {"style": {"description_width": "90px"}}
        days = [(f"{day}", day) for day in DAYS]
        nights = {"options": [100, 500, 2_000], "value": NIGHT, "description": "night (€)"}
        asked = {"options": [1.0, 3.0, 9.0], "value": QUESTION, "description": "question (€)"}
        return {
            "every": w.SelectionSlider(options=days, value=7, description="days apart", **wide),
            "band": w.FloatSlider(0.0, min=0, max=2, step=0.1, description="live band", **wide),
            "night": w.Dropdown(**nights, **wide),
            "ask": w.Dropdown(**asked, **wide),
        }

    def describe(self, every: int, band: float, night: float, ask: float) -> str:
        cost = price(every, band, night=night, ask=ask)
        live = price(None, 0, night=night, ask=ask)["total"]
        return (
            f"A night job every {every} days, and live questions within {band:.1f} of the line: "
            f"{cost['total']:,.0f} euro a year. Nights {cost['nights']:,.0f}, live "
            f"{cost['live']:,.0f} for {cost['share live']:.0%} of the applications, questions "
            f"without an answer {cost['no answer']:,.0f}, decisions on old values "
            f"{cost['old values']:,.0f}. All live, without a night job: {live:,.0f}."
        )

    def plot(self, every: int, band: float, night: float, ask: float, ax: Any = None) -> Any:
        ax = subplots(ax, (7.6, 3.6))
        costs = [price(day, band, night=night, ask=ask) for day in DAYS]
        parts = [[max(cost[name], 0) / 1_000 for cost in costs] for name in _PARTS]
        ax.stackplot(DAYS, parts, colors=_PARTS.values(), labels=_PARTS, alpha=0.85)
        live = price(None, 0, night=night, ask=ask)["total"] / 1_000
        ax.axhline(live, color=style.BLACK, ls="--", label="all live")
        total = price(every, band, night=night, ask=ask)["total"] / 1_000
        ax.plot(every, min(total, 196), "D", color=style.BLACK, ms=9, label="this plan")
        ax.set(xscale="log", xlim=(1, 90), ylim=(0, 200), ylabel="1,000 euro a year")
        ax.set_xticks(DAYS, [str(day) for day in DAYS])
        ax.minorticks_off()
        ax.set(xlabel="days between two night jobs", title="What a year costs (cut at 200)")
        ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0))
        return ax
