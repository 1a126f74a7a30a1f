"""What a view shows: its widgets, pictures in HTML, a progress bar."""

from __future__ import annotations

import base64
import html
import io
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ipywidgets
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from helpers.course.views.explorer import Explorer

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
LEAST_SCALE = 0.75  # below it the text of a picture cannot be read: then it scrolls sideways
# Every view fits the width that it is given: its controls shrink or wrap, and nothing is cut.
_STYLE = """<style>
.first-dance-view .jupyter-widgets {max-width: 100%}
.first-dance-view .widget-hbox {flex-wrap: wrap}
.first-dance-view .widget-readout {flex-shrink: 0}
.first-dance-view .widget-toggle-buttons {display: flex; flex-wrap: wrap}
.first-dance-view .widget-toggle-buttons > label {flex: none; text-align: right; margin-right: 8px}
.first-dance-view .widget-html-content {line-height: 1.5}
.first-dance-view pre {word-break: normal}
.first-dance-view .dataframe {margin-left: 0}
.first-dance-view .dataframe :is(th, td) {text-align: right; padding: 4px 8px}
.first-dance-view .dataframe tbody th {white-space: nowrap}
</style>"""


class View:
    """An explorer on the screen, redrawn in place when one of its controls changes.

    Where there is no kernel (GitHub, a notebook that was not run yet) the picture is shown.

    Parameters
    ----------
    explorer : Explorer
        Its controls are made here, and drawn once.

    Attributes
    ----------
    controls : dict of str to ipywidgets.Widget
        As the explorer made them.
    screen, words : ipywidgets.HTML
        The picture and its words.
    widget : ipywidgets.Widget
        All of it.
    state : dict
        The state that was drawn last.
    picture, alt : bytes, str
        Its PNG, and what that shows; `alt` is also the plain-text form of the view.
    held : bool
        Whether several controls are being set, inside :meth:`hold`.
    """

    def __init__(self, explorer: Explorer) -> None:
        import ipywidgets as w

        self.explorer = explorer
        self.controls = explorer.controls()
        self.screen, self.words = w.HTML(), w.HTML()
        self.picture = b""
        self.held = False
        self._lock = threading.RLock()
        self.draw()
        explorer.connect(self)
        for control in self.controls.values():
            if control.has_trait("value"):
                control.observe(self.redraw, "value")
        style = w.HTML(_STYLE, layout=w.Layout(display="none"))
        self.widget: ipywidgets.Widget = w.VBox([style, *explorer.layout(self)])
        self.widget.add_class("first-dance-view")

    def __repr__(self) -> str:
        return self.alt

    def _ipython_display_(self, **_: Any) -> None:
        png = {"image/png": base64.b64encode(self.picture).decode()} if self.picture else {}
        _show(self.widget, self.alt, png)

    def draw(self) -> None:
        """Draw the present state; what :meth:`~Explorer.describe` refuses is shown as words."""
        explorer = self.explorer
        with self._lock:
            self.state = explorer.state(self.controls)
            try:
                alt = explorer.describe(**self.state)
            except ValueError as error:
                if not self.picture:
                    raise
                self.words.value = f"<p role='alert'>{html.escape(str(error))}</p>"
                return
            self.words.value = explorer.words(alt, **self.state)
            explorer.follow(self)
            if explorer.pictured or not self.picture:
                self.alt, self.picture = alt, explorer.picture(**self.state)
                self.screen.value = image(self.picture, alt) if self.picture else ""

    def redraw(self, _: object = None) -> None:
        """Draw if the state has changed and is not being held."""
        if not self.held and self.explorer.state(self.controls) != self.state:
            self.draw()

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Set several controls inside this block; they are drawn once, at its end."""
        self.held = True
        try:
            yield
        finally:
            self.held = False
        self.redraw()


def subplots(ax: Any, size: tuple[float, float], mosaic: str = "", **options: Any) -> Any:
    """Return the given axes, or new ones in a figure that pyplot does not know.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, sequence of them, or None
        The caller's ``ax`` argument.
    size : tuple of float
        Width and height in inches of the figure that is made where there is none. Up to 7.6 inches
        are shown in full beside an open file browser.
    mosaic : str, optional
        As for ``Figure.subplot_mosaic``, where the axes are not a grid.
    **options
        As for ``Figure.subplots``, such as ``ncols=2``.

    Returns
    -------
    matplotlib.axes.Axes, or a list of them
    """
    if ax is None:
        from matplotlib.figure import Figure

        figure = Figure(figsize=size, layout="constrained")
        if mosaic:
            return list(figure.subplot_mosaic(mosaic, **options).values())
        ax = figure.subplots(**options)
        ax = list(ax.flat) if hasattr(ax, "flat") else ax
    return ax


def png(drawn: Figure | Axes | Sequence[Axes]) -> bytes:
    """Return a figure as a PNG; it is neither shown nor closed.

    Parameters
    ----------
    drawn : matplotlib.figure.Figure, matplotlib.axes.Axes or sequence of them
        The figure, or axes in it.

    Returns
    -------
    bytes
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure_of(drawn)).print_png(buffer)
    return buffer.getvalue()


