"""A year of Harbor Credit, day by day: a policy decides, incidents happen, a ledger is kept."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from helpers import world
from helpers.course.lesson_4_7.policy import Alarm, Canary, File, Month, Plan, ask
from helpers.course.linear import NUMBERS, TEXTS, linear
from helpers.course.rules import firing
from helpers.rollout.analysis import (
    Analysis,
    Batch,
    Disagreement,
    ErrorRate,
    Evidence,
    Sample,
    ScoreShift,
)

DATES = pd.date_range("2026-01-01", "2026-12-31")
DAYS, A_YEAR = len(DATES), 120_000
PAGE, REWORK, CANARY = 400, 5_000, 0.05
DELAY = 1 - 0.95**3  # of the customers of a held file, 5 % walk away on each of three days
ALERTS = """
groups:
  - name: credit
    rules:
      - {alert: Errors, expr: credit_errors_ratio > 0.01}
      - {alert: Mix, expr: credit_mix_z > 5}
      - {alert: Grants, expr: credit_grants_z > 4}
"""
SOURCES = list(world.SIGNS)[:3]  # the fourth repeats the first
FILES = ["monthly income", "missing history", "term as text", "impossible age", "sent twice",
         "new purpose", "late payments zero"]  # fmt: skip
HARMLESS = ("sent twice", "new purpose", "campaign", "strike", "wrong join")
CAUSES = {
    "late payments zero": "A bureau's new interface sends 0 where it has not looked.",
    "fraud ring": "A broker's clients have splendid papers, all of them false.",
    "slow leak": "The server loses memory; more requests fail from day to day.",
    "time-out": "A release asks the bureau again, and gives up too early.",
    "strike": "At the bank's strike instalments are late, and are paid in the end.",
    "wrong join": "The month's extract for training has other people's outcomes.",
}
LISTED = list(world.incidents)  # what the team has a runbook for
WORLD = ["best possible", "limits of the model", "recession", "fraud ring"]
OWN = ["new models", "brake", "exploration", "canaries", "quarantine", "pages and checks", "rework"]
SERVER = ["utilization in percent", "time-out", "slow leak"]
LINES = [*WORLD, *FILES, *SERVER, *OWN]


@dataclass(frozen=True, eq=False)
class Year:
    """What a policy has made of a year."""

    seed: int
    days: pd.DataFrame  # euro, a row a day, a column for each line
    log: pd.DataFrame  # what was shown to a hook, and what it answered
    causes: pd.DataFrame  # what happened: nobody knows before the end

    @property
    def ledger(self) -> pd.Series:
        """Euro of each line; they add up to the last one, `total`."""
        sums = self.days.sum()
        return pd.concat([sums, pd.Series({"total": sums.sum()})]).rename("euro")

    @property
    def total(self) -> float:
        """Euro earned."""
        return float(self.days.to_numpy().sum())

    def __repr__(self) -> str:
        asked = self.log["answer"].value_counts()
        acts = ", ".join(f"{asked.get(k, 0)} x {k}" for k in ("quarantine", "page", "roll back"))
        return (f"<Year of world {self.seed}: {self.total / 1e6:.1f} of "
                f"{self.days['best possible'].sum() / 1e6:.1f} million euro; {acts}>")  # fmt: skip


class _Made:
    """What no policy can change in a world: who applies, what arrives, what happens when."""

    def __init__(self, seed: int, a_month: int) -> None:
        rng = np.random.default_rng([seed, 47])
        lender = world.World(seed)
        base = lender.applications(("2024-01", "2024-12"), 500)
        first = linear(base)
        self.names = [name.split("__")[-1] for name in first[0].get_feature_names_out()]
        self.base, self.outcome = first[0].transform(base), base["defaulted"].to_numpy()
        self.norm = self.base.mean(0), self.base.std(0) + 1e-9
        self.pool = lender.applications(("2025-01", "2025-12"), a_month // 2)
        self.pool_x = first[0].transform(self.pool)
        self.pool_month = self.pool["applied_at"].dt.month.to_numpy()
        risk = first[-1].predict_proba(self.pool_x)[:, 1]
        self.pool_granted = world.profit(self.pool, risk) > 0
        self.models, self._cache = {"2024": first[-1]}, {}
        made = lender.applications(("2026-01", "2026-12"), a_month)
        self.calendar = _calendar(rng)
        day = (made["applied_at"].dt.normalize() - DATES[0]).dt.days.to_numpy()
        self.day = day
        made = self._people(made, rng)
        self.edges = np.searchsorted(day, np.arange(DAYS + 1))
        self.scale = A_YEAR / len(made)
        gain, loss = (world.profit(made, np.full(len(made), risk)) for risk in (0.0, 1.0))
        self.limit = gain / (gain - loss)
        self.worth = gain - (gain - loss) * self.risk
        self.calm = gain - (gain - loss) * self.calm_risk
        bad = rng.random(len(made)) < self.risk
        signs = world.early_signs(made.assign(defaulted=bad.astype(int)), seed=seed)
        self.signs = signs[SOURCES].to_numpy(float, copy=True)
        if "strike" in self.calendar:
            within = self.within("strike")
            self.signs[within, 0] = np.maximum(self.signs[within, 0],
                                               rng.random(within.sum()) < 0.08)  # fmt: skip
        self._arrivals(made, base, first[0], seed)
        self.expected = (self.chance("2024", "clean") < self.limit).mean()

    def within(self, name: str, end: int | None = None) -> np.ndarray:
        start, last, _ = self.calendar.get(name, (DAYS, DAYS, None))
        return (self.day >= start) & (self.day < (last if end is None else min(end, last)))

    def _people(self, made: pd.DataFrame, rng: Any) -> pd.DataFrame:
        rows = self.within("campaign")
        if rows.any():
            part = made[rows].reset_index(drop=True)
            part = world.incidents["campaign"].apply(part, seed=int(rng.integers(99)))
            made.loc[rows] = part.set_axis(made.index[rows])
        self.fraud = self.within("fraud ring") & (rng.random(len(made)) < 0.04)
        false = {"channel": "broker", "employment": "salaried", "late_payments": 0,
                 "utilization": 0.1, "years_employed": 9.0}  # fmt: skip
        for name, value in false.items():
            made.loc[self.fraud, name] = value
        made.loc[self.fraud, "income"] = made.loc[self.fraud, "income"].clip(lower=60_000)
        odds = world.World().log_odds(made)
        self.calm_risk = np.where(self.fraud, 0.7, 1 / (1 + np.exp(-odds)))
        rows = self.within("recession") & ~self.fraud
        strength = self.calendar["recession"][2] if rows.any() else 0
        odds = odds + strength * rows * sum(world.recession_terms(made).values())
        self.risk = np.where(self.fraud, 0.7, 1 / (1 + np.exp(-odds)))
        return made

    def _arrivals(self, made: pd.DataFrame, base: pd.DataFrame, prepare: Any, seed: int) -> None:
        came, self.unreadable = made.copy(), np.zeros(len(made), bool)
        shares = {"clean": self._shares(made, base)}
        repeated = np.zeros(len(made), bool)
        for name in FILES:
            rows = self.within(name)
            if not rows.any():
                continue
            if name == "sent twice":
                repeated[rows] = np.random.default_rng(seed).random(rows.sum()) < 0.05
            elif name == "late payments zero":
                came.loc[rows, "late_payments"] = 0
            else:
                part = world.incidents[name].apply(made[rows], seed=seed)
                if name == "term as text":
                    self.unreadable[rows] = part["term_months"].map(type).eq(str).to_numpy()
                else:
                    came.loc[rows] = part.astype(made.dtypes)
        shares["came"] = self._shares(came, base)
        shares["came"][:, 0], shares["came"][:, 4] = self.unreadable, repeated
        self.reports = {key: self.daily(value) / self.rows for key, value in shares.items()}
        skewed = world.incidents["utilization in percent"].apply(came)
        self.x = {"clean": prepare.transform(made), "came": prepare.transform(came),
                  "skewed": prepare.transform(skewed)}  # fmt: skip
        self.sums = {key: self.daily(self.x[key]) for key in ("clean", "came")}

    def _shares(self, frame: pd.DataFrame, base: pd.DataFrame) -> np.ndarray:
        low, high = base[NUMBERS].min(), base[NUMBERS].max()
        outside = (frame[NUMBERS].lt(low) | frame[NUMBERS].gt(high)).any(axis=1)
        unknown = np.any([~frame[name].isin(base[name].unique()) for name in TEXTS], axis=0)
        empty, missing = np.zeros(len(frame)), frame["credit_history_years"].isna()
        return np.column_stack([empty, outside, missing, unknown, empty])

    @property
    def rows(self) -> np.ndarray:
        return np.diff(self.edges)[:, None]

    def daily(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.asarray(values, float), self.edges[:-1], axis=0)

    def chance(self, model: str, key: str) -> np.ndarray:
        if (model, key) not in self._cache:
            fitted = self.models[model]
            odds = self.x[key] @ fitted.coef_[0] + fitted.intercept_[0]
            self._cache[model, key] = 1 / (1 + np.exp(-odds))
        return self._cache[model, key]

    def labelled(self, month: int) -> np.ndarray:
        return self.pool_granted & (self.pool_month < month)

    def retrained(self, month: int) -> str:
        name, known = f"2026-{month:02}", self.labelled(month)
        if name not in self.models:
            x = np.concatenate([self.base, self.pool_x[known]])
            y = np.concatenate([self.outcome, self.pool["defaulted"].to_numpy()[known]])
            if month in self.calendar.get("wrong join", (0, 0, ()))[2]:
                y = np.random.default_rng(month).permutation(y)
            self.models[name] = clone(self.models["2024"]).fit(x, y)
        return name


def _calendar(rng: np.random.Generator) -> dict[str, tuple[int, int, Any]]:
    """Draw what happens: start and end (if nobody acts) in days, and a size."""
    rows: dict[str, tuple] = {}
    for k, name in enumerate(rng.permutation(FILES)[:4]):
        start = 12 + 85 * k + int(rng.integers(25))
        rows[str(name)] = (start, start + int(rng.integers(25, 55)), None)
    for name, chance, first, last, length in (("campaign", 0.7, 60, 250, 45),
            ("fraud ring", 0.7, 30, 300, 40), ("slow leak", 0.8, 20, 320, 40),
            ("strike", 0.6, 40, 200, 30)):  # fmt: skip
        start = int(rng.integers(first, last))
        if rng.random() < chance:
            rows[name] = (start, start + length, None)
    start, strength = int(rng.integers(45, 130)), rng.uniform(0.4, 0.9)
    if rng.random() < 0.7:
        rows["recession"] = (start, DAYS, strength)
    for k, name in enumerate(rng.permutation(["utilization in percent", "time-out", "", ""])):
        day = 40 + 80 * k + int(rng.integers(30))
        rows[str(name) or f"good release {k}"] = (day, DAYS, None)
    if rng.random() < 0.8:
        rows["wrong join"] = (0, DAYS, set(rng.choice(np.arange(2, 12), 2, replace=False).tolist()))
    return rows


@lru_cache(24)
def made(seed: int, a_month: int = 2_000) -> _Made:
    """Return a world's year before any policy; it is kept, so that a second policy is quick."""
    return _Made(seed, a_month)


