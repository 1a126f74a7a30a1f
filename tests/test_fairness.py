"""helpers.fairness: values as fairlearn's, intervals as the row bootstrap's, nothing hidden."""

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fair
from fairlearn.postprocessing import ThresholdOptimizer
from sklearn import metrics as sk
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from helpers import fairness
from helpers.fairness.counts import confusion, draw_counts, rate

GOOD = {"y_true": [1, 0, 1, 0], "y_pred": [1, 0, 0, 0], "sensitive_features": ["a", "a", "b", "b"]}
METRICS = {
    "selection_rate": fair.selection_rate,
    "true_positive_rate": fair.true_positive_rate,
    "false_positive_rate": fair.false_positive_rate,
    "precision": None,
    "accuracy": None,
    "balanced_accuracy": balanced_accuracy_score,
}


def people(n, groups=("a", "b", "c"), seed=0, shares=None):
    rng = np.random.default_rng(seed)
    group = rng.choice(groups, n, p=shares)
    shift = np.array([groups.index(g) for g in group]) / len(groups)
    score = 1 / (1 + np.exp(-rng.normal(shift, 1.2)))
    y = (rng.random(n) < score).astype(int)
    return y, (score > 0.6).astype(int), score, group


# --- audit: values --------------------------------------------------------------------------------


def test_point_values_are_those_of_fairlearn_to_the_last_digit():
    from sklearn.metrics import accuracy_score, precision_score

    y, decided, _score, group = people(5_000)
    functions = METRICS | {"precision": precision_score, "accuracy": accuracy_score}
    frame = fair.MetricFrame(metrics=functions, y_true=y, y_pred=decided, sensitive_features=group)
    result = fairness.audit(
        y, decided, sensitive_features=group, metrics=list(functions), resamples=10
    )
    for name in functions:
        assert result.by_group[name, "value"].tolist() == frame.by_group[name].tolist()
        assert result.overall.loc[name, "value"] == frame.overall[name]
        assert result.differences.loc[name, "value"] == frame.difference()[name]
        assert result.ratios.loc[name, "value"] == frame.ratio()[name]


BY_NAME = {
    "selection_rate": fair.selection_rate,
    "true_positive_rate": fair.true_positive_rate,
    "false_positive_rate": fair.false_positive_rate,
    "true_negative_rate": fair.true_negative_rate,
    "false_negative_rate": fair.false_negative_rate,
    "precision": sk.precision_score,
    "recall": sk.recall_score,
    "f1": sk.f1_score,
    "accuracy": sk.accuracy_score,
    "balanced_accuracy": balanced_accuracy_score,
    "count": fair.count,
}
OF_SCORES = {"mean_score": fair.mean_prediction, "roc_auc": roc_auc_score}


def frame_of(metrics, y, values, weight=None, **features):
    weighed = [name for name in metrics if name != "count" and weight is not None]
    params = {name: {"sample_weight": weight} for name in weighed}
    return fair.MetricFrame(
        metrics=metrics, y_true=y, y_pred=values, sample_params=params, **features
    )


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("weighted", [False, True])
def test_every_metric_is_fairlearn_s_with_control_features_and_weights(seed, weighted):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(150, 900))
    y, decided, score, group = people(n, seed=seed)
    features = {"sensitive_features": group, "control_features": rng.choice(["x", "z"], n)}
    weight = rng.exponential(size=n) if weighted else None
    result = fairness.audit(
        y, decided, score, metrics=[*BY_NAME, *OF_SCORES], sample_weight=weight, resamples=0,
        **features,
    )  # fmt: skip
    same = (lambda a, b: a == pytest.approx(b, rel=1e-12)) if weighted else (lambda a, b: a == b)
    for metrics, values in ((BY_NAME, decided), (OF_SCORES, score)):
        frame = frame_of(metrics, y, values, weight, **features)
        for name in metrics:
            assert same(result.by_group[name, "value"].tolist(), frame.by_group[name].tolist())
            for level in ("x", "z"):
                assert same(result.overall["value"][level, name], frame.overall[name][level])
                gap, gaps = result.differences["value"][level, name], frame.difference()[name]
                assert gap == pytest.approx(gaps[level], abs=1e-12)


def test_weights_that_repeat_rows_have_the_intervals_of_weights():
    y, decided, score, group = people(2_000)
    weight = np.random.default_rng(1).choice([0.0, 1.0, 4.0], 2_000)
    names = ["selection_rate", "true_positive_rate", "mean_score", "roc_auc", "count"]
    frame = fair.MetricFrame(
        metrics=fair.selection_rate, y_true=y, y_pred=decided, sensitive_features=group,
        sample_params={"sample_weight": weight}, n_boot=300, ci_quantiles=[0.025, 0.975],
        random_state=3,
    )  # fmt: skip
    result = fairness.audit(
        y, decided, score, sensitive_features=group, metrics=names, sample_weight=weight
    )
    table = result.by_group["selection_rate"]
    width = table["high"] - table["low"]
    for kind, theirs in zip(("low", "high"), frame.by_group_ci, strict=True):
        assert (np.abs(table[kind] - theirs) < 0.2 * width).all()
    for name in names:
        assert (result.by_group[name, "low"] <= result.by_group[name, "value"]).all()
        assert (result.by_group[name, "high"] >= result.by_group[name, "value"]).all()
    assert result.by_group["count", "value"].tolist() == result.by_group["n", ""].tolist()


