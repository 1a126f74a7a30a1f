"""The frame of every interactive view: controls, a picture and its words, redrawn together."""

from __future__ import annotations

import html
from itertools import groupby
from typing import TYPE_CHECKING, Any

from helpers.course.views.view import View, png

if TYPE_CHECKING:
    import ipywidgets


class Explorer:
    """A picture that depends on controls, and displays itself.

    A subclass writes `controls`, `describe` and `plot`; the other methods are for richer views.
    The values of the controls are a *state*, and the keyword arguments of most methods.
    """

    pictured = True  # False where widgets show the state: then only the first one is drawn

    def controls(self) -> dict[str, ipywidgets.Widget]:
        """Return the controls in their first state, by the names of their values."""
        return {}

    def describe(self, **state: Any) -> str:
        """Return in words what the picture shows, also for those who cannot see it."""
        raise NotImplementedError

    def plot(self, ax: Any = None, **state: Any) -> Any:
        """Draw one state.

        Parameters
        ----------
        ax : matplotlib.axes.Axes or sequence of them, optional
            Where to draw; new ones by default.
        **state
            Values of the controls.

        Returns
        -------
        matplotlib.axes.Axes or sequence of them
        """
        raise NotImplementedError

    def state(self, controls: dict[str, ipywidgets.Widget]) -> dict[str, Any]:
        """Return the state that controls are in: by default the value of each one."""
        return {name: control.value for name, control in controls.items()}

    def words(self, text: str, **state: Any) -> str:
        """Return the HTML of the words beside the picture: by default the description."""
        return f"<p aria-live='polite'>{html.escape(text, quote=False)}</p>"

    def picture(self, **state: Any) -> bytes:
        """Return the PNG of one state, or nothing where there is nothing to see yet."""
        return png(self.plot(**state))

    def connect(self, view: View) -> None:
        """Connect buttons, and controls that set others (inside ``view.hold()``)."""

    def follow(self, view: View) -> None:
        """Set what follows from ``view.state``, such as a table or the options of a menu."""

    def layout(self, view: View) -> list[ipywidgets.Widget]:
        """Return what is shown, from top to bottom; neighbouring tick boxes share rows."""
        import ipywidgets as w

        rows: list[w.Widget] = []
        for kind, group in groupby(view.controls.values(), type):
            row = [*group]
            wraps = w.Layout(flex_flow="row wrap")
            rows += [w.HBox(row, layout=wraps)] if kind is w.Checkbox else row
        return [*rows, view.screen, view.words]

    def view(self) -> View:
        """Return the interactive view, for use as a part of something larger."""
        return View(self)

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()
