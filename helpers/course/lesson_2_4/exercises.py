"""The exercises of lesson 2.4, Select features."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import as_number, chosen

if TYPE_CHECKING:
    import pandas as pd

WORLDS = range(11, 21)
LEAST_NET = 846  # euro; the solution leaves 847.7, the form without account access 842.8
_SKLEARN = """from sklearn.ensemble import *
from sklearn.feature_selection import *
from sklearn.linear_model import *
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import *
"""


def _names(answer: Any, among: Collection[str], called: str = "") -> set[str]:
    """Return names of columns as a set; raise a ReplyError if they are something else."""
    import numpy as np
    import pandas as pd

    listed = isinstance(answer, Collection | pd.Series | pd.Index | np.ndarray)
    if not listed or isinstance(answer, str | Mapping | pd.DataFrame):
        raise ReplyError(f"Expected names of columns, got {type(answer).__name__}. {called}")
    names = list(answer)
    if names and all(isinstance(name, bool | np.bool_) for name in names):
        raise ReplyError(f"Expected names of columns, got a mask of True and False. {called}")
    for name in names:
        if not isinstance(name, str) or name not in set(among):
            known = ", ".join(among)
            raise ReplyError(f"Expected names of columns; {name!r} is not in {known}. {called}")
    return set(names)


# mean, standard deviation, differences, price, verdict, reply
_DECISIONS = [
    (21.0, 300, 24_000, 5.0, "keep", "Every value in the interval is above the price."),
    (2.0, 40, 24_000, 5.0, "drop", "The gain is surely there, and surely smaller than the price."),
    (3.0, 300, 6_000, 1.0, "measure more", "The interval holds 0, and values far above the price."),
    (0.05, 10, 24_000, 0.5, "drop", "The interval holds 0, and nothing as large as the price."),
    (6.0, 300, 24_000, 5.0, "measure more", "It is surely above 0; compare with the price."),
    (9.0, 300, 200, 5.0, "measure more", "There are 200 gains: their mean is still uncertain."),
    (0.0, 0, 100, 0.0, "drop", "No decision differs, so nothing is lost without the column."),
]


def _decide(answer: Any) -> str | None:
    import numpy as np

    rng = np.random.default_rng(24)
    for mean, spread, n, price, expected, reply in _DECISIONS:
        z = rng.standard_normal(n)
        gain = mean + spread * (z - z.mean()) / z.std(ddof=1)
        about = f"{n:,} gains with mean {mean:g} and standard deviation {spread:g}, price {price:g}"
        got = run(answer, gain, price, about=about)
        if not isinstance(got, str) or got not in ("keep", "drop", "measure more"):
            return f"Expected one of the three words, got {got!r}. It was called with {about}."
        if got != expected:
            return f"{reply} It was called with {about}, and returned {got!r}."
    return None


@cache
def _shop() -> tuple[pd.DataFrame, pd.Series, list[str]]:
    """Return a table in which one cause of four is flat alone, and steep beside another."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(1)
    z = rng.standard_normal((3_000, 10))
    wish = 0.9 * z[:, 0] + 0.44 * z[:, 1]  # who has more asks for more
    log_odds = 1.1 * wish - 1.5 * z[:, 0] + 0.7 * z[:, 2] + 0.6 * z[:, 3] - 0.5
    copies = z[:, [2, 2, 3]] + 0.6 * z[:, 4:7]
    names = list(rng.permutation([f"c{i}" for i in range(10)]))
    frame = pd.DataFrame(
        np.column_stack([z[:, 0], wish, z[:, 2:4], copies, z[:, 7:]]), columns=names
    )
    label = (rng.random(3_000) < 1 / (1 + np.exp(-log_odds))).astype(int)
    return frame[sorted(names)], pd.Series(label), names[:4]


