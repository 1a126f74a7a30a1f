"""The exercises of lesson 2.4, Select features."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from helpers.base.stats import auc
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, chosen

WORLDS = range(11, 21)
LEAST_NET = 846  # euro; the solution has 847.7, the form without account access 842.8


def _names(answer: Any, among: Collection[str], called: str = "") -> set[str]:
    """Return a collection of column names as a set; raise a ReplyError if it is none."""
    if isinstance(answer, str | Mapping | pd.DataFrame) or not isinstance(
        answer, Collection | pd.Series | pd.Index | np.ndarray
    ):
        raise ReplyError(f"Expected names of columns, got {type(answer).__name__}. {called}")
    names = list(answer)
    strange = [name for name in names if not isinstance(name, str) or name not in set(among)]
    if strange:
        raise ReplyError(
            f"Expected names of columns; {strange[0]!r} is not one of {', '.join(among)}. {called}"
        )
    return set(names)


# mean, standard deviation, differences, price, verdict, reply
_DECISIONS = [
    (21.0, 300, 24_000, 5.0, "keep", "Every value in the interval is above the price."),
    (2.0, 40, 24_000, 5.0, "drop", "The gain is surely there, and surely smaller than the price."),
    (3.0, 300, 6_000, 1.0, "measure more", "The interval holds 0, and values far above the price."),
    (0.05, 10, 24_000, 0.5, "drop", "The interval holds 0, and nothing as large as the price."),
    (6.0, 300, 24_000, 5.0, "measure more", "It is surely above 0; compare with the price."),
    (9.0, 300, 200, 5.0, "measure more", "There are 200 differences: the mean is still uncertain."),
    (-4.0, 100, 6_000, 0.0, "drop", "The column costs nothing, and does harm."),
    (0.0, 0, 100, 0.0, "drop", "No decision differs, so nothing is lost without the column."),
]


def _decide(answer: Any) -> str | None:
    rng = np.random.default_rng(24)
    for mean, spread, n, price, expected, reply in _DECISIONS:
        z = rng.standard_normal(n)
        gain = mean + spread * (z - z.mean()) / z.std(ddof=1)
        about = f"{n:,} gains with mean {mean:g} and standard deviation {spread:g}, price {price:g}"
        got = run(answer, gain, price, about=about + ".")
        if not isinstance(got, str) or got not in ("keep", "drop", "measure more"):
            return f"Expected one of the three words, got {got!r}. It was called with {about}."
        if got != expected:
            return f"{reply} It was called with {about}, and returned {got!r}."
    return None


@cache
def _shop(seed: int) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame, pd.Series, set[str]]:
    """Return a table in which one cause of four is flat alone, and steep beside another."""
    rng = np.random.default_rng(seed)
    n = 4_000
    noise = rng.standard_normal((n, 10))
    wealth, wish = noise[:, 0], 0.9 * noise[:, 0] + 0.44 * noise[:, 1]
    log_odds = 1.1 * wish - 1.2 * wealth + 0.7 * noise[:, 2] + 0.6 * noise[:, 3] - 0.5
    log_odds -= 0.3 * wealth
    copies = [c + 0.6 * e for c, e in zip(noise[:, [2, 2, 3]].T, noise[:, 4:7].T, strict=True)]
    columns = [wealth, wish, noise[:, 2], noise[:, 3], *copies, *noise[:, 7:].T]
    names = rng.permutation([f"c{i}" for i in range(10)])
    frame = pd.DataFrame(dict(zip(names, columns, strict=True)))[sorted(names)]
    label = pd.Series((rng.random(n) < 1 / (1 + np.exp(-log_odds))).astype(int), name="y")
    return frame[:2000], label[:2000], frame[2000:], label[2000:], set(names[:4])


def _pick(answer: Any) -> str | None:
    from sklearn.linear_model import LogisticRegression

    for seed in (1, 3):
        X, y, X_new, y_new, causes = _shop(seed)
        called = "It was called with 2,000 rows of 10 columns, and k = 4."
        got = _names(run(answer, X, y, 4, about=called[23:]), list(X), called)
        if len(got) != 4:
            return f"Expected 4 names, got {len(got)}. {called}"
        scores = []
        for names in (sorted(causes), sorted(got)):
            model = LogisticRegression().fit(X[names], y)
            scores.append(auc(y_new, model.predict_proba(X_new[names])[:, 1])[0][0])
        if scores[1] < scores[0] - 0.01:
            missed = len(causes - got)
            return (
                f"On new rows your columns reach AUC {scores[1]:.2f}; with the four causes it is "
                f"{scores[0]:.2f}. You have {4 - missed} of them. Was each column judged alone, "
                "or by what it adds to the others?"
            )
    return None


@cache
def _wide(seed: int, signal: float) -> tuple[pd.DataFrame, pd.Series]:
    rng = np.random.default_rng(seed)
    X = pd.DataFrame(rng.standard_normal((300, 800))).add_prefix("c")
    chance = 1 / (1 + np.exp(-signal * X.iloc[:, :3].sum(axis=1)))
    return X, (rng.random(300) < chance).astype(int).rename("y")


def _honest(answer: Any) -> str | None:
    def mean(signal: float, seeds: range) -> float:
        values = []
        for seed in seeds:
            got = run(answer, *_wide(seed, signal), about="300 rows of 800 columns.")
            values.append(as_number(got))
            if values[-1] is None or not 0 <= values[-1] <= 1:
                raise ReplyError(
                    "Expected one number from 0 to 1, got " + f"{type(got).__name__} {got!r}"[:90]
                )
        return float(np.mean(values))

    noise = mean(0.0, range(4))
    if noise > 0.62:
        return (
            f"On four tables of pure noise your AUC is {noise:.2f} on average; it should be 0.5. "
            "Which step has seen the rows that are scored?"
        )
    if noise < 0.38:
        return f"On four tables of pure noise your AUC is {noise:.2f}, as if turned upside down."
    found = mean(1.3, range(50, 52))
    if found < 0.72:
        return (
            f"Noise is seen through ({noise:.2f}). But with three strong columns among 800 your "
            f"value is {found:.2f}, where about 0.8 can be reached: is it the AUC, of a model "
            "with the 20 best columns?"
        )
    return None


@cache
def _snapshots(seed: int, late: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    n = 400
    bad = rng.random(n) < 0.2
    before = pd.DataFrame(
        {
            "application_id": [f"A{i:04d}" for i in range(n)],
            "age": rng.integers(18, 75, n),
            "outside_score": 2.5 * bad + rng.standard_normal(n).round(2),
            "utilization": np.where(rng.random(n) < 0.1, np.nan, rng.random(n).round(3)),
            "employment": rng.choice(["salaried", "retired", "student"], n),
            "calls": 0,
            "status": "open",
            "letters": rng.poisson(1.0, n),
        }
    )
    after = before.assign(age=before["age"].astype(float))
    if late:
        some = rng.permutation(n) < 8
        after["calls"] = rng.poisson(0.3 + 2 * bad)
        after["status"] = np.where(bad, "legal", "paid")
        after["letters"] += some
        after["recovered"] = np.where(bad, 100.0, np.nan)
    newer = after.head(30).assign(application_id=[f"B{i:04d}" for i in range(30)])
    return before, pd.concat([after, newer]).sample(frac=1, random_state=seed)


_LATE = {
    "outside_score": "outside_score is strong, and was the same on the day: strong is not late.",
    "utilization": "A value that is missing in both did not change: nan == nan is False.",
    "age": "25 and 25.0 are the same age. Are the same applications compared with each other?",
    "employment": "employment did not change. Are the same applications compared with each other?",
    "application_id": "The id joins the tables; it is not a feature.",
    "letters": "One late column is missing: only a few of its values changed, and 8 are enough.",
    "recovered": "One late column is missing: on the day it did not exist.",
    "calls": "One late column is missing: it had the same value for everybody on the day.",
    "status": "One late column is missing: it holds text.",
}


def _too_late(answer: Any) -> str | None:
    for seed, late in ((1, True), (2, False)):
        before, after = _snapshots(seed, late)
        called = "400 applications on the day and 430 in the warehouse, in another order."
        got = _names(run(answer, before, after, about=called), list(after), called)
        right = {"calls", "status", "letters", "recovered"} if late else set()
        for name in sorted(got - right) + sorted(right - got):
            return _LATE[name] if late or name != "calls" else "In one pair nothing is late."
    return None


def _set_values() -> list[tuple[list[str], Callable[[list[str]], float], set[str], str]]:
    def twins(columns: list[str]) -> float:
        has = set(columns)
        return 30 * bool(has & {"a", "b"}) + 9 * ("c" in has) - 2 * len(has) - ("b" in has)

    def pair(columns: list[str]) -> float:
        has = set(columns)
        return 20 * ({"p", "q"} <= has) + ("r" in has) - 3 * len(has)

    return [
        (list("abcd"), twins, {"a", "c"}, "Two of these columns can replace each other."),
        (list("pqr"), pair, {"p", "q"}, "Two of these columns are worth something only together."),
        (list("d"), lambda columns: -2.0 * len(columns), set(), "No column is worth its price."),
        (list("ef"), lambda columns: 2.0 * len(columns), {"e", "f"}, "Each is worth its price."),
    ]


def _trim(answer: Any) -> str | None:
    for columns, net, expected, reply in _set_values():
        about = f"the columns {columns} and a net value made for this test."
        got = _names(run(answer, columns, net, about=about), columns, f"Called with {about}")
        if got != expected:
            words = f"kept {', '.join(sorted(got)) or 'nothing'}"
            return f"{reply} Called with the columns {', '.join(columns)}, your function {words}."
    return None


def _plan(answer: Any) -> str | None:
    from helpers.course.lesson_2_4 import view

    columns = _names(answer, [*view.CANDIDATES, "service_contacts"])
    if "service_contacts" in columns:
        return "Nobody has been in contact yet when the form is filled in."
    if refused := columns & set(view.FORBIDDEN):
        return f"{refused.pop()} may not be used, whatever it earns."
    ms = view.price(columns)[2]
    if ms > view.MOST_MS:
        return f"The requests take {ms} ms one after the other; the limit is {view.MOST_MS}."
    net = np.mean([view.form(seed).net(columns) for seed in WORLDS])
    if net >= LEAST_NET:
        return None
    short = f"In ten worlds it leaves {net:.0f} euro an application; {LEAST_NET} are asked for."
    if not columns & {"income", "account_income"}:
        return short + " Each of two incomes looks worthless beside the other. You have neither."
    if net < LEAST_NET - 10:
        return short + " Something strong is missing: ask of each column outside what it would add."
    return short + (
        " That is close. Compare each source that is in with its price, and each free column that "
        "is out with 0, in several worlds: one world can mislead by a few euro."
    )


EXERCISES = [
    Exercise(
        id="2.4-a",
        question="A function decide(gain, price) that returns 'keep', 'drop' or 'measure more'.",
        judge=_decide,
        hints=(
            "The interval is the mean plus and minus 1.96 standard errors; a standard error is the "
            "standard deviation divided by the square root of the number of gains.",
            "Compare both ends with the price. What is left between the two clear cases?",
        ),
        solution="""
