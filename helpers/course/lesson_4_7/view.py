"""The year as a strip to scrub: two policies, what they did, and in the end why."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from helpers.base import style
from helpers.course.lesson_4_7.year import DATES, Year
from helpers.course.views import Explorer, subplots

_MARKS = {"quarantine": "s", "page": "v", "roll back": "X", "promote": "^"}


class YearExplorer(Explorer):
    """Years of one world, by the name of their policy."""

    def __init__(self, years: dict[str, Year]) -> None:
        self.years = years
        self.picture = cache(super().picture)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look, names = {"description_width": "90px"}, list(self.years)[::-1]
        days = [(f"{day:%d %B}", k) for k, day in enumerate(DATES)]
        wide = {"style": look, "layout": {"width": "95%"}, "continuous_update": False}
        return {
            "policy": w.Dropdown(options=names, value=names[1], description="policy", style=look),
            "other": w.Dropdown(options=names, description="beside", style=look),
            "day": w.SelectionSlider(options=days, value=116, description="day", **wide),
            "reveal": w.Checkbox(value=False, description="reveal the causes", style=look),
        }

    def describe(self, policy: str, other: str, day: int, reveal: bool) -> str:
        date, year, missed = DATES[day], self.years[policy], []
        for name in dict.fromkeys((policy, other)):
            past = self.years[name].days[:date]
            euro = (past["best possible"].sum() - past.to_numpy().sum()) / 1e6
            missed.append(f"{name} has missed {euro:.1f} million euro")
        week = year.log[year.log["day"].between(date - pd.Timedelta(days=6), date)]
        acts = [f"{one.day:%d %b} {one.shown}: {one.answer}" for one in week.itertuples()]
        text = f"{date:%d %B}. So far {', '.join(missed)}. "
        text += f"{policy} in the last seven days: {'; '.join(acts) or 'no action'}."
        if reveal:
            now = year.causes[(year.causes["start"] <= date) & (year.causes["ended"] > date)]
            text += " Behind it: " + (" ".join(f"{n}: {c}" for n, c in now["cause"].items()) or "-")
        return text

    def plot(self, ax: Any = None, **state: Any) -> Any:
        ax = subplots(ax, (7.6, 4.8))
        for k, name in enumerate(dict.fromkeys([state["policy"], state["other"]])):
            year, colour = self.years[name], (style.BLUE, style.ORANGE)[k]
            missed = (year.days.sum(axis=1) - year.days["best possible"]) / 1e3
            ax.plot(missed.rolling(7, min_periods=1).mean(), color=colour, label=name, lw=1.5)
            for answer, mark in _MARKS.items():
                at = year.log.loc[year.log["answer"] == answer, "day"]
                ax.plot(at, [12 + 14 * k] * len(at), mark, color=colour, ms=5, clip_on=False)
        for answer, mark in _MARKS.items():
            ax.plot([], [], mark, color=style.GREY, ms=5, label=answer)
        ax.axvline(DATES[state["day"]], color=style.BLACK, lw=1)
        low = ax.get_ylim()[0]
        if state["reveal"]:
            for one in self.years[state["policy"]].causes.itertuples():
                low -= 30
                ax.plot([one.start, one.ended], [low, low], color=style.GREY, lw=2)
                ax.text(one.start, low + 3, one.Index, fontsize=9, va="bottom")
        ax.set(ylim=(low - 10, 40), ylabel="earned minus best possible\n(1,000 euro a day)",
               title="A day's loss; marks are actions")  # fmt: skip
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=6)
        return ax
