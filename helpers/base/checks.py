"""Checks of arguments that several packages make, with the same words for the same mistake."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable
from typing import Any


def whole(name: str, value: Any, least: int = 0) -> int:
    """Return a whole number that is large enough.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : object
        Any kind of whole number, numpy's included; True and False are refused.
    least : int, default 0
        The smallest that is allowed.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If it is not a whole number or is too small.

    Examples
    --------
    >>> whole("bins", 10, least=2)
    10
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or number < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number, {least} or more")
    return number


def share(name: str, value: Any, *, ends: bool = True) -> float:
    """Return a number from 0 to 1.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : object
        Any kind of real number; True and False are refused.
    ends : bool, default True
        Whether 0 and 1 themselves are allowed.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If it is not such a number.

    Examples
    --------
    >>> share("mirror", 0.25)
    0.25
    """
    try:
        number = math.nan if isinstance(value, bool | str) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not (0 <= number <= 1 if ends else 0 < number < 1):
        between = "from 0 to 1" if ends else "between 0 and 1, such as 0.95"
        raise ValueError(f"{name} is {value!r}; expected a share {between}")
    return number


def one_of(name: str, value: Any, possible: Iterable[str]) -> None:
    """Refuse a value that is not among the possible ones.

    Parameters
    ----------
    name : str
        The argument, for the message.
    value : object
        What was given.
    possible : iterable of str
        What is allowed.

    Raises
    ------
    ValueError
        Naming the nearest, or all that are possible.

    Examples
    --------
    >>> one_of("side", "left", ["left", "right"])
    """
    possible = list(possible)
    if not isinstance(value, str) or value not in possible:
        raise ValueError(f"{name} is {value!r}; {nearest(value, possible)}")


def nearest(value: Any, possible: Iterable[Any]) -> str:
    """Return words that lead from a misspelt name to the right one.

    Parameters
    ----------
    value : object
        The name that was not found.
    possible : iterable
        The names that exist.

    Returns
    -------
    str
        "did you mean ...?" where some are similar, otherwise all names (30 at most).

    Examples
    --------
    >>> nearest("incom", ["income", "age"])
    'did you mean income?'
    >>> nearest("x", ["income", "age"])
    'expected one of income, age'
    """
    names = [str(name) for name in possible]
    near = difflib.get_close_matches(str(value), names, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    more = f" and {len(names) - 30} more" if len(names) > 30 else ""
    return f"expected one of {', '.join(names[:30])}{more}" if names else "there are none"
