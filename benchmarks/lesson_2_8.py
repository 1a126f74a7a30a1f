"""What lesson 2.8 tells, over five seeds of the world: ``python -m benchmarks.lesson_2_8``.

Euro are per application of April to September 2027, exact expectations for each application.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from river.datasets import Phishing
from scipy.optimize import brentq
from scipy.special import expit
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading, SelfTrainingClassifier
from threadpoolctl import threadpool_limits

from benchmarks.known_later import SEEDS
from helpers import world
from helpers.base.stats import auc
from helpers.course.lesson_2_8.bank import Bank, bank, fit, label_model, log_odds, platt

DRAWS = 20


def old_model(lender: Bank) -> LogisticRegression:
    """Return the model of the newest true labels on 1 April 2027."""
    late = lender.lender.applications(("2025-04", "2026-03"))
    return fit(lender.prepare.transform(late), late["defaulted"])


def label_sets(lender: Bank) -> Iterator[tuple[str, float]]:
    """What each label set is like, and what a model earns that learned from it."""
    four, y = lender.votes(), lender.y
    three = four[:, :3]
    sets = {"any of four": four.any(axis=1), "two of four": four.sum(axis=1) >= 2}
    sets |= {"any of three": three.any(axis=1), "two of three": three.sum(axis=1) >= 2}
    for name, votes in {"four": four, "three": three}.items():
        plain, hit = label_model(votes, steps=200)
        sets[f"Dawid-Skene, {name}"] = plain
        sets[f"Dawid-Skene, {name}, cut at 0.5"] = plain > 0.5
        yield f"Dawid-Skene, {name}: believed hit rate of early arrears", hit[0]
        sets[f"with features, {name}"], hit = label_model(votes, lender.X)
        yield f"with features, {name}: believed hit rate of early arrears", hit[0]
    soft = sets["with features, three"]
    sets["with features, three, cut at 0.5"] = soft > 0.5
    sets["true at once"] = y
    risks = {name: lender.risk(label) for name, label in sets.items()}
    sure = np.abs(soft - 0.5) > 0.3
    sets["with features, three, sure ones"] = soft[sure] > 0.5
    risks["with features, three, sure ones"] = lender.risk(soft[sure] > 0.5, sure)
    yield "share of sure ones", sure.mean()
    risks["true but a year late"] = old_model(lender).predict_proba(lender.X_test)[:, 1]
    areas, _ = auc(lender.test["defaulted"], *risks.values())
    for (name, risk), area in zip(risks.items(), areas, strict=True):
        yield f"{name}: euro", lender.earned(risk)
        yield f"{name}: AUC", area
        if name in sets:
            truth = y[sure] if "sure" in name else y
            yield f"{name}: labels right", np.mean((np.asarray(sets[name]) > 0.5) == truth)
            yield f"{name}: share of defaults", np.mean(sets[name])
    yield "best possible: euro", lender.best


def hand_labels(lender: Bank) -> Iterator[tuple[str, float]]:
    """What random hand labels add to weak labels, or bring alone."""
    four, y = lender.votes(), lender.y
    sets = {"any of four": four.any(axis=1), "two of four": four.sum(axis=1) >= 2}
    sets["with features, four"], _ = label_model(four, lender.X)
    sets["with features, three"], _ = label_model(four[:, :3], lender.X)
    models = {name: fit(lender.X, label) for name, label in sets.items()}
    for n in (25, 50, 100, 200, 400):
        drawn = [np.random.default_rng([k, n]).choice(len(y), n, False) for k in range(DRAWS)]
        alone = [lender.earned(lender.risk(y[rows], rows)) for rows in drawn]
        yield f"{n} hand labels alone", np.mean(alone)
        for name, model in models.items():
            hand, risk = (model.predict_proba(X)[:, 1] for X in (lender.X, lender.X_test))
            euro = [lender.earned(platt(hand[rows], y[rows], risk)) for rows in drawn]
            yield f"{name} + {n}", np.mean(euro)
            yield f"{name} + {n}: standard deviation", np.std(euro)


def active(lender: Bank) -> Iterator[tuple[str, float]]:
    """Buy labels of loans at random, or those nearest to 50 %."""
    y, found = lender.y, {}
    for draw in range(2 * DRAWS):
        order = np.random.default_rng(draw).permutation(len(y))
        for kind in ("random", "uncertain"):
            have, pool = order[:50], order[50:]
            while len(have) <= 400:
                model = fit(lender.X[have], y[have])
                if len(have) in (100, 200, 400):
                    risk = model.predict_proba(lender.X_test)[:, 1]
                    area, _ = auc(lender.test["defaulted"], risk)
                    known = log_odds(model.predict_proba(lender.X)[:, 1])
                    shift = brentq(lambda a, x=known: expit(x + a).mean() - y.mean(), -5, 5)
                    level = lender.earned(expit(log_odds(risk) + shift))
                    row = (lender.earned(risk), area[0], risk.mean(), level)
                    found.setdefault((kind, len(have)), []).append(row)
                near = np.abs(model.predict_proba(lender.X[pool])[:, 1] - 0.5)
                at = np.arange(50) if kind == "random" else np.argsort(near)[:50]
                have, pool = np.r_[have, pool[at]], np.delete(pool, at)
    for (kind, n), rows in found.items():
        names = ("euro", "AUC", "mean risk", "euro at the true level")
        for name, value in zip(names, np.mean(rows, axis=0), strict=True):
            yield f"{n} labels, {kind}: {name}", value
        yield f"{n} labels, {kind}: standard deviation of euro", np.std([row[0] for row in rows])


def semi_supervised(lender: Bank) -> Iterator[tuple[str, float]]:
    """Learn from 100 labelled loans and 3,900 without a label."""
    linear = LogisticRegression(solver="newton-cholesky")
    models = {
        "100 labels": linear,
        "self-training": SelfTrainingClassifier(linear, threshold=0.75),
        "label spreading": LabelSpreading(kernel="knn", n_neighbors=20, max_iter=100),
    }
    for name, model in models.items():
        euro, level = [], []
        for draw in range(5):
            rows = np.random.default_rng(draw).choice(len(lender.y), 100, False)
            few = np.full(len(lender.y), -1)
            few[rows] = lender.y[rows]
            known = few >= 0 if name == "100 labels" else slice(None)
            risk = model.fit(lender.X[known], few[known]).predict_proba(lender.X_test)[:, 1]
            euro.append(lender.earned(risk))
            level.append(risk.mean())
        yield f"{name}: euro", np.mean(euro)
        yield f"{name}: mean risk", np.mean(level)


def granted_only(lender: Bank) -> Iterator[tuple[str, float]]:
    """What becomes of the label model when only granted loans can give signs."""
    granted = world.profit(lender.new, old_model(lender).predict_proba(lender.X)[:, 1]) > 0
    three = lender.votes()[:, :3]
    yield "granted by the old model", granted.mean()
    yield "defaults of the refused", lender.y[~granted].mean()
    yield "all have signs", lender.earned(lender.risk(label_model(three, lender.X)[0]))
    silent, _ = label_model(three * granted[:, None], lender.X)
    yield "the refused count as silent", lender.earned(lender.risk(silent))
    known, _ = label_model(three[granted], lender.X[granted])
    yield "the granted alone", lender.earned(lender.risk(known, granted))
    guess = np.ones(len(granted))
    guess[granted] = known
    yield "the refused count as defaults", lender.earned(lender.risk(guess))
    own = fit(lender.X[granted], known).predict_proba(lender.X[~granted])[:, 1]
    guess[~granted] = own
    yield "the refused as the model sees them", lender.earned(lender.risk(guess))
    tried = granted | (np.random.default_rng(0).random(len(granted)) < 0.1)
    some, _ = label_model(three[tried], lender.X[tried])
    yield "one in ten of the refused granted", lender.earned(lender.risk(some, tried))


def digits(draw: int) -> Iterator[tuple[str, float]]:
    """Scikit-learn's digits: active learning and semi-supervised learning, by split."""
    images, y = load_digits(return_X_y=True)
    images = images / 16
    order = np.random.default_rng(draw).permutation(len(y))
    test, pool = order[:600], order[600:]
    linear = LogisticRegression(C=10, max_iter=500)
    for kind in ("random", "margin"):
        have, rest = pool[:20], pool[20:]
        while len(have) < 100:
            top = np.sort(linear.fit(images[have], y[have]).predict_proba(images[rest]))
            at = np.arange(20) if kind == "random" else np.argsort(top[:, -1] - top[:, -2])[:20]
            have, rest = np.r_[have, rest[at]], np.delete(rest, at)
        yield f"100 labels, {kind}", linear.fit(images[have], y[have]).score(images[test], y[test])
    few = np.full(len(y), -1)
    few[order[:50]] = y[order[:50]]
    rest = order[50:]
    known = few >= 0
    yield "50 labels", linear.fit(images[known], few[known]).score(images[rest], y[rest])
    own = SelfTrainingClassifier(linear, threshold=0.75).fit(images, few)
    yield "self-training", own.score(images[rest], y[rest])
    for name, pixels in {"": images, ", pixels from 0 to 16": 16 * images}.items():
        spread = LabelSpreading().fit(pixels, few).transduction_
        yield f"label spreading{name}", np.mean(spread[rest] == y[rest])


