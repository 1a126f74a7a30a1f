"""The exercises of lesson 1.3, Data-centric work."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping
from typing import Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, name, number

BUDGET = 200
FOUND = 26  # wrong labels found by 200 checks, on average, that are enough
WORLDS = 16
GAIN = 1.5  # points of accuracy above plain copies that are enough


@functools.cache
def _offices() -> list[tuple[Any, tuple[str, tuple[int, int]]]]:
    """Return what clerks wrote in four offices, and who needs a rule about which pair."""
    from helpers import world

    offices = []
    for seed, (who, pair, share) in enumerate(
        [("B", (3, 8), 0.5), ("D", (9, 4), 0.35), ("A", (1, 7), 0.45), ("C", (5, 6), 0.6)]
    ):
        careless = "ABCD"[(seed + 2) % 4]
        habits = {clerk: world.habit(slips=0.02) for clerk in "ABCDE"}
        habits |= {careless: world.habit(slips=0.2), who: world.habit({pair: share}, slips=0.01)}
        true = [i % 10 for i in range(1_000)]
        offices.append((world.clerks(true, habits, seed=seed + 7), (who, pair)))
    return offices


def _rule(answer: Any) -> str | None:
    for written, (who, pair) in _offices():
        got = run(answer, written, about="the labels of five clerks for 1,000 digits")
        try:
            clerk, (reads, writes) = got
            found = (str(clerk), (int(reads), int(writes)))
        except (TypeError, ValueError):
            return f'Expected a clerk and a pair, such as ("E", (2, 6)), got {got!r:.80}.'
        if found == (who, pair):
            continue
        if found == (who, pair[::-1]):
            return "Right clerk, right digits, wrong way round: first what the majority reads."
        majority = written.mode(axis=1)[0]
        errors = written.ne(majority, axis=0).mean()
        if found[0] == errors.idxmax():
            return (
                f"In an office that you have not seen you chose {found[0]}, who errs most often. "
                "But those errors go in all directions: one rule about one pair does not help."
            )
        return (
            f"In an office that you have not seen you chose {found}. There the majority's "
            f"{found[1][0]} is written as {found[1][1]} by {found[0]} in "
            f"{written[found[0]][majority == found[1][0]].eq(found[1][1]).mean():.0%} of the "
            "cases; somebody else has a pair with a larger share."
        )
    return None


@functools.cache
def _noisy() -> list[tuple[Any, Any, Any, Any]]:
    """Return models, and digits with known wrong labels."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    from helpers import world

    X, y = load_digits(return_X_y=True)
    X, y = X[:900] / 16, y[:900]
    cases = []
    for seed, model, habit in (
        (1, LogisticRegression(C=0.5, max_iter=200), world.habit(slips=0.1)),
        (2, ExtraTreesClassifier(30, random_state=0), world.habit({(3, 8): 0.3}, slips=0.06)),
    ):
        written = world.clerks(y, {"clerk": habit}, seed=seed)["clerk"].to_numpy()
        cases.append((model, X, written, written != y))
    return cases


def _suspects(answer: Any) -> str | None:
    import numpy as np

    for model, X, written, wrong in _noisy():
        kind = type(model).__name__
        got = np.asarray(run(answer, model, X, written, about=f"900 digits and a {kind}"))
        if got.shape != wrong.shape or got.dtype != bool:
            return (
                f"Expected a boolean array with one value for each row, got shape {got.shape} of "
                f"{got.dtype}. `find_label_issues` returns such a mask by default."
            )
        if not got.any():
            return (
                f"With {kind} your function suspects nobody, and {wrong.sum()} labels are wrong. "
                "A model that has learned these very labels believes them: who must score a row?"
            )
        precision, recall = wrong[got].mean(), got[wrong].mean()
        if precision < 0.5:
            return (
                f"With {kind} you suspect {got.sum()} rows, and {precision:.0%} of them are wrong. "
                "A low score alone is not enough; let cleanlab compare it with the other classes."
            )
        if recall < 0.5:
            return (
                f"With {kind} you find {recall:.0%} of the wrong labels. A model that has seen a "
                "label in training tends to believe it: who must score a row?"
            )
    return None