def test_mitigations_can_be_measured_with_weights():
    X, y = table(400)
    weight = np.random.default_rng(1).exponential(size=400)
    result = fairness.compare_mitigations(
        LogisticRegression(), X[["income"]], y, sensitive_features=X["sex"],
        sensitive_features_test=X["sex"], X_test=X[["income"]], y_test=y, methods="unmitigated",
        progress=False, sample_weight_test=weight,
    )  # fmt: skip
    decided = result.decisions["unmitigated"]
    row = result.to_frame().loc["unmitigated"]
    given = {"sensitive_features": X["sex"], "sample_weight": weight}
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        assert row[name, "value"] == pytest.approx(getattr(fair, name)(y, decided, **given))
        assert row[name, "low"] < row[name, "value"] < row[name, "high"]
    right = sk.accuracy_score(y, decided, sample_weight=weight)
    assert row["accuracy", "value"] == pytest.approx(right)


@pytest.mark.parametrize(
    "weight, words",
    [
        ([1, 2], "sample_weight has 2 values"),
        ([1, -1, 1, 1], "0 or more"),
        ([0, 0, 0, 0], "0 or more"),
        ([1, np.nan, 1, 1], "missing"),
        ([1, np.inf, 1, 1], "0 or more"),
        (list("abcd"), "0 or more"),
    ],
)
def test_weights_that_are_none_are_refused(weight, words):
    with pytest.raises(ValueError, match=words):
        fairness.audit(**GOOD, sample_weight=weight)


def test_an_own_metric_needs_a_place_for_weights():
    def plain(y_true, y_pred):
        return 0.5

    def weighing(y_true, y_pred, sample_weight):
        return float(np.average(y_pred, weights=sample_weight))

    with pytest.raises(ValueError, match="'plain', a function without the parameter sample_weight"):
        fairness.audit(**GOOD, metrics=plain, sample_weight=[1, 2, 3, 4])
    result = fairness.audit(**GOOD, metrics=weighing, sample_weight=[3, 1, 3, 4], resamples=20)
    assert result.by_group["weighing", "value"].tolist() == [0.75, 0]


def test_small_groups_can_be_left_out_of_differences_and_stay_in_the_table():
    y, decided, score, group = people(1_000)
    group = np.where(np.arange(1_000) < 7, "few", group)
    decided[:7] = 0
    metrics = ["selection_rate", "mean_score"]
    result = fairness.audit(
        y, decided, score, sensitive_features=group, metrics=metrics, least_rows=30
    )
    rest = fairness.audit(
        y[7:], decided[7:], score[7:], sensitive_features=group[7:], metrics=metrics
    )
    assert result.by_group.loc["few", ("selection_rate", "value")] == 0
    for table in ("differences", "ratios"):
        ours, without = getattr(result, table), getattr(rest, table)
        assert ours["value"].tolist() == without["value"].tolist()
        assert ours["notes"].str.contains("under 30 rows, left out: few").all()
        assert "few" not in set(ours["lowest"]) | set(ours["highest"])
    with pytest.raises(ValueError, match="least_rows is -1"):
        fairness.audit(y, decided, sensitive_features=group, least_rows=-1)


def test_the_base_rate_stands_beside_the_mean_score():
    y, _, score, group = people(1_000)
    result = fairness.audit(
        y, y_score=score, sensitive_features=group, metrics=["base_rate", "mean_score"]
    )
    for name, row in result.by_group.iterrows():
        assert row["base_rate", "value"] == y[group == name].mean()
        assert row["base_rate", "low"] < row["base_rate", "value"] < row["base_rate", "high"]


def test_scores_and_decisions_can_be_audited_together():
    y, decided, score, group = people(2_000)
    result = fairness.audit(y, decided, score, sensitive_features=group)
    assert result.metrics[-2:] == ["mean_score", "roc_auc"]
    mine = group == "b"
    assert result.by_group.loc["b", ("roc_auc", "value")] == roc_auc_score(y[mine], score[mine])
    low, high = result.by_group.loc["b", [("roc_auc", "low"), ("roc_auc", "high")]]
    assert low < roc_auc_score(y[mine], score[mine]) < high


@pytest.mark.parametrize("kind", [list, np.array, pd.Series, lambda v: pd.DataFrame({"g": v})])
def test_every_usual_form_of_input_gives_the_same(kind):
    y, decided, _, group = people(300)
    as_is = fairness.audit(y, decided, sensitive_features=group, resamples=50)
    result = fairness.audit(kind(y), kind(decided), sensitive_features=kind(group), resamples=50)
    assert result.by_group.to_numpy().tolist() == as_is.by_group.to_numpy().tolist()


def test_several_columns_give_their_intersections_and_empty_ones_are_shown():
    y, decided, _, group = people(400)
    other = np.where(group == "a", "young", "old")
    result = fairness.audit(y, decided, sensitive_features=pd.DataFrame({"g": group, "age": other}))
    assert len(result.by_group) == 6
    empty = result.by_group.loc[("a", "old")]
    assert empty["n", ""] == 0 and empty["notes", ""] == "no rows"
    assert np.isnan(empty["selection_rate", "value"])


def test_control_features_compare_within_their_levels_only():
    y, decided, _, group = people(4_000)
    level = np.random.default_rng(1).choice(["short", "long"], 4_000)
    result = fairness.audit(
        y, decided, sensitive_features=group, control_features=pd.Series(level, name="term")
    )
    expected = fair.MetricFrame(
        metrics=fair.selection_rate,
        y_true=y,
        y_pred=decided,
        sensitive_features=group,
        control_features=level,
    )
    for term in ("short", "long"):
        value = result.differences.loc[(term, "selection_rate"), "value"]
        assert value == pytest.approx(expected.difference()[term], abs=1e-15)


