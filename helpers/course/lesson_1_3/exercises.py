"""The exercises of lesson 1.3, Data-centric work."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, name, number

BUDGET = 200
FOUND = 28  # wrong labels found by 200 checks, on average, that are enough
WORLDS = 16
GAIN = 2.5  # points of accuracy above plain copies that are enough


def _wrong(text: str) -> tuple[tuple[str, str], ...]:
    """Read wrong answers: a comment with words from the reply, and below it the code."""
    cases = (part.partition("\n") for part in text.strip().removeprefix("# ").split("\n# "))
    return tuple((code.strip(), words) for words, _, code in cases)


@functools.cache
def _offices() -> list[tuple[Any, tuple[str, tuple[int, int]]]]:
    """Return what clerks wrote in five offices, and who needs a rule about which pair."""
    from helpers import world

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


@functools.cache
def _typed() -> list[tuple[Any, Any, Any, Any]]:
    """Return models, and digits with labels of which it is known whether they are wrong."""
    from sklearn.datasets import load_digits
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression

    from helpers import world

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
    import numpy as np

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
    import numpy as np

    given = np.array([0.0, 0.1, 0.35, 0.5, 0.8, 1.0])
    for prior in (0.15, 0.5, 0.02, 0.4):
        about = f"p = {given.tolist()}, prior = {prior}"
        got = np.asarray(run(answer, given, prior, about=about))
        if got.shape != given.shape or got.dtype.kind != "f":
            return f"Expected an array of {len(given)} probabilities, got {got!r:.80}."
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
    import numpy as np
    from sklearn.base import BaseEstimator, ClassifierMixin

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
    from helpers.base.stats import auc

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


@functools.cache
def _draws() -> list[tuple[Any, ...]]:
    """Return draws of 50 digits, digits to be read, and the accuracy with plain copies."""
    import numpy as np
    from sklearn.datasets import load_digits
    from sklearn.svm import SVC

    X, y = load_digits(return_X_y=True)
    X = (X / 16).astype("float32")
    draws = []
    for seed in range(100, 112):
        order = np.random.default_rng(seed).permutation(len(y))
        few, exam = (X[order[:50]], y[order[:50]]), (X[order[800:]], y[order[800:]])
        draws.append((*few, *exam, SVC(C=10).fit(*few).score(*exam)))
    return draws


def _augmented(answer: Any) -> str | None:
    import numpy as np
    from sklearn.svm import SVC

    gains = []
    for X, y, X_exam, y_exam, plain in _draws():
        images = np.tile(X, (10, 1)).reshape(-1, 8, 8, 1)
        made = np.asarray(run(answer, images, about="500 images of shape (8, 8, 1)"))
        if made.shape != images.shape or made.dtype.kind not in "fiu":
            return f"Expected numbers of shape {images.shape}, got {made.dtype}, {made.shape}."
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


_FOLDS = """
import numpy as np
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_score


def balance(rows, y):
    ones, zeros = rows[y[rows] == 1], rows[y[rows] == 0]
    return np.r_[zeros, np.random.default_rng(0).choice(ones, len(zeros))]


def resampled_auc(model, X, y):
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    areas = []
    for train, test in folds.split(X, y):
        rows = balance(train, y)
        fitted = clone(model).fit(X[rows], y[rows])
        areas.append(roc_auc_score(y[test], fitted.predict_proba(X[test])[:, 1]))
    return np.mean(areas)


answer = resampled_auc
"""
_IN_ORDER = """
def answer(rows, check):
    surprise = rows["risk"].where(rows["written"] == 0, 1 - rows["risk"])
