"""Twenty-nine candidates for a new column in forty worlds, as they were measured there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

LESSON, ALL = range(20, 40), range(20, 60)  # worlds
Test = Callable[[str], tuple[float, float]]  # a candidate's euro on the test months, and its error


@cache
def measured() -> dict[int, pd.DataFrame]:
    """Return the measures by world: a row for each candidate, gains over the model without it.

    Euro are per application; an ``error`` is a standard error. The test months are those on which
    ``true euro`` was computed with the true probabilities.
    """
    table = pd.read_csv(Path(__file__).parent / "candidates.csv")
    return {int(seed): rows.set_index("candidate") for seed, rows in table.groupby("world")}


def by_money(dev: pd.DataFrame, open_test: Test) -> tuple[str, float]:
    """Choose what earned most on the development months, and promise that."""
    best = dev["dev euro"].idxmax()
    return best, dev.loc[best, "dev euro"]


def by_log_loss(dev: pd.DataFrame, open_test: Test) -> tuple[str, float]:
    """Choose what has the best log loss on the development months, and promise its euro there."""
    best = dev["dev log loss"].idxmax()
    return best, dev.loc[best, "dev euro"]


def outcomes(protocol: Callable, worlds: range = LESSON, worse: float = 0.0) -> pd.DataFrame:
    """Return what a protocol chooses, promises and brings, a row for each world.

    Parameters
    ----------
    protocol : callable
        From the table of the development months and ``open_test(candidate)``, which returns euro
        and standard error, to a pair: a candidate or None, and the promised euro.
    worlds : range, optional
        By default those of the lesson.
    worse : float, default 0
        How many euro less every candidate brings after the development months.

    Returns
    -------
    pandas.DataFrame
        ``chosen``, ``promised``, ``true`` (0 for None) and ``opened``, how many candidates the test
        months were opened for.
    """
    rows = {}
    for seed in worlds:
        table, opened = measured()[seed], []

        def open_test(name: str, table: pd.DataFrame = table, opened: list = opened) -> tuple:
            opened.append(name)
            euro, error = table.loc[name, ["test euro", "test euro error"]].tolist()
            return euro - worse, error

        dev = table[[name for name in table if name.startswith("dev")]].copy()
        chosen, promised = protocol(dev, open_test)
        true = 0.0 if chosen is None else float(table.loc[chosen, "true euro"]) - worse
        rows[seed] = {"chosen": chosen, "promised": promised, "true": true, "opened": len(opened)}
    return pd.DataFrame(rows).T


def compared() -> pd.DataFrame:
    """Return the two protocols of the lesson, averaged over the worlds."""
    rows = {}
    for name, protocol in {"by money": by_money, "by log loss": by_log_loss}.items():
        found = outcomes(protocol)
        rows[name] = {
            "promised (euro)": found["promised"].astype(float).mean(),
            "true (euro)": found["true"].astype(float).mean(),
            "worth 1 euro or less, worlds of 20": int((found["true"].astype(float) <= 1).sum()),
            "burden chosen, worlds of 20": int((found["chosen"] == "burden").sum()),
        }
    best = np.mean([measured()[seed]["true euro"].max() for seed in LESSON])
    rows["best possible"] = {"true (euro)": best}
    return pd.DataFrame(rows).T
