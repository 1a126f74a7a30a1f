"""What a policy is: four hooks, what each of them is shown, and what it may answer."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Literal, get_args, get_type_hints

import pandas as pd


@dataclass(frozen=True)
class File:
    """The applications of one day; all but `rows` are shares of them."""

    day: pd.Timestamp
    rows: int
    unreadable: float  # a number that is text
    out_of_range: float  # outside of what the model was trained on
    missing: float  # without credit history
    unknown_words: float
    repeated: float  # an id that came before


@dataclass(frozen=True)
class Alarm:
    """An alert that fires; it is shown again after seven days if it still does."""

    day: pd.Timestamp
    name: str  # "Errors", "Mix" or "Grants": those of ALERTS
    value: float  # of the gauge in its rule
    column: str  # for "Mix", the feature that moved most
    released_days_ago: int  # since the last promotion


@dataclass(frozen=True)
class Month:
    """The first day of a month. Signs are of loans of four months ago: none before 1 June."""

    day: pd.Timestamp
    labels: int  # loans of 2025 whose outcome is known by now
    signs: pd.DataFrame  # a row a month, a column a source: warnings per loan minus those promised
    promised: pd.Series  # by month: the mean risk that the model stated, without a brake


@dataclass(frozen=True)
class Canary:
    """A release or a candidate that gets 5 % of the traffic; shown each day, for seven at most."""

    day: pd.Timestamp
    what: str  # "server" (new code, the same model) or "model" (retrained)
    days: int  # since it began, from 1
    parity: int  # of 400 golden rows, how many decisions differ from the notebook's
    guilty: str | None  # what the sequential test of lesson 4.5 has found, if it has


@dataclass(frozen=True)
class Plan:
    """What `on_month` answers: for the coming month."""

    retrain: bool = False  # make a candidate of all loans whose outcome is known
    brake: float = 1.0  # by what each stated risk is multiplied, from 0.2 to 10

    def __str__(self) -> str:
        return f"retrain {self.retrain}, brake {self.brake:.2f}"


class Policy:
    """Answers for a year. A subclass overrides hooks; these do nothing."""

    def on_file(self, file: File) -> Literal["accept", "quarantine"]:
        """Return "accept" or "quarantine"."""
        return "accept"

    def on_alarm(self, alarm: Alarm) -> Literal["ignore", "page"]:
        """Return "ignore" or "page"."""
        return "ignore"

    def on_month(self, month: Month) -> Plan:
        """Return a Plan."""
        return Plan()

    def on_canary(self, canary: Canary) -> Literal["promote", "hold", "roll back"]:
        """Return "promote", "hold" or "roll back"."""
        return "promote"


def ask(policy: Any, hook: str, shown: Any) -> Any:
    """Return a hook's answer; raise a ValueError if it is not one."""
    answer, kind = getattr(policy, hook)(shown), get_type_hints(getattr(Policy, hook))["return"]
    words = get_args(kind)
    if not (isinstance(answer, str) and answer in words if words else isinstance(answer, Plan)):
        expected = " or ".join(map(repr, words)) or "a Plan, such as Plan()"
        raise ValueError(f"{hook} returned {answer!r}; expected {expected}")
    if not words and not (isinstance(answer.brake, Real) and 0.2 <= answer.brake <= 10):
        raise ValueError(f"{hook}: brake is {answer.brake!r}; allowed is 0.2 to 10")
    return answer


class Calm(Policy):
    """Act on what is large, and promote what has passed its canary."""

    def on_file(self, file: File) -> str:
        """Quarantine what would hurt many."""
        hurt = max(file.unreadable, file.out_of_range, file.missing / 2)
        return "quarantine" if hurt > 0.1 else "accept"

    def on_alarm(self, alarm: Alarm) -> str:
        """Page, but not for a few errors."""
        return "ignore" if alarm.name == "Errors" and alarm.value < 0.02 else "page"

    def on_canary(self, canary: Canary) -> str:
        """Promote after three days without a finding."""
        if canary.guilty or (canary.what == "server" and canary.parity > 4):
            return "roll back"
        return "promote" if canary.days >= 3 else "hold"
