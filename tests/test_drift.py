"""Drift: samples compared, streams watched, detections compared with what happened."""

import base64
from decimal import Decimal
from fractions import Fraction
from functools import partial

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from scipy import stats
from test_tfx_exchange import DTYPES
from views import controls, picture, words

from helpers import drift
from helpers.base import resources
from helpers.course.lesson_1_4 import view as module
from helpers.course.lesson_1_4.view import CALM, WATCHES, DriftLab
from helpers.drift import compare, make_detector, monitor, monitor_windows, score
from helpers.world import World, incidents, replay

FEATURES = ["age", "income", "purpose", "term_months", "utilization", "credit_history_years"]


def frame(seed=0, n=1_000, **changes):
    rng = np.random.default_rng(seed)
    made = {"x": rng.normal(size=n), "kind": rng.choice(list("abc"), n, p=[0.6, 0.3, 0.1])}
    return pd.DataFrame(made | changes)


def only(reference, current, **options):
    """The row of the table for a column."""
    options = {"joint": False} | options
    frames = [pd.DataFrame({"x": pd.Series(sample)}) for sample in (reference, current)]
    return compare(*frames, **options).to_frame().loc["x"]


# Two samples


def test_distances_and_p_values_are_those_of_the_textbook():
    a, b = ["a"] * 60 + ["b"] * 40, ["a"] * 150 + ["b"] * 50
    row = only(a, b)
    assert row["psi"] == pytest.approx((0.75 - 0.6) * np.log(0.75 / 0.6) + -0.15 * np.log(25 / 40))
    table = np.array([[60, 150], [40, 50]])
    assert row["p"] == pytest.approx(stats.chi2_contingency(table, correction=False).pvalue)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=500), rng.normal(0.2, 1, 400)
    row = only(x, y)
    assert row["p"] == pytest.approx(stats.ks_2samp(x, y, method="asymp").pvalue)
    edges = [-np.inf, *np.quantile(x, np.linspace(0.1, 0.9, 9)), np.inf]
    p, q = np.histogram(x, edges)[0] / 500, np.histogram(y, edges)[0] / 400
    assert row["psi"] == pytest.approx(((q - p) * np.log(q / p)).sum())


def test_the_same_rows_do_not_drift_and_very_different_rows_do():
    same = compare(frame(), frame())
    assert not same and same.drifted == []
    assert (same.to_frame()["psi"] == 0).all()
    other = compare(frame(), frame(seed=1, x=np.full(1_000, 9.0)))
    assert other.drifted == ["x"] and other
    assert other.to_frame().loc["x", "js"] > 0.8
    assert other.joint.auc > 0.99 and other.joint.p < 1e-9


def weekly(*values):
    return pytest.param(*values, marks=pytest.mark.weekly)


# Of 40 worlds, 2 are expected to alarm by chance; more than 6 do one time in 300.
@pytest.mark.parametrize(("worlds", "most"), [(8, 2), weekly(40, 6)])
def test_in_an_unchanged_world_alarms_are_as_rare_as_alpha_says(worlds, most):
    alarms, drifted, joint = 0, 0, 0
    for seed in range(worlds):
        both = World(seed).applications("2025-01", 300)
        found = compare(both[:150], both[150:], columns=FEATURES, alpha=0.05)
        alarms += (found.to_frame()["p_corrected"] < 0.05).any()
        joint += found.joint.p < 0.05
        drifted += bool(found.drifted)
    assert drifted <= alarms <= most and joint <= most


@pytest.mark.parametrize(("samples", "low", "high"), [(30, 0.0, 0.2), weekly(100, 0.01, 0.12)])
def test_psi_by_chance_is_what_one_unchanged_sample_in_twenty_exceeds(samples, low, high):
    rng = np.random.default_rng(5)
    reference = rng.normal(size=2_000)
    rows = [only(reference, rng.normal(size=200)) for _ in range(samples)]
    beyond = np.mean([row["psi"] > row["psi_by_chance"] for row in rows])
    assert low <= beyond <= high