@functools.cache
def _books() -> list[tuple[Any, Any]]:
    """Return loan books with one fault each, and their true outcomes.

    A model's risk is imitated: the true log-odds with an error, which has the linear model's AUC.
    """
    import numpy as np
    import pandas as pd

    from helpers import world

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
    """Return how many wrong labels a plan finds in each world.

    Parameters
    ----------
    plan : callable
        ``plan(rows, check)``, as exercise 1.3-d wants it.

    Returns
    -------
    list of int
    """
    import pandas as pd

    found = []
    for rows, true in _books():
        seen: set[int] = set()

        def check(some: Any, true: Any = true, seen: set[int] = seen) -> Any:
            some = pd.Index([some] if isinstance(some, int) else list(some))
            if not some.isin(true.index).all():
                raise ReplyError("`check` takes labels of the index of `rows`.")
            seen.update(some)
            if len(seen) > BUDGET:
                raise ReplyError(
                    f"Your plan wanted to check {len(seen)} rows; the budget is {BUDGET} in all, "
                    "those of the first round included."
                )
            return true[some]

        run(plan, rows, check, about=f"a loan book of {len(rows):,} rows and `check`")
        if not seen:
            raise ReplyError("Your plan never called `check`: nothing was looked at.")
        some = list(seen)
        found.append(int((true[some] != rows.loc[some, "written"]).sum()))
    return found


def _plan(answer: Any) -> str | None:
    found = spend(answer)
    mean, lost, other = (sum(part) / len(part) for part in (found, found[::2], found[1::2]))
    if mean >= FOUND:
        return None
    text = (
        f"In {WORLDS} worlds your plan finds {mean:.0f} wrong labels on average; {FOUND} are "
        f"enough. Where defaults were booked as paid it finds {lost:.0f}, in the reverse case "
        f"{other:.0f}. "
    )
    if mean < 8:
        return text + "Errors are rare: rows drawn by lot are nearly all right."
    if lost < other / 3:
        return text + (
            "The most surprising rows are all of one kind, so the other kind is never looked at."
        )
    return text + (
        "It sees every corner, but most of the money goes where nothing is wrong. What do the "
        "first few checks tell you about where to spend the others?"
    )


def _undo(answer: Any) -> str | None:
    import numpy as np

    given = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
    for prior in (0.5, 0.15, 0.02, 0.4):
        about = f"p = {given.tolist()}, prior = {prior}"
        got = np.asarray(run(answer, given, prior, about=about))
        if got.shape != given.shape or got.dtype.kind != "f":
            return f"Expected an array of {len(given)} probabilities, got {got!r:.80}."
        right = given * prior / (given * prior + (1 - given) * (1 - prior))
        if np.allclose(got, right, atol=1e-6):
            continue
        called = f" It was called with {about} and returned {got.round(3).tolist()}."
        if prior == 0.5:
            return "Half of the rows default: the weights were equal, and p is right as it is." + (
                called
            )
        if not np.isfinite(got).all():
            return "A probability of 0 or 1 must stay what it is, without a division by 0." + called
        if np.any((got < 0) | (got > 1)):
            return "That leaves the range from 0 to 1: odds can be scaled, and p cannot." + called
        if abs(got[-1] - 1) > 1e-6:
            return "p = 1 must stay 1: scale the odds p / (1 - p), not p itself." + called
        if np.all(got[1:-1] > given[1:-1]):
            return "Balancing raised the stated risk; you raise it once more." + called
        if np.allclose(got[3], prior / (1 + prior)):
            return (
                "You undo the weight of one class. Balancing also made the other class lighter."
                + called
            )
        return (
            "A row that the balanced model calls even (p = 0.5) has the prior's risk: begin with "
            "that case." + called
        )
    return None


def _spied() -> tuple[Any, list[dict[str, Any]], Any, Any, float]:
    """Return a model that notes what it is shown, its notes, data, and its true AUC."""
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.metrics import roc_auc_score

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

    return Spy(), notes, X, y, roc_auc_score(y, X[:, 1])


