"""Cut a test set into slices; see what a model with the right probabilities would show in each."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm, rankdata

from helpers.base import style
from helpers.course.views import Explorer, subplots

COLUMNS = ("purpose", "region", "employment", "channel", "sex")
MEASURES = {"AUC": "area under the ROC curve", "level": "stated risk less defaults"}
ROWS = (1_000, 2_000, 4_000, 8_000, 24_000)
FEWEST, DRAWS, SHOWN = 100, 400, 24


class SliceLab(Explorer):
    """Slices of a test set, beside what chance alone makes of them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications with their outcome, in random order or in that of their arrival.
    scores : dict of str to numpy.ndarray
        Models by name, each with the probabilities that it states.
    """

    def __init__(self, frame: pd.DataFrame, scores: dict[str, np.ndarray]) -> None:
        self.frame, self.scores = frame.reset_index(drop=True), scores

    def table(self, model: str, first: str, second: str, rows: int, measure: str) -> pd.DataFrame:
        """Return a row for each slice, the lowest first.

        ``value`` is what was measured; ``expected``, ``low`` and ``high`` are the mean and the
        middle 95 % of what it would be if the model's probabilities were right; ``wrong`` is beyond
        chance, corrected for the number of slices.
        """
        key = (model, first, second, rows, measure)
        if key not in self._tables:
            self._tables[key] = self._measure(*key)
        return self._tables[key][0]

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "80px"}}
        return {
            "model": w.Dropdown(options=list(self.scores), description="model", **look),
            "first": w.Dropdown(options=COLUMNS, description="slice by", **look),
            "second": w.Dropdown(
                options=["nothing", *COLUMNS], value="region", description="crossed with", **look
            ),
            "rows": w.SelectionSlider(
                options=[(f"{n:,}", n) for n in ROWS], value=2_000, description="rows", **look
            ),
            "measure": w.ToggleButtons(options=list(MEASURES), description="measure", **look),
        }

    def describe(self, **state: Any) -> str:
        table, worst, failing = self.table(**state), *self._tables[tuple(state.values())][1:]
        if table.empty:
            return f"No slice has {FEWEST} rows."
        gate, end = ("below 0.70", -1) if state["measure"] == "AUC" else ("over 0.02 off", None)
        fails = (table["value"] < 0.7) if end else (table["value"].abs() > 0.02)
        extreme = table["value"].idxmin() if end else table["value"].abs().idxmax()
        wrong = ", ".join(table.index[table["wrong"]]) or "none"
        return (
            f"{len(table)} slices with at least {FEWEST} rows. {gate.capitalize()}: {fails.sum()}; "
            f"a model whose probabilities are right shows {failing[0]:.0f} to {failing[1]:.0f}. "
            f"Worst: {extreme}, {table.loc[extreme, 'value']:.2f}; the worst of a right model is "
            f"{worst[0]:.2f} to {worst[1]:.2f}. Beyond chance: {wrong}."
        )

    def plot(self, ax: Any = None, **state: Any) -> Any:
        table = self.table(**state)
        shown = table.loc[table["value"].abs().sort_values().index[-SHOWN:]].sort_values("value")
        if state["measure"] == "AUC":
            shown = table.head(SHOWN)
        ax = subplots(ax, (7.6, 1.3 + 0.2 * max(len(shown), 2)))
        at = np.arange(len(shown))[::-1]
        ax.hlines(at, shown["low"], shown["high"], color="0.8", lw=7, label="95 % by chance")
        for wrong, color, what in ((False, style.BLUE, "measured"), (True, style.RED, "wrong")):
            pick = (shown["wrong"] == wrong).to_numpy()
            ax.plot(shown["value"][pick], at[pick], "Ds"[wrong], color=color, ms=5, label=what)
        ax.axvline(0.7 if state["measure"] == "AUC" else 0, color=style.BLACK, ls=":", lw=1)
        ax.set_yticks(at, [f"{name} ({n:,})" for name, n in shown["rows"].items()], fontsize=9)
        more = f": {len(shown)} of {len(table)} slices" if len(shown) < len(table) else ""
        ax.set(xlabel=MEASURES[state["measure"]], title=f"{state['model']}{more}")
        ax.legend(loc="lower right", bbox_to_anchor=(1.01, 1), ncols=3, borderpad=0)
        return ax

    @cached_property
    def _tables(self) -> dict[tuple, tuple]:
        return {}

    def _measure(self, model: str, first: str, second: str, rows: int, measure: str) -> tuple:
        frame, p = self.frame.head(rows), self.scores[model][:rows]
        label, rng, found = frame["defaulted"].to_numpy(), np.random.default_rng(0), {}
        for key, group in frame.groupby(
            [first] if second in ("nothing", first) else [first, second]
        ):
            if len(group) < FEWEST:
                continue
            q, y = p[group.index], label[group.index]
            drawn = np.vstack([y, rng.random((DRAWS, len(q))) < q]).astype(float)
            positive = drawn.sum(axis=1)
            if measure == "AUC":
                pairs = np.where((positive == 0) | (positive == len(q)), np.nan, positive)
                pairs = pairs * (len(q) - positive)
                values = (drawn @ rankdata(q) - positive * (positive + 1) / 2) / pairs
            else:
                values = q.mean() - positive / len(q)
            found[" x ".join(key)] = (len(q), values)
        values = np.array([value for _, value in found.values()]).reshape(len(found), DRAWS + 1)
        chance = values[:, 1:]
        table = pd.DataFrame({"rows": [n for n, _ in found.values()], "value": values[:, 0]})
        table["expected"] = np.nanmean(chance, axis=1)
        table["low"], table["high"] = np.nanquantile(chance, (0.025, 0.975), axis=1)
        z = (table["value"] - table["expected"]) / np.nanstd(chance, axis=1)
        table["wrong"] = z.abs() > norm.isf(0.025 / max(len(found), 1))
        off = chance < 0.7 if measure == "AUC" else np.abs(chance) > 0.02
        worst = np.nanmin(chance, axis=0) if measure == "AUC" else np.nanmax(np.abs(chance), axis=0)
        limits = (np.quantile(one, (0.025, 0.975)) for one in (worst, off.sum(axis=0)))
        table.index = pd.Index(list(found), name="slice")
        return table.sort_values("value"), *limits
