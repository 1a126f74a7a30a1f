"""Judges for the common kinds of answer. Each returns a function from an answer to a reply."""

from __future__ import annotations

import numbers
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from helpers.course.exercises.calls import ReplyError, kind_of, run

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
    right: float, *, within: float = 0.0, replies: Mapping[float, str] | None = None
) -> Judge:
    """Judge an answer that is one number.

    Parameters
    ----------
    right : float
        The right number.
    within : float
        The tolerance.
    replies : mapping of float to str, optional
        Replies to numbers that result from a known mistake, recognised within 3 %.
    """

    def judge(answer: Any) -> str | None:
        value = as_number(answer)
        if value is None:
            return f"Expected a number, got {kind_of(answer)}."
        if abs(value - right) <= within:
            return None
        for typical, reply in (replies or {}).items():
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
            if not isinstance(got, type(expected)):
                kind = type(expected).__name__
                return f"Expected a {kind}, got {kind_of(got)}.\n{called}\nand returned {got!r}."
            if got != expected:
                return f"{reply}\n{called}\nand returned {got!r}."
        return None

    return judge


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
