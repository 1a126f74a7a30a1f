"""A year of Harbor Credit, day by day: a policy decides, incidents happen, a ledger is kept."""

from __future__ import annotations

import tomllib
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from helpers import world
from helpers.course.lesson_4_7.policy import Alarm, Canary, File, Month, Plan, ask
from helpers.course.linear import NUMBERS, TEXTS, linear
from helpers.course.rules import firing
from helpers.rollout import Analysis, Batch, Disagreement, ErrorRate, Evidence, Sample, ScoreShift

DATES = pd.date_range("2026-01-01", "2026-12-31")
DAYS, A_YEAR, GOLDEN = len(DATES), 120_000, 400
PAGE, REWORK, CANARY = 400, 5_000, 0.05
DELAY = 1 - 0.95**3  # of the customers of a held file, 5 % walk away on each of three days
SOURCES = list(world.SIGNS)[:3]  # the fourth repeats the first
DRAWN = tomllib.loads(Path(__file__).with_name("incidents.toml").read_text(encoding="utf-8"))
ALERTS = DRAWN["alerts"]
CAUSES = {name: known.cause for name, known in world.incidents.items()} | DRAWN["causes"]
FILES, SERVER = DRAWN["lines"]["files"], DRAWN["lines"]["server"]
LINES = [name for group in DRAWN["lines"].values() for name in group]
Spans, NEVER = dict[str, range], range(0)


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
        return pd.concat([self.days.sum(), pd.Series({"total": self.total})]).rename("euro")

    @property
    def total(self) -> float:
        """Euro earned."""
        return float(self.days.to_numpy().sum())

    def __repr__(self) -> str:
        asked = self.log["answer"].value_counts()
        acts = ", ".join(f"{asked.get(k, 0)} x {k}" for k in ("quarantine", "page", "roll back"))
        earned, best = self.total / 1e6, self.days["best possible"].sum() / 1e6
        return f"<Year of world {self.seed}: {earned:.1f} of {best:.1f} million euro; {acts}>"


def _calendar(rng: np.random.Generator) -> tuple[Spans, float, list[int]]:
    """Draw on which days what happens, how strong a recession is, and the months of wrong joins."""
    spans, joins = {}, []
    for k, name in enumerate(rng.permutation(FILES)[:4].tolist()):
        start = 12 + 85 * k + int(rng.integers(25))
        spans[name] = range(start, start + int(rng.integers(25, 55)))
    for name, (chance, first, last, length) in DRAWN["when"].items():
        start = int(rng.integers(first, last))
        if rng.random() < chance:
            spans[name] = range(start, start + length)
    start, strength = int(rng.integers(45, 130)), rng.uniform(0.4, 0.9)
    if rng.random() < 0.7:
        spans["recession"] = range(start, DAYS)
    for k, name in enumerate(rng.permutation([*SERVER[:2], "", ""]).tolist()):
        spans[name or f"good release {k}"] = range(40 + 80 * k + int(rng.integers(30)), DAYS)
    if rng.random() < 0.8:
        spans["wrong join"] = range(DAYS)
        joins = rng.choice(np.arange(2, 12), 2, replace=False).tolist()
    return spans, strength, joins


