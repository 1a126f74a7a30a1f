"""The exercises of lesson 3.5, Fairness."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from helpers.course.exercises.calls import ReplyError, kind_of, run
from helpers.course.exercises.judges import as_number, as_numbers, assigned, number
from helpers.course.exercises.texts import replies

if TYPE_CHECKING:
    import pandas as pd

SHOWN = ["applications", "refused", "good refused"]
MONTHS = [f"2025-{month:02}" for month in range(1, 7)]
WORLDS = range(31, 46)
# In force: gap 0.058. The solution: 0.033, 6 euro, 0.42 defaults. Member 1: 0.043, 51 euro.
MOST_GAP, MOST_EURO, MOST_DEFAULTS = 0.035, 10, 0.5


def _book(seed: int, groups: str, n: int = 4_000) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Return repayments, grants and groups, in no particular order."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    code, repaid = rng.integers(0, len(groups), n), rng.integers(0, 5, n) > 0
    chance = 0.3 + 0.3 * repaid + 0.1 * code
    columns = repaid.astype(int), (rng.random(n) < chance).astype(int), np.array(list(groups))[code]
    return tuple(pd.Series(values, index=rng.permutation(n)).sort_index() for values in columns)


def _harm(answer: Any) -> str | None:
    import pandas as pd

    for seed, groups in enumerate(("AB", "PQR")):
        y, granted, group = _book(seed, groups)
        about = f"4,000 applications in the groups {', '.join(groups)}."
        got = run(answer, y, granted, group, about=about)
        if not isinstance(got, pd.DataFrame):
            return f"Expected a DataFrame, such as the `by_group` of a frame; got {kind_of(got)}."
        if set(got) != set(SHOWN) or set(got.index) != set(groups):
            return f"Expected a row for each group and the columns {SHOWN}, got {list(got)}."
        for one in groups:
            of, refused, good = group == one, granted == 0, y == 1
            values = as_numbers(got.loc[one, SHOWN], (3,), "numbers of a group")
            right = of.sum(), refused[of].mean(), refused[of & good].mean()
            wrong = [i for i in range(3) if abs(values[i] - right[i]) > 1e-6]
            if not wrong:
                continue
            slips = {
                "granted": (~refused)[of].mean(),
                "good granted": (~refused)[of & good].mean(),
                "bad": refused[of & ~good].mean(),
                "of refused": good[of & refused].mean(),
                "of all": (good & refused)[of].mean(),
            }
            value = values[wrong[0]]
            known = [name for name, slip in slips.items() if abs(slip - value) < 1e-6]
            text = replies("3.5-a")[known[0] if known else "other"]
            return f"Group {one}: your {SHOWN[wrong[0]]!r} is {value:.3f}. {text}"
    return None


def _wall(answer: Any) -> str | None:
    known = dict(replies("3.5-c"))
    other = known.pop("other")
    found, value = number(0.0902, within=0.005, replies=known)(answer), as_number(answer)
    return found if found is None or value is None or found in known.values() else other


def _at_equal(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    for seed, (own, shift) in enumerate([(0.0, 0.4), (-0.12, 0.5), (0.1, 0.0)]):
        rng = np.random.default_rng(seed)
        group = pd.Series(np.where(rng.random(6_000) < 0.4, "A", "B"))
        income = pd.Series(np.exp(10.3 + 0.5 * rng.standard_normal(6_000) - shift * (group == "A")))
        chance = 0.3 + 0.4 * income.rank(pct=True) - own * (group == "A")
        granted = (rng.random(6_000) < chance).astype(int)
        got = run(answer, granted, group, income, about="6,000 applications of groups A and B.")
        values = as_numbers(got, (5,), "differences, one for each band of income")
        gaps = {}
        for name, cut in {"": pd.qcut, "width": pd.cut, "whole": lambda x, *_, **__: 0 * x}.items():
            rate = granted.groupby([group, cut(income, 5, labels=False)]).mean()
            gaps[name] = np.resize((rate["A"] - rate["B"]).abs().fillna(0), 5)
        gaps["order"] = np.sort(gaps[""])[values.argsort().argsort()]
        found = [n for n, gap in gaps.items() if np.allclose(values, gap, atol=3e-3)]
        if not found and np.allclose(abs(values), gaps[""], atol=3e-3):
            found = ["sign"]
        if "" not in found:
            return f"{replies('3.5-d')[(found or ['other'])[0]]} Your first is {values[0]:.3f}."
    return None


# Exercise e: seed, region and column of the fault, its factor; and who is poorer in truth. Every
# other way fails: the poorer differs more, some 80 loans have the widest gap, it is too low in the
# second, and savings are misjudged everywhere.
_FAULTS = (28, "South", "debts", 1.5, "West"), (0, "North", "claims", 0.6, "South")


@cache
def _lender(seed: int, region: str, column: str, factor: float, poor: str) -> tuple:
    """Return applications with one fault in their records, repayments, and a model's scores."""
    import numpy as np
    import pandas as pd
    from sklearn.linear_model import LogisticRegression

    rng, n, names = np.random.default_rng(seed), 20_000, ["North", "South", "West", "Isle"]
    shares = [0.25 if name == region else 0.373 for name in names[:3]] + [0.004]
    X = pd.DataFrame(rng.gamma(2.0, 0.5, (n, 3)), columns=["debts", "savings", "claims"])
    where = rng.choice(names, n, p=shares)
    X.loc[where == poor, ["debts", "claims"]] *= 1.8
    odds = 1.0 - 0.9 * X["debts"] + 2 * X["savings"].clip(upper=1) - 0.8 * X["claims"]
    repaid = (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int)
    X.loc[where == region, column] *= factor
    score = LogisticRegression().fit(X, repaid).predict_proba(X)[:, 1]
    return X.assign(region=where), pd.Series(repaid), pd.Series(score)


