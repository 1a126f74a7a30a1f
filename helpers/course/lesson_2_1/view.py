"""Make an incident stronger and see when a schema notices, and what it costs until then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import style
from helpers.course.views import Explorer, subplots, with_progress
from helpers.validation import Schema, generate_statistics, validate_statistics

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
ENVIRONMENT = "SERVING"


@dataclass(frozen=True)
class Series:
    """One incident at every strength: what arrives, what it costs, which schemas notice.

    Attributes
    ----------
    frames : list of pandas.DataFrame
        What arrives at each of ``STRENGTHS``.
    lost : list of float
        Euro lost for each application, against the best decisions that the truth allows.
    notices : dict of str to list of str
        For each schema, what it reports at each strength; "" where it notices nothing.
    """

    frames: list[pd.DataFrame]
    lost: list[float]
    notices: dict[str, list[str]]


class IncidentLab(Explorer):
    """Measure every incident at every strength, and explore which schema notices what.

    Parameters
    ----------
    model : object
        Has ``predict_proba``; scores the applications.
    columns : sequence of str
        The model's features.
    schemas : mapping of str to helpers.validation.Schema
        The schemas to compare, by name.
    month : str, default "2026-09"
        The month whose applications are drawn.
    n : int, default 2000
        Applications.

    Attributes
    ----------
    clean : pandas.DataFrame
        The applications as they were made.
    series : dict of str to Series
        What was measured for each incident.
    """

    def __init__(
        self,
        model: Any,
        *,
        columns: Sequence[str],
        schemas: Mapping[str, Schema],
        month: str = "2026-09",
        n: int = 2_000,
    ) -> None:
        self.clean = world.World().applications(month, n)
        self.schemas = list(schemas)
        self.series = {
            name: _measure(name, self.clean, model, list(columns), schemas)
            for name in with_progress(
                SHOWN, f"{len(SHOWN)} incidents at {len(STRENGTHS)} strengths each"
            )
        }

    def to_frame(self) -> pd.DataFrame:
        """Return from which strength on each schema notices an incident, and the money at stake.

        Returns
        -------
        pandas.DataFrame
            One row for each incident; "never" where nothing is noticed at any strength.
        """
        rows = {}
        for name, series in self.series.items():
            row: dict[str, object] = {}
            for schema in self.schemas:
                pairs = zip(STRENGTHS, series.notices[schema], strict=True)
                noticed = [strength for strength, notice in pairs if notice]
                row[f"noticed {schema}"] = f"from {noticed[0]:.2f}" if noticed else "never"
            lost = round(series.lost[-1] - series.lost[0])
            rows[name] = row | {"lost at full strength (euro per application)": lost}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("incident")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "80px"}}
        strengths = [(f"{strength:g}", strength) for strength in STRENGTHS]
        return {
            "incident": w.Dropdown(options=list(self.series), description="incident", **look),
            "schema": w.ToggleButtons(
                options=self.schemas, value=self.schemas[-1], description="schema", **look
            ),
            "strength": w.SelectionSlider(
                options=strengths, value=0.4, description="strength",
                layout=w.Layout(width="420px"), **look,
            ),
        }  # fmt: skip

    def describe(self, incident: str, strength: float, schema: str) -> str:
        step, series = STRENGTHS.index(strength), self.series[incident]
        notice = series.notices[schema][step]
        noticed = f"The schema notices: {notice}" if notice else "The schema notices nothing."
        return (
            f"{incident} at strength {strength:g}: {series.lost[step] - series.lost[0]:,.0f} euro "
            f"lost per application. {noticed}"
        )

    def plot(self, incident: str, strength: float, schema: str, ax: Any = None) -> Sequence[Axes]:
        axes = subplots(ax, (7.6, 3.5), ncols=2)
        step, series = STRENGTHS.index(strength), self.series[incident]
        _draw_column(axes[0], SHOWN[incident], self.clean, series.frames[step])
        _draw_money(axes[1], series, series.notices[schema], step)
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
    steps = [str(i) for i in range(len(frames))]
    files = zip(steps, frames, strict=True)
    everything = pd.concat([f.drop(columns="defaulted").assign(step=i) for i, f in files])
    statistics = generate_statistics(everything, slice_by="step")  # one pass for all strengths
    notices = {}
    for schema_name, schema in schemas.items():
        expected = schema.copy()
        expected.add("step", "BYTES")
        notices[schema_name] = [_notice(statistics.slice(f"step_{i}"), expected) for i in steps]
    return Series(frames, lost, notices)


def _notice(statistics: Any, schema: Schema) -> str:
    table = validate_statistics(statistics, schema, environment=ENVIRONMENT).to_frame()
    return "; ".join(f"{row.feature}: {row.what}" for row in table.itertuples())


def _draw_column(ax: Axes, column: str, clean: pd.DataFrame, arrived: pd.DataFrame) -> None:
    if pd.api.types.is_numeric_dtype(clean[column]):
        values = arrived[column].dropna()
        high = max(clean[column].quantile(0.995), values.quantile(0.995))
        bins = np.linspace(0, high, 41)
        ax.hist(clean[column].dropna(), bins, color=style.GREY, alpha=0.45, label="as it should be")
        ax.hist(values, bins, histtype="step", lw=2, color=style.BLUE, label="as it comes")
        unit = world.COLUMNS[column].unit
        ax.set(xlabel=f"{column} ({unit})" if unit else column, ylabel="applications")
        ax.locator_params(axis="x", nbins=5)
    else:
        names = sorted(set(arrived[column]) | set(clean[column]))
        at = np.arange(len(names))
        for shift, frame, colour, label in (
            (0.2, clean, style.GREY, "as it should be"),
            (-0.2, arrived, style.BLUE, "as it comes"),
        ):
            counts = frame[column].value_counts().reindex(names, fill_value=0)
            ax.barh(at + shift, counts, 0.4, color=colour, label=label)
        ax.set_yticks(at, names)
        ax.set_xlabel("applications")
    missing = arrived[column].isna().mean()
    ax.set_title(f"what arrives: {column}" + (f", {missing:.0%} missing" if missing else ""))
    ax.legend(loc="best")


def _draw_money(ax: Axes, series: Series, notices: list[str], step: int) -> None:
    lost = np.array(series.lost) - series.lost[0]
    noticed = [bool(notice) for notice in notices]
    ax.fill_between(
        STRENGTHS, 0, 1, where=noticed, transform=ax.get_xaxis_transform(), color=style.ORANGE,
        alpha=0.3, lw=0,
    )  # fmt: skip
    where = "the schema notices" if any(noticed) else "the schema never notices"
    # Along the top, where no line comes: the limits below leave a margin.
    ax.text(0.98, 0.98, where, transform=ax.transAxes, ha="right", va="top", size=10)
    ax.plot(STRENGTHS, lost, "o-", color=style.BLUE, ms=4)
    ax.plot(STRENGTHS[step], lost[step], "o", color=style.RED, ms=10)
    ax.set(xlim=(-0.02, 1.02), ylim=(min(-10, lost.min() * 1.1), max(100, lost.max() * 1.15)))
    ax.set(xlabel="strength of the incident", ylabel="lost (euro per application)")
    ax.set_title("money lost by the model's decisions")
