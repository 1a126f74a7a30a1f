"""The exercises of lesson 3.6, Explain."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import function, run
from helpers.course.exercises.judges import as_names, as_number, name
from helpers.course.exercises.texts import replies

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LEAST_HELPED, LEAST_EARNED = 0.30, 250  # the solution: 0.33 and 288; the lesson's plan: 0.52 and 18


def _together(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    rng, n, asked = np.random.default_rng(36), 2_000, []
    X = pd.DataFrame(rng.standard_normal((n, 2)), columns=["euro", "other"])
    X["cents"], twins = 100 * X["euro"], ["euro", "cents"]
    y = (2 * X["euro"] + 2 * X["other"] + rng.logistic(size=n) > 0).astype(int)
    seen = FunctionTransformer(lambda X: asked.extend(X["cents"] - 100 * X["euro"]) or X)
    model = make_pipeline(seen, StandardScaler(), LogisticRegression()).fit(X, y)

    def left(rows: pd.DataFrame) -> float:
        frame = X.assign(**rows[twins].set_index(X.index))
        return float(roc_auc_score(y, model.predict_proba(frame)[:, 1]))

    shuffled = float(np.mean([left(X.sample(frac=1, random_state=i)) for i in range(5)]))
    lost, given = left(X) - shuffled, X.copy()
    asked.clear()
    about = "2,000 rows with a column in euro and its twin in cents, and group = both of them"
    got = as_number(run(lambda: function(answer)(model, given, y, twins), about=about))
    if got is None:
        return f"Expected one number, the AUC lost. It was called with {about}."
    if not given.equals(X):
        return "The table that your function was given is shuffled now, for all who use it later."
    if np.abs(asked).max(initial=0) > 1:
        return "You asked the model about 30 euro that are 8,000 cents: rows that cannot exist."
    if abs(got - shuffled) < 0.03:
        return "That is the AUC that is left. How much is lost?"
    if abs(got - lost) > 0.03:
        return f"With both columns out the AUC falls by about {lost:.2f}; yours is {got:.2f}."
    if len(asked) < 6 * n:
        return "One shuffle is one draw, and the next differs: give the mean of five."
    return None


_GAMES: list[tuple[dict, dict, str]] = [
    ({"a": 1.0, "b": -2.0, "c": 0.0}, {}, "Nothing interacts here"),
    ({"a": 0.0, "b": 0.0, "c": 0.5, "d": 0.0}, {"ab": 1.0}, "a and b do something only together"),
    ({"a": 0.3, "b": 0.0, "c": 0.0, "d": 1.0}, {"abc": 3.0}, "a, b and c are needed together"),
]


def _shapley(answer: Any) -> str | None:
    for worth, joint, what in _GAMES:

        def value(known: Iterable[str], worth: dict = worth, joint: dict = joint) -> float:
            there = as_names(known, worth, "features in a list or tuple", more="value() got it.")
            both = sum(v for team, v in joint.items() if set(team) <= there)
            return 1.5 + sum(worth[one] for one in there) + both

        got = run(answer, value, list(worth), about=f"a value of this test's own, {list(worth)}")
        got = got.to_dict() if hasattr(got, "to_dict") else got
        found = {k: as_number(v) for k, v in got.items()} if isinstance(got, Mapping) else {}
        if set(found) != set(worth) or None in found.values():
            return f"Expected a dict with a number for each of {list(worth)}; got {got!r}."
        for one, alone in worth.items():
            right = alone + sum(v / len(team) for team, v in joint.items() if one in team)
            if abs(found[one] - right) > 1e-6:
                yours = ", ".join(f"{k} {v:.3g}" for k, v in found.items())
                return (
                    f"{what}, and {one} gets {found[one]:.3g}. All of them together bring "
                    f"{value(worth.keys()) - 1.5:g}; your values are {yours}. Is every order of "
                    "arrival counted, and each as much as the others?"
                )
    return None


def _suspects(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd
    import shap

    names = ["income", "calls", "letters", "score", "branch", "visits", "gifts"]
    to_and_fro = np.outer([-1, 1] * 100, [0.5, 0.9, 0.25, 0.6, 0.4, 0.8, 0.5])
    explained = shap.Explanation(to_and_fro, feature_names=names)
    at_decision = pd.DataFrame({"visits": [np.nan] * 50, "score": np.arange(50), "calls": 3})
    at_decision["branch"], at_decision["gifts"] = ["North", "South"] * 25, [1.0, np.nan] * 25
    at_decision = at_decision.assign(letters=0, income=at_decision["score"] * 700, note="new")
    about = "an explanation of 200 rows with 7 features, and 50 applications as they came in"
    got = as_names(run(answer, explained, at_decision, about=about), [*names, "note"], "features")
    wrong = [*sorted(got - {"calls", "visits"}), *sorted({"calls", "visits"} - got)]
    return f"{replies('3.6-c')[wrong[0]]} It was called with {about}." if wrong else None


@cache
def _lender() -> tuple[Any, Any, pd.DataFrame, np.ndarray, pd.DataFrame]:
    """Return a fair model, one that uses sex, past applications, who was granted, and refused."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng, n = np.random.default_rng(6), 600
    X = pd.DataFrame({"age": rng.integers(20, 70, n), "income": rng.integers(18, 90, n) * 1_000})
    X["amount"] = rng.integers(2, 30, n) * 1_000
    X["late_payments"], X["woman"] = rng.poisson(0.8, n), rng.integers(0, 2, n)
    z = (X - X.mean()) / X.std()
    odds = 1 + z["income"] - z["amount"] - 1.2 * z["late_payments"] + 0.8 * z["age"]
    fair = make_pipeline(StandardScaler(), LogisticRegression())
    fair.fit(X, odds + rng.logistic(size=n) / 2 > 0)
    unfair = deepcopy(fair)
    fair[-1].coef_[0, 4], unfair[-1].coef_[0, 4] = 0, -3
    granted = fair.predict(X)
    return fair, unfair, X[:400], granted[:400], X[400:][~granted[400:]]


