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
    value: float
    column: str  # for "Mix", the feature that moved most
    released_days_ago: int  # since the last promotion


@dataclass(frozen=True)
class Month:
    """The first day of a month. Signs are known of loans of four months ago and earlier."""

    day: pd.Timestamp
    labels: int  # loans of 2025 whose outcome is known by now
    signs: pd.DataFrame  # a row a month, a column a source: warnings per loan minus those promised
    promised: pd.Series  # by month: the mean risk that the model stated for these loans


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
    """What `on_month` answers: for the coming month.

    `retrain`: make a candidate of all loans whose outcome is known. `brake`: by what each stated
    risk is multiplied. `explore`: the share of the refused who are granted at random.
    """

    retrain: bool = False
    brake: float = 1.0
    explore: float = 0.0

    def __str__(self) -> str:
        return f"retrain {self.retrain}, brake {self.brake:.2f}, explore {self.explore:g}"


class Policy:
    """Answers for a year. A subclass overrides hooks; these do nothing."""

    def on_file(self, file: File) -> Literal["accept", "quarantine"]:
        """Return "accept" or "quarantine"."""
        return "accept"

    def on_alarm(self, alarm: Alarm) -> Literal["ignore", "page", "roll back"]:
        """Return "ignore", "page" or "roll back"."""
        return "ignore"

    def on_month(self, month: Month) -> Plan:
        """Return a Plan."""
        return Plan()

    def on_canary(self, canary: Canary) -> Literal["promote", "hold", "roll back"]:
        """Return "promote", "hold" or "roll back"."""
        return "promote"


HOOKS = {
    hook: get_type_hints(one)["return"] for hook, one in vars(Policy).items() if hook[:3] == "on_"
}


def ask(policy: Any, hook: str, shown: Any) -> Any:
    """Return a hook's answer; raise a ValueError if it is not one."""
    answer, words = getattr(policy, hook)(shown), get_args(HOOKS[hook])
    if words and not (isinstance(answer, str) and answer in words):
        allowed = ", ".join(map(repr, words))
        raise ValueError(f"{hook} returned {answer!r}; allowed are {allowed}")
    if not words and not isinstance(answer, Plan):
        raise ValueError(f"{hook} returned {answer!r}; expected a Plan, such as Plan()")
    for name, low, high in (("brake", 0.2, 10), ("explore", 0, 1)):
        value = getattr(answer, name, low)
        if not isinstance(value, Real) or not low <= value <= high:
            raise ValueError(f"{hook}: {name} is {value!r}; allowed is {low} to {high}")
    return answer


class Hectic(Policy):
    """Act on everything, and retrain each month."""

    def on_file(self, file: File) -> str:
        """Quarantine a file with anything unusual in it."""
        parts = (file.unreadable, file.out_of_range, file.unknown_words, file.repeated)
        return "quarantine" if any(parts) or file.missing > 0.02 else "accept"

    def on_alarm(self, alarm: Alarm) -> str:
        """Page for each one."""
        return "page"

    def on_month(self, month: Month) -> Plan:
        """Retrain: the newest data are the best."""
        return Plan(retrain=True)


class Calm(Policy):
    """Act on what is large, and promote what has passed its canary."""

    def on_file(self, file: File) -> str:
        """Quarantine what would hurt many."""
        hurt = file.unreadable > 0.1 or file.missing > 0.2 or file.out_of_range > 0.1
        return "quarantine" if hurt else "accept"

    def on_alarm(self, alarm: Alarm) -> str:
        """Page, but not for a few errors."""
        return "ignore" if alarm.name == "Errors" and alarm.value < 0.02 else "page"

    def on_canary(self, canary: Canary) -> str:
        """Promote after three days without a finding."""
        if canary.guilty or (canary.what == "server" and canary.parity > 4):
            return "roll back"
        return "promote" if canary.days >= 3 else "hold"
