"""The exercises of lesson 2.7, Evolving schemas and a feature store's two faces."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from helpers import world
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_names, as_number, as_numbers, assigned
from helpers.course.exercises.texts import replies
from helpers.course.lesson_2_7.plans import BUREAU, as_known, news, price

_V1 = [("customer", "string"), ("late_payments", "int"), ("utilization", "float")]
_V1 = [{"name": name, "type": kind} for name, kind in _V1]
_V2 = [*_V1, {"name": "score", "type": ["null", "int"], "default": None}]


def _read(written: Any, reader: Any, row: dict, reply: str) -> dict:
    """Write a row with one schema, and read it with another; if Avro refuses, that is a reply."""
    buffer = io.BytesIO()
    try:
        schemaless_writer(buffer, parse_schema(written), row)
        buffer.seek(0)
        return schemaless_reader(buffer, parse_schema(written), parse_schema(reader))
    except Exception as error:
        raise ReplyError(f"{reply}: {error}.") from None


def _third_version(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or "fields" not in answer:
        return "Expected an Avro schema: a dict with type, name and fields, as v2 has."
    new = {k: v for k, v in answer.items() if not str(k).startswith("__")}
    named = {f.get("name"): f for f in new["fields"] if isinstance(f, Mapping)}
    if "late_payments_12m" not in named:
        return "The count over 12 months needs a field of its own, late_payments_12m."
    old = {"customer": "c", "late_payments": 3, "utilization": 0.5, "score": 611}
    row = old | {"late": 1, "late_payments_24m": 3, "late_payments_12m": 1}
    for number, fields in enumerate((_V1, _V2), 1):
        before = {"type": "record", "name": "Statement", "fields": fields}
        got = _read(before, new, old, f"Your version cannot read what v{number} wrote")
        if got["late_payments_12m"] is not None:
            claim = f"{got['late_payments_12m']!r}: that is a claim about a customer"
            return f"In v{number} nobody has counted 12 months, and your version reads {claim}."
        has = f"A reader that still has v{number}"
        got = _read(new, before, row, f"{has} cannot read what you write")
        for name in (f["name"] for f in fields):
            if got[name] != old[name]:
                wanted = f"where {old[name]!r} was meant, and no error"
                return f"{has} gets {got[name]!r} as {name}, {wanted}."
    row |= {"late_payments_12m": None, "score": None}
    _read(new, new, row, "A statement without a count over 12 months cannot be passed on")
    return None


@cache
def _two_versions(seed: int, plant: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a week's applications in two versions of a feed."""
    rng = np.random.default_rng(seed)
    old = world.World(seed).applications("2026-05", 1_500)
    old = world.incidents["missing history"].apply(old, strength=0.1, seed=seed)
    old = old.drop(columns=["applied_at", "defaulted"])
    new = old.copy()
    if plant == "12 months":
        unit = np.where(new["region"] == world.OVERRECORDED_REGION, 2, 1)
        new["late_payments"] = unit * rng.binomial(new["late_payments"] // unit, 0.5)
    elif plant == "missing as 0":
        new["credit_history_years"] = new["credit_history_years"].fillna(0)
    elif plant == "words":
        new["channel"] = new["channel"].replace("branch", "BRANCH")
    elif plant:
        new = world.incidents[plant].apply(new, seed=seed)
    new["income"] += np.where(rng.random(len(new)) < 0.008, 500, 0)  # corrected in between
    new = new.astype({"utilization": "float32", "late_payments": "float32"})
    return old.sample(frac=0.97, random_state=seed), new.sample(frac=0.97, random_state=seed + 1)


_PLANTS = {
    "": (set(), "Nothing has changed its meaning here: other order, 32 bits, few corrections"),
    "utilization in percent": ({"utilization"}, "The used share became a percentage"),
    "12 months": ({"late_payments"}, "Late payments are counted over fewer months"),
    "monthly income": ({"income"}, "One channel sends its income per month"),
    "missing as 0": ({"credit_history_years"}, "A value that was missing is now written as 0"),
    "words": ({"channel"}, "A word is spelt differently"),
}


def _contract(answer: Any) -> str | None:
    for plant, (expected, what) in _PLANTS.items():
        for seed in (41, 42):
            old, new = _two_versions(seed, plant)
            got = as_names(run(answer, old, new, about="the two versions of a week"), old)
            if extra := sorted(got - expected):
                return f"{what}, and your contract reports {', '.join(extra)}."
            if got != expected:
                return f"{what}, and your contract does not report it."
    return None


def _tables(asked: list[tuple], sent: list[tuple]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return requests of (customer, day), and messages: customer, event, arrival, what is sent."""
    requests = pd.DataFrame(asked, columns=["application_id", "applied_at"])
    history = pd.DataFrame(sent, columns=["application_id", "event_time", "arrival_time", *BUREAU])
    for frame in (requests, history):
        for name in frame.columns[frame.columns.str.contains("_at|_time")]:
            frame[name] = pd.Timestamp("2026-01-01") + pd.to_timedelta(frame[name], unit="D")
    return requests, history.astype({"utilization": float})


_TWO = [("a", 1, 2, 2, 0.2), ("a", 5, 6, 1, 0.1)]
_JOINS = {
    "order": ([("a", 9)], [("a", 5, 7, 1, 0.1), ("a", 1, 2, 0, 0.2)]),
    "under way": ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 10, 1, 0.1)]),
    "old": ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 6, 1, 0.1), ("a", 1, 8, 4, 0.2)]),
    "again": ([("a", 9)], [("a", 5, 8, 3, 0.1), ("a", 5, 6, 1, 0.1), ("a", 5, 12, 9, 0.1)]),
    "gap": ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 6, 1, None)]),
    "nothing": ([("b", 9), ("a", 9)], [("a", 1, 2, 2, 0.2)]),
    "twice": ([("a", 9), ("b", 9), ("a", 3)], [*_TWO, ("b", 5, 6, 7, 0.3)]),
    "at once": ([("a", 6)], _TWO),
}


def _unseen(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = world.World(seed).applications("2025-06", 400)
    history = world.bureau_history(frame, seed=seed).sample(frac=1, random_state=seed)
    later = pd.to_timedelta(np.random.default_rng(seed).integers(-200, 300, 400), unit="D")
    asked = pd.concat([frame, frame.assign(applied_at=frame["applied_at"] + later)])
    return asked.sample(frac=1, random_state=seed)[["application_id", "applied_at"]], history


def _point_in_time(answer: Any) -> str | None:
    cases = {name: _tables(asked, sent) for name, (asked, sent) in _JOINS.items()}
    for name, (requests, history) in (cases | {"unseen": _unseen(8)}).items():
        shown = f"{requests}\n{history}" if len(history) < 9 else "another world"
        got = run(answer, requests, history, about="\n" + shown)
        if not isinstance(got, pd.DataFrame) or not {*BUREAU} <= {*got.columns}:
            return "Expected a DataFrame with the columns late_payments and utilization."
        right = as_known(requests, news(history))[BUREAU].to_numpy(float)
        mine = got[BUREAU].to_numpy(object, na_value=np.nan)
        mine = as_numbers(mine, mine.shape, "numbers in late_payments and utilization", gaps=True)
        if mine.shape != right.shape or not np.allclose(mine, right, equal_nan=True):
            return f"{replies('2.7-d')[name]} It was called with\n{shown}"
    return None


class _Store:
    """The lesson's store with one feature, in plain Python; its fault has a reply in 2.7-e."""

    ttl = 10

    def __init__(self, fault: str = "") -> None:
        self.fault, self.done, self.log, self.table = fault, -np.inf, [], {}

    def add(self, messages: Any) -> None:
        for key, event, arrival, value in messages:
            self.log.append((event, arrival, len(self.log), key, value))

    def historical(self, key: Any, at: float) -> Any:
        known = [one for one in self.log if one[3] == key and one[1] <= at]
        return self._fresh(max(known, default=None), at)

    def materialize(self, upto: float) -> None:
        for new in sorted(self.log, key=lambda one: one[1:3]):
            event, arrival, _, key, _ = new
            held = self.table.get(key, (-np.inf, -np.inf, -1))
            news = self.done < arrival <= upto
            late = {"at once": self.done <= arrival < upto, "by event": news and event > self.done}
            wins = {"last wins": True, "corrections": event > held[0]}
            if late.get(self.fault, news) and wins.get(self.fault, new[:3] >= held[:3]):
                self.table[key] = new
        self.done = upto

    def online(self, key: Any, now: float) -> Any:
        rows = [one for k, one in self.table.items() if k == key or self.fault == "keys"]
        row = max(rows, default=None)
        return row[4] if row and self.fault == "expired" else self._fresh(row, now)

    def _fresh(self, row: tuple | None, at: float) -> Any:
        return row[4] if row and row[0] > at - self.ttl else None


def _suite(answer: Any) -> str | None:
    for fault, text in ({"": ""} | replies("2.7-e")).items():
        convicted = None
        try:
            run(answer, partial(_Store, fault), seconds=8, about="a store to be tested")
        except ReplyError as error:
            if not isinstance(error.__cause__, Exception):
                raise
            convicted = error
        if convicted and not fault:
            return f"Your test convicts a store whose two faces agree. {convicted}"
        if fault and not convicted:
            return f"A store passed your test that {text}"
    return None


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or set(answer) != {"refresh_days", "ttl_days"}:
        return "Expected a dict with refresh_days and ttl_days."
    refresh, ttl = as_number(answer["refresh_days"]), as_number(answer["ttl_days"])
    if refresh is None or ttl is None or not 0.5 <= refresh <= 365 or not 1 <= ttl <= 10_000:
        return "Expected numbers of days: refresh_days from 0.5 to 365, ttl_days from 1."
    found = pd.DataFrame([price(refresh, ttl, seed) for seed in range(11, 16)]).mean()
    paid, lost, total = found[["refreshes", "worse decisions", "total"]]
    missing, days = found[["usually missing", "silent feed noticed after"]]
    if total <= 1.3 * 45_000:  # about the best plan in these years
        return None
    costs = f"In five unseen years it costs {total:,.0f} euro a year on average: {paid:,.0f} for "
    costs += f"refreshes, {lost:,.0f} for worse decisions. "
    if missing > 0.02:
        return f"{costs}Even in quiet weeks {missing:.0%} of applications find an expired value."
    if paid > lost:
        return f"{costs}The refreshes cost more than the staleness that they save."
    if days > 35:
        return f"{costs}A silent feed is noticed after {days:.0f} days of deciding on stale values."
    return f"{costs}Between two refreshes values grow old."


JUDGES = {
    "2.7-a": assigned(
        dict.fromkeys("ABC", "backward") | {"D": "forward", "E": "full", "F": "none"},
        values=("backward", "forward", "full", "none"),
        replies=replies("2.7-a"),
    ),
    "2.7-b": _third_version,
    "2.7-c": _contract,
    "2.7-d": _point_in_time,
    "2.7-e": _suite,
    "2.7-f": _plan,
}
