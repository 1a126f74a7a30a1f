"""The judges of lesson 1.2, Baselines and error analysis."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from helpers import world
from helpers.base.stats import auc
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_names, as_number, as_numbers, number
from helpers.course.exercises.texts import replies
from helpers.course.lesson_1_2 import candidates, view

FOUND_OF_SIX, ALARMS_OF_SIX = 5, 1
LEAST_TRUE, HONEST = 8.5, 1.5  # euro; the solution brings 9.2 and promises 8.5, the lesson's 11.5
WORSE = 5.0  # euro that every candidate brings less after the development months, once more
WIDTH = 0.12  # of 300 draws the widths vary by 3 %, and an interval of 90 % is 16 % narrower
PLANTED = ("employment == 'part-time'", "purpose == 'car'", "income > income.quantile(0.75)")
PLANTED += ("age <= age.quantile(0.25)", "channel == 'broker'")
RULES = {
    "right": "share * (error - ceiling) * euro / days",
    "error": "error",
    "ceiling": "share * error * euro / days",
    "size": "(error - ceiling) * euro / days",
    "cost": "share * (error - ceiling) / days",
    "days": "share * (error - ceiling) * euro",
    "below": "share * abs(error - ceiling) * euro / days",
}


def _split(answer: Any) -> str | None:
    rng = np.random.default_rng(12)
    days = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 500, 600), unit="D")
    rows = pd.DataFrame({"applied": days}, index=[f"L{i:03}" for i in rng.permutation(600)])
    rows["known"] = rows["applied"] + pd.to_timedelta(rng.integers(20, 400, 600), unit="D")
    cut = pd.Timestamp("2026-02-01")
    about = "600 loans in no order, whose labels come after 20 to 400 days, and 2026-02-01"
    got = run(answer, rows, cut, about=about)
    if not isinstance(got, tuple | list) or len(got) != 2:
        return f"Expected two collections of names from the index, got {got!r}."
    train, test = (as_names(part, rows.index, "rows, from the index") for part in got)
    known, later = set(rows.index[rows["known"] <= cut]), set(rows.index[rows["applied"] >= cut])
    wrong = {
        "both": train & test,
        "future": train & later,
        "unknown": train - known,
        "old": test - later,
        "fewer": known - train,
        "lost": later - test,
    }
    first = next((name for name, some in wrong.items() if some), None)
    return first and f"{replies('1.2-c')[first]} It was called with {about}."


@cache
def _worlds() -> list[tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]]:
    """Return 12 worlds: rows, stated risks, outcomes, and in which rows more default, if in any."""
    worlds = []
    for seed in range(12):
        here, rng = world.World(100 + seed), np.random.default_rng(seed)
        rows = here.applications(("2025-07", "2025-09"), n=1_000).set_index("application_id")
        inside = rows.eval(PLANTED[seed // 2 % 5], engine="python").to_numpy() & (seed % 2 == 1)
        odds = here.log_odds(rows)
        y = (rng.random(len(rows)) < expit(odds + 0.9 * inside)).astype(int)
        worlds.append((rows.drop(columns=["applied_at", "defaulted"]), expit(odds), y, inside))
    return worlds


def _find(answer: Any) -> str | None:
    hits = alarms = 0
    for rows, p, y, inside in _worlds():
        about = f"{len(rows):,} rows with the columns {', '.join(rows)}"
        found = run(answer, rows, p, y, seconds=5, about=about)
        if isinstance(found, str) or not hasattr(found, "__iter__"):
            return f"Expected a list of conditions (or an empty one), got {found!r}."
        if len(conditions := list(found)) > 3:
            return f"Expected three conditions at most, got {len(conditions)}: {conditions[:4]} ..."
        try:
            masks = [view.inside(rows, condition) for condition in conditions]
        except ValueError as error:
            return f"Your {error}."
        hits += any((mask & inside).sum() > 0.5 * (mask | inside).sum() for mask in masks)
        alarms += bool(masks) and not inside.any()
    if hits >= FOUND_OF_SIX and alarms <= ALARMS_OF_SIX:
        return None
    score = f"You found {hits} of 6 planted slices, and named one in {alarms} of 6 worlds without"
    return f"{score}. {replies('1.2-d')['alarms' if alarms > ALARMS_OF_SIX else 'missed']}"


def _first(answer: Any) -> str | None:
    rng, fits, wrong = np.random.default_rng(5), list(RULES), ""
    for _ in range(60):
        names = [f"slice {letter}" for letter in rng.permutation(list("abcdefg"))]
        values = rng.uniform([0.02, 0.1, 0.05, 50, 1], [0.5, 0.6, 0.5, 900, 60], (7, 5))
        columns = ["share", "error", "ceiling", "euro", "days"]
        table = pd.DataFrame(values, names, columns).round(2).astype({"days": int})
        table = table.head(rng.integers(4, 8))
        got = run(answer, table, about=f"\n{table}")
        if not isinstance(got, str) or got not in table.index:
            return f"Expected a name from the index, got {got!r}. It was called with\n{table}"
        best = {name: table.eval(rule).idxmax() for name, rule in RULES.items()}
        fits = [name for name in fits if best[name] == got]
        if got != best["right"] and not wrong:
            wrong = f"It was called with\n{table}\nand returned {got!r}."
    return f"{replies('1.2-e')[[*fits, 'other'][0]]} {wrong}" if wrong else None


def _interval(answer: Any) -> str | None:
    rng, found = np.random.default_rng(9), []
    about = "600 outcomes, and the scores of a new and an old model"
    for _ in range(3):
        y = (rng.random(600) < 0.3).astype(int)
        old = rng.standard_normal(600) + 1.2 * y
        new = old + 0.25 * rng.standard_normal(600) + 0.15 * y
        got = run(answer, y, new, old, seconds=20, about=about)
        low, high = as_numbers(got, (2,), "numbers: low, high")
        areas, errors = auc(y, new, old)
        error, apart = np.sqrt([[1, -1] @ errors @ [1, -1], errors.trace()])
        found.append((low, high, areas[0] - areas[1], error, apart))
    low, high, gain, error, apart = np.transpose(found)
    off, half = (low + high) / 2 - gain, (high - low) / 2 / 1.96
    near, width = (np.abs(off) < error).all(), np.mean(half / error)
    if near and abs(width - 1) < WIDTH:
        return None
    which = (
        "order" if (low > high).all()
        else "sign" if (np.abs(off + 2 * gain) < error).all()
        else "one" if (low + high).mean() > 0.8
        else "apart" if abs(np.mean(half / apart) - 1) < 0.25
        else "spread" if width < 0.4
        else "level" if near and width < 1.6
        else "other"
    )  # fmt: skip
    ends = f"{low[0]:.3f} to {high[0]:.3f}"
    return f"{replies('1.2-f')[which]} It was called with {about}, and returned {ends}."


def _protocol(answer: Any) -> str | None:
    def checked(dev: pd.DataFrame, open_test: Callable) -> tuple[str | None, float]:
        got = run(answer, dev, open_test, about="the development table of a world, and open_test")
        chosen, promised = got if isinstance(got, tuple | list) and len(got) == 2 else (0, None)
        known = isinstance(chosen, str | None) and chosen in [None, *dev.index]
        if not known or as_number(promised) is None:
            raise ReplyError(
                f"Expected a pair (a candidate from the index or None, euro), got {got!r}."
            )
        return chosen, as_number(promised)

    for worse in (0.0, WORSE):
        found = candidates.outcomes(checked, candidates.ALL, worse)
        promised, true = found["promised"].mean(), found["true"].mean()
        which = (
            "opened" if found["opened"].max() > 1
            else "noise" if true < LEAST_TRUE and not worse
            else "honest" if abs(promised - true) <= HONEST
            else "worse" if worse
            else "promise"
        )  # fmt: skip
        if which != "honest":
            numbers = f"You promise {promised:.1f} euro and bring {true:.1f}"
            return f"{replies('1.2-g')[which]} {numbers}, on average over forty worlds."
    return None


JUDGES = {
    "1.2-a": number(0.91, within=0.02, replies=replies("1.2-a")),
    "1.2-b": number(0.12, within=0.005, replies=replies("1.2-b")),
    "1.2-c": _split,
    "1.2-d": _find,
    "1.2-e": _first,
    "1.2-f": _interval,
    "1.2-g": _protocol,
}
