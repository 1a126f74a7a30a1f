"""The exercises of lesson 1.4, Deploy and meet drift."""

from __future__ import annotations

import re
from typing import Any

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

JUDGES = {
    "1.4-a": _month,
    "1.4-b": _psi,
    "1.4-c": chosen(
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
    "1.4-d": number(
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
    "1.4-e": chosen(
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
    "1.4-f": name(
        "C",
        among="ABCD",
        replies={
            "A": "The model answers at once; it is the outcome that is late.",
            "B": "Look at the last column: in a calm year the features ring as good as never.",
            "D": "Some detectors do. But on the score ADWIN finds the campaign.",
        },
    ),
    "1.4-g": number(
        0.25,
        replies={
            0.02: "With it nearly every week of the calm year is an alarm.",
            0.05: "With it nearly every week of the calm year is an alarm.",
            0.1: "Count its alarms in the year in which nothing happens.",
            0.5: "It gives none. Neither does one that is lower.",
        },
    ),
    "1.4-h": number(
        38,
        within=2,
        replies={
            19: "That is one of the two. Between them lies zero, and both are away from it.",
            0: "*Never* lost money in 2027: minus a minus.",
            34: "Compare with *never*, not with *since the drift*.",
            42: "That is 2028.",
        },
    ),
    "1.4-i": behaves(_RESPOND),
}
