"""Slice a model's errors, look at the rows behind them, and tag what you see."""

from __future__ import annotations

import html
from collections.abc import Hashable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from helpers.base import style
from helpers.course.views.view import View, image, png

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 30  # rows below which a slice's mean is not worth a discussion
_MOST_VALUES = 6  # a number with more values than these is cut at its quartiles


def error_workbench(
    frame: pd.DataFrame, measures: Mapping[str, Any], *, columns: Sequence[str] | None = None
) -> ErrorWorkbench:
    """Explore where a model is wrong, by slices and by rows.

    Source: Ng (2018), "Machine Learning Yearning", chapters on error analysis.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows to look at, not used for fitting. Its index names the rows, each once.
    measures : mapping of str to array-like of shape (len(frame),)
        What is bad about each row, by name: the higher, the worse. Best given as what *could* be
        saved (error less what is possible), because then size x mean says what mending pays.
    columns : sequence of str, optional
        Columns to slice by; all of them by default.

    Returns
    -------
    ErrorWorkbench
        Displays itself; ``.table()``, ``.examples()`` and ``.tags()`` give its content.

    Raises
    ------
    ValueError
        If the index repeats, a measure has another length or is not a number everywhere, or a
        column is not there.

    Examples
    --------
    >>> frame = pd.DataFrame({"channel": ["online", "branch"] * 50})
    >>> bench = error_workbench(frame, {"error": np.tile([0.2, 0.1], 50)})
    >>> float(bench.table("channel", "error")["mean"].iloc[0])
    0.2
    """
    if not isinstance(frame, pd.DataFrame) or frame.empty:
        raise ValueError("frame has no rows; expected a DataFrame with one row or more")
    if not frame.index.is_unique:
        raise ValueError("frame's index repeats; expected a name for each row: reset_index() it")
    columns = list(frame.columns if columns is None else columns)
    lacking = [name for name in columns if name not in frame]
    if lacking or not columns:
        raise ValueError(f"columns has {lacking}, which frame lacks; it has {list(frame)}")
    if not measures:
        raise ValueError("measures is empty; expected a name and a number for each row")
    found = {}
    for name, values in measures.items():
        values = np.asarray(values, dtype=float)
        if values.shape != (len(frame),) or not np.isfinite(values).all():
            raise ValueError(
                f"measures[{name!r}] has shape {values.shape} and {np.isnan(values).sum()} missing "
                f"values; expected one finite number for each of the {len(frame)} rows"
            )
        found[name] = values
    return ErrorWorkbench(frame, found, columns)


