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
from helpers.course.exercises.judges import as_number, assigned, chosen
from helpers.course.exercises.texts import replies

if TYPE_CHECKING:
    import pandas as pd

ROOM = Path(__file__).resolve().parent
PIPELINES = ROOM.parents[1] / "pipelines"
COLUMNS = ("region", "employment", "purpose", "channel")
CANDIDATES = {"mended": None, "East wiped": ("region", "East")}
CANDIDATES["self-employed wiped"] = ("employment", "self-employed")
FOUND = ["CsvExampleGen", "StatisticsGen", "ExampleValidator", "admit", "select_features"]
FOUND += ["Transform", "Trainer", "Evaluator", "check_model", "Pusher"]
RECORD = ROOM / "changes.npz"  # made by benchmarks/lesson_2_5.py


@cache
def _months() -> dict[str, tuple[pd.DataFrame, list[str]]]:
    """Return months by their fault, each with the columns at fault; the last rows are `eval`."""
    import io

    import pandas as pd

    made = world.World(seed=11).applications("2025-06", 450)
    clean = pd.read_csv(io.StringIO(made.to_csv(index=False)))
    yachts = {"purpose": [*clean["purpose"][:-20], *20 * ["yacht"]]}
    monthly = world.incidents["monthly income"].apply(clean)
    return {
        "none": (clean, []),
        "income by the month": (monthly, ["income"]),
        "an unknown purpose, in the eval rows alone": (clean.assign(**yachts), ["purpose"]),
        "none, by a wider schema": (clean.assign(**yachts), []),
        "both of these": (monthly.assign(**yachts), ["income", "purpose"]),
    }


def _in_tfx(name: str, answer: Any) -> str | None:
    if not isinstance(answer, str) or not answer.strip():
        return f"Expected a string: the name of what your cell defines; got {kind_of(answer)}."
    from helpers.tfx import session

    tfx = session()
    folders = [str(ROOM), str(PIPELINES), str(Path(calls.__file__).parent)]
    tfx.run(f"import sys; sys.path += [one for one in {folders} if one not in sys.path]")
    tfx.push("_given", [name, answer, _months(), str(PIPELINES / "loans_schema.pbtxt")])
    tfx.run("import in_kernel; _reply = in_kernel.judged(*_given)")
    reply, known = tfx.pull("_reply"), replies("2.5-b").items()
    return next((better for part, better in known if reply and part in reply), reply)


_WINDOWS = {  # admitted months by id, the month and the number asked for, and the ids expected
    "order": ({7: 202504, 2: 202502, 5: 202503}, 202504, 2, [5, 7]),
    "future": ({1: 202501, 2: 202502, 3: 202503, 4: 202504}, 202503, 2, [2, 3]),
    "twice": ({4: 202504, 1: 202503, 2: 202504}, 202504, 2, [1, 4]),
    "again": ({9: 202503, 4: 202504, 2: 202502}, 202504, 2, [9, 4]),
    "gap": ({1: 202501, 2: 202502, 4: 202504}, 202504, 2, [2, 4]),
    "year": ({1: 202411, 2: 202412, 3: 202501}, 202501, 3, [1, 2, 3]),
    "few": ({5: 202412, 6: 202501}, 202501, 3, [5, 6]),
}


def _window(answer: Any) -> str | None:
    for case, (months, month, n, expected) in _WINDOWS.items():
        reads = {i: {"span": span}.__getitem__ for i, span in months.items()}
        admitted = [SimpleNamespace(id=i, get_int_custom_property=one) for i, one in reads.items()]
        about = f"the artifacts (id: span) {months}, month {month}, n {n}."
        got = calls.run(answer, admitted, month, n, about=about)
        if not isinstance(got, Sequence) or not all(hasattr(one, "id") for one in got):
            return f"Expected a list of the artifacts themselves. It was called with {about}"
        if (ids := [one.id for one in got]) != expected:
            return f"{replies('2.5-d')[case]} It was called with {about} Ids returned: {ids}."
    return None


def stopped(
    months: int, by: Sequence[str], least_rows: int, tolerance: float, slice_tolerance: float
) -> dict[str, int]:
    """Return in how many of 100 test sets of some months a gate stops each candidate."""
    import numpy as np

    with np.load(RECORD) as record:
        columns = record["columns"]
        changes, rows = (record[name][:, months - 1] for name in ("changes", "rows"))
    everything = columns == ""
    looked = everything | (np.isin(columns, list(by)) & (rows >= least_rows))
    allowed = np.where(everything, tolerance, slice_tolerance)[:, None]
    fails = (changes / 10_000 < -allowed) & looked[:, :, None]
    return dict(zip(CANDIDATES, fails.any(axis=1).sum(axis=0).tolist(), strict=True))


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
        return "`months` is 1 to 4 whole months of `eval` rows."
    plan = numbers | {"months": int(numbers["months"]), "by": sorted(set(by))}
    shares = stopped(**plan)
    told = ", ".join(f"{name} {n}" for name, n in shares.items())
    caught = {wiped[0]: shares[name] >= 90 for name, wiped in CANDIDATES.items() if wiped}
    if all(caught.values()) and shares["mended"] <= 5:
        return replies("2.5-f")["loose"] if plan["tolerance"] > plan["slice_tolerance"] else None
    blind = any(column not in by and not enough for column, enough in caught.items())
    reply = "blind" if blind else "noisy" if all(caught.values()) else "missed"
    return f"Stopped of 100: {told}. {replies('2.5-f')[reply]}"


JUDGES = {
    "2.5-a": partial(_in_tfx, "admit"),
    "2.5-b": partial(_in_tfx, "create_pipeline"),
    "2.5-c": chosen("BD", among="ABCDE", extra=replies("2.5-c"), missing=replies("2.5-c")),
    "2.5-d": _window,
    "2.5-e": assigned(
        {"slice_tolerance": "Evaluator", "module_file": "Transform"}
        | {"least_information": "select_features", "the file of April": "CsvExampleGen"},
        values=FOUND,
        replies=replies("2.5-e"),
    ),
    "2.5-f": _plan,
}