def test_many_rows_make_a_small_difference_significant_but_not_large():
    rng = np.random.default_rng(0)
    row = only(rng.normal(size=50_000), rng.normal(0.05, 1, 50_000))
    assert row["p"] < 0.001 and row["verdict"] == "small"


def test_few_rows_get_no_distance_and_no_verdict():
    row = only(np.arange(29.0), np.arange(29.0) + 100)
    assert row["verdict"] == "too few rows" and "29" in row["notes"]
    assert np.isnan(row["psi"]) and np.isnan(row["js"])
    assert row["p"] < 1e-9  # the exact test may still be read
    assert compare(frame(n=29), frame(n=500)).joint is None
    assert only([1.0], [2.0])["verdict"] == "too few rows"


def test_p_values_are_corrected_for_the_number_of_features():
    rng = np.random.default_rng(3)
    many = [pd.DataFrame(rng.normal(size=(100, 200))) for _ in range(2)]
    table = compare(*many, joint=False).to_frame()
    assert (table["p"] < 0.01).any()
    assert (table["p_corrected"] >= table["p"]).all() and not (table["p_corrected"] < 0.01).any()


def test_missing_values_drift_as_a_share():
    x = np.random.default_rng(0).normal(size=1_000)
    gone = np.where(np.arange(1_000) < 300, np.nan, x)
    row = only(x, gone)
    assert row["verdict"] == "drift" and row["missing_current"] == 0.3
    assert "missing (30.0%)" in row["notes"]
    assert only(x, np.full(1_000, np.nan))["verdict"] == "drift"
    assert only(["a", "b"] * 100, ["a", None] * 100)["verdict"] == "drift"
    assert only(gone, gone)["verdict"] == "none"


def test_an_unseen_category_is_named_and_its_psi_is_finite():
    row = only(["a", "b"] * 100, ["a", "b", "new", "b"] * 50)
    assert row["verdict"] == "drift" and "unseen: new (25.0%)" in row["notes"]
    assert np.isfinite(row["psi"])


def test_numbers_that_became_text_are_read_as_numbers_and_the_rest_is_counted():
    terms = [12, 24, 36] * 100
    row = only(terms, [str(one) for one in terms])
    assert row["verdict"] == "none" and row["psi"] == 0
    row = only(terms, [one if one < 36 else f"{one} months" for one in terms])
    assert row["verdict"] == "drift" and "no number (33.3%)" in row["notes"]


def test_a_constant_column_is_called_constant_until_it_changes():
    assert only([5] * 100, [5] * 80)["verdict"] == "constant"
    assert only(["a"] * 100, ["a"] * 80)["verdict"] == "constant"
    assert only([None] * 50, [None] * 50)["verdict"] == "constant"
    for other in (3, 7, np.nan):
        assert only([5] * 100, [other] * 100)["verdict"] == "drift"


def test_a_value_below_a_common_one_is_not_counted_with_it():
    reference = [5.0] * 900 + list(np.linspace(6, 9, 100))
    assert only(reference, [3.0] * 1_000)["verdict"] == "drift"


@pytest.mark.parametrize("kind", ["category", "string", object, bool])
def test_other_types_are_values(kind):
    a, b = (pd.Series(one * 50, dtype=bool).astype(kind) for one in ([True, False], [True, True]))
    assert only(a, b)["verdict"] == "drift" and only(a, a)["verdict"] == "none"


def test_nullable_and_missing_only_columns_do_not_stop_the_classifier():
    left = frame(n=200, n_late=pd.array([1, None] * 100, dtype="Int64"), empty=np.nan)
    found = compare(left, left)
    assert found.to_frame()["verdict"].to_dict() == {
        "x": "none",
        "kind": "none",
        "n_late": "none",
        "empty": "constant",
    }
    assert found.joint.p > 0.01