@pytest.mark.parametrize("control", [None, ["short", "long"] * 200])
def test_the_frame_has_the_numbers_that_the_text_shows(control):
    y, decided, _, group = people(400)
    result = fairness.audit(y, decided, sensitive_features=group, control_features=control)
    numbers, text = result.to_frame(), result.text()
    assert numbers.shape[0] == text.shape[0] == (6 if control is None else 12)
    assert numbers.index.equals(text.index) and numbers.index[-1][:5] == "ratio"
    value, low, high = numbers["precision"].iloc[-1]
    assert text["precision"].iloc[-1] == f"{value:.3f} [{low:.3f}, {high:.3f}]"
    assert numbers["n"].sum() == 400 and (text["n"] == "").sum() == numbers["n"].isna().sum()


def test_missing_group_values_are_a_group_of_their_own():
    y, decided, _, group = people(300)
    group = pd.Series(group).where(group != "c")
    result = fairness.audit(y, decided, sensitive_features=group, resamples=10)
    assert list(result.by_group.index) == ["a", "b", "(missing)"]


def test_an_own_metric_and_a_metric_of_scores_are_taken_as_functions():
    def brier(y_true, y_score):
        return float(np.mean((y_true - y_score) ** 2))

    y, decided, score, group = people(800)
    result = fairness.audit(
        y, decided, score, sensitive_features=group, metrics=[brier], resamples=50
    )
    assert result.by_group.loc["a", ("brier", "value")] == brier(
        y[group == "a"], score[group == "a"]
    )
    assert result.overall.loc["brier", "low"] < result.overall.loc["brier", "value"]


# --- audit: intervals -----------------------------------------------------------------------------


@pytest.mark.parametrize("shares", [(0.5, 0.3, 0.2), (0.95, 0.04, 0.01)])
def test_resampling_counts_draws_from_the_distribution_of_resampling_rows(shares):
    """Means, spreads and quantiles agree within Monte Carlo error, in small groups too."""
    n, draws = 1_500, 4_000
    y, decided, _, group = people(n, shares=shares)
    code = np.unique(group, return_inverse=True)[1]
    rng = np.random.default_rng(5)
    counts = draw_counts(confusion(y, decided, code, 3), draws, rng)
    rows = np.empty_like(counts)
    for b in range(draws):
        i = rng.integers(0, n, n)
        rows[b] = confusion(y[i], decided[i], code[i], 3)
    for name in ("selection_rate", "true_positive_rate", "false_positive_rate", "precision"):
        ours, theirs = rate(name, counts), rate(name, rows)
        for g in range(3):
            a, b = ours[:, g], theirs[:, g]
            assert abs(np.isnan(a).mean() - np.isnan(b).mean()) < 0.04
            a, b = a[~np.isnan(a)], b[~np.isnan(b)]
            error = b.std() * np.sqrt(2 / draws)
            assert abs(a.mean() - b.mean()) < 5 * error + 1e-12
            assert a.std() == pytest.approx(b.std(), rel=0.1, abs=1e-12)
            for q in (0.025, 0.5, 0.975):
                # a quantile's error is its probability's error over the density there
                low, high = np.quantile(b, [max(q - 0.02, 0), min(q + 0.02, 1)])
                assert low - 1e-12 <= np.quantile(a, q) <= high + 1e-12


@pytest.mark.parametrize(
    "resamples, apart", [(40, 0.4), pytest.param(400, 0.15, marks=pytest.mark.weekly)]
)
def test_intervals_agree_with_fairlearn_s_own_bootstrap(resamples, apart):
    y, decided, _, group = people(3_000)
    frame = fair.MetricFrame(
        metrics=fair.selection_rate,
        y_true=y,
        y_pred=decided,
        sensitive_features=group,
        n_boot=resamples,
        ci_quantiles=[0.025, 0.975],
        random_state=3,
    )
    result = fairness.audit(y, decided, sensitive_features=group, metrics="selection_rate")
    for kind, theirs in zip(("low", "high"), frame.by_group_ci, strict=True):
        ours = result.by_group["selection_rate", kind]
        width = result.by_group["selection_rate", "high"] - result.by_group["selection_rate", "low"]
        assert (np.abs(ours - theirs) < apart * width).all()


@pytest.mark.weekly
def test_an_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(0)
    hit = 0
    for seed in range(200):
        group = rng.choice(["a", "b"], 400)
        decided = (rng.random(400) < np.where(group == "a", 0.3, 0.5)).astype(int)
        result = fairness.audit(
            decided,
            decided,
            sensitive_features=group,
            metrics="selection_rate",
            confidence=0.9,
            seed=seed,
        )
        low, high = result.differences.loc["selection_rate", ["low", "high"]]
        hit += low <= 0.2 <= high
    assert 0.83 <= hit / 200 <= 0.96


def test_the_same_seed_gives_the_same_intervals_and_another_seed_others():
    y, decided, _, group = people(500)
    first, same, other = (
        fairness.audit(y, decided, sensitive_features=group, seed=seed).by_group
        for seed in (1, 1, 2)
    )
    assert first.equals(same) and not first.equals(other)


def test_resamples_0_gives_no_intervals():
    y, decided, _, group = people(200)
    result = fairness.audit(y, decided, sensitive_features=group, resamples=0)
    assert result.by_group["selection_rate", "low"].isna().all()
    assert "no intervals" in repr(result) and "[" not in repr(result).split("\n", 1)[1]


