"""Move the tolerances of a gate that compares models slice by slice, and see which are blessed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views.canvas import Canvas
from helpers.course.views.view import View

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ALL = "all"
MOST = 0.15  # the largest tolerance that the sliders offer
_NORMAL = 1.959964  # 95 % of a normal distribution lie within so many standard errors


def slice_gate(
    evaluated: pd.DataFrame,
    models: Sequence[str],
    *,
    by: Sequence[str],
    label: str = "defaulted",
    fresh: pd.DataFrame | None = None,
) -> SliceGate:
    """Show which models a gate blesses that looks at the change of the ROC AUC in every slice.

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

    Returns
    -------
    SliceGate
        Displays itself; ``.table(...)`` gives its numbers.

    Raises
    ------
    ValueError
        If a column is missing, there is no candidate, or the label is not 0 and 1.
    """
    if isinstance(models, str) or len(models) < 2:
        raise ValueError(f"models is {models!r}; expected the model in force and a candidate")
    if isinstance(by, str) or not by:
        raise ValueError(f"by is {by!r}; expected a list of columns, such as ['region']")
    for name, frame in (("evaluated", evaluated), ("fresh", fresh)):
        if frame is None:
            continue
        lacking = [one for one in (label, *by, *models) if one not in frame]
        if lacking:
            raise ValueError(f"{name} lacks {lacking}; it has {list(frame)}")
        if set(frame[label]) != {0, 1}:
            raise ValueError(f"{name}[{label!r}] holds {sorted(set(frame[label]))}; expected 0, 1")
    return SliceGate(evaluated, list(models), list(by), label, fresh)


class SliceGate:
    """The interactive view; made by :func:`slice_gate`.

    Parameters
    ----------
    evaluated, models, by, label, fresh
        As for :func:`slice_gate`.
    """

    def __init__(
        self,
        evaluated: pd.DataFrame,
        models: list[str],
        by: list[str],
        label: str,
        fresh: pd.DataFrame | None = None,
    ) -> None:
        self.before, *self.candidates = models
        self.by = by
        self._changes = {
            (candidate, column): self._measure(evaluated, fresh, candidate, column, label)
            for candidate in self.candidates
            for column in by
        }
        self._canvases: dict[tuple[str, str], _Picture] = {}

    def table(
        self, candidate: str, by: str, tolerance: float = 0.02, slice_tolerance: float = 0.05
    ) -> pd.DataFrame:
        """Give the numbers of one state of the view.

        Parameters
        ----------
        candidate : str
            One of the candidates.
        by : str
            The column to slice by.
        tolerance, slice_tolerance : float
            By how much the area may be smaller than before: over all, and in each slice.

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
        """Say of each candidate whether it is blessed, and if not, where it fails.

        Parameters
        ----------
        by, tolerance, slice_tolerance
            As for :meth:`table`.

        Returns
        -------
        pandas.Series
        """
        said = {}
        for candidate in self.candidates:
            table = self.table(candidate, by, tolerance, slice_tolerance)
            failing = list(table.index[~table["passes"]])
            said[candidate] = f"not blessed: {', '.join(failing)}" if failing else "blessed"
        return pd.Series(said, name="verdict")

    def plot(
        self,
        candidate: str,
        by: str,
        tolerance: float = 0.02,
        slice_tolerance: float = 0.05,
        ax: Axes | None = None,
    ) -> Axes:
        """Draw one state of the view; the parameters are those of :meth:`table`."""
        table = self.table(candidate, by, tolerance, slice_tolerance)
        picture = _Picture(table, f"{candidate} against {self.before}", ax)
        picture.move(table, tolerance, slice_tolerance)
        return picture.ax

    def describe(self, candidate: str, by: str, tolerance: float, slice_tolerance: float) -> str:
        """Say in words what the picture shows; the parameters are those of :meth:`table`."""
        verdicts = self.verdicts(by, tolerance, slice_tolerance)
        table = self.table(candidate, by, tolerance, slice_tolerance)
        changes = "; ".join(
            f"{name} {one.change:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
            for name, one in table.iterrows()
        )
        said = ". ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
        return (
            f"{said}. {candidate} against {self.before}, change of the ROC AUC with its 95 % "
            f"interval: {changes}."
        )

    def _ipython_display_(self, **_: object) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: the candidate, what to slice by, and the two tolerances.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        look = {"description_width": "130px"}
        wide = w.Layout(width="480px")
        candidate = w.Dropdown(options=self.candidates, description="candidate", style=look)
        by = w.Dropdown(options=self.by, description="slice by", style=look)
        overall, each = (
            w.FloatSlider(
                value=value,
                min=0,
                max=MOST,
                step=0.005,
                readout_format=".3f",
                description=said,
                style=look,
                layout=wide,
            )
            for said, value in (("tolerance", 0.02), ("slice tolerance", 0.05))
        )
        picture, words = w.HTML(), w.HTML()

        def redraw(_: object = None) -> None:
            state = (candidate.value, by.value, overall.value, each.value)
            said = self.describe(*state)
            picture.value = self._picture(*state).canvas.html(said)
            verdicts = self.verdicts(*state[1:])
            lines = "<br>".join(f"<b>{name}</b>: {verdict}" for name, verdict in verdicts.items())
            words.value = f"<p aria-live='polite'>{lines}</p>"

        for control in (candidate, by, overall, each):
            control.observe(redraw, "value")
        redraw()
        first = (candidate.value, by.value, overall.value, each.value)
        still = self._picture(*first).canvas.png()
        box = w.VBox([candidate, by, overall, each, words, picture])
        return View(box, still, self.describe(*first))

    def _picture(
        self, candidate: str, by: str, tolerance: float, slice_tolerance: float
    ) -> _Picture:
        table = self.table(candidate, by, tolerance, slice_tolerance)
        if (candidate, by) not in self._canvases:
            drawn = _Picture(table, f"{candidate} against {self.before}")
            drawn.freeze()
            self._canvases[candidate, by] = drawn
        picture = self._canvases[candidate, by]
        picture.move(table, tolerance, slice_tolerance)
        return picture

    def _measure(
        self,
        evaluated: pd.DataFrame,
        fresh: pd.DataFrame | None,
        candidate: str,
        by: str,
        label: str,
    ) -> pd.DataFrame:
        rows = {}
        for name in (ALL, *sorted(evaluated[by].unique(), key=str)):
            here = evaluated if name == ALL else evaluated[evaluated[by] == name]
            old, new, error = _areas(here[label], here[self.before], here[candidate])
            one = {"rows": len(here), "before": old, "after": new, "change": new - old}
            one |= {"low": new - old - _NORMAL * error, "high": new - old + _NORMAL * error}
            one["truth"] = np.nan
            if fresh is not None:
                there = fresh if name == ALL else fresh[fresh[by] == name]
                old, new, _ = _areas(there[label], there[self.before], there[candidate])
                one["truth"] = new - old
            rows[str(name)] = one
        return pd.DataFrame.from_dict(rows, orient="index").astype({"rows": int})


