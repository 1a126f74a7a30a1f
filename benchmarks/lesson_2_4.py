"""What lesson 2.4 tells about selecting features, over five seeds of the world.

``python -m benchmarks.lesson_2_4`` prints a line for each number that the lesson quotes as a range:
the least and the largest over the seeds, and all of them. The model is fitted on 2025 and its
decisions are counted by the exact expectation of 2027, in euro for each application.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
from scipy.stats import chi2_contingency
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_selection import RFE, SelectKBest, SequentialFeatureSelector, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from benchmarks.ranges import show
from helpers import world
from helpers.base.stats import auc
from helpers.course.linear import NUMBERS

TEXTS = ["sex", "region", "employment", "purpose", "channel"]
FEATURES = NUMBERS + TEXTS
BUREAU = ["utilization", "late_payments", "credit_history_years"]


def prepare(frame, train):
    """Return one number for each column."""
    X = np.log1p(frame[NUMBERS]).fillna(np.log1p(train[NUMBERS]).mean())
    for name in TEXTS:
        X[name] = frame[name].map(train.groupby(name)["defaulted"].mean())
    return X


def linear():
    return LogisticRegression(solver="newton-cholesky")


def without(columns, *names):
    return [name for name in columns if name not in names]


def measure(seed):
    """Yield the name and the value of everything that is quoted, for one world."""
    lender, rng = world.World(seed), np.random.default_rng(seed)
    train, test = (lender.applications((f"{y}-01", f"{y}-12")) for y in (2025, 2027))
    y, y_test = train["defaulted"], test["defaulted"]
    X, X_test = prepare(train, train), prepare(test, train)
    X_test, X = (X_test - X.mean()) / X.std(), (X - X.mean()) / X.std()
    expected = lender.expected_profit(test)

    def earned(columns, X=X, X_test=X_test):
        score = linear().fit(X[columns], y).predict_proba(X_test[columns])[:, 1]
        return expected * (world.profit(test, score) > 0), auc(y_test, score)[0][0]

    p = f_classif(train[["amount"]], y)[1][0]
    yield "p of amount", p
    for name in ("sex", "region"):
        yield f"p of {name}", chi2_contingency(pd.crosstab(train[name], y)).pvalue
    rank = pd.Series(f_classif(X, y)[0], FEATURES).rank(ascending=False)
    yield "F: rank of amount", rank["amount"]
    full, area = earned(FEATURES)
    yield "all columns: euro", full.mean()
    yield "all columns: AUC", area
    for name in FEATURES:
        gain = full - earned(without(FEATURES, name))[0]
        yield f"worth of {name}", gain.mean()
        if name == "amount":
            yield "worth of amount: half interval", 1.96 * gain.std() / len(gain) ** 0.5
    yield "worth of the bureau", (full - earned(without(FEATURES, *BUREAU))[0]).mean()

    def money(model, rows, labels):
        loans = train.loc[labels.index]
        granted = world.profit(loans, model.predict_proba(rows)[:, 1]) > 0
        return np.mean(world.profit(loans, labels.to_numpy()) * granted)

    entered = []
    for C in np.geomspace(3e-5, 3e-2, 25):
        weights = LinearSVC(penalty="l1", dual=False, C=C).fit(X, y).coef_[0]
        pairs = zip(FEATURES, weights, strict=True)
        entered += [name for name, weight in pairs if weight and name not in entered]
    sets = {"L1, first six": entered[:6]}
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    methods = {"F": SelectKBest(f_classif, k=6), "RFE": RFE(linear(), n_features_to_select=6)}
    for direction in ("forward", "backward"):
        for name, scoring in (("AUC", "roc_auc"), ("money", money)):
            methods[f"{direction}, {name}"] = SequentialFeatureSelector(
                linear(), n_features_to_select=6, direction=direction, scoring=scoring, cv=folds
            )
    sets |= {name: list(m.fit(X, y).get_feature_names_out()) for name, m in methods.items()}
    for name, columns in sets.items():
        yield f"six columns, {name}: euro", earned(columns)[0].mean()
        yield f"six columns, {name}: has amount", "amount" in columns

    noise = {"normal": rng.normal(size=6_000), "number": rng.permutation(6_000)}
    some = X[:6_000].assign(**noise)
    forest = RandomForestClassifier(100, random_state=0).fit(some, y[:6_000])
    ranks = pd.Series(forest.feature_importances_, some.columns).rank(ascending=False)
    yield "forest: rank of the worse noise column", ranks[list(noise)].max()
    yield (
        "forest: best rank of five causes",
        ranks[["late_payments", "employment", "purpose", "term_months", "channel"]].min(),
    )

    contacts = np.log1p(world.warehouse(train)["service_contacts"])
    leaked, live = X.assign(contacts=contacts), X_test.assign(contacts=0.0)
    in_test = X_test.assign(contacts=np.log1p(world.warehouse(test, 6)["service_contacts"]))
    rest = without(FEATURES, "amount", "region")
    yield "leak in the test: AUC", earned([*rest, "contacts"], leaked, in_test)[1]
    euro, area = earned([*rest, "contacts"], leaked, live)
    yield "leak live: AUC", area
    yield "leak live: euro", euro.mean()
    yield "leak live: granted (%)", 100 * (euro != 0).mean()
    yield "without leak, amount, region: euro", earned(rest)[0].mean()

    twin = np.log(train["income"]) + 0.05 * rng.normal(size=len(X))
    twins = X.assign(account_income=(twin - twin.mean()) / twin.std())
    picks = defaultdict(int)
    for _ in range(20):
        rows = rng.choice(len(X), 2_000)
        for name in ("F", "RFE"):
            method = methods[name].fit(twins.iloc[rows], y.iloc[rows])
            kept = set(method.get_feature_names_out())
            for column in ("income", "account_income", "amount"):
                picks[f"of 20 samples, {name} takes {column}"] += column in kept
            picks[f"of 20 samples, {name} takes both"] += {"income", "account_income"} <= kept
    yield from picks.items()

    short = ["amount", "term_months", "purpose", "channel"]
    yield "sex in the short form", (earned([*short, "sex"])[0] - earned(short)[0]).mean()
    yield "AUC of income for sex", auc(test["sex"] == "male", X_test["income"])[0][0]


if __name__ == "__main__":
    show(measure)
