"""Exercises: ``check`` an answer, get a ``hint`` or the ``solution``, show your ``progress``.

In a notebook::

    answer = ...
    check("2.1-a", answer)

How to write one
----------------
An exercise is texts and one function, the judge. The texts of lesson 2.1 are in
``helpers/course/lesson_2_1/exercises.toml``; ``texts`` describes the file. ``wrong`` lists answers
that people really give, each with words from the reply intended for it; the tests try all of them,
and the solution too.

The judges are the dict ``JUDGES`` in ``exercises.py`` beside it, loaded when the first answer is
there. A judge returns None for a right answer and otherwise explains what was misunderstood.
``judges`` makes judges for the common kinds of answer. One that runs what the learner wrote calls
it through ``calls.run``: on copies, for a limited time.

>>> from helpers.course.exercises.judges import number
>>> JUDGES = {"9.9-a": number(16, replies={15: "That leaves the label out."})}
>>> JUDGES["9.9-a"](15)
'That leaves the label out.'
>>> find("2.1-a").feedback(...)
[not attempted] 2.1-a: Replace the ... with your answer and run the cell again.
"""

from __future__ import annotations

import warnings

from helpers.base import resources
from helpers.course.exercises.core import UnknownExerciseError, exercises_by_lesson, find, judged
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
    feedback = judged(id, answer)
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
