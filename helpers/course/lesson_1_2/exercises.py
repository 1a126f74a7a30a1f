"""The exercises of lesson 1.2, Baselines and error analysis."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import assigned, behaves, name, number

PURPOSES = (
    "business",
    "car",
    "debt consolidation",
    "education",
    "home improvement",
    "medical",
)


@functools.cache
def _first() -> Any:
    import pandas as pd

    def slices(**columns: list[float]) -> pd.DataFrame:
        names = ["red", "blue", "green"][: len(columns["share"])]
        return pd.DataFrame(columns, index=names)

    cases = [
        (
            slices(share=[0.1, 0.2], error=[0.5, 0.4], ceiling=[0.48, 0.2], euro=[100, 100]),
            "blue",
            "The largest error is not what can be won: nobody gets below the ceiling.",
        ),
        (
            slices(share=[0.02, 0.5], error=[0.4, 0.2], ceiling=[0.1, 0.1], euro=[100, 100]),
            "blue",
            "A large gap of few people may be less than a small gap of many.",
        ),
        (
            slices(share=[0.1, 0.1], error=[0.2, 0.2], ceiling=[0.1, 0.05], euro=[900, 100]),
            "red",
            "An error of one slice costs more than an error of another.",
        ),
        (
            slices(
                share=[0.7, 0.1, 0.2],
                error=[0.1, 0.4, 0.3],
                ceiling=[0.1, 0.1, 0.1],
                euro=[500, 100, 200],
            ),
            "green",
            "The largest slice has nothing to win where its error is at the ceiling.",
        ),
    ]
    return behaves([((table,), right, reply) for table, right, reply in cases])


EXERCISES = [
    Exercise(
        id="1.2-a",
        question="The share of the distance from majority to ceiling that the linear model has "
        "covered: a number, within 0.02.",
        judge=number(
            0.91,
            within=0.02,
            replies={
                0.97: "That is the linear model over the ceiling. The distance begins at the "
                "majority, not at 0.",
                0.094: "That is what is left. The question asks what is covered.",
                0.08: "That is what is left. The question asks what is covered.",
                0.375: "That is how far from the *rule* the linear model comes, over the whole "
                "distance. Begin at the majority.",
                0.53: "That is the rule's share. The question asks about the linear model.",
                0.65: "That is the majority over the ceiling.",
            },
        ),
        hints=(
            "Three numbers of the column: majority, linear, ceiling.",
            "Both distances begin at the majority; divide the one by the other.",
        ),
        solution="answer = (870 - 580) / (900 - 580)",
        wrong=(
            ("870 / 900", "begins at the majority"),
            ("(900 - 870) / (900 - 580)", "what is left"),
            ("(870 - 750) / (900 - 580)", "from the *rule*"),
            ("580 / 900", "majority over the ceiling"),
        ),
        right="Nine tenths, with a model that is older than the bank's computers. Whoever offers "
        "more bids for the last tenth.",
    ),
    Exercise(
        id="1.2-b",
        question="How much better than human level the program is: a difference, within 0.005.",
        judge=number(
            0.12,
            within=0.005,
            replies={
                0.0: "Two labellers agree less often than one thinks: both must say A, or both B. "
                "How often is that?",
                0.58: "That is how often two labellers agree. And the program with one?",
                0.7: "That is how often the program agrees with a labeller. And two labellers?",
                0.21: "That is the program less two who both say A. Two can also both say B.",
                0.3: "That is how often the program disagrees with a labeller.",
                0.4: "That compares A with B. Compare two agreements: of two labellers, and of "
                "the program with one.",
            },
        ),
        hints=(
            "Two labellers agree if both say A or both say B.",
            "The program agrees with every labeller who says A, which is 70 %.",
        ),
        solution="answer = 0.7 - (0.7**2 + 0.3**2)",
        wrong=(
            ("0", "less often"),
            ("0.7 - 0.49", "both say B"),
            ("0.58", "two labellers"),
            ("0.7 - 0.3", "two agreements"),
        ),
        right="Twelve points above human level, by a program that has not opened the file.",
    ),
    Exercise(
        id="1.2-c",
        question="A dict from 'loans next year', 'x-rays', 'new shops' and 'digits' to a split.",
        judge=assigned(
            {
                "loans next year": "by time",
                "x-rays": "by group",
                "new shops": "by group",
                "digits": "by lot",
            },
            values=("by time", "by group", "by lot"),
            replies={
                "loans next year": "What is new when this model decides? Not the kind of "
                "applicant.",
                "x-rays": "On which sides would two pictures of one patient stand? And what will "
                "the model meet?",
                "new shops": "All sales are of one month. What will the model meet that it has "
                "not seen?",
                "digits": "What do several of these digits share, that the next one will not?",
            },
        ),
        hints=(
            "Ask of each: what will be new when the model is used?",
            "A group is whatever several rows share: a patient, a shop.",
        ),
        solution="answer = {'loans next year': 'by time', 'x-rays': 'by group', "
        "'new shops': 'by group', 'digits': 'by lot'}",
        wrong=(
            (
                "{'loans next year': 'by lot', 'x-rays': 'by group', 'new shops': 'by group', "
                "'digits': 'by lot'}",
                "when this model decides",
            ),
            (
                "{'loans next year': 'by time', 'x-rays': 'by lot', 'new shops': 'by group', "
                "'digits': 'by lot'}",
                "two pictures",
            ),
            (
                "{'loans next year': 'by time', 'x-rays': 'by group', 'new shops': 'by time', "
                "'digits': 'by lot'}",
                "one month",
            ),
        ),
        right="The split is a statement about the future. If it is wrong, every number after it "
        "answers another question.",
    ),
    Exercise(
        id="1.2-d",
        question="The purpose with the largest size x mean in euro lost: a name.",
        judge=name(
            "car",
            among=PURPOSES,
            replies={
                "business": "It has the highest mean. But how many such loans are there?",
                "debt consolidation": "It has the most rows. But how much is lost on each?",
                "home improvement": "It is one of the larger slices; compare the last column.",
            },
        ),
        hints=(
            "bench.to_frame('purpose', 'euro lost') sorts by what you look for.",
            "Not the slice with the highest mean, nor the one with most rows.",
        ),
        solution="answer = 'car'",
        wrong=(
            ("'business'", "highest mean"),
            ("'debt consolidation'", "most rows"),
            ("'cars'", "not one of them"),
        ),
        right="A quarter of all loans, at an ordinary mean. Its sum is large because it is large: "
        "before you work on it, ask whether *anything* about it is special.",
    ),
    Exercise(
        id="1.2-e",
        question="A function first(table) that returns the name of the slice to work on first.",
        judge=lambda answer: _first()(answer),
        hints=(
            "Size times gap times cost, for each row; then the row with the largest.",
            "The gap is error less ceiling. `idxmax()` gives the name of the largest.",
        ),
        solution="""\
