"""Change one applicant's features and see the prediction and its explanation follow."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views import Canvas, MovingExplorer, View
from helpers.explanation import Explainer

BACKGROUND = 50  # rows to compare with by default: enough for a picture that answers
MOST_FEATURES = 20
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
    row : int, default 0
        Position of the row to start from.
    background : pandas.DataFrame, optional
        Rows to compare with; by default 50 of ``frame``.

    Raises
    ------
    ValueError
        If there is no such row, or the frame has more than 20 columns.
    """

    def __init__(
        self,
        model: Any,
        frame: pd.DataFrame,
        row: int = 0,
        *,
        background: pd.DataFrame | None = None,
    ) -> None:
        if not -len(frame) <= row < len(frame):
            raise ValueError(f"row is {row}; expected 0 to {len(frame) - 1}")
        if frame.shape[1] > MOST_FEATURES:
            raise ValueError(
                f"frame has {frame.shape[1]} columns; expected at most {MOST_FEATURES}, a control "
                "for each: give a model of fewer, or a callable that holds the others still"
            )
        if background is None:
            background = frame.sample(min(BACKGROUND, len(frame)), random_state=0)
        self.explainer = Explainer(model, background)
        self.frame = frame
        self.start = frame.iloc[[row]].reset_index(drop=True)
        self._explained = lru_cache(self._explain)  # words and picture need the same explanation
        table = self.to_frame()
        self._order = table["attribution"].abs().sort_values(ascending=False, kind="stable").index

    def row(self, changes: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the row, a frame, with new values of some features."""
        row = self.start.copy()
        for name, value in (changes or {}).items():
            if name not in row:
                raise ValueError(f"changes has {name!r}; expected features: {list(row)}")
            dtype = row[name].dtype
            whole = pd.api.types.is_integer_dtype(dtype)
            keeps = not whole or float(value).is_integer()
            row[name] = pd.Series([value], dtype=dtype if keeps else float)
        return row

    def to_frame(self, changes: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return the numbers of one state of the view.

        Parameters
        ----------
        changes : mapping of str to value, optional
            New values by feature.

        Returns
        -------
        pandas.DataFrame
            For each feature its value and attribution; ``.attrs`` has the output and the base
            value.
        """
        return self._explained(tuple((changes or {}).items())).copy()

    def _explain(self, changes: tuple[tuple[str, Any], ...]) -> pd.DataFrame:
        row = self.row(dict(changes))
        result = self.explainer(row)
        table = pd.DataFrame(
            {"value": row.iloc[0].astype(object), "attribution": result.values[0]},
            index=pd.Index(list(row), name="feature"),
        )
        base = float(result.base_values[0])
        table.attrs = {"base": base, "output": base + float(result.values[0].sum())}
        return table

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        controls = {
            name: _control(self.frame[name], self.start[name].iloc[0]) for name in self.frame
        }
        self._first = {name: control.value for name, control in controls.items()}
        return controls | {_BACK: w.Button(description=_BACK, icon="undo")}

    def state(self, controls: dict[str, Any]) -> dict[str, dict[str, Any]]:
        # A control in its first position keeps the row's own value, also a missing one.
        first = self._first.items()
        changes = {n: controls[n].value for n, value in first if controls[n].value != value}
        return {"changes": changes}

    def describe(self, changes: Mapping[str, Any] | None = None) -> str:
        table = self.to_frame(changes)
        strongest = table["attribution"].abs().nlargest(3).index
        parts = ", ".join(f"{name} {table.loc[name, 'attribution']:+.2f}" for name in strongest)
        return (
            f"{self.explainer.output.capitalize()} {table.attrs['output']:.2f}, against "
            f"{table.attrs['base']:.2f} on average; most by {parts}."
        )

    def still(self, ax: Any = None) -> Canvas:
        """Draw a waterfall in which features keep their rows, so that the eye sees what moves."""
        table = self.to_frame()
        n, output = len(table), self.explainer.output
        if ax is None:
            from matplotlib.figure import Figure

            high = 0.9 + 0.3 * (n + 1)
            figure = Figure(figsize=(7.6, high), layout="none")  # fixed margins: the labels change
            ax = figure.add_axes((0.33, 0.55 / high, 0.64, 1 - 0.8 / high))
        base = table.attrs["base"]
        ax.set(ylim=(n + 0.6, -0.8), xlabel=output)
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
            line=ax.plot([base, base], [0, n], color=style.GREY, lw=0.6)[0],
            point=ax.plot([base], [n], "D", ms=8, color=style.BLACK)[0],
            output=ax.text(base, n, "", va="center", size=11, weight="bold"),
        )

    def move(self, canvas: Canvas, changes: Mapping[str, Any] | None = None) -> None:
        from matplotlib.ticker import MaxNLocator

        table = self.to_frame(changes)
        at = table.attrs["base"]
        path = at + table.loc[self._order, "attribution"].cumsum()
        low, high = min(at, path.min()), max(at, path.max())
        # The ends are round numbers around the bars and the figures at their right.
        low, *_, high = MaxNLocator(5).tick_values(low, high + 0.15 * (high - low))
        canvas.axes.set_xlim(low, high)
        canvas.its_name.set_ha("left" if at < (low + high) / 2 else "right")
        gap = (high - low) * 0.008
        for i, name in enumerate(self._order):
            value, step = table.loc[name, "value"], table.loc[name, "attribution"]
            shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
            canvas.names[i].set_text(f"{name} = {shown}")
            canvas.bars[i].set(x=min(at, at + step), width=abs(step))
            canvas.bars[i].set_color(_UP if step >= 0 else _DOWN)
            at += step
            right = max(at, at - step) + gap
            canvas.steps[i].set(text=f"{step:+.2f}", x=min(right, high - 10 * gap))
        canvas.line.set_data([at, at], [len(table) - 0.5, len(table)])
        canvas.point.set_xdata([at])
        canvas.output.set(text=f"{table.attrs['output']:.2f}", x=min(at + 2 * gap, high - 12 * gap))

    def connect(self, view: View) -> None:
        def back(_: object) -> None:
            with view.hold():
                for name, value in self._first.items():
                    view.controls[name].value = value

        view.controls[_BACK].on_click(back)

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        *each, back = view.controls.values()
        half = (len(each) + 1) // 2
        columns = w.HBox([w.VBox(each[:half]), w.VBox(each[half:])])
        return [columns, back, view.screen, view.words]


