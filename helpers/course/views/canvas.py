"""A figure of which only the moving parts are drawn again, so that a slider answers at once."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from helpers.course.views.view import image

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure


class Canvas:
    """A figure whose still parts are drawn once; source: matplotlib's guide to blitting.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        With everything in its place.
    moving : sequence of matplotlib.artist.Artist
        What changes from picture to picture. Nothing else is drawn again.
    """

    def __init__(self, figure: Figure, moving: Sequence[Artist]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        self.figure = figure
        self.moving = list(moving)
        for artist in self.moving:
            artist.set_animated(True)
        self._canvas = FigureCanvasAgg(figure)
        self._canvas.draw()
        self._still = self._canvas.copy_from_bbox(figure.bbox)

    def png(self) -> bytes:
        """Draw the moving parts where they are now.

        Returns
        -------
        bytes
            A PNG, lightly compressed: it goes to a browser once.
        """
        from PIL import Image

        self._canvas.restore_region(self._still)
        for artist in self.moving:
            self.figure.draw_artist(artist)
        buffer = io.BytesIO()
        picture = Image.frombuffer(
            "RGBA", self._canvas.get_width_height(), self._canvas.buffer_rgba()
        )
        picture.convert("RGB").save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def html(self, alt: str) -> str:
        """Draw the picture for an ``ipywidgets.HTML``.

        Parameters
        ----------
        alt : str
            What the picture shows.

        Returns
        -------
        str
        """
        return image(self.png(), alt)
