"""Watch a roll-out: who gets the users, how fast and how well both answer, what is decided."""

from __future__ import annotations

import html
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from helpers.base import style
from helpers.course.views.view import View, image, png
from helpers.rollout import Rollout

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SECONDS = 0.4  # between two pictures, so that drawing does not slow the roll-out down


def rollout_view(rollout: Rollout) -> RolloutView:
    """Show a roll-out as it goes on.

    Parameters
    ----------
    rollout : helpers.rollout.Rollout
        Before, during or after its run.

    Returns
    -------
    RolloutView
        Displays itself; the picture is renewed in place until the roll-out is over.
    """
    return RolloutView(rollout)


class RolloutView:
    """The live view; made by :func:`rollout_view`.

    Parameters
    ----------
    rollout : helpers.rollout.Rollout
    """

    def __init__(self, rollout: Rollout) -> None:
        self.rollout = rollout

    def plot(self, axes: Sequence[Axes] | None = None) -> Sequence[Axes]:
        """Draw the roll-out so far.

        Parameters
        ----------
        axes : sequence of four matplotlib.axes.Axes, optional
            Where to draw: split, latency, errors, evidence. Made if they are not given.

        Returns
        -------
        sequence of four matplotlib.axes.Axes
        """
        if axes is None:
            from matplotlib.figure import Figure

            axes = Figure(figsize=(9.6, 5.4), layout="constrained").subplots(2, 2).ravel()
        rollout, history = self.rollout, self.rollout.history
        split, latency, errors, evidence = axes
        events = rollout.events[rollout.events["what"] != "counted"]
        ends = [*events["at"], *history.get("at", [])][-1:]
        shares = [*events["weight"] * 100, events["weight"].iloc[-1] * 100]
        split.step([*events["at"], *ends], shares, where="post", color=style.ORANGE, lw=2)
        split.set(ylim=(-3, 103), ylabel="users of the candidate (%)")
        split.set_title(f"{rollout.candidate}: {rollout.state}")
        for name, colour in ((rollout.stable, style.BLUE), (rollout.candidate, style.ORANGE)):
            if history.empty:
                break
            marker = {"marker": "o", "ms": 3, "lw": 1.5, "color": colour, "label": name}
            latency.plot(history["at"], history[f"p50_ms {name}"], **marker)
            latency.plot(history["at"], history[f"p95_ms {name}"], ls=":", lw=1.5, color=colour)
            errors.plot(history["at"], 100 * history[f"errors {name}"], **marker)
        latency.set(ylabel="latency (ms)", title="latency: p50 (line), p95 (dots)")
        latency.set_ylim(bottom=0)
        errors.set(ylabel="errors (% of the batch)", title="requests that failed")
        errors.set_ylim(-3, 103)
        limit = rollout.analysis.limit
        for i, metric in enumerate(rollout.evidence.against() if len(history) else ()):
            colour = style.PALETTE[i % len(style.PALETTE)]
            shown = history[metric].clip(0.1, 100 * limit)  # also when it is beyond all measure
            evidence.plot(history["at"], shown, color=colour, lw=1.5, label=metric)
        evidence.axhline(limit, color=style.RED, ls="--", lw=1.5)
        evidence.text(
            0.01,
            limit,
            " roll back",
            color=style.RED,
            va="bottom",
            size=10,
            transform=evidence.get_yaxis_transform(),
        )
        room = 2e4 * limit  # for the legend, above the lines
        evidence.set(yscale="log", ylim=(0.08, room), ylabel="evidence against it")
        evidence.set_title("verdict on each metric")
        for ax in axes:
            ax.set_xlabel(rollout.clock)
        if not len(history):
            split.set_xlim(0, 1)
        else:
            latency.legend()
            evidence.legend(fontsize=9, ncols=2, loc="upper left")
        return axes

    def describe(self) -> str:
        """Say in words what the picture shows."""
        rollout = self.rollout
        against = rollout.evidence.against()
        metric = max(against, key=against.get)
        return (
            f"{rollout.candidate} gets {rollout.weight:.0%} of the users: {rollout.state}. The "
            f"most evidence against it is {against[metric]:.3g} ({metric}); "
            f"{rollout.analysis.limit:g} would roll it back."
        )

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the live view: the picture, its words and the story.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        picture, words = w.HTML(), w.HTML()
        drawn, lock = [float("-inf")], threading.Lock()

        def redraw() -> None:
            with lock:
                over = self.rollout.state != "running"
                if not over and time.monotonic() - drawn[0] < _SECONDS:
                    return
                said = self.describe()
                picture.value = image(png(self.plot()[0].figure), said)
                words.value = (
                    f"<p aria-live='polite'>{html.escape(said)}</p>"
                    f"<pre>{html.escape(self.rollout.story())}</pre>"
                )
                drawn[0] = time.monotonic()

        redraw()
        self.rollout.on_change(redraw)
        return View(w.VBox([picture, words]), png(self.plot()[0].figure), self.describe())
