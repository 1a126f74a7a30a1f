"""The exercises of lesson 1.3, Data-centric work."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from helpers import world
from helpers.base.stats import auc
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_number, as_numbers, name, number
from helpers.course.exercises.texts import replies

BUDGET = 200
FOUND = 28  # wrong labels found by 200 checks, on average, that are enough
WORLDS = 16
GAIN = 2.5  # points of accuracy above plain copies that are enough


@cache
def _offices() -> list[tuple[Any, tuple[str, tuple[int, int]]]]:
    """Return what clerks wrote in five offices, and who needs a rule about which pair."""
    needs = [("B", (3, 8), 0.5), ("D", (9, 4), 0.35), ("A", (1, 7), 0.45), ("C", (5, 6), 0.6)]
    needs.append(("B", (2, 7), 0.7))
    offices = []
    for seed, (who, pair, share) in enumerate(needs):
        habits = {clerk: world.habit(slips=0.02) for clerk in "ABCDE"}
        habits |= {"ABCD"[seed - 2]: world.habit(slips=0.2)}  # careless, and not in one way
        habits |= {who: world.habit({pair: share}, slips=0.01)}
        digits = [i % 10 for i in range(1_000)]
        if seed == 4:  # another clerk has a habit with a frequent digit, in a smaller share
            habits |= {"E": world.habit({(0, 6): 0.25}, slips=0.01)}
            digits = [digit if digit != 2 or i < 300 else 0 for i, digit in enumerate(digits)]
        offices.append((world.clerks(digits, habits, seed=seed + 7), (who, pair)))
    return offices


def _rule(answer: Any) -> str | None:
    for written, (who, pair) in _offices():
        got = run(answer, written, about="the labels of five clerks for 1,000 digits")
        try:
            clerk, (reads, writes) = got
            clerk, reads, writes = str(clerk), int(reads), int(writes)
        except (TypeError, ValueError):
            return f'Expected a clerk and a pair, such as ("E", (2, 6)), got {got!r:.80}.'
        if (clerk, (reads, writes)) == (who, pair):
            continue
        if (clerk, (writes, reads)) == (who, pair):
            return "Right clerk, right digits, wrong way round: first what the majority reads."
        majority = written.mode(axis=1)[0]
        text = "Somebody else there has a pair with a larger share of its digit."
        if clerk == written.ne(majority, axis=0).mean().idxmax():
            text = "This clerk errs most often, but in all directions: one rule does not help."
        elif (majority == reads).sum() > 1.5 * (majority == pair[0]).sum():
            text = (
                f"There are many {reads}s there. Which pair has the largest *share* of its digit?"
            )
        return f"In an office that you have not seen you chose {clerk}, {reads, writes}. {text}"
    return None


@cache
def _typed() -> list[tuple[Any, Any, Any, Any]]:
    """Return models, and digits with labels of which it is known whether they are wrong."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:900] / 16, y[:900]
    habits = {"slips": world.habit(slips=0.1), "3 as 8": world.habit({(3, 8): 0.3}, slips=0.06)}
    typed = world.clerks(y, habits, seed=1)
    models = LogisticRegression(C=0.5, max_iter=200), ExtraTreesClassifier(30, random_state=0)
    return [
        (m, X, typed[k].to_numpy(), (typed[k] != y).to_numpy())
        for m, k in zip(models, typed, strict=True)
    ]


def _suspects(answer: Any) -> str | None:
    for model, X, written, wrong in _typed():
        kind = type(model).__name__
        got = np.asarray(run(answer, model, X, written, about=f"900 digits and a {kind}"))
        if got.shape != wrong.shape or got.dtype != bool:
            return (
                f"Expected a boolean array with one value for each row, got shape {got.shape} of "
                f"{got.dtype}. `find_label_issues` returns such a mask by default."
            )
        hits = (got & wrong).sum()
        text = f"With {kind} you suspect {got.sum()} rows, and {hits} of them are wrong, of "
        text += f"{wrong.sum()} in all. "
        if hits < 0.5 * got.sum():
            return text + "A low probability alone is not enough; let cleanlab compare the rows."
        if hits < 0.5 * wrong.sum():
            return text + "A model believes the labels it has learned: who must score a row?"
    return None


