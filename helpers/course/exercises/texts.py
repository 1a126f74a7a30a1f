"""The texts of a lesson's exercises: ``exercises.toml``, beside the judges in ``exercises.py``.

Each exercise is a table, in the order in which they are asked::

    ["9.9-a"]
    kind = "code"
    question = "A function share(loans): the share of the loans that were not paid back."
    hints = ["A share is a mean.", "The mean of a column of 0 and 1 is the share of its ones."]
    solution = '''
    def share(loans):
        return loans["defaulted"].mean()


    answer = share
    '''
    right = "That is right: about one in seven."
    wrong = [
        { answer = "0.14", reply = "Expected a function" },
        { change = { 'mean' = 'sum' }, reply = "a number of loans, not a share" },
    ]
    replies.0 = "That is the first one's outcome. A share is of all."

``kind``, ``right`` and ``replies`` may be left out; a judge reads the last. A text in three quotes
may have several lines, and is read as one. Code keeps its lines, and may be indented as a whole. A
wrong answer is either code or a ``change`` of the solution: some of its passages, and what stands
in their place.
"""

from __future__ import annotations

import textwrap
import tomllib
from collections.abc import Collection
from pathlib import Path
from typing import Any

KINDS = ("code", "design", "number", "choice")
_COURSE = Path(__file__).resolve().parents[1]


def path(lesson: str) -> Path:
    """Return where a lesson's texts are, or would be."""
    return _COURSE / f"lesson_{lesson.replace('.', '_')}" / "exercises.toml"


def replies(id: str) -> dict[str, str]:
    """Return an exercise's replies to typical answers, for a judge that `judges` makes.

    Parameters
    ----------
    id : str
        The exercise.

    Returns
    -------
    dict of str to str
        By the answer, or the part of it, that they reply to.

    Examples
    --------
    >>> replies("2.7-a")["E"]
    'E: fields are matched by name. Does their order matter?'
    """
    return read(path(id.partition("-")[0]))[id]["replies"]


def read(path: Path) -> dict[str, dict[str, Any]]:
    """Return the texts of a lesson's exercises.

    Parameters
    ----------
    path : pathlib.Path
        The file ``exercises.toml``.

    Returns
    -------
    dict of str to dict
        By id, in the order of the file: the fields of an ``Exercise``, all but its judge.

    Raises
    ------
    ValueError
        If it cannot be read; the message names the file and the exercise.
    """
    at, texts = str(path), {}
    try:
        for id, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            at = f"{path}, exercise {id}"
            texts[id] = _fields(table)
    except ValueError as error:  # such as those of tomllib
        raise ValueError(f"{at}: {error}") from None
    return texts


def _fields(table: Any) -> dict[str, Any]:
    _keys(table, ("question", "hints", "solution", "wrong"), optional=("right", "kind", "replies"))
    if not table["hints"]:
        raise ValueError("hints is empty; expected at least one")
    solution = _code(table["solution"])
    fields = {
        "question": _line(table["question"]),
        "hints": tuple(map(_line, _is(list, table["hints"]))),
        "solution": solution,
        "wrong": tuple(_wrong(one, solution) for one in _is(list, table["wrong"])),
    }
    if "right" in table:
        fields["right"] = _line(table["right"])
    if "replies" in table:
        texts = _is(dict, table["replies"]).items()
        fields["replies"] = {answer: _line(text) for answer, text in texts}
    if "kind" in table:
        fields["kind"] = _is(str, table["kind"])
        if fields["kind"] not in KINDS:
            raise ValueError(f"there is no kind {table['kind']!r}; kinds are {', '.join(KINDS)}")
    return fields


def _wrong(table: Any, solution: str) -> tuple[str, str]:
    if "change" not in _is(dict, table):
        _keys(table, ("answer", "reply"))
        return _code(table["answer"]), _line(table["reply"])
    _keys(table, ("change", "reply"))
    answer = solution
    for old, new in _is(dict, table["change"]).items():
        if old not in answer:
            raise ValueError(f"a wrong answer changes {old!r}, which is not in the solution")
        answer = answer.replace(old, _code(new) if "\n" in _is(str, new) else new)
    return answer, _line(table["reply"])


def _keys(table: Any, needed: Collection[str], optional: Collection[str] = ()) -> None:
    if unknown := _is(dict, table).keys() - {*needed, *optional}:
        known = ", ".join((*needed, *optional))
        raise ValueError(f"there is no key {min(unknown)!r}; keys are {known}")
    if missing := set(needed) - table.keys():
        raise ValueError(f"{min(missing)} is missing")


def _is(kind: type, value: Any) -> Any:
    if not isinstance(value, kind):
        names = {str: "a text", list: "a list", dict: "a table"}
        raise ValueError(f"expected {names[kind]}, got {value!r}")
    return value


def _line(text: Any) -> str:
    return " ".join(_is(str, text).split())


def _code(text: Any) -> str:
    return textwrap.dedent(_is(str, text)).strip()
