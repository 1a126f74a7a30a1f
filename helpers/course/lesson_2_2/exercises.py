"""The exercises of lesson 2.2, Skew, drift and environments."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
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


_START = """
from helpers import world
from helpers.validation import generate_statistics, infer_schema

frame = world.World().applications("2025-01")
frame["early_arrears"] = world.early_signs(frame)["early_arrears"]
schema = infer_schema(generate_statistics(frame.drop(columns="applied_at")))
schema.environments = ["TRAINING", "SERVING", "RESCORING"]
"""

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


_COMPARATORS = """
from helpers import world
from helpers.validation import generate_statistics, infer_schema

training = world.World().applications(("2025-01", "2025-12"))
schema = infer_schema(generate_statistics(training))
limits = {"purpose": 0.03, "channel": 0.03, "employment": 0.03, "income": 0.06, "utilization": 0.03}
for name, limit in limits.items():
    schema[name].skew_threshold = limit
"""

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


EXERCISES = [
    Exercise(
        id="2.2-a",
        kind="code",
        question="A schema whose three environments know which columns belong to them.",
        judge=_environments,
        hints=(
            "Go through the three odd columns one by one: in which environments is it absent?",
            "A column can be absent in two environments: assign a list with both names.",
        ),
        solution=_START
        + """
schema["defaulted"].not_in_environment = ["SERVING", "RESCORING"]
schema["early_arrears"].not_in_environment = ["SERVING"]
schema["channel"].not_in_environment = ["RESCORING"]
answer = schema
""",
        wrong=(
            (
                _START + 'schema["defaulted"].not_in_environment = ["SERVING"]\n'
                'schema["early_arrears"].not_in_environment = ["SERVING"]\n'
                'schema["channel"].not_in_environment = ["RESCORING"]\nanswer = schema',
                "False alarm in RESCORING",
            ),
            (
                _START + 'schema["defaulted"].required = False\n'
                'schema["early_arrears"].required = False\n'
                'schema["channel"].required = False\nanswer = schema',
                "False alarm in SERVING",
            ),
            (
                _START + 'schema["defaulted"].not_in_environment = ["SERVING", "RESCORING"]\n'
                'schema["early_arrears"].not_in_environment = ["SERVING", "TRAINING"]\n'
                'schema["channel"].not_in_environment = ["RESCORING"]\nanswer = schema',
                "False alarm in TRAINING",
            ),
            (_START.replace(', "RESCORING"', "") + "answer = schema", "and not RESCORING"),
            ('"SERVING"', "Expected a schema"),
        ),
        right="That is right. It also refuses a label in a serving log, which is a leak.",
    ),
    Exercise(
        id="2.2-b",
        kind="code",
        question="A function threshold(reference, n, looks) with one false alarm a calm year.",
        judge=_threshold,
        hints=(
            "Draw two samples from the shares of `reference`, one of its own size and one of n.",
            "`rng.multinomial(n, shares, 20_000) / n` has 20,000 files as rows of shares.",
            "Of `looks` distances one may be above: which quantile is that?",
        ),
        solution="""
import numpy as np


def threshold(reference, n, looks):
    shares = reference.value_counts(normalize=True).to_numpy()
    rng = np.random.default_rng(0)
    old = rng.multinomial(len(reference), shares, 20_000) / len(reference)
    new = rng.multinomial(n, shares, 20_000) / n
    return np.quantile(abs(old - new).max(axis=1), 1 - 1 / looks)


answer = threshold
""",
        wrong=(
            ("lambda reference, n, looks: 0.01", "trembles more"),
            ("lambda reference, n, looks: 0.1", "safer than asked"),
            (
                "import numpy as np\n\n\ndef answer(reference, n, looks):\n"
                "    p = reference.value_counts(normalize=True).to_numpy()\n"
                "    new = np.random.default_rng(0).multinomial(n, p, 20_000) / n\n"
                "    return np.quantile(abs(new - p).max(axis=1), 1 - 1 / looks)",
                "is a sample, too",
            ),
            (
                "import numpy as np\n\n\ndef answer(reference, n, looks):\n"
                "    p = reference.value_counts(normalize=True).to_numpy()\n"
                "    new = np.random.default_rng(0).multinomial(n, p, 20_000) / n\n"
                "    return np.quantile(abs(new - p).max(axis=1), 0.5)",
                "many looks",
            ),
            ("0.03", "Expected a function"),
        ),
        right="That is right: a threshold is a property of n and of the looks, not of the column.",
    ),
    Exercise(
        id="2.2-c",
        kind="code",
        question="A function canary(frame, column): a file on which that comparator must ring.",
        judge=_canary,
        hints=(
            "It must work for words and for numbers, and use only values that the file has.",
            "How far is a file in which all rows have the same value? Does it matter which value?",
        ),
        solution="""