class _Run:
    """A policy at work. Everything is computed for the whole year whenever a policy acts."""

    def __init__(self, policy: Any, made: _Made) -> None:
        self.policy, self.made = policy, made
        self.model, self.before, self.server, self.promoted = "2024", "2024", "", -30
        self.brake, self.explore, self.ends = 1.0, 0.0, {}
        self.trial: dict[str, Any] = {}
        self.false: list[int] = []  # days of pages that found nothing
        self.silent: dict[str, int] = {}
        self.log: list[tuple] = []
        self.granted = np.zeros(len(made.day), bool)
        self.promised = np.zeros(len(made.day))
        self.table = np.zeros((DAYS, len(LINES)))
        self._known: dict[Any, Any] = {}

    def state(self, model: str, server: str, faults: bool = True) -> tuple:
        key = (model, server, faults, self.brake, tuple(self.ends.items()))
        if key not in self._known:
            self._known[key] = self._compute(model, server, faults)
        return self._known[key]

    def _compute(self, model: str, server: str, faults: bool) -> tuple:
        m, limit = self.made, self.made.limit
        there = ~m.fraud | m.within("fraud ring", self.ends.get("fraud ring"))
        bad = {name: m.within(name, self.ends.get(name)) & faults for name in FILES}
        faulty = np.any(list(bad.values()), axis=0)
        first, new = ((m.chance(name, "clean") < limit) & there for name in ("2024", model))
        braked = (self.brake * m.chance(model, "clean") < limit) & there
        risk = np.where(faulty, m.chance(model, "came"), m.chance(model, "clean"))
        readable = there & ~(m.unreadable & bad["term as text"])
        came = (self.brake * risk < limit) & readable
        last = came
        if server == "utilization in percent":
            risk = m.chance(model, "skewed")
            last = (self.brake * risk < limit) & readable
        top, calm = np.maximum(m.worth, 0), first * m.calm - np.maximum(m.calm, 0)
        real = first * m.worth - top
        found = {"best possible": top, "limits of the model": calm * ~m.fraud,
                 "recession": (real - calm) * ~m.fraud, "fraud ring": real * m.fraud,
                 "new models": (new * 1.0 - first) * m.worth,
                 "brake": (braked * 1.0 - new) * m.worth,
                 "utilization in percent": (last * 1.0 - came) * m.worth,
                 "exploration": m.worth * (readable & ~last)}  # fmt: skip
        found |= {name: (came * 1.0 - braked) * m.worth * rows for name, rows in bad.items()}
        lines = {name: m.scale * m.daily(values) for name, values in found.items()}
        final = m.scale * m.daily(last * m.worth)
        failing = np.zeros(DAYS)
        start, end, _ = m.calendar.get("slow leak", (0, 0, None))
        end = min(end, self.ends.get("slow leak", DAYS))
        failing[start:end] = 0.004 * np.arange(end - start)
        leak, out = failing.copy(), 0.04 * (server == "time-out")
        lines |= {"slow leak": -leak * final, "time-out": -out * (1 - leak) * final}
        return lines, last, risk, leak + out, self._alerts(last, leak + out, faulty)

    def _alerts(self, granted: np.ndarray, failing: np.ndarray, faulty: np.ndarray) -> tuple:
        m = self.made
        sums = np.where(m.daily(faulty)[:, None] > 0, m.sums["came"], m.sums["clean"])
        sums = np.column_stack([m.rows, m.daily(granted), sums])
        week = np.cumsum(sums, axis=0)
        week[7:] -= week[:-7].copy()
        mean, sd = m.norm
        z = np.abs(week[:, 2:] / week[:, :1] - mean) / sd
        z /= np.sqrt(1 / week[:, :1] + 1 / len(m.base))
        usual = m.expected
        shift = np.abs(week[:, 1] / week[:, 0] - usual) / np.sqrt(usual * (1 - usual) / week[:, 0])
        gauges = {
            "credit_errors_ratio": failing,
            "credit_mix_z": z.max(1),
            "credit_grants_z": shift,
        }
        table = pd.DataFrame(gauges, DATES)
        return firing(ALERTS, table), table.to_numpy(), z.argmax(1)

    def ask(self, day: int, hook: str, shown: Any, text: str) -> Any:
        answer = ask(self.policy, hook, shown)
        if answer not in ("accept", "ignore", "hold", Plan()):
            self.log.append((DATES[day], hook, text, answer if isinstance(answer, str) else
                             f"retrain {answer.retrain}, brake {answer.brake:.2f}, "
                             f"explore {answer.explore:g}"))  # fmt: skip
        return answer

    def pay(self, day: int, line: str, euro: float) -> None:
        self.table[day, LINES.index(line)] += euro

    def run(self) -> None:
        for day, date in enumerate(DATES):
            if date.day == 1:
                self.month(day, date)
            for name, (start, _, _) in self.made.calendar.items():
                if start == day and (name in SERVER[:2] or name.startswith("good")):
                    self.begin(day, "server", name)
            if self.trial:
                self.canary(day)
            held = self.file(day)
            self.alarms(day)
            self.close(day, held)

    def month(self, day: int, date: pd.Timestamp) -> None:
        m, names = self.made, [f"2026-{k:02}" for k in range(1, date.month - 4)]
        rates = np.array([world.SIGNS[name] for name in SOURCES])
        excess, promised = np.zeros((len(names), len(SOURCES))), np.zeros(len(names))
        for k in range(len(names)):
            rows = (DATES.month.to_numpy()[m.day] == k + 1) & self.granted
            if rows.any():
                promised[k] = self.promised[rows].mean()
                expected = rates[:, 1] + (rates[:, 0] - rates[:, 1]) * promised[k]
                excess[k] = m.signs[rows].mean(0) - expected
        signs = pd.DataFrame(excess, names, SOURCES)
        labels = int(m.labelled(date.month).sum())
        month = Month(date, labels, signs, pd.Series(promised, names, dtype=float))
        plan = self.ask(day, "on_month", month, f"{labels:,} labels, signs of {len(names)} months")
        self.brake, self.explore = float(plan.brake), float(plan.explore)
        if plan.retrain and labels:
            self.begin(day, "model", m.retrained(date.month))

    def begin(self, day: int, what: str, name: str) -> None:
        metrics = (ErrorRate(), ScoreShift(), Disagreement())
        self.trial = {"what": what, "name": name, "since": day,
                      "evidence": Evidence(Analysis(metrics))}  # fmt: skip

    def canary(self, day: int) -> None:
        m, trial = self.made, self.trial
        pair = (
            (trial["name"], self.server)
            if trial["what"] == "model"
            else (self.model, trial["name"])
        )
        _, _, risk, failing, _ = self.state(*pair)
        _, _, stable, base, _ = self.state(self.model, self.server)
        rows = slice(m.edges[day], m.edges[day + 1])
        rng = np.random.default_rng(day)
        n = rows.stop - rows.start
        few = rng.random(n) < 4 * CANARY  # a simulated row is about five applications
        old = Sample(rng.random(n) < base[day], score=stable[rows])
        new = Sample(rng.random(few.sum()) < failing[day], score=risk[rows][few])
        trial["evidence"].add(Batch(old, new, np.column_stack([stable[rows], risk[rows]])))
        golden = slice(0, 400)
        differ = (risk[golden] < m.limit[golden]) != (
            m.chance(pair[0], "clean")[golden] < m.limit[golden]
        )
        shown = Canary(DATES[day], trial["what"], day - trial["since"] + 1, int(differ.sum()),
                       trial["evidence"].guilty())  # fmt: skip
        text = f"{trial['what']} {trial['name']}, day {shown.days}, parity {shown.parity}"
        answer = self.ask(day, "on_canary", shown, text + (f", {shown.guilty}"))
        if answer == "promote":
            if trial["what"] == "model":
                self.before, self.model = self.model, trial["name"]
            else:
                self.server = trial["name"]
            self.promoted, self.trial = day, {}
        elif answer == "roll back" or shown.days >= 7:
            self.pay(day, "rework", -REWORK)
            self.ends[trial["name"]], self.trial = day + 1, {}
        else:
            gain = self.state(*pair)[0], self.state(self.model, self.server)[0]
            self.pay(day, "canaries", CANARY * np.subtract(*(self.sum(x, day) for x in gain)))

    def sum(self, lines: dict, day: int) -> float:
        return sum(values[day] for name, values in lines.items() if name != "exploration")

    def acting(self, day: int, names: list[str]) -> list[str]:
        spans = ((name, self.made.calendar.get(name, (DAYS, DAYS, None))) for name in names)
        return [name for name, (start, end, _) in spans
                if start <= day < min(end, self.ends.get(name, DAYS))]  # fmt: skip

    def file(self, day: int) -> bool:
        acting, m = self.acting(day, FILES), self.made
        values = m.reports["came" if acting else "clean"][day]
        shown = File(DATES[day], int(m.rows[day, 0]), *map(float, values))
        odd = [
            f"{n} {v:.1%}" for n, v in zip(list(File.__annotations__)[2:], values, strict=True) if v
        ]
        if self.ask(day, "on_file", shown, ", ".join(odd) or "as usual") == "accept":
            return False
        self.pay(day, "pages and checks", -PAGE)
        self.ends |= {name: day + 3 for name in acting if self.ends.get(name, DAYS) > day + 3}
        return True

    def alarms(self, day: int) -> None:
        fires, values, column = self.state(self.model, self.server)[4]
        for k, name in enumerate(fires.columns):
            if not fires.to_numpy()[day, k] or day < self.silent.get(name, 0):
                continue
            moved = self.made.names[column[day]] if name == "Mix" else ""
            shown = Alarm(DATES[day], name, float(values[day, k]), moved, day - self.promoted)
            text = f"{name} {values[day, k]:.2f} {moved}".strip()
            answer = self.ask(day, "on_alarm", shown, text)
            self.silent[name] = day + 7
            if answer == "page":
                self.page(day, name)
            elif answer == "roll back":
                self.pay(day, "rework", -REWORK)
                self.undo(day)

    def undo(self, day: int) -> None:
        if self.server:
            self.ends[self.server], self.server = day, ""
        else:
            self.model = self.before

    def page(self, day: int, alarm: str) -> None:
        self.pay(day, "pages and checks", -PAGE)
        m, late = self.made, 1 + sum(day - one < 30 for one in self.false)
        harmful = [name for name in FILES if name not in HARMLESS]
        seen = {"Errors": ["slow leak"], "Mix": [*harmful, "fraud ring"], "Grants": harmful}
        acting = self.acting(day, seen[alarm])
        self.ends |= {n: min(day + late, self.ends.get(n, DAYS)) for n in acting}
        joins = m.calendar.get("wrong join", (0, 0, ()))[2]
        wrong = self.model != "2024" and int(self.model[5:]) in joins
        if (self.server in SERVER and alarm != "Mix") or (wrong and alarm == "Grants"):
            self.undo(day)
        elif not acting:
            self.false.append(day)

    def close(self, day: int, held: bool) -> None:
        m = self.made
        lines, granted, risk, _, _ = self.state(self.model, self.server, not held)
        for name, values in lines.items():
            self.pay(day, name, values[day] * (self.explore if name == "exploration" else 1))
        if held:
            self.pay(day, "quarantine", -DELAY * self.sum(lines, day))
        rows = slice(m.edges[day], m.edges[day + 1])
        self.granted[rows], self.promised[rows] = granted[rows], risk[rows]


