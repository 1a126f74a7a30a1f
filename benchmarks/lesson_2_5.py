"""Lesson 2.5: what a gate by slice lets through, and stops, in five worlds.

``python -m benchmarks.lesson_2_5`` prints the tables; ``--record`` also writes the file from which
exercise 2.5-f counts, ``helpers/course/lesson_2_5/changes.npz``. Three candidates are measured
against a model in force, all of them logistic regressions: *mended* has the burden, and counts the
late payments of the East once; the others also lose what the bureaus report about one group.
"""

from __future__ import annotations

import sys
from functools import cache

import numpy as np
import pandas as pd

from helpers import world
from helpers.base import stats
from helpers.course.lesson_2_5.exercises import CANDIDATES, COLUMNS, RECORD, stopped
from helpers.course.linear import NUMBERS, linear

WORLDS = (1, 2, 3, 4, 5)
TESTS = 20  # in each world
ROWS = 667  # of a month's 2,000, that are held out
MONTHS = (1, 2, 3, 4)
SLICES = [("", "all")]
VALUES = (world.REGIONS, world.EMPLOYMENTS, world.PURPOSES, world.CHANNELS)
SLICES += [(name, value) for name, values in zip(COLUMNS, VALUES, strict=True) for value in values]


def prepared(frame: pd.DataFrame, wiped: tuple[str, str] | None) -> pd.DataFrame:
    """Return a frame as a candidate sees it."""
    burden = 12 * frame["amount"] / frame["term_months"] / frame["income"]
    frame = frame.assign(burden=np.tanh(4 * burden))
    east = frame["region"].eq("East") & (wiped != ("region", "East"))
    frame["late_payments"] = frame["late_payments"] // (1 + east)
    if wiped:
        there = ~frame[wiped[0]].eq(wiped[1])
        frame[["late_payments", "credit_history_years"]] *= there.to_numpy()[:, None]
        frame["utilization"] = frame["utilization"].where(there)
    return frame


@cache
def scored(seed: int) -> pd.DataFrame:
    """Return rows of a world, with the scores of the model in force and of the candidates."""
    made = world.World(seed=seed)
    train = made.applications("2025-04", 4_000)
    rows = made.applications("2025-05", TESTS * max(MONTHS) * ROWS)
    found = {"before": linear(train).predict_proba(rows)[:, 1]}
    for name, wiped in CANDIDATES.items():
        model = linear(prepared(train, wiped), [*NUMBERS, "burden"])
        found[name] = model.predict_proba(prepared(rows, wiped))[:, 1]
    return rows[[*COLUMNS, "defaulted"]].assign(**found)


def change(rows: pd.DataFrame) -> np.ndarray:
    """Return by how much the area of each candidate differs from that of the model in force."""
    areas, _ = stats.auc(rows["defaulted"], *rows[["before", *CANDIDATES]].to_numpy().T)
    return areas[1:] - areas[0]


def measure() -> tuple[np.ndarray, np.ndarray]:
    """Return the changes and the rows by test set, number of months, and slice."""
    shape = (len(WORLDS) * TESTS, len(MONTHS), len(SLICES))
    changes, rows = np.zeros((*shape, len(CANDIDATES))), np.zeros(shape, int)
    for test in range(shape[0]):
        seed, start = WORLDS[test // TESTS], test % TESTS * max(MONTHS) * ROWS
        for m, months in enumerate(MONTHS):
            part = scored(seed).iloc[start : start + months * ROWS]
            for s, (column, value) in enumerate(SLICES):
                inside = part[part[column] == value] if column else part
                changes[test, m, s], rows[test, m, s] = change(inside), len(inside)
    return np.nan_to_num(changes), rows  # a slice without defaults passes


def main() -> None:
    """Print the tables; with --record, write the file first."""
    if "--record" in sys.argv:
        changes, rows = measure()
        whole = {
            "changes": np.round(changes * 10_000).astype("int16"),
            "rows": rows.astype("int16"),
        }
        np.savez_compressed(RECORD, columns=[column for column, _ in SLICES], **whole)
    for name, wiped in CANDIDATES.items():
        for column, value in dict.fromkeys([("", "all"), wiped or ("region", "East")]):
            found = [change(s[s[column] == value] if column else s) for s in map(scored, WORLDS)]
            at = list(CANDIDATES).index(name)
            print(f"{name:20} {value:14}", *(f"{one[at]:+.3f}" for one in found))
    table = {}
    for months in (2, 4):
        for by in (["region"], ["region", "employment"], list(COLUMNS)):
            for least in (0, 150, 250):
                for tolerance in (0.02, 0.03, 0.05):
                    plan = (months, by, least, 0.02, tolerance)
                    table[months, len(by), least, tolerance] = stopped(*plan)
    print(pd.DataFrame(table).T.rename_axis(["months", "columns", "least_rows", "tolerance"]))


if __name__ == "__main__":
    main()
