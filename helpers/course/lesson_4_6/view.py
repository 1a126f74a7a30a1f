"""Turn the knobs of one alert rule, and see when it rings in a year."""

from __future__ import annotations

from functools import cache
from typing import Any

from helpers.base import style
from helpers.course.lesson_4_6.year import Year, pages, score
from helpers.course.rules import minutes
from helpers.course.views import Explorer, subplots

_METRICS = {"failed requests": "errors", "out of range": "out_of_range",
            "missing history": "missing", "sent twice": "repeated"}  # fmt: skip
_FILE = "groups: [{{name: g, rules: [{{alert: A, expr: '{}', for: {}, keep_firing_for: {}}}]}}]"


class AlertExplorer(Explorer):
    """One rule, about the share of bad events in a window, over a year."""

    def __init__(self, year: Year) -> None:
        self.year = year
        self.picture = cache(super().picture)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look, names = {"description_width": "90px"}, list(_METRICS)
        metric = w.Dropdown(options=names, value=names[1], description="metric", style=look)
        return {"metric": metric} | {
            key: w.SelectionSlider(options=options, value=value, description=name, style=look)
            for key, name, options, value in (
                ("window", "window", ["5m", "30m", "1h", "6h", "12h", "1d", "3d"], "1h"),
                ("percent", "above (%)", [0.1, 0.2, 0.5, 1, 2, 5, 10], 2),
                ("wait", "for", ["0m", "10m", "1h"], "0m"),
                ("keep", "keep firing", ["0m", "1h", "6h", "1d", "3d"], "0m"))}  # fmt: skip

    def describe(self, metric: str, window: str, percent: float, wait: str, keep: str) -> str:
        total = "requests" if metric == "failed requests" else "applications"
        self.names = [f"credit_{name}_total" for name in (_METRICS[metric], total)]
        share = " / ".join(f"rate({name}[{window}])" for name in self.names)
        file = _FILE.format(f"{share} > {percent / 100:g}", wait, keep)
        found, self.rung = score(file, self.year).iloc[0], pages(file, self.year)
        causes = [f"{name} {n}" for name, n in self.rung["incident"].value_counts().items()]
        text = f"{share} > {percent / 100:g}, for {wait}, kept firing for {keep}: {found['pages']}"
        text += f" pages, median delay {found['delay']:.1f} h".replace("nan h", "unknown")
        text += f"; without incidents {found['calm']:.1f} a week. Incidents that rang: "
        return f"{text}{', '.join(causes) or 'none'}."

    def plot(self, ax: Any = None, **state: Any) -> Any:
        ax, _ = subplots(ax, (7.6, 3.4)), self.describe(**state)
        seen, steps = self.year.series[self.names], minutes(state["window"])
        rise = seen.iloc[steps::30] - seen.iloc[:-steps:30].to_numpy()
        share = (100 * rise.iloc[:, 0] / rise.iloc[:, 1]).clip(0.01, 100)
        ax.semilogy(share, subs=[], color=style.BLUE, lw=0.7, label=f"share in {state['window']}")
        ax.axhline(state["percent"], color=style.BLACK, ls="--", label="threshold")
        for real, own in self.rung.groupby(self.rung["incident"].notna()):
            colour, text = ((style.RED, "nothing"), (style.GREEN, "an incident"))[real]
            look = {"color": colour, "ms": 14, "label": f"{len(own)} pages: {text}"}
            ax.plot(own["at"], [200] * len(own), "|", **look)
        ax.set_yticks(ticks := [0.01, 0.1, 1, 10, 100], [*map(str, ticks)])  # quick to draw
        ax.set(ylim=(0.009, 400), ylabel="% (at least 0.01)", title=f"Alert: {state['metric']}")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.1), ncols=4)
        return ax
