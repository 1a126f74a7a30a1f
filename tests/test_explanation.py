"""helpers.explanation: attributions of the original columns that sum to what the model says."""

import numpy as np
import pandas as pd
import pytest
import shap
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from helpers import world
from helpers.explanation import (
    Explainer,
    Phrase,
    agreement,
    explain,
    faithfulness,
    output_of,
    reason_codes,
)
from helpers.explanation.columns import origins

NUMBERS = ["income", "amount", "late_payments", "utilization"]
TEXTS = ["region", "purpose"]


def applications(n=600, month="2025-03"):
    frame = world.World().applications(month, n)
    return frame[NUMBERS + TEXTS], frame["defaulted"].to_numpy()


def pipeline(last, encoder=None):
    numbers = make_pipeline(SimpleImputer(add_indicator=True), StandardScaler())
    texts = encoder or OneHotEncoder(handle_unknown="ignore")
    return make_pipeline(make_column_transformer((numbers, NUMBERS), (texts, TEXTS)), last)


MODELS = {
    "linear": LogisticRegression(max_iter=500),
    "hist": HistGradientBoostingClassifier(max_iter=20, random_state=0),
    "boosted": GradientBoostingClassifier(n_estimators=20, random_state=0),
    "forest": RandomForestClassifier(20, max_depth=5, random_state=0),
    "neighbours": KNeighborsClassifier(20),
}
EXPECTED = {
    "linear": "log-odds, by LinearExplainer",
    "hist": "log-odds, by TreeExplainer",
    "boosted": "log-odds, by TreeExplainer",
    "forest": "probability, by TreeExplainer",
    "neighbours": "probability, by PermutationExplainer",
}


@pytest.fixture(scope="module", params=list(MODELS))
def fitted(request):
    X, y = applications()
    return request.param, pipeline(MODELS[request.param]).fit(X, y), X


def test_each_kind_of_pipeline_is_explained_in_its_original_columns(fitted):
    name, model, X = fitted
    rows = X.tail(5 if name == "neighbours" else 150)
    result = explain(model, X.head(40), rows)
    assert result.output_names == EXPECTED[name]
    assert result.feature_names == NUMBERS + TEXTS
    assert result.shape == rows.shape
    output = output_of(model, output=result.output_names.split(",")[0])(rows)
    np.testing.assert_allclose(result.values.sum(axis=1) + result.base_values, output, atol=1e-3)
    assert result.display_data[0, 4] == rows["region"].iloc[0]


def test_a_slice_still_names_its_output_and_explainer(fitted):
    name, model, X = fitted
    if name == "linear":
        result = explain(model, X.head(40), X.tail(9))
        assert result[2].output_names == result[:3].output_names == EXPECTED[name]
        assert result[:, "region"].values.shape == (9,)


def test_a_linear_model_s_attributions_are_coefficient_times_distance():
    X, _ = applications(50)
    X = X[["income", "amount"]]
    model = LinearRegression().fit(X, X["income"] * 3 - X["amount"])
    result = explain(model, X, X.head(4))
    np.testing.assert_allclose(
        result.values, (X.head(4) - X.mean()).to_numpy() * [3, -1], rtol=1e-6, atol=1e-6
    )


def test_tree_and_permutation_agree():
    X, y = applications(400)
    model = pipeline(HistGradientBoostingClassifier(max_iter=10, max_depth=2, random_state=0))
    model.fit(X, y)
    by_tree, by_permutation = (
        explain(model, X.head(20), X.tail(8), method=method, output="log-odds").values
        for method in ("tree", "permutation")
    )
    assert np.corrcoef(by_tree.ravel(), by_permutation.ravel())[0, 1] > 0.99
    np.testing.assert_allclose(by_tree.sum(axis=1), by_permutation.sum(axis=1), atol=1e-3)