# --- audit: small and undefined values are flagged ------------------------------------------------


def test_a_group_without_positives_has_no_true_positive_rate_and_says_so():
    y = np.array([0] * 50 + [1, 0] * 50)
    group = np.array(["none"] * 50 + ["some"] * 100)
    result = fairness.audit(y, 1 - y, sensitive_features=group, metrics="true_positive_rate")
    assert np.isnan(result.by_group.loc["none", ("true_positive_rate", "value")])
    assert (
        "no positives: true_positive_rate undefined" in result.by_group.loc["none", ("notes", "")]
    )
    assert "none" in result.differences.loc["true_positive_rate", "notes"]
    assert np.isnan(result.differences.loc["true_positive_rate", "value"])
    assert "undefined" in repr(result)


def test_a_small_group_is_flagged_and_stays():
    y, decided, _, group = people(1_000)
    group = np.where(np.arange(1_000) < 7, "few", group)
    result = fairness.audit(y, decided, sensitive_features=group)
    assert "small: 7 rows" in result.by_group.loc["few", ("notes", "")]
    assert "small: 7 rows" in repr(result)


def test_a_rate_of_zero_has_an_interval_that_is_not_trusted():
    y = np.array([1, 0] * 100)
    result = fairness.audit(y, np.zeros(200, int), sensitive_features=["a", "b"] * 100)
    assert "without width" in result.by_group["notes"].iloc[0]


# --- audit: bad input -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"y_pred": [1, 0]}, ["y_pred", "2 values", "4"]),
        ({"sensitive_features": ["a"]}, ["sensitive_features", "1 rows", "4"]),
        ({"y_true": [1, 0, np.nan, 0]}, ["y_true", "1 missing", "row 2"]),
        ({"y_true": ["yes", "no", "no", "no"]}, ["y_true", "'yes'", "0 and 1"]),
        ({"y_pred": [0.2, 0.5, 0.9, 0.1]}, ["y_pred", "y_score"]),
        ({"y_score": [0.2, 1.5, 0.9, 0.1]}, ["y_score", "1.5", "0 to 1"]),
        ({"y_score": list("abcd")}, ["y_score", "not numeric"]),
        ({"y_pred": None}, ["y_pred", "y_score"]),
        ({"metrics": "tpr"}, ["metrics", "'tpr'", "true_positive_rate"]),
        ({"metrics": "roc_auc"}, ["roc_auc", "y_score"]),
        ({"metrics": []}, ["metrics", "empty"]),
        ({"confidence": 95}, ["confidence", "95", "0.95"]),
        ({"resamples": -1}, ["resamples", "-1"]),
        (
            {"control_features": pd.Series(["x"] * 4, name="group")},
            ["control_features", "sensitive_features", "group"],
        ),
    ],
)
def test_bad_input_gets_an_error_that_names_it(bad, words):
    with pytest.raises(ValueError) as raised:
        fairness.audit(**(GOOD | bad))
    for word in words:
        assert word in str(raised.value)


def test_a_continuous_column_as_group_is_asked_about():
    y, decided, score, _ = people(100)
    with pytest.raises(ValueError, match="continuous column"):
        fairness.audit(y, decided, sensitive_features=score)


def test_the_same_index_in_another_order_is_refused():
    y, decided, _, group = people(100)
    group = pd.Series(group).sample(frac=1, random_state=0)
    with pytest.raises(ValueError, match="another order"):
        fairness.audit(pd.Series(y), decided, sensitive_features=group)


ORDERED = ("y_true", "y_pred", "y_score", "sensitive_features", "control_features")


@pytest.mark.parametrize("one", ORDERED)
@pytest.mark.parametrize("other", ORDERED)
def test_any_two_arguments_with_indexes_in_two_orders_are_refused(one, other):
    if one == other:
        return
    plain = {
        "y_true": [1, 0] * 20,
        "y_pred": [1, 0] * 20,
        "y_score": [0.9, 0.1] * 20,
        "sensitive_features": ["a", "b"] * 20,
        "control_features": ["x", "x", "z", "z"] * 10,
    }
    ids = pd.Index(range(100, 140))
    given = {
        one: pd.Series(plain[one], index=ids),
        other: pd.Series(plain[other], index=ids[::-1]),
    }
    with pytest.raises(ValueError, match="another order") as raised:
        fairness.audit(**(plain | given))
    assert one in str(raised.value) and other in str(raised.value)


def test_rows_of_different_people_are_refused_and_new_objects_are_not():
    ids = pd.Index(range(100, 140))
    y, group = pd.Series([1, 0] * 20, ids), pd.Series(["a", "b"] * 20, ids)
    with pytest.raises(ValueError, match="different labels"):
        fairness.audit(y, y, sensitive_features=group.set_axis(ids + 1), resamples=0)
    decided = pd.Series([1, 0] * 20)  # as pd.Series(model.predict(X)) has it
    result = fairness.audit(y, decided, sensitive_features=group, resamples=0)
    assert result.differences.loc["selection_rate", "value"] == 1
    with pytest.raises(ValueError, match="another order"):
        both = {"g": group, "h": group[::-1]}
        fairness.audit(y, decided, sensitive_features=both, resamples=0)
    pairs = pd.MultiIndex.from_product([range(20), list("xy")])
    with pytest.raises(ValueError, match="different labels"):
        fairness.audit(y.set_axis(pairs), y, sensitive_features=list(group), resamples=0)
    with pytest.raises(ValueError, match="utility and y_score"):
        money = pd.Series(1.0, ids[::-1])
        fairness.thresholds(list(y), y * 0.5, sensitive_features=list(group), utility=money)