def test_times_identifiers_and_missing_columns_are_reported_as_not_compared():
    world = World()
    a, b = world.applications("2025-01", 200), world.applications("2025-02", 200)
    table = compare(a.drop(columns="sex"), b.drop(columns="age"), joint=False).to_frame()
    notes = table.loc[table["verdict"] == "not compared", "notes"]
    assert set(notes.index) == {"application_id", "applied_at", "age", "sex"}
    assert notes["age"] == "only in the reference" and "time" in notes["applied_at"]


@pytest.mark.parametrize(("samples", "most"), [(20, 0.2), weekly(100, 0.12)])
def test_rare_values_are_pooled_so_that_the_test_holds(samples, most):
    rng = np.random.default_rng(0)
    p = []
    for _ in range(samples):
        names = [f"k{i}" for i in rng.zipf(1.6, 400) if i < 500]
        p.append(only(names[:150], names[150:])["p"])
    assert np.mean(np.array(p) < 0.05) < most


def test_what_no_column_shows_alone_the_classifier_finds():
    rng = np.random.default_rng(0)
    x, y, z = rng.normal(size=(3, 1_500))
    apart = compare(pd.DataFrame({"x": x, "y": x + 0.1 * z}), pd.DataFrame({"x": x, "y": y}))
    assert apart.drifted == [] and apart
    assert apart.joint.auc > 0.7 and apart.joint.low > 0.5 and apart.joint.p < 1e-6


def test_the_same_call_gives_the_same_answer():
    first, again = (compare(frame(), frame(seed=1)) for _ in range(2))
    pd.testing.assert_frame_equal(first.to_frame(), again.to_frame())
    assert first.joint == again.joint


def test_a_comparison_reads_well_and_draws_itself():
    found = compare(frame(), frame(seed=1, kind=["<new>"] * 1_000))
    assert "1,000 rows against 1,000: 1 of 2" in repr(found) and "AUC" in repr(found)
    assert "&lt;new&gt;" in found._repr_html_()
    ax = Figure().subplots()
    assert found.plot(ax) is ax
    assert "PSI" in ax.get_xlabel()
    assert "kind: drift" in [label.get_text() for label in ax.get_yticklabels()]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"reference": [1, 2]}, TypeError, "reference is a list; expected a DataFrame"),
        ({"current": frame(n=0)}, ValueError, "current has no rows"),
        ({"columns": ["sex"]}, ValueError, r"lacks \['sex'\]; it has"),
        ({"columns": "x"}, ValueError, r"expected a list: \['x'\]"),
        ({"alpha": 0}, ValueError, "alpha is 0"),
        ({"least": -1}, ValueError, "least is -1"),
        ({"bins": 1}, ValueError, "bins is 1"),
        ({"current": pd.concat([frame(), frame()], axis=1)}, ValueError, "more than once"),
    ],
)
def test_bad_samples_are_refused_by_name(change, error, message):
    with pytest.raises(error, match=message):
        compare(**({"reference": frame(), "current": frame()} | change))


SAME = [0.1, 0.2] * 50
WHOLE = [1, 2] * 50
FLAGS = [True, False] * 50
GAPS = [1, 2, None, 2] * 25


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SAME, np.array(SAME, "f4")),
        (SAME, np.array(SAME, "f4").astype("f8")),
        (SAME, np.array(SAME, "f2")),
        (SAME, pd.array(SAME, "Float32")),
        (SAME, pd.array(SAME, "float[pyarrow]")),
        (SAME, list(map(str, SAME))),
        (SAME, [Decimal(str(x)) for x in SAME]),
        (np.arange(1_000) / 10, (np.arange(1_000) / 10).astype("f4")),
        (WHOLE, np.array(WHOLE, "f8")),
        (WHOLE, list(map(str, WHOLE))),
        (WHOLE, ["1.0", "2.0"] * 50),
        (WHOLE, pd.array(WHOLE, "Int8")),
        (WHOLE, pd.Categorical(WHOLE)),
        (GAPS, pd.array(GAPS, "Int64")),
        (GAPS, pd.Categorical(GAPS)),
        (pd.Categorical(WHOLE), pd.Categorical(np.array(WHOLE, "f8"))),
        (FLAGS, [1, 0] * 50),
        (FLAGS, [1.0, 0.0] * 50),
        (FLAGS, ["True", "False"] * 50),
        (FLAGS, pd.array(FLAGS, "boolean")),
        (FLAGS, pd.array(FLAGS, "bool[pyarrow]")),
        (list("ab") * 50, [b"a", b"b"] * 50),
        (list("ab") * 50, pd.Categorical(list("ab") * 50)),
        (list("ab") * 50, pd.array(list("ab") * 50, "string[pyarrow]")),
        ([20_000_001.0, 1.0] * 50, np.array([20_000_001, 1] * 50, "f4")),
        ([2**53 + 1, 1] * 50, [str(2**53 + 1), "1"] * 50),
    ],
)
def test_another_way_to_write_the_same_values_is_no_drift(one, other):
    for pair in ((one, other), (other, one)):
        row = only(*pair)
        assert row["psi"] == 0 and row["verdict"] == "none", pair