def canary(frame, column):
    rarest = frame[column].value_counts().index[-1]
    return frame.assign(**{column: rarest})


answer = canary
""",
        wrong=(
            ("lambda frame, column: frame.assign(**{column: 'canary'})", "another rule rings"),
            (
                "lambda frame, column: frame.assign(**{column: frame[column].mode()[0]})",
                "late_payments: the distance of your file stays below 0.3",
            ),
            ("lambda frame, column: frame.assign(**{column: None})", "another rule rings"),
            (
                "lambda frame, column: frame.assign(**{column: frame[column].sample("
                "frac=1, random_state=1).to_numpy()})",
                "stays below 0.3",
            ),
            ("lambda frame, column: frame.head(0)", "values, not rows"),
            (
                "lambda frame, column: frame.assign(**{c: frame[c].mode()[0] for c in frame})",
                "nobody knows who rang",
            ),
            ("lambda frame, column: frame[column]", "Expected a frame"),
        ),
        right="That is right. Run it for every comparator whenever the schema changes.",
    ),
    Exercise(
        id="2.2-d",
        kind="code",
        question="A schema with skew comparators on six columns that ring when they should.",
        judge=_comparators,
        hints=(
            "Measure calm files first: thresholds 0, then read `drift_skew_info`.",
            "Counts have few values: declare them a category, as in section 4.",
        ),
        solution=_COMPARATORS
        + """
counts = schema["late_payments"].proto
counts.int_domain.is_categorical = True
counts.skew_comparator.infinity_norm.threshold = 0.03
answer = schema
""",
        wrong=(
            (
                _COMPARATORS + 'schema["late_payments"].proto.skew_comparator.infinity_norm'
                ".threshold = 0.03\nanswer = schema",
                "it can never ring",
            ),
            (
                _COMPARATORS + 'schema["late_payments"].skew_threshold = 0.3\nanswer = schema',
                "the measure is the wrong one",
            ),
            (
                _COMPARATORS + 'schema["late_payments"].skew_threshold = 0.03\nanswer = schema',
                "late_payments rings on",
            ),
            (
                _COMPARATORS + 'for name in [*limits, "late_payments"]:\n'
                "    schema[name].skew_threshold = 0.01\nanswer = schema",
                "of 12 calm files",
            ),
            (
                _COMPARATORS + "for name in limits:\n    schema[name].skew_threshold = None\n"
                "    schema[name].drift_threshold = 0.03\nanswer = schema",
                "the previous span",
            ),
            ("{'purpose': 0.01}", "Expected a schema"),
        ),
        right="That is right: three measures, and each threshold from calm files.",
    ),
    Exercise(
        id="2.2-e",
        kind="choice",
        question='A dict from "A", "B", "C", "D" to "calm", "mix" or "slice".',
        judge=assigned(
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
        hints=(
            "For each file: the whole, then each slice, each against the threshold for its n.",
            "If no slice moves and the whole does, count who came.",
        ),
        solution='answer = {"A": "slice", "B": "mix", "C": "calm", "D": "mix"}',
        wrong=(
            ('dict(A="calm", B="mix", C="calm", D="mix")', "look into each region"),
            ('dict(A="slice", B="slice", C="calm", D="mix")', "as a whole"),
            ('dict(A="slice", B="mix", C="slice", D="mix")', "tremble more"),
            ('dict(A="slice", B="mix", C="calm", D="slice")', "which of the shares"),
            ('{"A": "slice"}', "is missing"),
        ),
    ),
    Exercise(
        id="2.2-f",
        kind="code",
        question="A function skewed_rows(logged, training): a set of application_id.",
        judge=_skewed,
        hints=(
            "Join on `application_id` first; `training.set_index(...).loc[...]` or `merge`.",
            "Numbers are equal if they are close, and a gap is equal to a gap.",
            "`np.isclose(a, b, rtol=1e-4, atol=0, equal_nan=True)` for numbers; `isna` for text.",
        ),
        solution="""
