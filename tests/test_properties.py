"""Whatever a table holds, a number is the plain one, and a refusal is one in our own words.

A property for each entry point that takes people's data: tables of any size, index, names and
types, against a recomputation that anybody can read.
"""

import os
import string
import traceback
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy import stats as scipy_stats
from sklearn import metrics as sk
from sklearn.linear_model import LogisticRegression

import helpers
from helpers import drift, explanation, fairness, serving, validation

PACKAGE = str(Path(helpers.__file__).parent)


def several(examples):
    """So many examples, the same in each run, however long each takes."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


def tried(function, *args, **more):
    """What the function returns, or None if it refuses: itself, and in words."""
    try:
        return function(*args, **more)
    except (ValueError, TypeError) as error:
        raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
        assert raised_in.startswith(PACKAGE), f"a raw error of {raised_in}: {error!r}"
        assert len(str(error).split()) >= 4, f"hardly a sentence: {error!r}"
        return None


SIZES = st.sampled_from([0, 1, 2, 3, 8, 31, 60, 150])
LETTERS = string.ascii_letters + string.digits + " _.-:/é中%<>'\""
NAMES = st.text(LETTERS, min_size=1, max_size=8) | st.sampled_from(
    ["n", "value", "group", "index", "level_0", "verdict", "feature", "count", "customer_id"]
)
INDEXES = ["counted", "shuffled", "repeated", "texts", "dates"]


def numbers(rng, n, kind):
    """A column of n numbers of a kind."""
    some = rng.normal(size=n) * 10.0 ** rng.integers(-3, 6)
    if kind == "whole":
        return rng.integers(-3, 40, n)
    if kind == "gaps":
        return np.where(rng.random(n) < 0.3, np.nan, some)
    if kind == "Int64":
        return pd.array(rng.integers(0, 9, n), dtype="Int64")
    if kind == "Int64 with gaps":
        return pd.array([None if x < 2 else x for x in rng.integers(0, 9, n).tolist()], "Int64")
    if kind == "float32":
        return some.astype(np.float32)
    if kind == "few":
        return rng.choice([0.0, 0.5, 1.0], n)
    return some


NUMBERS = ["plain", "whole", "gaps", "Int64", "Int64 with gaps", "float32", "few"]


def others(rng, n, kind):
    """A column of n values that are not numbers."""
    words = rng.choice(["a", "b", "B ", "", "1", "nan", "中"], n).astype(object)
    if kind == "texts":
        return words
    if kind == "texts with gaps":
        return np.where(rng.random(n) < 0.3, None, words)
    if kind == "categories":
        return pd.Categorical(words)
    if kind == "bool":
        return rng.random(n) < 0.5
    if kind == "boolean with gaps":
        return pd.array([None if x < 1 else x > 2 for x in rng.integers(0, 5, n)], "boolean")
    if kind == "mixed":
        return np.array([1, "1", 2.5, None, "x"], dtype=object)[rng.integers(0, 5, n)]
    if kind == "infinite":
        return rng.choice([1.0, np.inf, -np.inf, np.nan], n)
    if kind == "dates":
        return pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 99, n), "D")
    return np.full(n, None, dtype=object)


OTHERS = ["texts", "texts with gaps", "categories", "bool", "boolean with gaps", "mixed"]
OTHERS += ["infinite", "dates", "empty"]


def index(rng, n, kind):
    """Labels of n rows."""
    order = rng.permutation(n)
    return {
        "counted": pd.RangeIndex(n),
        "shuffled": pd.Index(order),
        "repeated": pd.Index(order // 2),
        "texts": pd.Index([f"row {i}" for i in order], dtype=object),
        "dates": pd.date_range("2026-01-01", periods=n)[order],
    }[kind]


@st.composite
def frames(draw, kinds=tuple(NUMBERS + OTHERS), size=SIZES, columns=4):
    """A table; its columns' kinds are in ``frame.attrs``."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    names = draw(st.lists(NAMES, min_size=1, max_size=columns, unique=True))
    chosen = {name: draw(st.sampled_from(kinds)) for name in names}
    n = draw(size)
    made = {k: (numbers if kind in NUMBERS else others)(rng, n, kind) for k, kind in chosen.items()}
    frame = pd.DataFrame(made, index=index(rng, n, draw(st.sampled_from(INDEXES))))
    frame.attrs["kinds"] = chosen
    return frame


