"""The exercises of lesson 4.5, Progressive delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from helpers.exercises.core import Exercise
from helpers.exercises.judges import as_number, chosen, name, number


def _order(answer: Any) -> str | None:
    letters = "ABCDE"
    if not isinstance(answer, Sequence) or any(one not in list(letters) for one in answer):
        return "Expected a list of the letters, such as ['A', 'B', 'C', 'D', 'E']."
    if sorted(answer) != list(letters):
        return "Each of the five letters belongs into the list once."
    place = {letter: i for i, letter in enumerate(answer)}
    if place["E"] > place["D"] or place["B"] > place["D"]:
        return "What can be found without a server comes before what needs one: it is cheaper."
    if place["D"] > place["A"]:
        return "What touches no customer comes before what touches some."
    if place["C"] < place["A"]:
        return "A test on half of the users, for months, comes when little harm is to be feared."
    return None


def _margin(answer: Any) -> str | None:
    value = as_number(answer)
    if value is None:
        return "Expected a number, a share of the cases."
    if value >= 1:
        return "A share is below 1: 15 % are 0.15."
    if value < 0.05:
        return "A better model must differ somewhere; this margin stops every release."
    if value < 0.12:
        return (
            "An honest version differs in 10 %: by chance alone it would be above this margin "
            "about every second time, and its evidence would grow."
        )
    if value > 0.22:
        return "So close to what the leaking one shows, evidence against it grows slowly or never."
    return None


EXERCISES = [
    Exercise(
        id="4.5-a",
        question="Thousands of euro that version 2 would lose in a day: a number, within 25 %.",
        judge=number(
            940,
            within=235,
            replies={
                0.94: "That is in millions. The question asks for thousands.",
                94: "That is per application. A day has 10,000 of them; mind the unit.",
                940_000: "That is in euro. The question asks for thousands.",
                6_480: "That is what version 2 earns. How much less is it than version 1?",
            },
        ),
        hints=(
            "The last column of the table, one row less the other, is for one application.",
            "Times 10,000 applications, divided by 1,000.",
        ),
        solution="answer = (742 - 648) * 10_000 / 1_000",
        wrong=(("94", "per application"), ("940_000", "in euro"), ("6_480", "How much less")),
        right="In one day, with every machine healthy.",
    ),
    Exercise(
        id="4.5-b",
        question="What could have noticed on Friday evening: a set of letters.",
        judge=chosen(
            {"B", "D", "F"},
            among="ABCDEF",
            extra={
                "A": "Every request was answered with status 200: a wrong score is no error to a "
                "server.",
                "C": "The AUC needs to know who defaulted. When is that known of Friday's loans?",
                "E": "Both versions answer equally fast.",
            },
            missing={
                "B": "What happened to the mean score?",
                "D": "What happened to the share that was granted?",
                "F": "Version 1 was still there to be asked.",
            },
        ),
        hints=(
            "Which of them need no labels and look at what the model says?",
            "Three of them.",
        ),
        solution="answer = {'B', 'D', 'F'}",
        wrong=(
            ("{'A', 'B', 'D', 'F'}", "status 200"),
            ("{'B', 'C', 'D', 'F'}", "who defaulted"),
            ("{'B', 'D'}", "Version 1"),
        ),
        right="Scores, decisions and disagreement are known at once; outcomes are not.",
    ),
    Exercise(
        id="4.5-c",
        question="The most likely reason: one letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "That may be so too, but identical models would fail in the same way: you saw "
                "how often.",
                "B": "A higher level rolls back still more good models.",
                "D": "With thousands of requests the trouble is the same: it is not their number.",
            },
        ),
        hints=(
            "What did forty looks do to two identical models?",
            "How many looks are there in a day, at one a minute?",
        ),
        solution="answer = 'C'",
        wrong=(("'A'", "identical"), ("'B'", "still more"), ("'D'", "not their number")),
        right="Either look once, at a time that was fixed before, or use a test that may be looked "
        "at always.",
    ),
    Exercise(
        id="4.5-d",
        question="A margin that lets an honest version pass and stops the leaking one: a number.",
        judge=_margin,
        hints=(
            "It has to be above what a better model needs, and below what the leak shows.",
            "Leave room on both sides: what is measured on a few hundred requests is noisy.",
        ),
        solution="answer = 0.17",
        wrong=(
            ("0", "differ somewhere"),
            ("0.10", "every second time"),
            ("0.27", "leaking one"),
            ("15", "share"),
        ),
        right="Above 0.10 and below 0.27, with room for noise. The number is a decision about how "
        "much news you expect of a release.",
    ),
    Exercise(
        id="4.5-e",
        question="What may be sent again: a set of letters.",
        judge=chosen(
            {"A", "C"},
            among="ABCD",
            extra={
                "B": "The first server may have paid before it died: then it is paid twice.",
                "D": "The first server may have sent it before it died: two letters.",
            },
            missing={
                "A": "What does a prediction change?",
                "C": "What happens when the order 4711 comes a second time?",
            },
        ),
        hints=(
            "No answer does not mean that nothing was done.",
            "Which may be carried out twice without harm?",
        ),
        solution="answer = {'A', 'C'}",
        wrong=(
            ("{'A', 'B'}", "paid twice"),
            ("{'A'}", "4711"),
            ("{'A', 'C', 'D'}", "two letters"),
        ),
        right="Such requests are called idempotent: once or twice, the result is the same.",
    ),
    Exercise(
        id="4.5-f",
        question="Months until both halves have enough loans: a whole number.",
        judge=number(
            14,
            within=0,
            replies={
                7: "That counts all loans for one half. Each half gets 3,500 a month.",
                27: "That counts the loans of both halves against those of one.",
                13: "After 13 months a few loans are still missing: round up.",
                1: "That is for 2 points. A quarter of the difference takes sixteen times as many.",
            },
        ),
        hints=(
            "The last column of the table is for each half.",
            "Divide it by 3,500 and round up.",
        ),
        solution="import math\n\nanswer = math.ceil(46_215 / 3_500)",
        wrong=(("7", "Each half"), ("13", "round up"), ("1", "sixteen times")),
        right="And the defaults are known a year after the last of these loans: more than two "
        "years in all. By then there is a version 9.",
    ),
    Exercise(
        id="4.5-g",
        question="The steps of a careful release: a list of letters, the first step first.",
        judge=_order,
        hints=(
            "From what costs nothing to what costs most, if the model is bad.",
            "Two steps need no server at all; two touch customers.",
        ),
        solution="answer = ['E', 'B', 'D', 'A', 'C']",
        wrong=(
            ("['D', 'B', 'E', 'A', 'C']", "cheaper"),
            ("['E', 'B', 'A', 'D', 'C']", "touches no customer"),
            ("['E', 'B', 'D', 'C', 'A']", "little harm"),
        ),
        right="And version 2 would not have got past E.",
    ),
]
