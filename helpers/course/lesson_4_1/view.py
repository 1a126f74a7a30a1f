"""Size a deployment: load, service time and replicas on sliders, latency as a picture."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views import Canvas, MovingExplorer, subplots
from helpers.serving.capacity import queue

MOST = 1_000  # requests per second that the slider offers
_ENDS = (50, 100, 250, 500, MOST)  # where the axis may end, so that the curve fills it


class CapacityPlanner(MovingExplorer):
    """Explore how latency depends on the load, from a first state; `target_ms` is of the p99."""

    def __init__(
        self, rate: float = 150, service_ms: float = 10, replicas: int = 2, target_ms: float = 100
    ) -> None:
        queue(rate, service_ms / 1000, replicas)  # raises if one of them is wrong
        self.start = {"rate": rate, "service_ms": service_ms, "replicas": replicas}
        self.target_ms = target_ms

    def to_frame(self, rate: float, service_ms: float, most: int = 8) -> pd.DataFrame:
        """Return utilization and latency for 1, 2, ... `most` replicas."""
        rows = {}
        for k in range(1, most + 1):
            one = queue(rate, service_ms / 1000, k)
            rows[k] = {"utilization (%)": round(100 * one.utilization)}
            times = {"mean (ms)": one.mean, "p50 (ms)": one.latency(0.5), "p99 (ms)": one.latency()}
            rows[k] |= {name: round(1000 * seconds, 1) for name, seconds in times.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("replicas")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        sizes = {"style": {"description_width": "190px"}, "layout": w.Layout(width="560px")}
        return {
            name: w.IntSlider(self.start[name], low, high, step, description=label, **sizes)
            for name, label, low, high, step in (
                ("rate", "requests per second", 10, MOST, 10),
                ("service_ms", "service time (ms)", 1, 50, 1),
                ("replicas", "replicas", 1, 20, 1),
            )
        }

    def describe(self, rate: float, service_ms: float, replicas: int) -> str:
        result = queue(rate, service_ms / 1000, replicas)
        load = f"{rate:,.0f} requests/s on {replicas} replicas: {result.utilization:.0%} busy"
        if result.utilization >= 1:
            return f"{load}; overloaded, the queue grows without end."
        p99, idle = 1000 * result.latency(), service_ms * np.log(100)
        kept = "kept" if p99 <= self.target_ms else "missed"
        if idle > self.target_ms:
            kept += f" with any number of replicas: an idle one has a p99 of {idle:.0f} ms"
        return (
            f"{load}, p50 {1000 * result.latency(0.5):.0f} ms, p99 {p99:.0f} ms; the target of "
            f"{self.target_ms:.0f} ms is {kept}."
        )

    def still(self, ax: Any = None) -> Canvas:
        ax = subplots(ax, (7.6, 3.7))
        (p99,) = ax.plot([], [], color=style.RED, label="p99")
        (p50,) = ax.plot([], [], color=style.BLUE, ls="--", label="p50")
        limit = ax.axvline(0, color=style.GREY, lw=1, ls=":")
        above = {"transform": ax.get_xaxis_transform(), "color": style.GREY, "size": 9}
        name = ax.text(0, 1.02, "all replicas busy", **above)
        (point,) = ax.plot([], [], "o", color=style.RED, ms=9)
        ax.axhline(self.target_ms, color=style.BLACK, lw=1)
        beside = {"transform": ax.get_yaxis_transform(), "va": "center", "size": 9}
        ax.text(1.01, self.target_ms, f"target p99:\n{self.target_ms:.0f} ms", **beside)
        ax.set(xlim=(0, MOST), ylim=(1, 2_000), yscale="log")
        ax.set(xlabel="requests per second", ylabel="latency (ms)")
        ax.set_yticks([1, 10, 100, 1000], ["1", "10", "100", "1,000"])
        ax.legend(loc="upper left")
        return Canvas(ax, scale=ax.xaxis, p99=p99, p50=p50, limit=limit, name=name, point=point)

    def move(self, canvas: Canvas, rate: float, service_ms: float, replicas: int) -> None:
        full = replicas * 1000 / service_ms
        rates = np.linspace(1, min(full * 0.998, MOST), 60)
        results = [queue(load, service_ms / 1000, replicas) for load in rates]
        canvas.p99.set_data(rates, [1000 * result.latency(0.99) for result in results])
        canvas.p50.set_data(rates, [1000 * result.latency(0.5) for result in results])
        canvas.limit.set_xdata([full, full])
        end = next((end for end in _ENDS if end >= 1.02 * max(full, rate)), MOST)
        canvas.axes.set_xlim(0, end)
        canvas.name.set(x=full, ha="right" if full > 0.6 * end else "left")
        canvas.name.set_text(f"{full:,.0f}/s: all replicas busy" if full <= end else "")
        now = 1000 * queue(rate, service_ms / 1000, replicas).latency()
        canvas.point.set_data([rate], [min(now, 1_900)])
