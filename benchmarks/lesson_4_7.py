"""The surprises of lesson 4.7 over twenty worlds: ``python -m benchmarks.lesson_4_7 [--write]``.

``--write`` makes the record of all sets of capabilities, which the lesson ships.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path

import pandas as pd

from helpers import world
from helpers.course.lesson_4_7 import policy as given
from helpers.course.lesson_4_7.generations import generations
from helpers.course.lesson_4_7.policy import Alarm, Calm, Canary, File, Month, Plan
from helpers.course.lesson_4_7.year import made, run_year

WORLDS = range(1, 21)
CAPABILITIES = ("gate", "alarms", "parity", "canary", "brake")
RECORD = Path(given.__file__).with_name("capabilities.csv")


class Team(Calm):
    """The calm policy and a brake, without some of its capabilities."""

    def __init__(self, without: tuple[str, ...] = ()) -> None:
        self.without = without

    def on_file(self, file: File) -> str:
        """Accept all without the gate."""
        return "accept" if "gate" in self.without else super().on_file(file)

    def on_alarm(self, alarm: Alarm) -> str:
        """Hear nothing without alarms."""
        return "ignore" if "alarms" in self.without else super().on_alarm(alarm)

    def on_canary(self, canary: Canary) -> str:
        """See what is left to see."""
        if "parity" in self.without:
            canary = replace(canary, parity=0)
        if "canary" in self.without:
            canary = replace(canary, guilty=None)
        return super().on_canary(canary)

    def on_month(self, month: Month) -> Plan:
        """Brake by how much more the signs of two months say than was promised."""
        if "brake" in self.without or not len(month.signs):
            return Plan()
        worth = [hit - false for hit, false in map(world.SIGNS.get, month.signs)]
        more = (month.signs.tail(2) / worth).median(axis=1).mean() / month.promised.tail(2).mean()
        return Plan(brake=1 + more if more > 0.3 else 1.0)


class Quarterly(Calm):
    """The calm policy, which retrains four times a year."""

    def on_month(self, month: Month) -> Plan:
        """Retrain in April, July and October."""
        return Plan(retrain=month.day.month in (4, 7, 10))


class Unseen(given.Hectic):
    """The hectic policy without its retraining."""

    def on_month(self, month: Month) -> Plan:
        """Keep the model."""
        return Plan()


def policies() -> None:
    """Print the ledgers of the policies, in million euro."""
    ledgers = {}
    for seed in WORLDS:
        for one in (given.Policy, given.Hectic, Unseen, Calm, Quarterly, Team):
            ledgers[one.__name__, seed] = run_year(one, seed).ledger / 1e6
        made.cache_clear()
    table = pd.DataFrame(ledgers)
    print(table.T.groupby(level=0).mean().T.round(2).to_string())
    total = table.loc["total"].rename_axis(["policy", "world"]).reset_index()
    total = total.pivot_table("total", "world", "policy")
    total["best"] = table.loc["best possible", "Calm"]
    print(total.round(1).to_string())
    share = total.sub(total["Policy"], axis=0).div(total["best"], axis=0)
    print((share > 0.15).sum().to_dict(), "worlds with 15 % of the best possible more than nothing")
    print((total["Hectic"] < total["Policy"]).sum(), "worlds where hectic loses to nothing")


def capabilities(write: bool) -> None:
    """Print what each set of capabilities is worth when it is missing; write the record."""
    sets = chain.from_iterable(combinations(CAPABILITIES, k) for k in range(6))
    rows = dict.fromkeys(sets, 0.0)
    for seed in WORLDS:
        for cut in rows:
            rows[cut] += run_year(Team(cut), seed, 1_000).total / len(WORLDS)
        made.cache_clear()
    table = pd.Series({"+".join(cut): round(euro) for cut, euro in rows.items()}, name="euro")
    print(((table - table[""]) / 1e6).round(2).to_string())
    if write:
        table.rename_axis("without").to_csv(RECORD, lineterminator="\n")


def learning() -> None:
    """Print what learning from grants costs, in euro an application, and random grants' worth."""
    kinds = {"all": (None, True), "granted": (0, True), "1 %": (0.01, False),
             "1 % weighted": (0.01, True), "5 %": (0.05, False)}  # fmt: skip
    for seed in range(1, 9):
        found = {name: generations(seed, *kind, 2_000) for name, kind in kinds.items()}
        earned = pd.DataFrame({name: one["earned"] for name, one in found.items()})
        earned["price"], earned["best"] = found["1 %"]["price"], found["all"]["best"]
        print(seed, earned.round(0).T.to_string())


if __name__ == "__main__":
    capabilities("--write" in sys.argv)
    policies()
    learning()
