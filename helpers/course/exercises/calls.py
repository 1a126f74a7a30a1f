"""Call what a learner wrote: on copies, for a limited time, with a reply when it fails."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from types import FunctionType
from typing import Any


class ReplyError(Exception):
    """What to tell the learner: a judge may raise it in place of returning the text."""


def run(answer: Callable, *arguments: Any, seconds: float = 10.0, about: str = "") -> Any:
    """Return what a learner's function returns.

    Parameters
    ----------
    answer : callable
        The learner's answer; not necessarily a function.
    *arguments : object
        Those with a ``copy`` method are copied, so that one call cannot change them for the next.
    seconds : float, default 10.0
        When to stop an answer that is slow or endless. Only the main thread can be stopped.
    about : str, optional
        What it was called with, for the reply; by default the arguments themselves.

    Returns
    -------
    object

    Raises
    ------
    ReplyError
        If it is not a function, raises, or takes too long.

    Examples
    --------
    >>> run(len, [1, 2])
    2
    """
    function(answer)
    called = "It was called with " + (about or "\n" + "\n".join(map(str, arguments)))
    try:
        with time_limit(seconds):
            return answer(*(one.copy() if hasattr(one, "copy") else one for one in arguments))
    except ReplyError:  # of something that the judge has handed in
        raise
    except _TooSlow:
        raise ReplyError(
            f"Your function was stopped after {seconds:g} seconds. Look for a loop that never "
            f"ends, or for work done row by row that numpy or pandas does at once. {called}"
        ) from None
    except (Exception, SystemExit) as error:
        raise ReplyError(
            f"Your function raised {type(error).__name__}: {error}\n{called}"
        ) from error


def refused(call: Callable[[], Any], about: str = "what must be refused") -> bool:
    """Return whether a call of a learner's function raises a ValueError.

    Raises
    ------
    ReplyError
        If it fails in another way.
    """
    try:
        run(call, about=about)
    except ReplyError as failure:
        if not isinstance(failure.__cause__, ValueError):
            raise
        return True
    return False


def function(answer: Any) -> Callable:
    """Return an answer that is a function.

    Raises
    ------
    ReplyError
        If it is something else; a class counts as that.
    """
    if isinstance(answer, type) or not callable(answer):
        raise ReplyError(
            f"Expected a function (its name, without calling it), got {kind_of(answer)}."
        )
    return answer


def restarted(answer: Any) -> Callable:
    """Return a learner's function as another process has it.

    There ``hash()`` gives other numbers, and what its lists, dicts and sets remember is lost. So
    take it before the function is called for the first time.

    Examples
    --------
    >>> seen = {}
    >>> def number(order):
    ...     return seen.setdefault(order, len(seen))
    >>> again = restarted(number)
    >>> number("a"), number("b"), again("b")
    (0, 1, 0)
    """
    theirs = getattr(function(answer), "__globals__", {})

    def fresh(value: Any) -> Any:
        if isinstance(value, FunctionType) and value.__globals__ is theirs:
            defaults = tuple(map(fresh, value.__defaults__ or ()))
            again = FunctionType(value.__code__, own, None, defaults, value.__closure__)
            again.__kwdefaults__ = value.__kwdefaults__
            return again
        return copy(value) if type(value) in (dict, list, set) else value

    own: dict[str, Any] = {"hash": lambda key: len(str(key)) * 7_919}
    own |= {name: fresh(value) for name, value in theirs.items()}
    return fresh(answer)


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise an error in the block when the time is up; without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: object) -> None:
        raise _TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def kind_of(answer: Any) -> str:
    """Return what an answer is, for the reply to one of the wrong type."""
    if isinstance(answer, float) and answer != answer:
        return "NaN"
    return "None" if answer is None else f"an answer of type {type(answer).__name__}"


class _TooSlow(BaseException):
    """Not an Exception, so that a learner's ``except Exception`` does not swallow it."""