def _resampled(answer: Any) -> str | None:
    model, notes, X, y, auc = _spied()
    got = as_number(run(answer, model, X, y, about="1,000 rows and a model that takes notes"))
    if got is None:
        return "Expected a number, the mean AUC of the folds."
    folds = [note for note in notes if note["asked"]]
    if len(folds) < 2:
        return "The model was tested fewer than two times: go through folds, and fit in each."
    if any(note["learned"] & set(note["asked"]) for note in folds):
        return (
            "Rows that were tested had been learned: copies of one defaulter lie on both sides of "
            "the split. What must come first?"
        )
    if max(abs(note["share"] - 0.5) for note in folds) > 0.02:
        return "Nothing leaks, but the training part of a fold is not balanced."
    if len({row for note in folds for row in note["asked"]}) < len(X) or any(
        len(set(note["asked"])) < len(note["asked"]) for note in folds
    ):
        return "Each row should be tested once, as it is: leave the test part unbalanced."
    if abs(got - auc) > 0.02:
        return (
            f"The folds are right, and the number is not: {got:.3f}. The AUC wants the probability "
            "of class 1, not `predict`, and then the mean of the folds."
        )
    return None


@functools.cache
def _draws() -> list[tuple[Any, Any, Any, Any, float]]:
    """Return draws of 50 digits, a test part, and the accuracy with plain copies."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    draws = []
    for seed in range(100, 112):
        order = np.random.default_rng(seed).permutation(len(y))
        few, test = order[:50], order[800:]
        plain = SVC(C=10).fit(X[few], y[few]).score(X[test], y[test])
        draws.append((X[few], y[few], X[test], y[test], plain))
    return draws


def gain(augment: Any) -> float:
    """Return what ten augmented copies add to plain copies, in points of accuracy.

    Parameters
    ----------
    augment : callable
        Takes images of shape (n, 8, 8, 1) with values from 0 to 1, and returns other ones.

    Returns
    -------
    float
        Mean over twelve draws of 50 digits.
    """
    import numpy as np
    from sklearn.svm import SVC

    gains = []
    for X, y, X_test, y_test, plain in _draws():
        images = np.tile(X, (10, 1)).reshape(-1, 8, 8, 1)
        made = np.asarray(run(augment, images, about="500 images of shape (8, 8, 1)"))
        if made.shape != images.shape:
            raise ReplyError(f"Expected images of shape {images.shape}, got {made.shape}.")
        if not np.isfinite(made.astype("float64")).all():
            raise ReplyError("Some pixels are not numbers.")
        if np.abs(made - images).mean() < 0.002:
            raise ReplyError(
                "The images come back as they were. Keras' random layers are idle unless they are "
                "called with `training=True`."
            )
        both = np.concatenate([X, made.reshape(-1, 64)])
        gains.append(SVC(C=10).fit(both, np.tile(y, 11)).score(X_test, y_test) - plain)
    return 100 * float(np.mean(gains))


def _augmented(answer: Any) -> str | None:
    points = gain(answer)
    if points >= GAIN:
        return None
    if points < -1:
        return (
            f"{points:+.1f} points: your copies teach something false. Look at some of them: would "
            "you still write the same label under each?"
        )
    return (
        f"{points:+.1f} points; {GAIN:+} are wanted. The labels may be kept, but the copies bring "
        "little. In what do two people's digits differ that your copies do not?"
    )


_BALANCE = """
import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold


def balance(rows, y):
    ones, zeros = rows[y[rows] == 1], rows[y[rows] == 0]
    return np.r_[zeros, np.random.default_rng(0).choice(ones, len(zeros))]