def run_year(policy: Any, seed: int = 2026, a_month: int = 2_000) -> Year:
    """Run a policy through a world's year.

    Parameters
    ----------
    policy : Policy or subclass of it
        An object is copied, so that it starts each year with the memory that it has now.
    seed : int, default 2026
        The world, with its own applications and its own calendar of incidents.
    a_month : int, default 2000
        Simulated applications a month; euro are scaled to 120,000 a year.

    Returns
    -------
    Year

    Raises
    ------
    PolicyError
        If a hook answers what it cannot answer.
    """
    here = made(seed, a_month)
    run = _Run(policy() if isinstance(policy, type) else deepcopy(policy), here)
    run.run()
    spans = {name: span for name, span in here.calendar.items() if not name.startswith("good")}
    causes = pd.DataFrame.from_dict(spans, orient="index", columns=["start", "end", "size"])
    causes["listed"] = causes.index.isin(LISTED)
    causes["cause"] = [CAUSES.get(n) or world.incidents[n].cause for n in causes.index]
    causes["ended"] = [min(causes.loc[n, "end"], run.ends.get(n, DAYS)) for n in causes.index]
    for name in ("start", "end", "ended"):
        causes[name] = DATES[0] + pd.to_timedelta(causes[name].astype(int), unit="D")
    table = pd.DataFrame(run.table, DATES, LINES)
    log = pd.DataFrame(run.log, columns=["day", "hook", "shown", "answer"])
    return Year(seed, table, log, causes.sort_values("start"))