def _reasons(answer: Any) -> str | None:
    from helpers.explanation import Explainer, Phrase, Reasons, reason_codes

    fair, unfair, past, granted, refused = _lender()
    book = {one: Phrase("{value}") for one in past}
    exact, said = Explainer(fair, past[granted]), {}
    for place in range(12):
        one = refused.iloc[[place]]
        about = f"a refused applicant with {one.iloc[0].to_dict()}"
        got = run(answer, fair, past, granted, one, about=about)
        if not isinstance(got, Reasons):
            return f"Expected what reason_codes returns, got {type(got).__name__}."
        right, table = reason_codes(exact(one), adverse="low", phrases=book), got.to_frame()
        shares = [t.set_index("feature")["share"] for t in (table, right.to_frame())]
        if shares[0].sub(shares[1], fill_value=0).abs().max() > 0.12:  # a sample: 0.09; all: 0.16
            yours, theirs = (", ".join(f"{k} {v:.0%}" for k, v in s.items()) for s in shares)
            return (
                f"For {about} your reasons are {yours}; against those who were granted they are "
                f"{theirs}. Whom do you compare with, how many of them, and which side is adverse?"
            )
        for row in table.itertuples():
            said.setdefault(row.feature, {})[row.value] = row.reason
            if not row.phrased:
                return f"Your phrase book has no phrase for {row.feature!r}."
            if row.changeable == {"age": True, "amount": False}.get(row.feature):
                return replies("3.6-d")[row.feature]
        if not got.may_be_sent:
            return f"A fair model, and your book stops the letter: {'; '.join(got.notes)}."
    for feature, texts in said.items():
        if len(texts) > 1 and len(set(texts.values())) == 1:
            return f"The reason {feature} reads alike for all. How could she check the record?"
    woman = refused[refused["woman"] == 1].iloc[[0]]
    got = run(answer, unfair, past, granted, woman, about="a model that uses sex")
    if not got.to_frame()["phrased"].all():
        return "Your phrase book has no phrase for 'woman'. May it be a reason? Let the book say."
    if got.may_be_sent:
        return "A model counts it against her that she is a woman, and your book sends the letter."
    return None


def _plan(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_3_6.advice import STEPS, outcome

    if not isinstance(answer, Mapping) or set(answer) != {"advice", "margin"}:
        return "Expected a dict with 'advice', a list, and 'margin', in euro."
    advices, margin = answer["advice"], answer["margin"]
    as_names(advices, STEPS, "kinds of advice in a list")
    if isinstance(advices, set | frozenset) or not advices:
        return "Expected at least one kind of advice, as a list: their order is a part of the plan."
    if (euro := as_number(margin)) is None or euro < 0:
        return f"Expected a margin in euro, 0 or more; got {margin!r}."

    def mean(plan: list[str]) -> np.ndarray:
        return np.nan_to_num([outcome(plan, euro, seed) for seed in range(1, 9)]).mean(axis=0)

    helped, earned = mean(list(advices))
    short = f"In eight worlds {helped:.0%} get a loan, which earns {earned:.0f} euro. "
    for one in advices:
        if (alone := mean([one])[1]) < 0:
            return f"{short}Those who only {one} bring {alone:.0f} each: what did they change?"
    if helped < LEAST_HELPED:
        return f"{short}{LEAST_HELPED:.0%} are asked for: a smaller margin, or one more advice?"
    if earned < LEAST_EARNED:
        return f"{short}{LEAST_EARNED} are asked for: what do the margin and the order do to that?"
    return None


JUDGES = {
    "3.6-a": _together,
    "3.6-b": _shapley,
    "3.6-c": _suspects,
    "3.6-d": _reasons,
    "3.6-e": name("B", among="ABC", replies=replies("3.6-e")),
    "3.6-f": _plan,
}