def _trace(answer: Any) -> str | None:
    for i, fault in enumerate(_FAULTS, 1):
        about = f"lender {i}: 20,000 loans with debts, savings, claims and region."
        got = run(answer, *_lender(*fault), about=about)
        pair = list(got) if isinstance(got, tuple | list) and len(got) == 2 else []
        if not pair or pair[0] not in ("North", "South", "West", "Isle"):
            return f"Expected a pair, a region and the name of a column; got {got!r}. {about}"
        if pair == list(fault[1:3]):
            continue
        said = f"Of lender {i} you suspect {pair[1]} in {pair[0]}. "
        slip = {"Isle": "small", fault[4]: "poor", fault[1]: "column"}.get(pair[0], "other")
        return said + replies("3.5-e")[slip]
    return None


class Outcome(NamedTuple):
    """A policy's means over the worlds: its gap, and cost and defaults beyond those in force."""

    gap: float
    cost: float
    defaults: float


@cache
def _worlds() -> list[tuple]:
    """Return for each world what a policy sees, who is a woman, true profit and risk, grants."""
    from helpers import datasets, world
    from helpers.course.linear import NUMBERS, TEXTS, linear

    model, worlds = linear(datasets.load("loans", months=MONTHS)), []
    for lender in map(world.World, WORLDS):
        loans = lender.applications("2025-11", n=4_000)
        risk, score = lender.default_probability(loans), 1 - model.predict_proba(loans)[:, 1]
        seen, women = loans[NUMBERS + TEXTS], (loans["sex"] == "female").to_numpy()
        in_force = world.profit(loans, 1 - score) > 0
        worlds.append((seen, score, women, world.profit(loans, risk), risk, in_force))
    return worlds


