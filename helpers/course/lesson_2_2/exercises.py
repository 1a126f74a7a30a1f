"""The exercises of lesson 2.2, Skew, drift and environments."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers import world
from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number, assigned
from helpers.course.exercises.texts import replies
from helpers.course.lesson_2_2.alarms import FAULTS, Plan, Years, damage
from helpers.pipelines import SCHEMA_FILE
from helpers.validation import Schema, generate_statistics, infer_schema, validate_statistics

FEATURES = [c for c in world.COLUMNS if c not in ("application_id", "applied_at", "defaulted")]
SIX = ["purpose", "channel", "employment", "income", "utilization", "late_payments"]


def _schema(answer: Any) -> Schema:
    try:
        return answer.copy() if isinstance(answer, Schema) else Schema(answer)
    except TypeError:
        kind = kind_of(answer)
        raise ReplyError(f"Expected a schema, such as `Schema(...)` holds, got {kind}.") from None


_SOMETIMES = {"defaulted", "early_arrears", "channel"}
_KNOWN = {"TRAINING": _SOMETIMES, "SERVING": {"channel"}, "RESCORING": {"early_arrears"}}


@cache
def _files() -> list[tuple[str, Any, set[str]]]:
    """Return environments, statistics of unseen files, and the column that is wrong in each."""
    full = world.World(seed=31).applications("2026-05", 400)
    full = full.assign(early_arrears=world.early_signs(full)["early_arrears"])
    full = full.drop(columns="applied_at")  # as the lesson does
    return [
        (environment, generate_statistics(full.drop(columns=_SOMETIMES - (known ^ wrong))), wrong)
        for environment, known in _KNOWN.items()
        for wrong in (set(), *({column} for column in sorted(_SOMETIMES)))
    ]


def _environments(answer: Any) -> str | None:
    schema = _schema(answer)
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


_CASES = [
    (world.PURPOSES, 8_000, 2_000, 12),
    (world.CHANNELS, 5_000, 200, 52),
    (world.REGIONS, 4_000, 4_000, 100),
]


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
        if rings > 2.5 and m == n:
            return f"{said} The training table is a sample, too: its shares tremble as well."
        if rings > 2.5:
            return f"{said} A year has many looks, and a file of few rows trembles more."
        if rings < 0.35:
            said += " That is safer than asked, and misses more. (Two files of n rows? A file is "
            return said + "compared with the training table, which trembles less.)"
    return None


@cache
def _training() -> tuple[pd.DataFrame, Any]:
    frame = world.World(seed=31).applications(("2025-01", "2025-12"))
    return frame, generate_statistics(frame)


@cache
def _rules() -> tuple[Schema, Any]:
    """Return the lender's rules with comparators, and statistics of the training table."""
    schema = Schema.load(SCHEMA_FILE)
    for name in FEATURES:
        schema[name].skew_threshold = 0.3
    counts = schema["late_payments"].proto  # a category, as in the lesson
    counts.int_domain.is_categorical = True
    counts.skew_comparator.CopyFrom(schema["purpose"].proto.skew_comparator)
    return schema, generate_statistics(_training()[0], schema=schema)


def _canary(answer: Any) -> str | None:
    frame = world.World(seed=31).applications("2026-01")
    planted = frame.copy()
    for column in FEATURES:
        about = f"a file of January 2026 and {column!r}"
        file = run(answer, frame, column, about=about)
        if not isinstance(file, pd.DataFrame) or list(file) != list(frame):
            return f"Expected a frame with the same columns. It was called with {about}."
        if not file.index.equals(frame.index):
            return f"A canary changes values, not rows. It was called with {about}."
        planted[column] = file[column]
        if not file.equals(frame.assign(**{column: file[column]})):
            return f"Another column changed too, so nobody knows who rang. Called with {about}."
    schema, training = _rules()
    new = generate_statistics(planted, schema=schema)
    for column, _, what, _ in validate_statistics(new, schema).to_frame().itertuples(index=False):
        text = "Stay within the allowed values, or a deaf comparator hides behind that rule."
        return f"{column}: another rule rings ({what}). {text}"
    found = validate_statistics(training, schema, serving_statistics=new).features
    if silent := [column for column in FEATURES if column not in found]:
        text = "Which file of allowed values is as far away as it can be?"
        return f"{silent[0]}: the distance of your file stays below 0.3. {text}"
    return None


@cache
def _measured(categories: frozenset[str]) -> list[Any]:
    """Return statistics of the training table, of a faulty file and of twelve calm ones."""
    training, statistics = _training()
    schema = infer_schema(statistics)
    for name in categories:
        schema[name].proto.int_domain.is_categorical = True
    calm = world.World(seed=32).applications(("2026-01", "2026-12"))
    months = [frame for _, frame in calm.groupby(calm["applied_at"].dt.month)]
    bad = months[5]
    for fault in ("monthly income", "purposes swapped", "utilization in percent"):
        bad = damage(bad, fault)
    some = (bad["employment"] == "salaried") & (np.arange(len(bad)) % 13 == 0)
    bad = bad.assign(
        channel=bad["channel"].replace({"broker": "online"}),
        employment=bad["employment"].mask(some, "student"),
        late_payments=2 * bad["late_payments"],
    )
    return [generate_statistics(table, schema=schema) for table in (training, bad, *months)]


