"""The exercises of lesson 2.8, Labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from threadpoolctl import threadpool_limits

from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.core import Exercise

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PRICES = {"early_arrears": 0, "bureau_alert": 24, "debt_adviser": 24, "collections_note": 0}
HAND_LABEL = 0.05  # like the prices: in euro an application
TARGET = 296


def _numbers(got: Any, n: int, what: str) -> np.ndarray:
    import numpy as np

    try:
        values = np.asarray(got, float)
    except (TypeError, ValueError):
        values = np.empty(0)
    if values.shape != (n,) or np.isnan(values).any():
        found = f"{np.isnan(values).sum()} NaN" if values.shape == (n,) else type(got).__name__
        raise ReplyError(f"Expected {n:,} {what}; your function returned {found}.")
    return values


def _posterior(votes: np.ndarray, prior: Any, hit: np.ndarray, false: np.ndarray) -> np.ndarray:
    import numpy as np

    odds = np.where(votes == 1, hit / false, 1) * np.where(votes == 0, (1 - hit) / (1 - false), 1)
    odds = odds.prod(axis=1) * prior / (1 - prior)
    return odds / (1 + odds)


def _e_step(answer: Any) -> str | None:
    import numpy as np

    rng = np.random.default_rng(5)
    for prior in (0.3, rng.uniform(0.05, 0.8, 60)):
        hit, false = rng.uniform(0.3, 0.8, 5), rng.uniform(0.02, 0.2, 5)
        votes = rng.choice([0, 1, np.nan], (60, 5), p=[0.45, 0.25, 0.3])
        votes[0] = np.nan  # a loan on which nobody has an opinion
        got = run(
            answer, votes, prior, hit, false, about=f"60 x 5 votes, prior {np.mean(prior):.2f}"
        )
        got = _numbers(got, 60, "probabilities, one for each loan")
        slips = {
            "No opinion is counted as silence. A source that knows nothing of a loan must leave "
            "its odds as they were.": (np.nan_to_num(votes), prior),
            "Only warnings count in your odds. Silence speaks, too: of the loans that will "
            "default, fewer are silent.": (np.where(votes == 0, np.nan, votes), prior),
            "The prior is missing: where nobody has an opinion, it is all there is.": (votes, 0.5),
        }
        if not np.allclose(got, _posterior(votes, prior, hit, false), atol=1e-6):
            for reply, (seen, start) in slips.items():
                if np.allclose(got, _posterior(seen, start, hit, false), atol=1e-6):
                    return reply
            return (
                f"The first loan has no vote, and a prior of {np.ravel(prior)[0]:.3f}: you say "
                + (f"{got[0]:.3f}. Odds of the prior, times one factor for each opinion; then p.")
            )
    return None


@cache
def _gossips(seed: int) -> tuple[pd.DataFrame, pd.Series, set[str], set[str]]:
    """Return votes of six sources, the truth, who copies whom, and who is nearly always right."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    truth = rng.random(200) < 0.35
    rates = [(0.92, 0.02), (0.9, 0.03), (0.55, 0.05), (0.45, 0.08), (0.25, 0.02), (0.5, 0.1)]
    votes = np.column_stack([rng.random(200) < np.where(truth, *rate) for rate in rates])
    original, copier = rng.permutation([2, 3, 5])[:2]
    votes[:, copier] = np.where(rng.random(200) < 0.8, votes[:, original], votes[:, copier])
    names = rng.permutation(["branch", "bureau", "adviser", "letters", "calls", "arrears"])
    frame = pd.DataFrame(votes.astype(int), columns=names).iloc[:, rng.permutation(6)]
    return frame, pd.Series(truth.astype(int)), set(names[[original, copier]]), set(names[:2])


