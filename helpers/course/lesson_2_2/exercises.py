"""The exercises of lesson 2.2, Skew, drift and environments."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_number, assigned

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from helpers import validation
    from helpers.course.lesson_2_2 import alarms

KEYS = ["application_id", "applied_at"]
SIX = ("purpose", "channel", "employment", "income", "utilization", "late_payments")


def _schema(answer: Any) -> validation.Schema:
    from helpers import validation

    if isinstance(answer, validation.Schema):
        return answer.copy()
    try:
        return validation.Schema(answer)
    except TypeError:
        kind = "None" if answer is None else f"an answer of type {type(answer).__name__}"
        raise ReplyError(f"Expected a schema, such as `Schema(...)` holds, got {kind}.") from None


# a: environments


@cache
def _files() -> list[tuple[str, Any, set[str], str]]:
    """Return environments, statistics of unseen files, what must be found in them, and a reply."""
    from helpers import validation, world

    frame = world.World(seed=31).applications("2026-05", 400)
    full = frame.assign(early_arrears=world.early_signs(frame)["early_arrears"])
    full = full.drop(columns="applied_at")
    serving = full.drop(columns=["defaulted", "early_arrears"])
    rescoring = full.drop(columns=["defaulted", "channel"])
    late = "a file that was made a year too early, or from the wrong table"
    files = [
        ("TRAINING", full, set(), "a good training table"),
        ("SERVING", serving, set(), "a good serving log"),
        ("RESCORING", rescoring, set(), "a good rescoring file"),
        ("TRAINING", full.drop(columns="defaulted"), {"defaulted"}, "no label"),
        ("TRAINING", full.drop(columns="early_arrears"), {"early_arrears"}, "no early arrears"),
        ("TRAINING", full.drop(columns="channel"), {"channel"}, "no channel"),
        ("SERVING", serving.drop(columns="channel"), {"channel"}, "no channel"),
        ("SERVING", full.drop(columns="defaulted"), {"early_arrears"}, late),
        ("RESCORING", full.drop(columns="channel"), {"defaulted"}, late),
        ("RESCORING", rescoring.drop(columns="early_arrears"), {"early_arrears"}, "no arrears"),
    ]
    return [(e, validation.generate_statistics(f), w, text) for e, f, w, text in files]


def _environments(answer: Any) -> str | None:
    from helpers import validation

    schema = _schema(answer)
    lacking = [e for e in ("TRAINING", "SERVING", "RESCORING") if e not in schema.environments]
    if lacking:
        return f"The schema knows the environments {schema.environments}, and not {lacking[0]}."
    if "applied_at" in schema:  # the lesson leaves it out
        schema.remove("applied_at")
    for environment, statistics, wanted, text in _files():
        found = set(
            validation.validate_statistics(statistics, schema, environment=environment).features
        )
        if found - wanted:
            return (
                f"False alarm in {environment}, on {text}: {sorted(found - wanted)[0]}. Who can "
                "know this column at that moment?"
            )
        if wanted - found:
            return (
                f"{environment} accepts a file with this fault: {text} "
                f"({sorted(wanted)[0]}). Which environments does the column belong to?"
            )
    return None


# b: a threshold from a null

_CASES = (
    ("PURPOSES", 8_000, 2_000, 12),
    ("CHANNELS", 5_000, 200, 52),
    ("REGIONS", 4_000, 4_000, 100),
)


@cache
def _calm(case: int) -> tuple[pd.Series, np.ndarray]:
    """Return a training column, and distances of 20,000 calm files to tables like it."""
    import numpy as np
    import pandas as pd

    from helpers import world

    column, m, n, _ = _CASES[case]
    shares = getattr(world, column)
    rng = np.random.default_rng([22, case])
    p = np.array(list(shares.values())) / sum(shares.values())
    old, new = rng.multinomial(m, p, 20_000) / m, rng.multinomial(n, p, 20_000) / n
    return pd.Series(rng.choice(list(shares), m, p=p)), abs(old - new).max(axis=1)


def _threshold(answer: Any) -> str | None:
    for case, (_, m, n, looks) in enumerate(_CASES):
        reference, distances = _calm(case)
        about = f"a training column of {m:,} words, n={n} and looks={looks}"
        value = as_number(run(answer, reference, n, looks, seconds=20, about=about))
        if value is None:
            return f"Expected a number. It was called with {about}."
        rings = looks * (distances > value).mean()
        said = f"With {about} it returned {value:.4f}, which rings {rings:.2g} times a calm year."
        if rings > 2.5 and m == n:
            return f"{said} The training table is a sample, too: its shares tremble as well."
        if rings > 2.5:
            return f"{said} A year has many looks, and a file of few rows trembles more."
        if rings < 0.35:
            return (
                f"{said} That is safer than asked, and misses more. (Two files of n rows? A file "
                "is compared with the training table, which trembles less.)"
            )
    return None


# c: a canary


@cache
def _rules() -> tuple[validation.Schema, Any]:
    """Return comparators and rules of all features, and statistics of the training table."""
    from helpers import validation

    limits = {"age": (18, 75), "income": (6_000, 400_000), "amount": (500, 50_000)}
    limits |= {"term_months": (12, 60), "late_payments": (0, 24), "utilization": (0, 1)}
    training, statistics = _training()
    schema = validation.infer_schema(statistics)
    for feature in schema:
        if feature.name in limits:
            feature.range = limits[feature.name]
        if feature.name not in [*KEYS, "defaulted"]:
            feature.skew_threshold = 0.3
    counts = schema["late_payments"].proto  # a category, as in the lesson
    counts.int_domain.is_categorical = True
    counts.skew_comparator.Clear()
    counts.skew_comparator.infinity_norm.threshold = 0.3
    return schema, validation.generate_statistics(training, schema=schema)


@cache
def _training() -> tuple[pd.DataFrame, Any]:
    from helpers import validation, world

    frame = world.World(seed=31).applications(("2025-01", "2025-12"))
    return frame, validation.generate_statistics(frame)


def _canary(answer: Any) -> str | None:
    import pandas as pd

    from helpers import validation, world

    frame = world.World(seed=31).applications("2026-01")
    planted = frame.copy()
    for column in frame.columns.drop([*KEYS, "defaulted"]):
        about = f"a file of January 2026 and {column!r}"
        file = run(answer, frame, column, about=about)
        if not isinstance(file, pd.DataFrame) or list(file.columns) != list(frame.columns):
            return f"Expected a frame with the same columns. It was called with {about}."
        if len(file) != len(frame) or not file.index.equals(frame.index):
            return f"A canary changes values, not rows. It was called with {about}."
        others = frame.columns.drop(column)
        if not file[others].equals(frame[others]):
            return f"Another column changed too, so nobody knows who rang. Called with {about}."
        planted[column] = file[column]
    rules, training = _rules()
    new = validation.generate_statistics(planted, schema=rules)
    found = validation.validate_statistics(training, rules, serving_statistics=new).to_frame()
    alone = validation.validate_statistics(new, rules)
    for column, _, what, _ in alone.to_frame().itertuples(index=False):
        return (
            f"{column}: another rule rings ({what}), so the file would ring with a broken "
            "comparator too. Stay within the values that the schema allows."
        )
    silent = [c for c in frame.columns.drop([*KEYS, "defaulted"]) if c not in set(found["feature"])]
    if silent:
        return (
            f"{silent[0]}: the distance of your file stays below 0.3. Which file of allowed values "
            "is as far away as it can be?"
        )
    return None


# d: six comparators


@cache
def _measured(categorical: frozenset[str]) -> tuple[Any, list[Any], Any]:
    """Return statistics of the training table, of twelve calm files and of a faulty one."""
    import numpy as np

    from helpers import validation, world
    from helpers.course.lesson_2_2 import alarms

    training, plain = _training()
    schema = validation.infer_schema(plain)
    for name in categorical:
        schema[name].proto.int_domain.is_categorical = True
    calm = world.World(seed=32).applications(("2026-01", "2026-12"))
    months = [frame for _, frame in calm.groupby(calm["applied_at"].dt.month)]
    bad = alarms.damage(months[5], "monthly income")
    bad = alarms.damage(alarms.damage(bad, "purposes swapped"), "utilization in percent")
    bad["channel"] = bad["channel"].replace({"broker": "online"})
    bad["late_payments"] *= 2
    some = (bad["employment"] == "salaried") & (np.arange(len(bad)) % 13 == 0)
    bad["employment"] = bad["employment"].mask(some, "student")
    tables = [training, *months, bad]
    first, *rest, last = (validation.generate_statistics(t, schema=schema) for t in tables)
    return first, rest, last


def _comparators(answer: Any) -> str | None:
    from helpers import validation

    schema = _schema(answer)
    lacking = [name for name in SIX if name not in schema]
    if lacking:
        return f"The schema has no column {lacking[0]!r}."
    for name in SIX:
        if not schema[name].proto.HasField("skew_comparator"):
            wrong = schema[name].proto.HasField("drift_comparator")
            more = "A drift comparator is asked only about the previous span." if wrong else ""
            return f"{name} has no skew comparator. {more}"
    categorical = frozenset(n for n in SIX if schema[n].proto.int_domain.is_categorical)
    training, calm, bad = _measured(categorical)

    def rung(file: Any) -> dict[str, float]:
        result = validation.validate_statistics(training, schema, serving_statistics=file).proto
        rings = {}
        for info in result.drift_skew_info:
            for measured in info.skew_measurements:
                rings[info.path.step[0]] = measured.value / max(measured.threshold, 1e-9)
        return rings

    alone = rung(bad)
    for name in SIX:
        if alone.get(name, 0) == 0:
            return f"{name} measures 0 on a file in which it is wrong: it can never ring."
    quiet = [rung(file) for file in calm]
    often = {name: sum(rings[name] > 1 for rings in quiet) for name in SIX}
    worst = max(often, key=often.get)
    if often[worst] > 2 or sum(often.values()) > 3:
        return (
            f"{worst} rings on {often[worst]} of 12 calm files. What does this measure give "
            "on calm files, of 2,000 rows against 24,000?"
        )
    for name in SIX:
        if alone[name] <= 1:
            return (
                f"{name} does not ring on a file in which it is wrong. Compare its threshold "
                "with calm files; and if calm files measure as much as faulty ones, the measure is "
                "the wrong one."
            )
    return None


# f: row by row


@cache
def _logs() -> tuple[pd.DataFrame, list[tuple[str, pd.DataFrame, set[str]]]]:
    """Return a training table, and logs with a fault each and the ids that are wrong."""
    import numpy as np
    import pandas as pd

    from helpers import world

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
            return f"Expected a set of application_id, got {type(found).__name__}."
        if found != wanted:
            extra, missed = sorted(map(str, found - wanted)), sorted(wanted - found)
            what = (
                f"{len(extra)} too many, such as {extra[0]}" if extra else f"{len(missed)} missed"
            )
            return f"It was called with {text}. It found {len(found)} of {len(wanted)}: {what}."
    return None


# g: a plan


@cache
def _years() -> alarms.Years:
    from helpers.course.lesson_2_2 import alarms

    return alarms.Years(60, seed=101)


def _plan(answer: Any) -> str | None:
    from helpers.course.lesson_2_2 import alarms

    if not isinstance(answer, alarms.Plan):
        return f"Expected a Plan, got an answer of type {type(answer).__name__}."
    outcome = _years().run(answer)
    table = outcome.to_frame()
    said = f"In unseen years: {outcome.false_alarms:.2f} false alarms, {outcome.euro:,.0f} euro."
    costly = [name for name, (loss, _) in alarms.FAULTS.items() if loss > 10]
    missed = [name for name in costly if table.loc[name, "found"] < 0.95]
    if missed:
        at_source = alarms.FAULTS[missed[0]][1]
        way = "Both paths have this fault." if at_source else "Which of your checks can see it?"
        return f"{said} {missed[0]!r} is found in {table.loc[missed[0], 'found']:.0%}. {way}"
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
        replies={
            "A": "A: look into each region, with the threshold that belongs to its rows.",
            "B": "B: it moves as a whole. Does it move within any employment, by its own "
            "threshold? And do the shares of the employments move?",
            "C": "C: small slices tremble more. Compare each with its own threshold.",
            "D": "D: which of the shares moved, and does anything move within a slice?",
        },
    ),
    "2.2-f": _skewed,
    "2.2-g": _plan,
}