def _areas(label: pd.Series, before: pd.Series, after: pd.Series) -> tuple[float, float, float]:
    """Give two areas under the ROC curve, and the standard error of their difference.

    Both models score the same rows, so the error is that of paired areas: DeLong and others (1988).
    """
    bad = label.to_numpy() == 1
    if bad.all() or not bad.any():
        return np.nan, np.nan, np.nan
    placed = []
    for score in (before.to_numpy(float), after.to_numpy(float)):
        for one, other in ((score[bad], score[~bad]), (score[~bad], score[bad])):
            other = np.sort(other)
            below = np.searchsorted(other, one, "left") + np.searchsorted(other, one, "right")
            placed.append(below / (2 * len(other)))
    old, old_good, new, new_good = placed
    parts = ((old, new), (old_good, new_good))
    if min(len(one) for one, _ in parts) < 2:
        return float(old.mean()), float(new.mean()), np.nan
    variance = sum((b - a).var(ddof=1) / len(a) for a, b in parts)
    return float(old.mean()), float(new.mean()), float(np.sqrt(variance))


class _Picture:
    """The change in each slice; what stands still is drawn here, the gate is set by ``move``."""

    def __init__(self, table: pd.DataFrame, title: str, ax: Axes | None = None) -> None:
        if ax is None:
            from matplotlib.figure import Figure

            height = 1.5 + 0.42 * len(table)
            ax = Figure(figsize=(8, height), layout="constrained").subplots()
        self.ax = ax
        at = np.arange(len(table))
        reach = np.nanmax(np.abs(table[["change", "low", "high", "truth"]].to_numpy()))
        reach = max(1.06 * reach, MOST + 0.01)
        ax.set(xlim=(-reach, reach), ylim=(len(table) - 0.4, -0.6), yticks=at, title=title)
        ax.set_yticklabels(f"{name} ({rows:,})" for name, rows in table["rows"].items())
        ax.set_ylabel("slice (rows)")
        ax.set_xlabel("change of the ROC AUC, with its 95 % interval")
        ax.axvline(0, color=style.GREY, lw=0.8)
        ax.axhline(0.5, color=style.GREY, lw=0.8)
        self.dots, self.lines, self.shades = [], [], []
        for y, (_, one) in enumerate(table.iterrows()):
            self.shades.append(ax.barh(y, 0, 0.8, color="#F3D9CB", zorder=0.5)[0])
            self.lines.append(ax.plot([one.low, one.high], [y, y], lw=2, solid_capstyle="butt")[0])
            self.dots.append(ax.plot(one.change, y, "o", ms=8, mec="white", zorder=3)[0])
        self.truth = []
        if table["truth"].notna().any():
            look = {"ms": 7, "mfc": "none", "mec": style.BLACK, "ls": "", "zorder": 4}
            self.truth = ax.plot(table["truth"], at, "D", label="in fresh rows", **look)
        ax.plot([], [], "o", color=style.BLUE, label="passes")
        ax.plot([], [], "s", color=style.RED, label="fails")
        ax.barh(0, 0, color="#F3D9CB", label="more than is tolerated")
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, handletextpad=0.3)
        ax.set_title("")
        ax.figure.suptitle(title, x=0.01, ha="left", size=12)
        self.reach = reach

    def freeze(self) -> None:
        self.canvas = Canvas(self.ax.figure, [*self.shades, *self.lines, *self.dots, *self.truth])

    def move(self, table: pd.DataFrame, tolerance: float, slice_tolerance: float) -> None:
        for y, passes in enumerate(table["passes"]):
            edge = -(slice_tolerance if y else tolerance)
            self.shades[y].set(x=-self.reach, width=edge + self.reach)
            colour = style.BLUE if passes else style.RED
            self.lines[y].set_color(colour)
            self.dots[y].set_color(colour)
            self.dots[y].set_marker("o" if passes else "s")
            self.dots[y].set_markeredgecolor("white")
