"""Change one applicant's features and see the prediction and its explanation follow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from helpers.base import style
from helpers.course.views import Canvas, MovingExplorer, View
from helpers.explanation import Explainer

# SHAP's own colours: what raises the output, what lowers it.
_UP, _DOWN = "#FF0051", "#008BFB"
_BACK = "back to the start"


class WhatIf(MovingExplorer):
    """Explore a model around one row by sliders and menus.

    A state is a mapping from features to the values that they are changed to.

    Parameters
    ----------
    model : estimator, pipeline, Keras model or callable
        As for :func:`helpers.explanation.explain`.
    frame : pandas.DataFrame
        Rows that show each feature's range and values.
    row : int
        Position of the row to start from.
    background : pandas.DataFrame
        Rows to compare with.
    """

    def __init__(
        self, model: Any, frame: pd.DataFrame, row: int, *, background: pd.DataFrame
    ) -> None:
        self.explainer = Explainer(model, background)
        self.frame, self.start = frame, frame.iloc[[row]].reset_index(drop=True)
        self._explained = lru_cache(self._explain)  # words and picture need the same explanation
        strength = self.to_frame()["attribution"].abs()
        self._order = strength.sort_values(ascending=False, kind="stable").index

    def to_frame(self, changes: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the numbers of one state of the view.

        Parameters
        ----------
        changes : mapping of str to value, optional
            New values by feature.

        Returns
        -------
        pandas.DataFrame
            Each feature's value and attribution; ``.attrs`` has the output and the base value.
        """
        return self._explained(**(changes or {})).copy()

    def _explain(self, **changes: Any) -> pd.DataFrame:
        row = self.start.assign(**changes)
        result = self.explainer(row.astype(self.start.dtypes))
        table = pd.DataFrame({"value": row.iloc[0].astype(object), "attribution": result.values[0]})
        base = float(result.base_values[0])
        table.attrs = {"base": base, "output": base + float(result.values[0].sum())}
        return table

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        row = self.start.iloc[0]
        controls = {name: _control(values, row[name]) for name, values in self.frame.items()}
        self._first = {name: control.value for name, control in controls.items()}
        return controls | {_BACK: w.Button(description=_BACK, icon="undo")}

    def state(self, controls: dict[str, Any]) -> dict[str, dict[str, Any]]:
        # A control in its first position keeps the row's own value, also a missing one.
        first = self._first.items()
        return {"changes": {n: controls[n].value for n, was in first if controls[n].value != was}}

    def describe(self, changes: Mapping[str, Any] | None = None) -> str:
        table = self.to_frame(changes)
        steps = table["attribution"]
        strongest = steps[steps.abs().nlargest(3).index].items()
        return (
            f"{self.explainer.output.capitalize()} {table.attrs['output']:.2f}, against "
            f"{table.attrs['base']:.2f} on average; most by "
            f"{', '.join(f'{name} {step:+.2f}' for name, step in strongest)}."
        )

    def still(self, ax: Any = None) -> Canvas:
        """Draw a waterfall in which features keep their rows, so that the eye sees what moves."""
        n, base = len(self._order), self.to_frame().attrs["base"]
        if ax is None:
            high = 0.9 + 0.3 * (n + 1)
            figure = Figure(figsize=(7.6, high), layout="none")  # fixed margins: the labels change
            ax = figure.add_axes((0.33, 0.55 / high, 0.64, 1 - 0.8 / high))
        ax.set(ylim=(n + 0.6, -0.8), xlabel=self.explainer.output)
        ax.set_yticks(range(n + 1), [""] * n + ["output"])
        ax.grid(False, axis="y")
        look = {"transform": ax.get_yaxis_transform(), "ha": "right", "va": "center", "size": 9.5}
        return Canvas(
            ax,
            scale=ax.xaxis,
            average=ax.axvline(base, color=style.GREY, lw=1, ls=":"),
            its_name=ax.text(base, -0.75, " average of the background ", size=9, color=style.GREY),
            names=[ax.text(-0.015, at, "", **look) for at in range(n)],
            bars=list(ax.barh(range(n), 0, 0.62, left=base)),
            steps=[ax.text(base, at, "", va="center", size=9) for at in range(n)],
            point=ax.plot([base], [n], "D", ms=8, color=style.BLACK)[0],
            output=ax.text(base, n, "", va="center", size=11, weight="bold"),
        )

    def move(self, canvas: Canvas, changes: Mapping[str, Any] | None = None) -> None:
        table = self.to_frame(changes).loc[self._order]
        ends = table.attrs["base"] + table["attribution"].cumsum()
        starts = ends - table["attribution"]
        low, high = min(starts.min(), ends.min()), max(starts.max(), ends.max())
        # The ends are round numbers around the bars and the figures at their right.
        low, *_, high = MaxNLocator(5).tick_values(low, high + 0.15 * (high - low))
        canvas.axes.set_xlim(low, high)
        canvas.its_name.set_ha("left" if starts.iloc[0] < (low + high) / 2 else "right")
        gap = (high - low) * 0.008
        for i, (name, value, step) in enumerate(table.itertuples()):
            shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
            canvas.names[i].set_text(f"{name} = {shown}")
            canvas.bars[i].set(x=starts[name], width=step, color=_UP if step >= 0 else _DOWN)
            right = max(starts[name], ends[name]) + gap
            canvas.steps[i].set(text=f"{step:+.2f}", x=min(right, high - 10 * gap))
        canvas.point.set_xdata(ends.iloc[[-1]])
        right = min(ends.iloc[-1] + 3 * gap, high - 12 * gap)
        canvas.output.set(text=f"{table.attrs['output']:.2f}", x=right)

    def connect(self, view: View) -> None:
        def back(_: object) -> None:
            with view.hold():
                for name, value in self._first.items():
                    view.controls[name].value = value

        view.controls[_BACK].on_click(back)

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        *each, back = view.controls.values()
        return [w.HBox(each), back, view.screen, view.words]  # a row takes as many as it holds


def _control(values: pd.Series, start: Any) -> Any:
    """Return the control that fits a column: a menu, or a slider over its usual range."""
    import ipywidgets as w

    look = {"description": str(values.name), "layout": w.Layout(width="430px")}
    look["style"] = {"description_width": "140px"}
    known = values.dropna()
    if not pd.api.types.is_numeric_dtype(values.dtype) or known.empty:
        missing = [("(missing)", None)] if pd.isna(start) else []
        options = [*missing, *((str(v), v) for v in sorted(known.unique(), key=str))]
        return w.Dropdown(options=options, value=None if missing else start, **look)
    numbers = known.to_numpy(dtype=float)
    start = float(np.median(numbers) if pd.isna(start) else start)
    low, high = np.quantile(numbers, [0.005, 0.995])
    step, kind = (high - low) / 200 or 1.0, w.FloatSlider
    if not (numbers % 1).any():
        start, step, kind = int(start), max(1, round(step)), w.IntSlider
    # A browser rounds a value to the slider's steps, which are counted from its low end. The start
    # has to be one of them, or another row than this one would be shown.
    ends = min(low, start), max(high, start)
    low, high = (start + step * int((end - start) / step) for end in ends)
    return kind(value=start, min=low, max=high, step=step, **look)