def _pick(answer: Any) -> str | None:
    from sklearn.linear_model import LogisticRegression

    from helpers.base.stats import auc

    X, y, causes = _shop()
    about = "1,000 rows of 10 columns, and k = 4."
    got = _names(run(answer, X[:1_000], y[:1_000], 4, seconds=20, about=about), list(X), about)
    if len(got) != 4:
        return f"Expected 4 names, got {len(got)}. It was called with {about}"
    areas = []
    for names in (causes, sorted(got)):
        model = LogisticRegression().fit(X[names][:1_000], y[:1_000])
        areas.append(auc(y[1_000:], model.predict_proba(X[names][1_000:])[:, 1])[0][0])
    if areas[1] >= areas[0] - 0.01:
        return None
    return (
        f"On new rows your columns reach AUC {areas[1]:.2f}; with the four causes it is "
        f"{areas[0]:.2f}, and you have {len(got & set(causes))} of them. Was each column judged "
        "alone, or by what it adds to the others?"
    )


def _mean_auc(answer: Any, signal: float, seeds: Collection[int]) -> float:
    import numpy as np
    import pandas as pd

    values = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        X = pd.DataFrame(rng.standard_normal((300, 400))).add_prefix("c")
        chance = 1 / (1 + np.exp(-signal * X.iloc[:, :3].sum(axis=1)))
        got = run(answer, X, (rng.random(300) < chance).astype(int), about="300 rows, 400 columns.")
        if (value := as_number(got)) is None or not 0 <= value <= 1:
            raise ReplyError(f"Expected one number from 0 to 1, got {type(got).__name__}.")
        values.append(value)
    return float(np.mean(values))


def _honest(answer: Any) -> str | None:
    noise = _mean_auc(answer, 0.0, range(3))
    if not 0.38 <= noise <= 0.62:
        return (
            f"On three tables of pure noise your AUC is {noise:.2f} on average; it should be near "
            "0.5. Which step has seen the labels of the rows that are scored?"
        )
    found = _mean_auc(answer, 1.3, [50])
    if found >= 0.72:
        return None
    return (
        f"Noise is seen through ({noise:.2f}). But with three strong columns among 400 your value "
        f"is {found:.2f}, where about 0.8 can be reached: is it the AUC, with 20 columns?"
    )