import numpy as np


def decide(gain, price):
    error = np.std(gain, ddof=1) / np.sqrt(len(gain))
    if np.mean(gain) - 1.96 * error > price:
        return "keep"
    return "drop" if np.mean(gain) + 1.96 * error <= price else "measure more"


answer = decide
""",
        wrong=(
            ("'keep'", "Expected a function"),
            ("answer = lambda gain, price: 'keep' if gain.mean() > price else 'drop'", "holds 0"),
            (
                "answer = lambda g, price: 'keep' if g.mean() > 1.96 * g.std() / len(g) ** 0.5 "
                "else 'drop'",
                "smaller than the price",
            ),
            (
                "answer = lambda g, price: 'keep' if g.mean() - 1.96 * g.std() > price else "
                "'drop' if g.mean() + 1.96 * g.std() <= price else 'measure more'",
                "Every value in the interval",
            ),
            ("answer = lambda gain, price: gain.mean() > price", "one of the three words"),
        ),
        right="That is right. 'Not significant' is two different answers: 'worth less than its "
        "price' and 'nobody knows yet'. Only an interval tells them apart.",
        kind="code",
    ),
    Exercise(
        id="2.4-b",
        question="A function pick(X, y, k) that returns the names of k columns of a DataFrame.",
        judge=_pick,
        hints=(
            "One cause is flat alone. Which of section 3's methods begin with all columns?",
            "`RFE(LogisticRegression(), n_features_to_select=k)` or a "
            "`SequentialFeatureSelector` with `direction='backward'`; `get_feature_names_out()`.",
        ),
        solution="""
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.linear_model import LogisticRegression