def figure_of(drawn: Figure | Axes | Sequence[Axes]) -> Figure:
    """Return the figure that axes are in."""
    return (drawn if hasattr(drawn, "figure") else drawn[0]).figure


def image(picture: bytes, alt: str) -> str:
    """Return HTML of a PNG with its description, for an ``ipywidgets.HTML``.

    Setting an HTML widget's value replaces the picture in place: no flicker, and unlike
    ``ipywidgets.Image`` it carries a description for those who cannot see it.

    Parameters
    ----------
    picture : bytes
        A PNG.
    alt : str
        What the picture shows.

    Returns
    -------
    str
    """
    data, alt = base64.b64encode(picture).decode(), html.escape(alt)
    least = round(LEAST_SCALE * int.from_bytes(picture[16:20]))  # where a PNG has its width
    style = f"max-width:100%;min-width:{least}px"
    return _scrolled(f'<img style="{style}" src="data:image/png;base64,{data}" alt="{alt}">')


def html_table(frame: pd.DataFrame, **options: Any) -> str:
    """Return HTML of a frame that looks like the other tables of a lesson.

    Parameters
    ----------
    frame : pandas.DataFrame
        What to show.
    **options
        As for ``DataFrame.to_html``, such as ``float_format``.

    Returns
    -------
    str
    """
    text = frame.to_html(border=0, **options)
    return _scrolled(f'<div class="jp-RenderedHTMLCommon">{text}</div>')


def _scrolled(text: str) -> str:
    """Return HTML that scrolls sideways, also by keyboard, where it is wider than its view."""
    return f'<div style="overflow-x:auto" tabindex="0">{text}</div>'


def with_progress(items: Collection[Any], text: str) -> Iterator[Any]:
    """Go through items with a progress bar that goes away at the end.

    Parameters
    ----------
    items : collection
        What to go through.
    text : str
        What is being done; also the bar's plain-text form, which stays in the notebook.

    Yields
    ------
    object
        Each item.
    """
    import ipywidgets as w

    bar = w.IntProgress(max=len(items), description="0 %")
    line = w.HBox([bar, w.Label(text)])
    _show(line, text, {})
    for item in items:
        yield item
        bar.value += 1
        bar.description = f"{bar.value / len(items):.0%}"
    line.layout.display = "none"


def _show(widget: ipywidgets.Widget, text: str, more: dict[str, str]) -> None:
    """Display a widget with what is shown in its place where no kernel runs.

    Of these kinds, front ends with a kernel take the widget: JupyterLab ranks it first, VS Code
    sorts ``application/vnd.*`` first, and Colab does the same with the like of this bundle that
    ipympl sends. Without its model VS Code takes the next kind, as nbconvert and GitHub do.
    """
    # VS Code: microsoft/vscode-jupyter, orderOfMimeTypes in src/kernels/execution/helpers.ts, and
    # fallbackToNextRenderer. Colab has no such list in public; matplotlib/ipympl, which names Colab
    # and VS Code as its places, sends widget, picture, HTML and text (Canvas._repr_mimebundle_).
    from IPython.display import display

    view = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    bundle = {WIDGET_VIEW: view} | more | {"text/plain": text}
    display(bundle, raw=True, metadata={kind: {"alt": text} for kind in more})
