"""The exercises of lesson 2.4, Select features."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_names, as_number, chosen

if TYPE_CHECKING:
    import pandas as pd

WORLDS = range(11, 21)
LEAST_NET = 846  # euro; the solution leaves 847.7, the form without account access 842.8


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
    got = as_names(run(answer, X[:1_000], y[:1_000], 4, seconds=20, about=about), X, more=about)
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
    got = as_names(run(answer, before, after, about=about), after, more=about)
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
        got = as_names(
            run(answer, list(columns), net, about=about), columns, more=f"Called with {about}"
        )
        if got != expected:
            kept = ", ".join(sorted(got)) or "nothing"
            return f"{reply} Called with {about[:-1]}, your function kept {kept}."
    return None


def _plan(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_2_4 import view

    columns = as_names(answer, [*view.CANDIDATES, "service_contacts"])
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


JUDGES = {
    "2.4-a": _decide,
    "2.4-b": _pick,
    "2.4-c": _honest,
    "2.4-d": _too_late,
    "2.4-e": chosen(
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
    "2.4-f": _trim,
    "2.4-g": _plan,
}
