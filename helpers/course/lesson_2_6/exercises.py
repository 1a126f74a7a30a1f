"""The exercises of lesson 2.6, Lineage and provenance."""

from __future__ import annotations

import datetime
from collections.abc import Collection
from typing import Any

from helpers.course.exercises.core import Exercise
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


EXERCISES = [
    Exercise(
        id="2.6-a",
        question="How many months' examples went into the Trainer that made the newest model: a "
        "whole number.",
        judge=number(
            4,
            replies={
                1: "One line each. How many lines name examples?",
                7: "So many months came in until then. Count what went into *this* execution.",
                8: "Those are all inputs. Only the examples are months.",
            },
        ),
        hints=(
            "Each line of the output is one artifact that went in.",
            "Count the lines whose type is Examples: a month is one artifact.",
        ),
        solution="answer = 4",
        wrong=(("1", "One line each"), ("7", "until then"), ("8", "all inputs")),
        right="Four, although seven months had come by then. Section 3 will show why that matters.",
    ),
    Exercise(
        id="2.6-b",
        question="The number of the model that decided on the application: a whole number.",
        judge=number(
            63,
            replies={
                82: "That one was made on 1 June. But was it ever pushed?",
                102: "It was pushed after the decision.",
                120: "That is the newest one today, not the one in force on that day.",
                44: "It was in force before. Which version does the log name?",
            },
        ),
        hints=(
            "`model_version` of the decision is the last part of one model's `pushed`.",
            "Not the date decides, but the version in the log.",
        ),
        solution="answer = 63",
        wrong=(
            ("82", "ever pushed"),
            ("120", "newest one today"),
            ("44", "in force before"),
            ("1_777_870_866", "too large"),
        ),
        right="The model of May. The one of 1 June never got into production.",
    ),
    Exercise(
        id="2.6-c",
        question="The column that the second version of the code loses: a name.",
        judge=name(
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
        hints=(
            "A line with - is of the older code, one with + of the newer.",
            "The two lines are equal but for one name.",
        ),
        solution="answer = 'late_payments'",
        wrong=(
            ("'term_months'", "both lines"),
            ("'income'", "that differ"),
            ("'Late_payments'", "capital letters"),
            ("'NUMBERS'", "not one of them"),
        ),
        right="One of the strongest signs of a default, lost in a tidy-up. The gate noticed.",
    ),
    Exercise(
        id="2.6-d",
        question="All models that the wrong file touched, pushed or not: a set of numbers.",
        judge=_tainted,
        hints=(
            "Start at the red-framed box and follow the arrows to their ends.",
            "A model that began with the weights of a touched one is touched.",
        ),
        solution="answer = {44, 63, 82, 102, 120}",
        wrong=(
            ("{44, 63, 82, 102}", "only way"),
            ("{44, 63, 102, 120}", "never pushed"),
            ("{11, 27, 44, 63, 82, 102, 120}", "before the wrong file"),
            ("{82}", "more are missing"),
            ("44", "set of numbers"),
        ),
        right="All from April on. The newest model never read the file, and has it in its weights.",
    ),
    Exercise(
        id="2.6-e",
        question="A function after(edges, start) that returns the set of all that came of start.",
        judge=_after,
        hints=(
            "Keep a set of what is found and a list of what is still to be followed.",
            "Take one from the list; each of its targets that is new goes into both.",
        ),
        solution="""\
def answer(edges, start):
    found, ahead = set(), [start]
    while ahead:
        one = ahead.pop()
        for source, target in edges:
            if source == one and target not in found:
                found.add(target)
                ahead.append(target)
    return found
""",
        wrong=(
            ("lambda edges, start: {t for s, t in edges if s == start}", "counts, too"),
            ("lambda edges, start: {s for s, t in edges if t == start}", "counts, too"),
            (
                "def answer(edges, start):\n"
                "    found = {start}\n"
                "    for source, target in edges:\n"
                "        if source in found:\n"
                "            found.add(target)\n"
                "    return found - {start}\n",
                "any order",
            ),
            (
                "def answer(edges, start):\n"
                "    import networkx as nx\n"
                "    return nx.node_connected_component(nx.Graph(edges), start) - {start}\n",
                "from source to target",
            ),
        ),
        right="That is all of lineage: a list of pairs and this loop. ML Metadata keeps the list.",
    ),
    Exercise(
        id="2.6-f",
        question="Which part of the fingerprint changes: one of the four names, or 'none'.",
        judge=name(
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
        hints=(
            "Look the checksums up: 1770001200 is a time, in seconds since 1970.",
            "Ask of each part: is it made of what stands in the file?",
        ),
        solution="answer = 'none'",
        wrong=(
            ("'total_bytes'", "It is the size"),
            ("'xor_checksum'", "not of contents"),
            ("'num_files'", "still one"),
            ("'None'", "capital letters"),
        ),
        right="It knows size and date. That is quick with a terabyte, and blind to an edit that "
        "keeps both.",
    ),
    Exercise(
        id="2.6-g",
        question="A function changed(record, found) that returns a sorted list of file names.",
        judge=_changed,
        hints=(
            "Go through the files of the record, not through those that are there.",
            "`found.get(name)` is None where a file is gone.",
        ),
        solution="""\
def answer(record, found):
    return sorted(name for name in record if found.get(name) != record[name])
""",
        wrong=(
            (
                "lambda record, found: sorted(n for n in found if found[n] != record.get(n))",
                "gone",
            ),
            ("lambda record, found: sorted(set(record) - set(found))", "another hash"),
            (
                "lambda record, found: sorted(n for n in record if found[n] != record[n])",
                "gone",
            ),
            (
                "lambda record, found: sorted({n for n, _ in record.items() ^ found.items()})",
                "never read",
            ),
        ),
        right="One line. Run it before each training, and once a month on old records.",
    ),
    Exercise(
        id="2.6-h",
        question="A function deletable(created, needed, today, days) that returns a sorted list of "
        "numbers.",
        judge=_deletable,
        hints=(
            "`(today - date).days` is an age in days.",
            "Two conditions for each artifact: old enough, and not needed.",
        ),
        solution="""\
def answer(created, needed, today, days):
    old = {one for one, date in created.items() if (today - date).days > days}
    return sorted(old - set(needed))
""",
        wrong=(
            (
                "lambda created, needed, today, days: "
                "sorted(i for i, d in created.items() if (today - d).days > days)",
                "however old",
            ),
            (
                "lambda created, needed, today, days: sorted(i for i, d in created.items() "
                "if (today - d).days >= days and i not in needed)",
                "exactly so many",
            ),
            (
                "lambda created, needed, today, days: "
                "[i for i, d in created.items() if (today - d).days > days and i not in needed]",
                "sorted",
            ),
        ),
        right="A rule that a machine can keep. What `needed` is, lineage says: all upstream of the "
        "model in force.",
    ),
]
