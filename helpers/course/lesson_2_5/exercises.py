"""The exercises of lesson 2.5, A TFX pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from helpers import world
from helpers.course.exercises import calls
from helpers.course.exercises.calls import kind_of
from helpers.course.exercises.judges import as_number, assigned, behaves, chosen
from helpers.course.exercises.texts import replies

if TYPE_CHECKING:
    import pandas as pd

ROOM = Path(__file__).resolve().parent
PIPELINES = ROOM.parents[1] / "pipelines"
COLUMNS = ("region", "employment", "purpose", "channel")
ROWS = 667  # of a month's 2,000, that are held out
WIPED = {"mended": None, "East wiped": ("region", "East")}
WIPED["self-employed wiped"] = ("employment", "self-employed")


@cache
def _months() -> dict[str, tuple[pd.DataFrame, list[str]]]:
    """Return months by their fault, each with the columns at fault; the last rows are `eval`."""
    import io

    import pandas as pd

    made = world.World(seed=11).applications("2025-06", 450)
    clean = pd.read_csv(io.StringIO(made.to_csv(index=False)))
    monthly = world.incidents["monthly income"].apply(clean)
    late, both = (
        one.assign(purpose=[*one["purpose"][:-20], *20 * ["yacht"]]) for one in (clean, monthly)
    )
    return {
        "none": (clean, []),
        "income by the month": (monthly, ["income"]),
        "an unknown purpose, in the eval rows alone": (late, ["purpose"]),
        "both of these": (both, ["income", "purpose"]),
    }  # fmt: skip


def _in_tfx(name: str, answer: Any) -> str | None:
    if not isinstance(answer, str) or not answer.strip():
        return f"Expected a string: the name of what your cell defines; got {kind_of(answer)}."
    from helpers.tfx import session

    tfx = session()
    folders = [str(ROOM), str(PIPELINES), str(Path(calls.__file__).parent)]
    tfx.run(f"import sys; sys.path += [one for one in {folders} if one not in sys.path]")
    tfx.push("_given", [name, answer, _months(), str(PIPELINES / "loans_schema.pbtxt")])
    tfx.run("import in_kernel; _reply = in_kernel.judged(*_given)")
    return tfx.pull("_reply")


_WINDOWS = {  # admitted months by id, the month and the number asked for, and the ids expected
    "plain": ({1: 202501, 2: 202502, 3: 202503, 4: 202504}, 202504, 2, [3, 4]),
    "order": ({7: 202504, 2: 202502, 5: 202503}, 202504, 2, [5, 7]),
    "future": ({1: 202501, 2: 202502, 3: 202503, 4: 202504}, 202503, 2, [2, 3]),
    "twice": ({4: 202504, 1: 202503, 2: 202504}, 202504, 2, [1, 4]),
    "gap": ({1: 202501, 2: 202502, 4: 202504}, 202504, 2, [2, 4]),
    "year": ({1: 202411, 2: 202412, 3: 202501}, 202501, 3, [1, 2, 3]),
    "few": ({5: 202412, 6: 202501}, 202501, 6, [5, 6]),
}


def _window(answer: Any) -> str | None:
    for case, (months, month, n, expected) in _WINDOWS.items():
        admitted = [
            SimpleNamespace(id=i, get_int_custom_property={"span": span}.__getitem__)
            for i, span in months.items()
        ]
        about = f"the artifacts (id: span) {months}, month {month}, n {n}."
        got = calls.run(answer, admitted, month, n, about=about)
        if not isinstance(got, Sequence) or not all(hasattr(one, "id") for one in got):
            return f"Expected a list of artifacts, got {kind_of(got)}. It was called with {about}"
        if [one.id for one in got] != expected:
            ids = [one.id for one in got]
            return f"{replies('2.5-c')[case]} It was called with {about} Ids returned: {ids}."
    return None


_GATES: dict[str, tuple[list[float], float, float, list[str]]] = {
    "better": ([0.80, 0.80, 0.75, 0.85], 0.02, 0.05, []),
    "average": ([0.80, 0.80, 0.60, 0.85], 0.02, 0.05, ["blue"]),
    "all": ([0.71, 0.72, 0.68, 0.78], 0.02, 0.05, ["all"]),
    "smaller": ([0.74, 0.72, 0.68, 0.78], 0.02, 0.01, ["red", "blue", "green"]),
    "every": ([0.70, 0.72, 0.60, 0.70], 0.02, 0.05, ["all", "blue", "green"]),
    "within": ([0.75, 0.75, 0.68, 0.95], 0.02, 0.05, []),
    "equal": ([0.5, 0.25, 0.70, 0.80], 0.25, 0.5, []),  # exact in binary
    "index": ([0.75, 0.60], 0.02, 0.05, ["red"]),
}


def _gate(answer: Any) -> str | None:
    import pandas as pd

    names, before = ["all", "red", "blue", "green"], [0.75, 0.75, 0.70, 0.80]
    cases = []
    for case, (after, *tolerances, failing) in _GATES.items():
        areas = [pd.Series(one[: len(after)], names[: len(after)]) for one in (before, after)]
        cases.append(((*areas, *tolerances), failing, replies("2.5-e")[case]))
    return behaves(cases)(answer)


@cache
def _scored(seed: int) -> pd.DataFrame:
    """Return rows of a world, with the scores of the model in force and of the candidates."""
    import numpy as np

    from helpers.course.linear import NUMBERS, linear

    def prepared(frame: pd.DataFrame, wiped: tuple[str, str] | None) -> pd.DataFrame:
        burden = 12 * frame["amount"] / frame["term_months"] / frame["income"]
        frame = frame.assign(burden=np.tanh(4 * burden))
        east = frame["region"].eq("East") & (wiped != WIPED["East wiped"])
        frame["late_payments"] = frame["late_payments"] // (1 + east)
        if wiped:
            there = ~frame[wiped[0]].eq(wiped[1])
            frame[["late_payments", "credit_history_years"]] *= there.to_numpy()[:, None]
            frame["utilization"] = frame["utilization"].where(there)
        return frame

    made = world.World(seed=seed)
    train, rows = made.applications("2025-04", 4_000), made.applications("2025-05", 80 * ROWS)
    found = {"before": linear(train).predict_proba(rows)[:, 1]}
    for name, wiped in WIPED.items():
        model = linear(prepared(train, wiped), [*NUMBERS, "burden"])
        found[name] = model.predict_proba(prepared(rows, wiped))[:, 1]
    return rows[[*COLUMNS, "defaulted"]].assign(**found)


@cache
def changes(months: int, by: str | None, worlds: tuple[int, ...] = (1, 2, 3, 4, 5)) -> pd.DataFrame:
    """Return the changes of the area in 100 test sets of some months, for each value of a column.

    A row for each test set and value: ``test`` (its number), ``rows``, and one for each candidate.
    """
    import pandas as pd

    from helpers.base import stats

    found = []
    for test, (world_, start) in enumerate((w, k * 4 * ROWS) for w in worlds for k in range(20)):
        part = _scored(world_).iloc[start : start + months * ROWS]
        for _, rows in part.groupby(by) if by else [("all", part)]:
            (before, *after), _ = stats.auc(
                rows["defaulted"], *rows[["before", *WIPED]].T.to_numpy()
            )
            found.append([test, len(rows), *(one - before for one in after)])
    return pd.DataFrame(found, columns=["test", "rows", *WIPED])


def stopped(
    months: int, by: Sequence[str], least_rows: int, tolerance: float, slice_tolerance: float
) -> dict[str, int]:
    """Return in how many of 100 test sets a gate stops each candidate.

    Values with fewer than `least_rows` rows are not looked at; the rest as in the lesson.
    """
    tables = [(changes(months, None), tolerance)]
    tables += [
        (changes(months, name).query(f"rows >= {least_rows}"), slice_tolerance) for name in by
    ]
    return {
        name: len({test for table, most in tables for test in table["test"][table[name] < -most]})
        for name in WIPED
    }


def _plan(answer: Any) -> str | None:
    keys = ["months", "by", "least_rows", "tolerance", "slice_tolerance"]
    if not isinstance(answer, Mapping) or sorted(map(str, answer)) != sorted(keys):
        return f"Expected a dict with the keys {', '.join(keys)}; got {kind_of(answer)}."
    numbers = {key: as_number(answer[key]) for key in keys if key != "by"}
    for key, value in numbers.items():
        if value is None or not 0 <= value < (1 if "tolerance" in key else 10_000):
            return f"{key} is {answer[key]!r}; expected a number that makes sense there."
    by = answer["by"]
    if not isinstance(by, list | tuple | set) or not set(by) <= set(COLUMNS):
        return f"by is {by!r}; expected a list of columns among {', '.join(COLUMNS)}."
    if numbers["months"] not in (1, 2, 3, 4):
        return "The committee lets you hold 1 to 4 whole months against a candidate."
    plan = numbers | {"months": int(numbers["months"]), "by": sorted(set(by))}
    shares = stopped(**plan)
    told = ", ".join(f"{name} {n}" for name, n in shares.items())
    caught = {WIPED[name][0]: shares[name] >= 90 for name in list(WIPED)[1:]}
    if any(column not in by and not enough for column, enough in caught.items()):
        reply = "blind"
    elif not all(caught.values()):
        reply = "missed"
    elif shares["mended"] > 5:
        reply = "noisy"
    else:
        return None
    return f"Stopped of 100: {told}. {replies('2.5-g')[reply]}"


JUDGES = {
    "2.5-a": partial(_in_tfx, "admit"),
    "2.5-b": partial(_in_tfx, "create_pipeline"),
    "2.5-c": _window,
    "2.5-d": chosen("BD", among="ABCDE", extra=replies("2.5-d"), missing=replies("2.5-d")),
    "2.5-e": _gate,
    "2.5-f": assigned(
        {"slice_tolerance": "Evaluator", "module_file": "Transform"}
        | {"least_information": "select_features", "the file of April": "CsvExampleGen"},
        values=("CsvExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "admit")
        + ("select_features", "Transform", "Trainer", "Evaluator", "check_model", "Pusher"),
        replies=replies("2.5-f"),
    ),
    "2.5-g": _plan,
}
