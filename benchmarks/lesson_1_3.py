"""What lesson 1.3 claims, over five seeds of the world: ``python -m benchmarks.lesson_1_3``.

The models are held fixed: the linear model of lesson 1.2 for loans, a logistic regression of the 64
pixels for digits. Only the data change. Euro are the exact expectation for each application.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from cleanlab.filter import find_label_issues
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score, roc_auc_score
from sklearn.model_selection import cross_val_predict, cross_val_score

from benchmarks.known_later import SEEDS, earned, fit, risk
from helpers import world

PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS = PIXELS / 16
RULE = {**world.CLERKS, "B": world.habit(slips=0.01)}


def model(**settings):
    """Return the loans' model with a keyword for its last step."""
    empty = fit(world.World().applications("2025-01", 50), np.arange(50) % 2)
    return empty.set_params(**{f"logisticregression__{key}": settings[key] for key in settings})


def reader():
    """Return the digits' model."""
    return LogisticRegression(C=0.5, max_iter=200)


def flags(frame, label, linear=None):
    """Return which labels confident learning takes for wrong."""
    out = cross_val_predict(linear or model(), frame, label, cv=5, method="predict_proba")
    return find_label_issues(np.asarray(label), out, n_jobs=1)


def loans(seed):
    """Clean a loan book without errors, and two with them; weights; oversampling; bad rows."""
    lender = world.World(seed)
    book = lender.applications(("2025-01", "2025-12"))
    test = lender.applications(("2026-01", "2026-06"))
    y, rng = book["defaulted"].to_numpy(), np.random.default_rng(seed)
    flagged = flags(book, y)
    before, after = fit(book, y), fit(book[~flagged], y[~flagged])
    found = {"flagged": flagged.sum(), "defaulters among them": y[flagged].mean()}
    for name, fitted in {"as it is": before, "cleaned": after}.items():
        p = risk(fitted, test)
        found[f"{name}: AUC"] = roc_auc_score(test["defaulted"], p)
        found[f"{name}: granted"] = np.mean(world.profit(test, p) > 0)
        found[f"{name}: stated risk"] = p.mean()
        found[f"{name}: euro"] = earned(lender, fitted, test)
        # How good the cleaned model looks on data that were cleaned, too.
    kept = ~flags(test, test["defaulted"].to_numpy())
    found["AUC on a cleaned test"] = roc_auc_score(test["defaulted"][kept], risk(after, test)[kept])

    true_p = lender.default_probability(book)
    luck = (y == 1) & (true_p < 0.1)
    found["defaulters with a true risk below 0.1"] = luck.sum() / y.sum()

    flips = rng.random(len(y)) < 0.05
    flagged = flags(book, y ^ flips)
    found["5 % flips: flagged"] = flagged.sum()
    found["5 % flips: precision"] = flips[flagged].mean()
    found["5 % flips: recall"] = flagged[flips].mean()
    found["5 % flips: euro"] = earned(lender, fit(book, y ^ flips), test)
    found["5 % flips: euro cleaned"] = earned(lender, fit(book[~flagged], (y ^ flips)[~flagged]), test)

    partner = (book["channel"] == "partner").to_numpy()
    wrong = partner & (y == 1) & (rng.random(len(y)) < 0.3)
    written = np.where(wrong, 0, y)
    flagged = flags(book, written)
    found["partner: wrong"] = wrong.sum()
    found["partner: flagged"] = flagged.sum()
    found["partner: precision"] = wrong[flagged].mean()
    found["partner: recall"] = flagged[wrong].mean()
    found["partner: euro"] = earned(lender, fit(book, written), test)

    balanced = model(class_weight="balanced").fit(book, y)
    p, prior = risk(balanced, test), y.mean()
    found["balanced: AUC"] = roc_auc_score(test["defaulted"], p)
    found["balanced: granted"] = np.mean(world.profit(test, p) > 0)
    found["balanced: stated risk"] = p.mean()
    found["balanced: euro"] = earned(lender, balanced, test)
    odds = p / (1 - p) * prior / (1 - prior)
    granted = world.profit(test, odds / (1 + odds)) > 0
    found["balanced, undone: euro"] = np.mean(lender.expected_profit(test) * granted)
    found["nobody: euro"], found["everybody: euro"] = 0, lender.expected_profit(test).mean()

    jitter = book.assign(income=book["income"] * np.exp(0.05 * rng.standard_normal(len(book))))
    found["jitter: euro"] = earned(lender, fit(pd.concat([book, jitter]), np.r_[y, y]), test)

    small = lender.applications("2025-01", 2_000)
    more = lender.applications(("2025-02", "2025-12"), 2000)
    more = more[more["channel"] == "partner"].head(2_000)
    monthly = world.incidents["monthly income"].apply(more)
    for name, frame in {"2,000": small, "+ 2,000 good": pd.concat([small, more]),
                        "+ 2,000 monthly": pd.concat([small, monthly])}.items():
        found[f"{name}: euro"] = earned(lender, fit(frame, frame["defaulted"]), test)

    # Oversampling before the split
    X = small[["age", "income", "amount", "term_months", "utilization", "late_payments"]].to_numpy(float)
    y = small["defaulted"].to_numpy()
    rows = np.r_[np.flatnonzero(y == 0), rng.choice(np.flatnonzero(y), (y == 0).sum())]
    trees = HistGradientBoostingClassifier(max_iter=50, random_state=0)
    found["trees: cv AUC"] = cross_val_score(trees, X, y, cv=5, scoring="roc_auc").mean()
    from sklearn.model_selection import StratifiedKFold
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found["trees, oversampled first: cv AUC"] = cross_val_score(trees, X[rows], y[rows], cv=folds, scoring="roc_auc").mean()
    tx = test[["age", "income", "amount", "term_months", "utilization", "late_payments"]].to_numpy(float)
    found["trees, oversampled: true AUC"] = roc_auc_score(test["defaulted"], trees.fit(X[rows], y[rows]).predict_proba(tx)[:, 1])
    return found