def _copying(answer: Any) -> str | None:
    for seed in range(20):
        votes, truth, pair, experts = _gossips(seed)
        got = run(answer, votes, truth, about="200 votes of 6 sources and 200 outcomes")
        if not isinstance(got, set | tuple | list) or not all(isinstance(x, str) for x in got):
            return f"Expected the names of two sources; your function returned {got!r}."
        if len(set(got)) != 2 or not set(got) <= set(votes):
            return f"Expected two of {list(votes)}; your function returned {got!r}."
        if set(got) == experts:
            return (
                f"Bank {seed + 1}: {got} agree because both are nearly always right. Two that know "
                "the truth agree on it. How much is left among loans with the same outcome?"
            )
        if set(got) != pair:
            return (
                f"Bank {seed + 1}: not {got}. Sources that seldom warn agree by being silent "
                "together; compare with what chance gives, among the defaults and among the rest."
            )
    return None


def _calibrate(answer: Any) -> str | None:
    import numpy as np

    rng, loss = np.random.default_rng(8), []
    for _ in range(30):
        z = rng.normal(-1, 1.4, 2_100)
        p, stated = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(rng.choice([0.9, -0.9]) - 0.55 * z))
        outcome = (rng.random(100) < p[:100]).astype(int)
        got = run(answer, stated[:100], outcome, stated[100:], about="100 hand labels, 2,000 risks")
        got = _numbers(got, 2_000, "risks, one for each loan to decide on")
        if (got < 0).any() or (got > 1).any():
            return "Risks are from 0 to 1, and some of yours are not."
        risks = (got, stated[100:], np.full(2_000, outcome.mean()), p[100:])
        loss.append([-np.mean(p[100:] * np.log(q) + (1 - p[100:]) * np.log(1 - q))
                     for q in np.clip(risks, 1e-3, 1 - 1e-3)])  # fmt: skip
    mine, before, constant, best = np.mean(loss, axis=0)
    text = f"Over 30 banks your log loss is {mine:.3f}; {before:.3f} before, {best:.3f} at best."
    if mine < best + 0.17 * (before - best):
        return None
    if mine > before - 0.1 * (before - best):
        same = np.isclose(mine, constant, atol=1e-3)
        return f"{text} " + (
            "You give every loan the same risk: the level is right, and who is risky is lost."
            if same
            else "The hand labels have not helped: they say how the stated risks should be bent."
        )
    if mine < best + 0.35 * (before - best):
        return (
            f"{text} The level is right, and it is one number. Are risks spread as they should be?"
        )
    return f"{text} Better. But 100 labels carry two numbers, not a staircase, and need a scale."


@cache
@threadpool_limits.wrap(limits=1)  # many small fits: two threads wait for each other
def _earned(sources: tuple[str, ...], vote: str, hand: int) -> float:
    """Return what a plan earns in six other recessions, before costs."""
    import numpy as np

    from helpers import world
    from helpers.course.lesson_2_8 import bank as room

    euro = []
    for seed in range(11, 17):
        lender, rng = room.bank(seed), np.random.default_rng(seed)
        rates = {name: (h * rng.uniform(0.7, 1.1), f * rng.uniform(0.5, 2))
                 for name, (h, f) in world.SIGNS.items()}  # fmt: skip
        rates["collections_note"] = rates["early_arrears"]
        votes = lender.votes(rates=rates)[:, [room.SOURCES.index(name) for name in sources]]
        model = room.fit(lender.X, lender.labels(votes, vote))
        known, risk = (model.predict_proba(X)[:, 1] for X in (lender.X, lender.X_test))
        for draw in range(5 if hand else 1):
            rows = np.random.default_rng([seed, draw]).choice(len(known), hand, False)
            right = room.platt(known[rows], lender.y[rows], risk) if hand else risk
            euro.append(lender.earned(right))
    return float(np.mean(euro))