@cache
def _books() -> list[tuple[Any, Any]]:
    """Return loan books with one fault each, and their true outcomes.

    A model's risk is imitated: the true log-odds with an error, which has the linear model's AUC.
    """
    books = []
    for seed in range(WORLDS):
        rng = np.random.default_rng([13, seed])
        lender = world.World(500 + seed)
        frame = lender.applications(("2025-01", "2025-02"), 1_500)
        risk = 1 / (1 + np.exp(-lender.log_odds(frame) - 0.4 * rng.standard_normal(len(frame))))
        lost = seed % 2 == 0  # defaults booked as paid, or the reverse
        swap = {(1, 0): rng.uniform(0.3, 0.6)} if lost else {(0, 1): rng.uniform(0.04, 0.08)}
        where = frame["channel"] == list(world.CHANNELS)[seed // 2 % 4]
        habit = {"clerk": world.habit(swap, classes=[0, 1])}
        written = world.clerks(frame["defaulted"], habit, where=where, seed=seed)["clerk"]
        rows = pd.DataFrame({"channel": frame["channel"], "written": written, "risk": risk})
        books.append((rows, frame["defaulted"]))
    return books


def spend(plan: Any) -> list[int]:
    """Return how many wrong labels ``plan(rows, check)`` finds in each world."""
    found = []
    for rows, true in _books():
        seen: set[int] = set()

        def check(index: Any, true: Any = true, seen: set[int] = seen) -> Any:
            some = true.loc[list(index)]
            seen.update(some.index)
            if len(seen) > BUDGET:
                raise ReplyError(
                    f"Your plan wanted to check {len(seen)} rows; the budget is {BUDGET} in all."
                )
            return some

        run(plan, rows, check, about=f"a loan book of {len(rows):,} rows and `check`")
        if not seen:
            raise ReplyError("Your plan never called `check`: nothing was looked at.")
        found.append(int((true != rows["written"]).loc[list(seen)].sum()))
    return found


def _plan(answer: Any) -> str | None:
    found = spend(answer)
    mean, lost, other = (sum(part) / len(part) for part in (found, found[::2], found[1::2]))
    if mean >= FOUND:
        return None
    text = (
        f"Your plan finds {mean:.0f} wrong labels on average; {FOUND} are wanted. Where defaults "
    )
    text += f"were booked as paid it finds {lost:.0f}, in the reverse case {other:.0f}. "
    if mean < 8:
        return text + "Errors are rare: rows drawn by lot are nearly all right."
    if mean > 20:
        return text + "Is the first round too large, or too rarely wrong to show the source?"
    if lost < other / 3:
        return text + "The most surprising rows are all of one kind; what of the other kind?"
    return text + "Most checks go where nothing is wrong. What could the first few tell you?"


def _undo(answer: Any) -> str | None:
    given = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
    for prior in (0.15, 0.5, 0.02, 0.4):
        about = f"p = {given.tolist()}, prior = {prior}"
        got = as_numbers(run(answer, given, prior, about=about), (6,), "probabilities", gaps=True)
        right = given * prior / (given * prior + (1 - given) * (1 - prior))
        if np.allclose(got, right, atol=1e-6):
            continue
        if not np.isfinite(got).all():
            text = "A probability of 0 or 1 must stay what it is, without a division by 0."
        elif np.any((got < 0) | (got > 1 + 1e-9)):
            text = "That leaves the range from 0 to 1: odds can be scaled, and p cannot."
        elif got[-1] < 1 - 1e-9:
            text = "p = 1 must stay 1: scale the odds p / (1 - p), not p itself."
        elif np.all(got[1:-1] > given[1:-1]):
            text = "Balancing raised the stated risk, and you raise it once more."
        elif np.isclose(got[3], prior / (1 + prior)):
            text = "You undo the weight of one class. Balancing also made the other one lighter."
        else:
            text = "A row with p = 0.5 has the prior's risk: begin with that case."
        return f"{text} It was called with {about} and returned {got.round(3).tolist()}."
    return None


def _spied() -> tuple[Any, list[dict[str, Any]], Any, Any]:
    """Return a model that notes which rows it learns and which it is asked about; and data."""
    rng = np.random.default_rng(3)
    y = (rng.random(1_000) < 0.12).astype(int)
    X = np.c_[np.arange(1_000), rng.normal(size=1_000) + 0.8 * y]
    notes: list[dict[str, Any]] = []

    class Spy(ClassifierMixin, BaseEstimator):
        def fit(self, X: Any, y: Any) -> Any:
            self.classes_ = np.array([0, 1])
            notes.append({"learned": set(X[:, 0]), "share": np.mean(y), "asked": []})
            return self

        def predict_proba(self, X: Any) -> Any:
            notes[-1]["asked"] += list(X[:, 0])
            p = 1 / (1 + np.exp(-np.asarray(X, float)[:, 1]))
            return np.c_[1 - p, p]

        def predict(self, X: Any) -> Any:
            return (self.predict_proba(X)[:, 1] > 0.5).astype(int)

    return Spy(), notes, X, y


def _resampled(answer: Any) -> str | None:
    model, notes, X, y = _spied()
    got = as_number(run(answer, model, X, y, about="1,000 rows and a model that takes notes"))
    if got is None:
        return "Expected a number, the mean AUC of the folds."
    folds = [note for note in notes if note["asked"]]
    if len(folds) < 2:
        return "The model was tested fewer than two times: go through folds, and fit in each."
    if any(note["learned"] & set(note["asked"]) for note in folds):
        return "Tested rows had been learned: copies lie on both sides of the split."
    if max(abs(note["share"] - 0.5) for note in folds) > 0.02:
        return "Nothing leaks, but the training part of a fold is not balanced."
    if sorted(row for note in folds for row in note["asked"]) != list(range(len(X))):
        return "Each row should be tested once, as it is: leave the test part unbalanced."
    if abs(got - auc(y, X[:, 1])[0][0]) > 0.02:
        return f"The mean AUC is not {got:.3f}: use the probability of class 1, not `predict`."
    return None


@cache
def _draws() -> list[tuple[Any, ...]]:
    """Return draws of 50 digits, digits to be read, and the accuracy with plain copies."""
    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    draws = []
    for seed in range(100, 112):
        order = np.random.default_rng(seed).permutation(len(y))
        few, exam = (X[order[:50]], y[order[:50]]), (X[order[800:]], y[order[800:]])
        draws.append((*few, *exam, SVC(C=10).fit(*few).score(*exam)))
    return draws


def _augmented(answer: Any) -> str | None:
    gains = []
    for X, y, X_exam, y_exam, plain in _draws():
        images = np.tile(X, (10, 1)).reshape(-1, 8, 8, 1)
        made = run(answer, images, about="500 images of shape (8, 8, 1)")
        made = as_numbers(made, images.shape, "pixels", gaps=True)
        if np.allclose(made, images, atol=1e-6):
            return (
                "The images come back as they were. Keras' random layers are idle unless they are "
                "called with `training=True`."
            )
        both = np.nan_to_num(np.concatenate([X, made.reshape(-1, 64)]))
        gains.append(SVC(C=10).fit(both, np.tile(y, 11)).score(X_exam, y_exam) - plain)
    points = 100 * np.mean(gains)
    if points >= GAIN:
        return None
    text = "Part of your change helps, and part may harm. What have all the digits in common?"
    if points < -1:
        text = "Your copies teach something false. Look at some: what is cut off or turned?"
    elif points < 1.2:
        text = "The label is kept, but new digits differ from old ones in another way."
    return f"{points:+.1f} points; {GAIN:+} are wanted. {text}"


JUDGES = {
    "1.3-a": number(
        0.3207,
        within=0.01,
        replies=replies("1.3-a"),
    ),
    "1.3-b": _rule,
    "1.3-c": _suspects,
    "1.3-d": _plan,
    "1.3-e": _undo,
    "1.3-f": _resampled,
    "1.3-g": _augmented,
    "1.3-h": name(
        "B",
        among="ABCD",
        replies=replies("1.3-h"),
    ),
}
