"""Move each group's threshold and see at once whom it selects, wrongs and costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers import fairness
from helpers.base import style
from helpers.course.views.canvas import Canvas
from helpers.course.views.view import View
from helpers.fairness.counts import rate
from helpers.fairness.group_thresholds import PRESETS, RATES, STEPS, Thresholds

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLOURS = (style.BLUE, style.RED, style.GREEN, style.PURPLE, style.SKY, style.BLACK)
_MARKERS = "osD^vP"


def threshold_explorer(
    y_true: Any,
    y_score: Any,
    *,
    sensitive_features: Any,
    utility: Any = (1.0, -1.0),
    unit: str = "",
) -> ThresholdExplorer:
    """Explore decision thresholds of groups by sliders and presets.

    Parameters
    ----------
    y_true, y_score, sensitive_features, utility
        As in :func:`helpers.fairness.thresholds`.
    unit : str, default ""
        Unit of the utility, such as ``"euro"``.

    Returns
    -------
    ThresholdExplorer
        Displays itself; ``.table(thresholds)`` gives its numbers.
    """
    found = fairness.thresholds(
        y_true, y_score, sensitive_features=sensitive_features, utility=utility
    )
    return ThresholdExplorer(found, unit)


class ThresholdExplorer:
    """The interactive view; made by :func:`threshold_explorer`.

    Parameters
    ----------
    found : helpers.fairness.Thresholds
        What each threshold does.
    unit : str
        Unit of the utility.
    """

    def __init__(self, found: Thresholds, unit: str = "") -> None:
        self.found = found
        self.unit = unit
        self.presets = {}
        self.impossible = {}
        for name in PRESETS:
            try:
                self.presets[name] = found.preset(name)
            except ValueError as error:  # a group without positives, say
                self.impossible[name] = str(error)
        self._picture: _Picture | None = None

    def table(self, thresholds: Mapping[str, float] | str = PRESETS[0]) -> pd.DataFrame:
        """Give the numbers of one state of the view.

        Parameters
        ----------
        thresholds : mapping of str to float, or str
            A threshold for each group, or the name of a preset.

        Returns
        -------
        pandas.DataFrame
        """
        if isinstance(thresholds, str):
            thresholds = self.found.preset(thresholds).thresholds
        return self.found.at(thresholds)

    def plot(
        self, thresholds: Mapping[str, float] | str = PRESETS[0], axes: Any = None
    ) -> list[Axes]:
        """Draw one state of the view.

        Parameters
        ----------
        thresholds : mapping of str to float, or str
            As in :meth:`table`.
        axes : sequence of three matplotlib.axes.Axes, optional
            For rates, ROC curves and utility; made if not given.

        Returns
        -------
        list of three matplotlib.axes.Axes
        """
        picture = _Picture(self.found, self.unit, axes)
        picture.move(self.table(thresholds))
        return picture.axes

    def describe(self, table: pd.DataFrame) -> str:
        """Say in words what the picture shows.

        Parameters
        ----------
        table : pandas.DataFrame
            As :meth:`table` gives it.
        """
        groups = [
            f"{name}: {row.selection_rate:.0%} selected, of the good {row.true_positive_rate:.0%}, "
            f"of the bad {row.false_positive_rate:.0%}"
            for name, row in table.iterrows()
        ]
        total = f"{table['utility'].sum():,.0f} {self.unit}".strip()
        return "; ".join(groups) + f". Together: {total}."

    def picture(self, table: pd.DataFrame) -> str:
        """Draw a state for the screen: only what moves is drawn again.

        Parameters
        ----------
        table : pandas.DataFrame
            As :meth:`table` gives it.

        Returns
        -------
        str
            HTML of the picture.
        """
        if self._picture is None:
            self._picture = _Picture(self.found, self.unit)
            self._picture.freeze()
        self._picture.move(table)
        return self._picture.canvas.html(self.describe(table))

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: presets, a slider for each group, the picture and its words.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        style_ = {"description_width": "150px"}
        start = self.presets[PRESETS[0]].thresholds
        preset = w.Dropdown(
            options=["by hand", *self.presets],
            value=PRESETS[0],
            description="preset",
            style=style_,
        )
        sliders = {
            name: w.FloatSlider(
                value=start[name],
                min=0,
                max=1,
                step=1 / STEPS,
                readout_format=".3f",
                description=f"threshold {name}",
                style=style_,
                layout=w.Layout(width="520px"),
            )
            for name in self.found.groups
        }
        picture, words = w.HTML(), w.HTML()
        jumping = False

        def redraw(_: object = None) -> None:
            if jumping:
                return
            table = self.table({name: slider.value for name, slider in sliders.items()})
            picture.value = self.picture(table)
            words.value = f"<p aria-live='polite'>{self._said(preset.value, table)}</p>"

        def jump(change: Mapping[str, Any]) -> None:
            nonlocal jumping
            if change["new"] not in self.presets:
                return
            jumping = True  # one picture for all sliders
            for name, value in self.presets[change["new"]].thresholds.items():
                sliders[name].value = value
            jumping = False
            redraw()

        def by_hand(_: object) -> None:
            if not jumping:
                preset.value = "by hand"

        preset.observe(jump, "value")
        for slider in sliders.values():
            slider.observe(by_hand, "value")
            slider.observe(redraw, "value")
        redraw()
        first = self.table(start)
        box = w.VBox([preset, *sliders.values(), picture, words])
        return View(box, self._picture.canvas.png(), self.describe(first))

    def _said(self, preset: str, table: pd.DataFrame) -> str:
        said = self.describe(table)
        if preset in self.presets and not self.presets[preset].reached:
            said += f" {preset.capitalize()} is not reached by thresholds that tell good from bad."
        for name in self.impossible:
            said += f" {name.capitalize()} is undefined here: a group lacks positives or negatives."
        return said


class _Picture:
    """The three axes; what stands still is drawn here, what moves is set by ``move``."""

    def __init__(self, found: Thresholds, unit: str, axes: Any = None) -> None:
        from matplotlib.ticker import EngFormatter

        if axes is None:
            from matplotlib.figure import Figure

            figure = Figure(figsize=(10.4, 3.7), layout="constrained")
            axes = figure.subplots(1, 3, width_ratios=(1.3, 1, 0.9))
        self.axes = list(axes)
        rates, roc, money = self.axes
        groups = len(found.groups)
        self.dots, self.points, self.bars, self.sums = [], [], [], []
        shift = 0.6 / groups
        for i, name in enumerate(found.groups):
            colour, marker = _COLOURS[i], _MARKERS[i]
            at = np.arange(len(RATES)) + (i - (groups - 1) / 2) * shift
            look = {"color": colour, "marker": marker, "ls": ""}
            self.dots.append(rates.plot(at * 0, at, ms=8, **look, label=name)[0])
            tpr, fpr = (rate(r, found.counts[:, i]) for r in RATES[1:3])
            roc.plot(fpr, tpr, color=colour, lw=1.5)
            self.points.append(roc.plot([0], [0], ms=10, mec="white", **look)[0])
            self.bars.append(money.barh(i, 0, 0.6, color=colour)[0])
            self.sums.append(money.text(0, i, "", va="center", size=9))
        rates.set_yticks(range(len(RATES)), [r.replace("_", " ") for r in RATES])
        rates.set(xlim=(-0.03, 1.03), ylim=(len(RATES) - 0.5, -0.5), xlabel="rate")
        rates.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, handletextpad=0.2)
        roc.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls=":")
        roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC curves")
        high = max(found.utility.max(), 0) * 1.05
        low = min(-high * 0.3, max(found.utility.min(), -high))  # the depths are seldom visited
        self.reach = (low, high if high else 1)
        money.set(xlim=self.reach, ylim=(groups - 0.4, -0.6), yticks=range(groups))
        money.set_yticklabels(found.groups)
        money.xaxis.set_major_formatter(EngFormatter(sep=""))
        money.axvline(0, color=style.GREY, lw=0.8)
        money.set(xlabel=f"utility ({unit})" if unit else "utility", title="what it brings")
        self.found = found

    def freeze(self) -> None:
        moving = [*self.dots, *self.points, *self.bars, *self.sums]
        self.canvas = Canvas(self.axes[0].figure, moving)

    def move(self, table: pd.DataFrame) -> None:
        low, high = self.reach
        for i, row in enumerate(table.itertuples()):
            self.dots[i].set_xdata([getattr(row, name) for name in RATES])
            self.points[i].set_data([row.false_positive_rate], [row.true_positive_rate])
            self.bars[i].set_width(np.clip(row.utility, low, high))
            self.sums[i].set_text(f" {row.utility:,.0f}")
            self.sums[i].set_x(np.clip(row.utility, low, high) if row.utility > 0 else 0)
            self.sums[i].set_ha("right" if row.utility > 0.6 * high else "left")
            self.sums[i].set_color("white" if row.utility > 0.6 * high else "black")