def test_values_that_differ_stay_different():
    assert only(["007", "7"] * 50, ["7", "7"] * 50)["verdict"] == "drift", "both are texts"
    assert only([1e-50, 2e-50] * 50, [1e-50, 5e-50] * 50)["verdict"] == "drift"
    assert only([2**40, 2**40 + 1] * 50, [2**40, 2**40 + 2] * 50)["verdict"] == "drift"
    assert only(["1", "2"] * 50, [3, 4] * 50)["verdict"] == "drift"


IDS = np.arange(1_000)


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("row", IDS, IDS + 1_000),
        ("row", IDS, IDS + 500),
        ("row", IDS + 1_000, np.random.default_rng(0).permutation(IDS)),
        ("row", np.random.default_rng(0).permutation(IDS), IDS + 1_000),
        ("number", IDS * 7, 90_000 + IDS * 11),
        ("row", pd.array(IDS, "Int64"), (IDS + 1_000).astype(float)),
        ("row", IDS.astype(object), IDS + 1_000),
        ("customer_id", np.random.default_rng(0).permutation(IDS * 9), IDS * 9 + 1),
        ("customerId", np.random.default_rng(0).permutation(IDS * 9), IDS * 9 + 1),
        ("ID", IDS // 1.5, IDS // 1.5 + 5_000),
        ("name", [f"a{i}" for i in IDS], [f"b{i}" for i in IDS]),
        ("name", [f"2025-01-{i:06}" for i in IDS], [f"2025-02-{i:06}" for i in IDS]),
    ],
)
def test_an_identifier_is_not_compared_whatever_its_type(name, one, other):
    found = compare(frame().assign(**{name: one}), frame(seed=1).assign(**{name: other}))
    assert found.to_frame().loc[name, "notes"].startswith("an identifier")
    assert not found and found.joint.auc < 0.6


def test_a_number_that_moved_is_no_identifier():
    rng = np.random.default_rng(0)
    income = rng.permutation(rng.choice(60_000, 1_000, replace=False)) + 10_000
    for moved in (income * 12, income + 100_000, np.sort(income * 12)):
        assert only(income, moved)["verdict"] == "drift"
    assert only(np.sort(income), np.sort(income * 1.3).round())["verdict"] == "drift"
    paid = compare(pd.DataFrame({"paid": income}), pd.DataFrame({"paid": income * 2}), joint=False)
    assert paid.drifted == ["paid"]


DAYS = pd.date_range("2025-01-01", periods=100)


@pytest.mark.parametrize(
    "make",
    [
        lambda days: days,
        lambda days: days.tz_localize("Europe/Paris"),
        lambda days: days.date,
        lambda days: days.to_pydatetime().astype(object),
        lambda days: days.to_period("M"),
        lambda days: days.strftime("%F"),
        lambda days: days.strftime("%F %H:%M"),
        lambda days: days.strftime("%Y-%m"),
        lambda days: pd.array(days, "timestamp[us][pyarrow]"),
        lambda days: pd.array(days.date, "date32[day][pyarrow]"),
        lambda days: pd.Categorical(days),
    ],
)
def test_times_are_never_compared_whatever_their_type(make):
    row = only(make(DAYS), make(DAYS + pd.Timedelta(days=400)))
    assert row["notes"].startswith("a time"), row