def _comparators(answer: Any) -> str | None:
    schema = _schema(answer)
    for name in SIX:
        if name not in schema:
            return f"The schema has no column {name!r}."
        if not schema[name].proto.HasField("skew_comparator"):
            wrong = schema[name].proto.HasField("drift_comparator")
            more = "A drift comparator is asked only about the previous span." if wrong else ""
            return f"{name} has no skew comparator. {more}"
    categories = frozenset(n for n in SIX if schema[n].proto.int_domain.is_categorical)
    training, *files = _measured(categories)
    rows = []
    for file in files:
        found = validate_statistics(training, schema, serving_statistics=file).proto
        pairs = [(i.path.step[0], m) for i in found.drift_skew_info for m in i.skew_measurements]
        rows.append({name: m.value / max(m.threshold, 1e-9) for name, m in pairs})
    rings = pd.DataFrame(rows).reindex(columns=SIX).fillna(0)
    bad, often = rings.iloc[0], (rings[1:] > 1).sum()
    if bad.min() == 0:
        return f"{bad.idxmin()} measures 0 on a file in which it is wrong: it can never ring."
    if often.max() > 2 or often.sum() > 3:
        text = "What does its measure give there, with 2,000 rows against 24,000?"
        return f"{often.idxmax()} rings on {often.max()} of 12 calm files. {text}"
    if bad.min() <= 1:
        text = "Compare its threshold with calm files; and if they measure as much as faulty ones, "
        text += "the measure is the wrong one."
        return f"{bad.idxmin()} does not ring on a file in which it is wrong. {text}"
    return None


@cache
def _logs() -> tuple[pd.DataFrame, list[tuple[str, pd.DataFrame, set[str]]]]:
    """Return a training table, and logs with a fault each and the ids that are wrong."""
    truth = world.World(seed=33).applications("2026-07", 300).drop(columns="defaulted")
    truth.loc[truth.index[::40], "purpose"] = None
    numbers = truth.select_dtypes("number").columns
    log = truth.head(120).sample(frac=1, random_state=1).reset_index(drop=True)
    log[numbers] = log[numbers].astype("float32").astype(float)
    ids, used = log["application_id"], log["utilization"]
    worded, gap = log.index[log["purpose"].notna()], log.index[used.notna()][:2]
    small, idle = log.index[used < 0.1][:1], log.index[log["late_payments"] == 0][:2]

    def wrong(column: str, rows: Any, values: Any) -> tuple[pd.DataFrame, set[str]]:
        changed = log.copy()
        changed.loc[rows, column] = values
        return changed, set(ids[rows])

    shifted = wrong("income", [3, 7, 11], log["income"].to_numpy()[[7, 11, 3]])
    twice = wrong("amount", [2, 4], 1_234)
    unknown = wrong("application_id", [0, 1], ["2026-07-900001", "2026-07-900002"])[0]
    close = wrong("income", [9], log["income"] * 1.00005)[0]
    return truth, [
        ("a log without a fault: 32-bit numbers, gaps in both, another order", log, set()),
        ("incomes of three rows in each other's place", *shifted),
        ("columns in another order", shifted[0][shifted[0].columns[::-1]], shifted[1]),
        ("a small utilization that is 0.05 % larger", *wrong("utilization", small, used * 1.0005)),
        ("an income that is 0.05 % larger", *wrong("income", [9], log["income"] * 1.0005)),
        ("an income that is 0.005 % larger", close, set()),
        ("a utilization that was lost on the way, in two rows", *wrong("utilization", gap, np.nan)),
        ("a gap in place of 0 late payments", *wrong("late_payments", idle, np.nan)),
        ("a word that differs in one row", *wrong("purpose", worded[5:6], "wedding")),
        ("a gap in place of a word", *wrong("purpose", worded[6:7], None)),
        ("two ids that the training table does not have", unknown, set()),
        ("two rows logged again, wrongly", pd.concat([log, twice[0].loc[[2, 4]]]), twice[1]),
        ("two rows logged wrongly, and again", pd.concat([twice[0], log.loc[[2, 4]]]), twice[1]),
    ]


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


_years = cache(lambda: Years(200, seed=101))


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Plan):
        return f"Expected a Plan, got {kind_of(answer)}."
    outcome = _years().run(answer)
    table = outcome.faults
    said = f"In unseen years: {outcome.false_alarms:.2f} false alarms, {outcome.euro:,.0f} euro."
    for fault, (loss, at_the_source) in FAULTS.items():
        if loss > 10 and (found := table.loc[fault, "found"]) < 0.95:
            way = "Both paths have this fault." if at_the_source else "Which check can see it?"
            return f"{said} {fault!r} is found in {found:.0%}. {way}"
    if outcome.false_alarms > 0.5:
        return f"{said} At most one false alarm in two years was asked."
    if outcome.euro > 75_000:
        late = (table["euro"] - table["euro"] / table["days"]).idxmax()  # beyond the first day
        days = table.loc[late, "days"]
        return f"{said} Most could be saved with {late!r}: {days:.1f} days until it is found."
    return None


JUDGES = {
    "2.2-a": _environments,
    "2.2-b": _threshold,
    "2.2-c": _canary,
    "2.2-d": _comparators,
    "2.2-e": assigned(
        {"A": "slice", "B": "mix", "C": "calm", "D": "mix"},
        values=("calm", "mix", "slice"),
        replies=replies("2.2-e"),
    ),
    "2.2-f": _skewed,
    "2.2-g": _plan,
}