def phishing(draw: int) -> Iterator[tuple[str, float]]:
    """River's phishing pages: three rules, and real labels."""
    pages = pd.DataFrame([{**page, "y": int(bad)} for page, bad in Phishing()])
    y = pages.pop("y").to_numpy()
    fired = (
        pages["empty_server_form_handler"] < 1,
        pages["https"] < 1,
        pages["popup_window"] < 0.5,
    )
    order = np.random.default_rng(draw).permutation(len(y))
    train, test = order[:800], order[800:]
    X, votes = pages.to_numpy() - 0.5, np.column_stack(fired)[train].astype(int)
    models = {"any": votes.any(axis=1), "two of three": votes.sum(axis=1) >= 2}
    models["Dawid-Skene"], hit = label_model(votes, steps=100)
    models["true labels"] = y[train]
    for name, label in models.items():
        yield name, fit(X[train], label).score(X[test], y[test])
    for n in (50, 100):
        yield f"{n} hand labels", fit(X[train[:n]], y[train[:n]]).score(X[test], y[test])
    for rule, believed, true in zip("abc", hit, votes[y[train] == 1].mean(axis=0), strict=True):
        yield f"hit rate of rule {rule}, believed", believed
        yield f"hit rate of rule {rule}, true", true


def table(function, arguments) -> str:
    """Return mean, range and each case, as text."""
    numbers = pd.DataFrame({name: dict(function(of)) for name, of in arguments.items()})
    summary = pd.DataFrame({name: numbers.agg(name, axis=1) for name in ("mean", "min", "max")})
    shown = numbers if len(arguments) <= len(SEEDS) else numbers.std(axis=1).rename("std")
    return pd.concat([summary, shown], axis=1).round(3).to_string()


if __name__ == "__main__":
    threadpool_limits(1)  # small matrices: two threads wait for each other
    worlds = {seed: bank(seed) for seed in SEEDS}
    for function in (label_sets, hand_labels, active, semi_supervised, granted_only):
        print(f"{function.__doc__.splitlines()[0]}\n{table(function, worlds)}\n")
    for function in (digits, phishing):
        print(f"{function.__doc__}\n{table(function, {k: k for k in range(10)})}\n")
