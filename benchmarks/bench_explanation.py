"""Explanations against the bare call of shap, and one move of the what-if view."""

import time

import numpy as np
import shap

from helpers import datasets
from helpers.course.lesson_3_6.view import WhatIf
from helpers.course.views import image
from helpers.explanation import Explainer

NUMBERS = ["age", "income", "amount", "utilization", "late_payments", "credit_history_years"]
TEXTS = ["employment", "purpose", "channel"]


def run() -> list[dict]:
    train = datasets.load("loans", months=["2025-01", "2025-02", "2025-03"])
    X, y = train[NUMBERS + TEXTS], 1 - train["defaulted"]
    models = {"trees": _pipeline(_trees(), X, y), "linear": _pipeline(_linear(), X, y)}
    rows = []
    model, background, many = models["trees"], X.head(100), X.tail(1_000)
    explainer = Explainer(model, background)
    explainer(many.head(5))
    encode, last = model[:-1].transform, model[-1]
    bare = shap.TreeExplainer(last, data=encode(background), model_output="raw")
    ratios = []
    for _ in range(5):
        ours = _timed(lambda: explainer(many))
        theirs = _timed(lambda: bare.shap_values(encode(many), check_additivity=False))
        ratios.append((ours / theirs, ours, theirs))
    ratio, ours, theirs = sorted(ratios)[2]
    rows.append(
        {
            "what": "explain, trees, 1,000 rows against 100: against the bare shap call",
            "measured": f"{ratio:.2f} times ({ours:.2f} s against {theirs:.2f} s)",
            "target": "1.05 times",
            "note": "with the sum over encoded columns and the check of additivity",
        }
    )
    for name, model in (models | {"Keras": _keras(X, y)}).items():
        view = WhatIf(model, X, 7, background=X.head(50))
        _show(view, {})
        moves = [
            _timed(lambda v=view, i=income: _show(v, {"income": i}))
            for income in range(20_000, 60_000, 2_000)
        ]
        rows.append(
            {
                "what": f"what-if view, {name}: one move, value to picture",
                "measured": f"{np.median(moves) * 1000:.0f} ms",
                "target": "200 ms",
                "note": repr(view.explainer),
            }
        )
    return rows


def _show(view, changes):
    return image(view.picture(changes=changes), view.describe(changes))


def _pipeline(last, X, y):
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    texts = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    prepare = make_column_transformer((numbers, NUMBERS), (texts, TEXTS))
    return make_pipeline(prepare, last).fit(X, y)


def _trees():
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=100, random_state=0)


def _linear():
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=500)


def _keras(X, y):
    import keras

    keras.utils.set_random_seed(0)
    inputs, parts = [], []
    for name in X:
        text = name in TEXTS
        entry = keras.Input((1,), name=name, dtype="string" if text else "float32")
        if text:
            values = sorted(X[name].unique())
            part = keras.layers.StringLookup(vocabulary=values, output_mode="multi_hot")(entry)
        else:
            scale = keras.layers.Normalization()
            scale.adapt(X[[name]].fillna(0).to_numpy("float32"))
            part = scale(entry)
        inputs.append(entry)
        parts.append(part)
    hidden = keras.layers.Dense(16, activation="relu")(keras.layers.Concatenate()(parts))
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


def _timed(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