"""

EXERCISES = [
    Exercise(
        id="1.3-a",
        question="The kappa of two clerks who agree on 900 letters: a number, within 0.01.",
        judge=number(
            0.3207,
            within=0.01,
            replies={
                0.9: "That is the agreement. How much of it would two clerks reach who never read?",
                0.8528: "That is the agreement by chance. How far above it are they, and how far "
                "could they be?",
                0.0472: "That is how far they are above chance. Divide by how far they could be.",
                0.349: "By chance they also agree on a few that both mark.",
            },
        ),
        hints=(
            "By chance both mark a letter in 0.08 x 0.08 of the cases. And both do not in ...?",
            "(agreement - chance) / (1 - chance), with a chance of a little over 0.85.",
        ),
        solution="chance = 0.08**2 + 0.92**2\nanswer = (0.90 - chance) / (1 - chance)",
        wrong=_wrong("""
# who never read
answer = 0.9
# agreement by chance
answer = 0.08**2 + 0.92**2
# they could be
answer = 0.9 - 0.08**2 - 0.92**2
# that both mark
answer = (0.9 - 0.92**2) / (1 - 0.92**2)
"""),
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
        for reads in table.index:
            for writes in table.columns.drop(reads, errors="ignore"):
                shares[clerk, (reads, writes)] = table.loc[reads, writes]
    return max(shares, key=shares.get)


answer = needs_rule
""",
        wrong=_wrong("""
# Expected a function
answer = ("B", (1, 7))
# Expected a clerk and a pair
answer = lambda written: "B"
# larger share
answer = lambda written: ("B", (1, 7))
# *share* of its digit
import pandas as pd
def answer(written):
    majority, counts = written.mode(axis=1)[0], {}
    for clerk in written:
        table = pd.crosstab(written[clerk], majority).unstack()
        counts |= {(clerk, pair): n for pair, n in table.items() if pair[0] != pair[1]}
    return max(counts, key=counts.get)
# in all directions
def answer(written):
    majority = written.mode(axis=1)[0]
    clerk = written.ne(majority, axis=0).mean().idxmax()
    wrong = written[clerk] != majority
    pairs = list(zip(majority[wrong], written.loc[wrong, clerk]))
    return clerk, max(pairs, key=pairs.count)
# wrong way round
import pandas as pd
def answer(written):
    majority, shares = written.mode(axis=1)[0], {}
    for clerk in written:
        table = pd.crosstab(majority, written[clerk], normalize="index").unstack()
        shares |= {(clerk, pair): s for pair, s in table.items() if pair[0] != pair[1]}
    return max(shares, key=shares.get)
"""),
        right="That is right in five offices that you have not seen. The clerk with the lowest "
        "kappa was another one each time. Careless work needs a second reader, not a rule.",
        kind="code",
    ),
    Exercise(
        id="1.3-c",
        question="A function suspects(model, X, y) that returns a boolean array.",
        judge=_suspects,
        hints=(
            "The lines above are all that it takes; the model is now an argument.",
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
        wrong=_wrong("""
# Expected a function
answer = [True] * 900
# boolean array
answer = lambda model, X, y: [3, 14]
# who must score a row
from cleanlab.filter import find_label_issues
answer = lambda model, X, y: find_label_issues(y, model.fit(X, y).predict_proba(X), n_jobs=1)
# probability alone
from sklearn.model_selection import cross_val_predict
def answer(model, X, y):
    return cross_val_predict(model, X, y, cv=5, method="predict_proba").max(axis=1) < 0.8
"""),
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
    corners = dict(list(rows.groupby(["channel", "written"])))
    wrong = {}
    for name, corner in corners.items():
        first = corner.head(6)
        wrong[name] = (check(first.index) != first["written"]).sum()
    worst = corners[max(wrong, key=wrong.get)]
    check(worst.index[6 : 6 + 200 - 6 * len(corners)])


answer = plan
""",
        wrong=_wrong(f"""
# Expected a function
answer = 200
# never called
answer = lambda rows, check: None
# the budget is 200
answer = lambda rows, check: check(rows.index)
# drawn by lot
answer = lambda rows, check: check(rows.sample(200, random_state=0).index)
# all of one kind
{_IN_ORDER}    check(surprise.nlargest(200).index)
# the first few tell
{_IN_ORDER}    for _, corner in rows.groupby(["channel", "written"]):
        check(surprise[corner.index].nlargest(25).index)
"""),
        right="That is right: a small first round finds the source, a large second one works "
        "there. At work the second round is a telephone call that mends the source.",
        kind="design",
    ),
    Exercise(
        id="1.3-e",
        question="A function undo_weights(p, prior) that returns an array of probabilities.",
        judge=_undo,
        hints=(
            "Which p must become 0.15 when the prior is 0.15? And what must happen at prior 0.5?",
            "Odds: p / (1 - p) times prior / (1 - prior). To stay whole at p = 1, write the new "
            "probability as a / (a + b), without dividing by 1 - p.",
        ),
        solution="""
def undo_weights(p, prior):
    bad, good = p * prior, (1 - p) * (1 - prior)
    return bad / (bad + good)


answer = undo_weights
""",
        wrong=_wrong("""
# Expected a function
answer = 0.15
# p = 1 must stay 1
answer = lambda p, prior: 2 * p * prior
# leaves the range
answer = lambda p, prior: p + prior - 0.5
# once more
answer = lambda p, prior: p * (1 - prior) / (p * (1 - prior) + (1 - p) * prior)
# weight of one class
answer = lambda p, prior: p * prior / (p * prior + 1 - p)
# division by 0
import numpy as np
np.seterr(all="ignore")
def answer(p, prior):
    odds = p / (1 - p) * prior / (1 - prior)
    return odds / (1 + odds)
"""),
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
        solution=_FOLDS,
        wrong=_wrong(f"""
# Expected a function
answer = 0.72
# both sides
{_FOLDS}
def answer(model, X, y):
    rows = balance(np.arange(len(y)), y)
    return resampled_auc(model, X[rows], y[rows])
# not balanced
{_FOLDS}
answer = lambda model, X, y: cross_val_score(model, X, y, scoring="roc_auc").mean()
# tested once
{_FOLDS.replace("rows = balance(train, y)", "rows, test = balance(train, y), balance(test, y)")}
# not `predict`
{_FOLDS.replace("predict_proba(X[test])[:, 1]", "predict(X[test])")}
"""),
        right="That is right: split first, then copy. The same order holds for SMOTE, scaling with "
        "fitted means, target encoding, and everything else that looks at other rows.",
        kind="code",
    ),
    Exercise(
        id="1.3-g",
        question="A function augment(images) that returns images of the same shape.",
        judge=_augmented,
        hints=(
            "Small turns and zoom were tried. What else may differ between two people's sevens?",
            "`keras.layers.RandomTranslation` moves by shares of height and of width; one of 8 "
            "pixels is 0.125. Look at the figure: in which direction have the digits room to move?",
        ),
        solution="""
import keras

layer = keras.layers.RandomTranslation(0, 0.125, fill_mode="constant", seed=1)


def augment(images):
    return layer(images, training=True)


answer = augment
""",
        wrong=_wrong("""
# Expected a function
answer = "RandomFlip"
# training=True
answer = lambda images: images
# something false
answer = lambda images: images[:, ::-1, ::-1]
# Expected numbers of shape
answer = lambda images: images.reshape(-1, 64)
# in another way
import numpy as np
answer = lambda images: images + np.random.default_rng(0).normal(0, 0.1, images.shape)
# part may harm
import keras
layer = keras.layers.RandomTranslation(0.125, 0.125, fill_mode="constant", seed=1)
answer = lambda images: layer(images, training=True)
"""),
        right="That is right: you imitated a way in which digits differ. They all fill the height "
        "of the picture, so moving them up or down cuts them off; sideways there is room.",
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
# A: does not follow, surprising is not wrong.  C: does not follow, a decision has reasons.
# D: possible, but these columns cannot show it.  B: true whatever the files hold.
answer = "B"
""",
        wrong=_wrong("""
# not a verdict
answer = "A"
# decided by somebody
answer = "C"
# It may be so
answer = "D"
"""),
        right="That is right. They are the first files to read, and the last to delete.",
        kind="choice",
    ),
]
