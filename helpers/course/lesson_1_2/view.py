"""Slice a model's errors, look at the rows behind them, and tag what you see."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views import Explorer, View, html_table, subplots

FEW = 30  # rows below which a slice's mean is not worth a discussion
_MOST_VALUES = 6  # a number with more values than these is cut at its quartiles


class ErrorWorkbench(Explorer):
    """Explore where a model is wrong, by slices and by rows.

    Source: Ng (2018), "Machine Learning Yearning", chapters on error analysis.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows to look at, not used for fitting. Its index names the rows, each once.
    measures : mapping of str to array-like of shape (len(frame),)
        What is bad about each row, by name: the higher, the worse. Best given as what *could* be
        saved (the error minus what is unavoidable): then size x mean is what a remedy is worth.
    columns : sequence of str, optional
        Columns to slice by; all of them by default.

    Raises
    ------
    ValueError
        If the index repeats, a measure has another length or is not a number everywhere, or a
        column is missing.

    Examples
    --------
    >>> frame = pd.DataFrame({"channel": ["online", "branch"] * 50})
    >>> bench = ErrorWorkbench(frame, {"error": np.tile([0.2, 0.1], 50)})
    >>> float(bench.to_frame("channel", "error")["mean"].iloc[0])
    0.2
    """

    def __init__(
        self,
        frame: pd.DataFrame,
        measures: Mapping[str, Any],
        *,
        columns: Sequence[str] | None = None,
    ) -> None:
        if not isinstance(frame, pd.DataFrame) or frame.empty:
            raise ValueError("frame has no rows; expected a DataFrame with one row or more")
        if not frame.index.is_unique:
            raise ValueError("frame's index repeats; expected a name for each row: reset_index()")
        self.frame = frame
        self.columns = list(frame.columns if columns is None else columns)
        lacking = [name for name in self.columns if name not in frame]
        if lacking or not self.columns:
            raise ValueError(f"columns has {lacking}, which frame lacks; it has {list(frame)}")
        if not measures:
            raise ValueError("measures is empty; expected a name and a number for each row")
        self.measures = {name: np.asarray(values, float) for name, values in measures.items()}
        for name, values in self.measures.items():
            if values.shape != (len(frame),) or not np.isfinite(values).all():
                raise ValueError(
                    f"measures[{name!r}] has shape {values.shape} and {np.isnan(values).sum()} "
                    f"missing values; expected one finite number for each of the {len(frame)} rows"
                )
        self._tags: dict[str, list[Hashable]] = {}

    def conditions(self, column: str) -> list[str]:
        """Return the conditions that cut the rows by one column.

        Parameters
        ----------
        column : str
            One of ``columns``. Numbers with many values are cut at their quartiles.

        Returns
        -------
        list of str
            As ``DataFrame.query`` takes them; each row meets exactly one.
        """
        if column not in self.columns:
            raise ValueError(f"column is {column!r}; expected one of {self.columns}")
        values, name = self.frame[column], column if column.isidentifier() else f"`{column}`"
        if values.nunique() > _MOST_VALUES and pd.api.types.is_numeric_dtype(values):
            edges = [f"{edge:.4g}" for edge in values.quantile([0.25, 0.5, 0.75])]
            edges = list(dict.fromkeys(edges))
            conditions = [f"{name} <= {edges[0]}"]
            conditions += [f"{low} < {name} <= {high}" for low, high in pairwise(edges)]
            conditions += [f"{name} > {edges[-1]}"]
        else:
            conditions = [
                f"{name} == {each!r}" for each in sorted(values.dropna().unique().tolist())
            ]
        missing = [f"{name}.isna()"] if values.isna().any() else []
        return [each for each in conditions if self._mask(each).any()] + missing

    def to_frame(self, by: str | Sequence[str], measure: str | None = None) -> pd.DataFrame:
        """Return size, mean and their product for slices.

        Parameters
        ----------
        by : str or sequence of str
            One of ``columns``, a condition as ``DataFrame.query`` takes it, or several conditions.
        measure : str, optional
            One of ``measures``; the first by default.

        Returns
        -------
        pandas.DataFrame
            One row for each slice, those where most can be won first: ``rows``, ``share`` of all,
            ``mean`` of the measure with its 95 % interval ``low`` to ``high`` (normal
            approximation), and ``size x mean``: the slice's part of the mean of all rows.

        Raises
        ------
        ValueError
            If a condition cannot be read or there is no such measure.
        """
        _, values = self._measured(measure)
        if isinstance(by, str):
            by = self.conditions(by) if by in self.columns else [by]
        rows = {}
        for condition in by:
            inside = values[self._mask(condition)]
            n = len(inside)
            mean = inside.mean() if n else np.nan
            off = 1.96 * inside.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
            share = n / len(values)
            rows[condition] = {
                "rows": n,
                "share": share,
                "mean": mean,
                "low": mean - off,
                "high": mean + off,
                "size x mean": share * mean if n else 0.0,
            }
        table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("slice")
        return table.astype({"rows": int}).sort_values("size x mean", ascending=False)

    def examples(self, condition: str, measure: str | None = None, n: int = 6) -> pd.DataFrame:
        """Return the `n` rows of a slice where the measure is highest, the measure first.

        Parameters
        ----------
        condition, measure
            As for :meth:`to_frame`.
        n : int, default 6
            How many.

        Returns
        -------
        pandas.DataFrame
        """
        name, values = self._measured(measure)
        inside = values[self._mask(condition)].sort_values(ascending=False, kind="stable").head(n)
        rows = self.frame.loc[inside.index]
        rows.insert(0, name, inside, allow_duplicates=True)
        return rows

    def tag(self, row: Hashable, tag: str) -> None:
        """Note what you see in a row.

        Parameters
        ----------
        row : hashable
            Its name in the frame's index.
        tag : str
            A word or a few; a row can have several.

        Raises
        ------
        ValueError
            If there is no such row, or the tag is empty.
        """
        if row not in self.frame.index:
            raise ValueError(f"row is {row!r}; expected a name such as {self.frame.index[0]!r}")
        if not isinstance(tag, str) or not tag.strip():
            raise ValueError(f"tag is {tag!r}; expected a word or a few")
        rows = self._tags.setdefault(tag.strip(), [])
        if row not in rows:
            rows.append(row)

    def untag(self, row: Hashable) -> None:
        """Remove all tags of a row.

        Parameters
        ----------
        row : hashable
            Its name in the frame's index.
        """
        kept = {tag: [each for each in rows if each != row] for tag, rows in self._tags.items()}
        self._tags = {tag: rows for tag, rows in kept.items() if rows}

    def tags(self, measure: str | None = None) -> pd.DataFrame:
        """Return the tags that were put, the most frequent first.

        Parameters
        ----------
        measure : str, optional
            One of ``measures``; the first by default.

        Returns
        -------
        pandas.DataFrame
            One row for each tag: ``rows``, and ``mean`` of the measure.
        """
        _, values = self._measured(measure)
        rows = {
            tag: {"rows": len(tagged), "mean": values.loc[tagged].mean()}
            for tag, tagged in self._tags.items()
        }
        table = pd.DataFrame.from_dict(rows, orient="index", columns=["rows", "mean"])
        table = table.rename_axis("tag").astype({"rows": int})
        return table.sort_values("rows", ascending=False, kind="stable")

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "90px"}, "layout": w.Layout(width="460px")}
        first = self.conditions(self.columns[0])
        return {
            "measure": w.Dropdown(options=list(self.measures), description="measure", **look),
            "column": w.Dropdown(options=self.columns, description="column", **look),
            "slice": w.Dropdown(options=first, description="slice", **look),
            "condition": w.Text(
                value=first[0], description="condition", continuous_update=False, **look
            ),
            "examples": w.HTML(),
            "row": w.Dropdown(options=[], description="row", **look),
            "tag": w.Combobox(placeholder="what do you see?", description="tag", **look),
            "put": w.Button(description="put the tag"),
            "remove": w.Button(description="remove its tags"),
            "tags": w.HTML(),
        }

    def state(self, controls: dict[str, Any]) -> dict[str, str]:
        return {name: controls[name].value for name in ("column", "measure", "condition")}

    def describe(self, condition: str, measure: str | None = None, **_: str) -> str:
        measure, values = self._measured(measure)
        row = self.to_frame([condition], measure).iloc[0]
        if not row["rows"]:
            return f"{condition}: no rows."
        few = f" Fewer than {FEW} rows: look at them, do not count them."
        return (
            f"{condition}: {row['rows']:,.0f} rows ({row['share']:.0%}), "
            f"{measure} {row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g}), "
            f"all rows {values.mean():.3g}; size x mean {row['size x mean']:.3g}."
            + (few if row["rows"] < FEW else "")
        )

    def plot(
        self, column: str, measure: str | None = None, condition: str = "", ax: Any = None
    ) -> Any:
        """Draw the slices of a column (mean and interval), and the condition if it is another."""
        ax = subplots(ax, (7.6, 3.4))
        measure, values = self._measured(measure)
        conditions = self.conditions(column)
        conditions += [condition] if condition and condition not in conditions else []
        table = self.to_frame(conditions, measure).loc[conditions]
        for at, row in enumerate(table.itertuples()):
            if row.rows:
                colour = style.RED if row.Index == condition else style.BLUE
                ax.plot([row.low, row.high], [at, at], color=colour, lw=2)
                ax.plot(row.mean, at, "o", color=colour, ms=4 + 14 * np.sqrt(row.share))
        ax.axvline(values.mean(), color=style.GREY, lw=1, ls=":")
        names = [f"{_short(name)}  ({n:,})" for name, n in table["rows"].items()]
        ax.set_yticks(range(len(table)), names)
        ax.set(ylim=(len(table) - 0.5, -0.5), xlabel=f"{measure}: mean of the slice, 95 % interval")
        ax.set_title("slices (rows); dotted: all rows")
        return ax

    def connect(self, view: View) -> None:
        controls = view.controls
        column, slices, condition = (controls[name] for name in ("column", "slice", "condition"))
        row, tag = controls["row"], controls["tag"]

        def other_column(_: object) -> None:
            with view.hold():
                slices.options = self.conditions(column.value)
                condition.value = slices.value

        def other_slice(change: Mapping[str, Any]) -> None:
            if not view.held and change["new"]:
                condition.value = change["new"]

        def put_tag(_: object) -> None:
            reply = f"Noted for {row.value}."
            if row.value is None:
                reply = "This slice has no row to tag."
            elif not tag.value.strip():
                reply = f"First write beside “tag” what you see in {row.value}."
            else:
                self.tag(row.value, tag.value)
            self._count(view, reply)

        def remove_tags(_: object) -> None:
            self.untag(row.value)
            self._count(view, f"No tags for {row.value}.")

        column.observe(other_column, "value")
        slices.observe(other_slice, "value")
        controls["put"].on_click(put_tag)
        controls["remove"].on_click(remove_tags)

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
        text = f"<div role='status'>{html.escape(reply)}</div>" if reply else ""
        text += html_table(tags, float_format=_number) if len(tags) else ""
        view.controls["tags"].value = text

    def _measured(self, name: str | None) -> tuple[str, pd.Series]:
        name = next(iter(self.measures)) if name is None else name
        if name not in self.measures:
            raise ValueError(f"measure is {name!r}; expected one of {list(self.measures)}")
        return name, pd.Series(self.measures[name], self.frame.index)

    def _mask(self, condition: str) -> np.ndarray:
        try:
            mask, why = self.frame.eval(condition, engine="python"), ""
        except Exception as error:  # whatever a learner writes: the parser raises many kinds
            mask, why = None, f" ({type(error).__name__}: {error})"
        if not isinstance(mask, pd.Series) or mask.dtype != bool:
            raise ValueError(
                f"condition {condition!r} cannot be read{why}; expected something such as "
                f"{self.columns[0]} == 'value' or amount > 1000 and age < 30"
            )
        return mask.to_numpy()


def _short(condition: str) -> str:
    return condition if len(condition) <= 44 else condition[:43] + "…"


def _number(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
