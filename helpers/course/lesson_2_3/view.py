"""Change how one column is written, on one side or on both, and see decisions and euro."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from helpers import world
from helpers.course.views import Explorer, subplots

FILLS = {"the training mean": None, "0": 0.0, "-1": -1.0, "-9999": -9999.0}
ORDERS = ("by frequency, new words last", "by frequency, new words first", "by the alphabet")
EDGES = {"belongs to the upper bucket": "right", "belongs to the lower bucket": "left"}
STATISTICS = {"the training rows": None, "100 rows of the batch": 100, "the request alone": 1}
LOGS = ["income", "amount", "late_payments", "years_employed", "credit_history_years"]
LOGS += ["term_months"]
TEXTS = ["employment", "purpose", "channel"]
_TRAINED = (next(iter(FILLS)), ORDERS[0], next(iter(EDGES)), next(iter(STATISTICS)))


class TwoSides(Explorer):
    """A model trained on one way of writing the features, and served with another.

    Parameters
    ----------
    seed : int, default 2025
        The world's seed.
    n : int, default 2000
        Applications in each of five months of training and of testing.
    """

    def __init__(self, seed: int = 2025, n: int = 2_000) -> None:
        home = world.World(seed=seed)
        self.train = home.applications(("2024-01", "2024-05"), n)
        self.test = home.applications(("2025-01", "2025-05"), n)
        self.truth = home.expected_profit(self.test)
        model = LogisticRegression(solver="newton-cholesky")
        self.model = model.fit(self._matrix(self.train, *_TRAINED), self.train["defaulted"])
        self.risk = cache(self._risk)

    def controls(self) -> dict[str, Any]:
        import ipywidgets as w

        look = {"style": {"description_width": "150px"}, "layout": w.Layout(width="480px")}
        return {
            "fill": w.Dropdown(options=list(FILLS), description="missing utilization", **look),
            "order": w.Dropdown(
                options=ORDERS, value=ORDERS[1], description="ids of words", **look
            ),
            "edge": w.Dropdown(options=list(EDGES), description="age on an edge", **look),
            "of": w.Dropdown(options=list(STATISTICS), description="statistics of", **look),
        }

    def compare(self, **state: str) -> dict[str, float]:
        """Return rows and decisions that differ from training's features, and the euro lost."""
        first, second = self.risk(*_TRAINED), self.risk(*state.values())
        yes, now = (world.profit(self.test, risk) > 0 for risk in (first, second))
        return {
            "rows": int((abs(first - second) > 1e-6).sum()),
            "decisions": int((yes != now).sum()),
            "euro": float((self.truth * (now * 1 - yes)).mean()),
        }

    def describe(self, **state: str) -> str:
        found = self.compare(**state)
        return (
            f"Of {len(self.test):,} applications {found['rows']:,} get another risk and "
            f"{found['decisions']:,} another decision than with the features of training: "
            f"{found['euro']:+.1f} euro an application."
        )

    def plot(self, ax: Any = None, **state: str) -> Any:
        ax = subplots(ax, (6.2, 4))
        first, second = (100 * self.risk(*one) for one in (_TRAINED, tuple(state.values())))
        yes, now = (world.profit(self.test, risk / 100) > 0 for risk in (first, second))
        same = yes == now
        ax.plot([0, 100], [0, 100], color="0.6", lw=1, zorder=0)
        ax.scatter(first[same], second[same], s=4, color="0.6", label="same decision")
        ax.scatter(first[~same], second[~same], s=6, color="C1", label="another decision")
        ax.set(xlabel="risk with the features of training (%)", ylabel="risk as served (%)")
        ax.set(xlim=(0, 100), ylim=(0, 100))
        ax.legend(loc="upper left", markerscale=3)
        return ax

    def _risk(self, *how: str) -> np.ndarray:
        return self.model.predict_proba(self._matrix(self.test, *how))[:, 1]

    def _matrix(self, frame: pd.DataFrame, fill: str, order: str, edge: str, of: str) -> np.ndarray:
        train = self.train
        used = train["utilization"]
        gap = used.mean() if FILLS[fill] is None else FILLS[fill]
        scaled = (frame["utilization"].fillna(gap) - used.mean()) / used.std(ddof=0)
        columns = [scaled, frame["utilization"].isna()]
        logs, size = np.log1p(frame[LOGS]), STATISTICS[of]
        if size is None:
            known = np.log1p(train[LOGS])
            logs = (logs - known.mean()) / known.std(ddof=0)
        elif size == 1:
            logs = logs * 0
        else:
            batches = logs.groupby(np.arange(len(logs)) // size)
            logs = (logs - batches.transform("mean")) / batches.transform("std")
        columns += [logs[name] for name in LOGS]
        edges = train["age"].quantile(np.arange(1, 6) / 6)
        bucket = np.searchsorted(edges, frame["age"], side=EDGES[edge])
        columns += list(np.eye(6)[bucket].T)
        for name in TEXTS:
            words = list(train[name].value_counts().index)
            words = sorted(words) if order == ORDERS[2] else words
            number = {word: at + (order == ORDERS[1]) for at, word in enumerate(words)}
            new = 0 if order == ORDERS[1] else len(words)
            at = frame[name].map(number).fillna(new).astype(int)
            columns += list(np.eye(len(words) + 1)[at].T)
        return np.column_stack(columns).astype(float)
