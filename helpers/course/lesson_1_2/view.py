"""Slice a model's errors, look at the rows behind them, and tag what you see."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.base.checks import one_of
from helpers.course.views import Explorer, View, html_table, subplots

FEW = 30  # rows below which a slice's mean is not worth a discussion


class ErrorWorkbench(Explorer):
    """Explore where a model is wrong, by the slices of ``frame`` and by its rows.

    ``measures`` say what is bad about each row: the higher, the worse. Best is what *could* be
    saved (the error minus what is unavoidable): then size x mean is what a remedy is worth.
    Source: Ng (2018), "Machine Learning Yearning", chapters on error analysis.
    """

    def __init__(self, frame: pd.DataFrame, measures: Mapping[str, Any]) -> None:
        if frame.empty or not frame.index.is_unique:
            raise ValueError("frame has no rows, or its index repeats: reset_index() names them")
        arrays = {name: np.asarray(values, float) for name, values in measures.items()}
        self.frame, self.columns = frame, list(frame)
        self.measures = pd.DataFrame(arrays, frame.index)
        if self.measures.empty or not np.isfinite(self.measures).all(axis=None):
            raise ValueError("measures is empty, or some numbers in it are missing or infinite")
        self._tags: list[tuple[str, Hashable]] = []

    def conditions(self, column: str) -> list[str]:
        """Return the conditions that cut a column: more than six numbers at their quartiles."""
        values, name = self.frame[column], column if column.isidentifier() else f"`{column}`"
        if values.nunique() > 6 and pd.api.types.is_numeric_dtype(values):
            edges = [f"{edge:.4g}" for edge in values.quantile([0.25, 0.5, 0.75])]
            between = [f"{low} < {name} <= {high}" for low, high in pairwise(edges)]
            found = [f"{name} <= {edges[0]}", *between, f"{name} > {edges[-1]}"]
        else:
            found = [f"{name} == {each!r}" for each in sorted(values.dropna().unique().tolist())]
        return [each for each in [*found, f"{name}.isna()"] if inside(self.frame, each).any()]

    def to_frame(self, by: str | Sequence[str], measure: str | None = None) -> pd.DataFrame:
        """Return a row for each slice, those where most can be won first.

        Slices are those of a column, or one or several conditions as ``DataFrame.query`` takes
        them. ``low`` to ``high`` is the 95 % interval of the ``mean`` of the measure (the first by
        default), and ``size x mean`` the slice's part of the mean of all rows.
        """
        values, rows = self._values(measure), {}
        if isinstance(by, str):
            by = self.conditions(by) if by in self.columns else [by]
        for condition in by:
            some = values[inside(self.frame, condition)]
            mean, off, n = some.mean(), 1.96 * some.sem(), len(values)
            share, part = len(some) / n, some.sum() / n
            rows[condition] = (len(some), share, mean, mean - off, mean + off, part)
        columns = ["rows", "share", "mean", "low", "high", "size x mean"]
        table = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
        return table.rename_axis("slice").sort_values("size x mean", ascending=False)

    def examples(self, condition: str, measure: str | None = None, n: int = 6) -> pd.DataFrame:
        """Return the `n` rows of a slice where a measure is highest, the measure first."""
        worst = self._values(measure)[inside(self.frame, condition)].nlargest(n)
        return pd.concat([worst, self.frame.loc[worst.index]], axis=1)

    def tag(self, row: Hashable, tag: str) -> None:
        """Note what you see in a row, by its name in the index; it can have several tags."""
        if row not in self.frame.index or not tag.strip():
            raise ValueError(f"{row!r}, {tag!r}: expected a row's name, and a word or a few")
        if (tag.strip(), row) not in self._tags:
            self._tags.append((tag.strip(), row))

    def untag(self, row: Hashable) -> None:
        """Remove all tags of a row."""
        self._tags = [each for each in self._tags if each[1] != row]

    def tags(self, measure: str | None = None) -> pd.DataFrame:
        """Return how many rows have each tag, most first, and the mean of a measure."""
        table = pd.DataFrame(self._tags, columns=["tag", "row"])
        values = self._values(measure).loc[table["row"]].set_axis(table["tag"])
        table = values.groupby(level=0, sort=False).agg(rows="size", mean="mean")
        return table.sort_values("rows", ascending=False, kind="stable")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "90px"}, "layout": w.Layout(width="460px")}
        first = self.conditions(self.columns[0])
        controls = {
            "measure": w.Dropdown(options=list(self.measures), description="measure", **look),
            "column": w.Dropdown(options=self.columns, description="column", **look),
            "slice": w.Dropdown(options=first, description="slice", **look),
            "condition": w.Text(description="condition", continuous_update=False, **look),
            "examples": w.HTML(),
            "row": w.Dropdown(description="row", **look),
            "tag": w.Combobox(placeholder="what do you see?", description="tag", **look),
            "put": w.Button(description="put the tag"),
            "remove": w.Button(description="remove its tags"),
            "tags": w.HTML(),
        }
        w.dlink((controls["column"], "value"), (controls["slice"], "options"), self.conditions)
        w.dlink((controls["slice"], "value"), (controls["condition"], "value"))
        return controls

    def state(self, controls: dict[str, Any]) -> dict[str, str]:
        return {name: controls[name].value for name in ("column", "measure", "condition")}

    def describe(self, condition: str, measure: str | None = None, **_: str) -> str:
        values, row = self._values(measure), self.to_frame([condition], measure).iloc[0]
        if not row["rows"]:
            return f"{condition}: no rows."
        few = f" Fewer than {FEW} rows: look at them, do not count them."
        return (
            f"{condition}: {row['rows']:,.0f} rows ({row['share']:.0%}), "
            f"{values.name} {row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g}), "
            f"all rows {values.mean():.3g}; size x mean {row['size x mean']:.3g}."
        ) + (few if row["rows"] < FEW else "")

    def plot(self, column: str, measure: str, condition: str, ax: Any = None) -> Any:
        ax = subplots(ax, (7.6, 3.4))
        conditions = list(dict.fromkeys([*self.conditions(column), condition]))
        table = self.to_frame(conditions, measure).loc[conditions]
        for at, row in enumerate(table.itertuples()):
            colour = style.RED if row.Index == condition else style.BLUE
            ax.plot([row.low, row.high], [at, at], color=colour, lw=2)
            ax.plot(row.mean, at, "o", color=colour, ms=4 + 14 * np.sqrt(row.share))
        ax.axvline(self.measures[measure].mean(), color=style.GREY, lw=1, ls=":")
        short = [name if len(name) <= 44 else name[:43] + "…" for name in table.index]
        names = [f"{name}  ({n:,})" for name, n in zip(short, table["rows"], strict=True)]
        ax.set_yticks(range(len(table)), names)
        ax.set(ylim=(len(table) - 0.5, -0.5), xlabel=f"{measure}: mean of the slice, 95 % interval")
        ax.set_title("slices (rows); dotted: all rows")
        return ax

    def connect(self, view: View) -> None:
        row, tag, put, remove = (view.controls[name] for name in ("row", "tag", "put", "remove"))

        def note(button: object) -> None:
            if row.value is None:
                reply = "This slice has no row to tag."
            elif button is remove:
                self.untag(row.value)
                reply = f"No tags for {row.value}."
            elif tag.value.strip():
                self.tag(row.value, tag.value)
                reply = f"Noted for {row.value}."
            else:
                reply = f"First write beside “tag” what you see in {row.value}."
            self._count(view, reply)

        put.on_click(note)
        remove.on_click(note)

    def follow(self, view: View) -> None:
        rows = self.examples(view.state["condition"], view.state["measure"])
        view.controls["examples"].value = html_table(rows, float_format=_number)
        view.controls["row"].options = list(rows.index)
        view.controls["row"].index = 0 if len(rows) else None  # a menu that was empty stays so
        self._count(view)

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        *choose, examples, row, tag, put, remove, tags = view.controls.values()
        note = w.VBox([row, tag, w.HBox([put, remove]), tags])
        return [w.VBox(choose), view.screen, view.words, examples, note]

    def _count(self, view: View, reply: str = "") -> None:
        """Show a reply and the table of tags, and offer them for other rows."""
        tags = self.tags(view.controls["measure"].value)
        view.controls["tag"].options = list(tags.index)
        table = html_table(tags, float_format=_number) if len(tags) else ""
        view.controls["tags"].value = f"<div role='status'>{html.escape(reply)}</div>{table}"

    def _values(self, measure: str | None) -> pd.Series:
        measure = measure or self.measures.columns[0]
        one_of("measure", measure, self.measures)
        return self.measures[measure]


def inside(frame: pd.DataFrame, condition: str) -> np.ndarray:
    """Return which rows meet a condition; one that cannot be read is a ValueError."""
    try:
        mask, why = frame.eval(condition, engine="python"), ""
    except Exception as error:  # whatever a learner writes: the parser raises many kinds
        mask, why = None, f" ({type(error).__name__}: {error})"
    if not isinstance(mask, pd.Series) or mask.dtype != bool:
        raise ValueError(
            f"condition {condition!r} cannot be read{why}; expected something such as "
            "employment == 'student' or amount > 1000 and age < 30"
        )
    return mask.to_numpy()


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