def _plan(answer: Any) -> str | None:
    if not isinstance(answer, Mapping) or set(answer) != {"sources", "labels", "hand"}:
        return "Expected a dict with the keys 'sources', 'labels' and 'hand'."
    sources, vote, hand = (answer[key] for key in ("sources", "labels", "hand"))
    if not isinstance(sources, list | tuple | set) or not sources or set(sources) - set(PRICES):
        return f"'sources' is a list of names among {', '.join(PRICES)}."
    if vote not in ("any", "majority", "label model"):
        return "'labels' is 'any', 'majority' or 'label model'."
    if vote != "any" and len(set(sources)) < 2:
        return f"With one source there is nothing to count or to weigh: {vote!r} needs two or more."
    if type(hand) is not int or not (hand == 0 or 25 <= hand <= 1_000):
        return "'hand' is 0 or a whole number from 25 to 1,000: fewer may hold no default at all."
    chosen = tuple(name for name in PRICES if name in sources)
    gross, cost = _earned(chosen, vote, hand), sum(map(PRICES.get, chosen)) + HAND_LABEL * hand
    text = f"It earns {gross:.1f} euro an application and costs {cost:.1f}: {gross - cost:.1f}."
    if gross - cost >= TARGET:
        return None
    if vote == "label model" and {"early_arrears", "collections_note"} <= set(chosen):
        return f"{text} Your label model hears one of its sources twice."
    if cost > 40:
        return f"{text} Take the dearest part away and look again: what had it added?"
    if vote == "label model" and hand:
        return f"{text} This label model's level is right; what do hand labels do to it?"
    return f"{text} The labels are crude, and too few hand labels, or none, mend them."


@cache
def _images() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    return load_digits(return_X_y=True)


@threadpool_limits.wrap(limits=1)
def _learn(draw: int, pick: Callable[..., Any]) -> float:
    """Return the accuracy on digits after 100 labels, bought 20 at a time."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    (X, y), model = _images(), LogisticRegression(C=10, max_iter=500)
    order = np.random.default_rng(50 + draw).permutation(len(y))
    test, have, pool = order[:600], order[600:620], order[620:]
    while len(have) < 100:
        at = pick(model.fit(X[have] / 16, y[have]), X[pool] / 16, 20)
        have, pool = np.r_[have, pool[at]], np.delete(pool, at)
    return model.fit(X[have] / 16, y[have]).score(X[test] / 16, y[test])


@cache
def _by_chance() -> float:
    import numpy as np

    return float(np.mean([_learn(draw, lambda model, X, n: np.arange(n)) for draw in range(5)]))


def _pick(answer: Any) -> str | None:
    import numpy as np

    surer = []  # than the others in the pool

    def pick(model: Any, X: np.ndarray, n: int) -> np.ndarray:
        got = run(answer, model, X, n, about=f"a model, {len(X):,} images and n = {n}")
        at = _numbers(got, n, "positions in X")
        if (at % 1).any() or (at < 0).any() or (at >= len(X)).any() or len(set(at)) < n:
            raise ReplyError(f"Expected {n} different positions from 0 to {len(X) - 1}.")
        top = model.predict_proba(X).max(axis=1)
        surer.append(top[at.astype(int)].mean() > top.mean())
        return at.astype(int)

    found, chance = np.mean([_learn(draw, pick) for draw in range(5)]), _by_chance()
    text = f"Five splits: {found:.3f} of the images right; bought at random, {chance:.3f}."
    if found >= chance + 0.015:
        return None
    if np.mean(surer) > 0.9:
        return f"{text} These are images that the model is sure of: what can it learn from them?"
    return f"{text} Each image has ten numbers, one for each class: which of them say *unsure*?"


@threadpool_limits.wrap(limits=1)
def _spread(answer: Any) -> str | None:
    import numpy as np

    (X, y), right = _images(), []
    for draw in range(4):
        order = np.random.default_rng(90 + draw).permutation(len(y))[:1_500]
        few = np.where(np.arange(1_500) < 50, y[order], -1)
        got = run(answer, X[order], few, about="1,500 images with pixels from 0 to 16, 50 labelled")
        got = _numbers(got, 1_500, "digits, one for each image")[50:]
        right.append(np.mean(got == y[order[50:]]))
    text = f"Four splits: {np.mean(right):.0%} of the images without a label are right."
    if np.mean(right) >= 0.89:
        return None
    if (got == -1).mean() > 0.5:
        return f"{text} Most answers are -1, which marks a missing label and is no digit."
    if np.mean(right) < 0.3:
        return f"{text} Nothing spreads: on this scale every image is far away from every other."
    return f"{text} More is possible: ask who the neighbours of an image are, labelled or not."


# Solutions, and wrong answers that differ from them in one place.
_E_STEP = """
import numpy as np