def test_a_column_can_be_marked_as_category_or_identifier():
    codes = np.random.default_rng(0).choice([101, 205, 309, *range(400, 420)], 1_000)
    one, other = frame(code=codes, key=IDS * 2), frame(seed=1, code=codes, key=IDS**2)
    options = {"categories": ["code"], "identifiers": ["key"], "joint": False}
    table = compare(one, other, **options).to_frame()
    assert table.loc["code", "test"] == "chi-squared" and table.loc["code", "psi"] == 0
    assert table.loc["key", "verdict"] == "not compared"
    assert compare(one, other, categories=["code"], joint=False).drifted == ["key"]
    assert compare(one, other, joint=False).to_frame().loc["code", "test"] != "chi-squared"
    windows = monitor_windows(
        one,
        pd.concat([other] * 2),
        times=pd.date_range("2026-01-01", periods=2_000, freq="h"),
        identifiers=["key"],
        categories=["code"],
    )
    assert len(windows) == 0
    with pytest.raises(ValueError, match=r"lacks \['cod'\]"):
        compare(one, other, categories=["cod"])
    with pytest.raises(ValueError, match=r"categories and identifiers both have \['key'\]"):
        compare(one, other, categories=["key"], identifiers=["key"])


@pytest.mark.parametrize(
    "value", [[1, 2], {"a": 1}, {1}, np.array([1])], ids=["list", "dict", "set", "array"]
)
@pytest.mark.parametrize("side", ["both", "reference", "current"])
def test_one_column_of_lists_does_not_stop_the_comparison(value, side):
    one, other = frame(seed=1), frame(seed=2)
    filled = pd.Series([value] * len(one), dtype=object)
    one["tags"] = filled if side != "current" else 1
    other["tags"] = filled if side != "reference" else 1
    table = compare(one, other).to_frame()
    assert table.loc["tags", "verdict"] == "not compared" and "lists" in table.loc["tags", "notes"]
    assert table.loc["x", "verdict"] == "none"


@pytest.mark.parametrize("kind", [Decimal, Fraction, lambda x: Fraction(x) * 2**80])
def test_numbers_that_are_python_objects_are_compared_as_numbers(kind):
    x = np.random.default_rng(0).normal(size=500)
    one, same, moved = ([kind(float(v)) for v in part] for part in (x, x, x + 1))
    assert only(one, same)["verdict"] == "none"
    row = only(one, moved)
    assert row["verdict"] == "drift" and row["test"].startswith("Kolmogorov")


# Streams

CALM_THEN_HIGH = np.concatenate(
    [np.random.default_rng(0).normal(size=2_000), np.random.default_rng(1).normal(2, 1, 500)]
)
ERRORS = np.random.default_rng(0).random(3_000) < np.repeat([0.1, 0.6], [2_000, 1_000])


@pytest.mark.parametrize("name", drift.DETECTORS)
def test_every_detector_finds_a_large_change_soon(name):
    stream = CALM_THEN_HIGH if name in ("ADWIN", "KSWIN", "PageHinkley") else ERRORS
    found = monitor(stream, name).positions
    assert ((found >= 2_000) & (found < 2_300)).any()


def test_detections_are_those_of_rivers_own_loop():
    from river.drift import ADWIN

    running, expected = ADWIN(), []
    for i, value in enumerate(CALM_THEN_HIGH):
        running.update(value)
        if running.drift_detected:
            expected.append(i)
    assert monitor(CALM_THEN_HIGH, "adwin").positions.tolist() == expected != []


