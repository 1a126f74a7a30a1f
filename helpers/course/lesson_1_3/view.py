"""Spend a budget of checks on a loan book with wrong labels, and see what it finds and earns."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import style
from helpers.course.views import Explorer, subplots

NONE = "no label is wrong"
FAULTS = {
    NONE: {},
    "defaults of the partner booked as paid": {(1, 0): 0.3},
    "paid loans of the partner booked as defaults": {(0, 1): 0.05},
    "slips everywhere, both ways": {(1, 0): 0.05, (0, 1): 0.05},
}
CHOICES = ("by lot", "the most surprising", "the partner's 'paid', most surprising")
CHECKS = (0, 100, 200, 500, 1_000, 1_700, 3_000)
THEN = ("corrected", "deleted")


class CheckLab(Explorer):
    """Choose what is wrong with the labels, who is checked, how many, and what happens then.

    Parameters
    ----------
    model : sklearn.pipeline.Pipeline
        Preparation and a classifier, fitted. The preparation is kept; only the labels change.
    book, test : pandas.DataFrame
        Loans to learn from, with their true outcomes; and to earn with.
    lender : helpers.world.World
        Knows what a granted loan earns.
    """

    def __init__(
        self, model: Any, book: pd.DataFrame, test: pd.DataFrame, lender: world.World
    ) -> None:
        from sklearn.model_selection import cross_val_predict

        prepare, classifier = model[:-1], model[-1]
        self.book, self.test, self.classifier = book, test, classifier
        self._X, self._X_test = prepare.transform(book), prepare.transform(test)
        self._worth = lender.expected_profit(test)
        self._lot = np.random.default_rng(13).permutation(len(book))

        @cache
        def written(fault: str) -> tuple[np.ndarray, np.ndarray]:
            """Return the labels as they are written, and how surprising each is to the model."""
            habits = {"clerk": world.habit(FAULTS[fault], classes=[0, 1])}
            where = "partner" not in fault or book["channel"] == "partner"
            label = world.clerks(book["defaulted"], habits, where=where)["clerk"].to_numpy()
            out = cross_val_predict(classifier, self._X, label, cv=5, method="predict_proba")
            return label, 1 - out[np.arange(len(label)), label]

        self._written = written
        self.outcome = cache(self._outcome)

    def _outcome(self, fault: str, who: str, checks: int, then: str) -> pd.Series:
        """Return what a state finds, and the euro that an application then earns.

        Parameters
        ----------
        fault, who, then : str
            A key of ``FAULTS``, one of ``CHOICES`` and of ``THEN``.
        checks : int
            Loans that are checked; fewer where there are not so many to choose from.

        Returns
        -------
        pandas.Series
            ``errors`` in the book, ``checked``, ``wrong`` among them, euro ``before`` and
            ``after``, and with all labels ``right``.
        """
        true = self.book["defaulted"].to_numpy()
        label, surprise = self._written(fault)
        rows = self._lot if who == "by lot" else np.argsort(-surprise, kind="stable")
        if who == CHOICES[2]:
            rows = rows[((self.book["channel"] == "partner") & (label == 0)).to_numpy()[rows]]
        rows = rows[:checks]
        wrong = label[rows] != true[rows]
        mended, kept = label.copy(), np.ones(len(label), bool)
        mended[rows], kept[rows] = true[rows], then == "corrected"
        euro = self._earned(label), self._earned(mended, kept), self._earned(true)
        return pd.Series(
            {"errors": (label != true).sum(), "checked": len(rows), "wrong": wrong.sum()}
            | dict(zip(("before", "after", "right"), euro, strict=True))
        )

    def _earned(self, label: np.ndarray, kept: np.ndarray | slice = slice(None)) -> float:
        from sklearn.base import clone

        fitted = clone(self.classifier).fit(self._X[kept], label[kept])
        granted = world.profit(self.test, fitted.predict_proba(self._X_test)[:, 1]) > 0
        return float(np.mean(self._worth * granted))

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look: dict[str, Any] = {"style": {"description_width": "90px"}}
        wide = look | {"layout": w.Layout(width="460px")}
        checks = [(f"{number:,} loans", number) for number in CHECKS]
        return {
            "fault": w.Dropdown(
                options=list(FAULTS), value=list(FAULTS)[1], description="the fault", **wide
            ),
            "who": w.Dropdown(options=CHOICES, value=CHOICES[1], description="checked are", **wide),
            "checks": w.SelectionSlider(options=checks, value=200, description="checks", **wide),
            "then": w.ToggleButtons(options=THEN, description="then", **look),
        }

    def describe(self, fault: str, who: str, checks: int, then: str) -> str:
        found = self.outcome(fault, who, checks, then)
        return (
            f"{fault}, {found['errors']:,.0f} in all; checked {found['checked']:,.0f} ({who}): "
            f"{found['wrong']:,.0f} were wrong. All that were checked are "
            f"{'right now' if then == 'corrected' else 'deleted'}: {found['after']:.0f} euro an "
            f"application, {found['before']:.0f} before, {found['right']:.0f} with right labels."
        )

    def plot(self, fault: str, who: str, checks: int, then: str, ax: Any = None) -> Any:
        found = self.outcome(fault, who, checks, then)
        left, right = axes = subplots(ax, (7.6, 2.9), ncols=2)
        bars = {
            "wrong, not checked": (found["errors"] - found["wrong"], style.RED, 0.5),
            "wrong, found": (found["wrong"], style.RED, 1),
            "right, checked": (found["checked"] - found["wrong"], style.BLUE, 1),
        }
        for name, (count, colour, alpha) in bars.items():
            left.barh(name, count, color=colour, alpha=alpha)
            left.annotate(f" {count:,.0f}", (count, name), va="center", fontsize=10)
        left.margins(x=0.3)
        left.set(xlabel="loans", title="What the checks find")
        names = ["as written", "after the checks", "all labels right"]
        euro = found[["before", "after", "right"]].to_numpy(float)
        right.plot(euro, names, "o", color=style.BLACK, markersize=8)
        for value, name in zip(euro, names, strict=True):
            right.annotate(f"{value:.0f}", (value, name), (0, 8), textcoords="offset points",
                           ha="center", fontsize=10)  # fmt: skip
        low = min(euro.min(), euro.max() - 16)
        right.set(xlim=(low - 4, euro.max() + 4), ylim=(-0.5, 2.7))
        right.set(xlabel="euro an application", title="What the model then earns")
        return axes