def digits(seed):
    """Clerks, one rule, flags on digits."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(DIGITS))
    first, second, test = order[:500], order[500:1000], order[1000:]
    found = {}

    def accuracy(rows, label):
        return reader().fit(PIXELS[rows], label).score(PIXELS[test], DIGITS[test])

    who = rng.integers(5, size=len(DIGITS))
    by_all = world.clerks(DIGITS, seed=seed)
    ruled = world.clerks(DIGITS, RULE, seed=seed)
    kappa = by_all.apply(lambda a: by_all.apply(lambda b: cohen_kappa_score(a, b)))
    found["kappa A-E"], found["kappa A-B"], found["kappa A-C"] = kappa.loc["A", "E"], kappa.loc["A", "B"], kappa.loc["A", "C"]
    found["kappa A-B, rule"] = cohen_kappa_score(ruled["A"], ruled["B"])
    written, with_rule = (t.to_numpy()[np.arange(len(t)), who] for t in (by_all, ruled))
    found["written wrong"] = np.mean(written != DIGITS)
    found["with the rule wrong"] = np.mean(with_rule != DIGITS)
    found["B alone: 500"] = accuracy(first, by_all["B"].to_numpy()[first])
    found["B alone: 1000"] = accuracy(order[:1000], by_all["B"].to_numpy()[order[:1000]])
    found["B alone with rule: 500"] = accuracy(first, ruled["B"].to_numpy()[first])
    found["500 as written"] = accuracy(first, written[first])
    found["1,000 as written"] = accuracy(order[:1000], written[order[:1000]])
    found["500, rule"] = accuracy(first, with_rule[first])
    found["500, true"] = accuracy(first, DIGITS[first])
    found["majority wrong"] = np.mean(by_all.mode(axis=1)[0] != DIGITS)

    for name, habit in {"8 %": world.habit(slips=0.08), "1 as 7": world.habit({(1, 7): 0.5})}.items():
        label = world.clerks(DIGITS, {"x": habit}, seed=seed)["x"].to_numpy()
        out = cross_val_predict(reader(), PIXELS, label, cv=5, method="predict_proba")
        wrong = label != DIGITS
        for how in ("prune_by_noise_rate", "low_normalized_margin", "both"):
            flagged = find_label_issues(label, out, filter_by=how, n_jobs=1)
            found[f"{name} {how}: precision"] = wrong[flagged].mean()
            found[f"{name} {how}: recall"] = flagged[wrong].mean()
        inside = reader().fit(PIXELS, label).predict_proba(PIXELS)
        flagged = find_label_issues(label, inside, n_jobs=1)
        found[f"{name} in-sample: precision"], found[f"{name} in-sample: recall"] = wrong[flagged].mean(), flagged[wrong].mean()
        found[f"{name} flagged"] = find_label_issues(label, out, n_jobs=1).sum()
    clean = cross_val_predict(reader(), PIXELS, DIGITS, cv=5, method="predict_proba")
    found["clean digits flagged"] = find_label_issues(DIGITS, clean, n_jobs=1).sum()
    return found


if __name__ == "__main__":
    for part in (loans, digits):
        table = pd.DataFrame({seed: part(seed) for seed in SEEDS})
        summary = pd.DataFrame({"2025": table[2025], "low": table.min(axis=1), "high": table.max(axis=1)})
        print(summary.map("{:.4g}".format).to_string())
