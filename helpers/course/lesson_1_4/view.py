"""Choose a detector, its window and its threshold; see what it reports, and what was true."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

import pandas as pd

from helpers import drift, world
from helpers.course.views import Explorer, View, subplots, with_progress

CALM = "nothing happens"
SHOWN = ("monthly income", "missing history", "new purpose", "utilization in percent")
SHOWN += ("campaign", "recession", CALM)
DAYS = (7, 14, 30, 60)


class Watch(NamedTuple):
    """A way to watch; `thresholds` grow stricter, `usual` is river's default or a habit."""

    detector: str
    sees: str
    setting: str
    thresholds: tuple[float, ...]
    usual: float


DELTAS, SUMS = (0.2, 0.02, 2e-3, 2e-4, 2e-6), (25, 50, 100, 200, 400)
WATCHES = {
    "PSI of the features": Watch("psi", "features", "PSI", (0.02, 0.05, 0.1, 0.25, 0.5), 0.1),
    "tests of the features": Watch("p", "features", "p", (0.2, 0.05, 0.01, 1e-3, 1e-6), 0.01),
    "ADWIN on the score": Watch("ADWIN", "score", "delta", DELTAS, 2e-3),
    "Page-Hinkley on the score": Watch("PageHinkley", "score", "threshold", SUMS, 50),
    "ADWIN on outcome minus score": Watch("ADWIN", "outcome minus score", "delta", DELTAS, 2e-3),
    "DDM on wrong decisions": Watch(
        "DDM", "wrong decisions", "drift_threshold", (2.0, 2.5, 3.0, 4.0, 5.0), 3.0
    ),
}


class DriftLab(Explorer):
    """Replay 2026 with each incident before a model, and see what detectors report.

    ``columns`` are the model's features, ``reference`` applications of when all was well.
    """

    def __init__(
        self, model: Any, *, columns: Sequence[str], reference: pd.DataFrame, n: int = 2_000
    ) -> None:
        self.reference, self.columns = reference, list(columns)
        calm = model.predict_proba(reference[self.columns])[:, 1]
        self.years: dict[str, pd.DataFrame] = {}
        for name in with_progress(SHOWN, f"2026, replayed {len(SHOWN)} times"):
            year = world.replay(None if name == CALM else name, n=n)
            score = model.predict_proba(year[self.columns])[:, 1]
            granted = world.profit(year, score) > 0
            seen = {
                "score": (score - calm.mean()) / calm.std(),
                "outcome minus score": year["defaulted"] - score,
                "wrong decisions": (granted == (year["defaulted"] == 1)).astype(int),
            }
            self.years[name] = year.assign(**seen)
        self._windows = cache(self._compare)  # the one slow step: once for each kind of window

    def watch(self, incident: str, detector: str, days: int, threshold: float) -> drift.Monitoring:
        """Return what a detector reports; ``days`` matters only to those that see windows."""
        chosen = WATCHES[detector]
        if chosen.sees == "features":
            return self._windows(incident, chosen.detector, days).at(threshold)
        year, setting = self.years[incident], {chosen.setting: threshold}
        return drift.monitor(year[chosen.sees], chosen.detector, times=year.applied_at, **setting)

    def _compare(self, incident: str, statistic: str, days: int) -> drift.Monitoring:
        how = {"times": "applied_at", "days": days, "statistic": statistic}
        year = self.years[incident]
        return drift.monitor_windows(self.reference, year, columns=self.columns, **how)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "80px"}}
        wide = look | {"layout": w.Layout(width="420px")}
        days = [(f"{number} days", number) for number in DAYS]
        controls = {
            "incident": w.Dropdown(options=list(self.years), description="incident", **look),
            "detector": w.Dropdown(options=list(WATCHES), description="detector", **look),
            "days": w.SelectionSlider(options=days, value=30, description="window", **wide),
            "threshold": w.SelectionSlider(options=[""], **wide),
        }
        _offer(controls)
        return controls

    def describe(self, incident: str, detector: str, days: int, threshold: float) -> str:
        watch = WATCHES[detector]
        score = self.watch(incident, detector, days, threshold).score(_onset(incident))
        windows = f", windows of {days} days" if watch.sees == "features" else ""
        text = f"{incident}; {detector}, {watch.setting} {threshold:g}{windows}: {score}."
        if watch.sees not in ("features", "score"):
            text += " Drawn on the day of the application; each alarm comes 365 days later."
        return text

    def plot(
        self, incident: str, detector: str, days: int, threshold: float, ax: Any = None
    ) -> Any:
        ax = subplots(ax, (7.6, 3.8))
        self.watch(incident, detector, days, threshold).plot(_onset(incident), ax)
        sees = WATCHES[detector].sees
        units = {
            "features": WATCHES[detector].setting + ", the largest of any feature",
            "score": "score (standard deviations)",
            "outcome minus score": "defaults minus expected defaults",
            "wrong decisions": "share of wrong decisions",
        }
        ax.set(ylabel=units[sees], title=f"{detector}: {incident}")
        ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=5, columnspacing=1)
        return ax

    def connect(self, view: View) -> None:
        def other_detector(_: object) -> None:
            with view.hold():
                _offer(view.controls)

        view.controls["detector"].observe(other_detector, "value")


def _offer(controls: dict[str, Any]) -> None:
    """Offer the thresholds of the chosen detector."""
    chosen, threshold = WATCHES[controls["detector"].value], controls["threshold"]
    threshold.options = [(f"{number:g}", number) for number in chosen.thresholds]
    threshold.value = chosen.usual
    threshold.description = chosen.setting.replace("_", " ")
    controls["days"].disabled = chosen.sees != "features"


def _onset(incident: str) -> str | None:
    return None if incident == CALM else world.incidents[incident].onset
