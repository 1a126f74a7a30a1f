"""The exercises of lesson 1.4, Deploy and meet drift."""

from __future__ import annotations

import re
from typing import Any

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, behaves, chosen, name, number


def _month(answer: Any) -> str | None:
    given = str(answer).strip()
    if not re.fullmatch(r"\d{4}-\d{2}", given):
        return f"Expected a month such as '2024-03', got {answer!r}."
    replies = {
        "2025-02": None,
        "2026-02": "Its applications are there, its outcomes are not: labels are a year late.",
        "2025-03": "Its first loans have just had their year; those of the end of the month have "
        "four weeks to go.",
        "2025-01": "That is known. There is one that is newer.",
        "2024-12": "That was the newest when the model started, two months earlier.",
    }
    late = "Go back a year from the first of March, and ask which month was complete then."
    return replies.get(given, late)


def _psi(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    if isinstance(answer, type) or not callable(answer):
        return "Expected a function (its name, without calling it)."

    def right(r: pd.Series, c: pd.Series) -> float:
        values = r.index.union(c.index)
        r, c = (one.reindex(values, fill_value=0) + 0.5 for one in (r, c))
        r, c = r / r.sum(), c / c.sum()
        return float(((c - r) * np.log(c / r)).sum())

    ab = {"a": 60, "b": 40}
    cases = [
        (ab, ab, "The same counts have a PSI of 0."),
        (ab, {"a": 40, "b": 60}, "Both samples have the same values here, and none is new."),
        (ab, {"a": 300, "b": 700}, "The samples differ in size: compare shares, not counts."),
        (ab, {"a": 50, "b": 40, "c": 10}, "A value is new in the current sample, and counts."),
        (ab, {"a": 100}, "A value of the reference is gone from the current sample."),
        ({"b": 40, "a": 60}, {"a": 60, "b": 40}, "The same values may come in another order."),
    ]
    for reference, current, reply in cases:
        r, c = pd.Series(reference), pd.Series(current)
        expected = right(r, c)
        called = f"It was called with\n{reference}\n{current}"
        try:
            got = as_number(answer(r.copy(), c.copy()))
        except Exception as error:
            return f"{reply} Your function raised {type(error).__name__}: {error}\n{called}"
        if got is None or not np.isfinite(got):
            return f"{reply} Expected a finite number.\n{called}"
        if abs(got - expected) > 1e-6:
            half = "Half a case goes to every value, before the shares are taken."
            close = abs(got - expected) < 0.3 * abs(expected) + 0.01
            return f"{reply} {half if close else ''}\n{called}\nand returned {got:.4f}."
    return None


_RESPOND = [
    ((True, 3, 0.2, 5_000), "quarantine", "Of a faulty file nothing else is asked."),
    ((False, 0, None, 0), "go on", "Nothing moved, and nothing new is known."),
    ((False, 0, 0.01, 4_000), "go on", "The level is right within 0.05, and nothing moved."),
    ((False, 3, None, 0), "watch", "Features drifted, and nobody knows yet whether it matters."),
    ((False, 3, 0.02, 4_000), "watch", "Features drifted, and the level is right."),
    ((False, 0, 0.2, 300), "brake", "The level is wrong, and 300 rows are too few to learn from."),
    ((False, 0, -0.2, 300), "brake", "A level may be wrong in both directions."),
    ((False, 2, 0.2, 1_000), "retrain", "The level is wrong, and there are rows enough."),
    ((False, 0, -0.08, 2_000), "retrain", "A level may be wrong in both directions."),
    ((False, 3, 0.05, 4_000), "watch", "Beyond 0.05 is wrong; 0.05 itself is not beyond."),
]

EXERCISES = [
    Exercise(
        id="1.4-a",
        question="The newest month whose labels are all known on 1 March 2026: a month.",
        judge=_month,
        hints=(
            "A label comes twelve months after its application.",
            "The last application of a month is made at its end; when is its label known?",
        ),
        solution='answer = "2025-02"',
        wrong=(
            ('"2026-02"', "a year late"),
            ('"2025-03"', "four weeks to go"),
            ('"2025-01"', "newer"),
            ('"2024-12"', "two months earlier"),
            ('"2023-01"', "Go back a year"),
            ('"March"', "Expected a month"),
        ),
        right="That is right. Write such a date beside every model: it is how old its world is.",
    ),
    Exercise(
        id="1.4-b",
        question="A function psi(r, c) of two Series of counts, finite also where a value is new.",
        judge=_psi,
        hints=(
            "`r.index.union(c.index)` has the values of both; `reindex` takes a `fill_value`.",
            "Add 0.5 to all counts, divide each Series by its sum, then take the formula.",
        ),
        solution="""
import numpy as np


def psi(r, c):
    values = r.index.union(c.index)
    r, c = (one.reindex(values, fill_value=0) + 0.5 for one in (r, c))
    r, c = r / r.sum(), c / c.sum()
    return ((c - r) * np.log(c / r)).sum()


answer = psi
""",
        wrong=(
            ("0.21", "Expected a function"),
            (
                "import numpy as np\nanswer = lambda r, c: "
                "((c / c.sum() - r / r.sum()) * np.log((c / c.sum()) / (r / r.sum()))).sum()",
                "Half a case",
            ),
            (
                "import numpy as np\nanswer = lambda r, c: "
                "((c + .5 - r - .5) * np.log((c + .5) / (r + .5))).sum()",
                "returned",
            ),
            (
                "import numpy as np\n\n\ndef answer(r, c):\n"
                "    c = c.reindex(r.index, fill_value=0) + 0.5\n    r = r + 0.5\n"
                "    r, c = r / r.sum(), c / c.sum()\n"
                "    return ((c - r) * np.log(c / r)).sum()",
                "A value is new",
            ),
        ),
    ),
    Exercise(
        id="1.4-c",
        question="Which of A to E are concept drift? A set of letters.",
        judge=chosen(
            {"A", "D"},
            among="ABCDE",
            extra={
                "B": "B: other people apply. Does a person like them default more than before?",
                "C": "C: neither the people nor their risk changed; the file is wrong.",
                "E": "E: more of one kind of application. Is the risk of that kind another?",
            },
            missing={
                "A": "Does the same person, with the same columns, default as before?",
                "D": "The column is what it was; ask what it means for the outcome.",
            },
        ),
        hints=(
            "Ask of each: would a person with the same columns default as often as before?",
            "One of the five is no drift of the world at all.",
        ),
        solution='answer = {"A", "D"}',
        wrong=(
            ('{"A", "B", "D"}', "B:"),
            ('{"A", "C", "D"}', "C:"),
            ('{"A", "D", "E"}', "E:"),
            ('{"A"}', "what it means for the outcome"),
            ('{"D"}', "with the same columns"),
            ('"AD"', "Expected a set"),
        ),
        right="That is right. C is the treacherous one: it looks like drift and is a fault.",
    ),
    Exercise(
        id="1.4-d",
        question="Days after the onset at which ADWIN would ring on a sign known after 120 days.",
        judge=number(
            122,
            within=1,
            replies={
                120: "On that day the sign of the first loans is known. ADWIN needs those of some "
                "days more.",
                2: "That is how many days' worth of loans it needs. When are they known?",
                367: "That is with the labels of today. The sign is known earlier.",
                247: "The sign does not come before the label by 120 days; it comes 120 days after "
                "the application.",
            },
        ),
        hints=(
            "The labels of section 4: known after 365 days, found after 367.",
            "Put 120 in the place of 365.",
        ),
        solution="answer = 120 + 2",
        wrong=(
            ("2", "When are they known"),
            ("120", "some days more"),
            ("367", "labels of today"),
            ("247", "after the application"),
            ("1000", "too large"),
            ('"122 days"', "Expected a number"),
        ),
        right="That is right: four months instead of a year. At what the recession cost a month, "
        "that is what the early sign is worth.",
    ),
    Exercise(
        id="1.4-e",
        question="The two watchers that together find all four: a set of two letters.",
        judge=chosen(
            {"C", "G"},
            among="ABCDEFG",
            extra={
                "A": "A: look at its delay for monthly income, and at impossible age.",
                "B": "B: look at its line again; one of the four is missing, and a month is more "
                "than 10 days.",
                "D": "D: look at its last column.",
                "E": "E: what does the model's answer say about an age of 999?",
                "F": "F: look at the recession; in how many worlds is it found?",
            },
            missing={
                "C": "Who finds the three that need no labels?",
                "G": "Who finds the recession once its labels are there?",
            },
        ),
        hints=(
            "The recession needs labels: which lines have them?",
            "Then cover the other three with one line of those without labels.",
        ),
        solution='answer = {"C", "G"}',
        wrong=(
            ('{"A", "G"}', "A:"),
            ('{"B", "G"}', "B:"),
            ('{"D", "G"}', "D:"),
            ('{"E", "G"}', "E:"),
            ('{"C", "F"}', "F:"),
            ('{"C"}', "once its labels are there"),
            ('{"G"}', "need no labels"),
        ),
    ),
    Exercise(
        id="1.4-f",
        question="Why ADWIN on the score misses the new purpose and the impossible age: a letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "The model answers at once; it is the outcome that is late.",
                "B": "Look at the last column: in a calm year the features ring as good as never.",
                "D": "Some detectors do. But on the score ADWIN finds the campaign.",
            },
        ),
        hints=(
            "What must a change do before it can be seen in the answers?",
            "It must reach the answer, through a weight of the model, and in rows enough.",
        ),
        solution='answer = "C"',
        wrong=(('"A"', "answers at once"), ('"B"', "last column"), ('"D"', "campaign")),
        right="That is right: a fault may be plain in the input and lost in the answer. Who "
        "watches the score only learns of the faults that the model cares about.",
    ),
    Exercise(
        id="1.4-g",
        question="The lowest threshold of the PSI by week without a false alarm: a number.",
        judge=number(
            0.25,
            replies={
                0.02: "With it nearly every week of the calm year is an alarm.",
                0.05: "With it nearly every week of the calm year is an alarm.",
                0.1: "Count its alarms in the year in which nothing happens.",
                0.5: "It gives none. Neither does one that is lower.",
            },
        ),
        hints=(
            "Choose *nothing happens*, the PSI and 7 days, and move the threshold up.",
            "Or in code: `len(lab.watch('nothing happens', 'PSI of the features', 7, 0.02))`.",
        ),
        solution="answer = 0.25",
        wrong=(
            ("0.02", "nearly every week"),
            ("0.05", "nearly every week"),
            ("0.1", "Count its alarms"),
            ("0.5", "lower"),
            ('"weekly"', "Expected a number"),
        ),
        right="That is right. In the table of section 5 there were twice as many applications, and "
        "0.1 was enough: a threshold belongs to a number of rows.",
    ),
    Exercise(
        id="1.4-h",
        question="What the brake earned more than never in 2027, million euro.",
        judge=number(
            38,
            within=2,
            replies={
                19: "That is one of the two. Between them lies zero, and both are away from it.",
                0: "*Never* lost money in 2027: minus a minus.",
                34: "Compare with *never*, not with *since the drift*.",
                42: "That is 2028.",
            },
        ),
        hints=(
            "Two cells of the column of 2027, with unlike signs.",
            "From what is below zero to what is above it: the distances to zero add up.",
        ),
        solution="answer = 19 - (-19)",
        wrong=(
            ("19", "one of the two"),
            ("42", "2028"),
            ("34", "since the drift"),
            ("500", "too large"),
        ),
        right="That is right, and no retraining could have brought it: it needs an early sign, and "
        "somebody who may act on it.",
    ),
    Exercise(
        id="1.4-i",
        question="A function respond(fault, drifted, gap, rows) that says what to do this week.",
        judge=behaves(_RESPOND),
        hints=(
            "Ask in the order of the text: the fault, the level, then the drift.",
            "`gap` may be None: ask for that before you compare it; use `abs(gap)`.",
        ),
        solution="""
def respond(fault, drifted, gap, rows):
    if fault:
        return "quarantine"
    if gap is not None and abs(gap) > 0.05:
        return "retrain" if rows >= 1_000 else "brake"
    return "watch" if drifted else "go on"


answer = respond
""",
        wrong=(
            ('"retrain"', "Expected a function"),
            (
                "answer = lambda fault, drifted, gap, rows: "
                "'quarantine' if fault else 'retrain' if drifted else 'go on'",
                "nobody knows yet",
            ),
            (
                "answer = lambda fault, drifted, gap, rows: 'quarantine' if fault else "
                "('retrain' if rows >= 1000 else 'brake') if gap and gap > 0.05 else "
                "'watch' if drifted else 'go on'",
                "both directions",
            ),
            (
                "answer = lambda fault, drifted, gap, rows: 'watch' if drifted else "
                "'quarantine' if fault else 'go on'",
                "faulty file",
            ),
            (
                "answer = lambda fault, drifted, gap, rows: 'quarantine' if fault else "
                "'retrain' if gap and abs(gap) > 0.05 else 'watch' if drifted else 'go on'",
                "too few",
            ),
        ),
        right="That is right. Put it into the weekly meeting, not into a program: each branch has "
        "an owner.",
    ),
]
