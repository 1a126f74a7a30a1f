"""Progress to hand in or to keep: a JUnit report, and a web page."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from datetime import date
from xml.etree import ElementTree

from helpers.course.exercises.core import Exercise

# One file, without anything from elsewhere; the colours have a contrast of at least 4.5 to 1.
_STYLE = """
:root { color-scheme: light dark; --ground: #fff; --text: #1a1a1a; --soft: #555; --line: #ccc;
  --solved: #00734f; --attempted: #b03a00; }
@media (prefers-color-scheme: dark) { :root { --ground: #16181c; --text: #e8e8e8; --soft: #aaa;
  --line: #444; --solved: #4fc79a; --attempted: #ff9a66; } }
body { background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif;
  max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .3rem; }
p { color: var(--soft); margin: .3rem 0; }
progress { width: 100%; height: .6rem; accent-color: var(--solved); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0;
  border-top: 1px solid var(--line); font-weight: normal; overflow-wrap: anywhere; }
th, td:last-child { white-space: nowrap; width: 1%; padding-right: .8rem; }
thead { position: absolute; clip-path: inset(50%); }
.solved { color: var(--solved); } .attempted { color: var(--attempted); }
.open { color: var(--soft); }
@media print { :root { --ground: #fff; --text: #000; } tr { break-inside: avoid; } }
"""
_MARKS = {"solved": "✔ solved", "attempted": "✘ attempted", "open": "… open"}


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


def page(
    lessons: Mapping[str, Sequence[Exercise]],
    states: Mapping[str, str],
    days: Mapping[str, str],
    titles: Mapping[str, str],
) -> str:
    """Write progress as a web page, complete in one file.

    Parameters
    ----------
    lessons : mapping of str to sequence of Exercise
        The exercises by lesson.
    states, days : mapping of str to str
        By exercise, as ``ProgressFile.read`` and ``ProgressFile.days`` return them.
    titles : mapping of str to str
        The name of each lesson.

    Returns
    -------
    str
        HTML. Lessons that were begun list their exercises; the others are one line at the end.

    Examples
    --------
    >>> from helpers.course.exercises.core import exercises_by_lesson
    >>> "1 of" in page(exercises_by_lesson(), {"0-a": "solved"}, {}, {"0": "Start"})
    True
    """
    begun, untouched, solved, total = [], [], 0, 0
    for lesson, exercises in lessons.items():
        own = [states.get(exercise.id, "open") for exercise in exercises]
        name = html.escape(f"{lesson} {titles.get(lesson, '')}".strip())
        solved, total = solved + own.count("solved"), total + len(own)
        if set(own) <= {"open"}:
            untouched.append(f"{name} ({len(own)} exercises)")
        else:
            begun.append(_lesson(name, exercises, own, days))
    rest = f"<h2>Not begun</h2><p>{'; '.join(untouched)}</p>" if untouched else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>What I have solved: First Dance with MLOps</title><style>{_STYLE}</style></head>"
        "<body><main><h1>What I have solved</h1>"
        f"<p>First Dance with MLOps, {date.today():%d %B %Y}: {solved} of {total} exercises</p>"
        f"{''.join(begun)}{rest}</main></body></html>\n"
    )


def _lesson(
    name: str, exercises: Sequence[Exercise], own: Sequence[str], days: Mapping[str, str]
) -> str:
    done = f"{own.count('solved')} of {len(own)} solved"
    rows = [
        f'<tr><th scope="row">{exercise.id}</th><td>{html.escape(exercise.question)}</td>'
        f'<td class="{state}">{_MARKS[state]}<br>{days.get(exercise.id, "")}</td></tr>'
        for exercise, state in zip(exercises, own, strict=True)
    ]
    return (
        f"<h2>{name}</h2><p>{done}</p>"
        f'<progress value="{own.count("solved")}" max="{len(own)}" aria-label="{name}: {done}">'
        '</progress><table><thead><tr><th scope="col">Exercise</th><th scope="col">Question</th>'
        '<th scope="col">State, day</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )
