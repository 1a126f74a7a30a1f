"""The surprises of lesson 4.7 over twenty worlds: ``python -m benchmarks.lesson_4_7 [--write]``.

``--write`` makes the records that the lesson ships: what the year is worth without each set of
capabilities, and what the monitors show in months in which one thing happens.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import lru_cache
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from helpers import world
from helpers.base.stats import auc
from helpers.course.lesson_4_7 import policy as given
from helpers.course.lesson_4_7.policy import Alarm, Calm, Canary, File, Month, Plan
from helpers.course.lesson_4_7.year import made, run_year
from helpers.course.linear import NUMBERS, linear

WORLDS = range(1, 21)
CAPABILITIES = ("gate", "alarms", "parity", "canary", "brake")
RECORD = Path(given.__file__).with_name("capabilities.csv")
MONTHS = RECORD.with_name("months.csv")


YEARS, RECESSION = range(2025, 2032), (2027, 2028)


@lru_cache(1)
def _years(seed: int, a_month: int) -> tuple:
    """Return the first model, and for each year features, chances, outcomes and money."""
    lender = world.World(seed)
    base = lender.applications(("2024-01", "2024-12"), a_month)
    first = linear(base)
    years = {2024: (first[0].transform(base), base["defaulted"].to_numpy(), None, None)}
    for year in YEARS:
        made = lender.applications((f"{year}-01", f"{year}-12"), a_month)
        odds = lender.log_odds(made)
        if year in RECESSION:
            odds = odds + 0.8 * sum(world.recession_terms(made).values())
        chance = 1 / (1 + np.exp(-odds))
        rng = np.random.default_rng([seed, year])
        bad = (rng.random(len(made)) < chance).astype(int)
        gain, loss = (world.profit(made, np.full(len(made), risk)) for risk in (0.0, 1.0))
        worth = gain - (gain - loss) * chance
        years[year] = (first[0].transform(made), bad, gain / (gain - loss), worth)
    return first[-1], years


def generations(seed: int, share: float | None, weighted: bool = True,
                a_month: int = 2_000) -> pd.DataFrame:  # fmt: skip
    """Return what each year's model earns; it learns from the grants of the two years before.

    ``share`` of the refused are granted at random; None: the outcomes of all are known. If
    ``weighted``, each random grant counts 1 / share times.
    """
    first, years = _years(seed, a_month)
    rng, rows = np.random.default_rng([seed, 7]), {}
    data = {2023: None, 2024: (*years[2024][:2], np.ones(len(years[2024][1])))}
    for year in YEARS:
        known = [data[k] for k in (year - 3, year - 2) if data.get(k)] or [data[2024]]
        x, bad, weight = (np.concatenate(part) for part in zip(*known, strict=True))
        model = clone(first).fit(x, bad, sample_weight=weight)
        x, bad, limit, worth = years[year]
        risk = model.predict_proba(x)[:, 1]
        granted = risk < limit
        extra = ~granted & (rng.random(len(bad)) < (share or 0))
        rows[year] = {"AUC": auc(bad, risk)[0][0], "earned": (worth * granted).mean(),
                      "price": -(worth * extra).mean(), "granted": granted.mean(),
                      "best": np.maximum(worth, 0).mean()}  # fmt: skip
        seen = granted | extra | (share is None)
        heavy = np.where(extra & weighted, 1 / (share or 1), 1.0)
        data[year] = (x[seen], bad[seen], heavy[seen])
    return pd.DataFrame.from_dict(rows, orient="index")


KINDS = ("calm", "term as text", "late payments zero", "skew", "campaign", "recession", "strike")


@lru_cache(1)
def _model(seed: int) -> tuple[Any, Any]:
    base = world.World(seed).applications(("2024-01", "2024-12"), 500)
    return linear(base), base


def signals(kind: str, seed: int, n: int = 4_000) -> dict[str, float]:
    """Return what is seen of a month in which one of KINDS happens.

    ``unreadable``: share of the files' rows; ``mix_z``: how many standard errors the feature that
    moved most is off in the files; ``late_z``: the same of late payments; ``parity``: share of
    decisions that the server makes otherwise than the notebook; ``grants``: change of the share
    granted; ``arrears``, ``alert``, ``adviser``: warnings in 100 loans granted, minus the promised.
    """
    model, base = _model(seed)
    made = world.World(seed + 500).applications("2026-08", n)
    if kind == "campaign":
        made = world.incidents[kind].apply(made, seed=seed)
    odds = world.World().log_odds(made)
    if kind == "recession":
        odds = odds + 0.8 * sum(world.recession_terms(made).values())
    came, chance = made.copy(), np.random.default_rng(seed).random((2, n))
    bad = chance[0] < 1 / (1 + np.exp(-odds))
    if kind == "late payments zero":
        came["late_payments"] = 0
    unreadable = (chance[1] < 0.3) & (kind == "term as text")
    asked = world.incidents["utilization in percent"].apply(came) if kind == "skew" else came
    notebook, risk = (model.predict_proba(frame)[:, 1] for frame in (came, asked))
    right, granted = (world.profit(made, one) > 0 for one in (notebook, risk))
    granted &= ~unreadable
    usual = (world.profit(base, model.predict_proba(base)[:, 1]) > 0).mean()
    z = (came[NUMBERS].mean() - base[NUMBERS].mean()) / base[NUMBERS].std()
    z = z.abs() / np.sqrt(1 / n + 1 / len(base))
    signs = world.early_signs(made.assign(defaulted=bad.astype(int)), seed=seed)
    found = {"unreadable": unreadable.mean(), "mix_z": z.max(), "late_z": z["late_payments"],
             "parity": (right != granted)[~unreadable].mean(),
             "grants": granted.mean() - usual}  # fmt: skip
    for short, name in (("arrears", 0), ("alert", 1), ("adviser", 2)):
        name = list(world.SIGNS)[name]
        hit, false = world.SIGNS[name]
        warns = signs[name].to_numpy()
        if kind == "strike" and short == "arrears":
            warns = np.maximum(warns, chance[1] < 0.08)
        excess = (warns - false - (hit - false) * risk)[granted]
        found[short] = 100 * excess.mean() if granted.any() else 0.0
    return {name: round(float(value), 3) for name, value in found.items()}


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


class Hectic(given.Policy):
    """Act on everything, and retrain each month: the notebook's."""

    def on_file(self, file: File) -> str:
        odd = file.unreadable or file.out_of_range or file.unknown_words or file.repeated
        return "quarantine" if odd or file.missing > 0.02 else "accept"

    def on_alarm(self, alarm: Alarm) -> str:
        return "page"

    def on_month(self, month: Month) -> Plan:
        return Plan(retrain=True)


