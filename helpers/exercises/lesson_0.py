"""The exercise of the start page."""

from __future__ import annotations

from helpers.exercises.core import Exercise
from helpers.exercises.judges import number

EXERCISES = [
    Exercise(
        id="0-a",
        question="The share of applications that came through the partner channel, 0 to 1.",
        judge=number(
            0.18,
            within=0.01,
            replies={
                18.0: "That is the number in percent. The question asks for a share, from 0 to 1.",
                0.40: "That is the share of the largest channel, online. Which one is asked for?",
                0.82: "That is the share of all the other channels together.",
                0.25: "There are four channels, but they are not equally large: count the rows.",
            },
        ),
        hints=(
            "A share is a mean: the mean of a column of true and false.",
            "Compare the column with the name, `loans[...] == ...`, and take `.mean()`.",
        ),
        solution="""
from helpers import datasets

loans = datasets.load("loans")
answer = (loans["channel"] == "partner").mean()
""",
        wrong=(
            ("18", "in percent"),
            ("0.40", "largest channel"),
            ("0.82", "all the other channels"),
            ("0.25", "not equally large"),
            ("4300", "too large"),
            ("'partner'", "Expected a number"),
        ),
        right="That is right: nearly one application in five comes from the partner. Remember it.",
    )
]
