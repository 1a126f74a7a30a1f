"""Move each group's threshold and see at once who is selected, who is wronged, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from helpers import fairness
from helpers.base import style
from helpers.course.views import Canvas, MovingExplorer, View, subplots
from helpers.fairness.counts import rate
from helpers.fairness.group_thresholds import PRESETS, RATES

_COLOURS = (style.BLUE, style.RED, style.GREEN, style.PURPLE, style.SKY, style.BLACK)
_MARKERS = "osD^vP"
_STEPS = 200  # of each slider


class ThresholdExplorer(MovingExplorer):
    """Explore decision thresholds of groups by sliders and presets.

    A state is a threshold for each group, or the name of a preset.

    Parameters
    ----------
    y_true, y_score, sensitive_features, utility
        As for :func:`helpers.fairness.thresholds`.
    unit : str, default ""
        Unit of the utility, such as ``"euro"``.

    Attributes
    ----------
    effects : helpers.fairness.Thresholds
        What each threshold does.
    presets : dict of str to helpers.fairness.group_thresholds.Preset
        Those that are defined here.
    """

    def __init__(
        self,
        y_true: Any,
        y_score: Any,
        *,
        sensitive_features: Any,
        utility: Any = (1.0, -1.0),
        unit: str = "",
    ) -> None:
        self.effects = fairness.thresholds(
            y_true,
            y_score,
            sensitive_features=sensitive_features,
            utility=utility,
            grid=np.arange(_STEPS + 1) / _STEPS,
        )
        self.unit = unit
        self.presets = {}
        for name in PRESETS:
            try:
                self.presets[name] = self.effects.preset(name)
            except ValueError:  # such as a group without positives
                continue

    def to_frame(self, thresholds: Mapping[str, float] | str = PRESETS[0]) -> pd.DataFrame:
        """Return the numbers of one state of the view.

        Parameters
        ----------
        thresholds : mapping of str to float, or str
            A threshold for each group, or the name of a preset.

        Returns
        -------
        pandas.DataFrame
            As ``helpers.fairness.Thresholds.at`` returns it.
        """
        if isinstance(thresholds, str):
            preset = self.presets.get(thresholds) or self.effects.preset(thresholds)
            thresholds = preset.thresholds
        return self.effects.at(thresholds)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "150px"}}
        controls: dict[str, Any] = {
            "preset": w.Dropdown(
                options=["by hand", *self.presets], value=PRESETS[0], description="preset", **look
            )
        }
        for name, value in self.presets[PRESETS[0]].thresholds.items():
            controls[f"threshold {name}"] = w.FloatSlider(
                value=min(value, 1), min=0, max=1, step=1 / _STEPS, readout_format=".3f",
                description=f"threshold {name}", layout=w.Layout(width="520px"), **look,
            )  # fmt: skip
        return controls

    def state(self, controls: dict[str, Any]) -> dict[str, Any]:
        if controls["preset"].value in self.presets:
            return {"thresholds": controls["preset"].value}
        groups = self.effects.groups
        return {"thresholds": {name: controls[f"threshold {name}"].value for name in groups}}

    def describe(self, thresholds: Mapping[str, float] | str = PRESETS[0]) -> str:
        table = self.to_frame(thresholds)
        groups = [
            f"{name}: {row.selection_rate:.0%} selected, of the good {row.true_positive_rate:.0%}, "
            f"of the bad {row.false_positive_rate:.0%}"
            for name, row in table.iterrows()
        ]
        total = f"{table['utility'].sum():,.0f} {self.unit}".strip()
        return "; ".join(groups) + f". Together: {total}."

    def words(self, text: str, *, thresholds: Mapping[str, float] | str) -> str:
        if isinstance(thresholds, str) and not self.presets[thresholds].reached:
            name = thresholds.capitalize()
            text += f" {name} is not reached by thresholds that tell good from bad."
        for name in PRESETS:
            if name not in self.presets:
                name = name.capitalize()
                text += f" {name} is undefined here: a group lacks positives or negatives."
        return super().words(text)

    def still(self, ax: Any = None) -> Canvas:
        from matplotlib.ticker import EngFormatter

        axes = rates, roc, money = subplots(ax, (7.6, 5.4), "aa;bc")
        groups = self.effects.groups
        dots, points, bars, sums = [], [], [], []
        for i, name in enumerate(groups):
            colour = _COLOURS[i]
            at = np.arange(len(RATES)) + (i - (len(groups) - 1) / 2) * 0.6 / len(groups)
            look = {"color": colour, "marker": _MARKERS[i], "ls": ""}
            dots.append(rates.plot(at * 0, at, ms=8, **look, label=name)[0])
            tpr, fpr = (rate(r, self.effects.counts[:, i]) for r in RATES[1:3])
            roc.plot(fpr, tpr, color=colour, lw=1.5)
            points.append(roc.plot([0], [0], ms=10, mec="white", **look)[0])
            bars.append(money.barh(i, 0, 0.6, color=colour)[0])
            sums.append(money.text(0, i, "", va="center", size=9))
        rates.set_yticks(range(len(RATES)), [r.replace("_", " ") for r in RATES])
        rates.set(xlim=(-0.03, 1.03), ylim=(len(RATES) - 0.5, -0.5), xlabel="rate")
        rates.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=3, handletextpad=0.2)
        roc.plot([0, 1], [0, 1], color=style.GREY, lw=0.8, ls=":")
        roc.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC curves")
        utility = self.effects.utility
        high = max(utility.max(), 0) * 1.05
        low = min(-high * 0.3, max(utility.min(), -high))  # the depths are seldom visited
        money.set(xlim=(low, high or 1), ylim=(len(groups) - 0.4, -0.6), yticks=range(len(groups)))
        money.set_yticklabels(groups)
        money.xaxis.set_major_formatter(EngFormatter(sep=""))
        money.axvline(0, color=style.GREY, lw=0.8)
        unit = f" ({self.unit})" if self.unit else ""
        money.set(xlabel=f"utility{unit}", title="what it brings")
        return Canvas(axes, dots=dots, points=points, bars=bars, sums=sums)

    def move(self, canvas: Canvas, thresholds: Mapping[str, float] | str = PRESETS[0]) -> None:
        low, high = canvas.axes[2].get_xlim()
        amount = canvas.axes[2].xaxis.get_major_formatter()
        for i, row in enumerate(self.to_frame(thresholds).itertuples()):
            canvas.dots[i].set_xdata([getattr(row, name) for name in RATES])
            canvas.points[i].set_data([row.false_positive_rate], [row.true_positive_rate])
            width, inside = np.clip(row.utility, low, high), row.utility > 0.6 * high
            canvas.bars[i].set_width(width)
            text = amount(float(f"{row.utility:.3g}"))
            canvas.sums[i].set(text=f" {text} ", x=width if row.utility > 0 else 0)
            canvas.sums[i].set(ha="right" if inside else "left")
            canvas.sums[i].set(color="white" if inside else "black")

    def connect(self, view: View) -> None:
        preset, *sliders = view.controls.values()

        def jump(_: object) -> None:
            if preset.value in self.presets:
                chosen = self.presets[preset.value].thresholds
                with view.hold():
                    for slider, name in zip(sliders, self.effects.groups, strict=True):
                        slider.value = chosen[name]

        def by_hand(_: object) -> None:
            if not view.held:
                preset.value = "by hand"

        preset.observe(jump, "value")
        for slider in sliders:
            slider.observe(by_hand, "value")