"""


EXERCISES = [
    Exercise(
        id="1.3-a",
        question="The kappa of two clerks who agree on 900 of 1,000 letters: a number, within 0.01.",
        judge=number(
            0.3207,
            within=0.01,
            replies={
                0.9: "That is the agreement. How much of it would two clerks reach who never read?",
                0.8528: "That is the agreement by chance. How far above it are they, and how far "
                "could they be?",
                0.0472: "That is how far they are above chance. Divide by how far they could be.",
                0.89: "Two clerks also agree by chance on letters that neither of them marks.",
                0.8936: "Two clerks also agree by chance on letters that neither of them marks.",
                0.375: "By chance they agree on 0.92 x 0.92 and on 0.08 x 0.08 of the letters.",
                0.348: "By chance they also agree on a few that both mark.",
            },
        ),
        hints=(
            "By chance both mark a letter in 0.08 x 0.08 of the cases. And both do not in ...?",
            "(agreement - chance) / (1 - chance), with a chance of a little over 0.85.",
        ),
        solution="chance = 0.08**2 + 0.92**2\nanswer = (0.90 - chance) / (1 - chance)",
        wrong=(
            ("0.9", "who never read"),
            ("0.08**2 + 0.92**2", "agreement by chance"),
            ("0.9 - 0.8528", "could be"),
            ("(0.9 - 0.08**2) / (1 - 0.08**2)", "neither of them marks"),
            ("'high'", "Expected a number"),
        ),
        right="That is right: 90 % sounds high, and a third of the way from chance to perfect is "
        "not. The rarer a class, the less an agreement says.",
        kind="number",
    ),
    Exercise(
        id="1.3-b",
        question="A function needs_rule(written) that returns (clerk, (reads, writes)).",
        judge=_rule,
        hints=(
            "`written.mode(axis=1)[0]` is what most clerks read. Go through clerks and pairs.",
            "For each clerk `pd.crosstab(majority, written[clerk], normalize='index')` has the "
            "shares; ignore those where both digits are alike.",
        ),
        solution="""
import pandas as pd


def needs_rule(written):
    majority = written.mode(axis=1)[0]
    shares = {}
    for clerk in written:
        table = pd.crosstab(majority, written[clerk], normalize="index")
        for (reads, writes), share in table.stack().items():
            if reads != writes:
                shares[clerk, (reads, writes)] = share
    return max(shares, key=shares.get)


answer = needs_rule
""",
        wrong=(
            ('("B", (1, 7))', "Expected a function"),
            ('answer = lambda written: "B"', "Expected a clerk and a pair"),
            ('answer = lambda written: ("B", (1, 7))', "larger share"),
            (
                """
def answer(written):
    majority = written.mode(axis=1)[0]
    clerk = written.ne(majority, axis=0).mean().idxmax()
    wrong = written[clerk] != majority
    pairs = zip(majority[wrong], written[clerk][wrong])
    return clerk, max(set(pairs := list(pairs)), key=pairs.count)
""",
                "all directions",
            ),
            (
                """
import pandas as pd


def answer(written):
    majority = written.mode(axis=1)[0]
    best = (0, None)
    for clerk in written:
        table = pd.crosstab(written[clerk], majority, normalize="columns")
        for (writes, reads), share in table.stack().items():
            if reads != writes:
                best = max(best, (share, (clerk, (writes, reads))))
    return best[1]
""",
                "wrong way round",
            ),
        ),
        right="That is right in four offices that you have not seen. The clerk with the lowest "
        "kappa was another one each time: careless work needs a second reader, not a rule.",
        kind="code",
    ),
    Exercise(
        id="1.3-c",
        question="A function suspects(model, X, y) that returns a boolean array.",
        judge=_suspects,
        hints=(
            "Three lines above is all that it takes; the model is now an argument.",
            "`cross_val_predict(model, X, y, cv=5, method=...)`, then `find_label_issues`.",
        ),
        solution="""
from cleanlab.filter import find_label_issues
from sklearn.model_selection import cross_val_predict


def suspects(model, X, y):
    proba = cross_val_predict(model, X, y, cv=5, method="predict_proba")
    return find_label_issues(y, proba, n_jobs=1)


answer = suspects
""",
        wrong=(
            ("[True] * 900", "Expected a function"),
            ("answer = lambda model, X, y: [3, 14]", "boolean array"),
            (
                """
from cleanlab.filter import find_label_issues
answer = lambda model, X, y: find_label_issues(y, model.fit(X, y).predict_proba(X), n_jobs=1)
""",
                "must score a row",
            ),
            (
                """
