"""Choose a detector, its window and its threshold; see what it reports, and what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd

from helpers import drift, world
from helpers.course.views import Explorer, View, subplots, with_progress

CALM = "nothing happens"
SHOWN = (
    "monthly income",
    "missing history",
    "new purpose",
    "utilization in percent",
    "campaign",
    "recession",
    CALM,
)
DAYS = (7, 14, 30, 60)
LABELS_LATE_DAYS = 365


@dataclass(frozen=True)
class Watch:
    """A way to watch production.

    Attributes
    ----------
    detector : str
        The statistic of a window, or the name of one of river's detectors.
    sees : str
        "features" and "score" are known at once, "outcome less score" and "wrong decisions" a year
        later, with the defaults.
    setting : str
        Name of the setting that `thresholds` are for.
    thresholds : tuple of float
        From the one that reports drift most easily to the one that does so least.
    usual : float
        The threshold to start with: a rule of thumb, or river's default.
    """

    detector: str
    sees: str
    setting: str
    thresholds: tuple[float, ...]
    usual: float

    @property
    def by_window(self) -> bool:
        """Whether it compares windows with the reference."""
        return self.sees == "features"

    @property
    def needs_labels(self) -> bool:
        """Whether it needs the defaults."""
        return self.sees not in ("features", "score")


WATCHES = {
    "PSI of the features": Watch("psi", "features", "PSI", (0.02, 0.05, 0.1, 0.25, 0.5), 0.1),
    "tests of the features": Watch("p", "features", "p", (0.2, 0.05, 0.01, 1e-3, 1e-6), 0.01),
    "ADWIN on the score": Watch("ADWIN", "score", "delta", (0.2, 0.02, 2e-3, 2e-4, 2e-6), 2e-3),
    "Page-Hinkley on the score": Watch(
        "PageHinkley", "score", "threshold", (25, 50, 100, 200, 400), 50
    ),
    "ADWIN on outcome less score": Watch(
        "ADWIN", "outcome less score", "delta", (0.2, 0.02, 2e-3, 2e-4, 2e-6), 2e-3
    ),
    "DDM on wrong decisions": Watch(
        "DDM", "wrong decisions", "drift_threshold", (2.0, 2.5, 3.0, 4.0, 5.0), 3.0
    ),
}


class DriftLab(Explorer):
    """Replay 2026 with each incident before a model, and see what detectors report.

    Parameters
    ----------
    model : object
        Has ``predict_proba``; scores the applications.
    columns : sequence of str
        The model's features; they are also what the windows' statistics see.
    reference : pandas.DataFrame
        Applications of a time when all was well.
    n : int, default 2000
        Applications in each month.
    seed : int, default 2025
        The world's seed.

    Attributes
    ----------
    years : dict of str to pandas.DataFrame
        What arrives with each incident, and a column for whatever a detector sees: ``score`` (in
        standard deviations of the reference), ``outcome less score``, ``wrong decisions`` (0, 1).
    """

    def __init__(
        self,
        model: Any,
        *,
        columns: Sequence[str],
        reference: pd.DataFrame,
        n: int = 2_000,
        seed: int = 2025,
    ) -> None:
        self.reference = reference
        self.columns = columns = list(columns)
        calm = model.predict_proba(reference[columns])[:, 1]
        self.years: dict[str, pd.DataFrame] = {}
        for name in with_progress(SHOWN, f"2026, replayed {len(SHOWN)} times"):
            year = world.replay(None if name == CALM else name, n=n, seed=seed)
            score = model.predict_proba(year[columns])[:, 1]
            granted = world.profit(year, score) > 0
            seen = {
                "score": (score - calm.mean()) / calm.std(),
                "outcome less score": year["defaulted"] - score,
                "wrong decisions": (granted == (year["defaulted"] == 1)).astype(int),
            }
            self.years[name] = year.assign(**seen)
        self._windows = cache(self._compare)  # the one slow step: once for each kind of window

    def watch(self, incident: str, detector: str, days: int, threshold: float) -> drift.Monitoring:
        """Return what a detector reports.

        Parameters
        ----------
        incident : str
            One of ``SHOWN``.
        detector : str
            A key of ``WATCHES``.
        days : int
            Length of a window, one of ``DAYS``; without effect on detectors that see value after
            value, which choose their own.
        threshold : float
            The detector's setting, such as one of its ``thresholds``.

        Returns
        -------
        helpers.drift.Monitoring
        """
        chosen = WATCHES[detector]
        if chosen.by_window:
            return self._windows(incident, chosen.detector, days).at(threshold)
        year, setting = self.years[incident], {chosen.setting: threshold}
        times = year["applied_at"]
        return drift.monitor(year[chosen.sees], chosen.detector, times=times, **setting)

    def _compare(self, incident: str, statistic: str, days: int) -> drift.Monitoring:
        year = self.years[incident]
        return drift.monitor_windows(
            self.reference,
            year,
            times="applied_at",
            days=days,
            statistic=statistic,
            columns=self.columns,
        )

    def to_frame(self, days: int = 30) -> pd.DataFrame:
        """Return delays and false alarms of each detector at its usual threshold.

        Parameters
        ----------
        days : int, default 30
            Length of the windows.

        Returns
        -------
        pandas.DataFrame
            One row for each incident and detector: ``delay_days`` (NaN where it was not found),
            ``false_alarms`` in ``calm_days``.
        """
        rows = {
            (incident, name): vars(self._score(incident, name, days, watch.usual))
            for incident in self.years
            for name, watch in WATCHES.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["incident", "detector"])

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
        score = self._score(incident, detector, days, threshold)
        windows = f", windows of {days} days" if watch.by_window else ""
        text = f"{incident}; {detector}, {watch.setting} {threshold:g}{windows}: {score}."
        if watch.needs_labels:
            text += (
                " Drawn on the day of the application; who defaults is known "
                f"{LABELS_LATE_DAYS} days later, and every one of these alarms comes then."
            )
        return text

    def plot(
        self, incident: str, detector: str, days: int, threshold: float, ax: Any = None
    ) -> Any:
        ax = subplots(ax, (7.6, 3.8))
        self.watch(incident, detector, days, threshold).plot(_onset(incident), ax)
        sees = WATCHES[detector].sees
        units = {
            "features": WATCHES[detector].setting + " of the worst feature",
            "score": "score (standard deviations)",
            "outcome less score": "defaults less expected defaults",
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

    def _score(self, incident: str, detector: str, days: int, threshold: float) -> drift.Score:
        return self.watch(incident, detector, days, threshold).score(_onset(incident))


def _offer(controls: dict[str, Any]) -> None:
    """Offer the thresholds of the chosen detector."""
    chosen, threshold = WATCHES[controls["detector"].value], controls["threshold"]
    threshold.options = [(f"{number:g}", number) for number in chosen.thresholds]
    threshold.value = chosen.usual
    threshold.description = chosen.setting.replace("_", " ")
    controls["days"].disabled = not chosen.by_window


def _onset(incident: str) -> str | None:
    return None if incident == CALM else world.incidents[incident].onset
