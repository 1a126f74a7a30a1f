"""Progress as a JUnit report, which every CI and many course platforms can read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from helpers.course.exercises.core import Exercise


def junit(lessons: Mapping[str, Sequence[Exercise]], states: Mapping[str, str]) -> str:
    """Write progress as a JUnit report: a suite for each lesson, a case for each exercise.

    Parameters
    ----------
    lessons : mapping of str to sequence of Exercise
        The exercises by lesson.
    states : mapping of str to str
        "solved" or "attempted" by exercise, as ``ProgressFile.read`` returns it.

    Returns
    -------
    str
        XML. A solved exercise has passed; one tried without success has failed, with its question;
        one not attempted is skipped.

    Examples
    --------
    >>> from helpers.course.exercises.core import exercises_by_lesson
    >>> "skipped" in junit(exercises_by_lesson(), {})
    True
    """
    root = ElementTree.Element("testsuites", name="exercises")
    for lesson, exercises in lessons.items():
        own = [states.get(exercise.id) for exercise in exercises]
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=f"lesson {lesson}",
            tests=str(len(own)),
            failures=str(own.count("attempted")),
            errors="0",
            skipped=str(len(own) - own.count("attempted") - own.count("solved")),
        )
        for exercise, state in zip(exercises, own, strict=True):
            place = {"classname": f"lesson {lesson}", "name": exercise.id}
            case = ElementTree.SubElement(suite, "testcase", place)
            if state == "attempted":
                said = {"message": f"tried, not solved: {exercise.question}"}
                ElementTree.SubElement(case, "failure", said)
            elif state != "solved":
                ElementTree.SubElement(case, "skipped", message="not attempted")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"