def answer(table):
    gap = table["error"] - table["ceiling"]
    return (table["share"] * gap * table["euro"]).idxmax()
""",
        wrong=(
            ("lambda table: table['error'].idxmax()", "nobody gets below"),
            ("lambda table: (table['error'] - table['ceiling']).idxmax()", "few people"),
            (
                "lambda table: (table['share'] * (table['error'] - table['ceiling'])).idxmax()",
                "costs more",
            ),
            (
                "lambda table: (table['share'] * table['error'] * table['euro']).idxmax()",
                "at the ceiling",
            ),
        ),
        right="One line, and most meetings about priorities could begin with its result.",
    ),
    Exercise(
        id="1.2-f",
        question="How many applications it takes: a number, within 10 %.",
        judge=number(
            270_000,
            within=27_000,
            replies={
                40_200: "6.7 times as many. But an interval narrows with the *square root* of the "
                "number.",
                900: "Fewer applications make it wider.",
                134: "Fewer applications make it wider.",
                15_500: "The other way round: the root of the factor is too little, not enough.",
                67_500: "That gives a width of 20: 10 to each side. The whole width is to be 10.",
                264_000: "You are close: that many more, beside the 6,000 that you have.",
                1_080_000: "That gives a width of 5. The whole width may be 10.",
            },
        ),
        hints=(
            "How many times narrower must it become?",
            "To halve an interval takes four times as many.",
        ),
        solution="answer = 6_000 * (67 / 10) ** 2",
        wrong=(
            ("6_000 * 67 / 10", "square root"),
            ("6_000 / 6.7", "wider"),
            ("6_000 * (67 / 20) ** 2", "whole width"),
        ),
        right="More than two years of the whole bank's applications; and even then the interval "
        "leaves 0 out in every second case only. With money as the measure some questions cannot "
        "be answered; then measure something less noisy, or let it be.",
    ),
    Exercise(
        id="1.2-g",
        question="Million euro a year, at most: a number, within 0.1.",
        judge=number(
            2.25,
            within=0.12,
            replies={
                3.4: "From the *first* linear model. The burden is in already.",
                1.2: "That is what the burden brought. What is left above it?",
                0.019: "That is per 1,000 applications. Take 120,000, and millions.",
                107.7: "That is all that the ceiling earns, not what it earns *more*.",
                2_250_000: "Right, but in euro: the question asks for millions.",
                0.19: "Per month. The question asks for a year.",
            },
        ),
        hints=(
            "Ceiling less linear with burden, per application.",
            "Times 120,000, over a million.",
        ),
        solution="answer = (898 - 879) * 120_000 / 1e6",
        wrong=(
            ("(898 - 869) * 120_000 / 1e6", "first"),
            ("(879 - 869) * 120_000 / 1e6", "what the burden brought"),
            ("898 * 120_000 / 1e6", "all that the ceiling earns"),
        ),
        right="Reaching the ceiling would pay for the offer five times over, but nobody reaches "
        "it. Ask what part of the distance they promise, on which months, measured how.",
    ),
]
