"""The exercises of the start page."""

from __future__ import annotations

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import name, number

BOXES = (
    "Configuration",
    "Data collection",
    "Feature extraction",
    "Data verification",
    "ML code",
    "Machine resource management",
    "Analysis tools",
    "Process management tools",
    "Serving infrastructure",
    "Monitoring",
)

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
    ),
    Exercise(
        id="0-b",
        question="The box that would have stopped the partner's file before a model saw it.",
        judge=name(
            "Data verification",
            among=BOXES,
            replies={
                "Monitoring": "It would have seen the effect, in the models' answers, some days "
                "after the file was in. The question asks who stops the file.",
                "Data collection": "It brought the file, as it brings every file that is on time "
                "and can be read. Whose work is it to say no?",
                "Feature extraction": "It turns whatever comes into numbers. A monthly income is a "
                "number too.",
                "ML code": "It learns from whatever it is given; a wrong column makes it worse "
                "without a word.",
                "Analysis tools": "They tell afterwards why it went wrong.",
                "Serving infrastructure": "It answers requests, and comes after the model.",
                "Process management tools": "They run one step after the other, and can stop a "
                "run; but somebody must tell them that the file is wrong.",
                "Configuration": "Nothing was set differently at Harbor Credit; the file changed.",
                "Machine resource management": "The machines were fine, and the file was small.",
            },
        ),
        hints=(
            "Open the boxes about data, one after the other, and read what each does.",
            "It looks at data before anything learns from them.",
        ),
        solution='answer = "Data verification"',
        wrong=(
            ('"Monitoring"', "some days after"),
            ('"Data collection"', "brings every file"),
            ('"Feature extraction"', "a number too"),
            ('"ML code"', "without a word"),
            ('"Process management tools"', "must tell them"),
            ('"data verification"', "capital letters"),
            ('"the schema"', "is not one of them"),
        ),
        right="That is right. It is the smallest step up from a notebook, and pays at once: lesson "
        "2.1 builds it.",
    ),
]
