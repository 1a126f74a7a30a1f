"""Choose a detector, its window and its threshold; see what it says, and what was true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers import drift, world
from helpers.course.views.view import View, image, png, progress

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
        "features" and "score" are seen at once, "outcome less score" and "wrong decisions" when it
        is known who defaulted, a year later.
    setting : str
        Name of the setting that `thresholds` are for.
    thresholds : tuple of float
        From the one that says "drift" most easily to the one that says it least.
    usual : float
        The threshold to begin with: a rule of thumb, or river's default.
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
        """Whether it must be known who defaulted."""
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


def drift_lab(
    model: Any,
    *,
    columns: Sequence[str],
    reference: pd.DataFrame,
    n: int = 2_000,
    seed: int = 2025,
) -> DriftLab:
    """Replay 2026 with each incident before a model, and show what detectors say.

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

    Returns
    -------
    DriftLab
        Displays itself; ``.table()`` gives its content in short.
    """
    columns = list(columns)
    calm = model.predict_proba(reference[columns])[:, 1]
    years = {}
    for name in progress(SHOWN, f"2026, replayed {len(SHOWN)} times"):
        year = world.replay(None if name == CALM else name, n=n, seed=seed)
        score = model.predict_proba(year[columns])[:, 1]
        granted = world.profit(year, score) > 0
        seen = {
            "score": (score - calm.mean()) / calm.std(),
            "outcome less score": year["defaulted"] - score,
            "wrong decisions": (granted == (year["defaulted"] == 1)).astype(int),
        }
        years[name] = year.assign(**seen)
    return DriftLab(reference, years, columns)


class DriftLab:
    """The interactive view; made by :func:`drift_lab`.

    Parameters
    ----------
    reference : pandas.DataFrame
        Applications of a time when all was well.
    years : dict of str to pandas.DataFrame
        What arrives with each incident, and a column for whatever a detector sees: ``score`` (in
        standard deviations of the reference), ``outcome less score``, ``wrong decisions`` (0, 1).
    columns : list of str
        The features.
    """

    def __init__(
        self, reference: pd.DataFrame, years: dict[str, pd.DataFrame], columns: list[str]
    ) -> None:
        self.reference = reference
        self.years = years
        self.columns = columns
        self._windows = cache(self._compare)  # the one slow step: once for each kind of window

    def watch(self, incident: str, detector: str, days: int, threshold: float) -> drift.Monitoring:
        """Give what a detector says.

        Parameters
        ----------
        incident : str
            One of ``SHOWN``.
        detector : str
            A key of ``WATCHES``.
        days : int
            Length of a window, one of ``DAYS``; detectors that see value after value choose their
            own, so that it does not matter to them.
        threshold : float
            The detector's setting, such as one of its ``thresholds``.

        Returns
        -------
        helpers.drift.Monitoring
        """
        chosen = WATCHES[detector]
        year = self.years[incident]
        if not chosen.by_window:
            setting = {chosen.setting: threshold}
            times = year["applied_at"]
            return drift.monitor(year[chosen.sees], chosen.detector, times=times, **setting)
        found = self._windows(incident, chosen.detector, days)
        return found.at(threshold)

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

    def table(self, days: int = 30) -> pd.DataFrame:
        """For each incident and detector at its usual threshold: delay, and false alarms.

        Parameters
        ----------
        days : int, default 30
            Length of the windows.

        Returns
        -------
        pandas.DataFrame
            One row for each incident; the false alarms are those of the year with no incident.
        """
        rows: dict[str, dict[str, str]] = {}
        for name, watch in WATCHES.items():
            for incident in self.years:
                found = self.watch(incident, name, days, watch.usual).score(_onset(incident))
                late = np.isnan(found.delay_days)
                text = "not found" if late else f"{found.delay_days:.0f} days"
                alarms = f"{found.false_alarms} false alarms"
                rows.setdefault(incident, {})[name] = alarms if incident == CALM else text
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("incident")

    def plot(
        self, incident: str, detector: str, days: int, threshold: float, ax: Axes | None = None
    ) -> Axes:
        """Draw one state of the view; the parameters are those of :meth:`watch`.

        Parameters
        ----------
        incident, detector, days, threshold
            As for :meth:`watch`.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if it is not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(9.6, 3.6), layout="constrained").subplots()
        self.watch(incident, detector, days, threshold).plot(_onset(incident), ax)
        sees = WATCHES[detector].sees
        units = {
            "features": WATCHES[detector].setting + " of the worst feature",
            "score": "score (standard deviations)",
            "outcome less score": "defaults less expected defaults",
            "wrong decisions": "share of wrong decisions",
        }
        ax.set(ylabel=units[sees], title=f"{detector}: {incident}")
        return ax

    def describe(self, incident: str, detector: str, days: int, threshold: float) -> str:
        """Say in words what the picture shows, for all and for those who cannot see it.

        The parameters are those of :meth:`watch`.
        """
        watch = WATCHES[detector]
        found = self.watch(incident, detector, days, threshold).score(_onset(incident))
        windows = f", windows of {days} days" if watch.by_window else ""
        text = f"{incident}; {detector}, {watch.setting} {threshold:g}{windows}: {found}."
        if watch.needs_labels:
            text += (
                " Drawn on the day of the application; who defaults is known "
                f"{LABELS_LATE_DAYS} days later, and every one of these alarms comes then."
            )
        return text

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: menus, sliders, the picture and its words.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        wide = {"description_width": "80px"}
        room = w.Layout(width="420px")
        incident = w.Dropdown(options=list(self.years), description="incident", style=wide)
        detector = w.Dropdown(options=list(WATCHES), description="detector", style=wide)
        days = w.SelectionSlider(
            options=[(f"{d} days", d) for d in DAYS],
            value=30,
            description="window",
            style=wide,
            layout=room,
        )
        threshold = w.SelectionSlider(
            options=[""], description="threshold", style=wide, layout=room
        )
        picture, words = w.HTML(), w.HTML()
        busy = []  # while the thresholds of another detector are being put in

        def redraw(_: object = None) -> None:
            if busy:
                return
            state = (incident.value, detector.value, days.value, threshold.value)
            said = self.describe(*state)
            picture.value = image(png(self.plot(*state).figure), said)
            words.value = f"<p aria-live='polite'>{said}</p>"

        def other_detector(_: object = None) -> None:
            chosen = WATCHES[detector.value]
            busy.append(True)
            threshold.options = [(f"{one:g}", one) for one in chosen.thresholds]
            threshold.value = chosen.usual
            threshold.description = chosen.setting.replace("_", " ")
            days.disabled = not chosen.by_window
            busy.clear()
            redraw()

        detector.observe(other_detector, "value")
        for control in (incident, days, threshold):
            control.observe(redraw, "value")
        other_detector()
        box = w.VBox([incident, detector, days, threshold, picture, words])
        first = (incident.value, detector.value, days.value, threshold.value)
        return View(box, png(self.plot(*first).figure), self.describe(*first))


def _onset(incident: str) -> str | None:
    return None if incident == CALM else world.incidents[incident].onset
