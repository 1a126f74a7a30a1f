"""Move the tolerances of a gate that compares models slice by slice, and see which are blessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import stats, style
from helpers.course.views import Canvas, MovingExplorer, View, subplots

ALL = "all"
MOST = 0.15  # the largest tolerance that the sliders offer
_NORMAL = 1.959964  # 95 % of a normal distribution lie within this many standard errors
_SHADE = "#F3D9CB"


class SliceGate(MovingExplorer):
    """See which models are blessed by a gate that compares the ROC AUC in every slice.

    Parameters
    ----------
    evaluated : pandas.DataFrame
        A row for each example that the models are measured on: the label (0 or 1), the columns to
        slice by and a column of scores for each model.
    models : sequence of str
        Columns of scores: first the model in force, then the candidates.
    by : sequence of str
        Columns that may be sliced by.
    label : str, default "defaulted"
        Column of the label.
    fresh : pandas.DataFrame, optional
        Many more examples with the same columns, to show what the change really is.

    Raises
    ------
    ValueError
        If a column is missing, there is no candidate, or the label is not 0 and 1.
    """

    fixed = ("candidate", "by")

    def __init__(
        self,
        evaluated: pd.DataFrame,
        models: Sequence[str],
        *,
        by: Sequence[str],
        label: str = "defaulted",
        fresh: pd.DataFrame | None = None,
    ) -> None:
        if isinstance(models, str) or len(models) < 2:
            raise ValueError(f"models is {models!r}; expected the model in force and a candidate")
        if isinstance(by, str) or not by:
            raise ValueError(f"by is {by!r}; expected a list of columns, such as ['region']")
        for name, frame in (("evaluated", evaluated), ("fresh", fresh)):
            if frame is None:
                continue
            lacking = [column for column in (label, *by, *models) if column not in frame]
            if lacking:
                raise ValueError(f"{name} lacks {lacking}; it has {list(frame)}")
            if set(frame[label]) != {0, 1}:
                values = sorted(set(frame[label]))
                raise ValueError(f"{name}[{label!r}] holds {values}; expected 0, 1")
        self.before, *self.candidates = models
        self.by = list(by)
        self._changes = {
            (candidate, column): self._measure(evaluated, fresh, candidate, column, label)
            for candidate in self.candidates
            for column in by
        }

    def to_frame(
        self, candidate: str, by: str, tolerance: float = 0.02, slice_tolerance: float = 0.05
    ) -> pd.DataFrame:
        """Return the numbers of one state of the view.

        Parameters
        ----------
        candidate : str
            One of the candidates.
        by : str
            The column to slice by.
        tolerance, slice_tolerance : float
            By how much the area may be smaller than before: in all rows, and in each slice.

        Returns
        -------
        pandas.DataFrame
            A row for each slice, first ``"all"``: ``rows``, ``before`` and ``after`` (the areas),
            ``change``, ``low`` and ``high`` (its 95 % interval), ``truth`` (the change on fresh
            rows) and ``passes``. A slice without defaults, or with nothing else, passes.

        Raises
        ------
        ValueError
            If there is no such candidate or column.
        """
        if (candidate, by) not in self._changes:
            raise ValueError(
                f"candidate is {candidate!r} and by is {by!r}; there are candidates "
                f"{self.candidates}, by {self.by}"
            )
        table = self._changes[candidate, by].copy()
        allowed = np.where(table.index == ALL, tolerance, slice_tolerance)
        table["passes"] = ~(table["change"] < -allowed)
        return table

    def verdicts(self, by: str, tolerance: float, slice_tolerance: float) -> pd.Series:
        """Return for each candidate "blessed", or "not blessed" and the slices where it fails.

        Parameters
        ----------
        by, tolerance, slice_tolerance
            As for :meth:`to_frame`.

        Returns
        -------
        pandas.Series
        """
        verdicts = {}
        for candidate in self.candidates:
            table = self.to_frame(candidate, by, tolerance, slice_tolerance)
            failing = list(table.index[~table["passes"]])
            verdicts[candidate] = f"not blessed: {', '.join(failing)}" if failing else "blessed"
        return pd.Series(verdicts, name="verdict")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "130px"}}
        slider = {"min": 0, "max": MOST, "step": 0.005, "readout_format": ".3f", **look}
        slider["layout"] = w.Layout(width="480px")
        return {
            "candidate": w.Dropdown(options=self.candidates, description="candidate", **look),
            "by": w.Dropdown(options=self.by, description="slice by", **look),
            "tolerance": w.FloatSlider(value=0.02, description="tolerance", **slider),
            "slice_tolerance": w.FloatSlider(value=0.05, description="slice tolerance", **slider),
        }

    def describe(self, candidate: str, by: str, tolerance: float, slice_tolerance: float) -> str:
        verdicts = self.verdicts(by, tolerance, slice_tolerance)
        table = self.to_frame(candidate, by, tolerance, slice_tolerance)
        changes = "; ".join(
            f"{name} {row.change:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
            for name, row in table.iterrows()
        )
        return (
            ". ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
            + f". {candidate} against {self.before}, change of the ROC AUC with its 95 % "
            f"interval: {changes}."
        )

    def words(self, text: str, **state: Any) -> str:
        gate = {name: state[name] for name in ("by", "tolerance", "slice_tolerance")}
        verdicts = self.verdicts(**gate).items()
        lines = "<br>".join(f"<b>{name}</b>: {verdict}" for name, verdict in verdicts)
        return f"<p aria-live='polite'>{lines}</p>"

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
        ax.set_ylabel("slice (rows)")
        ax.set_xlabel("change of the ROC AUC, with its 95 % interval")
        ax.axvline(0, color=style.GREY, lw=0.8)
        ax.axhline(0.5, color=style.GREY, lw=0.8)
        shades, lines, dots, truth = [], [], [], []
        for y, row in enumerate(table.itertuples()):
            shades.append(ax.barh(y, 0, 0.8, color=_SHADE, zorder=0.5)[0])
            lines.append(ax.plot([row.low, row.high], [y, y], lw=2, solid_capstyle="butt")[0])
            dots.append(ax.plot(row.change, y, "o", ms=8, zorder=3)[0])
        if table["truth"].notna().any():
            look = {"ms": 7, "mfc": "none", "mec": style.BLACK, "ls": "", "zorder": 4}
            truth = ax.plot(table["truth"], at, "D", label="in fresh rows", **look)
        ax.plot([], [], "o", color=style.BLUE, label="passes")
        ax.plot([], [], "s", color=style.RED, label="fails")
        ax.barh(0, 0, color=_SHADE, label="more than is tolerated")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
        ax.figure.suptitle(f"{candidate} against {self.before}", x=0.01, ha="left", size=12)
        return Canvas(ax, shades=shades, lines=lines, dots=dots, truth=truth)

    def move(
        self, canvas: Canvas, candidate: str, by: str, tolerance: float = 0.02,
        slice_tolerance: float = 0.05,
    ) -> None:  # fmt: skip
        start = canvas.axes.get_xlim()[0]
        table = self.to_frame(candidate, by, tolerance, slice_tolerance)
        for y, passes in enumerate(table["passes"]):
            edge = -(slice_tolerance if y else tolerance)
            canvas.shades[y].set(x=start, width=edge - start)
            colour = style.BLUE if passes else style.RED
            canvas.lines[y].set_color(colour)
            canvas.dots[y].set(color=colour, marker="o" if passes else "s", mec="white")

    def _measure(
        self,
        evaluated: pd.DataFrame,
        fresh: pd.DataFrame | None,
        candidate: str,
        by: str,
        label: str,
    ) -> pd.DataFrame:
        def areas(rows: pd.DataFrame) -> tuple[float, float, float]:
            """Return both areas and the standard error of their difference, on the same rows."""
            (old, new), cov = stats.auc(rows[label], rows[self.before], rows[candidate])
            return old, new, np.sqrt(max(cov[0, 0] + cov[1, 1] - 2 * cov[0, 1], 0.0))

        table = {}
        for name in (ALL, *sorted(evaluated[by].unique(), key=str)):
            inside, many = (
                rows if rows is None or name == ALL else rows[rows[by] == name]
                for rows in (evaluated, fresh)
            )
            old, new, error = areas(inside)
            row = {"rows": len(inside), "before": old, "after": new, "change": new - old}
            row |= {"low": new - old - _NORMAL * error, "high": new - old + _NORMAL * error}
            old, new, _ = (np.nan,) * 3 if many is None else areas(many)
            table[str(name)] = row | {"truth": new - old}
        return pd.DataFrame.from_dict(table, orient="index").astype({"rows": int})
