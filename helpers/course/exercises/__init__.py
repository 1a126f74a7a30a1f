"""Exercises: ``check`` an answer, get a ``hint`` or the ``solution``, show your ``progress``.

In a notebook::

    answer = ...
    check("2.1-a", answer)

How to write one
----------------
The exercises of lesson 2.1 are the list ``EXERCISES`` in
``helpers/course/lesson_2_1/exercises.py``. An exercise is data and one function, the judge, which
returns None for a right answer and otherwise explains what was misunderstood. ``judges`` has judges
for the common kinds of answer. ``wrong`` lists answers that people really give, each with words
from the reply intended for it; the tests try all of them, and the solution too. A judge that runs
what the learner wrote calls it through ``calls.run``: on copies, for a limited time.

>>> from helpers.course.exercises.core import Exercise
>>> from helpers.course.exercises.judges import number
>>> sixteen = Exercise(
...     id="9.9-a",
...     question="How many columns has the loan book? A whole number.",
...     judge=number(16, replies={15: "That leaves the label out."}),
...     hints=("`loans.shape` has rows and columns.",),
...     solution="answer = 16",
...     wrong=(("15", "the label"), ("2_000", "too large")),
... )
>>> sixteen.feedback(15)
[wrong] 9.9-a: That leaves the label out.
>>> sixteen.feedback(...)
[not attempted] 9.9-a: Replace the ... with your answer and run the cell again.
"""

from __future__ import annotations

import warnings

from helpers.base import resources
from helpers.course.exercises.core import UnknownExerciseError, exercises_by_lesson, find
from helpers.course.exercises.panel import Feedback, Progress, Text
from helpers.course.exercises.store import ProgressFile

__all__ = ["UnknownExerciseError", "check", "hint", "progress", "solution"]


def check(id: str, answer: object) -> Feedback:
    """Check an answer, and remember whether it was right.

    Parameters
    ----------
    id : str
        The exercise, such as ``"2.1-a"``.
    answer : object
        Your answer; ``...`` means not answered yet.

    Returns
    -------
    Feedback
        Right, wrong (with what was misunderstood) or not attempted. Displayed when it is the last
        line of a cell.

    Raises
    ------
    UnknownExerciseError
        If there is no such exercise; the message names the nearest. A wrong answer never raises.
    """
    feedback = find(id).feedback(answer)
    if feedback.status != "not attempted":
        try:
            ProgressFile().record(id, solved=feedback.status == "right")
        except OSError as error:  # a full or read-only disk must not hide the reply
            warnings.warn(f"your progress could not be saved: {error}", stacklevel=2)
    return feedback


def hint(id: str) -> Text:
    """Return the next hint for an exercise; after the last hint comes the first again.

    Parameters
    ----------
    id : str
        The exercise, such as ``"2.1-a"``.

    Returns
    -------
    Text
    """
    hints = find(id).hints
    seen = _hints_seen.get(id, 0)
    _hints_seen[id] = seen + 1
    at = seen % len(hints)
    return Text(f"Hint {at + 1} of {len(hints)}", hints[at])


def solution(id: str) -> Text:
    """Return a solution, as code that sets ``answer``. There may be others.

    Parameters
    ----------
    id : str
        The exercise, such as ``"2.1-a"``.

    Returns
    -------
    Text
    """
    return Text(f"A solution of {id}", find(id).solution.strip(), code=True)


def progress() -> Progress:
    """Return how many exercises of each lesson you have solved.

    Returns
    -------
    Progress
    """
    done = ProgressFile().read()
    counts = {}
    for lesson, exercises in exercises_by_lesson().items():
        states = [done.get(exercise.id) for exercise in exercises]
        counts[lesson] = (states.count("solved"), states.count("attempted"), len(states))
    return Progress(counts, {lesson.number: lesson.title for lesson in resources.lessons()})


_hints_seen: dict[str, int] = {}
