"""The exercises of lesson 2.7, Evolving schemas and a feature store's two faces."""

from __future__ import annotations

import io
import math
from collections.abc import Collection, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_number, assigned

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_V1 = [("customer", "string"), ("late_payments", "int"), ("utilization", "float")]
_V1 = [{"name": name, "type": kind} for name, kind in _V1]
_V2 = [*_V1, {"name": "score", "type": ["null", "int"], "default": None}]


def _read(written: Any, reader: Any, row: dict) -> dict:
    """Write a row with one schema, and read it with another."""
    from fastavro import parse_schema, schemaless_reader, schemaless_writer

    buffer = io.BytesIO()
    schemaless_writer(buffer, parse_schema(written), row)
    buffer.seek(0)
    return schemaless_reader(buffer, parse_schema(written), parse_schema(reader))


def _third_version(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or "fields" not in answer:
        return "Expected an Avro schema: a dict with type, name and fields, as v2 has."
    new = {k: v for k, v in answer.items() if not str(k).startswith("__")}
    named = {f.get("name"): f for f in new["fields"] if isinstance(f, Mapping)}
    if "late_payments_12m" not in named:
        return "The count over 12 months needs a field of its own, late_payments_12m."
    old = {"customer": "c", "late_payments": 3, "utilization": 0.5, "score": 611}
    row = old | {"late": 1, "late_payments_24m": 3, "late_payments_12m": 1}
    schemas = [{"type": "record", "name": "Statement", "fields": f} for f in (_V1, _V2)]
    for number, before in enumerate(schemas, 1):
        try:
            got = _read(before, new, old)
        except Exception as error:
            return f"Your version cannot read what v{number} wrote: {error}."
        if got["late_payments_12m"] is not None:
            return (
                f"In a statement of v{number} nobody has counted 12 months, and your version reads "
                f"{got['late_payments_12m']!r}: that is a claim about a customer."
            )
        try:
            got = _read(new, before, row)
        except Exception as error:
            return f"A reader that still has v{number} cannot read what you write: {error}."
        for name in (f["name"] for f in before["fields"]):
            if got[name] != old[name]:
                return (
                    f"A reader that still has v{number} gets {got[name]!r} as {name}, where "
                    f"{old[name]!r} was meant, and no error."
                )
    try:
        _read(new, new, row | {"late_payments_12m": None, "score": None})
    except Exception as error:
        return f"A statement without a count over 12 months cannot be passed on: {error}."
    return None


@cache
def _two_versions(seed: int, plant: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return a week's applications in two versions of a feed."""
    import numpy as np

    from helpers import world

    rng = np.random.default_rng(seed)
    old = world.World(seed).applications("2026-05", 1_500)
    old = world.incidents["missing history"].apply(old, strength=0.1, seed=seed)
    old = old.drop(columns=["applied_at", "defaulted"])
    new = old.copy()
    if plant == "12 months":
        unit = np.where(new["region"] == world.OVERRECORDED_REGION, 2, 1)
        new["late_payments"] = unit * rng.binomial(new["late_payments"] // unit, 0.5)
    elif plant in ("monthly income", "utilization in percent"):
        new = world.incidents[plant].apply(new, seed=seed)
    elif plant == "missing as 0":
        new["credit_history_years"] = new["credit_history_years"].fillna(0)
    elif plant == "words":
        new["channel"] = new["channel"].replace("branch", "BRANCH")
    few = rng.random(len(new)) < 0.008  # corrected between the two deliveries
    new["income"] = new["income"] + np.where(few, 500, 0)
    new["utilization"] = new["utilization"].astype("float32")
    new["late_payments"] = new["late_payments"].astype("float32")
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
            got = run(answer, *_two_versions(seed, plant), about="the two versions of a week")
            if isinstance(got, str) or not isinstance(got, Collection):
                return f"Expected a set of names of columns, got {type(got).__name__}."
            if extra := sorted(set(map(str, got)) - expected):
                return f"{what}, and your contract reports {', '.join(extra)}."
            if set(got) != expected:
                return f"{what}, and your contract does not report it."
    return None


def _history(*messages: tuple) -> pd.DataFrame:
    """Return messages given as (customer, event day, arrival day, late payments, utilization)."""
    import pandas as pd

    from helpers.course.lesson_2_7.plans import BUREAU

    names = ["application_id", "event_time", "arrival_time", *BUREAU]
    frame = pd.DataFrame(messages, columns=names)
    for name in ("event_time", "arrival_time"):
        frame[name] = pd.Timestamp("2026-01-01") + pd.to_timedelta(frame[name], unit="D")
    return frame.astype({"utilization": float})


def _requests(*pairs: tuple[str, int]) -> pd.DataFrame:
    import pandas as pd

    ids, days = zip(*pairs, strict=True)
    at = pd.Timestamp("2026-01-01") + pd.to_timedelta(pd.Series(days), unit="D")
    return pd.DataFrame({"application_id": ids, "applied_at": at})


def _as_known(requests: pd.DataFrame, history: pd.DataFrame) -> np.ndarray:
    import numpy as np

    from helpers.course.lesson_2_7.plans import BUREAU

    asked = requests.assign(row=np.arange(len(requests)))
    rows = asked[["row", "application_id", "applied_at"]].merge(history, on="application_id")
    rows = rows[rows["arrival_time"] <= rows["applied_at"]]
    rows = rows.sort_values(["event_time", "arrival_time"]).drop_duplicates("row", keep="last")
    return rows.set_index("row")[BUREAU].reindex(asked["row"]).to_numpy(float)


_JOINS = [
    ([("a", 9)], [("a", 5, 7, 1, 0.1), ("a", 1, 2, 0, 0.2)],
     "The newest statement is not always the last row of the table."),
    ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 10, 1, 0.1)],
     "A statement closed before the application, and still under way, cannot be known yet."),
    ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 6, 1, 0.1), ("a", 1, 8, 4, 0.2)],
     "An old statement that arrives again last is still an old statement."),
    ([("a", 9)], [("a", 5, 8, 3, 0.1), ("a", 5, 6, 1, 0.1), ("a", 5, 12, 9, 0.1)],
     "Of the same statement, sent several times, the last one that had arrived counts."),
    ([("a", 9)], [("a", 1, 2, 0, 0.2), ("a", 5, 6, 1, None)],
     "Where the newest statement has no utilization, that of an older one is not the answer."),
    ([("b", 9), ("a", 9)], [("a", 1, 2, 2, 0.2)],
     "A customer of whom nothing has arrived stays in the table, with missing values."),
    ([("a", 9), ("b", 9), ("a", 3)], [("a", 1, 2, 2, 0.2), ("a", 5, 6, 1, 0.1),
                                                        ("b", 5, 6, 7, 0.3)],
     "One customer may be asked about twice; the rows come back in the order of the requests."),
    ([("a", 6)], [("a", 1, 2, 2, 0.2), ("a", 5, 6, 1, 0.1)],
     "What arrives at the very moment of the application counts as known."),
]  # fmt: skip


