"""Change one applicant's features and see the prediction and its explanation follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views.canvas import Canvas
from helpers.course.views.view import View
from helpers.explanation import Explainer

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BACKGROUND = 50  # rows to compare with, where none are given: enough for a picture that answers
MOST_FEATURES = 20


def what_if(
    model: Any,
    frame: pd.DataFrame,
    row: int = 0,
    *,
    background: pd.DataFrame | None = None,
    output: str = "auto",
    seed: int = 0,
) -> WhatIf:
    """Explore a model around one row by sliders and menus.

    Parameters
    ----------
    model : estimator, pipeline, Keras model or callable
        As in :func:`helpers.explanation.explain`.
    frame : pandas.DataFrame
        Rows that show each feature's range and values.
    row : int, default 0
        Place of the row to start from.
    background : pandas.DataFrame, optional
        Rows to compare with; 50 of ``frame`` if not given.
    output : str, default "auto"
        As in :func:`helpers.explanation.explain`.
    seed : int, default 0
        Chooses the background.

    Returns
    -------
    WhatIf
        Displays itself; ``.table(changes)`` gives its numbers.

    Raises
    ------
    ValueError
        If the row is not there, or the frame has more than 20 columns.
    """
    if not -len(frame) <= row < len(frame):
        raise ValueError(f"row is {row}; expected 0 to {len(frame) - 1}")
    if frame.shape[1] > MOST_FEATURES:
        raise ValueError(
            f"frame has {frame.shape[1]} columns; expected at most {MOST_FEATURES}, a control for "
            "each: give a model of fewer, or a callable that holds the others still"
        )
    if background is None:
        background = frame.sample(min(BACKGROUND, len(frame)), random_state=seed)
    explainer = Explainer(model, background, output=output, seed=seed)
    return WhatIf(explainer, frame, frame.iloc[[row]].reset_index(drop=True))


class WhatIf:
    """The interactive view; made by :func:`what_if`.

    Parameters
    ----------
    explainer : helpers.explanation.Explainer
        Explains the model.
    frame : pandas.DataFrame
        Rows that show each feature's range and values.
    start : pandas.DataFrame of one row
        Where it starts.
    """

    def __init__(self, explainer: Explainer, frame: pd.DataFrame, start: pd.DataFrame) -> None:
        self.explainer = explainer
        self.frame = frame
        self.start = start
        self._picture: _Waterfall | None = None

    def row(self, changes: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Give the row with some features changed.

        Parameters
        ----------
        changes : mapping of str to value, optional
            New values by feature.

        Returns
        -------
        pandas.DataFrame of one row

        Raises
        ------
        ValueError
            If a feature is not there.
        """
        row = self.start.copy()
        for name, value in (changes or {}).items():
            if name not in row:
                raise ValueError(f"changes has {name!r}; expected features: {list(row)}")
            dtype = row[name].dtype
            whole = pd.api.types.is_integer_dtype(dtype) and float(value).is_integer()
            keeps = whole or not pd.api.types.is_integer_dtype(dtype)
            row[name] = pd.Series([value], dtype=dtype if keeps else float)
        return row

    def table(self, changes: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Give the numbers of one state of the view.

        Parameters
        ----------
        changes : mapping of str to value, optional
            New values by feature.

        Returns
        -------
        pandas.DataFrame
            For each feature its value and attribution; the output and the base value stand in
            ``.attrs``.
        """
        row = self.row(changes)
        found = self.explainer(row)
        table = pd.DataFrame(
            {"value": row.iloc[0].astype(object), "attribution": found.values[0]},
            index=pd.Index(list(row), name="feature"),
        )
        table.attrs = {
            "base": float(found.base_values[0]),
            "output": float(found.base_values[0] + found.values[0].sum()),
        }
        return table

    def plot(self, changes: Mapping[str, Any] | None = None, ax: Axes | None = None) -> Axes:
        """Draw one state of the view: a waterfall from the base value to the output.

        Parameters
        ----------
        changes : mapping of str to value, optional
            New values by feature.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        picture = _Waterfall(self.table(), self.explainer.output, ax)
        picture.move(self.table(changes))
        return picture.ax

    def describe(self, table: pd.DataFrame) -> str:
        """Say in words what the picture shows.

        Parameters
        ----------
        table : pandas.DataFrame
            As :meth:`table` gives it.
        """
        strongest = table["attribution"].abs().nlargest(3).index
        said = ", ".join(f"{name} {table.loc[name, 'attribution']:+.2f}" for name in strongest)
        return (
            f"{self.explainer.output.capitalize()} {table.attrs['output']:.2f}, against "
            f"{table.attrs['base']:.2f} on average; most by {said}."
        )

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
            self._picture = _Waterfall(self.table(), self.explainer.output)
            self._picture.freeze()
        self._picture.move(table)
        return self._picture.canvas.html(self.describe(table))

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: a control for each feature, the picture and its words.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        controls = {
            name: _control(self.frame[name], self.start[name].iloc[0]) for name in self.frame
        }
        first = {name: control.value for name, control in controls.items()}
        reset = w.Button(description="back to the start", icon="undo")
        picture, words = w.HTML(), w.HTML()
        resetting = False

        def redraw(_: object = None) -> None:
            if resetting:
                return
            # a control that stands where it began keeps the row's own value, a missing one too
            changes = {n: c.value for n, c in controls.items() if c.value != first[n]}
            table = self.table(changes)
            picture.value = self.picture(table)
            words.value = f"<p aria-live='polite'>{self.describe(table)}</p>"

        def back(_: object) -> None:
            nonlocal resetting
            resetting = True  # one picture for all controls
            for name, control in controls.items():
                control.value = first[name]
            resetting = False
            redraw()

        for control in controls.values():
            control.observe(redraw, "value")
        reset.on_click(back)
        redraw()
        half = (len(controls) + 1) // 2
        each = list(controls.values())
        box = w.VBox([w.HBox([w.VBox(each[:half]), w.VBox(each[half:])]), reset, picture, words])
        return View(box, self._picture.canvas.png(), self.describe(self.table()))


def _control(values: pd.Series, start: Any) -> Any:
    """Make the control that fits a column: a menu, or a slider over its usual range."""
    import ipywidgets as w

    look = {
        "description": str(values.name),
        "style": {"description_width": "140px"},
        "layout": w.Layout(width="430px"),
    }
    if not pd.api.types.is_numeric_dtype(values.dtype):
        options = sorted({*values.dropna().unique(), start}, key=str)
        return w.Dropdown(options=options, value=start, **look)
    low, high = np.nanquantile(values.to_numpy(dtype=float), [0.005, 0.995])
    if pd.isna(start):
        start = values.median()
    low, high = min(low, start), max(high, start)
    if pd.api.types.is_integer_dtype(values.dtype) or (values.dropna() % 1 == 0).all():
        start, step, kind = int(start), max(1, round((high - low) / 200)), w.IntSlider
    else:
        step, kind = (high - low) / 200 or 1.0, w.FloatSlider
    # A browser pulls a value to the slider's steps, which are counted from its low end. So that it
    # shows the row as it is, and not one beside it, the start has to be one of them.
    below, above = int((start - low) / step), int((high - start) / step)
    return kind(value=start, min=start - below * step, max=start + above * step, step=step, **look)


class _Waterfall:
    """A waterfall whose features keep their places, so that the eye sees what moves."""

    def __init__(self, table: pd.DataFrame, output: str, ax: Axes | None = None) -> None:
        if ax is None:
            from matplotlib.figure import Figure

            high = 0.9 + 0.3 * (len(table) + 1)
            figure = Figure(figsize=(8.8, high), layout="none")  # fixed margins: the labels change
            ax = figure.add_axes((0.3, 0.55 / high, 0.67, 1 - 0.8 / high))
        self.ax = ax
        self.order = table["attribution"].abs().sort_values(ascending=False, kind="stable").index
        places = np.arange(len(self.order))
        base, spread = table.attrs["base"], table["attribution"].abs().sum()
        if output == "probability":
            low, high = -0.05, 1.05
        else:
            low, high = base - 1.5 * spread, base + 1.5 * spread
        ax.set(xlim=(low, high), ylim=(len(places) + 0.6, -0.8), xlabel=output)
        ax.set_yticks([*places, len(places)], [""] * len(places) + ["output"])
        ax.axvline(base, color=style.GREY, lw=1, ls=":")
        ax.text(base, -0.75, " average of the background", size=9, color=style.GREY)
        ax.grid(False, axis="y")
        beside = ax.get_yaxis_transform()
        self.names = [
            ax.text(-0.015, at, "", transform=beside, ha="right", va="center", size=9.5)
            for at in places
        ]
        self.bars = list(ax.barh(places, 0, 0.62, left=base))
        self.steps = [ax.text(base, at, "", va="center", size=9) for at in places]
        self.line = ax.plot([base, base], [0, len(places)], color=style.GREY, lw=0.6)[0]
        self.point = ax.plot([base], [len(places)], "D", ms=8, color=style.BLACK)[0]
        self.said = ax.text(base, len(places), "", va="center", size=11, weight="bold")

    def freeze(self) -> None:
        moving = [*self.names, *self.bars, *self.steps, self.line, self.point, self.said]
        self.canvas = Canvas(self.ax.figure, moving)

    def move(self, table: pd.DataFrame) -> None:
        at = table.attrs["base"]
        low, high = self.ax.get_xlim()
        gap = (high - low) * 0.008
        for i, name in enumerate(self.order):
            value, step = table.loc[name, "value"], table.loc[name, "attribution"]
            shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
            self.names[i].set_text(f"{name} = {shown}")
            self.bars[i].set_x(min(at, at + step))
            self.bars[i].set_width(abs(step))
            self.bars[i].set_color(style.BLUE if step >= 0 else style.RED)
            at += step
            self.steps[i].set_text(f"{step:+.2f}")
            right = max(at, at - step) + gap
            self.steps[i].set_x(min(right, high - 10 * gap))
        self.line.set_data([at, at], [len(self.order) - 0.5, len(self.order)])
        self.point.set_xdata([at])
        self.said.set_text(f"{table.attrs['output']:.2f}")
        self.said.set_x(min(at + 2 * gap, high - 12 * gap))