CRAFTS = pd.DataFrame(
    {"job": ["Craft, repair", "Craft"] * 50, "place": ["north", "repair, north"] * 50}
)


@pytest.mark.parametrize(
    "group",
    [
        CRAFTS,
        pd.Series([1, "1"] * 50, dtype=object),
        pd.Series(["(missing)", None] * 50, dtype=object),
        pd.Series([True, "True"] * 50, dtype=object),
    ],
)
def test_groups_that_read_the_same_stay_two_groups(group):
    decided = np.array([1, 0] * 50)
    result = fairness.audit(decided, decided, sensitive_features=group, resamples=10)
    assert result.differences.loc["selection_rate", "value"] == 1
    assert result.to_frame().index.is_unique
    found = fairness.thresholds(decided, decided * 0.5, sensitive_features=group)
    assert len(set(found.groups)) == 2
    assert found.at(dict.fromkeys(found.groups, 0.4))["selection_rate"].tolist() in ([0, 1], [1, 0])
    X, y = table(100)
    compared = fairness.compare_mitigations(
        LogisticRegression(), X[["income"]], y, sensitive_features=group,
        sensitive_features_test=group, X_test=X[["income"]], y_test=y,
        methods={"by group": lambda model, X, y, group: lambda X, group: group == group[0]},
        progress=False,
    )  # fmt: skip
    assert compared.to_frame().loc["by group", ("demographic_parity_difference", "value")] == 1


@pytest.mark.parametrize("kind", [float, bool, "Int64", "boolean", "category", object])
def test_the_same_groups_in_another_type_are_the_same_groups(kind):
    X, y = table(200)
    sex = (X["sex"] == "f").astype(int)
    result = fairness.compare_mitigations(
        LogisticRegression(), X[["income"]], y, sensitive_features=sex,
        sensitive_features_test=sex.astype(kind), X_test=X[["income"]], y_test=y,
        methods="threshold optimizer (demographic parity)", progress=False,
    )  # fmt: skip
    assert result.to_frame()["error"].tolist() == [""]


def test_fifty_one_states_are_groups_and_more_can_be_allowed():
    y, states = np.tile([0, 1], 2_000), [f"state {i}" for i in range(51)]
    group = np.random.default_rng(0).choice(states, 4_000)
    assert len(fairness.audit(y, y, sensitive_features=group, resamples=10).by_group) == 51
    codes = np.arange(4_000) % 90
    with pytest.raises(ValueError, match=r"column 'group' has 90 values.*most_groups=90"):
        fairness.audit(y, y, sensitive_features=codes)
    assert len(fairness.audit(y, y, sensitive_features=codes, most_groups=90).by_group) == 90
    with pytest.raises(ValueError, match=r"merge the rare ones.*most_groups=51"):
        fairness.audit(y, y, sensitive_features=group, most_groups=50)


def test_of_many_possible_intersections_those_that_occur_are_groups():
    code = np.arange(4_000) % 40
    people = pd.DataFrame({name: code.astype(str) for name in "abcdefgh"})  # 40 ** 8 possible
    people["i"] = np.where(np.arange(4_000) < 2_000, "x", "z")
    result = fairness.audit(code % 2, code % 2, sensitive_features=people, resamples=10)
    assert len(result.by_group) == 80 and result.by_group["n", ""].sum() == 4_000
    assert (result.by_group["n", ""] == 50).all()


def test_one_class_only_is_flagged_not_wrong():
    result = fairness.audit([0] * 40, [0, 1] * 20, [0.5] * 40, sensitive_features=["a", "b"] * 20)
    assert result.by_group["roc_auc", "value"].isna().all()
    assert result.by_group["notes"].str.contains("roc_auc undefined").all()
    assert result.by_group.loc["b", ("false_positive_rate", "value")] == 1


# --- thresholds -----------------------------------------------------------------------------------


class Scored(ClassifierMixin, BaseEstimator):
    """The score is the one feature."""

    def fit(self, X, y):
        self.classes_, self.fitted_ = np.array([0, 1]), True
        return self

    def predict_proba(self, X):
        score = np.asarray(X)[:, 0]
        return np.c_[1 - score, score]

    def predict(self, X):
        return (np.asarray(X)[:, 0] > 0.5).astype(int)


def test_a_threshold_s_numbers_are_those_of_deciding_by_it():
    y, _, score, group = people(3_000)
    money = np.where(y == 1, 30.0, -100.0)
    result = fairness.thresholds(y, score, sensitive_features=group, utility=money)
    chosen = {"a": 0.3, "b": 0.605, "c": 1.0}
    table = result.at(chosen)
    for name, threshold in chosen.items():
        mine = group == name
        decided = (score[mine] >= threshold).astype(int)
        assert table.loc[name, "selection_rate"] == decided.mean()
        expected = fair.true_positive_rate(y[mine], decided)
        assert table.loc[name, "true_positive_rate"] == pytest.approx(expected)
        assert table.loc[name, "utility"] == pytest.approx((money[mine] * decided).sum())
    assert np.isnan(table.loc["c", "precision"])