class ErrorWorkbench:
    """The interactive view; made by :func:`error_workbench`.

    Parameters
    ----------
    frame : pandas.DataFrame
        The rows.
    measures : dict of str to numpy.ndarray
        What is bad about each row.
    columns : list of str
        The columns to slice by.
    """

    def __init__(
        self, frame: pd.DataFrame, measures: dict[str, np.ndarray], columns: list[str]
    ) -> None:
        self.frame = frame
        self.measures = measures
        self.columns = columns
        self._tags: dict[str, list[Hashable]] = {}

    def conditions(self, column: str) -> list[str]:
        """Give the conditions that cut the rows by one column.

        Parameters
        ----------
        column : str
            One of ``columns``. Numbers of many values are cut at their quartiles.

        Returns
        -------
        list of str
            As ``DataFrame.query`` takes them; each row fulfils one.
        """
        if column not in self.columns:
            raise ValueError(f"column is {column!r}; expected one of {self.columns}")
        values, name = self.frame[column], column if column.isidentifier() else f"`{column}`"
        many = values.nunique() > _MOST_VALUES
        if many and pd.api.types.is_numeric_dtype(values):
            edges = [f"{edge:.4g}" for edge in values.quantile([0.25, 0.5, 0.75])]
            edges = list(dict.fromkeys(edges))
            found = [f"{name} <= {edges[0]}"]
            found += [f"{low} < {name} <= {high}" for low, high in pairwise(edges)]
            found += [f"{name} > {edges[-1]}"]
        else:
            found = [f"{name} == {one!r}" for one in sorted(values.dropna().unique().tolist())]
        missing = [f"{name}.isna()"] if values.isna().any() else []
        return [one for one in found if self._rows(one).any()] + missing

    def table(self, by: str | Sequence[str], measure: str | None = None) -> pd.DataFrame:
        """Give size, mean and what it adds up to, for slices.

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
            approximation), and ``size x mean``: the slice's part of the mean over all rows.

        Raises
        ------
        ValueError
            If a condition cannot be read or there is no such measure.
        """
        measured = self._measure(measure)
        if isinstance(by, str):
            by = self.conditions(by) if by in self.columns else [by]
        rows = {}
        for condition in by:
            inside = measured[self._rows(condition)]
            n = len(inside)
            mean = inside.mean() if n else np.nan
            off = 1.96 * inside.std(ddof=1) / np.sqrt(n) if n > 1 else np.nan
            share = n / len(measured)
            rows[condition] = {
                "rows": n,
                "share": share,
                "mean": mean,
                "low": mean - off,
                "high": mean + off,
                "size x mean": share * mean if n else 0.0,
            }
        found = pd.DataFrame.from_dict(rows, orient="index").rename_axis("slice")
        return found.astype({"rows": int}).sort_values("size x mean", ascending=False)

    def examples(self, condition: str, measure: str | None = None, n: int = 6) -> pd.DataFrame:
        """Give the rows of a slice where the measure is highest.

        Parameters
        ----------
        condition : str
            As ``DataFrame.query`` takes it.
        measure : str, optional
            One of ``measures``; the first by default.
        n : int, default 6
            How many.

        Returns
        -------
        pandas.DataFrame
            With the measure as its first column.
        """
        measured = pd.Series(self._measure(measure), self.frame.index)
        inside = measured[self._rows(condition)].sort_values(ascending=False, kind="stable").head(n)
        found = self.frame.loc[inside.index]
        found.insert(0, measure or next(iter(self.measures)), inside, allow_duplicates=True)
        return found

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
        """Take all tags from a row.

        Parameters
        ----------
        row : hashable
            Its name in the frame's index.
        """
        kept = {tag: [one for one in rows if one != row] for tag, rows in self._tags.items()}
        self._tags = {tag: rows for tag, rows in kept.items() if rows}

    def tags(self, measure: str | None = None) -> pd.DataFrame:
        """Count the tags.

        Parameters
        ----------
        measure : str, optional
            One of ``measures``; the first by default.

        Returns
        -------
        pandas.DataFrame
            One row for each tag, the frequent first: ``rows``, and ``mean`` of the measure.
        """
        measured = pd.Series(self._measure(measure), self.frame.index)
        rows = {
            tag: {"rows": len(tagged), "mean": measured.loc[tagged].mean()}
            for tag, tagged in self._tags.items()
        }
        found = pd.DataFrame.from_dict(rows, orient="index", columns=["rows", "mean"])
        found = found.rename_axis("tag").astype({"rows": int})
        return found.sort_values("rows", ascending=False, kind="stable")

    def plot(
        self, column: str, measure: str | None = None, condition: str = "", ax: Axes | None = None
    ) -> Axes:
        """Draw the slices of a column: mean and interval against size.

        Parameters
        ----------
        column : str
            One of ``columns``.
        measure : str, optional
            One of ``measures``; the first by default.
        condition : str, default ""
            The slice to stand out. If it is none of the column's it is drawn too.
        ax : matplotlib.axes.Axes, optional
            Where to draw; made if not given.

        Returns
        -------
        matplotlib.axes.Axes
        """
        if ax is None:
            from matplotlib.figure import Figure

            ax = Figure(figsize=(8.8, 3.4), layout="constrained").subplots()
        measure = measure or next(iter(self.measures))
        conditions = self.conditions(column)
        conditions += [condition] if condition and condition not in conditions else []
        found = self.table(conditions, measure).loc[conditions]
        for at, row in enumerate(found.itertuples()):
            if row.rows:
                colour = style.RED if row.Index == condition else style.BLUE
                ax.plot([row.low, row.high], [at, at], color=colour, lw=2)
                ax.plot(row.mean, at, "o", color=colour, ms=4 + 14 * np.sqrt(row.share))
        ax.axvline(self.measures[measure].mean(), color=style.GREY, lw=1, ls=":")
        names = [f"{_short(one)}  ({n:,})" for one, n in found["rows"].items()]
        ax.set_yticks(range(len(found)), names)
        ax.set(ylim=(len(found) - 0.5, -0.5), xlabel=f"{measure}: mean of the slice, 95 % interval")
        ax.set_title("slices (rows); dotted: all rows")
        return ax

    def describe(self, condition: str, measure: str | None = None) -> str:
        """Say in words what a slice is like.

        Parameters
        ----------
        condition : str
            As ``DataFrame.query`` takes it.
        measure : str, optional
            One of ``measures``; the first by default.
        """
        measure = measure or next(iter(self.measures))
        row = self.table([condition], measure).iloc[0]
        if not row["rows"]:
            return f"{condition}: no rows."
        mean = self.measures[measure].mean()
        few = f" Fewer than {FEW} rows: look at them, do not count them."
        return (
            f"{condition}: {row['rows']:,.0f} rows ({row['share']:.0%}), "
            f"{measure} {row['mean']:.3g} ({row['low']:.3g} to {row['high']:.3g}), "
            f"all rows {mean:.3g}; size x mean {row['size x mean']:.3g}."
            + (few if row["rows"] < FEW else "")
        )

    def _ipython_display_(self, **_: Any) -> None:
        self.view()._ipython_display_()

    def view(self) -> View:
        """Make the interactive view: menus, a condition to edit, picture, examples and tags.

        Returns
        -------
        helpers.course.views.view.View
        """
        import ipywidgets as w

        look = {"style": {"description_width": "90px"}, "layout": w.Layout(width="460px")}
        measure = w.Dropdown(options=list(self.measures), description="measure", **look)
        column = w.Dropdown(options=self.columns, description="column", **look)
        slices = w.Dropdown(options=self.conditions(self.columns[0]), description="slice", **look)
        condition = w.Text(
            value=slices.value, description="condition", continuous_update=False, **look
        )
        row = w.Dropdown(options=[], description="row", **look)
        tag = w.Combobox(placeholder="what do you see?", description="tag", **look)
        put, remove = w.Button(description="put the tag"), w.Button(description="remove its tags")
        picture, words, examples, tags = w.HTML(), w.HTML(), w.HTML(), w.HTML()
        busy = []  # while one control sets another

        def redraw(_: object = None) -> None:
            if busy:
                return
            state = (condition.value, measure.value)
            try:
                said, shown = self.describe(*state), self.examples(*state)
            except ValueError as error:
                words.value = f"<p role='alert'>{html.escape(str(error))}</p>"
                return
            ax = self.plot(column.value, measure.value, condition.value)
            picture.value = image(png(ax.figure), said)
            words.value = f"<p aria-live='polite'>{html.escape(said)}</p>"
            examples.value = shown.to_html(float_format=_told, border=0)
            row.options = list(shown.index)
            count()

        def count() -> None:
            found = self.tags(measure.value)
            tag.options = list(found.index)
            tags.value = found.to_html(float_format=_told, border=0) if len(found) else ""

        def other_column(_: object) -> None:
            busy.append(True)
            slices.options = self.conditions(column.value)
            condition.value = slices.value
            busy.clear()
            redraw()

        def other_slice(change: Mapping[str, Any]) -> None:
            if not busy and change["new"]:
                condition.value = change["new"]

        def put_tag(_: object) -> None:
            if row.value is not None and tag.value.strip():
                self.tag(row.value, tag.value)
                count()

        def remove_tags(_: object) -> None:
            self.untag(row.value)
            count()

        column.observe(other_column, "value")
        slices.observe(other_slice, "value")
        condition.observe(redraw, "value")
        measure.observe(redraw, "value")
        put.on_click(put_tag)
        remove.on_click(remove_tags)
        redraw()
        choose = w.VBox([measure, column, slices, condition])
        note = w.VBox([row, tag, w.HBox([put, remove]), tags])
        box = w.VBox([choose, picture, words, examples, note])
        first = (condition.value, measure.value)
        drawn = self.plot(column.value, measure.value, condition.value)
        return View(box, png(drawn.figure), self.describe(*first))

    def _measure(self, name: str | None) -> np.ndarray:
        name = next(iter(self.measures)) if name is None else name
        if name not in self.measures:
            raise ValueError(f"measure is {name!r}; expected one of {list(self.measures)}")
        return self.measures[name]

    def _rows(self, condition: str) -> np.ndarray:
        try:
            found = self.frame.eval(condition, engine="python")
        except Exception as error:  # whatever a learner writes: the parser raises many kinds
            found, why = None, f" ({type(error).__name__}: {error})"
        else:
            why = ""
        if not isinstance(found, pd.Series) or found.dtype != bool:
            raise ValueError(
                f"condition {condition!r} cannot be read{why}; expected something such as "
                f"{self.columns[0]} == 'value' or amount > 1000 and age < 30"
            )
        return found.to_numpy()


def _short(condition: str) -> str:
    return condition if len(condition) <= 44 else condition[:43] + "…"


def _told(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"