def e_step(votes, prior, hit, false):
    warns = np.where(votes == 1, np.log(hit / false), 0)
    silent = np.where({silent}, np.log((1 - hit) / (1 - false)), 0)
    score = np.log({prior} / (1 - {prior})) + (warns + silent).sum(axis=1)
    return 1 / (1 + np.exp(-score))


answer = e_step
"""
_PAIR = """
import numpy as np


def copying_pair(votes, truth):
    bad, good = votes[truth == 1], votes[truth == 0]
    table = {table}.fillna(0).to_numpy(copy=True)
    np.fill_diagonal(table, 0)
    row, column = np.unravel_index(table.argmax(), table.shape)
    return {{votes.columns[row], votes.columns[column]}}


answer = copying_pair
"""
_CALIBRATE = """
import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression


def log_odds(p):
    return np.log(p / (1 - p))


def calibrate(hand, outcome, risk):
    return {}


answer = calibrate
"""
_SPREAD = """
from sklearn.linear_model import LogisticRegression
from sklearn.semi_supervised import LabelSpreading


def spread(images, few):
    linear = LogisticRegression(C=10, max_iter=500)
    return {}


answer = spread
"""
_PLAN = 'answer = {{"sources": {}, "labels": {!r}, "hand": {}}}'
_OWN = '["early_arrears", "bureau_alert"]'

EXERCISES = [
    Exercise(
        id="2.8-a",
        kind="code",
        question="A function e_step(votes, prior, hit, false): probabilities; NaN is no opinion.",
        judge=_e_step,
        hints=(
            "Work with log-odds: the prior's, plus a number for each vote, 0 where it is NaN.",
            "`np.where(votes == 1, np.log(hit / false), 0)` are the warnings' numbers.",
        ),
        solution=_E_STEP.format(silent="votes == 0", prior="prior"),
        wrong=(
            (_E_STEP.format(silent="votes != 1", prior="prior"), "as silence"),
            (_E_STEP.format(silent="False", prior="prior"), "Only warnings"),
            (_E_STEP.format(silent="votes == 0", prior="0.5"), "prior is missing"),
            ("lambda votes, prior, hit, false: prior + votes @ (hit - false)", "NaN"),
            ("lambda votes, prior, hit, false: (votes == 1).mean(axis=1)", "first loan"),
        ),
        right="That is right, on votes of which a third is missing. In Snorkel a missing vote is "
        "-1.",
    ),
    Exercise(
        id="2.8-b",
        kind="code",
        question="A function copying_pair(votes, truth): the names of the two that are one source.",
        judge=_copying,
        hints=(
            "Two honest sources are independent *given the outcome*: look within each outcome.",
            "`votes[truth == 1].corr()`, and the same for 0. Which pair stands out? "
            "(To change the numbers, take `.to_numpy(copy=True)`.)",
        ),
        solution=_PAIR.format(table="(bad.corr() + good.corr())"),
        wrong=(
            (_PAIR.format(table="votes.corr()"), "nearly always right"),
            (_PAIR.format(table="bad.T.dot(bad)"), "nearly always right"),
            (_PAIR.format(table="good.apply(lambda a: good.eq(a, axis=0).mean())"), "silent"),
            ("lambda votes, truth: votes.corr()", "Expected the names"),
            ("lambda votes, truth: ('collections_note', 'early_arrears')", "Expected two of"),
        ),
        right="That is right in 20 banks, where the two that agree most were the honest experts.",
    ),
    Exercise(
        id="2.8-c",
        kind="code",
        question="A function calibrate(hand, outcome, risk): the risks, corrected by hand labels.",
        judge=_calibrate,
        hints=(
            "A model of one feature, the log-odds of the stated risk, and of the outcome.",
            "scikit-learn wants a column: `log_odds(hand).reshape(-1, 1)`.",
        ),
        solution=_CALIBRATE.format(
            "LogisticRegression().fit(log_odds(hand)[:, None], outcome).predict_proba("
            "\n        log_odds(risk)[:, None])[:, 1]"
        ),
        wrong=(
            (_CALIBRATE.format("risk"), "not helped"),
            (_CALIBRATE.format("risk * outcome.mean() / hand.mean()"), "Risks are from"),
            (
                _CALIBRATE.format(
                    "1 / (1 + np.exp(log_odds(hand.mean()) - log_odds(risk) - "
                    "log_odds(outcome.mean())))"
                ),
                "The level is right",
            ),
            (_CALIBRATE.format("np.full(len(risk), outcome.mean())"), "same risk"),
            (
                _CALIBRATE.format(
                    "IsotonicRegression(out_of_bounds='clip').fit(hand, outcome).predict(risk)"
                ),
                "staircase",
            ),
        ),
        right="That is right, over 30 banks: two numbers, learned from 100 loans.",
    ),
    Exercise(
        id="2.8-d",
        kind="design",
        question="A plan as a dict (sources, labels, hand) that earns 296 euro after its costs.",
        judge=_plan,
        hints=(
            "Begin with what costs nothing, and read in the reply what each addition brings.",
            "Two roads lead there: hand labels mend a crude label set; a label model needs sources "
            "that do not copy each other, and hardly any hand label.",
        ),
        solution=_PLAN.format(_OWN, "label model", 0),
        wrong=(
            (_PLAN.format(list(PRICES), "label model", 0), "one of its sources twice"),
            (_PLAN.format(list(PRICES)[:3], "label model", 0), "Take the dearest part"),
            (_PLAN.format(_OWN, "label model", 100), "level is right"),
            (_PLAN.format("['early_arrears']", "any", 50), "too few hand labels"),
            (_PLAN.format("['early_arrears']", "majority", 0), "needs two or more"),
            (_PLAN.format("['early_arrears']", "any", 1), "no default at all"),
        ),
        right="That is right, in six recessions with other rates. Free sources with about 200 hand "
        "labels do it, and so do two that do not copy each other, without any.",
    ),
    Exercise(
        id="2.8-e",
        kind="code",
        question="A function pick(model, X, n): positions of the n images worth a label.",
        judge=_pick,
        hints=(
            "`predict_proba` has ten numbers for each image. What are they when it hesitates?",
            "Margin: sort each row; the largest number less the next one is small.",
        ),
        solution="""