@pytest.mark.parametrize(
    "preset, constraint, equal",
    [
        ("demographic parity", "demographic_parity", ["selection_rate"]),
        ("equal opportunity", "true_positive_rate_parity", ["true_positive_rate"]),
    ],
)
def test_presets_agree_with_fairlearn_s_threshold_optimizer(preset, constraint, equal):
    y, _, score, group = people(20_000)
    result = fairness.thresholds(y, score, sensitive_features=group)  # utility (1, -1): accuracy
    ours = result.at(result.preset(preset).thresholds)
    theirs = ThresholdOptimizer(
        estimator=Scored().fit(None, None),
        constraints=constraint,
        objective="accuracy_score",
        prefit=True,
        predict_method="predict_proba",
    )
    X = score[:, None]
    theirs.fit(X, y, sensitive_features=group)
    p = theirs._pmf_predict(X, sensitive_features=group)[:, 1]
    accuracy = np.where(y == 1, p, 1 - p).mean()
    negatives = (y == 0).mean()
    assert result.preset(preset).reached
    assert ours["utility"].sum() / len(y) + negatives == pytest.approx(accuracy, abs=0.005)
    for name in equal:
        assert ours[name].max() - ours[name].min() < 0.02
    for name in ours.index:
        assert ours.loc[name, "selection_rate"] == pytest.approx(p[group == name].mean(), abs=0.04)


def test_equalized_odds_is_reached_where_roc_curves_coincide_and_agrees_with_fairlearn():
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 40_000)
    group = rng.choice(["a", "b"], 40_000)
    score = 1 / (1 + np.exp(-rng.normal(2 * y - 1 + 0.8 * (group == "a"), 1)))  # same curve, moved
    result = fairness.thresholds(y, score, sensitive_features=group)
    preset = result.preset("equalized odds")
    table = result.at(preset.thresholds)
    theirs = ThresholdOptimizer(
        estimator=Scored().fit(None, None),
        objective="accuracy_score",
        constraints="equalized_odds",
        prefit=True,
        predict_method="predict_proba",
    )
    theirs.fit(score[:, None], y, sensitive_features=group)
    p = theirs._pmf_predict(score[:, None], sensitive_features=group)[:, 1]
    assert preset.reached
    assert table["true_positive_rate"].mean() == pytest.approx(p[y == 1].mean(), abs=0.03)
    assert table["false_positive_rate"].mean() == pytest.approx(p[y == 0].mean(), abs=0.03)


def test_equalized_odds_says_when_it_is_not_reachable():
    rng = np.random.default_rng(2)
    y, group = rng.integers(0, 2, 20_000), rng.choice(["clear", "murky"], 20_000)
    score = 1 / (
        1 + np.exp(-(2 * y - 1) * np.where(group == "clear", 3, 0) - rng.normal(size=20_000))
    )
    assert (
        not fairness.thresholds(y, score, sensitive_features=group).preset("equalized odds").reached
    )


def test_the_profit_presets_are_the_best_there_is():
    y, _, score, group = people(5_000)
    result = fairness.thresholds(y, score, sensitive_features=group, utility=(2.0, -1.0))
    shared, own = (result.preset(name).thresholds for name in ("one threshold", "maximum profit"))
    assert len(set(shared.values())) == 1
    totals = [result.at(dict.fromkeys("abc", t))["utility"].sum() for t in result.grid]
    assert result.at(shared)["utility"].sum() == max(totals)
    assert result.at(own)["utility"].sum() >= max(totals)


@pytest.mark.parametrize("dtype", [float, np.float32, np.float16])
def test_a_threshold_decides_as_its_number_does(dtype):
    scores = np.round(np.arange(0, 1.001, 0.005), 3).astype(dtype)
    y = np.arange(len(scores)) % 2
    result = fairness.thresholds(y, scores, sensitive_features=["a"] * len(y))
    decimals = np.round(np.arange(0, 1.001, 0.005), 3)
    for threshold in [*decimals.tolist(), *decimals, *scores, 0.1 + 0.2, 0.5004, 2, -1]:
        found = result.at({"a": threshold})["selection_rate"].item()
        assert found == (scores >= threshold).mean(), threshold
    with pytest.raises(ValueError, match="chosen has nan for 'a'"):
        result.at({"a": np.nan})
    with pytest.raises(ValueError, match=r"chosen has \['a', 1\]; expected one of each"):
        result.at({"a": 0.5, 1: 0.5})
    with pytest.raises(ValueError, match="grid is .'low'.; expected numbers"):
        fairness.thresholds(y, scores, sensitive_features=["a"] * len(y), grid=["low"])


PROFITS = ("one threshold", "maximum profit", "demographic parity")


@pytest.mark.parametrize("n", [30, 3_000])
@pytest.mark.parametrize("highest", [0.8, 1.0])
def test_a_preset_s_numbers_give_the_decisions_that_it_promises(n, highest):
    y, _, score, group = people(n)
    score = highest * score / score.max()
    for utility in ((1.0, -1.0), (-1.0, -1.0), (1.0, 1.0)):
        result = fairness.thresholds(y, score, sensitive_features=group, utility=utility)
        for name in PROFITS:
            chosen = result.preset(name).thresholds
            for who, expected in result.at(chosen)["selection_rate"].items():
                assert (score[group == who] >= chosen[who]).mean() == expected
        if utility == (-1.0, -1.0):
            assert result.at(result.preset("maximum profit").thresholds)["utility"].sum() == 0