@cache
def _snapshots() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return rows at the decision, and a warehouse with them, newer ones and late columns."""
    import numpy as np
    import pandas as pd

    rng, n = np.random.default_rng(1), 400
    bad = rng.random(n) < 0.2
    before = pd.DataFrame({"application_id": [f"A{i:04d}" for i in range(n)], "calls": 0})
    before["age"] = rng.integers(18, 75, n)
    before["outside_score"] = 2.5 * bad + rng.standard_normal(n).round(2)
    before["utilization"] = np.where(rng.random(n) < 0.1, np.nan, rng.random(n).round(3))
    before["letters"], before["status"] = rng.poisson(1.0, n), "open"
    after = before.assign(calls=rng.poisson(0.3 + 2 * bad), recovered=np.where(bad, 100.0, np.nan))
    after["age"], after["status"] = after["age"].astype(float), np.where(bad, "legal", "paid")
    after["letters"] += rng.permutation(n) < 8
    newer = after[:30].assign(application_id=[f"B{i}" for i in range(30)])
    return before, pd.concat([after, newer]).sample(frac=1, random_state=1)


_LATE = {
    "application_id": "The id joins the tables; it is not a feature.",
    "outside_score": "outside_score is strong and did not change: strong is not late.",
    "utilization": "A value that is missing in both did not change, although nan == nan is False.",
    "age": "25 and 25.0 are the same age.",
    "letters": "A late column is missing: only 8 of its values changed, and that is enough.",
    "recovered": "A late column is missing: at the decision it did not exist.",
    "calls": "A late column is missing: it had the same value for everybody at the decision.",
    "status": "A late column is missing: it holds text.",
}


def _too_late(answer: Any) -> str | None:
    before, after = _snapshots()
    about = "400 applications at the decision and 430 in the warehouse, in another order."
    got = _names(run(answer, before, after, about=about), list(after), about)
    right = {"calls", "status", "letters", "recovered"}
    if {"age", "outside_score"} <= got:
        return "The rows come in another order. Is each application compared with itself?"
    wrong = [*sorted(got - right), *sorted(right - got)]
    return _LATE[wrong[0]] if wrong else None


_TRIMS = [
    (
        "abcd",
        lambda cs: 30 * ("a" in cs or "b" in cs) + 9 * ("c" in cs) - 2 * len(cs) - ("b" in cs),
        {"a", "c"},
        "Two of these columns can replace each other, at two prices.",
    ),
    (
        "pqr",
        lambda cs: 20 * ("p" in cs and "q" in cs) + ("r" in cs) - 3 * len(cs),
        {"p", "q"},
        "Two of these columns are worth something only together.",
    ),
    ("d", lambda cs: -2.0 * len(cs), set(), "No column is worth its price."),
]


def _trim(answer: Any) -> str | None:
    for columns, net, expected, reply in _TRIMS:
        about = f"the columns {list(columns)} and a net value of this test's own."
        got = _names(run(answer, list(columns), net, about=about), columns, f"Called with {about}")
        if got != expected:
            kept = ", ".join(sorted(got)) or "nothing"
            return f"{reply} Called with {about[:-1]}, your function kept {kept}."
    return None


def _plan(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_2_4 import view

    columns = _names(answer, [*view.CANDIDATES, "service_contacts"])
    if "service_contacts" in columns:
        return "Nobody has been in contact yet when the form is filled in."
    if refused := columns & set(view.FORBIDDEN):
        return f"{refused.pop()} may not be used, whatever it earns."
    if (ms := view.price(columns)[2]) > view.MOST_MS:
        return f"The requests take {ms} ms one after the other; the limit is {view.MOST_MS}."
    net = np.mean([view.form(seed).net(columns) for seed in WORLDS])
    short = f"In ten worlds it leaves {net:.1f} euro; {LEAST_NET} are asked for. "
    if net >= LEAST_NET:
        return None
    if not columns & {"income", "account_income"}:
        return short + "Each of two incomes looks worthless beside the other. You have neither."
    if net < LEAST_NET - 10:
        return short + "Something strong is missing: what would each column outside add now?"
    return short + (
        "That is close. Compare what each source brings in *this* form with its price, in several "
        "worlds: a single one can be wrong by a few euro."
    )


# Beginnings of wrong answers.
_DECIDE = "answer = lambda g, price: 'keep' if {low} > {bound} else 'measure more'"
_PICK = _SKLEARN + "answer = lambda X, y, k: "
_AUC = _SKLEARN + "answer = lambda X, y: cross_val_score({model}, {X}, y, scoring='roc_auc')"
_JOINED = """def answer(before, after):
    a, b = (frame.set_index("application_id") for frame in (before, after))
    b = b.loc[a.index]
    return """
_ALL_BUT = """from helpers.course.lesson_2_4.view import CANDIDATES
answer = [c for c in CANDIDATES if c not in ({},)]"""

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
            ("answer = lambda gain, price: 'keep' if gain.mean() > price else 'drop'", "holds 0"),
            (_DECIDE.format(low="g.mean() - 1.96 * g.std()", bound="price"), "Every value"),
            (_DECIDE.format(low="g.mean() - 1.96 * g.std() / len(g) ** 0.5", bound="0"), "smaller"),
            ("answer = lambda gain, price: gain.mean() > price", "one of the three words"),
        ),
        right="That is right. 'Not significant' mixes two answers, 'worth less than its price' and "
        "'nobody knows yet'. An interval tells them apart.",
        kind="code",
    ),
    Exercise(
        id="2.4-b",
        question="A function pick(X, y, k) that returns the names of k columns of a DataFrame.",
        judge=_pick,
        hints=(
            "One cause is flat alone. Which of section 3's methods begin with all columns?",
            "`RFE` or a backward `SequentialFeatureSelector`; then `get_feature_names_out()`.",
        ),
        solution="""
from sklearn.feature_selection import RFE
from sklearn.linear_model import LogisticRegression


def pick(X, y, k):
    method = RFE(LogisticRegression(), n_features_to_select=k)
    return list(method.fit(X, y).get_feature_names_out())


