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
GATES = {"AUC": 0.70, "level": 0.02}  # a lower area fails, and a level that is further off
ROWS = (1_000, 2_000, 4_000, 8_000, 24_000)
FEWEST, DRAWS, SHOWN = 100, 400, 24


class SliceLab(Explorer):
    """Slices of a test set, beside what chance alone makes of them.

    Parameters
    ----------
    frame : pandas.DataFrame
        Applications with their outcome, in the order of their arrival.
    scores : dict of str to numpy.ndarray
        Models by name, each with the probabilities that it states.
    """

    def __init__(self, frame: pd.DataFrame, scores: dict[str, np.ndarray]) -> None:
        self.frame, self.scores = frame.reset_index(drop=True), scores

    def measure(self, model: str, first: str, second: str, rows: int, measure: str) -> tuple:
        """Return what was measured in each slice, and what it would be if the model were right.

        Returns
        -------
        table : pandas.DataFrame
            A row for each slice, the worst first: ``value``; ``low`` and ``high``, the middle 95 %
            of what it would be; ``wrong``, beyond chance, corrected for the number of slices.
        failing, worst : numpy.ndarray
            The same 95 % for the number of slices that fail the gate, and for the worst of them.
        """
        key = (model, first, second, rows, measure)
        if key not in self._measured:
            self._measured[key] = self._measure(*key)
        return self._measured[key]

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "90px"}}
        crossed, rows = ["nothing", *COLUMNS], [(f"{n:,}", n) for n in ROWS]
        return {
            "model": w.Dropdown(options=list(self.scores), description="model", **look),
            "first": w.Dropdown(options=COLUMNS, description="slice by", **look),
            "second": w.Dropdown(
                options=crossed, value="region", description="crossed with", **look
            ),
            "rows": w.SelectionSlider(options=rows, value=2_000, description="rows", **look),
            "measure": w.ToggleButtons(options=list(GATES), description="measure", **look),
        }

    def describe(self, **state: Any) -> str:
        table, failing, worst = self.measure(**state)
        if table.empty:
            return f"No slice has {FEWEST} rows."
        values, name = table["value"], table.index[0]
        auc = state["measure"] == "AUC"
        count = (values < GATES["AUC"]).sum() if auc else (values.abs() > GATES["level"]).sum()
        form = ".3f" if auc else "+.3f"
        return (
            f"{len(table)} slices with at least {FEWEST} rows. "
            f"{'Below 0.70' if auc else 'More than 0.02 off'}: {count}; a model whose "
            f"probabilities are right shows {failing[0]:.0f} to {failing[1]:.0f}. Worst: {name}, "
            f"{values[name]:{form}}; the worst of a right model: {worst[0]:.3f} to {worst[1]:.3f}"
            f"{'' if auc else ' in either direction'}. "
            f"Beyond chance: {', '.join(table.index[table['wrong']]) or 'none'}."
        )

    def plot(self, ax: Any = None, **state: Any) -> Any:
        table = self.measure(**state)[0]
        shown, auc = table.head(SHOWN), state["measure"] == "AUC"
        ax = subplots(ax, (7.6, 1.6 + 0.2 * max(len(shown), 2)))
        at = np.arange(len(shown))[::-1]
        ax.hlines(at, shown["low"], shown["high"], color="0.8", lw=7, label="95 % by chance")
        for wrong, color, what in (
            (False, style.BLUE, "measured"),
            (True, style.RED, "beyond chance"),
        ):
            pick = (shown["wrong"] == wrong).to_numpy()
            ax.plot(shown["value"][pick], at[pick], "Ds"[wrong], color=color, ms=5, label=what)
        ax.axvline(GATES["AUC"] if auc else 0, color=style.BLACK, ls=":", lw=1)
        ax.set_yticks(at, [f"{name} ({n:,})" for name, n in shown["rows"].items()], fontsize=9)
        more = f", the worst {SHOWN} of {len(table)}" if len(shown) < len(table) else ""
        label = "area under the ROC curve" if auc else "stated risk minus share of defaults"
        ax.set_title(f"{state['model']}{more}", pad=24)
        ax.set_xlabel(label)
        ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=3, borderpad=0.2)
        return ax

    @cached_property
    def _measured(self) -> dict[tuple, tuple]:
        return {}

    def _measure(self, model: str, first: str, second: str, rows: int, measure: str) -> tuple:
        frame, p = self.frame.head(rows), self.scores[model][:rows]
        label, rng = frame["defaulted"].to_numpy(), np.random.default_rng(0)
        by, sizes, found = [first] if second in ("nothing", first) else [first, second], {}, []
        for key, group in frame.groupby(by):
            if (n := len(group)) < FEWEST:
                continue
            q, sizes[" x ".join(key)] = p[group.index], n
            drawn = np.vstack([label[group.index], rng.random((DRAWS, n)) < q]).astype(float)
            bad = drawn.sum(axis=1)
            if measure == "AUC":
                pairs = np.where((bad > 0) & (bad < n), bad * (n - bad), np.nan)
                found.append((drawn @ rankdata(q) - bad * (bad + 1) / 2) / pairs)
            else:
                found.append(q.mean() - bad / n)
        values = np.array(found).reshape(len(sizes), DRAWS + 1)
        table = pd.DataFrame({"rows": sizes, "value": dict(zip(sizes, values[:, 0], strict=True))})
        if table.empty:
            return table.assign(low=0.0, high=0.0, wrong=False), None, None
        chance = values[:, 1:]
        table["low"], table["high"] = np.nanquantile(chance, (0.025, 0.975), axis=1)
        z = (values[:, 0] - np.nanmean(chance, axis=1)) / np.nanstd(chance, axis=1)
        table["wrong"] = np.abs(z) > norm.isf(0.025 / len(table))
        if measure == "AUC":
            fails, worst = chance < GATES["AUC"], np.nanmin(chance, axis=0)
            table = table.sort_values("value")
        else:
            fails, worst = np.abs(chance) > GATES["level"], np.abs(chance).max(axis=0)
            table = table.sort_values("value", key=np.abs, ascending=False)
        limits = [np.quantile(one, (0.025, 0.975)) for one in (fails.sum(axis=0), worst)]
        return table, *limits
