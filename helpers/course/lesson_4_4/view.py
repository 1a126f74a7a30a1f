"""Tick gates, and see which defects they stop, how many good releases, and what is let through."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from helpers.base import style
from helpers.course.lesson_4_4.delivery import GATES, evidence
from helpers.course.views import Explorer, subplots


class GateLab(Explorer):
    """Twelve defects against eight gates, in one of the recorded worlds."""

    def stops(self, gates: tuple[str, ...], times: float, world: int) -> pd.DataFrame:
        """Return which gate stops which release; ``any`` is of the ticked gates."""
        table, rules = evidence().loc[world], GATES | {"money": f"gain < {2 - 2 * times} * gain_se"}
        for name, limit in (("data", 2.58), ("slice", 1.96)):
            rules[name] = rules[name].replace(f"{limit}", f"{times * limit}")
        found = pd.DataFrame({name: table.eval(rule) for name, rule in rules.items()})
        return found.assign(any=found[list(gates)].any(axis=1), damage=table["damage"])

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look, narrow = {"style": {"description_width": "90px"}}, w.Layout(width="130px")
        first, times = list(GATES)[:4], [(f"x {t:g}", t) for t in (1.0, 1.5, 2.0, 3.0)]
        return {
            name: w.Checkbox(name in first, description=name, indent=False, layout=narrow)
            for name in GATES
        } | {
            "times": w.SelectionSlider(options=times, description="tolerance", **look),
            "world": w.IntSlider(1, 1, 30, description="world", continuous_update=False, **look),
        }

    def state(self, controls: dict[str, Any]) -> dict[str, Any]:
        ticked = tuple(name for name in GATES if controls[name].value)
        return {"gates": ticked} | {name: controls[name].value for name in ("times", "world")}

    def describe(self, **state: Any) -> str:
        found = self.stops(**state)
        past = found.head(12).query("not any")["damage"].sort_values(ascending=False)
        return (
            f"World {state['world']}, limits x {state['times']:g}. "
            f"Stopped: {12 - len(past)} of 12 defects and {found['any'].tail(20).sum()} of 20 good "
            f"releases. Let through: {', '.join(past.index) or 'none'}. They cost "
            f"{past.clip(lower=0).sum() / 1e6:.2f} million euro a month."
        )

    def plot(self, ax: Any = None, **state: Any) -> Any:
        found = self.stops(**state)
        defects, good = found.head(12).sort_values("damage", ascending=False), found.tail(20)
        cells = defects[list(GATES)] * np.where(np.isin(list(GATES), state["gates"]), 1.0, 0.3)
        ax = subplots(ax, (7.6, 4.6))
        ax.pcolormesh(cells, cmap=LinearSegmentedColormap.from_list("", ["white", style.BLUE]),
                      vmin=0, vmax=1, edgecolors="0.85", linewidth=0.8)  # fmt: skip
        labels = [f"{name}  {cost / 1e6:+.2f}" for name, cost in defects["damage"].items()]
        share = [f"{name}\n{good[name].sum()} of 20" for name in GATES]
        ax.set_yticks(np.arange(12) + 0.5, labels)
        ax.set_xticks(np.arange(len(GATES)) + 0.5, share, fontsize=9)
        ax.set_xlabel("gate, and how many good releases it stops (grey: not ticked)")
        ax.set(title="Defect, million euro a month (red: let through)", ylim=(12, 0))
        colours = [style.BLACK if stopped else style.RED for stopped in defects["any"]]
        colours += [style.BLACK if name in state["gates"] else style.GREY for name in GATES]
        for label, colour in zip(ax.get_yticklabels() + ax.get_xticklabels(), colours, strict=True):
            label.set_color(colour)
        ax.grid(False)
        return ax