answer = pick
""",
        wrong=(
            (_PICK + "SelectKBest(k=k).fit(X, y).get_feature_names_out()", "judged alone"),
            (_PICK + "SelectKBest(k=k).fit_transform(X, y)", "Expected names of columns"),
            (_PICK + "RFE(LogisticRegression()).fit(X, y).get_support()", "a mask of"),
            (_PICK + "list(X)", "Expected 4 names"),
            (
                _PICK + "X.columns[ExtraTreesClassifier(30, random_state=0).fit(X, y)"
                ".feature_importances_.argsort()[-k:]]",
                "you have",
            ),
        ),
        right="That is right. Begin with everything and take away, and a pair is seen as a pair.",
        kind="code",
    ),
    Exercise(
        id="2.4-c",
        question="A function honest_auc(X, y): the AUC, a number, of '20 best columns, then a "
        "logistic regression' on rows that neither step has seen.",
        judge=_honest,
        hints=(
            "Selection learns from the labels: it is a part of the model.",
            "`make_pipeline` the two steps; `cross_val_score` with `scoring='roc_auc'`; the mean.",
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
            ("answer = lambda X, y: 0.5", "three strong columns"),
            (
                _AUC.format(model="LogisticRegression()", X="SelectKBest(k=20).fit_transform(X, y)")
                + ".mean()",
                "pure noise",
            ),
            (
                _AUC.format(model="make_pipeline(SelectKBest(k=20), LogisticRegression())", X="X"),
                "one number",
            ),
        ),
        right="That is right: 0.5 on noise, and real columns are still found.",
        kind="code",
    ),
    Exercise(
        id="2.4-d",
        question="A function too_late(before, after) that returns the names of the columns that "
        "were written after the decision.",
        judge=_too_late,
        hints=(
            "Join first: `after.set_index('application_id')`, then `.loc` with the ids of before.",
            "Two values are the same if equal or both missing; a column only `after` has is late.",
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
            ("answer = lambda before, after: [c for c in before if before[c].nunique() == 1]", "8"),
            (_JOINED + "[c for c in a if c in b and (a[c] != b[c]).any()]", "nan == nan"),
            (
                _JOINED + "[c for c in a if c in b and not a[c].eq(b[c])[a[c].notna()].all()]",
                "did not exist",
            ),
            (
                "answer = lambda before, after: [c for c in before if c != 'application_id' and "
                "list(before[c]) != list(after[c])[:len(before)]]",
                "compared with itself",
            ),
        ),
        right="That is right, and no AUC was needed. Keep a copy of each feature as it was at the "
        "decision, and this test is a step of the pipeline.",
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
                "D": "D: the applicant agrees to it, and it is known in time. It has a price.",
                "E": "E: known in time, and no law forbids it. A small gain is a matter of price.",
            },
            missing={
                "A": "Ask of each: is it known when the decision is made?",
                "C": "Ask of each: what if a customer's lawyer asked for the list?",
            },
        ),
        hints=(
            "Two questions, and neither is about gain: is it known in time, and is it allowed?",
            "One column fails the first question and one the second.",
        ),
        solution="""
# A is written after the decision, C is forbidden by law. B and E are measured in euro; D has a
# price and the applicant's consent.
answer = {"A", "C"}
""",
        wrong=(
            ('{"A"}', "lawyer"),
            ('{"C"}', "when the decision is made"),
            ('{"A", "B", "C"}', "no test forbids"),
            ('{"A", "C", "D"}', "agrees"),
        ),
        right="That is right. A cannot be used and C must not be, and no score shows either.",
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
                "def answer(columns, net):\n    for c in list(columns):\n"
                "        rest = [d for d in columns if d != c]\n"
                "        columns = rest if net(rest) > net(columns) else columns\n"
                "    return columns",
                "at two prices",
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
            "Trimming the full form ends at one that is too slow. Of the three requests two fit "
            "into 300 ms: trim from each such start.",
            "Average over worlds: `net = lambda c: np.mean([form(seed).net(c) for seed in "
            "range(1, 6)])`. A free column that brings 2 euro is worth having.",
        ),
        solution="""
answer = ["amount", "term_months", "channel", "purpose", "employment", "income"]
answer += ["late_payments", "credit_history_years", "utilization"]
""",
        wrong=(
            (_ALL_BUT.format("'sex'"), "410 ms"),
            (_ALL_BUT.format("'sex', 'account_income'"), "That is close"),
            ("['amount', 'sex']", "may not be used"),
            ("['amount', 'term_months', 'late_payments', 'utilization']", "You have neither"),
            (_ALL_BUT.format("'sex', 'utilization', 'income'"), "Something strong"),
        ),
        right="That is right: nine columns, 250 ms. Prices, not p-values, removed the rest.",
        kind="design",
    ),
]