@st.composite
def pairs_of_frames(draw):
    """Two tables of the same columns; their kinds are those of the first, or one is another."""
    first = draw(frames())
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    kinds = dict(first.attrs["kinds"])
    if draw(st.booleans()):
        kinds[draw(st.sampled_from(sorted(kinds)))] = draw(st.sampled_from(NUMBERS + OTHERS))
    n = draw(SIZES)
    made = {k: (numbers if kind in NUMBERS else others)(rng, n, kind) for k, kind in kinds.items()}
    return first, pd.DataFrame(made, index=index(rng, n, draw(st.sampled_from(INDEXES))))


# ------------------------------------------------------------------------------------------ drift


@several(150)
@given(pairs_of_frames())
def test_compare(pair):
    reference, current = pair
    result = tried(drift.compare, reference, current, joint=False)
    assert (result is None) == (len(reference) == 0 or len(current) == 0)
    if result is None:
        return
    table = result.to_frame()
    assert list(table.index) == list(reference.columns)
    for name, row in table[table["verdict"] != "not compared"].iterrows():
        old, new = reference[name], current[name]
        assert row["missing_reference"] == pytest.approx(old.isna().mean())
        assert row["missing_current"] == pytest.approx(new.isna().mean())
        assert np.isnan(row["p"]) or 0 <= row["p"] <= row["p_corrected"] + 1e-12 <= 1 + 1e-11
        assert np.isnan(row["psi"]) or (row["psi"] >= 0 and 0 <= row["js"] <= 1)
        if "Kolmogorov" in row["test"]:
            present = [pd.to_numeric(x, errors="coerce").dropna().astype(float) for x in (old, new)]
            expected = scipy_stats.ks_2samp(*present).statistic
            assert row["statistic"] == pytest.approx(expected, abs=1e-9)
        if {old.dtype, new.dtype} == {np.dtype(bool)} and row["verdict"] != "too few rows":
            shares = [[max(x.sum(), 0.5), max((~x).sum(), 0.5)] for x in (old, new)]
            first, second = (np.array(s) / len(x) for s, x in zip(shares, (old, new), strict=True))
            if row["verdict"] != "constant":
                psi = ((second - first) * np.log(second / first)).sum()
                assert row["psi"] == pytest.approx(psi)


