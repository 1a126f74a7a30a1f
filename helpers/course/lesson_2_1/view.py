"""Make an incident stronger and see when a schema notices, and what it costs until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import style
from helpers.course.views import Explorer, subplots, with_progress
from helpers.validation import Schema, generate_statistics, validate_statistics

SHOWN = {  # incident: the column in which to look for it
    "monthly income": "income",
    "missing history": "credit_history_years",
    "new purpose": "purpose",
    "utilization in percent": "utilization",
    "sent twice": "age",
    "campaign": "age",
    "recession": "income",
}
STRENGTHS = (0.0, 0.02, 0.08, 0.2, 0.4, 0.7, 1.0)


@dataclass(frozen=True)
class Series:
    """One incident at every strength."""

    frames: list[pd.DataFrame]  # what arrives
    lost: np.ndarray  # euro for each application, compared with strength 0
    notices: dict[str, list[str]]  # what each schema reports; "" where it notices nothing


class IncidentLab(Explorer):
    """Measure every incident at every strength, and explore which schema notices what.

    Parameters
    ----------
    model : object
        Has ``predict_proba``; scores the applications.
    columns : sequence of str
        The model's features.
    schemas : mapping of str to helpers.validation.Schema
        The schemas to compare, by name; the view begins with the first.
    n : int, default 2000
        Applications.
    """

    def __init__(
        self, model: Any, *, columns: Sequence[str], schemas: Mapping[str, Schema], n: int = 2_000
    ) -> None:
        self.clean = world.World().applications("2026-09", n)
        self.schemas = list(schemas)
        title = f"{len(SHOWN)} incidents at {len(STRENGTHS)} strengths each"
        self.series = {
            name: _measure(name, self.clean, model, list(columns), schemas)
            for name in with_progress(SHOWN, title)
        }

    def to_frame(self) -> pd.DataFrame:
        """Return from which strength on each schema notices an incident, and the money at stake."""
        rows: dict[str, dict[str, object]] = {}
        for name, series in self.series.items():
            rows[name] = {}
            for schema, notices in series.notices.items():
                noticed = [s for s, notice in zip(STRENGTHS, notices, strict=True) if notice]
                rows[name][f"noticed {schema}"] = f"from {noticed[0]:.2f}" if noticed else "never"
            rows[name]["lost at full strength (euro per application)"] = round(series.lost[-1])
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("incident")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "80px"}}
        steps = {"options": [(f"{s:g}", s) for s in STRENGTHS], "layout": {"width": "420px"}}
        return {
            "incident": w.Dropdown(options=list(self.series), description="incident", **look),
            "schema": w.ToggleButtons(options=self.schemas, description="schema", **look),
            "strength": w.SelectionSlider(value=0.4, description="strength", **steps, **look),
        }

    def describe(self, incident: str, strength: float, schema: str) -> str:
        step, series = STRENGTHS.index(strength), self.series[incident]
        return (
            f"{incident} at strength {strength:g}: {round(series.lost[step]):,} euro lost per "
            f"application. The schema notices: {series.notices[schema][step] or 'nothing'}."
        )

    def plot(self, incident: str, strength: float, schema: str, ax: Any = None) -> Sequence[Any]:
        axes = subplots(ax, (7.6, 3.5), ncols=2)
        step, series = STRENGTHS.index(strength), self.series[incident]
        _draw_column(axes[0], SHOWN[incident], self.clean, series.frames[step])
        _draw_money(axes[1], series.lost, series.notices[schema], step)
        return axes


def _measure(
    name: str, clean: pd.DataFrame, model: Any, columns: list[str], schemas: Mapping[str, Schema]
) -> Series:
    incident = world.incidents[name]
    frames = [incident.apply(clean, strength=strength) for strength in STRENGTHS]
    lost = []
    for strength, frame in zip(STRENGTHS, frames, strict=True):
        made = frame if incident.changes_world else clean  # what is true of the people in the file
        log_odds = world.World().log_odds(made)
        if incident.kind == "concept drift":
            log_odds = log_odds + strength * sum(world.recession_terms(made).values())
        best = world.profit(made, 1 / (1 + np.exp(-log_odds)))
        scored = frame.drop_duplicates("application_id")
        granted = world.profit(scored, model.predict_proba(scored[columns])[:, 1]) > 0
        lost.append(float((np.maximum(best, 0) - best * granted).mean()))
    steps = [f.drop(columns="defaulted").assign(step=str(i)) for i, f in enumerate(frames)]
    statistics = generate_statistics(pd.concat(steps), slice_by="step")  # one pass for all
    notices: dict[str, list[str]] = {}
    for title, schema in schemas.items():
        expected = schema.copy()
        expected.add("step", "BYTES")
        notices[title] = []
        for i in range(len(steps)):
            part = statistics.slice(f"step_{i}")
            found = validate_statistics(part, expected, environment="SERVING").to_frame()
            notices[title].append("; ".join(found["feature"] + ": " + found["what"]))
    return Series(frames, np.array(lost) - lost[0], notices)


def _draw_column(ax: Any, column: str, clean: pd.DataFrame, arrived: pd.DataFrame) -> None:
    gaps = f", {missing:.0%} missing" if (missing := arrived[column].isna().mean()) else ""
    looks = {"as it should be": (clean, "#BBBBBB"), "as it comes" + gaps: (arrived, style.PURPLE)}
    if pd.api.types.is_numeric_dtype(clean[column]):
        bins = np.linspace(0, max(f[column].quantile(0.995) for f in (clean, arrived)), 41)
        for label, (frame, colour) in looks.items():
            kind = "stepfilled" if frame is clean else "step"
            ax.hist(frame[column], bins, color=colour, label=label, histtype=kind, lw=2)
        ax.set(xlabel=f"{column} ({world.COLUMNS[column].unit})", ylabel="applications")
        ax.locator_params(axis="x", nbins=5)
        ax.xaxis.set_major_formatter("{x:,g}")
    else:
        counts = {label: frame[column].value_counts() for label, (frame, _) in looks.items()}
        pd.DataFrame(counts).fillna(0).plot.barh(ax=ax, color=["#BBBBBB", style.PURPLE], width=0.8)
        ax.set(xlabel="applications", ylabel="", xlim=(0, 1.7 * len(clean) / 4))
    ax.set_title(f"what arrives: {column}")
    ax.legend(loc="best")


def _draw_money(ax: Any, lost: np.ndarray, notices: list[str], step: int) -> None:
    shade = {"transform": ax.get_xaxis_transform(), "color": style.ORANGE, "alpha": 0.3, "lw": 0}
    ax.fill_between(STRENGTHS, 0, 1, where=np.array(notices) != "", **shade)
    where = "shaded: the schema notices" if any(notices) else "the schema never notices"
    ax.text(0.98, 0.98, where, transform=ax.transAxes, ha="right", va="top", size=10)
    ax.plot(STRENGTHS, lost, "o-", color=style.BLUE, ms=4)
    ax.plot(STRENGTHS[step], lost[step], "o", color=style.RED, ms=10, label="chosen strength")
    ax.legend(loc="upper left", bbox_to_anchor=(0, 0.92))
    ax.set(xlim=(-0.02, 1.02), ylim=(min(-10, lost.min() * 1.1), max(100, lost.max() * 1.3)))
    ax.set(xlabel="strength of the incident", ylabel="lost (euro per application)")
    ax.set_title("what the decisions lose")
