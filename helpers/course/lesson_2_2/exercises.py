"""The exercises of lesson 2.2, Skew, drift and environments."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.exercises.calls import kind_of, run
from helpers.course.exercises.judges import as_number, assigned
from helpers.course.exercises.texts import replies
from helpers.course.lesson_2_2.alarms import FAULTS, Plan, Years
from helpers.pipelines import SCHEMA_FILE
from helpers.validation import Schema, generate_statistics, validate_statistics

FEATURES = [c for c in world.COLUMNS if c not in ("application_id", "applied_at", "defaulted")]


_SOMETIMES = {"defaulted", "early_arrears", "channel"}
_KNOWN = {"TRAINING": _SOMETIMES, "SERVING": {"channel"}, "RESCORING": {"early_arrears"}}


@cache
def _files() -> list[tuple[str, Any, set[str]]]:
    """Return environments, statistics of unseen files, and the column that is wrong in each."""
    full = world.World(seed=31).applications("2026-05", 400)
    full["early_arrears"] = world.early_signs(full)["early_arrears"]
    del full["applied_at"]  # as the lesson does
    return [
        (name, generate_statistics(full.drop(columns=_SOMETIMES - (known ^ wrong))), wrong)
        for name, known in _KNOWN.items()
        for wrong in (set(), *({column} for column in sorted(_SOMETIMES)))
    ]


def _environments(answer: Any) -> str | None:
    try:
        schema = answer.copy() if isinstance(answer, Schema) else Schema(answer)
    except TypeError:
        return f"Expected a schema, such as `Schema(...)` holds, got {kind_of(answer)}."
    if lacking := [e for e in _KNOWN if e not in schema.environments]:
        return f"The schema knows the environments {schema.environments}, and not {lacking[0]}."
    if "applied_at" in schema:
        schema.remove("applied_at")
    for environment, statistics, wrong in _files():
        found = set(validate_statistics(statistics, schema, environment=environment).features)
        if found - wrong:
            return f"False alarm in {environment}: {min(found - wrong)}. Who can know it by then?"
        for column in wrong - found:
            way = "without" if column in _KNOWN[environment] else "with"
            return f"{environment} accepts a file {way} {column}. Where does that column belong?"
    return None


_CASES = (world.PURPOSES, 8_000, 2_000, 12), (world.CHANNELS, 5_000, 200, 52)
_CASES += ((world.REGIONS, 4_000, 4_000, 100),)


def _threshold(answer: Any) -> str | None:
    rng = np.random.default_rng(22)
    for shares, m, n, looks in _CASES:
        p = np.array(list(shares.values())) / sum(shares.values())
        old, new = rng.multinomial(m, p, 20_000) / m, rng.multinomial(n, p, 20_000) / n
        about = f"a training column of {m:,} words, n={n} and looks={looks}"
        reference = pd.Series(rng.choice(list(shares), m, p=p))
        value = as_number(run(answer, reference, n, looks, seconds=20, about=about))
        if value is None:
            return f"Expected a number. It was called with {about}."
        rings = looks * (abs(old - new).max(axis=1) > value).mean()
        said = f"With {about} it returned {value:.4f}, which rings {rings:.2g} times a calm year."
        if rings > 2.5:
            why = "The training table is a sample, too: its shares vary as well."
            other = "A year has many looks, and a file of few rows varies more."
            return f"{said} {why if m == n else other}"
        if rings < 0.35:
            why = "(Two files of n rows? The training table is larger, and varies less.)"
            return f"{said} That is safer than asked, and misses more. {why}"
    return None


@cache
def _rules() -> tuple[Schema, Any]:
    """Return the lender's rules with comparators, and the training table's statistics by them."""
    schema = Schema.load(SCHEMA_FILE)
    for name in FEATURES:
        schema[name].skew_threshold = 0.3
    counts = schema["late_payments"].proto  # a category, as in the lesson
    counts.int_domain.is_categorical = True
    counts.skew_comparator.CopyFrom(schema["purpose"].proto.skew_comparator)
    frame = world.World(seed=31).applications(("2025-01", "2025-12"))
    return schema, generate_statistics(frame, schema=schema)


def _canary(answer: Any) -> str | None:
    frame = world.World(seed=31).applications("2026-01")
    planted = frame.copy()
    for column in FEATURES:
        about = f"a file of January 2026 and {column!r}"
        file = run(answer, frame, column, about=about)
        same = isinstance(file, pd.DataFrame) and list(file) == list(frame)
        if not same or not file.index.equals(frame.index):
            return f"Expected a frame with the same columns and rows. It was called with {about}."
        planted[column] = file[column]
        if not file.equals(frame.assign(**{column: file[column]})):
            return f"Another column changed too, so nobody knows who rang. Called with {about}."
    schema, training = _rules()
    new = generate_statistics(planted, schema=schema)
    for column, _, what, _ in validate_statistics(new, schema).to_frame().itertuples(index=False):
        return f"{column}: another rule rings ({what}). Stay within the allowed values."
    found = validate_statistics(training, schema, serving_statistics=new).features
    if silent := [column for column in FEATURES if column not in found]:
        return f"{silent[0]}: the distance stays below 0.3. Which file is as far as it can be?"
    return None


@cache
def _logs() -> tuple[pd.DataFrame, list[tuple[str, pd.DataFrame, set[str]]]]:
    """Return a training table, and logs with a fault each and the ids that are wrong."""
    truth = world.World(seed=33).applications("2026-07", 300).drop(columns="defaulted")
    truth.loc[truth.index[::40], "purpose"] = None
    log = truth.iloc[:120, ::-1].sample(frac=1, random_state=1).reset_index(drop=True)
    numbers = truth.select_dtypes("number").columns
    log[numbers] = (1.00005 * log[numbers]).astype("float32").astype(float)
    log.loc[118:, "application_id"] = ["2026-07-900001", "2026-07-900002"]
    income, used, late = log["income"], log["utilization"], log["late_payments"]
    worded, turned = log.index[log["purpose"].notna()], income.to_numpy()[[7, 11, 3]]
    small, known, idle = (log.index[x][:2] for x in (used < 0.1, used.notna(), late == 0))
    cases = [
        ("numbers 0.005 % larger, gaps, another order, unknown ids", "income", [], []),
        ("three incomes in each other's place", "income", [3, 7, 11], turned),
        ("a small utilization that is 0.05 % larger", "utilization", small[:1], used * 1.00045),
        ("an income that is 0.05 % larger", "income", [9], income * 1.00045),
        ("a utilization that was lost on the way, in two rows", "utilization", known, np.nan),
        ("a gap in place of 0 late payments", "late_payments", idle, np.nan),
        ("a word that differs in one row", "purpose", worded[5:6], "wedding"),
        ("a gap in place of a word", "purpose", worded[6:7], None),
        ("two amounts logged wrongly", "amount", [2, 4], 1_234),
    ]
    logs = []
    for text, column, rows, values in cases:
        changed = log.copy()
        changed.loc[rows, column] = values
        logs.append((f"a log with {text}", changed, set(log.loc[rows, "application_id"])))
    text, wrong, ids = logs[-1]
    for name, twice in ("and right again", [wrong, log]), ("after they were right", [log, wrong]):
        logs.append((f"{text} {name}", pd.concat([twice[0], twice[1].loc[[2, 4]]]), ids))
    return truth, logs


def _skewed(answer: Any) -> str | None:
    truth, logs = _logs()
    for text, log, wanted in logs:
        found = run(answer, log, truth, about=text)
        if not isinstance(found, set | frozenset):
            return f"Expected a set of application_id, got {kind_of(found)}."
        if found != wanted:
            extra = sorted(map(str, found - wanted))
            what = f"{len(extra)} too many, such as {extra[0]}" if extra else "some are missed"
            return f"It was called with {text}. It found {len(found)} of {len(wanted)}: {what}."
    return None


_SUSPECTS = {"A": "slice", "B": "mix", "C": "calm", "D": "mix"}
_years = cache(lambda: Years(200, seed=101))


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Plan):
        return f"Expected a Plan, got {kind_of(answer)}."
    outcome = _years().run(answer)
    said = f"In unseen years: {outcome.false_alarms:.2f} false alarms, {outcome.euro:,.0f} euro."
    for fault, (loss, at_the_source) in FAULTS.items():
        if loss > 10 and (found := outcome.faults.loc[fault, "found"]) < 0.95:
            way = "Both paths have this fault." if at_the_source else "Which check can see it?"
            return f"{said} {fault!r} is found in {found:.0%}. {way}"
    if outcome.false_alarms > 0.5:
        return f"{said} At most one false alarm in two years was asked."
    if outcome.euro > 75_000:
        late = outcome.faults.eval("euro - euro / days").idxmax()  # beyond the first day
        days = outcome.faults["days"][late]
        return f"{said} Most could be saved with {late!r}: {days:.1f} days until it is found."
    return None


JUDGES = {
    "2.2-a": _environments,
    "2.2-b": _threshold,
    "2.2-c": _canary,
    "2.2-e": assigned(_SUSPECTS, values=("calm", "mix", "slice"), replies=replies("2.2-e")),
    "2.2-f": _skewed,
    "2.2-g": _plan,
}
