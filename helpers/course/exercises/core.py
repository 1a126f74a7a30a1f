"""The exercise class, and how exercises are found."""

from __future__ import annotations

import difflib
import importlib
import os
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from helpers.course.exercises.calls import ReplyError
from helpers.course.exercises.panel import Feedback

# Set by the tests: an exception in a judge is then raised instead of turned into a reply.
RAISE = "MLOPS_EXERCISES_RAISE"
KINDS = ("code", "design", "number", "choice")


class UnknownExerciseError(KeyError):
    """There is no exercise with this id."""

    def __str__(self) -> str:
        return self.args[0]


@dataclass(frozen=True)
class Exercise:
    """A question with everything needed to reply to an answer.

    Attributes
    ----------
    id : str
        Lesson and letter, such as ``"2.1-a"``.
    question : str
        The question in one sentence, with the expected type of the answer.
    judge : callable
        Takes the answer; returns None if it is right, otherwise what was misunderstood, without
        giving the solution away.
    hints : tuple of str
        From a nudge to nearly the whole solution.
    solution : str
        Python that sets ``answer``; it runs on its own.
    wrong : tuple of (str, str)
        Wrong answers from real misconceptions: an expression, or Python that sets ``answer``; and
        words from the reply intended for it.
    right : str, optional
        The reply to a right answer: why it matters.
    kind : {"code", "design", "number", "choice"}, optional
        What the learner does: writes code that is run on unseen data, designs something that is
        judged over many worlds, reports a number, or chooses.
    """

    id: str
    question: str
    judge: Callable[[Any], str | None]
    hints: tuple[str, ...]
    solution: str
    wrong: tuple[tuple[str, str], ...]
    right: str = "That is right."
    kind: str = ""

    def feedback(self, answer: object) -> Feedback:
        """Judge an answer of any type; a wrong answer never raises."""
        if answer is ...:
            text = "Replace the ... with your answer and run the cell again."
            return Feedback(self.id, "not attempted", text)
        try:
            reply = self.judge(answer)
        except ReplyError as given:
            reply = str(given)
        except Exception as error:
            if os.environ.get(RAISE):
                raise
            reply = (
                f"An answer of type {type(answer).__name__} could not be read here "
                f"({type(error).__name__}: {error}). Look again at what the question asks for: "
                f"{self.question}"
            )
        if reply is None:
            return Feedback(self.id, "right", self.right)
        return Feedback(self.id, "wrong", reply)


def find(id: str) -> Exercise:
    """Return the exercise with this id; the lesson's module is loaded on first use.

    Raises
    ------
    UnknownExerciseError
        Naming the nearest ids.
    """
    found = re.fullmatch(r"([0-9.]+)-[a-z]", id) if isinstance(id, str) else None
    if found:
        for exercise in _load(found[1]):
            if exercise.id == id:
                return exercise
    known = [exercise.id for exercises in exercises_by_lesson().values() for exercise in exercises]
    near = difflib.get_close_matches(str(id), known, n=3, cutoff=0.3) or known[:3]
    raise UnknownExerciseError(f"There is no exercise {id!r}. The nearest are {', '.join(near)}.")


def exercises_by_lesson() -> dict[str, list[Exercise]]:
    """Return all exercises by lesson, in the order of the lessons."""
    from helpers import course

    rooms = (module.name for module in pkgutil.iter_modules(course.__path__))
    numbers = [room.removeprefix("lesson_") for room in rooms if room.startswith("lesson_")]
    numbers.sort(key=lambda number: [int(part) for part in number.split("_")])
    return {number.replace("_", "."): _load(number.replace("_", ".")) for number in numbers}


def _load(lesson: str) -> list[Exercise]:
    room = f"helpers.course.lesson_{lesson.replace('.', '_')}"
    try:
        return importlib.import_module(f"{room}.exercises").EXERCISES
    except ModuleNotFoundError as error:
        if error.name not in (room, f"{room}.exercises"):
            raise
        return []