def effect(answer: Any) -> Outcome:
    """Return what a policy, ``answer(loans, score)``, does in the worlds."""
    import numpy as np

    about = "4,000 loans without sex and region, and the scores of the model in force."
    rows = []
    for i, (seen, score, women, profit, risk, in_force) in enumerate(_worlds()):
        got = as_numbers(run(answer, seen, score, about=about), score.shape, "decisions, 0 or 1")
        if not np.isin(got, (0, 1)).all():
            raise ReplyError("Expected decisions, 0 or 1; some are neither.")
        if not i:  # a lot with a seed falls by the place in the list
            queue = seen[::-1].reset_index(drop=True), score[::-1]
            again = as_numbers(run(answer, *queue, about=about), score.shape, "decisions, 0 or 1")
            if (got != again[::-1]).any():
                raise ReplyError(replies("3.5-f")["lot"])
        more, gap = got - in_force, got[~women].mean() - got[women].mean()
        rows.append((gap, -(profit * more).mean(), 100 * (risk * more).mean()))
    return Outcome(*np.mean(rows, axis=0))


def _policy(answer: Any) -> str | None:
    gap, cost, defaults = effect(answer)
    found = f"In {len(WORLDS)} worlds: gap {100 * gap:.1f} points, cost {cost:.0f} euro, "
    found += f"{defaults:+.2f} defaults per 100 applications. "
    limits = {
        "women": gap < -MOST_GAP,
        "cost": cost > MOST_EURO,
        "defaults": defaults > MOST_DEFAULTS,
        "gap": gap > MOST_GAP,
    }
    return next((found + replies("3.5-f")[name] for name, beyond in limits.items() if beyond), None)


# What a card owes, however it is worded.
_NOT = r"\b(not|never|no|nobody|none|cannot)\b|n't\b|un(known|observ|seen)|exclu|out of scope"
_ONLY = r"selective|only.*(grant|approv)|(grant|approv).*only"
_REFUSED = r"refus|reject|declin|denied|turned down"


def stated(number: float, text: str) -> bool:
    """Return whether a text has a number to the euro, rounded, as a word of its own."""
    return bool(re.search(rf"(?<![\d.]){number:.0f}(?!\.?\d)", text))


def _card(answer: Any) -> str | None:
    from sklearn.dummy import DummyClassifier

    from helpers import fairness
    from helpers.cards import ModelCard

    for price, error, groups in ((61.3, 17.2, "NS"), (143.6, 38.7, "UVW")):
        y, granted, group = _book(int(price), groups, 600)
        audit = fairness.audit(y, granted, sensitive_features=group, resamples=50)
        about = f"a model, an audit of {', '.join(groups)}, {price:g} and {error:g}."
        got = run(answer, DummyClassifier(), audit, price, error, about=about)
        if not isinstance(got, ModelCard):
            return f"Expected what `helpers.model_card` returns, got {kind_of(got)}."
        parts = dict(part.partition("\n")[::2] for part in got.text.split("\n## ")[1:])
        decision, limits = parts.get("Decision", ""), parts.get("Limits and caveats", "").lower()
        lacking = {
            "audit": audit.text().iloc[0, 1] not in got.text,
            "exchanged": re.search(
                rf"(±|\+ ?/?-|give or take|error\D{{,9}}) ?{price:.0f}", decision
            ),
            "round": any(
                str(int(x)) in decision and not stated(x, decision) for x in (price, error)
            ),
            "price": not stated(price, decision),
            "error": not stated(error, decision),
            "use": not re.search(_NOT, parts.get("Intended use", "").lower()),
            "limits": not re.search(_ONLY, limits)
            and not (re.search(_REFUSED, limits) and re.search(_NOT, limits)),
        }
        if failed := [name for name, bad in lacking.items() if bad]:
            return f"{replies('3.5-g')[failed[0]]} It was called with {about}"
    return None


JUDGES = {
    "3.5-a": _harm,
    "3.5-b": assigned(
        {
            "applicant": "selection_rate",
            "good applicant": "true_positive_rate",
            "bank": "precision",
            "debt adviser": "false_positive_rate",
        },
        values=("selection_rate", "true_positive_rate", "false_positive_rate", "precision"),
        replies=replies("3.5-b"),
    ),
    "3.5-c": _wall,
    "3.5-d": _at_equal,
    "3.5-e": _trace,
    "3.5-f": _policy,
    "3.5-g": _card,
}