@pytest.mark.parametrize("scale", [1e-6, 5e-4, 1, 1e6])
@pytest.mark.parametrize("mean", [0, 4])
def test_adwin_finds_a_shift_of_three_deviations_on_any_scale(scale, mean):
    rng = np.random.default_rng(0)
    stream = (mean + rng.normal(size=2_000) + np.repeat([0, 3], 1_000)) * scale
    found = monitor(stream).positions
    assert len(found) and 1_000 <= found[0] < 1_200, "no false alarm, and soon"
    assert (monitor(pd.Series(stream, dtype="Float64")).positions == found).all()


def test_a_time_with_a_zone_is_the_same_time():
    times = pd.date_range("2026-01-01", periods=2_500, freq="h", tz="Europe/Paris")
    found = monitor(CALM_THEN_HIGH, times=times)
    onset = times[2_000]
    assert found.score(onset) == found.score(onset.tz_convert(None))
    assert found.score(onset).delay_days >= 0
    found.plot(onset, ax=Figure().subplots())
    watched = {"start": times[0], "end": times[-1].tz_convert("UTC")}
    assert score(times[:3], onset, **watched).false_alarms == 3


def test_a_name_starts_afresh_and_an_object_continues():
    again = [monitor(CALM_THEN_HIGH[1_500:], "KSWIN").positions.tolist() for _ in range(2)]
    assert again[0] == again[1]
    running = make_detector("Page-Hinkley", threshold=30)
    parts = [monitor(part, running).positions for part in np.split(CALM_THEN_HIGH, [1_000])]
    whole = monitor(CALM_THEN_HIGH, "PageHinkley", threshold=30).positions
    assert [*parts[0], *(parts[1] + 1_000)] == whole.tolist()


def test_missing_values_are_left_out_and_counted_with_their_times():
    times = pd.date_range("2026-01-01", periods=2 * len(CALM_THEN_HIGH), freq="h")
    holes = np.column_stack([CALM_THEN_HIGH, np.full(len(CALM_THEN_HIGH), np.nan)]).ravel()
    found = monitor(holes, times=times)
    assert found.skipped == len(CALM_THEN_HIGH) and "2,500 missing left out" in repr(found)
    assert found.positions.tolist() == monitor(CALM_THEN_HIGH).positions.tolist()
    assert found.to_frame()["time"].tolist() == [times[2 * i] for i in found.positions]


def test_months_are_known_at_their_end():
    found = monitor([0.0] * 60 + [5.0] * 40, times=["2026-01"] * 60 + ["2026-02"] * 40)
    assert found.to_frame()["time"].iloc[0] == pd.Timestamp("2026-03-01")
    scored = found.score("2026-02-01")
    assert (scored.delay_days, scored.calm_days) == (28, 31)


@pytest.mark.parametrize(
    ("stream", "options", "error", "message"),
    [
        ([], {}, ValueError, "stream holds no values"),
        ([np.nan], {}, ValueError, "stream holds no values"),
        (["a"], {}, ValueError, "stream contains a value that is not a number"),
        ([1.0, np.inf], {}, ValueError, "infinite"),
        ([0.5], {"detector": "DDM"}, ValueError, r"stream holds 0.5; DDM takes errors"),
        ([1], {"detector": "ADWINN"}, ValueError, "'ADWINN'; the detectors are"),
        ([1], {"threshold": 3}, TypeError, "ADWIN does not take these settings.*threshold"),
        ([1], {"detector": make_detector("ADWIN"), "delta": 1}, TypeError, "give them to the obj"),
        ([1], {"detector": type(make_detector("ADWIN"))}, TypeError, "expected one of"),
        ([1, 2], {"times": ["2026-01-01"]}, ValueError, "times has 1 entries for 2 values"),
        ([1, 2], {"times": ["2026-02", "2026-01"]}, ValueError, "backwards"),
        ([1, 2], {"times": [1, 2]}, ValueError, "times holds the number 1"),
    ],
)
def test_bad_streams_are_refused_by_name(stream, options, error, message):
    with pytest.raises(error, match=message):
        monitor(stream, **options)