class Fixed(Calm):
    """The calm policy with a brake that reads no sign."""

    def on_month(self, month: Month) -> Plan:
        return Plan(brake=1.3)


def policies() -> None:
    """Print the ledgers of the policies, in million euro."""
    ledgers = {}
    for seed in WORLDS:
        for one in (given.Policy, Hectic, Calm, Quarterly, Fixed, Team):
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
    more = total.sub(total["Calm"], axis=0).groupby(table.loc["recession", "Calm"] < 0)
    print(more.mean().round(2).to_string(), "million euro more than calm, by recession")


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


def months() -> None:
    """Write what the monitors show of each kind of month in 24 worlds."""
    rows = [{"world": k, "kind": kind} | signals(kind, k) for k in range(1, 25) for kind in KINDS]
    pd.DataFrame(rows).to_csv(MONTHS, index=False, lineterminator="\n")


def learning() -> None:
    """Print what learning from grants costs, in euro an application, and random grants' worth."""
    kinds = {"all": (None, True), "granted": (0, True), "1 %": (0.01, False),
             "1 % weighted": (0.01, True), "5 %": (0.05, False)}  # fmt: skip
    for seed in range(1, 9):
        found = {name: generations(seed, *kind) for name, kind in kinds.items()}
        earned = pd.DataFrame({name: one["earned"] for name, one in found.items()})
        earned["price"], earned["best"] = found["1 %"]["price"], found["all"]["best"]
        print(seed, earned.round(0).T.to_string())


if __name__ == "__main__":
    capabilities("--write" in sys.argv)
    if "--write" in sys.argv:
        months()
    policies()
    learning()
