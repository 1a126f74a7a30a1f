"""Judges for the common kinds of answer. Each returns a function from an answer to a reply."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, kind_of, run

if TYPE_CHECKING:
    import numpy as np

Judge = Callable[[Any], str | None]


def name(right: str, *, among: Collection[str], replies: Mapping[str, str] | None = None) -> Judge:
    """Judge an answer that is one name.

    Parameters
    ----------
    right : str
        The right name.
    among : collection of str
        The possible names.
    replies : mapping of str to str, optional
        Replies to wrong names.
    """

    def judge(answer: Any) -> str | None:
        if not isinstance(answer, str):
            return f"Expected one name, a string in quotes, got {kind_of(answer)}."
        given = answer.strip()
        if given == right:
            return None
        if given.lower() == right.lower():
            return "Nearly: mind capital letters, names are exact."
        if given not in among:
            return f"{given!r} is not one of them: {', '.join(sorted(among))}."
        return (replies or {}).get(given, f"Not {given!r}: look again.")

    return judge


def number(
    right: float, *, within: float = 0.0, replies: Mapping[str | float, str] | None = None
) -> Judge:
    """Judge an answer that is one number.

    Parameters
    ----------
    right : float
        The right number.
    within : float
        The tolerance.
    replies : mapping of str or float to str, optional
        Replies to numbers that result from a known mistake, recognized within 3 %.
    """

    def judge(answer: Any) -> str | None:
        value = as_number(answer)
        if value is None:
            return f"Expected a number, got {kind_of(answer)}."
        if abs(value - right) <= within:
            return None
        for text, reply in (replies or {}).items():
            typical = float(text)
            if abs(value - typical) <= 0.03 * abs(typical):
                return reply
        size = "large" if value > right else "small"
        return f"{value:g} is too {size}, and not by a mistake that is known here: take a hint."

    return judge


def chosen(
    right: Collection[str],
    *,
    among: Collection[str],
    extra: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
) -> Judge:
    """Judge an answer that is a set of names.

    Parameters
    ----------
    right : collection of str
        The right names.
    among : collection of str
        The names to choose from.
    extra, missing : mapping of str to str, optional
        Replies to a name that should not be in the answer, or to one that is missing.
    """

    def judge(answer: Any) -> str | None:
        if isinstance(answer, str) or not isinstance(answer, Collection):
            return f"Expected a set: names in quotes, between braces; got {kind_of(answer)}."
        strange = [one for one in answer if one not in set(among)]
        if strange:
            return f"{strange[0]!r} is not one of them: {', '.join(sorted(among))}."
        for one in sorted(set(answer) - set(right)):
            return (extra or {}).get(one, f"{one} does not belong here.")
        lacking = sorted(set(right) - set(answer))
        if len(lacking) > 1:
            return f"What you have is right, and {len(lacking)} more are missing."
        if lacking:
            return "One is missing. " + (missing or {}).get(lacking[0], "Look again.")
        return None

    return judge


def assigned(
    right: Mapping[str, str], *, values: Collection[str], replies: Mapping[str, str] | None = None
) -> Judge:
    """Judge an answer that assigns a value to each of several names.

    Parameters
    ----------
    right : mapping of str to str
        The right value of each name.
    values : collection of str
        The possible values.
    replies : mapping of str to str, optional
        Replies to a wrong value of a name.
    """

    def judge(answer: Any) -> str | None:
        if not isinstance(answer, Mapping):
            return f"Expected a dict from name to {' or '.join(values)}, got {kind_of(answer)}."
        unknown = [key for key in answer if key not in right]
        lacking = [key for key in right if key not in answer]
        if unknown or lacking:
            what = f"{unknown[0]!r} is not one of them" if unknown else f"{lacking[0]!r} is missing"
            return f"{what}; the names are {', '.join(right)}."
        for key, value in answer.items():
            if value not in list(values):
                return f"For {key!r} you wrote {value!r}; the possible values are {list(values)}."
        for key, value in right.items():
            if answer[key] != value:
                return (replies or {}).get(key, f"Think again about {key!r}.")
        return None

    return judge


def behaves(cases: Sequence[tuple[tuple, Any, str]]) -> Judge:
    """Judge an answer that is a function, by what it returns.

    Parameters
    ----------
    cases : sequence of (arguments, expected, reply)
        Tried in order; the reply is that of the first case that fails. An argument with a
        ``copy`` method is copied, so that one case cannot change it for the next.
    """

    def judge(answer: Any) -> str | None:
        for arguments, expected, reply in cases:
            called = "It was called with\n" + "\n".join(map(str, arguments))
            try:
                got = run(answer, *arguments)
            except ReplyError as failure:
                raised = failure.__cause__
                its_fault = isinstance(raised, Exception) and not isinstance(raised, TypeError)
                return f"{failure}\n{reply}" if its_fault else str(failure)
            if isinstance(expected, int | float) and not isinstance(expected, bool):
                number = as_number(got)  # numpy's numbers too
                got = (
                    got if number is None else type(expected)(number) if number == expected else got
                )
            if expected is not None and not isinstance(got, type(expected)):
                kind = type(expected).__name__
                return f"Expected a {kind}, got {kind_of(got)}.\n{called}\nand returned {got!r}."
            if got != expected:
                return f"{reply}\n{called}\nand returned {got!r}."
        return None

    return judge


def first_reply(tries: Callable[[Any], Iterator[str | None]]) -> Judge:
    """Judge an answer by a generator of replies: the first one that is not empty is given.

    Parameters
    ----------
    tries : callable
        Takes the answer, and yields what is wrong with it; nothing, None or "" where all is well.

    Examples
    --------
    >>> judge = first_reply(lambda answer: ("Too large." for most in (9, 5) if answer > most))
    >>> judge(7), judge(5)
    ('Too large.', None)
    """
    return lambda answer: next(filter(None, tries(answer)), None)


def slip(
    answer: Callable,
    given: tuple,
    right: float,
    slips: Mapping[str, float],
    replies: Mapping[str, str],
    about: str,
) -> str:
    """Call a learner's function: nothing, or the reply to the mistake that gives its number.

    Parameters
    ----------
    answer : callable
        The learner's.
    given : tuple
        What it is called with; `about` names it in the replies.
    right : float
        What it should return.
    slips : mapping of str to float
        What it returns with each known mistake; the first one that fits has its reply.
    replies : mapping of str to str
        By the names of the mistakes, and ``else``.
    about : str
    """
    returned = run(answer, *given, about=about)
    if (got := as_number(returned)) is None:
        return f"Expected that your function returns a number; it returned {kind_of(returned)}."
    if math.isclose(got, right, abs_tol=1e-9):
        return ""
    near = (name for name, value in slips.items() if math.isclose(got, value, abs_tol=1e-9))
    return f"{replies[next(near, 'else')]} It was called with {about}; it returned {got:.4g}."


def as_number(answer: Any) -> float | None:
    """Return an answer as a number; None if it is not a number (nor are a bool and nan)."""
    if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
        item = getattr(answer, "item", None)  # numpy scalars and arrays of one element
        if getattr(answer, "size", 0) != 1 or not callable(item):
            return None
        answer = item()
        if isinstance(answer, bool) or not isinstance(answer, numbers.Real):
            return None
    value = float(answer)
    return None if value != value else value


def as_numbers(answer: Any, shape: tuple[int, ...], what: str, *, gaps: bool = False) -> np.ndarray:
    """Return an answer as an array of numbers.

    Parameters
    ----------
    answer : object
        Mostly what a learner's function has returned.
    shape : tuple of int
        The shape that it must have.
    what : str
        What its numbers are, such as ``"probabilities, one for each loan"``.
    gaps : bool, default False
        Whether NaN may be among them.

    Raises
    ------
    ReplyError
        If it is something else.

    Examples
    --------
    >>> as_numbers([True, 0.5], (2,), "weights")
    array([1. , 0.5])
    """
    import numpy as np

    try:
        raw = np.asarray(answer)
        if raw.dtype.kind not in "biufO" or any(isinstance(one, str) for one in raw.flat):
            raise TypeError
        values = raw.astype(float)
    except (TypeError, ValueError):
        found = kind_of(answer)
    else:
        missing = 0 if gaps else np.isnan(values).sum()
        if values.shape == shape and not missing:
            return values
        right_shape = values.shape == shape
        found = f"{missing} NaN" if right_shape else f"{kind_of(answer)}, of shape {values.shape}"
    raise ReplyError(f"Expected {' x '.join(f'{n:,}' for n in shape)} {what}; got {found}.")


def as_names(
    answer: Any, among: Iterable[str], what: str = "columns", *, more: str = ""
) -> set[str]:
    """Return an answer that lists names, in any kind of collection.

    Parameters
    ----------
    answer : object
        Mostly what a learner's function has returned.
    among : iterable of str
        The names that there are.
    what : str, default "columns"
        What they are names of.
    more : str, optional
        What is added to a reply, such as with what the function was called.

    Raises
    ------
    ReplyError
        If it is something else, or one of its names is unknown.

    Examples
    --------
    >>> sorted(as_names(("age", "sex", "age"), ["age", "income", "sex"]))
    ['age', 'sex']
    """
    expected, more, known = f"Expected names of {what}", f" {more}".rstrip(), list(among)
    there = f"in {', '.join(known)}" if len(known) < 100 else "among them"
    single = isinstance(answer, str | bytes | Mapping) or hasattr(answer, "columns")
    if single or not isinstance(answer, Collection) or getattr(answer, "ndim", 1) != 1:
        raise ReplyError(f"{expected}, got {kind_of(answer)}.{more}")
    names = list(answer)
    if names and not isinstance(names[0], str) and {*map(str, names)} <= {"True", "False"}:
        raise ReplyError(f"{expected}, got a mask of True and False.{more}")
    for name in names:
        if not isinstance(name, str) or name not in known:
            raise ReplyError(f"{expected}; {name!r} is not {there}.{more}")
    return set(names)