def test_a_timeline_tells_false_alarms_from_detections():
    times = pd.date_range("2026-01-01", periods=2_500, freq="h")
    found = monitor(CALM_THEN_HIGH, "PageHinkley", threshold=20, times=times)
    ax = found.plot("2026-03-25 08:00", Figure().subplots())
    labels = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"true onset", "detection after the onset"} <= labels
    early = found.plot("2027-01-01", Figure().subplots())
    labels = {text.get_text() for text in early.get_legend().get_texts()}
    assert "false alarm" in labels and "detection after the onset" not in labels
    assert monitor([1.0], "ADWIN").plot(ax=Figure().subplots()).get_xlabel() == "position"


def test_windows_detect_a_change_at_their_end():
    reference = World().applications("2025-12")
    year = replay("campaign", months=("2026-06", "2026-09"), n=1_000)
    watch = partial(monitor_windows, reference, year, times="applied_at", days=30)
    found = watch(columns=["age", "channel"])
    assert found.times[0] == pd.Timestamp("2026-07-01") and len(found.values) == 4
    assert found.score("2026-08-01").delay_days == 29
    strict = found.at(5.0)
    assert len(strict) == 0 and len(found.at(1e-9)) == 4
    tests = watch(columns=["age"], statistic="p")
    assert tests.below and tests.score("2026-08-01").delay_days == 29
    joint = watch(columns=["age"], days=60, statistic="joint")
    assert joint.positions.tolist() == [1]
    assert tests.plot(ax=Figure().subplots()).get_yscale() == "log"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"statistic": "ks"}, "statistic is 'ks'"),
        ({"days": 0}, "days is 0"),
        ({"threshold": 0}, "threshold is 0"),
        ({"times": "when"}, "times is 'when', which the stream lacks"),
        ({"days": 60}, "fills no window of 60 days"),
        ({"columns": ["application_id"]}, "none that can be compared"),
    ],
)
def test_bad_windows_are_refused_by_name(options, message):
    month = World().applications("2026-01", 100)
    with pytest.raises(ValueError, match=message):
        monitor_windows(month, month, **({"times": "applied_at"} | options))


# Against the truth


def test_delay_and_false_alarms_are_counted_from_the_onset():
    watched = {"start": "2026-01-01", "end": "2026-12-31"}
    found = score(["2026-01-11", "2026-03-03", "2026-04-01"], "2026-03-01", **watched)
    assert (found.delay_days, found.false_alarms, found.calm_days) == (2, 1, 59)
    assert found.false_alarms_per_year == pytest.approx(365.25 / 59)
    missed = score(["2026-01-11"], "2026-03-01", **watched)
    assert np.isnan(missed.delay_days) and "not found" in repr(missed)
    nothing = score(["2026-01-11", "2026-05-01"], None, **watched)
    assert (nothing.false_alarms, nothing.calm_days) == (2, 364)
    at_once = score(["2026-01-01"], "2026-01-01", **watched)
    assert at_once.delay_days == 0 and np.isnan(at_once.false_alarms_per_year)
    before = score([], "2025-12-01", **watched)
    assert before.calm_days == 0
    with pytest.raises(ValueError, match="detections are from"):
        score(["2025-12-31"], None, **watched)


def test_without_times_there_is_no_delay():
    with pytest.raises(ValueError, match="times"):
        monitor(CALM_THEN_HIGH).score("2026-01-01")


# The view


class ByIncome:
    """A model that knows one thing: who earns more defaults less."""

    def predict_proba(self, frame):
        p = 1 / (1 + (frame["income"].to_numpy(float) / 12_000) ** 2)
        return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def published():
    """What a notebook would be sent by ``display``."""
    return []


@pytest.fixture(scope="module")
def lab(published):
    patch = pytest.MonkeyPatch()
    patch.setattr("IPython.display.display", lambda data, **_: published.append(data))
    patch.setattr(module, "SHOWN", ("monthly income", "recession", CALM))
    reference = World().applications("2025-12", 1_000)
    yield DriftLab(ByIncome(), columns=["income", "age"], reference=reference, n=400)
    patch.undo()