@pytest.mark.parametrize("scale", [1, 1 / 20, 1e-6])
def test_the_highest_profit_is_found_wherever_the_scores_lie(scale):
    rng = np.random.default_rng(4)
    n = 40_000
    score = rng.beta(0.1, 20, n)
    y = (rng.random(n) < score).astype(int)
    group, money = rng.choice(["a", "b"], n), np.where(y == 1, 40.0, -1.0)
    result = fairness.thresholds(y, score * scale, sensitive_features=group, utility=money)
    best = {
        name: money[mine][np.argsort(-score[mine])].cumsum().max()
        for name, mine in {"a": group == "a", "b": group == "b", "all": group != ""}.items()
    }
    at = {name: result.at(result.preset(name).thresholds) for name in PROFITS}
    assert at["maximum profit"]["utility"].tolist() == pytest.approx([best["a"], best["b"]])
    assert at["one threshold"]["utility"].sum() == pytest.approx(best["all"])
    rates = at["demographic parity"]["selection_rate"]
    assert abs(rates["a"] - rates["b"]) < 0.02
    assert at["demographic parity"]["utility"].sum() > 0.95 * best["all"]


def test_a_pair_of_utilities_is_by_label_also_for_two_rows():
    result = fairness.thresholds([0, 1], [0.2, 0.8], sensitive_features=["a", "a"])
    assert result.at({"a": 0.5})["utility"].item() == 1
    assert result.at({"a": 0.0})["utility"].item() == 0


def test_presets_name_what_they_lack():
    result = fairness.thresholds(
        [1, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], sensitive_features=list("aabb")
    )
    with pytest.raises(ValueError, match="no positives or no negatives"):
        result.preset("equalized odds")
    with pytest.raises(ValueError, match="did you mean equal opportunity"):
        result.preset("equality")
    with pytest.raises(ValueError, match="expected one of each"):
        result.at({"a": 0.5})
    with pytest.raises(ValueError, match="at most 6"):
        fairness.thresholds([0, 1] * 4, [0.5] * 8, sensitive_features=list("abcdefgh"))


# --- mitigation -----------------------------------------------------------------------------------


def table(n=1_200, seed=0):
    rng = np.random.default_rng(seed)
    sex = rng.choice(["f", "m"], n)
    income = rng.normal(3 - 0.8 * (sex == "f"), 1, n)
    city = rng.choice(["north", "south"], n)
    y = (rng.random(n) < 1 / (1 + np.exp(3 - 1.3 * income))).astype(int)
    return pd.DataFrame({"income": income, "city": city, "sex": sex}), y


@pytest.fixture(scope="module")
def comparison():
    X, y = table()
    X_test, y_test = table(seed=1)
    from sklearn.compose import make_column_transformer

    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(drop="first"), ["city", "sex"]), remainder="passthrough"
        ),
        LogisticRegression(),
    )
    return fairness.compare_mitigations(
        model, X, y, sensitive_features="sex", X_test=X_test, y_test=y_test, progress=False
    )


def test_every_mitigation_runs_on_a_pipeline_with_text_columns(comparison):
    errors = comparison.to_frame()["error"]
    assert (errors == "").all(), errors.tolist()
    assert len(errors) == 8


def test_mitigation_lowers_what_it_is_for(comparison):
    gap = comparison.to_frame()["demographic_parity_difference", "value"]
    odds = comparison.to_frame()["equalized_odds_difference", "value"]
    assert gap["threshold optimizer (demographic parity)"] < gap["unmitigated"] - 0.05
    assert gap["exponentiated gradient (demographic parity)"] < gap["unmitigated"] - 0.05
    assert odds["threshold optimizer (equalized odds)"] < odds["unmitigated"] - 0.05


def test_it_says_which_methods_need_the_attribute_when_they_decide(comparison):
    needs = comparison.to_frame()["needs attribute"]
    assert needs["attribute dropped"] == "no"
    assert needs["threshold optimizer (equalized odds)"] == "yes"


def test_it_says_which_methods_decide_by_lot(comparison):
    lots = comparison.to_frame()["by lot"]
    assert set(lots.index[lots == "yes"]) == {
        name for name in lots.index if name.startswith(("exponentiated", "threshold"))
    }
    assert comparison.text()["by lot"].equals(lots)


def test_dropping_the_attribute_makes_decisions_blind_to_it():
    X, y = table()
    both = pd.concat([X.assign(sex="f"), X.assign(sex="m")], ignore_index=True)
    X["sex"] = (X["sex"] == "m").astype(float)
    both["sex"] = (both["sex"] == "m").astype(float)
    result = fairness.compare_mitigations(
        LogisticRegression(), X.drop(columns="city"), y, sensitive_features="sex",
        X_test=both.drop(columns="city"), y_test=np.tile(y, 2), methods="attribute dropped",
        progress=False,
    )  # fmt: skip
    decided = result.decisions["attribute dropped"]
    assert (decided[: len(y)] == decided[len(y) :]).all()


def test_a_method_that_fails_is_a_row_and_loses_nothing():
    class NoWeights(LogisticRegression):
        def fit(self, X, y):
            return super().fit(X, y)

    X, y = table(300)
    X = X[["income"]].assign(sex=(X["sex"] == "m") * 1.0)
    result = fairness.compare_mitigations(
        NoWeights(), X, y, sensitive_features="sex", X_test=X, y_test=y,
        methods=["unmitigated", "reweighing"], progress=False,
    )  # fmt: skip
    numbers = result.to_frame()
    assert "sample_weight" in numbers.loc["reweighing", ("error", "")]
    assert np.isnan(numbers.loc["reweighing", ("accuracy", "value")])
    assert numbers.loc["unmitigated", ("accuracy", "value")] > 0.5
    assert "TypeError" in repr(result)
    assert len(result.plot().get_legend_handles_labels()[1]) == 1


