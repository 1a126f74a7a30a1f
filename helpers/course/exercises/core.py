"""The exercise class, and how exercises are found."""

from __future__ import annotations

import difflib
import functools
import importlib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helpers.course.exercises.calls import ReplyError
from helpers.course.exercises.judges import Judge
from helpers.course.exercises.panel import Feedback
from helpers.course.exercises.texts import path, read

# Set by the tests: an exception in a judge is then raised instead of turned into a reply.
RAISE = "MLOPS_EXERCISES_RAISE"
_COURSE = Path(__file__).resolve().parents[1]


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
    """Return the exercise with this id, without loading its judge.

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


def judged(id: str, answer: object) -> Feedback:
    """Judge an answer to the exercise with this id; its judge is loaded when an answer comes.

    Raises
    ------
    UnknownExerciseError
        Naming the nearest ids.
    ValueError
        If a judge of its lesson is without texts, or the other way round.
    """
    exercise = find(id)
    if answer is not ...:
        _judges(id.partition("-")[0])  # a fault of the module is not taken for one of the answer
    return exercise.feedback(answer)


def exercises_by_lesson() -> dict[str, list[Exercise]]:
    """Return all exercises by lesson, in the order of the lessons."""
    rooms = (file.parent.name for file in _COURSE.glob("lesson_*/exercises.toml"))
    lessons = [room.removeprefix("lesson_").replace("_", ".") for room in rooms]
    lessons.sort(key=lambda lesson: [int(part) for part in lesson.split(".")])
    return {lesson: _load(lesson) for lesson in lessons}


@functools.cache
def _load(lesson: str) -> list[Exercise]:
    """Read the texts of a lesson: a report must not wait for its judges, and what they import."""
    texts = read(path(lesson)) if path(lesson).exists() else {}
    return [
        Exercise(
            id=id,
            judge=functools.partial(_judge, lesson, id),
            **{name: text for name, text in fields.items() if name != "replies"},
        )
        for id, fields in texts.items()
    ]


def _judge(lesson: str, id: str, answer: Any) -> str | None:
    return _judges(lesson)[id](answer)


@functools.cache
def _judges(lesson: str) -> Mapping[str, Judge]:
    module = importlib.import_module(f"helpers.course.{path(lesson).parent.name}.exercises")
    texts = {exercise.id for exercise in _load(lesson)}
    for id in sorted(texts ^ module.JUDGES.keys()):
        missing = "judge" if id in texts else "text in exercises.toml"
        raise ValueError(f"{module.__file__}: there is no {missing} of exercise {id}")
    return module.JUDGES
