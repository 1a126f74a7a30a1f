"""Size a deployment: load, service time and replicas on sliders, latency as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views.canvas import Canvas
from helpers.course.views.view import View
from helpers.serving.capacity import queue

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def capacity_planner(
    rate: float = 150, service_ms: float = 10, replicas: int = 2, target_ms: float = 100
) -> CapacityPlanner:
    """Explore how latency depends on the load.

    Parameters
    ----------
    rate : float, default 150
        Requests a second, to start with.
    service_ms : float, default 10
        Milliseconds that a request keeps a replica busy.
    replicas : int, default 2
        Replicas.
    target_ms : float, default 100
        The p99 that was promised.

    Returns
    -------
    CapacityPlanner
        Displays itself; ``.table()`` gives its numbers for several numbers of replicas.
    """
    return CapacityPlanner(rate, service_ms, replicas, target_ms)


class CapacityPlanner:
    """The interactive view; made by :func:`capacity_planner`.

    Parameters
    ----------
    rate, service_ms, replicas, target_ms
        As in :func:`capacity_planner`.
    """

    def __init__(self, rate: float, service_ms: float, replicas: int, target_ms: float) -> None:
        queue(rate, service_ms / 1000, replicas)  # says what is wrong with them
        self.start = {"rate": rate, "service_ms": service_ms, "replicas": replicas}
        self.target_ms = target_ms
        self._picture: _Picture | None = None

    def table(self, rate: float, service_ms: float, most: int = 8) -> pd.DataFrame:
        """Give utilization and latency for one replica, two, and so on.

        Parameters
        ----------
        rate : float
            Requests a second.
        service_ms : float
            Milliseconds that a request keeps a replica busy.
        most : int, default 8
            Replicas in the last row.

        Returns
        -------
        pandas.DataFrame
        """
        rows = {}
        for replicas in range(1, most + 1):
            found = queue(rate, service_ms / 1000, replicas)
            rows[replicas] = {
                "utilization (%)": round(100 * found.utilization),
                "mean (ms)": round(1000 * found.mean, 1),
                "p50 (ms)": round(1000 * found.latency(0.5), 1),
                "p99 (ms)": round(1000 * found.latency(0.99), 1),
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("replicas")

    def plot(self, rate: float, service_ms: float, replicas: int, ax: Axes | None = None) -> Axes:
        """Draw latency against load.

        Parameters
        ----------
        rate, service_ms, replicas
            As in :func:`capacity_planner`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        picture = _Picture(self.target_ms, ax)
        picture.move(rate, service_ms, replicas)
        return picture.ax

    def describe(self, rate: float, service_ms: float, replicas: int) -> str:
        """Say in words what the picture shows.

        The parameters are those of :meth:`plot`.
        """
        found = queue(rate, service_ms / 1000, replicas)
        said = f"{rate:,.0f} requests/s on {replicas} replicas: {found.utilization:.0%} busy"
        if found.utilization >= 1:
            return f"{said}; overloaded, the queue grows without end."
        p99 = 1000 * found.latency()
        kept = "kept" if p99 <= self.target_ms else "missed"
        return (
            f"{said}, p50 {1000 * found.latency(0.5):.0f} ms, p99 {p99:.0f} ms; the target of "
            f"{self.target_ms:.0f} ms is {kept}."
        )

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: three sliders, the picture and its words.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        look = {"style": {"description_width": "190px"}, "layout": w.Layout(width="560px")}
        rate = w.IntSlider(
            value=self.start["rate"], min=10, max=1000, step=10,
            description="requests per second", **look,
        )  # fmt: skip
        service = w.IntSlider(
            value=self.start["service_ms"], min=1, max=50, description="service time (ms)", **look
        )
        replicas = w.IntSlider(
            value=self.start["replicas"], min=1, max=20, description="replicas", **look
        )
        picture, words = w.HTML(), w.HTML()
        if self._picture is None:
            self._picture = _Picture(self.target_ms)
            self._picture.freeze()

        def redraw(_: object = None) -> None:
            state = (rate.value, service.value, replicas.value)
            said = self.describe(*state)
            self._picture.move(*state)
            picture.value = self._picture.canvas.html(said)
            words.value = f"<p aria-live='polite'>{said}</p>"

        for control in (rate, service, replicas):
            control.observe(redraw, "value")
        redraw()
        first = self.describe(rate.value, service.value, replicas.value)
        box = w.VBox([rate, service, replicas, picture, words])
        return View(box, self._picture.canvas.png(), first)


class _Picture:
    """Latency against load; the axes stand still, the curves move."""

    most = 1000

    def __init__(self, target_ms: float, ax: Axes | None = None) -> None:
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(8.4, 3.7), layout="constrained").subplots()
        self.ax = ax
        (self.p99,) = ax.plot([], [], color=style.RED, label="p99")
        (self.p50,) = ax.plot([], [], color=style.BLUE, ls="--", label="p50")
        self.limit = ax.axvline(0, color=style.GREY, lw=1, ls=":")
        self.name = ax.text(0, 0.93, "", transform=ax.get_xaxis_transform(), size=9)
        self.name.set_color(style.GREY)
        (self.point,) = ax.plot([], [], "o", color=style.RED, ms=9)
        ax.axhline(target_ms, color=style.BLACK, lw=1)
        ax.text(5, target_ms * 1.06, f"target p99: {target_ms:.0f} ms", size=9)
        ax.set(xlim=(0, self.most), ylim=(1, 2_000), yscale="log")
        ax.set(xlabel="requests per second", ylabel="latency (ms)")
        ax.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        ax.legend(loc="lower right")

    def freeze(self) -> None:
        moving = [self.p99, self.p50, self.limit, self.name, self.point]
        self.canvas = Canvas(self.ax.figure, moving)

    def move(self, rate: float, service_ms: float, replicas: int) -> None:
        most = replicas * 1000 / service_ms
        rates = np.linspace(1, min(most * 0.998, self.most), 60)
        found = [queue(one, service_ms / 1000, replicas) for one in rates]
        self.p99.set_data(rates, [1000 * one.latency(0.99) for one in found])
        self.p50.set_data(rates, [1000 * one.latency(0.5) for one in found])
        self.limit.set_xdata([most, most])
        self.name.set_x(most)
        self.name.set_ha("right" if most > 0.6 * self.most else "left")
        self.name.set_text(f" {most:,.0f}/s: all replicas busy " if most <= self.most else "")
        now = 1000 * queue(rate, service_ms / 1000, replicas).latency()
        self.point.set_data([rate], [min(now, 1_900)])
