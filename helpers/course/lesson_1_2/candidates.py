"""Twenty-nine candidates for a new column in forty worlds, as they were measured there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pandas as pd

LESSON, ALL = range(20, 40), range(20, 60)  # worlds


@cache
def measured() -> pd.DataFrame:
    """Return what each candidate gains in each world, in euro per application, and the errors."""
    return pd.read_csv(Path(__file__).with_name("candidates.csv"), index_col=["world", "candidate"])


def by_money(dev: pd.DataFrame, open_test: Callable) -> tuple[str, float]:
    """Choose what earned most on the development months, and promise that."""
    return dev["dev euro"].idxmax(), dev["dev euro"].max()


def by_log_loss(dev: pd.DataFrame, open_test: Callable) -> tuple[str, float]:
    """Choose what has the best log loss on the development months, and promise its euro there."""
    best = dev["dev log loss"].idxmax()
    return best, dev.loc[best, "dev euro"]


def outcomes(protocol: Callable, worlds: range = LESSON, worse: float = 0.0) -> pd.DataFrame:
    """Return what a protocol chooses, promises and brings, a row for each world.

    ``open_test(candidate)`` returns euro and standard error on the test months; ``opened`` counts
    its calls. After the development months each candidate brings `worse` euro less.
    """

    def outcome(world: int) -> tuple:
        table, opened = measured().loc[world], []

        def open_test(name: str) -> tuple[float, float]:
            opened.append(name)
            euro, error = table.loc[name, ["test euro", "test euro error"]].tolist()
            return euro - worse, error

        chosen, promised = protocol(table.filter(like="dev").copy(), open_test)
        true = 0.0 if chosen is None else table.loc[chosen, "true euro"] - worse
        return chosen, promised, true, len(opened)

    columns = ["chosen", "promised", "true", "opened"]
    return pd.DataFrame(map(outcome, worlds), worlds, columns)


def compared() -> pd.DataFrame:
    """Return the two protocols of the lesson, averaged over the worlds."""
    rows = {}
    for name, protocol in {"by money": by_money, "by log loss": by_log_loss}.items():
        found = outcomes(protocol)
        rows[name] = {
            "promised (euro)": found["promised"].mean(),
            "true (euro)": found["true"].mean(),
            "worth 1 euro or less, worlds of 20": (found["true"] <= 1).sum(),
            "burden chosen, worlds of 20": (found["chosen"] == "burden").sum(),
        }
    best = measured()["true euro"].groupby("world").max()
    rows["best possible"] = {"true (euro)": best[LESSON].mean()}
    return pd.DataFrame(rows).T