@several(60)
@given(frames(), st.integers(0, 99))
def test_compare_does_not_depend_on_the_order_of_rows_and_a_table_has_not_drifted_from_itself(
    frame, seed
):
    assume(len(frame))
    other = frame.sample(frac=1, random_state=seed)
    result = drift.compare(frame, other, joint=False)
    assert not result.drifted
    moved = pd.concat([frame.iloc[: len(frame) // 2]] * 2)
    if len(moved):
        again = moved.sample(frac=1, random_state=seed)
        pd.testing.assert_frame_equal(
            drift.compare(frame, moved, joint=False).to_frame().drop(columns="notes"),
            drift.compare(frame, again, joint=False).to_frame().drop(columns="notes"),
        )


@several(60)
@given(
    st.sampled_from(["ADWIN", "DDM", "PageHinkley", "KSWIN"]),
    st.sampled_from([*NUMBERS, "bool", "infinite", "texts"]),
    SIZES,
    st.integers(0, 2**16),
)
def test_monitor(name, kind, n, seed):
    rng = np.random.default_rng(seed)
    stream = pd.Series((numbers if kind in NUMBERS else others)(rng, n, kind))
    result = tried(drift.monitor, stream, name)
    if kind == "texts":
        assert result is None or not n
    if result is None:
        return
    values = pd.to_numeric(stream, errors="coerce").astype(float).dropna().to_numpy()
    assert result.skipped == n - len(values)
    if name != "ADWIN":  # which sees values that it has scaled
        running, positions = drift.make_detector(name), []
        for at, value in enumerate(values.astype(bool) if name == "DDM" else values):
            running.update(value)
            if running.drift_detected:
                positions.append(at)
        assert list(result.to_frame()["position"]) == positions


@several(25)
@given(frames(size=st.sampled_from([0, 8, 60, 150])), st.sampled_from([7, 30]), st.integers(0, 99))
def test_monitor_windows(frame, days, seed):
    rng = np.random.default_rng(seed)
    frame = frame.drop(columns="at", errors="ignore")
    assume(len(frame.columns))
    first = pd.Timestamp("2026-01-01")
    stream = pd.concat([frame] * 3).assign(at=first)
    stream["at"] = first + pd.to_timedelta(rng.integers(0, 90, len(stream)), "D")
    result = tried(drift.monitor_windows, frame, stream, times="at", days=days)
    if result is None:
        return
    days_in = (stream["at"].dt.normalize() - stream["at"].min().normalize()).dt.days // days
    plain = {}
    for number, window in stream.groupby(days_in):
        if len(window) >= 30:
            compared = drift.compare(frame, window[frame.columns], joint=False).to_frame()
            plain[number] = compared["psi"].max()
    whole = [plain[number] for number in sorted(plain) if number < (days_in.max() + 1)]
    assert len(result.values) in (len(whole), len(whole) - 1)  # the last window may be incomplete
    assert result.values == pytest.approx(whole[: len(result.values)])


@several(60)
@given(
    st.lists(st.integers(0, 99), max_size=6),
    st.none() | st.integers(0, 99),
)
def test_score(days, onset):
    first = pd.Timestamp("2026-01-01")
    at = [first + pd.Timedelta(days=day) for day in days]
    begun = None if onset is None else first + pd.Timedelta(days=onset)
    result = drift.score(at, begun, start=first, end=first + pd.Timedelta(days=99))
    before = [day for day in days if onset is None or day < onset]
    after = [day - onset for day in days if onset is not None and day >= onset]
    assert result.false_alarms == len(before)
    assert result.delay_days == pytest.approx(min(after) if after else np.nan, nan_ok=True)


# --------------------------------------------------------------------------------------- fairness


def plain(metric, y, d, s, w):
    """A metric of rows, as one would write it down; NaN where nothing is divided by nothing."""

    def share(of, among):
        return (w * of * among).sum() / (w * among).sum() if (w * among).sum() else np.nan

    if metric == "roc_auc":
        known = len(set(y[w > 0])) == 2
        return sk.roc_auc_score(y, s, sample_weight=w) if known else np.nan
    return {
        "selection_rate": lambda: share(d, np.ones(len(y))),
        "true_positive_rate": lambda: share(d, y == 1),
        "false_positive_rate": lambda: share(d, y == 0),
        "precision": lambda: share(y, d == 1),
        "accuracy": lambda: share(d == y, np.ones(len(y))),
        "base_rate": lambda: share(y, np.ones(len(y))),
        "mean_score": lambda: share(s, np.ones(len(y))),
    }[metric]()


METRICS = ["selection_rate", "true_positive_rate", "false_positive_rate", "precision", "accuracy"]
METRICS += ["base_rate", "mean_score", "roc_auc"]


@several(120)
@given(
    frames(kinds=("texts", "texts with gaps", "bool", "few", "categories", "mixed"), columns=2),
    st.integers(0, 2**16),
    st.booleans(),
    st.sampled_from(["same", "reversed", "none"]),
)
def test_audit(groups, seed, weighted, order):
    rng, n = np.random.default_rng(seed), len(groups)
    y, s = rng.integers(0, 2, n), rng.choice([0.1, 0.3, 0.5, 0.9], n)
    d = (s + rng.normal(0, 0.3, n) > 0.4).astype(int)
    w = rng.integers(0, 3, n) if weighted else np.ones(n)
    labels = pd.Series(y, groups.index)
    labels = {"same": labels, "reversed": labels[::-1], "none": y}[order]
    y = np.asarray(labels)
    result = tried(
        fairness.audit,
        labels,
        d,
        s,
        sensitive_features=groups,
        metrics=METRICS,
        resamples=0,
        sample_weight=w if weighted else None,
    )
    one_order = order != "reversed" or list(groups.index) == list(groups.index[::-1])
    assert (result is None) == (n == 0 or (weighted and not w.sum()) or not one_order), order
    if result is None:
        return
    texts = groups.astype(object).where(groups.notna(), "(missing)")
    for key, row in result.by_group.iterrows():
        key = key if isinstance(key, tuple) else (key,)
        rows = np.ones(n, bool)
        for (_, column), value in zip(texts.items(), key, strict=True):
            rows &= np.array([x is value or x == value for x in column], bool)
        if not rows.any():
            continue
        for metric in METRICS:
            expected = plain(metric, y[rows], d[rows], s[rows], w[rows].astype(float))
            if weighted and not w[rows].sum():
                continue
            got = row[(metric, "value")]
            if np.isnan(expected):  # fairlearn's and scikit-learn's value of nothing among nothing
                assert np.isnan(got) or got == 0, metric
            else:
                assert got == pytest.approx(expected, abs=1e-9), metric


@several(80)
@given(
    st.sampled_from([0, 1, 2, 8, 60]),
    st.integers(0, 2**16),
    st.sampled_from(["ab", "abc", "a"]),
    st.sampled_from(["few", "many"]),
)
def test_thresholds(n, seed, letters, scores):
    rng = np.random.default_rng(seed)
    y, group = rng.integers(0, 2, n), rng.choice(list(letters), n)
    s = rng.choice([0.0, 0.25, 1.0], n) if scores == "few" else rng.random(n)
    result = tried(fairness.thresholds, y, s, sensitive_features=group, utility=(3.0, -2.0))
    assert (result is None) == (n == 0)
    if result is None:
        return
    for threshold in (0.0, 0.25, *s[:3], 1.0):
        table = result.at(dict.fromkeys(np.unique(group).tolist(), threshold))
        for name in np.unique(group):
            rows, chosen = group == name, s >= threshold
            assert table.loc[name, "selection_rate"] == pytest.approx(chosen[rows].mean())
    best = result.preset("maximum profit").thresholds
    for name in np.unique(group):
        rows = group == name
        worth = np.where(y[rows] == 1, 3.0, -2.0)
        sums = [worth[s[rows] >= t].sum() for t in [*s[rows], np.inf]]
        assert worth[s[rows] >= best[name]].sum() == pytest.approx(max(sums))


@several(6)
@given(frames(kinds=("plain", "whole", "few"), size=st.just(60)), st.integers(0, 99))
def test_compare_mitigations(X, seed):
    rng = np.random.default_rng(seed)
    y, group = rng.integers(0, 2, 60), rng.choice(["a", "b"], 60)
    X = (X - X.mean()) / X.std().replace(0, 1)
    result = fairness.compare_mitigations(
        LogisticRegression(),
        X,
        y,
        sensitive_features=group,
        X_test=X,
        y_test=y,
        sensitive_features_test=group,
        methods=["unmitigated", "reweighing"],
        resamples=0,
        progress=False,
    )
    decided = LogisticRegression().fit(X, y).predict(X)
    assert (result.decisions["unmitigated"] == decided).all()
    audited = result.audits["unmitigated"].by_group
    for name in "ab":
        rate = audited.loc[name, ("selection_rate", "value")]
        assert rate == pytest.approx(decided[group == name].mean())


# ------------------------------------------------------------------------------------ explanation


@st.composite
def linear_cases(draw):
    """A background, rows, and coefficients of the columns."""
    X = draw(frames(kinds=("plain", "whole", "few", "float32"), columns=5))
    coefficients = np.array(draw(st.lists(st.integers(-3, 3), min_size=5, max_size=5)))
    return X.iloc[: len(X) // 2], X.iloc[len(X) // 2 :], coefficients[: X.shape[1]]


@several(40)
@given(linear_cases())
def test_explain_agreement_faithfulness_and_reason_codes(case):
    background, X, coefficients = case

    def model(rows):
        return np.asarray(rows, dtype=float) @ coefficients

    result = tried(explanation.explain, model, background, X, method="permutation", progress=False)
    assert (result is None) == (len(background) == 0 or len(X) == 0)
    if result is None:
        return
    expected = (X.to_numpy(float) - background.to_numpy(float).mean(0)) * coefficients
    scale = np.abs(expected).max() + np.abs(background.to_numpy(float)).max() + 1
    assert result.values == pytest.approx(expected, abs=1e-4 * scale, rel=1e-3)
    assert result.base_values + result.values.sum(1) == pytest.approx(
        model(X), abs=1e-3 * scale, rel=1e-3
    )
    same = tried(explanation.agreement, result, pd.DataFrame(result.values, columns=X.columns), k=1)
    if same is not None and np.ptp(np.abs(result.values), axis=1).min() > 0:
        assert same.by_row[["top_k_overlap"]].to_numpy() == pytest.approx(1)
    book = {name: explanation.Phrase(f"{i}: {{value}}") for i, name in enumerate(X.columns)}
    reasons = tried(explanation.reason_codes, result, adverse="low", phrases=book)
    against = -result.values[0]
    assert (reasons is None) == (not (against > 0).any())
    if reasons is not None:
        strongest = against[list(X.columns).index(reasons.to_frame()["feature"].iloc[0])]
        assert strongest == against.max()


@several(15)
@given(linear_cases())
def test_faithfulness(case):
    background, X, coefficients = case
    assume(len(background) and len(X))

    def model(rows):
        return np.asarray(rows, dtype=float) @ coefficients

    shown = explanation.explain(model, background, X, method="permutation", progress=False)
    result = tried(explanation.faithfulness, model, shown, X, background, draws=3)
    if result is not None and np.abs(shown.values).max() > 1e-6:  # otherwise nothing moves
        ends = result.curves.iloc[[0, -1]].to_numpy()  # nothing hidden, everything hidden
        assert ends == pytest.approx(np.array([[0, 1, 0, 1], [1, 0, 1, 0]]))


# ------------------------------------------------------------------------------------- validation


@several(30)
@given(frames(size=st.sampled_from([0, 1, 3, 40])))
def test_statistics_schema_and_wrong_rows(frame):
    statistics = tried(validation.generate_statistics, frame)
    assert (statistics is None) == (len(frame) == 0)
    if statistics is None:
        return
    table = statistics.to_frame().set_index("feature")
    assert sorted(table.index) == sorted(map(str, frame.columns))
    for name, kind in frame.attrs["kinds"].items():
        row, column = table.loc[str(name)], frame[name]
        assert row["count"] == column.notna().sum()
        assert row["missing"] == pytest.approx(column.isna().mean())
        if kind in NUMBERS and column.notna().any():
            values = column.dropna().astype(float)
            plain = [values.mean(), values.min(), values.max(), (values == 0).mean()]
            got = row[["mean", "min", "max", "zeros"]].astype(float).to_list()
            assert got == pytest.approx(plain, rel=1e-5, abs=1e-6 * max(1, abs(values).max()))
        elif row["type"] == "STRING" and column.notna().any() and kind.startswith("texts"):
            assert row["unique"] == column.nunique()
    schema = validation.infer_schema(statistics)
    anomalies = validation.validate_statistics(statistics, schema)
    assert not anomalies.features, "a table has the form that was inferred from it"
    assert tried(validation.wrong_rows, frame, schema).empty


# ---------------------------------------------------------------------------------------- serving


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A model that adds its columns and the length of a text."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    class Adds(tf.Module):
        @tf.function(
            input_signature=[
                tf.TensorSpec([None], tf.float32, name="a"),
                tf.TensorSpec([None], tf.int64, name="b"),
                tf.TensorSpec([None], tf.string, name="c"),
            ]
        )
        def add(self, a, b, c):
            lengths = tf.strings.length(c, unit="UTF8_CHAR")
            return {"sum": a + tf.cast(b, tf.float32) + tf.cast(lengths, tf.float32)}

    folder = tmp_path_factory.mktemp("served") / "adds"
    adds = Adds()
    serving.export(adds, folder, signatures={"serving_default": adds.add})
    with serving.ModelServer(folder) as server:
        yield server


@several(60)
@given(
    n=st.sampled_from([1, 2, 31]),
    kinds=st.tuples(
        st.sampled_from(["plain", "whole", "few", "float32", "Int64", "gaps", "bool", "texts"]),
        st.sampled_from(["whole", "Int64", "Int64 with gaps", "plain", "mixed", "infinite"]),
        st.sampled_from(["texts", "categories", "texts with gaps", "whole", "dates"]),
    ),
    labels=st.sampled_from(INDEXES),
    seed=st.integers(0, 2**16),
    grpc=st.booleans(),
)
def test_predict(served, n, kinds, labels, seed, grpc):
    rng = np.random.default_rng(seed)
    columns = [(numbers if k in NUMBERS else others)(rng, n, k) for k in kinds]
    frame = pd.DataFrame(dict(zip("abc", columns, strict=True)), index=index(rng, n, labels))
    url = served.grpc_address if grpc else served.url
    try:
        got = tried(serving.predict, url, frame)
    except serving.ServingError as error:
        assert len(str(error).split()) > 4
        got = None
    fit = kinds[0] in NUMBERS and kinds[1] in ("whole", "Int64") and kinds[2] != "whole"
    if fit and kinds[2] != "dates" and not frame.isna().any(axis=None):
        assert got is not None
    if got is not None:
        length = frame["c"].astype(str).str.len()
        expected = frame["a"].astype(float) + frame["b"].astype(float) + length
        assert got == pytest.approx(expected.to_numpy(float), rel=1e-4, abs=1e-3, nan_ok=True)
