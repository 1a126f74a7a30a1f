"""The exercises of lesson 2.6, Lineage and provenance."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any

from helpers.course.exercises.judges import as_number, behaves, name, number

COLUMNS = (
    "age",
    "amount",
    "channel",
    "credit_history_years",
    "employment",
    "income",
    "late_payments",
    "purpose",
    "region",
    "term_months",
    "utilization",
    "years_employed",
)
PARTS = ("num_files", "total_bytes", "xor_checksum", "sum_checksum", "none")
MODELS = (11, 27, 44, 63, 82, 102, 120)
TAINTED = (44, 63, 82, 102, 120)


def _tainted(answer: Any) -> str | None:
    """Judge a set of models' numbers."""
    if isinstance(answer, str) or not isinstance(answer, Collection):
        return f"Expected a set of numbers such as {{11, 27}}, got {type(answer).__name__}."
    given = {as_number(one) for one in answer}
    strange = given - set(MODELS)
    if strange or None in given:
        return f"Expected numbers of models, as in the index of `models`: {list(MODELS)}."
    if given & {11, 27}:
        return "One of yours was made before the wrong file came. Time flows from left to right."
    if given == set(TAINTED[:-1]):
        return (
            "The newest model did not read the file of March, that is true. Is reading it the "
            "only way? Follow every line to its end."
        )
    if 82 not in given and given:
        return "A model that was never pushed is a model, too, and it was asked for."
    if given == set(TAINTED):
        return None
    return f"What you have is right, and {len(TAINTED) - len(given)} more are missing."


_EDGES = [("file", "model"), ("model", "decision"), ("old file", "old model")]
_LATE = [("c", "d"), ("b", "c"), ("a", "b")]
_DIAMOND = [("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("x", "d"), ("d", "e")]


def _after(answer: Any) -> str | None:
    return behaves(
        [
            (
                (_EDGES, "file"),
                {"model", "decision"},
                "What came of what came of it counts, too; what has nothing to do with it does "
                "not; and it is not its own result.",
            ),
            (
                (_EDGES, "decision"),
                set(),
                "Nothing came of it: an empty set. Edges are followed from source to target.",
            ),
            (
                (_LATE, "a"),
                {"b", "c", "d"},
                "The edges come in any order: one pass over them is not enough.",
            ),
            (
                (_DIAMOND, "a"),
                {"b", "c", "d", "e"},
                "Another source of the same thing is not downstream of this one.",
            ),
        ]
    )(answer)


_RECORD = {"jan.csv": "a1", "feb.csv": "b2", "mar.csv": "c3"}


def _changed(answer: Any) -> str | None:
    return behaves(
        [
            ((_RECORD, dict(_RECORD)), [], "Nothing changed: an empty list."),
            (
                (_RECORD, {**_RECORD, "mar.csv": "ff", "feb.csv": "ee"}),
                ["feb.csv", "mar.csv"],
                "A file with another hash has another content; the names come sorted.",
            ),
            (
                (_RECORD, {"jan.csv": "a1", "mar.csv": "c3"}),
                ["feb.csv"],
                "A file that is gone cannot be trusted either.",
            ),
            (
                (_RECORD, {**_RECORD, "apr.csv": "d4"}),
                [],
                "A file that the run never read is no concern of its record.",
            ),
        ]
    )(answer)


_TODAY = datetime.date(2026, 8, 12)
_CREATED = {
    5: datetime.date(2026, 8, 3),
    3: datetime.date(2026, 5, 4),
    1: datetime.date(2026, 2, 2),
    2: datetime.date(2026, 3, 2),
}


def _deletable(answer: Any) -> str | None:
    day = datetime.timedelta(days=1)
    return behaves(
        [
            (
                (_CREATED, set(), _TODAY, 90),
                [1, 2, 3],
                "What is older than so many days may go, sorted by number.",
            ),
            (
                (_CREATED, {2}, _TODAY, 90),
                [1, 3],
                "What the model in force was made of is needed, however old it is.",
            ),
            (
                ({1: _TODAY - 90 * day, 2: _TODAY - 91 * day}, set(), _TODAY, 90),
                [2],
                "What is exactly so many days old is not older than that.",
            ),
            (({}, {4}, _TODAY, 90), [], "Where nothing is, nothing may go: an empty list."),
        ]
    )(answer)


JUDGES = {
    "2.6-a": number(
        4,
        replies={
            1: "One line each. How many lines name examples?",
            7: "So many months came in until then. Count what went into *this* execution.",
            8: "Those are all inputs. Only the examples are months.",
        },
    ),
    "2.6-b": number(
        63,
        replies={
            82: "That one was made on 1 June. But was it ever pushed?",
            102: "It was pushed after the decision.",
            120: "That is the newest one today, not the one in force on that day.",
            44: "It was in force before. Which version does the log name?",
        },
    ),
    "2.6-c": name(
        "late_payments",
        among=COLUMNS,
        replies={
            "credit_history_years": "It stands in both lines.",
            "term_months": "It stands in both lines.",
            "years_employed": "It stands in both lines.",
            "income": "It does not stand in the lines that differ.",
            "amount": "It does not stand in the lines that differ.",
        },
    ),
    "2.6-d": _tainted,
    "2.6-e": _after,
    "2.6-f": name(
        "none",
        among=PARTS,
        replies={
            "num_files": "It counts the files. There is still one.",
            "total_bytes": "It is the size. How long is the file with another digit in it?",
            "xor_checksum": "It is made of dates of change, in seconds, and not of contents. "
            "The date was set back.",
            "sum_checksum": "It is made of dates of change, in seconds, and not of contents. "
            "The date was set back.",
        },
    ),
    "2.6-g": _changed,
    "2.6-h": _deletable,
}