def pick(X, y, k):
    wrapper = SequentialFeatureSelector(
        LogisticRegression(),
        n_features_to_select=k,
        direction="backward",
        scoring="roc_auc",
        cv=3,
    )
    return list(wrapper.fit(X, y).get_feature_names_out())


answer = pick
""",
        wrong=(
            ("['c1', 'c2', 'c3', 'c4']", "Expected a function"),
            (
                "from sklearn.feature_selection import SelectKBest\n"
                "answer = lambda X, y, k: SelectKBest(k=k).fit(X, y).get_feature_names_out()",
                "judged alone",
            ),
            (
                "from sklearn.feature_selection import SelectKBest\n"
                "answer = lambda X, y, k: SelectKBest(k=k).fit_transform(X, y)",
                "Expected names of columns",
            ),
            ("answer = lambda X, y, k: list(X)", "Expected 4 names"),
            (
                "from sklearn.ensemble import RandomForestClassifier\n\n\n"
                "def answer(X, y, k):\n"
                "    forest = RandomForestClassifier(30, random_state=0).fit(X, y)\n"
                "    return X.columns[forest.feature_importances_.argsort()[-k:]]",
                "You have",
            ),
        ),
        right="That is right. Begin with everything and take away, and a pair is seen as a pair.",
        kind="code",
    ),
    Exercise(
        id="2.4-c",
        question="A function honest_auc(X, y): the AUC of '20 best columns, then a logistic "
        "regression' on rows that neither step has seen. It returns a number.",
        judge=_honest,
        hints=(
            "Selection learns from the labels: it is a part of the model.",
            "`make_pipeline` the two steps, and give the pipeline to `cross_val_score` with "
            "`scoring='roc_auc'`; then the mean.",
        ),
        solution="""
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline


def honest_auc(X, y):
    model = make_pipeline(SelectKBest(f_classif, k=20), LogisticRegression())
    return cross_val_score(model, X, y, scoring="roc_auc").mean()


answer = honest_auc
""",
        wrong=(
            ("0.5", "Expected a function"),
            ("answer = lambda X, y: 0.5", "three strong columns"),
            (
                "from sklearn.feature_selection import SelectKBest\n"
                "from sklearn.linear_model import LogisticRegression\n"
                "from sklearn.model_selection import cross_val_score\n"
                "answer = lambda X, y: cross_val_score(LogisticRegression(), "
                "SelectKBest(k=20).fit_transform(X, y), y, scoring='roc_auc').mean()",
                "pure noise your AUC is 0.",
            ),
            (
                "from sklearn.feature_selection import SelectKBest\n"
                "from sklearn.linear_model import LogisticRegression\n"
                "from sklearn.model_selection import cross_val_score\n"
                "from sklearn.pipeline import make_pipeline\n"
                "answer = lambda X, y: cross_val_score(make_pipeline(SelectKBest(k=20), "
                "LogisticRegression()), X, y, scoring='roc_auc')",
                "one number",
            ),
        ),
        right="That is right: 0.5 on noise, and real columns are still found. The judge's tables "
        "had 800 columns and 300 rows; yours may have that shape tomorrow.",
        kind="code",
    ),
    Exercise(
        id="2.4-d",
        question="A function too_late(before, after) that returns the names of the columns whose "
        "values came after the decision.",
        judge=_too_late,
        hints=(
            "Join first: `after.set_index('application_id')`, then `.loc` with the ids of before.",
            "A pair of values is the same if they are equal or both missing; a column that only "
            "`after` has is late.",
        ),
        solution="""
def too_late(before, after):
    before = before.set_index("application_id")
    after = after.set_index("application_id").loc[before.index]
    late = set(after.columns) - set(before.columns)
    for name in set(after.columns) & set(before.columns):
        same = (before[name] == after[name]) | (before[name].isna() & after[name].isna())
        if not same.all():
            late.add(name)
    return late