def test_each_watcher_at_its_usual_threshold_finds_what_it_can_see(lab):
    def watched(incident, detector, onset):
        return lab.watch(incident, detector, 30, WATCHES[detector].usual).score(onset)

    assert watched("monthly income", "tests of the features", "2026-03-01").delay_days == 31
    assert np.isnan(watched("recession", "PSI of the features", "2026-10-01").delay_days)
    for detector in WATCHES:
        assert watched(CALM, detector, None).calm_days > 300


def test_moving_a_control_changes_picture_and_words(lab):
    view = lab.view()
    assert list(controls(view)) == ["incident", "detector", "window", "PSI"]
    assert not controls(view)["window"].disabled and controls(view)["PSI"].value == 0.1
    seen = {picture(view).value}
    moves = [("PSI", 0.02), ("window", 60), ("incident", "recession")]
    moves += [("detector", "DDM on wrong decisions"), ("drift threshold", 2.0)]
    for label, value in moves:
        before = words(view).value
        controls(view)[label].value = value
        assert picture(view).value not in seen and words(view).value != before
        seen.add(picture(view).value)
    assert controls(view)["window"].disabled
    assert "365 days later" in words(view).value


def test_another_detector_is_drawn_once_with_its_own_threshold(lab, monkeypatch):
    view, drawn = lab.view(), []
    monkeypatch.setattr(lab, "picture", lambda **state: drawn.append(state) or b"png")
    controls(view)["detector"].value = "ADWIN on the score"
    assert [state["threshold"] for state in drawn] == [2e-3]


def test_where_no_kernel_runs_there_is_a_picture_and_its_description(lab, published):
    published.clear()
    lab._ipython_display_()
    (bundle,) = published
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "PSI of the features" in bundle["text/plain"]


def test_usual_thresholds_can_be_chosen_and_thresholds_grow_stricter(lab):
    for name, watch in WATCHES.items():
        assert watch.usual in watch.thresholds
        most, least = (
            len(lab.watch("monthly income", name, 30, watch.thresholds[i])) for i in (0, -1)
        )
        assert most >= least, name


# The committed table


def test_the_table_has_every_detector_on_every_incident_over_fifty_seeds():
    table = pd.read_csv(resources.path("data", "drift_benchmark.csv"))
    keys = ["detector", "sees", "settings", "labels"]
    for key, rows in table.groupby(keys):
        assert sorted(rows["incident"]) == sorted(incidents), key
    assert (table["seeds"] >= 50).all()
    assert (table["kind"] == table["incident"].map(lambda one: incidents[one].kind)).all()
    for name in ("found", "false_alarms"):
        value = table[{"found": name}.get(name, "false_alarms_per_year")]
        assert value.between(table[f"{name}_low"] - 1e-9, table[f"{name}_high"] + 1e-9).all()
    assert (table["delay_days"].notna() == (table["found"] > 0.5)).mean() > 0.98  # half: either


def test_labels_that_come_a_year_late_make_the_same_alarms_a_year_late():
    table = pd.read_csv(resources.path("data", "drift_benchmark.csv"))
    keys = ["detector", "sees", "settings", "incident"]
    late, once = (
        table[table["labels"] == one].set_index(keys).sort_index()
        for one in ("a year late", "at once (not possible)")
    )
    assert len(late) == len(once) > 0
    pd.testing.assert_series_equal(late["delay_days"], once["delay_days"] + 365)
    pd.testing.assert_series_equal(late["found"], once["found"])


@pytest.mark.parametrize("name", DTYPES)
def test_a_column_of_any_type_is_compared_or_left_out_with_a_reason(name):
    column = pd.concat([DTYPES[name]] * 20, ignore_index=True)
    row = only(column, column)
    assert row["psi"] == 0 or row["verdict"] in ("constant", "not compared")
    for other in (pd.Series(range(60)), pd.Series(["a", None] * 30), pd.Series([True] * 60)):
        for pair in ((column, other), (other, column)):
            row = only(*pair)
            assert row["verdict"] in ("drift", "none", "constant") or row["notes"], pair
