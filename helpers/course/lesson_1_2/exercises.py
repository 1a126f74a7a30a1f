"""The exercises of lesson 1.2, Baselines and error analysis."""

from __future__ import annotations

import functools
from typing import Any

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


JUDGES = {
    "1.2-a": number(
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
    "1.2-b": number(
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
    "1.2-c": assigned(
        {
            "loans next year": "by time",
            "x-rays": "by group",
            "new shops": "by group",
            "digits": "by lot",
        },
        values=("by time", "by group", "by lot"),
        replies={
            "loans next year": "What is new when this model decides? Not the kind of applicant.",
            "x-rays": "On which sides would two pictures of one patient stand? And what will "
            "the model meet?",
            "new shops": "All sales are of one month. What will the model meet that it has "
            "not seen?",
            "digits": "What do several of these digits share, that the next one will not?",
        },
    ),
    "1.2-d": name(
        "car",
        among=PURPOSES,
        replies={
            "business": "It has the highest mean. But how many such loans are there?",
            "debt consolidation": "It has the most rows. But how much is lost on each?",
            "home improvement": "It is one of the larger slices; compare the last column.",
        },
    ),
    "1.2-e": lambda answer: _first()(answer),
    "1.2-f": number(
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
    "1.2-g": number(
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
}
