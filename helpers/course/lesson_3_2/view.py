"""Shrink a network by width, bits and pruning; see what fits and what it still earns."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from helpers.base import style
from helpers.course.views import Explorer, subplots

WORLD = 2025  # the one that the lesson shows
_COLOURS = {32: style.BLACK, 8: style.BLUE, 4: style.GREEN, 2: style.PURPLE}


@cache
def networks() -> pd.DataFrame:
    """Return what ``benchmarks/lesson_3_2.py`` measured of networks shrunk in many ways."""
    return pd.read_csv(Path(__file__).with_name("networks.csv"))


def front(table: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that no other row beats in size and euro: the Pareto front, by size.

    Examples
    --------
    >>> front(pd.DataFrame({"bytes": [3, 1, 2], "euro": [9, 5, 4]}))["bytes"].tolist()
    [1, 3]
    """
    ordered = table.sort_values(["bytes", "euro"], ascending=[True, False])
    return ordered[ordered["euro"] > ordered["euro"].cummax().shift(fill_value=float("-inf"))]


class Shrinker(Explorer):
    """Choose a width, the bits of a weight and the share of weights set to 0."""

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        def choice(name: str, values: list, first: Any, unit: str = "") -> w.ToggleButtons:
            look = {"style": {"description_width": "90px", "button_width": "70px"}}
            options = [(f"{value:g}{unit}", value) for value in values]
            return w.ToggleButtons(options=options, value=first, description=name, **look)

        table = networks()
        return {
            "width": choice("units", sorted(set(table["width"])), 512),
            "bits": choice("bits", [32, 8, 4, 2], 8),
            "zeros": choice("set to 0", sorted(set(table["zeros"])), 0, " %"),
            "budget": choice("budget", [512, 64, 16, 4, 1], 512, " kB"),
        }

    def describe(self, width: int, bits: int, zeros: int, budget: float) -> str:
        table = networks().query("world == @WORLD")
        here = table.query("width == @width and bits == @bits and zeros == @zeros").iloc[0]
        full = table.query("width == 512 and bits == 32 and zeros == 0").iloc[0]
        fits = table[table["bytes"] <= 1_000 * budget]
        better = fits[(fits["bytes"] < here["bytes"]) & (fits["euro"] >= here["euro"])]
        gain = round(here["euro"] - full["euro"])
        within = "within" if here["bytes"] <= 1_000 * budget else "over"
        return (
            f"2 x {width} units, weights of {bits} bits, {zeros} % of them 0: "
            f"{here['bytes'] / 1_000:.1f} kB after gzip, {within} the budget of {budget} kB. "
            f"AUC {here['auc']:.3f}, {here['euro']:.0f} euro an application, "
            f"{gain:+d} against 512 units with 32 bits. Of 24,000 decisions, {here['flips']:,.0f} "
            f"differ from those of {width} units with 32 bits and no zeros. {len(fits)} of "
            f"{len(table)} networks fit. Smaller than this one, and earning as much: {len(better)}."
        )

    def plot(self, width: int, bits: int, zeros: int, budget: float, ax: Any = None) -> Any:
        ax = subplots(ax, (7.4, 4.2))
        table = networks().query("world == @WORLD").assign(kB=lambda t: t["bytes"] / 1_000)
        floor = 700
        for kind, part in table.groupby("bits"):
            look = {"color": _COLOURS[kind], "s": 22, "alpha": 0.75, "label": f"{kind} bits"}
            ax.scatter(part["kB"], part["euro"].clip(lower=floor), **look)
        best = front(table).query("euro >= @floor")
        ax.step(
            best["kB"], best["euro"], where="post", color=style.GREY, lw=1, label="Pareto front"
        )
        here = table.query("width == @width and bits == @bits and zeros == @zeros")
        look = {"s": 170, "facecolors": "none", "edgecolors": style.RED, "linewidths": 2.5}
        ax.scatter(here["kB"], here["euro"].clip(lower=floor), zorder=3, label="chosen", **look)
        ax.axvline(budget, color=style.ORANGE, ls="--", lw=2, label="budget")
        ax.set(xscale="log", xlim=(0.1, 1_500), xlabel="kB after gzip")
        ax.set(ylabel="euro an application", ylim=(floor - 10, 890))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.set_title(f"{len(table)} networks; those below {floor} euro are drawn at {floor}")
        ax.legend(loc="center", bbox_to_anchor=(0.66, 0.34), fontsize=9, ncols=2)
        return ax
