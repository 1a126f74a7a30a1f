"""One customer's statements by the time they are from and the time they arrived."""

from __future__ import annotations

from typing import Any

import pandas as pd

from helpers import world
from helpers.base import style
from helpers.course.views import Explorer, subplots

JOINS = {"latest": (style.ORANGE, "D", 21), "event time": (style.RED, "s", 17)}
JOINS["event and arrival"] = (style.BLUE, "o", 13)


class Timeline(Explorer):
    """Ask for a customer's late payments on some day, and see what each join answers.

    Parameters
    ----------
    seed : int, default 2025
        The world's seed.

    Attributes
    ----------
    histories : dict of str to pandas.DataFrame
        Of each customer: ``closed`` and ``arrived`` in days since the application, and
        ``late_payments``.
    """

    def __init__(self, seed: int = 2025) -> None:
        frame = world.World(seed).applications("2025-03", n=1_000)
        history = world.bureau_history(frame, seed=seed)
        rows = history.merge(frame[["application_id", "applied_at", "defaulted"]])
        for name, time in (("closed", "event_time"), ("arrived", "arrival_time")):
            rows[name] = (rows[time] - rows["applied_at"]) / pd.Timedelta(days=1)
        rows = rows.sort_values(["application_id", "closed", "arrived"])
        again = rows.duplicated(["application_id", "event_time"])
        corrected = rows["application_id"].isin(rows.loc[again, "application_id"])
        moved = (rows.groupby("application_id")["late_payments"].diff() != 0) & ~corrected
        self.histories: dict[str, pd.DataFrame] = {}
        kinds = {
            "defaulted, and corrected": again & (rows["defaulted"] == 1),
            "paid, and corrected": again & (rows["defaulted"] == 0),
            "a statement is under way": moved & (rows["closed"] < -3) & (rows["arrived"] > 3),
        }
        spread = rows.groupby("application_id")["late_payments"].transform("nunique")
        for name, of_kind in kinds.items():  # the customer with the most different values
            customer = rows.loc[spread[of_kind].idxmax(), "application_id"]
            self.histories[name] = rows[rows["application_id"] == customer]

    def answers(self, customer: str, asked: int, built: int) -> dict[str, pd.Series]:
        """Return the statement that each join takes, asked on a day, built so many days later."""
        rows = self.histories[customer]
        there = rows[rows["arrived"] <= asked + built]
        past = there[there["closed"] <= asked]
        known = past[past["arrived"] <= asked]
        return dict(zip(JOINS, (part.iloc[-1] for part in (there, past, known)), strict=True))

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "110px"}, "layout": w.Layout(width="440px")}
        return {
            "customer": w.Dropdown(options=list(self.histories), description="customer", **look),
            "asked": w.IntSlider(0, -90, 180, 5, description="asked on day", **look),
            "built": w.IntSlider(365, 0, 365, 5, description="built, days later", **look),
        }

    def describe(self, customer: str, asked: int, built: int) -> str:
        text = "; ".join(
            f"{name} {one.late_payments:.0f} (closed on day {one.closed:.0f}, "
            f"arrived on day {one.arrived:.0f})"
            for name, one in self.answers(customer, asked, built).items()
        )
        return f"Asked on day {asked}, table built {built} days later. Late payments: {text}."

    def plot(self, customer: str, asked: int, built: int, ax: Any = None) -> Any:
        ax = subplots(ax, (7.6, 4.6))
        ax.axhspan(-200, asked, color="#EEEEEE", zorder=0)
        ax.axvline(asked, color=style.GREY, lw=1)
        ax.axhline(asked, color=style.GREY, lw=1)
        ax.axhline(asked + built, color=style.GREY, lw=1, ls="--")
        look = {"size": 10, "ha": "center", "va": "center", "clip_on": True}
        for one in self.histories[customer].itertuples():
            colour = style.BLACK if one.arrived <= asked + built else "#BBBBBB"
            ax.text(one.closed, one.arrived, one.late_payments, color=colour, **look)
        for name, one in self.answers(customer, asked, built).items():
            colour, marker, size = JOINS[name]
            ax.plot(one.closed, one.arrived, marker, ms=size, mec=colour, mew=2, mfc="none", ls="",
                    label=f"{name}: {one.late_payments:.0f}")  # fmt: skip
        look = {"textcoords": "offset points", "size": 10, "color": style.GREY}
        ax.annotate("known when asked", (385, asked), (0, -12), ha="right", **look)
        ax.annotate("table built", (-195, asked + built), (0, 4), **look)
        ax.set(xlim=(-200, 390), ylim=(-200, 420 if asked + built < 400 else 570))
        ax.set(xlabel="day on which the statement was closed", ylabel="day on which it arrived")
        ax.grid(False)
        ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=3, markerscale=0.6,
                  title="late payments by", alignment="left")  # fmt: skip
        return ax
