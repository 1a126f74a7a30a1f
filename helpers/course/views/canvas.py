"""Pictures of which only the moving parts are redrawn, so that a slider answers at once."""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING, Any

from helpers.course.views.explorer import Explorer
from helpers.course.views.view import figure_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.artist import Artist
    from matplotlib.axes import Axes


class Canvas:
    """A figure whose still parts are drawn once; source: matplotlib's guide to blitting.

    Parameters
    ----------
    axes : matplotlib.axes.Axes or sequence of them
        With everything in its place.
    **moving : matplotlib.artist.Artist or sequence of them
        What changes from picture to picture, in the order of drawing; kept as attributes.
    """

    def __init__(self, axes: Axes | Sequence[Axes], **moving: Artist | Sequence[Artist]) -> None:
        self.axes = axes
        self.moving: list[Artist] = []
        for name, part in moving.items():
            setattr(self, name, part)
            self.moving += part if isinstance(part, list | tuple) else [part]

    @cached_property
    def _still(self) -> tuple[Any, Any]:
        """What draws, and the figure without its moving parts."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        for artist in self.moving:
            artist.set_animated(True)
        figure = figure_of(self.axes)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return canvas, canvas.copy_from_bbox(figure.bbox)

    def png(self) -> bytes:
        """Return a PNG with the moving parts where they are now.

        It is lightly compressed: it goes to a browser once.
        """
        from PIL import Image

        canvas, still = self._still
        canvas.restore_region(still)
        for artist in self.moving:
            canvas.figure.draw_artist(artist)
        buffer = io.BytesIO()
        picture = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba())
        picture.convert("RGB").save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


class MovingExplorer(Explorer):
    """An explorer that writes `still` and `move` in place of `plot`."""

    fixed: tuple[str, ...] = ()  # the names in the state that the still parts depend on

    def still(self, ax: Any = None, **fixed: Any) -> Canvas:
        """Return a canvas with everything that stands still drawn; `ax` is as for `plot`."""
        raise NotImplementedError

    def move(self, canvas: Canvas, **state: Any) -> None:
        """Put the moving parts where the state wants them."""
        raise NotImplementedError

    def plot(self, ax: Any = None, **state: Any) -> Any:  # noqa: D102 (as in Explorer)
        canvas = self.still(ax, **{name: state[name] for name in self.fixed})
        self.move(canvas, **state)
        return canvas.axes

    def picture(self, **state: Any) -> bytes:  # noqa: D102 (as in Explorer)
        key = tuple(state[name] for name in self.fixed)
        if key not in self._canvases:
            self._canvases[key] = self.still(**dict(zip(self.fixed, key, strict=True)))
            self._canvases[key].png()  # the margins must not depend on the first state
        self.move(self._canvases[key], **state)
        return self._canvases[key].png()

    @cached_property
    def _canvases(self) -> dict[tuple, Canvas]:
        return {}