import numpy as np


def skewed_rows(logged, training):
    known = logged[logged["application_id"].isin(training["application_id"])]
    truth = training.set_index("application_id").loc[known["application_id"]]
    wrong = np.zeros(len(known), bool)
    for name in truth.columns.intersection(known.columns):
        a, b = known[name].to_numpy(), truth[name].to_numpy()
        if truth[name].dtype.kind in "if":
            wrong |= ~np.isclose(a, b, rtol=1e-4, atol=0, equal_nan=True)
        else:
            wrong |= (a != b) & ~(known[name].isna().to_numpy() & truth[name].isna().to_numpy())
    return set(known.loc[wrong, "application_id"])


answer = skewed_rows
""",
        wrong=(
            (
                "def answer(logged, training):\n"
                "    truth = training.head(len(logged)).reset_index(drop=True)\n"
                "    return set(logged['application_id'][(logged['income'] != truth['income'])])",
                "32-bit numbers, gaps in both",
            ),
            (
                "def answer(logged, training):\n"
                "    both = logged.merge(training, on='application_id', suffixes=('', '_t'))\n"
                "    return set(both['application_id'][both['utilization'] != "
                "both['utilization_t']])",
                "32-bit numbers, gaps in both",
            ),
            (
                "def answer(logged, training):\n"
                "    both = logged.merge(training, on='application_id', suffixes=('', '_t'))\n"
                "    return set(both['application_id'][abs(both['utilization'] - "
                "both['utilization_t']) > 1e-4])",
                "each other's place",
            ),
            (
                "import numpy as np\n\n\ndef answer(logged, training):\n"
                "    both = logged.merge(training, on='application_id', suffixes=('', '_t'))\n"
                "    wrong = ~np.isclose(both['income'], both['income_t'], rtol=0.01)\n"
                "    return set(both['application_id'][wrong])",
                "0.05 % larger",
            ),
            ("lambda logged, training: 3", "Expected a set"),
            ("set()", "Expected a function"),
        ),
        right="That is right, and it needs no threshold: on the same rows chance has no part.",
    ),
    Exercise(
        id="2.2-g",
        kind="design",
        question="A Plan that keeps the three limits in years that you have not seen.",
        judge=_plan,
        hints=(
            "What is lost until the next look? Move `days` first, then see what rings.",
            "Thresholds belong to the rows and the looks of a plan: exercise 2.2-b computes them.",
            "One fault leaves every distribution as it was.",
        ),
        solution="""
from helpers.course.lesson_2_2.alarms import Plan

answer = Plan(days=1, thresholds={"income": 0.17, "channel": 0.25, "purpose": 0.22}, rows=10)
""",
        wrong=(
            ("from helpers.course.lesson_2_2.alarms import Plan\nanswer = Plan(28, 0.03)", "0%"),
            (
                "from helpers.course.lesson_2_2.alarms import Plan\nanswer = Plan(1, 0.03, 20)",
                "one false alarm in two years",
            ),
            (
                "from helpers.course.lesson_2_2.alarms import Plan\nanswer = Plan(1, {}, 20)",
                "Both paths",
            ),
            (
                "from helpers.course.lesson_2_2.alarms import Plan\nanswer = Plan(1, 0.23, 20)",
                "Most could be saved with 'monthly income'",
            ),
            (
                "from helpers.course.lesson_2_2.alarms import Plan\n"
                "answer = Plan(1, {'income': 0.16}, 20)",
                "Most could be saved with 'channel lost'",
            ),
            (
                "from helpers.course.lesson_2_2.alarms import Plan\nanswer = Plan(7, 0.07, 100)",
                "Most could be saved with 'utilization in percent'",
            ),
            ("(1, 0.2, 20)", "Expected a Plan"),
        ),
        right="That is right: daily looks, a threshold where a fault is dear, a few rows by key.",
    ),
]
