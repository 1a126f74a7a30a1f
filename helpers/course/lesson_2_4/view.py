"""Choose the columns of an application form: what each one earns, and what asking for it costs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import style
from helpers.base.stats import auc
from helpers.course.views import Explorer, subplots


class Source(NamedTuple):
    """Where columns come from; its price is paid once, for one column or for all."""

    columns: tuple[str, ...]
    gives_up: float = 0.0  # share of the applicants who leave the form because of it
    fee: float = 0.0  # euro a request
    ms: int = 0  # milliseconds; requests are made one after the other


SOURCES = {
    "the loan itself": Source(("amount", "term_months")),
    "own records": Source(("channel",)),
    "identity check": Source(("age", "region", "sex")),
    "question: purpose": Source(("purpose",), 0.003),
    "question: employment": Source(("employment",), 0.004),
    "question: years employed": Source(("years_employed",), 0.010),
    "payslip upload": Source(("income",), 0.022),
    "account access": Source(("account_income",), 0.008, 0.30, 160),
    "credit bureau": Source(("late_payments", "credit_history_years"), 0.0, 0.90, 140),
    "card registry": Source(("utilization",), 0.0, 0.60, 110),
}
CANDIDATES = [name for source in SOURCES.values() for name in source.columns]
FORBIDDEN = ("sex",)  # by law, whatever it earns
MOST_MS = 300
_TEXTS = ("channel", "region", "sex", "purpose", "employment")
_NO_CAUSES = ("region", "sex", "account_income")


def price(columns: Iterable[str]) -> tuple[float, float, int]:
    """Return what columns cost together: share who give up, euro a request, milliseconds.

    Examples
    --------
    >>> price(["late_payments", "credit_history_years"])
    (0.0, 0.9, 140)
    """
    wanted = set(columns)
    asked = [source for source in SOURCES.values() if wanted & set(source.columns)]
    gives_up, fee = sum(s.gives_up for s in asked), sum(s.fee for s in asked)
    return float(gives_up), float(fee), sum(s.ms for s in asked)


class Form:
    """The form in one world: fitted on the spring of 2025, its money counted exactly in 2027.

    Parameters
    ----------
    seed : int, default 2025
        The world's seed.
    """

    def __init__(self, seed: int = 2025) -> None:
        lender, rng = world.World(seed), np.random.default_rng([seed, 24])
        train, test = (lender.applications((f"{y}-03", f"{y}-05")) for y in (2025, 2027))
        X, Z = (_numbers(frame, train, rng) for frame in (train, test))
        self._X, self._Z = (X - X.mean()) / X.std(), (Z - X.mean()) / X.std()
        self._label, self._test = train["defaulted"], test
        self._expected = lender.expected_profit(test)
        self._risk = cache(self._fit)

    def euro(self, columns: Iterable[str]) -> float:
        """Return what a model with these columns earns an application, before any price."""
        granted = world.profit(self._test, self._risk(frozenset(columns))) > 0
        return float(np.mean(self._expected * granted))

    def net(self, columns: Iterable[str]) -> float:
        """Return what is left of it for each person who starts the form."""
        gives_up, fee, _ = price(columns := frozenset(columns))
        return (1 - gives_up) * (self.euro(columns) - fee)

    def auc(self, columns: Iterable[str]) -> float:
        """Return the area under the ROC curve in 2027."""
        return float(auc(self._test["defaulted"], self._risk(frozenset(columns)))[0][0])

    def _fit(self, columns: frozenset[str]) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        if not columns:
            return np.full(len(self._test), self._label.mean())
        X, Z = (frame[sorted(columns)].to_numpy() for frame in (self._X, self._Z))
        model = LogisticRegression(solver="newton-cholesky").fit(X, self._label)
        return model.predict_proba(Z)[:, 1]


form = cache(Form)  # one form for each seed


def _numbers(frame: pd.DataFrame, train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one number for each column, as the lesson's `prepare` does."""
    read = frame["income"] * np.exp(0.05 * rng.standard_normal(len(frame)))
    frame = frame.assign(account_income=read)
    result = np.log1p(frame[[name for name in CANDIDATES if name not in _TEXTS]])
    for name in _TEXTS:
        result[name] = frame[name].map(train.groupby(name)["defaulted"].mean())
    return result.fillna(np.log1p(train["utilization"]).mean())  # no other column has gaps


class FormLab(Explorer):
    """Tick columns; see what each one is worth now, after its price, in the form as it is."""

    def worth(self, columns: Iterable[str]) -> pd.Series:
        """Return the net euro that each column brings now: in the form, or added to it."""
        chosen, net = set(columns), form(2025).net
        return pd.Series({c: net(chosen | {c}) - net(chosen - {c}) for c in CANDIDATES})

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"indent": False, "layout": w.Layout(width="178px")}
        first = set(CANDIDATES) - {"sex", "account_income"}
        ticks = {c: w.Checkbox(value=c in first, description=c, **look) for c in CANDIDATES}
        return ticks | {"truth": w.Checkbox(value=False, description="show the causes", **look)}

    def describe(self, truth: bool, **ticked: bool) -> str:
        columns, here = [name for name, chosen in ticked.items() if chosen], form(2025)
        gives_up, fee, ms = price(columns)
        late = f", over the limit of {MOST_MS}" if ms > MOST_MS else ""
        refused = [name for name in columns if name in FORBIDDEN]
        return (
            f"{len(columns)} columns: AUC {here.auc(columns):.3f}, {here.euro(columns):.0f} euro "
            f"before and {here.net(columns):.0f} after prices ({gives_up:.1%} give up, {fee:.2f} "
            f"euro of fees); {ms} ms{late}."
        ) + (f" Not allowed: {', '.join(refused)}." if refused else "")

    def plot(self, truth: bool, ax: Any = None, **ticked: bool) -> Any:
        ax = subplots(ax, (7.4, 4.6))
        worth = self.worth(name for name, chosen in ticked.items() if chosen)[::-1]
        colours = [style.BLUE if ticked[name] else style.ORANGE for name in worth.index]
        bars = ax.barh(range(len(worth)), worth, color=colours)
        ax.bar_label(bars, [f"{value:+.1f}".replace("-0.0", "0.0") for value in worth], padding=4)
        marks = ["● " if truth and name not in _NO_CAUSES else "" for name in worth.index]
        names = [mark + name for mark, name in zip(marks, worth.index, strict=True)]
        ax.set_yticks(range(len(worth)), names)
        ax.axvline(0, color=style.GREY, lw=1)
        ax.margins(x=0.14)
        ax.set_xlabel("net euro an application that the column brings now")
        title = "blue: in the form; orange: what adding it would bring"
        ax.set_title(title + ("; ●: a cause" if truth else ""), fontsize=11)
        return ax
