"""Choose the columns of an application form: what each one earns, and what asking for it costs."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import style
from helpers.base.stats import auc
from helpers.course.views import Explorer, View, subplots


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
ACCOUNT_ERROR = 0.05  # standard deviation of the logarithm
_TEXTS = ("channel", "region", "sex", "purpose", "employment")
_CAUSES = {
    name for name in CANDIDATES
    if name in world.COLUMNS and "not a cause" not in world.COLUMNS[name].meaning
}  # fmt: skip


def catalogue() -> pd.DataFrame:
    """Return what each column's source asks for, one row for each column."""
    rows = {
        column: {
            "source": name,
            "gives up (%)": 100 * source.gives_up,
            "fee (euro)": source.fee,
            "ms": source.ms,
            "may be used": "no" if column in FORBIDDEN else "yes",
        }
        for name, source in SOURCES.items()
        for column in source.columns
    }
    return pd.DataFrame.from_dict(rows, orient="index")


def price(columns: Iterable[str]) -> tuple[float, float, int]:
    """Return what columns cost together: share who give up, euro a request, milliseconds.

    Examples
    --------
    >>> price(["late_payments", "credit_history_years"])
    (0.0, 0.9, 140)
    """
    wanted = set(columns)
    asked = [source for source in SOURCES.values() if wanted & set(source.columns)]
    gives_up = sum(source.gives_up for source in asked)
    return gives_up, sum(source.fee for source in asked), sum(source.ms for source in asked)


class Form:
    """The form of one world: fitted on the spring of 2025, its money counted exactly in 2027.

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
        self._risk = lru_cache(maxsize=4_000)(self._fit)

    def euro(self, columns: Iterable[str]) -> float:
        """Return what a model with these columns earns an application, before any price."""
        granted = world.profit(self._test, self._risk(_key(columns))) > 0
        return float(np.mean(self._expected * granted))

    def net(self, columns: Iterable[str]) -> float:
        """Return what is left of it for each person who starts the form."""
        gives_up, fee, _ = price(columns := _key(columns))
        return (1 - gives_up) * (self.euro(columns) - fee)

    def auc(self, columns: Iterable[str]) -> float:
        """Return the area under the ROC curve in 2027."""
        return float(auc(self._test["defaulted"], self._risk(_key(columns)))[0][0])

    def _fit(self, columns: tuple[str, ...]) -> np.ndarray:
        from sklearn.linear_model import LogisticRegression

        if not columns:
            return np.full(len(self._test), self._label.mean())
        X, Z = (frame[list(columns)].to_numpy() for frame in (self._X, self._Z))
        linear = LogisticRegression(solver="newton-cholesky").fit(X, self._label)
        return linear.predict_proba(Z)[:, 1]


@cache
def form(seed: int) -> Form:
    """Return the form of a world, made once."""
    return Form(seed)


def _key(columns: Iterable[str]) -> tuple[str, ...]:
    wanted = set(columns)
    return tuple(name for name in CANDIDATES if name in wanted)


def _numbers(frame: pd.DataFrame, train: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return one number for each column: logarithms, and default rates of texts in training."""
    noise = np.exp(ACCOUNT_ERROR * rng.standard_normal(len(frame)))
    frame = frame.assign(account_income=frame["income"] * noise)
    plain = [name for name in CANDIDATES if name not in _TEXTS]
    result = np.log1p(frame[plain])
    for name in _TEXTS:
        result[name] = frame[name].map(train.groupby(name)["defaulted"].mean())
    return result.fillna(np.log1p(train["utilization"]).mean())  # no other column has gaps


class FormLab(Explorer):
    """Tick columns; see what each one is worth now, after its price, in the form as it is.

    Parameters
    ----------
    seed : int, default 2025
        The world's seed.
    """

    def __init__(self, seed: int = 2025) -> None:
        self.form = form(seed)

    def worth(self, columns: Iterable[str]) -> pd.Series:
        """Return the net euro that each column brings: those in the form by leaving it out."""
        chosen = set(columns)
        net = self.form.net
        return pd.Series({c: net(chosen | {c}) - net(chosen - {c}) for c in CANDIDATES})

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"indent": False, "layout": w.Layout(width="178px")}
        first = set(CANDIDATES) - {"sex"}
        ticks = {c: w.Checkbox(value=c in first, description=c, **look) for c in CANDIDATES}
        return ticks | {"truth": w.Checkbox(value=False, description="show the causes", **look)}

    def describe(self, truth: bool, **ticked: bool) -> str:
        columns = [name for name, chosen in ticked.items() if chosen]
        gives_up, fee, ms = price(columns)
        refused = [name for name in columns if name in FORBIDDEN]
        text = (
            f"{len(columns)} columns: AUC {self.form.auc(columns):.3f}, "
            f"{self.form.euro(columns):.0f} euro before and {self.form.net(columns):.0f} after "
            f"prices ({gives_up:.1%} give up, {fee:.2f} euro of fees); {ms} ms"
        )
        text += f", over the limit of {MOST_MS}." if ms > MOST_MS else "."
        return text + (f" Not allowed: {', '.join(refused)}." if refused else "")

    def plot(self, truth: bool, ax: Any = None, **ticked: bool) -> Any:
        ax = subplots(ax, (7.4, 4.6))
        worth = self.worth(name for name, chosen in ticked.items() if chosen)[::-1]
        colours = [style.BLUE if ticked[name] else style.ORANGE for name in worth.index]
        ax.barh(range(len(worth)), worth, color=colours)
        marked = [f"{'● ' if truth and name in _CAUSES else ''}{name}" for name in worth.index]
        ax.set_yticks(range(len(worth)), marked)
        for at, value in enumerate(worth):
            where, side = (4, "left") if value >= 0 else (-4, "right")
            ax.annotate(
                f"{value:+.1f}", (value, at), (where, 0), textcoords="offset points", ha=side,
                va="center", fontsize=9,
            )  # fmt: skip
        ax.margins(x=0.12)
        ax.axvline(0, color=style.GREY, lw=1)
        ax.set_xlabel("net euro an application that the column brings now")
        ax.set_title("blue: in the form; orange: what adding it would bring")
        return ax

    def layout(self, view: View) -> list[Any]:
        import ipywidgets as w

        ticks = w.HBox(list(view.controls.values()), layout=w.Layout(flex_flow="row wrap"))
        return [ticks, view.screen, view.words]