def _control(values: pd.Series, start: Any) -> Any:
    """Return the control that fits a column: a menu, or a slider over its usual range."""
    import ipywidgets as w

    look = {
        "description": str(values.name),
        "style": {"description_width": "140px"},
        "layout": w.Layout(width="430px"),
    }
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.isna().all():
        options = [(str(v), v) for v in sorted(values.dropna().unique(), key=str)]
        if pd.isna(start):
            options, start = [("(missing)", None), *options], None
        return w.Dropdown(options=options, value=start, **look)
    numbers = values.to_numpy(dtype=float, na_value=np.nan)
    low, high = np.nanquantile(numbers, [0.005, 0.995])
    if pd.isna(start):
        start = values.median()
    low, high = min(low, start), max(high, start)
    if pd.api.types.is_integer_dtype(values.dtype) or (values.dropna() % 1 == 0).all():
        start, step, kind = int(start), max(1, round((high - low) / 200)), w.IntSlider
    else:
        step, kind = (high - low) / 200 or 1.0, w.FloatSlider
    # A browser rounds a value to the slider's steps, which are counted from its low end. The start
    # has to be one of them, or another row than this one would be shown.
    below, above = int((start - low) / step), int((high - start) / step)
    return kind(value=start, min=start - below * step, max=start + above * step, step=step, **look)