from sklearn.model_selection import cross_val_predict
answer = lambda model, X, y: cross_val_predict(
    model, X, y, cv=5, method="predict_proba").max(axis=1) < 0.8
""",
                "A low score alone",
            ),
        ),
        right="That is right, also for a forest, which believes every label that it has learned: "
        "each row was scored by a model that had not seen it.",
        kind="code",
    ),
    Exercise(
        id="1.3-d",
        question="A function plan(rows, check) that spends at most 200 checks on `rows`.",
        judge=_plan,
        hints=(
            "There are eight corners: four channels, two labels. Look into each before you decide.",
            "In each corner check the few most surprising rows; `check` tells you where labels are "
            "wrong. Spend all the rest in that corner, the most surprising first.",
        ),
        solution="""
def plan(rows, check):
    surprise = rows["risk"].where(rows["written"] == 0, 1 - rows["risk"])
    rows = rows.assign(surprise=surprise).sort_values("surprise", ascending=False)
    wrong = {}
    corners = dict(list(rows.groupby(["channel", "written"])))
    for name, corner in corners.items():
        first = corner.head(6)
        wrong[name] = (check(first.index) != first["written"]).mean()
    worst = corners[max(wrong, key=wrong.get)]
    check(worst.index[6 : 6 + 200 - 6 * len(corners)])


answer = plan
""",
        wrong=(
            ("200", "Expected a function"),
            ("answer = lambda rows, check: None", "never called"),
            ("answer = lambda rows, check: check(rows.index)", "the budget is 200"),
            (
                "answer = lambda rows, check: check(rows.sample(200, random_state=0).index)",
                "drawn by lot",
            ),
            (
                """
def answer(rows, check):
    surprise = rows["risk"].where(rows["written"] == 0, 1 - rows["risk"])
    check(surprise.nlargest(200).index)
""",
                "all of one kind",
            ),
            (
                """
def answer(rows, check):
    surprise = rows["risk"].where(rows["written"] == 0, 1 - rows["risk"])
    for _, corner in rows.groupby(["channel", "written"]):
        check(surprise[corner.index].nlargest(25).index)
""",
                "every corner",
            ),
        ),
        right="That is right: a small first round finds the source, a large second one works there. "
        "At work the second round is a telephone call: mend the source, and all its rows are right.",
        kind="design",
    ),
    Exercise(
        id="1.3-e",
        question="A function undo_weights(p, prior) that returns an array of probabilities.",
        judge=_undo,
        hints=(
            "What p must become 0.15 when prior is 0.15? And what must happen at prior 0.5?",
            "Odds: p / (1 - p) times prior / (1 - prior). To stay whole at p = 1, write the new "
            "probability as a / (a + b), without dividing by 1 - p.",
        ),
        solution="""
def undo_weights(p, prior):
    bad, good = p * prior, (1 - p) * (1 - prior)
    return bad / (bad + good)


answer = undo_weights
""",
        wrong=(
            ("0.15", "Expected a function"),
            ("answer = lambda p, prior: p * prior", "p is right as it is"),
            ("answer = lambda p, prior: p + prior - 0.5", "leaves the range"),
            ("answer = lambda p, prior: 2 * p * prior", "p = 1 must stay 1"),
            (
                "answer = lambda p, prior: p * (1 - prior) / (p * (1 - prior) + (1 - p) * prior)",
                "once more",
            ),
            (
                "answer = lambda p, prior: p * min(prior, 1) / (p * prior + 1 - p) "
                "if prior != 0.5 else p",
                "weight of one class",
            ),
        ),
        right="That is right, for any model that was trained with balanced weights, or on classes "
        "that were resampled to the same size. A threshold in money needs the real odds.",
        kind="code",
    ),
    Exercise(
        id="1.3-f",
        question="A function resampled_auc(model, X, y) that returns a number.",
        judge=_resampled,
        hints=(
            "Loop over `StratifiedKFold(5, shuffle=True, random_state=0).split(X, y)`.",
            "Call `balance` with the training rows of the fold only; test on the others as they "
            "are; average `roc_auc_score`.",
        ),
        solution=_BALANCE
        + """
