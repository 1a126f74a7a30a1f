"""Move the tolerances of a gate that compares models slice by slice, and see which are blessed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import stats, style
from helpers.course.views import Canvas, MovingExplorer, View, subplots

ALL = "all"
MOST = 0.15  # the largest tolerance that the sliders offer
GATE = {"tolerance": 0.02, "slice_tolerance": 0.03}  # that of the lesson
_NORMAL = 1.959964  # 95 % of a normal distribution lie within this many standard errors
_SHADE = "#F3D9CB"


class SliceGate(MovingExplorer):
    """See which models are blessed by a gate that compares the ROC AUC in every slice.

    Parameters
    ----------
    evaluated, fresh : pandas.DataFrame
        The rows that models are measured on, and many more, to show what a change really is: the
        column ``defaulted`` (0 or 1), those to slice by and a column of scores for each model.
    models, by : list of str
        Columns of scores, first that of the model in force; columns that may be sliced by.
    """

    fixed = ("candidate", "by")

    def __init__(
        self, evaluated: pd.DataFrame, models: list[str], *, by: list[str], fresh: pd.DataFrame
    ) -> None:
        for name, frame in (("evaluated", evaluated), ("fresh", fresh)):
            if lacking := [one for one in ("defaulted", *by, *models) if one not in frame]:
                raise ValueError(f"{name} lacks {lacking}; it has {list(frame)}")
        self.before, *self.candidates = models
        self.by = list(by)
        each = itertools.product(self.candidates, self.by)
        self._changes = {one: self._measure(evaluated, fresh, *one) for one in each}

    def to_frame(
        self, candidate: str, by: str, tolerance: float = 0.02, slice_tolerance: float = 0.03
    ) -> pd.DataFrame:
        """Return the numbers of one state of the view: a row for each slice, first ``"all"``.

        The columns are ``rows``, ``before`` and ``after`` (the areas), ``change``, ``low`` and
        ``high`` (its 95 % interval), ``truth`` (on fresh rows), ``passes`` (also without defaults).
        """
        table = self._changes[candidate, by]
        allowed = np.where(table.index == ALL, tolerance, slice_tolerance)
        return table.assign(passes=~(table["change"] < -allowed))

    def verdicts(self, by: str, tolerance: float, slice_tolerance: float) -> pd.Series:
        """Return for each candidate "blessed", or "not blessed" and the slices where it fails."""
        said = {}
        for candidate in self.candidates:
            table = self.to_frame(candidate, by, tolerance, slice_tolerance).query("not passes")
            failing = ", ".join(table.index)
            said[candidate] = f"not blessed: {failing}" if failing else "blessed"
        return pd.Series(said)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "110px"}}
        slider = {"min": 0, "max": MOST, "step": 0.005, "readout_format": ".3f", **look}
        slider["layout"] = w.Layout(width="480px")
        return {
            "candidate": w.Dropdown(options=self.candidates, description="candidate", **look),
            "by": w.Dropdown(options=self.by, description="slice by", **look),
        } | {
            name: w.FloatSlider(value=value, description=name.replace("_", " "), **slider)
            for name, value in GATE.items()
        }

    def describe(self, candidate: str, by: str, **gate: float) -> str:
        rows = self.to_frame(candidate, by, **gate).itertuples()
        changes = (f"{r.Index} {r.change:+.2f} [{r.low:+.2f}, {r.high:+.2f}]" for r in rows)
        said = ". ".join(map(": ".join, self.verdicts(by, **gate).items()))
        what = f"{candidate} against {self.before}, change of the ROC AUC with its 95 % interval"
        return f"{said}. {what}: {'; '.join(changes)}."

    def words(self, text: str, **state: Any) -> str:
        gate = {name: state[name] for name in ("by", *GATE)}
        lines = [f"<b>{name}</b>: {said}" for name, said in self.verdicts(**gate).items()]
        return f"<p aria-live='polite'>{'<br>'.join(lines)}</p>"

    def layout(self, view: View) -> list[Any]:
        return [*view.controls.values(), view.words, view.screen]

    def still(self, ax: Any = None, *, candidate: str, by: str) -> Canvas:
        table = self.to_frame(candidate, by)
        ax = subplots(ax, (7.6, 1.5 + 0.42 * len(table)))
        at = np.arange(len(table))
        reach = np.nanmax(np.abs(table[["change", "low", "high", "truth"]].to_numpy()))
        reach = max(1.06 * reach, MOST + 0.01)
        ax.set(xlim=(-reach, reach), ylim=(len(table) - 0.4, -0.6), yticks=at)
        ax.set_yticklabels(f"{name} ({rows:,})" for name, rows in table["rows"].items())
        ax.set(ylabel="slice (rows)", xlabel="change of the ROC AUC, with its 95 % interval")
        ax.axvline(0, color=style.GREY, lw=0.8)
        ax.axhline(0.5, color=style.GREY, lw=0.8)
        shades, lines, dots = [], [], []
        for y, row in enumerate(table.itertuples()):
            shades.append(ax.barh(y, 0, 0.8, color=_SHADE, zorder=0.5)[0])
            lines.append(ax.plot([row.low, row.high], [y, y], lw=2, solid_capstyle="butt")[0])
            dots.append(ax.plot(row.change, y, "o", ms=8, zorder=3)[0])
        look = {"ms": 7, "mfc": "none", "mec": style.BLACK, "ls": "", "zorder": 4}
        truth = ax.plot(table["truth"], at, "D", label="in fresh rows", **look)
        ax.plot([], [], "o", color=style.BLUE, label="passes")
        ax.plot([], [], "s", color=style.RED, label="fails")
        ax.barh(0, 0, color=_SHADE, label="more than is tolerated")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
        ax.figure.suptitle(f"{candidate} against {self.before}", x=0.01, ha="left", size=12)
        return Canvas(ax, shades=shades, lines=lines, dots=dots, truth=truth)

    def move(self, canvas: Canvas, candidate: str, by: str, **gate: float) -> None:
        start, gate = canvas.axes.get_xlim()[0], GATE | gate
        for y, passes in enumerate(self.to_frame(candidate, by, **gate)["passes"]):
            edge = -gate["slice_tolerance" if y else "tolerance"]
            canvas.shades[y].set(x=start, width=edge - start)
            colour, marker = (style.BLUE, "o") if passes else (style.RED, "s")
            canvas.lines[y].set_color(colour)
            canvas.dots[y].set(color=colour, marker=marker, mec="white")

    def _measure(
        self, evaluated: pd.DataFrame, fresh: pd.DataFrame, candidate: str, by: str
    ) -> pd.DataFrame:
        table = {}
        for name in (ALL, *sorted(evaluated[by].unique(), key=str)):
            both = (rows if name == ALL else rows[rows[by] == name] for rows in (evaluated, fresh))
            ((old, new), cov), ((was, is_now), _) = (
                stats.auc(rows["defaulted"], rows[self.before], rows[candidate]) for rows in both
            )
            error = _NORMAL * np.sqrt(max(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1], 0.0))
            rows = len(evaluated) if name == ALL else int((evaluated[by] == name).sum())
            row = {"rows": rows, "before": old, "after": new, "change": new - old}
            interval = {"low": new - old - error, "high": new - old + error}
            table[str(name)] = row | interval | {"truth": is_now - was}
        return pd.DataFrame.from_dict(table, orient="index").astype({"rows": int})