import numpy as np


def pick(model, X, n):
    rows = np.sort(model.predict_proba(X), axis=1)
    return np.argsort(rows[:, -1] - rows[:, -2])[:n]


answer = pick
""",
        wrong=(
            ("lambda model, X, n: model.predict_proba(X).max(axis=1).argsort()[-n:]", "is sure of"),
            ("lambda m, X, n: abs(m.predict_proba(X)[:, 1] - 0.5).argsort()[:n]", "ten numbers"),
            ("lambda model, X, n: range(n)", "ten numbers"),
            ("lambda model, X, n: model.predict_proba(X).max(axis=1)[:n]", "different positions"),
            ("lambda model, X, n: X[:n]", "positions in X"),
        ),
        right="That is right: on digits, where doubt comes from the model and not from the world.",
    ),
    Exercise(
        id="2.8-f",
        kind="code",
        question="A function spread(images, few): a digit for each image; -1 in few is no label.",
        judge=_spread,
        hints=(
            "`LabelSpreading().fit(X, few)` takes the -1 as they are; see its `transduction_`.",
            "Its kernel falls to nothing within a distance of about 1: on which scale are pixels?",
        ),
        solution=_SPREAD.format("LabelSpreading().fit(images / 16, few).transduction_"),
        wrong=(
            (_SPREAD.format("LabelSpreading().fit(images, few).transduction_"), "Nothing spreads"),
            (
                _SPREAD.format("linear.fit(images[few >= 0], few[few >= 0]).predict(images)"),
                "neigh",
            ),
            (_SPREAD.format("linear.fit(images / 16, few).predict(images / 16)"), "answers are -1"),
            ("lambda images, few: images", "one for each image"),
        ),
        right="That is right. It needs what digits have and loans lack: neighbours that are alike.",
    ),
]