def test_an_own_method_takes_part():
    def nobody(estimator, X, y, group):
        return lambda X, group: np.zeros(len(X), int)

    X, y = table(200)
    result = fairness.compare_mitigations(
        LogisticRegression(), X[["income"]], y, sensitive_features=X["sex"],
        sensitive_features_test=X["sex"], X_test=X[["income"]], y_test=y,
        methods={"refuse all": nobody}, progress=False,
    )  # fmt: skip
    assert result.to_frame().loc["refuse all", ("demographic_parity_difference", "value")] == 0


def test_reweighing_makes_group_and_label_independent():
    X, y = table()
    group = X["sex"].to_numpy()
    weight = fairness.reweighing(y, group)
    shares = [np.average(y[group == g], weights=weight[group == g]) for g in ("f", "m")]
    assert shares[0] == pytest.approx(shares[1]) == pytest.approx(y.mean())


@pytest.mark.parametrize(
    "bad, words",
    [
        ({"sensitive_features": "gender"}, ["sensitive_features", "'gender'"]),
        ({"sensitive_features": ["f"] * 50}, ["sensitive_features_test"]),
        ({"y": [1] * 50}, ["y holds only 1"]),
        ({"methods": ["magic"]}, ["methods", "'magic'", "reweighing"]),
        ({"X": [[1]] * 50}, ["X is a list", "DataFrame"]),
        ({"performance": "auc"}, ["performance", "accuracy"]),
    ],
)
def test_bad_input_to_a_comparison_is_named(bad, words):
    X, y = table(50)
    good = {"X": X, "y": y, "sensitive_features": "sex", "X_test": X, "y_test": y}
    with pytest.raises(ValueError) as raised:
        fairness.compare_mitigations(LogisticRegression(), **(good | bad))
    for word in words:
        assert word in str(raised.value)


def test_a_group_that_fitting_never_saw_is_refused():
    X, y = table(50)
    with pytest.raises(ValueError, match="never saw"):
        fairness.compare_mitigations(
            LogisticRegression(), X, y, sensitive_features="sex", X_test=X.assign(sex="x"), y_test=y
        )


@pytest.mark.parametrize("kind", [np.array, pd.Series, list, lambda v: pd.DataFrame({0: v})])
def test_a_column_that_happens_to_be_called_group_is_a_feature_like_others(kind):
    X, y = table(300)
    X = pd.DataFrame({"group": X["income"], 0: X["income"], "age": 1.0}).rename(columns=str)
    sex = kind(table(300)[0]["sex"].to_numpy())
    result = fairness.compare_mitigations(
        LogisticRegression(), X, y, sensitive_features=sex, sensitive_features_test=sex, X_test=X,
        y_test=y, progress=False,
    )  # fmt: skip
    numbers = result.to_frame()
    assert "attribute dropped" not in numbers.index
    assert numbers.loc["unmitigated", ("needs attribute", "")] == "no"
    named = pd.Series(list(table(300)[0]["sex"]), name="group")
    numbers = fairness.compare_mitigations(
        LogisticRegression(), X, y, sensitive_features=named, sensitive_features_test=named,
        X_test=X, y_test=y, methods="unmitigated", progress=False,
    ).to_frame()  # fmt: skip
    assert numbers.loc["unmitigated", ("needs attribute", "")] == "yes"


def test_columns_of_the_attribute_are_matched_by_name():
    X, y = table(300)
    both = X[["sex", "city"]]
    decide = {"women": lambda model, X, y, group: lambda X, g: np.char.startswith(g, "f, ")}

    def gap(test):
        return fairness.compare_mitigations(
            LogisticRegression(), X[["income"]], y, sensitive_features=both,
            sensitive_features_test=test, X_test=X[["income"]], y_test=y, methods=decide,
            progress=False,
        ).to_frame()["demographic_parity_difference", "value"].item()  # fmt: skip

    assert gap(both) == gap(both[["city", "sex"]]) == 1
    with pytest.raises(ValueError, match="'gender'.*expected the same"):
        gap(both.rename(columns={"sex": "gender"}))


def test_reweighing_keeps_the_order_of_rows_and_people_without_a_group():
    y, group = pd.Series([1, 0, 0, 0]), pd.Series(["a", None, "b", None])
    assert np.isfinite(fairness.reweighing(y, group)).all()
    with pytest.raises(ValueError, match="another order"):
        fairness.reweighing(y, group[::-1])


# --- pictures -------------------------------------------------------------------------------------


def test_pictures_take_and_return_axes(comparison):
    import matplotlib.pyplot as plt

    y, decided, _, group = people(300)
    for thing in (fairness.audit(y, decided, sensitive_features=group), comparison):
        _, ax = plt.subplots()
        assert thing.plot(ax=ax) is ax
        assert ax.get_xlabel()
    dollars = fairness.audit(y, decided, sensitive_features=np.where(group == "a", "$5-$9", "$10"))
    ax = dollars.plot()
    ax.figure.canvas.draw()
    assert [text.get_text().replace("\\", "")[:3] for text in ax.get_yticklabels()] == [
        "$10",
        "$5-",
    ]
    with pytest.raises(ValueError, match="metrics has 'f1'"):
        fairness.audit(y, decided, sensitive_features=group).plot(["f1"])
    plt.close("all")