class _Made:
    """What no policy can change in a world: who applies, what arrives, what happens when."""

    def __init__(self, seed: int, a_month: int) -> None:
        rng, lender = np.random.default_rng([seed, 47]), world.World(seed)
        base = lender.applications(("2024-01", "2024-12"), 500)
        prepare, first = linear(base).named_steps.values()
        self.names = [name.split("__")[-1] for name in prepare.get_feature_names_out()]
        self.models, self.chance = {"2024": first}, cache(self._chance)
        loans = pd.concat([base, lender.applications(("2025-01", "2025-12"), a_month // 2)])
        self.loans, self.outcomes = prepare.transform(loans), loans["defaulted"].to_numpy()
        granted = world.profit(loans, first.predict_proba(self.loans)[:, 1]) > 0
        self.known_in = np.where(granted, loans["applied_at"].dt.month, 99)
        self.known_in[: len(base)], self.base = 0, self.loans[: len(base)]

        self.calendar, strength, self.joins = _calendar(rng)
        made = lender.applications(("2026-01", "2026-12"), a_month)
        self.day = (made["applied_at"] - DATES[0]).dt.days.to_numpy()
        self.edges, self.scale = np.searchsorted(self.day, range(DAYS + 1)), A_YEAR / len(made)
        self.rows = np.diff(self.edges)
        made, self.fraud = self._people(made, rng)
        odds = world.World().log_odds(made)
        worse = strength * self.within("recession") * sum(world.recession_terms(made).values())
        calm, risk = (np.where(self.fraud, 0.7, 1 / (1 + np.exp(-x))) for x in (odds, odds + worse))
        gain, loss = (world.profit(made, np.full(len(made), risk)) for risk in (0.0, 1.0))
        self.limit = gain / (gain - loss)
        self.calm, self.worth = (gain - (gain - loss) * one for one in (calm, risk))

        bad = (rng.random(len(made)) < risk).astype(int)
        signs = np.array(world.early_signs(made.assign(defaulted=bad), seed=seed)[SOURCES], float)
        late = self.within("strike")
        signs[late, 0] = np.maximum(signs[late, 0], rng.random(late.sum()) < 0.08)
        self.signs = pd.DataFrame(signs, columns=SOURCES)
        self.month = made["applied_at"].dt.strftime("%Y-%m").to_numpy()

        came, again = self._files(made, seed)
        frames, skew = {"clean": made, "came": came}, world.incidents[SERVER[0]].apply
        shares = {key: _shares(frame, base) for key, frame in frames.items()}
        frames |= {f"{key}, skewed": skew(frame) for key, frame in frames.items()}
        self.x = {key: prepare.transform(frame) for key, frame in frames.items()}
        shares["came"][:, [0, 4]] = np.c_[self.unreadable, again]
        self.sums = {key: self.daily(np.c_[one, self.x[key]]) for key, one in shares.items()}
        self.expected = (self.chance("2024", "clean") < self.limit).mean()

    def within(self, name: str, spans: Spans | None = None) -> np.ndarray:
        span = (self.calendar if spans is None else spans).get(name, NEVER)
        return (self.day >= span.start) & (self.day < span.stop)

    def _people(self, made: pd.DataFrame, rng: np.random.Generator) -> tuple:
        if "campaign" in self.calendar:
            rows = np.flatnonzero(self.within("campaign"))
            young, seed = made.iloc[rows].reset_index(drop=True), int(rng.integers(99))
            made.iloc[rows] = world.incidents["campaign"].apply(young, seed=seed)
        fraud = self.within("fraud ring") & (rng.random(len(made)) < 0.04)
        false = DRAWN["false papers"] | {"income": made["income"].clip(lower=60_000)}
        return made.assign(**{k: made[k].mask(fraud, value) for k, value in false.items()}), fraud

    def _files(self, made: pd.DataFrame, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
        came, (self.unreadable, again) = made.copy(), np.zeros((2, len(made)), bool)
        for name in filter(self.calendar.get, FILES):
            rows = self.within(name)
            if name == "sent twice":
                again[rows] = np.random.default_rng(seed).random(rows.sum()) < 0.05
            elif name == "late payments zero":
                came.loc[rows, "late_payments"] = 0
            else:
                part = world.incidents[name].apply(made[rows], seed=seed)
                self.unreadable[rows] = part["term_months"].map(type).eq(str)
                if name != "term as text":
                    came.loc[rows] = part.astype(made.dtypes)
        return came, again

    def daily(self, values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(np.asarray(values, float), self.edges[:-1], axis=0)

    def _chance(self, model: str, key: str) -> np.ndarray:
        return self.models[model].predict_proba(self.x[key])[:, 1]

    def retrained(self, month: int) -> str:
        name, known = f"2026-{month:02}", self.known_in < month
        if name not in self.models:
            y = self.outcomes[known]
            if month in self.joins:
                y = np.random.default_rng(month).permutation(y)
            self.models[name] = clone(self.models["2024"]).fit(self.loans[known], y)
        return name


def _shares(frame: pd.DataFrame, base: pd.DataFrame) -> np.ndarray:
    """Return for each row what a File counts; whether it is text or repeated is not known here."""
    low, high = base[NUMBERS].min(), base[NUMBERS].max()
    outside = (frame[NUMBERS].lt(low) | frame[NUMBERS].gt(high)).any(axis=1)
    unknown = np.any([~frame[name].isin(base[name].unique()) for name in TEXTS], axis=0)
    empty = np.zeros(len(frame))
    return np.c_[empty, outside, frame["credit_history_years"].isna(), unknown, empty]


@lru_cache(24)
def made(seed: int, a_month: int = 2_000) -> _Made:
    """Return a world's year before any policy; it is kept, so that a second policy is quick."""
    return _Made(seed, a_month)


class _Outcome:
    """What the year would be with one model, server and brake, if incidents last for `spans`."""

    def __init__(self, m: _Made, model: str, server: str, brake: float, *spans: tuple) -> None:
        def grants(risk: np.ndarray, brake: float = 1.0) -> np.ndarray:
            return (brake * risk < m.limit) & there

        spans = dict(spans)
        there = ~m.fraud | m.within("fraud ring", spans)
        bad = {name: m.within(name, spans) for name in FILES}
        faulty, readable = np.any(list(bad.values()), axis=0), ~(m.unreadable & bad["term as text"])
        clean, skewed = m.chance(model, "clean"), ", skewed" * (server == SERVER[0])
        came = grants(np.where(faulty, m.chance(model, "came"), clean), brake) & readable
        decided = grants(clean) != grants(m.chance(model, "clean" + skewed))
        self.parity = int(decided[:GOLDEN].sum())
        self.risk = np.where(faulty, *(m.chance(model, key + skewed) for key in ("came", "clean")))
        self.granted = grants(self.risk, brake) & readable

        first, top = grants(m.chance("2024", "clean")), np.maximum(m.worth, 0)
        calm, real = first * m.calm - np.maximum(m.calm, 0), first * m.worth - top
        lines = {"best possible": top, "limits of the model": calm * ~m.fraud,
                 "recession": (real - calm) * ~m.fraud, "fraud ring": real * m.fraud}  # fmt: skip
        now = grants(clean, brake)
        steps = {"": first, "new models": grants(clean), "brake": now}
        for name, rows in bad.items():
            steps[name] = now = np.where(rows, came, now)
        steps[SERVER[0]] = self.granted
        for (_, old), (name, new) in pairwise(steps.items()):
            lines[name] = (new * 1.0 - old) * m.worth
        self.lines = {name: m.scale * m.daily(values) for name, values in lines.items()}

        leak, final = np.zeros(DAYS), m.scale * m.daily(self.granted * m.worth)
        since = spans.get("slow leak", NEVER)
        leak[since] = 0.004 * np.arange(len(since))
        out = 0.04 * (server == "time-out")
        self.lines |= {"slow leak": -leak * final, "time-out": -out * (1 - leak) * final}
        self.failing, self.earned = leak + out, sum(self.lines.values())

        files = np.where(m.daily(faulty)[:, None] > 0, m.sums["came"], m.sums["clean"])
        week = np.c_[m.daily(self.granted), m.rows, files[:, 5:]].cumsum(axis=0)
        week[7:] -= week[:-7].copy()
        (granted, rows), x, base = week[:, :2].T, week[:, 2:], m.base
        z = np.abs(x / rows[:, None] - base.mean(0)) / (base.std(0) + 1e-9)
        z /= np.sqrt(1 / rows + 1 / len(base))[:, None]
        error = np.sqrt(m.expected * (1 - m.expected) / rows)
        grants_z = np.abs(granted / rows - m.expected) / error
        gauges = {"errors_ratio": self.failing, "mix_z": z.max(axis=1), "grants_z": grants_z}
        self.gauges = pd.DataFrame(gauges, DATES).add_prefix("credit_")
        self.fires, self.moved = firing(ALERTS, self.gauges), z.argmax(axis=1)


class _Run:
    """A policy at work. Everything is computed for the whole year whenever a policy acts."""

    def __init__(self, policy: Any, made: _Made) -> None:
        self.policy, self.made, self.spans = policy, made, dict(made.calendar)
        self.model, self.before, self.server, self.promoted = "2024", "2024", "", -30
        self.plan, self.trial = Plan(), None
        self.false, self.silent = [], Counter()  # pages that found nothing; alarms, until when
        self.log, self.book = [], []  # the book: euro, a row a day
        self.granted, self.promised = np.zeros(len(made.day), bool), np.zeros(len(made.day))
        self.known = cache(partial(_Outcome, made))

    def outcome(self, server: str = "", model: str = "", but: list[str] = ()) -> _Outcome:
        spans = [(name, span) for name, span in self.spans.items() if name not in but]
        return self.known(model or self.model, server or self.server, self.plan.brake, *spans)

    def run(self) -> None:
        for day in range(DAYS):
            self.book.append(Counter())
            if DATES[day].is_month_start:
                self.month(day)
            for name, span in self.made.calendar.items():
                if span.start == day and (name in SERVER[:2] or name.startswith("good")):
                    self.begin(day, "server", name)
            if self.trial:
                self.canary(day, *self.trial)
            held = self.file(day)
            self.alarms(day, self.outcome())
            self.close(day, held)

    def ask(self, day: int, hook: str, shown: Any, text: str) -> Any:
        answer = ask(self.policy, hook, shown)
        if answer not in ("accept", "hold", Plan()):
            self.log.append((DATES[day], hook, text, str(answer)))
        return answer

    def month(self, day: int) -> None:
        m, month = self.made, DATES[day].month
        names = [f"2026-{k:02}" for k in range(1, month - 4)]
        labels = int((m.known_in < month).sum()) - len(m.base)
        loans = m.signs.assign(promised=self.promised)[self.granted]
        loans = loans.groupby(m.month[self.granted]).mean().reindex(names)
        hit, false = np.transpose([world.SIGNS[name] for name in SOURCES])
        loans[SOURCES] -= false + np.outer(loans["promised"], hit - false)
        shown = Month(DATES[day], labels, loans[SOURCES].fillna(0.0), loans["promised"].fillna(0.0))
        text = f"{labels:,} labels, signs of {len(names)} months"
        self.plan = self.ask(day, "on_month", shown, text)
        if self.plan.retrain and labels:
            self.begin(day, "model", m.retrained(month))

    def begin(self, day: int, what: str, name: str) -> None:
        metrics = ErrorRate(), ScoreShift(), Disagreement()
        self.trial = what, name, day, Evidence(Analysis(metrics))

    def canary(self, day: int, what: str, name: str, since: int, evidence: Evidence) -> None:
        m, old, new = self.made, self.outcome(), self.outcome(**{what: name})
        rng, rows = np.random.default_rng(day), slice(*m.edges[day : day + 2])
        few = rng.random(m.rows[day]) < 4 * CANARY  # a simulated row is about five applications
        stable = Sample(rng.random(len(few)) < old.failing[day], score=old.risk[rows])
        other = Sample(rng.random(few.sum()) < new.failing[day], score=new.risk[rows][few])
        evidence.add(Batch(stable, other, np.c_[old.risk[rows], new.risk[rows]]))
        now = Canary(DATES[day], what, day - since + 1, new.parity, evidence.guilty())
        text = f"{what} {name}, day {now.days}, parity {now.parity}, {now.guilty}"
        answer = self.ask(day, "on_canary", now, text)
        if answer == "promote":
            self.before = self.model if what == "model" else self.before
            setattr(self, what, name)
            self.promoted, self.trial = day, None
        elif answer == "roll back" or now.days >= 7:
            self.book[-1]["rework"] -= REWORK
            self.end([name], day + 1)
            self.trial = None
        else:
            self.book[-1]["canaries"] += CANARY * (new.earned[day] - old.earned[day])

    def file(self, day: int) -> bool:
        m, acting = self.made, self.acting(day, FILES)
        shares = m.sums["came" if acting else "clean"][day, :5] / m.rows[day]
        shown = File(DATES[day], int(m.rows[day]), *shares.tolist())
        odd = [f"{k} {v:.1%}" for k, v in zip(list(vars(shown))[2:], shares, strict=True) if v]
        if self.ask(day, "on_file", shown, ", ".join(odd) or "as usual") == "accept":
            return False
        self.book[-1]["pages and checks"] -= PAGE
        self.end(acting, day + 3)
        return True

    def acting(self, day: int, names: list[str]) -> list[str]:
        return [name for name in names if day in self.spans.get(name, NEVER)]

    def end(self, names: list[str], day: int) -> None:
        for name in self.spans.keys() & names:
            span = self.spans[name]
            self.spans[name] = range(span.start, min(span.stop, day))

    def alarms(self, day: int, now: _Outcome) -> None:
        for name, value in zip(now.fires.columns, now.gauges.iloc[day], strict=True):
            if not now.fires[name].iloc[day] or day < self.silent[name]:
                continue
            moved = self.made.names[now.moved[day]] if name == "Mix" else ""
            shown = Alarm(DATES[day], name, float(value), moved, day - self.promoted)
            answer = self.ask(day, "on_alarm", shown, f"{name} {value:.2f} {moved}".strip())
            self.silent[name] = day + 7
            if answer == "page":
                self.page(day, name)

    def page(self, day: int, alarm: str) -> None:
        self.book[-1]["pages and checks"] -= PAGE
        found = self.acting(day, DRAWN["found"][alarm])
        self.end(found, day + 1 + sum(day - one < 30 for one in self.false))
        if self.server in SERVER and alarm != "Mix":
            self.end([self.server], day)
            self.server = ""
        elif alarm == "Grants" and self.model in [f"2026-{k:02}" for k in self.made.joins]:
            self.model = self.before
        elif not found:
            self.false.append(day)

    def close(self, day: int, held: bool) -> None:
        now, rows = self.outcome(but=FILES if held else ()), slice(*self.made.edges[day : day + 2])
        self.book[-1].update({name: euro[day] for name, euro in now.lines.items()})
        self.book[-1]["quarantine"] -= DELAY * held * now.earned[day]
        self.granted[rows], self.promised[rows] = now.granted[rows], now.risk[rows]


def run_year(policy: Any, seed: int = 2026, a_month: int = 2_000) -> Year:
    """Run a policy, a class or an object (which is copied), through the year of world `seed`.

    `a_month` applications are simulated, and euro are scaled to 120,000 a year. Raises a ValueError
    if a hook answers what it cannot answer.
    """
    here = made(seed, a_month)
    run = _Run(policy() if isinstance(policy, type) else deepcopy(policy), here)
    run.run()
    spans = {name: span for name, span in run.spans.items() if not name.startswith("good")}
    days = {name: (end.start, here.calendar[name].stop, end.stop) for name, end in spans.items()}
    causes = pd.DataFrame.from_dict(days, orient="index", columns=["start", "end", "ended"])
    causes = causes.apply(lambda day: DATES[0] + pd.to_timedelta(day, unit="D"))
    causes["listed"] = causes.index.isin(world.incidents)  # the team has a runbook for them
    causes["cause"] = causes.index.map(CAUSES)
    log = pd.DataFrame(run.log, columns=["day", "hook", "shown", "answer"])
    days = pd.DataFrame(run.book, DATES, LINES).fillna(0.0)
    return Year(seed, days, log, causes.sort_values("start"))
