"""A year of Harbor Credit minute by minute, as Prometheus sees it: with and without incidents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.linear import NUMBERS, TEXTS, linear
from helpers.course.rules import firing

HOUR = pd.Timedelta(hours=1)
TIMES = pd.date_range("2026-01-01", "2027-03-01", freq="min", inclusive="left")
# First possible day and least number of days; for the server month, share that fails, hours.
_DATA = {"monthly income": ("2026-03", 6), "missing history": ("2026-04", 6),
         "term as text": ("2026-05", 3), "impossible age": ("2026-05-11", 6),
         "sent twice": ("2026-05-24", 3), "new purpose": ("2026-06-04", 12),
         "utilization in percent": ("2026-07", 3), "campaign": ("2026-08", 30),
         "recession": ("2026-10", 200)}  # fmt: skip
_SERVER = {"bad release": ("2026-02", 0.03, 2), "full disk": ("2026-06-15", 0.01, 12),
           "slow leak": ("2026-09", 0.004, 100)}  # fmt: skip
_NOW = ["applications", "unreadable", "missing", "out_of_range", "unknown_words", "repeated"]


@dataclass(frozen=True, eq=False)
class Year:
    """Series with the incidents, their twin without, and what happened when; call: needs one."""

    series: pd.DataFrame
    calm: pd.DataFrame
    incidents: pd.DataFrame


@cache
def year(seed: int = 2025, a_month: int = 5_000) -> Year:
    """Return a world's year and its early signs; its incidents begin and end by the seed."""
    rng, rows = np.random.default_rng([seed, 46]), {}
    made = world.World(seed).applications(("2026-01", "2027-02"), a_month)
    calm, untouched, parts = _signals(made), np.ones(len(made), bool), []
    for name, (earliest, days) in _DATA.items():
        start = pd.Timestamp(earliest) + pd.Timedelta(hours=int(rng.integers(1, 72)))
        end = min(start + pd.Timedelta(days=days + int(rng.integers(0, 4))), TIMES[-1])
        within = made["applied_at"].between(start, end).to_numpy()
        rows[name] = {"start": start, "end": end}
        untouched &= ~within
        meant = made[within].reset_index(drop=True)
        parts.append(_signals(world.incidents[name].apply(meant, seed=seed)))
    came = pd.concat([calm[untouched], *parts], ignore_index=True)
    load = rng.poisson(60 - 42 * np.cos(np.arange(len(TIMES)) * np.pi / 720))
    base, more, busy = rng.binomial(load, 5e-5), np.zeros(len(TIMES), int), rng.poisson(load / 8)
    for at in rng.integers(len(TIMES) - 5, size=30):  # blips: four minutes each
        base[at : at + 4] += rng.binomial(load[at : at + 4], 0.04)
    for name, (earliest, share, hours) in _SERVER.items():
        start = pd.Timestamp(earliest) + pd.Timedelta(hours=int(rng.integers(1, 72)))
        rows[name] = {"start": start, "end": start + pd.Timedelta(hours=hours)}
        more += rng.binomial(load * ((start <= TIMES) & (rows[name]["end"] > TIMES)), share)
    incidents = pd.DataFrame.from_dict(rows, orient="index").sort_values("start")
    incidents["call"] = ~incidents.index.isin(["campaign", "new purpose"])  # nothing is lost
    both = (_scraped(came, load, base + more, busy), _scraped(calm, load, base, busy))
    return Year(*both, incidents)


@cache
def model() -> tuple[Any, pd.DataFrame]:
    """Return the model in production, that of lesson 1.2, and what it was fitted to."""
    train = world.World().applications(("2025-01", "2025-06"))
    return linear(train), train


def _signals(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what the server knows of each application."""
    fitted, train = model()
    term = pd.to_numeric(frame["term_months"], errors="coerce")
    numbers, filled = (frame.assign(term_months=values) for values in (term, term.fillna(36)))
    outside = numbers[NUMBERS].lt(train[NUMBERS].min()) | numbers[NUMBERS].gt(train[NUMBERS].max())
    risk = fitted.predict_proba(filled)[:, 1]
    granted = (world.profit(filled, risk) > 0) & term.notna().to_numpy()
    (hit, false), signs = world.SIGNS["early_arrears"], world.early_signs(frame)
    return frame[["application_id", "applied_at"]].assign(
        unreadable=term.isna(), missing=frame["credit_history_years"].isna(), granted=granted,
        out_of_range=outside.any(axis=1), arrears=signs["early_arrears"] * granted,
        unknown_words=np.any([~frame[name].isin(train[name].unique()) for name in TEXTS], axis=0),
        arrears_promised=(hit * risk + false * (1 - risk)) * granted)  # fmt: skip


def _scraped(signals: pd.DataFrame, load: Any, errors: Any, busy: Any) -> pd.DataFrame:
    """Return counters, which only grow, and one gauge."""
    now = ((signals["applied_at"] - TIMES[0]) // pd.Timedelta(minutes=1)).to_numpy()
    later = now + world.SIGNS_KNOWN_AFTER // pd.Timedelta(minutes=1)
    signals = signals.assign(applications=1, repeated=signals["application_id"].duplicated())
    counted = {"requests": load, "errors": errors}
    for names, at in (([*_NOW, "granted"], now), (["arrears", "arrears_promised"], later)):
        counted |= {k: np.bincount(at, signals[k], len(TIMES))[: len(TIMES)] for k in names}
    table = {f"credit_{name}_total": values.cumsum() for name, values in counted.items()}
    table["credit_in_flight"] = busy  # one array: a DataFrame of columns would take seconds
    return pd.DataFrame(np.array([*table.values()], float).T, TIMES, [*table])


@lru_cache(16)
def pages(text: str, year: Year) -> pd.DataFrame:
    """Return each page and its cause, none where the alert also fires without incidents."""
    fires, calm, rows = firing(text, year.series), firing(text, year.calm), []
    start, end = year.incidents["start"], year.incidents["end"] + pd.Timedelta(days=1)
    for alert in fires:
        for at in _starts(fires[alert]):
            acts = [] if calm.loc[at, alert] else start.index[(start <= at) & (at <= end)]
            cause = acts[-1] if len(acts) else None
            rows.append((alert, at, cause, (at - start[cause]) / HOUR if cause else np.nan))
    found = pd.DataFrame(rows, columns=["alert", "at", "incident", "delay"])
    found.attrs["calm"] = {alert: len(_starts(calm[alert])) for alert in calm}
    return found


def score(text: str, year: Year) -> pd.DataFrame:
    """Return what each alert is worth in a year; delay in hours, calm in pages a week."""
    rung, rows = pages(text, year), {}
    needed, false = set(year.incidents.index[year.incidents["call"]]), rung.attrs["calm"]
    for alert, number in (false | {"all together": sum(false.values())}).items():
        own = rung if alert == "all together" else rung[rung["alert"] == alert]
        right = own["incident"].isin(needed)
        first = own[right].groupby("incident")["delay"].min()
        rows[alert] = {"pages": len(own), "precision": right.mean(), "caught": len(first),
                       "delay": first.median(), "calm": number / (len(TIMES) / 10_080),
                       "missed": ", ".join(sorted(needed - set(first.index)))}  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index")


def _starts(fires: pd.Series) -> pd.DatetimeIndex:
    return fires.index[fires.to_numpy() & ~np.r_[False, fires.to_numpy()[:-1]]]