def resampled_auc(model, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    areas = []
    for train, test in folds.split(X, y):
        rows = balance(train, y)
        fitted = clone(model).fit(X[rows], y[rows])
        areas.append(roc_auc_score(y[test], fitted.predict_proba(X[test])[:, 1]))
    return np.mean(areas)


answer = resampled_auc
""",
        wrong=(
            ("0.72", "Expected a function"),
            (
                _BALANCE
                + """
from sklearn.model_selection import cross_val_score


def answer(model, X, y):
    rows = balance(np.arange(len(y)), y)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    return cross_val_score(model, X[rows], y[rows], cv=folds, scoring="roc_auc").mean()
""",
                "both sides",
            ),
            (
                """
from sklearn.model_selection import cross_val_score
answer = lambda model, X, y: cross_val_score(model, X, y, cv=5, scoring="roc_auc").mean()
""",
                "not balanced",
            ),
            (
                _BALANCE
                + """
def answer(model, X, y):
    areas = []
    for train, test in StratifiedKFold(5).split(X, y):
        rows, test = balance(train, y), balance(test, y)
        fitted = clone(model).fit(X[rows], y[rows])
        areas.append(roc_auc_score(y[test], fitted.predict_proba(X[test])[:, 1]))
    return np.mean(areas)
""",
                "tested once",
            ),
            (
                _BALANCE
                + """
def answer(model, X, y):
    areas = []
    for train, test in StratifiedKFold(5).split(X, y):
        rows = balance(train, y)
        fitted = clone(model).fit(X[rows], y[rows])
        areas.append(roc_auc_score(y[test], fitted.predict(X[test])))
    return np.mean(areas)
""",
                "not `predict`",
            ),
        ),
        right="That is right: split first, then copy. The same order holds for SMOTE, scaling with "
        "fitted means, target encoding, and everything else that looks at other rows.",
        kind="code",
    ),
    Exercise(
        id="1.3-g",
        question="A function augment(images) that returns images of the same shape.",
        judge=_augmented,
        hints=(
            "Put a pen to paper: what differs between two people's sevens is size, slant, place.",
            "`keras.layers.RandomTranslation` moves; of 8 pixels, one is 0.125. "
            "`fill_mode='constant'` fills with background.",
        ),
        solution="""
import keras

layer = keras.layers.RandomTranslation(0, 0.125, fill_mode="constant", seed=1)


def augment(images):
    return layer(images, training=True)


answer = augment
""",
        wrong=(
            ("'RandomFlip'", "Expected a function"),
            ("answer = lambda images: images", "training=True"),
            ("answer = lambda images: images[:, ::-1, ::-1]", "something false"),
            ("answer = lambda images: images[:, :, ::-1]", "something false"),
            ("answer = lambda images: images.reshape(-1, 64)", "Expected images of shape"),
            (
                """
import numpy as np
answer = lambda images: images + np.random.default_rng(0).normal(0, 0.1, images.shape)
""",
                "bring little",
            ),
        ),
        right="That is right: you imitated a way in which real digits differ, and the label "
        "survived it.",
        kind="code",
    ),
    Exercise(
        id="1.3-h",
        question="What is known about the 20 flagged denials of Black applicants: a letter.",
        judge=name(
            "B",
            among="ABCD",
            replies={
                "A": "A model of 14 columns does not know the file. Its surprise is not a verdict.",
                "C": "A default is drawn by life. A denial was decided by somebody, for reasons "
                "that may be in the file, and good or bad.",
                "D": "It may be so. But something that these columns lack could explain it, too.",
            },
        ),
        hints=(
            "What does the tool see? 14 columns and a decision.",
            "Which of the sentences stays true whatever is in the 20 files?",
        ),
        solution="""
# A: false, surprising is not wrong.  C: false, a decision has reasons.
# D: possible, and these columns cannot show it.  B: true whatever the files hold.
answer = "B"
""",
        wrong=(('"A"', "not a verdict"), ('"C"', "decided by somebody"), ('"D"', "It may be so")),
        right="That is right. They are the first files to read, and the last to delete.",
        kind="choice",
    ),
]
