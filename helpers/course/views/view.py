"""What an interactive view is made of: a widget, and a still picture where no kernel runs."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ipywidgets
    from matplotlib.figure import Figure

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def png(figure: Figure) -> bytes:
    """Draw a figure as a PNG.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        It is not closed and not shown.

    Returns
    -------
    bytes
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure).print_png(buffer)
    return buffer.getvalue()


def image(picture: bytes, alt: str) -> str:
    """HTML of a PNG with its description, for an ``ipywidgets.HTML``.

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
    data = base64.b64encode(picture).decode()
    return f'<img style="max-width:100%" src="data:image/png;base64,{data}" alt="{_quote(alt)}">'


class View:
    """An interactive view that degrades to a picture.

    In a running notebook the widget is shown. Where there is no kernel (GitHub, a notebook that
    was not run yet) the picture is shown in its place.

    Parameters
    ----------
    widget : ipywidgets.Widget
        The view, shown where a kernel runs.
    picture : bytes
        A PNG of the view in its first state.
    alt : str
        What the picture shows; also the view's plain-text form.
    """

    def __init__(self, widget: ipywidgets.Widget, picture: bytes, alt: str) -> None:
        self.widget = widget
        self.picture = picture
        self.alt = alt

    def __repr__(self) -> str:
        return self.alt

    def _ipython_display_(self, **_: Any) -> None:
        from IPython.display import display

        view = {"version_major": 2, "version_minor": 0, "model_id": self.widget.model_id}
        bundle = {
            WIDGET_VIEW: view,
            "image/png": base64.b64encode(self.picture).decode(),
            "text/plain": self.alt,
        }
        display(bundle, raw=True)


def progress(items: Collection[Any], said: str) -> Iterator[Any]:
    """Go through items with a progress bar that leaves the same output behind every time.

    Parameters
    ----------
    items : collection
        What to go through.
    said : str
        What is being done; also the bar's plain-text form, which stays in the notebook.

    Yields
    ------
    object
        Each item.
    """
    import ipywidgets as w
    from IPython.display import display

    bar = w.IntProgress(max=len(items), description="0 %")
    box = w.HBox([bar, w.Label(said)])
    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({WIDGET_VIEW: view, "text/plain": said}, raw=True)
    for item in items:
        yield item
        bar.value += 1
        bar.description = f"{bar.value / len(items):.0%}"


def _quote(text: str) -> str:
    return html.escape(text, quote=True)
