"""What lesson 1.3 claims, over five seeds of the world: ``python -m benchmarks.lesson_1_3``.

The models are held fixed: the linear model of lesson 1.2 for loans, a logistic regression of the 64
pixels for digits, a support vector machine for 50 digits. Only the data change. Euro are the exact
expectation for each application.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict, cross_val_score
from sklearn.svm import SVC

from benchmarks.known_later import SEEDS, earned, fit, risk
from helpers import world
from helpers.course.linear import NUMBERS

PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS = PIXELS / 16
FAULTS = {
    "5 % flipped": ({(0, 1): 0.05, (1, 0): 0.05}, False),
    "partner: defaults as paid": ({(1, 0): 0.3}, True),
    "partner: paid as defaults": ({(0, 1): 0.05}, True),
}


def out_of_sample(model, X, label):
    return cross_val_predict(model, X, label, cv=5, method="predict_proba")


def hunt(name, label, out, true):
    """Return how well confident learning finds wrong labels, and the 200 most surprising ones."""
    flagged, wrong = find_label_issues(label, out, n_jobs=1), label != true
    first = np.argsort(out[np.arange(len(label)), label], kind="stable")[:200]
    return {
        f"{name}: flagged": flagged.sum(),
        f"{name}: precision": wrong[flagged].mean(),
        f"{name}: recall": flagged[wrong].mean(),
        f"{name}: wrong of the 200 most surprising": wrong[first].sum(),
    }


def cleaning(seed):
    """Clean a loan book without errors; look for errors in three others."""
    lender = world.World(seed)
    book = lender.applications(("2025-01", "2025-12"))
    test = lender.applications(("2026-01", "2026-12"))
    y, y_test = book["defaulted"].to_numpy(), test["defaulted"].to_numpy()
    before = fit(book, y)
    flagged = find_label_issues(y, out_of_sample(before, book, y), n_jobs=1)
    models = {"before": before, "cleaned": fit(book[~flagged], y[~flagged])}
    models["balanced"] = fit(book, y).set_params(logisticregression__class_weight="balanced")
    models["balanced"].fit(book, y)
    found = {"flagged": flagged.sum(), "share of defaulters": y[flagged].mean()}
    for name, model in models.items():
        p = risk(model, test)
        found[f"{name}: AUC"] = roc_auc_score(y_test, p)
        found[f"{name}: granted"] = np.mean(world.profit(test, p) > 0)
        found[f"{name}: stated risk"] = p.mean()
        found[f"{name}: euro"] = earned(lender, model, test)
    found["cleaned: euro lost"] = found["before: euro"] - found["cleaned: euro"]
    kept = ~find_label_issues(y_test, out_of_sample(before, test, y_test), n_jobs=1)
    found["before: AUC on a cleaned test"] = roc_auc_score(y_test[kept], risk(before, test)[kept])

    prior, p = y.mean(), risk(models["balanced"], test)
    undone = p * prior / (p * prior + (1 - p) * (1 - prior))
    granted = world.profit(test, undone) > 0
    found["balanced and undone: euro"] = np.mean(lender.expected_profit(test) * granted)

    error = np.exp(0.05 * np.random.default_rng(seed).standard_normal(len(book)))
    both = pd.concat([book, book.assign(income=book["income"] * error)])
    found["income jittered by 5 %: euro more"] = (
        earned(lender, fit(both, np.r_[y, y]), test) - found["before: euro"]
    )
    for name, (swaps, in_partner) in FAULTS.items():
        habit = {"clerk": world.habit(swaps, classes=[0, 1])}
        where = (book["channel"] == "partner") | (not in_partner)
        booked = world.clerks(y, habit, where=where, seed=seed)["clerk"].to_numpy()
        found |= hunt(name, booked, out_of_sample(before, book, booked), y)
    return found | oversampling(book, test)


def oversampling(book, test):
    """Copy defaulters before the split, as one should not."""
    X, y = book[NUMBERS].to_numpy()[:2_000], book["defaulted"].to_numpy()[:2_000]
    bad = np.random.default_rng(0).choice(np.flatnonzero(y), (y == 0).sum())
    rows = np.r_[np.flatnonzero(y == 0), bad]
    trees = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    shown = cross_val_score(trees, X[rows], y[rows], cv=folds, scoring="roc_auc").mean()
    p = trees.fit(X[rows], y[rows]).predict_proba(test[NUMBERS].to_numpy())[:, 1]
    return {
        "oversampled: AUC in cross-validation": shown,
        "oversampled: AUC on new rows": roc_auc_score(test["defaulted"], p),
    }


def digits(seed):
    """Five clerks, a rule against twice the data, and label errors in digits."""
    written = world.clerks(DIGITS, seed=seed)
    rule = world.clerks(DIGITS, {"B": world.habit(slips=0.01)}, seed=seed)["B"]
    order = np.random.default_rng(seed).permutation(len(DIGITS))
    exam = order[1_000:]

    def reader():
        return LogisticRegression(C=0.5, max_iter=200)

    def accuracy(label, n):
        fitted = reader().fit(PIXELS[order[:n]], label[order[:n]])
        return fitted.score(PIXELS[exam], DIGITS[exam])

    found = {f"kappa A-{x}": cohen_kappa_score(written["A"], written[x]) for x in "BCDE"}
    found["majority of five: wrong"] = (written.mode(axis=1)[0] != DIGITS).sum()
    plans = {"B": (written["B"], 500), "B, twice the data": (written["B"], 1_000)}
    plans |= {"B with the rule": (rule, 500), "true labels": (DIGITS, 500)}
    found |= {name: accuracy(np.asarray(label), n) for name, (label, n) in plans.items()}
    for name, habit in {
        "slips": world.habit(slips=0.08),
        "one as seven": world.habit({(1, 7): 0.5}),
    }.items():
        label = world.clerks(DIGITS, {"clerk": habit}, seed=seed)["clerk"].to_numpy()
        found |= hunt(name, label, out_of_sample(reader(), PIXELS, label), DIGITS)
    return found


def augmentation(seed):
    """Return what ten changed copies of 50 digits add to ten plain ones, in points of accuracy."""
    import keras

    layers = keras.layers
    fill = {"fill_mode": "constant", "seed": 1}
    changes = {
        "mirrored": layers.RandomFlip("horizontal", seed=1),
        "half turns": layers.RandomRotation(0.5, **fill),
        "small turns": layers.RandomRotation(0.03, **fill),
        "zoom": layers.RandomZoom(0.2, **fill),
        "noise": layers.GaussianNoise(0.15, seed=1),
        "shifted sideways": layers.RandomTranslation(0, 0.125, **fill),
        "shifted": layers.RandomTranslation(0.125, 0.125, **fill),
    }
    gains = {name: [] for name in changes} | {"50 more digits": []}
    for draw in range(8 * seed, 8 * seed + 8):
        order = np.random.default_rng(draw).permutation(len(DIGITS))
        few, exam = order[:50], order[800:]

        def score(X, y, exam=exam):
            return 100 * SVC(C=10).fit(X, y).score(PIXELS[exam], DIGITS[exam])

        plain = score(PIXELS[few], DIGITS[few])
        gains["50 more digits"].append(score(PIXELS[order[:100]], DIGITS[order[:100]]) - plain)
        copies = np.tile(PIXELS[few], (10, 1)).reshape(-1, 8, 8, 1).astype("float32")
        for name, layer in changes.items():
            made = np.asarray(layer(copies, training=True)).reshape(-1, 64)
            both = np.concatenate([PIXELS[few], made])
            gains[name].append(score(both, np.tile(DIGITS[few], 11)) - plain)
    return {name: np.mean(values) for name, values in gains.items()}


if __name__ == "__main__":
    for part in (cleaning, digits, augmentation):
        table = pd.DataFrame({seed: part(seed) for seed in SEEDS})
        print(
            pd.DataFrame(
                {"2025": table[2025], "low": table.min(axis=1), "high": table.max(axis=1)}
            ).to_string(float_format="{:.4g}".format)
        )