answer = too_late
""",
        wrong=(
            ("{'calls'}", "Expected a function"),
            (
                "answer = lambda before, after: [c for c in before if before[c].nunique() == 1]",
                "only a few of its values",
            ),
            (
                "def answer(before, after):\n"
                "    both = before.merge(after, on='application_id', suffixes=('', ' now'))\n"
                "    return [c for c in before if c + ' now' in both "
                "and (both[c] != both[c + ' now']).any()]",
                "nan == nan",
            ),
            (
                "def answer(before, after):\n"
                "    after = after.set_index('application_id').loc[before['application_id']]\n"
                "    return [c for c in before if c in after and not (before[c].to_numpy() == "
                "after[c].to_numpy())[before[c].notna()].all()]",
                "it did not exist",
            ),
            (
                "answer = lambda before, after: [c for c in before if "
                "not before[c].reset_index(drop=True).equals(after[c].reset_index(drop=True)"
                ".head(len(before)))]",
                "same applications",
            ),
        ),
        right="That is right: no AUC was needed. Keep a copy of each feature as it was at the "
        "decision, and this test is a line in the pipeline.",
        kind="code",
    ),
    Exercise(
        id="2.4-e",
        question="Which columns may not be used although they improved a number: a set of letters.",
        judge=chosen(
            {"A", "C"},
            among="ABCDE",
            extra={
                "B": "B: no test forbids a column. What was it worth beside the others?",
                "D": "D: she agrees to it in the form, and it is known in time. It has a price.",
                "E": "E: it is known in time and no law forbids it. What it misses is a gain "
                "above its price, and that is another reason.",
            },
            missing={
                "A": "Ask of each: is it known when the decision is made?",
                "C": "Ask of each: would the lender have to name it in court?",
            },
        ),
        hints=(
            "Two questions, and neither is about gain: is it known in time, and is it allowed?",
            "One fails the first question and one the second.",
        ),
        solution='answer = {"A", "C"}  # A: filled in after the decision; C: forbidden by law',
        wrong=(
            ('{"A"}', "in court"),
            ('{"C"}', "when the decision is made"),
            ('{"A", "B", "C"}', "no test forbids"),
            ('{"A", "C", "D"}', "agrees"),
            ('{"A", "C", "E"}', "another reason"),
        ),
        right="That is right. A cannot be used and C must not be, and no score shows either. "
        "B, D and E are decided by what they bring and cost.",
        kind="choice",
    ),
    Exercise(
        id="2.4-f",
        question="A function trim(columns, net) that drops one column at a time while that raises "
        "net(columns), and returns the columns that are left.",
        judge=_trim,
        hints=(
            "In each round try all columns that are left: what is `net` without this one?",
            "Drop the one that leaves the largest net; stop when it is not above the present net.",
        ),
        solution="""
def trim(columns, net):
    columns = list(columns)
    while columns:
        without = {name: net([c for c in columns if c != name]) for name in columns}
        worst = max(without, key=without.get)
        if without[worst] <= net(columns):
            break
        columns.remove(worst)
    return columns


answer = trim
""",
        wrong=(
            ("['a', 'c']", "Expected a function"),
            (
                "answer = lambda columns, net: [c for c in columns if "
                "net([d for d in columns if d != c]) <= net(columns)]",
                "replace each other",
            ),
            (
                "answer = lambda columns, net: [c for c in columns if net([c]) > net([])]",
                "replace each other",
            ),
            (
                "def answer(columns, net):\n    kept = list(columns)\n    for c in columns:\n"
                "        rest = [d for d in kept if d != c]\n"
                "        if net(rest) > net(kept):\n            kept = rest\n    return kept",
                "replace each other",
            ),
        ),
        right="That is right. It costs at most n (n + 1) / 2 fits, and each column is judged "
        "beside those that are still there.",
        kind="code",
    ),
    Exercise(
        id="2.4-g",
        question=f"Names of columns that leave at least {LEAST_NET} euro an application in ten "
        "worlds, within 300 ms.",
        judge=_plan,
        hints=(
            "Trimming from everything stops at a form that is too slow. Two of the three requests "
            "fit into 300 ms: trim from each such start.",
            "Average over worlds: `net = lambda c: np.mean([form(seed).net(c) for seed in "
            "range(1, 6)])`. A free column that brings 2 euro is worth having.",
        ),
        solution="""
answer = ["amount", "term_months", "channel", "purpose", "employment", "income"]
answer += ["late_payments", "credit_history_years", "utilization"]
""",
        wrong=(
            (
                "from helpers.course.lesson_2_4.view import CANDIDATES\n"
                "answer = [c for c in CANDIDATES if c != 'sex']",
                "410 ms",
            ),
            (
                "from helpers.course.lesson_2_4.view import CANDIDATES\n"
                "answer = [c for c in CANDIDATES if c not in ('sex', 'account_income')]",
                "That is close",
            ),
            (
                "from helpers.course.lesson_2_4.view import CANDIDATES\nanswer = CANDIDATES",
                "may not be used",
            ),
            (
                "['amount', 'term_months', 'channel', 'purpose', 'late_payments', "
                "'credit_history_years', 'utilization']",
                "You have neither",
            ),
            (
                "['amount', 'term_months', 'channel', 'purpose', 'employment', 'account_income', "
                "'late_payments', 'credit_history_years']",
                "Something strong",
            ),
            ("['amount', 'service_contacts']", "in contact"),
            ("'amount'", "Expected names"),
        ),
        right="That is right: nine columns, 250 ms. Prices, not p-values, removed the rest.",
        kind="design",
    ),
]