@cache
def _unseen(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    import numpy as np
    import pandas as pd

    from helpers import world

    frame = world.World(seed).applications("2025-06", 400)
    history = world.bureau_history(frame, seed=seed).sample(frac=1, random_state=seed)
    later = pd.to_timedelta(np.random.default_rng(seed).integers(-200, 300, 400), unit="D")
    asked = pd.concat([frame, frame.assign(applied_at=frame["applied_at"] + later)])
    return asked.sample(frac=1, random_state=seed)[["application_id", "applied_at"]], history


def _point_in_time(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    from helpers.course.lesson_2_7.plans import BUREAU

    unseen = "In a year of applications of another world it differs from what was known."
    small = [(_requests(*pairs), _history(*sent), reply) for pairs, sent, reply in _JOINS]
    for requests, history, reply in [*small, (*_unseen(8), unseen)]:
        shown = "\n".join(map(str, (requests, history))) if len(history) < 9 else "another world"
        got = run(answer, requests, history, about="\n" + shown)
        if not isinstance(got, pd.DataFrame) or not {*BUREAU} <= {*got.columns}:
            return "Expected a DataFrame with the columns late_payments and utilization."
        right = _as_known(requests, history)
        try:
            mine = got[BUREAU].to_numpy(float, na_value=np.nan)
        except (TypeError, ValueError):
            return "Expected numbers in late_payments and utilization."
        if mine.shape != right.shape or not np.allclose(mine, right, equal_nan=True):
            return f"{reply} It was called with\n{shown}"
    return None


class _Store:
    """The lesson's store with one feature, in plain Python, and perhaps with a fault."""

    ttl = 10

    def __init__(self, fault: str = "") -> None:
        self.fault, self.done = fault, -math.inf
        self.log: list[tuple] = []
        self.table: dict[Any, tuple] = {}

    def add(self, messages: Any) -> None:
        for key, event, arrival, value in messages:
            self.log.append((event, arrival, len(self.log), key, value))

    def historical(self, key: Any, at: float) -> Any:
        known = [one for one in self.log if one[3] == key and one[1] <= at]
        return self._fresh(max(known, default=None), at)

    def materialize(self, upto: float) -> None:
        for new in sorted(self.log, key=lambda one: one[1:3]):
            event, arrival, _, key, _ = new
            held = self.table.get(key, (-math.inf, -math.inf, -1))
            news = self.done < arrival <= upto
            if self.fault == AT_ONCE:
                news = self.done <= arrival < upto
            elif self.fault == BY_EVENT:
                news = news and event > self.done
            wins = new[:3] >= held[:3]
            if self.fault == LAST_WINS:
                wins = True
            elif self.fault == CORRECTIONS:
                wins = event > held[0]
            if news and wins:
                self.table[key] = new
        self.done = upto

    def online(self, key: Any, now: float) -> Any:
        rows = [one for k, one in self.table.items() if k == key or self.fault == KEYS]
        row = max(rows, default=None)
        return row[4] if row and self.fault == EXPIRED else self._fresh(row, now)

    def _fresh(self, row: tuple | None, at: float) -> Any:
        return row[4] if row and row[0] > at - self.ttl else None


LAST_WINS = "lets the last arrival win"
CORRECTIONS = "ignores a correction of the statement that it holds"
AT_ONCE = "misses what arrives at the very moment of a refresh"
KEYS = "answers with another customer's value"
BY_EVENT = "looks for news by event time, so that what was under way is never taken"
EXPIRED = "serves a value after its time-to-live"


def _suite(answer: Any) -> str | None:
    try:
        run(answer, _Store, seconds=8, about="a store that is right")
    except ReplyError as error:
        if isinstance(error.__cause__, Exception):
            return f"Your test convicts a store whose two faces agree. {error}"
        raise
    for fault in (LAST_WINS, CORRECTIONS, AT_ONCE, KEYS, BY_EVENT, EXPIRED):
        try:
            run(answer, partial(_Store, fault), seconds=8, about="a store with a fault")
        except ReplyError as error:
            if isinstance(error.__cause__, Exception):
                continue  # convicted
            raise
        return f"A store passed your test that {fault}."
    return None


_BEST = 45_000  # euro a year: about the best plan in these years
_YEARS = (11, 12, 13, 14, 15)


def _plan(answer: Any) -> str | None:
    import pandas as pd

    from helpers.course.lesson_2_7.plans import price

    names = ("refresh_days", "ttl_days")
    if not isinstance(answer, Mapping) or set(answer) != set(names):
        return "Expected a dict with refresh_days and ttl_days."
    refresh, ttl = (as_number(answer[name]) for name in names)
    if refresh is None or ttl is None or not 0.5 <= refresh <= 365 or not 1 <= ttl <= 10_000:
        return "Expected numbers of days: refresh_days from 0.5 to 365, ttl_days from 1."
    found = pd.DataFrame([price(refresh, ttl, seed) for seed in _YEARS]).mean()
    if found["total"] <= 1.3 * _BEST:
        return None
    costs = (
        f"In five unseen years it costs {found['total']:,.0f} euro a year on average: "
        f"{found['refreshes']:,.0f} for refreshes, {found['worse decisions']:,.0f} for worse "
        "decisions. "
    )
    days = found["silent feed noticed after"]
    if found["usually missing"] > 0.02:
        share = f"{found['usually missing']:.0%}"
        return f"{costs}Even in quiet weeks {share} of the applications find an expired value."
    if found["refreshes"] > found["worse decisions"]:
        return f"{costs}The refreshes cost more than the staleness that they save."
    if days > 35:
        return f"{costs}A silent feed is noticed after {days:.0f} days of deciding on stale values."
    return f"{costs}Between two refreshes values grow old."


# Typical wrong answers, written as variations of a right one.


_CHANGES = {"A": "backward", "B": "backward", "C": "backward", "D": "forward", "E": "full"}
_CHANGES["F"] = "none"

JUDGES = {
    "2.7-a": assigned(
        _CHANGES,
        values=("backward", "forward", "full", "none"),
        replies={
            "A": "A: what does a reader with v1 do for a field that no longer comes, when its "
            "own schema names no default?",
            "B": "B: aliases stand in one of the two schemas only. Whose?",
            "C": "C: try more than one row. What does a reader with v1 do with a statement in "
            "which the value is null?",
            "D": "D: in which direction is a default needed, and where is a field ignored?",
            "E": "E: fields are matched by name. Does their order matter?",
            "F": "F: a number may become a wider number. May it become text?",
        },
    ),
    "2.7-b": _third_version,
    "2.7-c": _contract,
    "2.7-d": _point_in_time,
    "2.7-e": _suite,
    "2.7-f": _plan,
}