def test_numbers_that_sit_on_a_threshold_do_not_fall_to_the_wrong_side():
    """Boosted trees split at values of the data itself; shap compares in single precision."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3_000, 4))
    model = HistGradientBoostingClassifier(max_iter=60, random_state=0)
    model.fit(X, X[:, 0] * X[:, 1] > 0)
    result = explain(model, X[:200], X[200:400], method="tree")
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, model.decision_function(X[200:400]), atol=1e-4)


def test_a_model_that_trees_explain_wrongly_is_explained_by_permutation_instead():
    X, y = applications(300)
    X = X.astype(dict.fromkeys(TEXTS, "category"))
    model = HistGradientBoostingClassifier(
        categorical_features="from_dtype", max_iter=5, random_state=0
    ).fit(X, y)
    result = explain(model, X.head(10), X.tail(3))
    assert result.output_names.endswith("PermutationExplainer")
    with pytest.raises(ValueError):
        explain(model, X.head(10), X.tail(3), method="tree")


def test_a_callable_takes_frames_with_text():
    X, _ = applications(100)

    def rule(frame):
        assert list(frame) == NUMBERS + TEXTS
        return 2.0 * (frame["region"] == "East") + (frame["late_payments"] > 0)

    result = explain(rule, X.head(30), X.tail(6))
    assert result.output_names == "prediction, by PermutationExplainer"
    assert np.abs(result.values[:, [0, 1, 3, 5]]).max() < 1e-9
    assert np.abs(result.values[:, 4]).max() > 0.5


def test_missing_values_reach_the_model_as_missing():
    X, _ = applications(50)
    X = X.assign(utilization=np.where(np.arange(50) % 2, np.nan, 0.5))
    result = explain(lambda f: f["utilization"].isna().astype(float), X, X.head(4))
    np.testing.assert_allclose(result[:, "utilization"].values, [-0.5, 0.5, -0.5, 0.5])


@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_keras_models_are_explained_by_gradients(kind):
    import keras

    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    if kind == "functional":
        inputs = keras.Input((3,))
        hidden = keras.layers.Dense(8, activation="tanh")(inputs)
        model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    else:
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy")
    model.fit(X, X["a"] > 0, epochs=20, verbose=0)
    result = explain(model, X.head(100), X.tail(20))
    assert result.output_names == "probability, by GradientExplainer"
    output = model.predict(X.tail(20), verbose=0)[:, 0]
    assert np.abs(result.values.sum(axis=1) + result.base_values - output).mean() < 0.03
    again = explain(model, X.head(100), X.tail(20))
    assert (again.values == result.values).all()


def test_keras_models_with_named_inputs_take_frames():
    import keras

    keras.utils.set_random_seed(0)
    X, _ = applications(60)
    region = keras.Input((1,), name="region", dtype="string")
    income = keras.Input((1,), name="income")
    code = keras.layers.StringLookup(
        vocabulary=sorted(X["region"].unique()), output_mode="multi_hot"
    )(region)
    joined = keras.layers.Concatenate()([code, keras.layers.Rescaling(1e-4)(income)])
    model = keras.Model([region, income], keras.layers.Dense(1, activation="sigmoid")(joined))
    X = X[["income", "region"]]
    result = explain(model, X.head(20), X.tail(3))
    assert result.output_names == "probability, by PermutationExplainer"
    output = output_of(model)(X.tail(3))
    np.testing.assert_allclose(result.values.sum(axis=1) + result.base_values, output, atol=1e-4)


def test_one_of_several_classes_must_be_named():
    X, _ = applications(200)
    y = np.arange(200) % 3
    model = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X[NUMBERS[:3]], y)
    rows = X[NUMBERS[:3]].tail(4)
    with pytest.raises(ValueError, match=r"classes \[.*\]; say which"):
        explain(model, rows, rows)
    result = explain(model, rows, rows, target=2)
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, model.predict_proba(rows)[:, 2], atol=1e-6)
    with pytest.raises(ValueError, match="target is 7"):
        explain(model, rows, rows, target=7)


def network(width, outputs=1, end=None):
    import keras

    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((width,)), keras.layers.Dense(outputs, activation=end)])


@pytest.mark.parametrize("method", ["gradient", "permutation"])
def test_the_first_of_two_classes_is_the_opposite_of_the_second(method):
    X = np.random.default_rng(0).normal(size=(30, 3))
    y = (X[:, 0] > 0).astype(int)
    models = [network(3, end="sigmoid")]
    if method == "permutation":
        models += [make(random_state=0).fit(X, y) for make in (
            LogisticRegression, HistGradientBoostingClassifier, GradientBoostingClassifier,
            RandomForestClassifier,
        )]  # fmt: skip
    for model in models:
        for how in ("auto", method):
            second, first = (
                explain(model, X, X[:4], target=target, method=how) for target in (1, 0)
            )
            np.testing.assert_allclose(first.values, -second.values, atol=1e-3)
            assert (explain(model, X, X[:4], method=how).values == second.values).all()
            assert first.output_names == second.output_names


@pytest.mark.parametrize(
    "model, targets",
    [
        (network(3, end="sigmoid"), [2, -1, "yes", 0.5, True]),
        (network(3), [0, 1]),
        (network(3, 3, "softmax"), [None, 3, "0", 1.5]),
        (LinearRegression().fit(np.eye(3), [1, 2, 3]), [0, 1]),
        (lambda X: X[:, 0], [0, "a"]),
        (LogisticRegression().fit(np.eye(3), [0, 1, 1]), [2, "1"]),
    ],
)
def test_a_target_that_the_model_does_not_have_is_refused(model, targets):
    for target in targets:
        with pytest.raises(ValueError, match=r"target|say which"):
            explain(model, np.eye(3), np.eye(3), target=target)


THREE = np.repeat([0, 1, 2], 40)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        HistGradientBoostingClassifier(max_iter=3, random_state=0),
        GradientBoostingClassifier(n_estimators=3, random_state=0),
        GradientBoostingClassifier(n_estimators=3, loss="exponential", random_state=0),
        RandomForestClassifier(5, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
    ],
)
@pytest.mark.parametrize("classes", [2, 3])
def test_log_odds_are_those_of_the_class_against_all_others(model, classes):
    if classes == 3 and getattr(model, "loss", "") == "exponential":
        return
    X = np.random.default_rng(0).normal(THREE[:, None], 1.5, size=(120, 3))
    model.fit(X, np.minimum(THREE, classes - 1))
    p = model.predict_proba(X[:4])[:, 1]
    for output in ("log-odds", "auto"):
        result = explain(model, X[::10], X[:4], target=1, output=output)
        says = result.output_names.split(",")[0]
        sums = result.values.sum(axis=1) + result.base_values
        if says == "margin":
            assert output == "auto" and (classes == 3 or model.loss == "exponential")
            margins = model.decision_function(X[:4])
            np.testing.assert_allclose(sums, margins[:, 1] if classes == 3 else margins, atol=1e-3)
        else:
            truth = np.log(np.clip(p, 1e-7, 1) / np.clip(1 - p, 1e-7, 1))
            assert says == ("log-odds" if output == "log-odds" else says)
            np.testing.assert_allclose(sums, p if says == "probability" else truth, atol=2e-3)


def test_a_classifier_without_probabilities_is_explained_by_its_margins():
    from sklearn.svm import LinearSVC

    X = np.random.default_rng(0).normal(size=(60, 3))
    model = LinearSVC().fit(X, np.where(X[:, 0] > 0, "good", "bad"))
    result = explain(model, X, X[:5])
    assert result.output_names == "margin, by LinearExplainer"
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, model.decision_function(X[:5]))


@pytest.mark.parametrize("constant", [0.0, 0.1, 5.0, -3e6, 1e12])
@pytest.mark.parametrize("method", ["auto", "permutation"])
def test_a_constant_model_is_explained_by_nothing(constant, method):
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 5.0]})
    models = [lambda X: np.full(len(X), constant)]
    models.append(LinearRegression().fit(X, [constant] * 3))
    models.append(lambda X: np.full(len(X), constant, np.float32) * np.float32(1.1))
    for model in models:
        result = explain(model, X, X, method=method)
        assert np.abs(result.values).max() <= 1e-9 * max(1, abs(constant))


def test_a_model_that_says_something_else_each_time_is_named_as_such():
    rng = np.random.default_rng(0)
    X = np.eye(3)
    with pytest.raises(ValueError, match="the same each time"):
        explain(lambda X: rng.normal(size=len(X)), X, X)


TYPED = pd.DataFrame(
    {
        "flag": [True, False, True, False],
        "small": np.array([1, 2, 3, 4], np.int8),
        "single": np.array([0.5, 0.25, 1, 2], np.float32),
        "gap": pd.array([1, None, 3, 4], "Int64"),
        "maybe": pd.array([True, None, False, True], "boolean"),
        "arrow": pd.array([1, 2, None, 4], "int64[pyarrow]"),
        "id": np.array([2**60 + 1, 2**60 + 3, 5, 7]),
        "day": pd.date_range("2025-01-01", periods=4),
        "kind": pd.Categorical(["x", None, "z", "x"]),
        "text": ["p", "q", None, "p"],
    }
)


def test_a_model_gets_the_columns_in_their_own_types():
    def model(X):
        assert X.dtypes.equals(TYPED.dtypes)
        assert X["id"].isin(TYPED["id"]).all()
        assert X["gap"].isna().sum() == X["gap"].astype(object).isna().sum()
        return X["flag"] * 1.0 + (X["id"] == 2**60 + 3) + X["gap"].isna()

    result = explain(model, TYPED, TYPED)
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, np.asarray(model(TYPED), dtype=float))


@pytest.mark.parametrize("dtype", [bool, np.int8, np.float32, np.uint8])
def test_arrays_keep_their_type_too(dtype):
    def model(X):
        assert X.dtype == dtype
        return X[:, 0] * 1.0

    X = np.eye(3).astype(dtype)
    assert explain(model, X, X).values.shape == (3, 3)


def test_a_row_may_have_what_the_background_has_not():
    X = pd.DataFrame({"late": [0, 1, 2], "share": [0.1, 0.2, 0.3]})
    row = pd.DataFrame({"late": [1.5], "share": [np.nan]})
    result = explain(lambda X: X["late"] + X["share"].isna() * 1.0, X, row)
    np.testing.assert_allclose(result.values, [[0.5, 1.0]])


@pytest.mark.parametrize("n", [1, 30])
def test_what_no_row_of_the_background_has_is_attributed_to_its_column(fitted, n):
    """One hot column never changes among those who were granted a loan, if no student was."""
    name, model, X = fitted
    elsewhere = (X["region"] != "East") & X["utilization"].notna()
    explainer = Explainer(model, X[elsewhere].head(n))
    explainer(X[elsewhere].tail(3))
    rows = X[X["region"] == "East"].head(20).assign(utilization=[np.nan] + [0.5] * 19)
    result = explainer(rows)
    assert result.output_names == EXPECTED[name]
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, explainer.score(rows), atol=1e-4)


def test_what_cannot_be_explained_is_refused_in_one_sentence():
    import keras

    X = pd.DataFrame({"a": [0.0, 1.0, 2.0], "b": [1.0, 0.0, 5.0], "c": [1.0, 2.0, 3.0]})
    inputs = keras.Input((3,))
    wide, one = keras.Input((2,), name="wide"), keras.Input((1,), name="a")
    unnamed = keras.Input((1,))
    dense = keras.layers.Dense
    join = keras.layers.Concatenate()
    forest = RandomForestClassifier(3).fit(X, [[0, 1], [1, 0], [1, 1]])
    labels = KNeighborsClassifier(1).fit(X, ["p", "q", "p"])
    cases = {
        "several outputs": keras.Model(inputs, [dense(1)(inputs), dense(1)(inputs)]),
        "'wide' is no column": keras.Model([wide, one], dense(1)(join([wide, one]))),
        "inputs that are not known": keras.Model(),
        "is no column of X": keras.Model([unnamed, one], dense(1)(join([unnamed, one]))),
        "shape .4,., X gives .3,.": network(4),
        "2 outputs at once": forest,
        "returns the shape .3, 2.": lambda X: np.zeros((len(X), 2)),
        "has not|no number": lambda X: np.array(["yes"] * len(X)),
    }
    for words, model in cases.items():
        with pytest.raises(ValueError, match=words):
            explain(model, X, X)
    with pytest.raises(ValueError, match="takes rows of shape .2,., X gives .1,."):
        explain(
            cases["'wide' is no column"],
            X.rename(columns={"c": "wide"}),
            X.rename(columns={"c": "wide"}),
        )
    with pytest.raises(ValueError, match="no number"):
        explain(labels, X, X, output="prediction")
    with pytest.raises(ValueError, match="each once"):
        explain(lambda X: X["b"], X.set_axis(["a", "a", "b"], axis=1), X)


def test_a_keras_model_of_one_text_is_explained():
    import keras

    inputs = keras.Input((1,), dtype="string")
    code = keras.layers.StringLookup(vocabulary=["p", "q"], output_mode="multi_hot")(inputs)
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(code))
    X = pd.DataFrame({"text": ["p", "q", "p", "r"]})
    result = explain(model, X, X)
    sums = result.values.sum(axis=1) + result.base_values
    np.testing.assert_allclose(sums, output_of(model)(X), atol=1e-5)
    with pytest.raises(ValueError, match="missing values for the text input"):
        explain(model, X, X.assign(text=["p", None, "q", "p"]))


def test_explaining_leaves_the_global_chance_of_numpy_alone():
    X, _ = applications(30)
    np.random.seed(3)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(3)  # noqa: NPY002
    explain(lambda f: f["income"] * 1.0, X.head(5), X.tail(2))
    assert (np.random.random(3) == expected).all()  # noqa: NPY002


def test_the_order_of_calls_does_not_matter():
    X, y = applications(200)
    model = pipeline(LogisticRegression(max_iter=500)).fit(X, y)
    explainer = Explainer(model, X.head(30))
    first = explainer(X.tail(3)).values
    explainer(X.head(7))
    assert (explainer(X.tail(3)).values == first).all()


def test_origins_come_from_what_changes_not_from_names():
    X, _ = applications(100)
    X = X.rename(columns={"purpose": "region_x"})[["region", "region_x", "income"]]
    encoder = make_column_transformer(
        (OneHotEncoder(), ["region", "region_x"]), remainder="passthrough"
    ).fit(X)
    result = origins(lambda f: encoder.transform(f).toarray(), X)
    counts = [X["region"].nunique(), X["region_x"].nunique(), 1]
    assert result.tolist() == np.repeat([0, 1, 2], counts).tolist()


def test_a_column_made_of_several_is_not_divided():
    X, y = applications(200)
    mixed = make_pipeline(StandardScaler(), PCA(2), LogisticRegression()).fit(X[NUMBERS[:3]], y)
    rows = X[NUMBERS[:3]]
    assert explain(mixed, rows.head(10), rows.tail(2)).output_names.endswith("PermutationExplainer")
    with pytest.raises(ValueError, match="out of several"):
        explain(mixed, rows.head(10), rows.tail(2), method="linear")


@pytest.mark.parametrize(
    "change, words",
    [
        ({"method": "magic"}, ["method", "'magic'", "tree"]),
        ({"output": "odds"}, ["output", "'odds'", "log-odds"]),
        ({"X": 0}, ["X has", "columns"]),
        ({"background": "none"}, ["background", "no rows"]),
        ({"model": lambda f: f["income"] * np.nan}, ["sum"]),
    ],
)
def test_bad_input_is_named(change, words):
    X, _ = applications(20)
    good = {"model": lambda f: f["income"] * 1.0, "background": X.head(5), "X": X.tail(3)}
    if "X" in change:
        change = {"X": X.tail(3)[NUMBERS]}
    if "background" in change:
        change = {"background": X.head(0)}
    with pytest.raises(ValueError) as raised:
        explain(**(good | change))
    for word in words:
        assert word in str(raised.value)


# --- agreement and faithfulness -------------------------------------------------------------------


def made(values, names=None):
    values = np.asarray(values, dtype=float)
    return shap.Explanation(values, feature_names=names or list("abcdef")[: values.shape[1]])


def test_an_explanation_agrees_with_itself_and_not_with_its_opposite():
    values = np.random.default_rng(0).normal(size=(40, 5))
    same = agreement(made(values), values).overall["mean"]
    assert same.tolist() == pytest.approx([1, 1, 1])
    opposite = agreement(made(-values), values).overall["mean"]
    assert opposite["rank_correlation"] == pytest.approx(-1)
    assert opposite["top_k_overlap"] == 1 and opposite["sign_agreement"] == 0


def test_only_order_counts_so_that_probabilities_compare_with_log_odds():
    values = np.random.default_rng(0).normal(size=(40, 5))
    result = agreement(made(np.tanh(values) / 10), values)
    assert result.overall.loc["rank_correlation", "mean"] == pytest.approx(1)


def test_frames_are_matched_by_name_and_arrays_by_place():
    values = np.random.default_rng(0).normal(size=(10, 3))
    frame = pd.DataFrame(values, columns=["a", "b", "c"])[["c", "a", "b"]].assign(z=9.0)
    assert agreement(made(values), frame).overall["mean"].min() == pytest.approx(1)
    with pytest.raises(ValueError, match=r"shape \(9, 3\)"):
        agreement(made(values), values[:9])
    with pytest.raises(ValueError, match="k is 4"):
        agreement(made(values), values, k=4)
    with pytest.raises(ValueError, match="expected columns named"):
        agreement(made(values), pd.DataFrame({"q": range(10)}))


def test_a_true_explanation_is_faithful_and_a_random_one_is_not():
    X, y = applications(600)
    model = pipeline(LogisticRegression(max_iter=500)).fit(X, y)
    result = explain(model, X.head(50), X.tail(40))
    curves = faithfulness(model, result, X.tail(40), X.head(50))
    areas = curves.areas
    assert areas["deletion"] > areas["deletion, random order"] + 0.1
    assert areas["insertion"] < areas["insertion, random order"] - 0.1
    shuffled = result[:]
    shuffled.values = np.random.default_rng(0).permuted(result.values, axis=1)
    assert (
        faithfulness(model, shuffled, X.tail(40), X.head(50)).areas["deletion"] < areas["deletion"]
    )
    assert curves.curves["deletion"].iloc[0] == 0
    with pytest.raises(ValueError, match="same rows"):
        faithfulness(model, result, X.tail(39), X.head(50))


def test_the_world_s_own_attributions_are_found_when_the_model_is_the_truth():
    frame = world.World().applications("2025-03", 120)
    features = [c for c in frame if c not in ("application_id", "applied_at", "defaulted")]
    truth = world.attributions(frame.tail(4), frame.head(30))

    def log_odds(rows):
        full = pd.concat([rows.reset_index(drop=True)], axis=1)
        for name in ("application_id", "applied_at", "defaulted"):
            full[name] = frame[name].iloc[0]
        return world.World().log_odds(full[list(frame)])

    result = explain(log_odds, frame[features].head(30), frame[features].tail(4))
    overall = agreement(result, truth).overall
    assert overall.loc["rank_correlation", "mean"] > 0.95
    assert overall.loc["sign_agreement", "mean"] > 0.98


# --- reasons --------------------------------------------------------------------------------------


BOOK = {
    "age": Phrase("Age: {value}", changeable=False),
    "amount": Phrase("Amount requested: {value} euro"),
    "credit_history_years": Phrase("Length of credit history: {value} years", changeable=False),
    "income": Phrase("Income: {value} euro a year"),
    "late_payments": Phrase("Late payments on record in the last two years: {value}"),
    "region": Phrase("Place of residence: {value}", changeable=False),
    "sex": Phrase("Sex", changeable=False, lawful=False),
    "utilization": Phrase("Share of your credit lines in use: {value:.0%}"),
}


def reasons_of(result, row=0, k=4, *, adverse="low", phrases=BOOK):
    return reason_codes(result, row, k, adverse=adverse, phrases=phrases)


def applicant(values, data, names):
    return shap.Explanation(
        np.array([values], float),
        display_data=np.array([data], dtype=object),
        feature_names=names,
    )


def test_reasons_come_strongest_first_in_words_with_values():
    result = applicant(
        [-0.2, -2.0, 1.0], [30_000, 4, "West"], ["income", "late_payments", "region"]
    )
    reasons = reasons_of(result)
    assert reasons.to_frame()["feature"].tolist() == ["late_payments", "income"]
    assert "Late payments on record in the last two years: 4" in reasons.letter()
    assert reasons.to_frame()["share"].sum() == pytest.approx(1)


def test_the_adverse_direction_is_stated_not_guessed():
    result = applicant([0.5, -0.5], [1, 2], ["income", "amount"])
    for adverse, feature in (("low", "amount"), ("high", "income")):
        assert reasons_of(result, adverse=adverse).to_frame()["feature"].tolist() == [feature]
    with pytest.raises(ValueError, match="adverse is 'bad'"):
        reasons_of(result, adverse="bad")
    with pytest.raises(ValueError, match="adverse='low' if a low output is bad"):
        reason_codes(result, phrases=BOOK)


def test_the_phrase_book_is_the_caller_s():
    result = applicant([0.5, -0.5], [1, 2], ["income", "amount"])
    with pytest.raises(ValueError, match=r"phrases=\{'late_payments': Phrase\("):
        reason_codes(result, adverse="low")


def test_an_unlawful_reason_is_neither_stated_nor_left_out():
    result = applicant([-1.0, -0.5], ["f", 9_000], ["sex", "amount"])
    reasons = reasons_of(result)
    assert reasons.to_frame()["feature"].tolist() == ["sex", "amount"]
    assert not reasons.may_be_sent and "review the model" in repr(reasons)
    with pytest.raises(ValueError, match="sex is among"):
        reasons.letter()


def test_what_cannot_be_changed_is_stated_and_marked():
    result = applicant([-1.0, -0.5], [2.0, 25], ["credit_history_years", "age"])
    reasons = reasons_of(result)
    assert reasons.letter().count("not something you can change soon") == 2
    assert "none of these can be changed" in repr(reasons)


def test_reasons_that_tie_at_the_cut_are_all_given():
    result = applicant([-1.0, -0.5, -0.5, -0.1], [1, 2, 3, 4], list("abcd"))
    reasons = reasons_of(result, k=2)
    assert reasons.to_frame()["feature"].tolist() == ["a", "b", "c"]
    assert "1 more than 2: c" in repr(reasons)


def test_a_missing_value_is_called_not_known():
    result = applicant([-1.0, -0.6], [np.nan, np.nan], ["utilization", "income"])
    reasons = reasons_of(result)
    assert (
        "not known" in reasons.to_frame()["reason"][0]
        and "not known" in reasons.to_frame()["reason"][1]
    )


def test_a_feature_without_a_phrase_is_shown_and_stops_the_letter():
    result = applicant([-1.0, -0.6], [3, "{female}"], ["late_payments", "gender"])
    reasons = reasons_of(result, phrases={"late_payments": Phrase("{value} arrears")})
    assert reasons.to_frame()["reason"].tolist() == ["3 arrears", "gender: {female}"]
    assert not reasons.may_be_sent and "gender has no phrase" in repr(reasons)
    with pytest.raises(ValueError, match=r"none for \['gender'\].*\{'gender': Phrase\(...\)\}"):
        reasons.letter()
    with pytest.raises(ValueError, match="'late' for 'gender'; expected a Phrase"):
        reasons_of(result, phrases={"gender": "late"})
    one = reasons_of(result, k=1, phrases={"late_payments": Phrase("{value} arrears")})
    assert one.may_be_sent and "3 arrears" in one.letter()


@pytest.mark.parametrize(
    "value, words",
    [
        (0.0375, "0.0375"),
        (np.float32(0.0375), "0.0375"),
        (0.000123, "0.000123"),
        (4.7, "4.7"),
        (2.0, "2"),
        (-0.5, "-0.5"),
        (199.95, "199.9"),
        (27_500, "27,500"),
        (27_500.0, "27,500"),
        (32_148.73, "32,149"),
        (np.int64(9_000), "9,000"),
        (2**60 + 1, "1,152,921,504,606,846,977"),
        (True, "yes"),
        (np.False_, "no"),
        (None, "not known"),
        (pd.NA, "not known"),
        (pd.NaT, "not known"),
        ("debt", "debt"),
        (np.inf, "inf"),
    ],
)
def test_a_letter_states_the_value_as_it_is(value, words):
    assert Phrase("{value}").reason(value) == words


def test_a_phrase_may_say_how_its_value_is_written():
    assert Phrase("A rate of {value:.2%}").reason(0.0375) == "A rate of 3.75%"
    assert Phrase("A rate of {value:.2%}").reason(np.nan) == "A rate of not known"


def test_there_are_no_reasons_when_nothing_counted_against():
    result = applicant([1.0, 0.5], [1, 2], ["income", "amount"])
    with pytest.raises(ValueError, match="nothing counted against"):
        reasons_of(result)
    with pytest.raises(ValueError, match="row is 5"):
        reasons_of(result, 5)
    with pytest.raises(ValueError, match="k is 0"):
        reasons_of(result, k=0)
