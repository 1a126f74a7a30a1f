"""The exercises of lesson 2.8, Labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from helpers import world
from helpers.course.exercises.calls import ReplyError, run
from helpers.course.exercises.judges import as_names, as_numbers
from helpers.course.lesson_2_8 import bank as room

PRICES = {"early_arrears": 0, "bureau_alert": 24, "debt_adviser": 24, "collections_note": 0}
HAND_LABEL = 0.05  # like the prices: in euro an application
TARGET = 296


def _posterior(votes: np.ndarray, prior: Any, hit: np.ndarray, false: np.ndarray) -> np.ndarray:
    odds = np.where(votes == 1, hit / false, 1) * np.where(votes == 0, (1 - hit) / (1 - false), 1)
    odds = odds.prod(axis=1) * prior / (1 - prior)
    return odds / (1 + odds)


def _e_step(answer: Any) -> str | None:
    rng = np.random.default_rng(5)
    for prior in (0.3, rng.uniform(0.05, 0.8, 60)):
        hit, false = rng.uniform(0.3, 0.8, 5), rng.uniform(0.02, 0.2, 5)
        votes = rng.choice([0, 1, np.nan], (60, 5), p=[0.45, 0.25, 0.3])
        votes[0] = np.nan  # a loan on which nobody has an opinion
        about = f"60 x 5 votes, prior {np.mean(prior):.2f}"
        got = run(answer, votes, prior, hit, false, about=about)
        got = as_numbers(got, (60,), "probabilities, one for each loan")
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
        if len(got := as_names(got, votes, "two sources")) != 2:
            return f"Expected two of {list(votes)}; your function returned {got!r}."
        if got == experts:
            return (
                f"Bank {seed + 1}: {got} agree because both are nearly always right. Two that know "
                "the truth agree on it. How much is left among loans with the same outcome?"
            )
        if got != pair:
            return (
                f"Bank {seed + 1}: not {got}. Sources that seldom warn agree by being silent "
                "together; compare with what chance gives, among the defaults and among the rest."
            )
    return None


def _calibrate(answer: Any) -> str | None:
    rng, loss = np.random.default_rng(8), []
    for _ in range(30):
        z = rng.normal(-1, 1.4, 2_100)
        p, stated = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(rng.choice([0.9, -0.9]) - 0.55 * z))
        outcome = (rng.random(100) < p[:100]).astype(int)
        got = run(answer, stated[:100], outcome, stated[100:], about="100 hand labels, 2,000 risks")
        got = as_numbers(got, (2_000,), "risks, one for each loan to decide on")
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
        if np.isclose(mine, constant, atol=1e-3):
            return f"{text} You give every loan the same risk: right on average, and nothing else."
        return f"{text} The hand labels have not helped: they say how risks should be bent."
    if mine < best + 0.35 * (before - best):
        return f"{text} The level is right. But are risks spread as they should be?"
    return f"{text} Better. But 100 labels carry two numbers, not a staircase, and need a scale."


@cache
@threadpool_limits.wrap(limits=1)  # many small fits: two threads wait for each other
def _earned(sources: tuple[str, ...], vote: str, hand: int) -> float:
    """Return what a plan earns in six other recessions, before costs."""
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
        return f"{text} Take the most expensive part away and look again: what had it added?"
    if vote == "label model" and hand:
        return f"{text} This label model's level is right; what do hand labels do to it?"
    return f"{text} The labels are crude, and too few hand labels, or none, mend them."


_images = cache(lambda: load_digits(return_X_y=True))


@threadpool_limits.wrap(limits=1)
def _learn(draw: int, pick: Callable[..., Any]) -> float:
    """Return the accuracy on digits after 100 labels, bought 20 at a time."""
    (X, y), model = _images(), LogisticRegression(C=10, max_iter=500)
    order = np.random.default_rng(50 + draw).permutation(len(y))
    test, have, pool = order[:600], order[600:620], order[620:]
    while len(have) < 100:
        at = pick(model.fit(X[have] / 16, y[have]), X[pool] / 16, 20)
        have, pool = np.r_[have, pool[at]], np.delete(pool, at)
    return model.fit(X[have] / 16, y[have]).score(X[test] / 16, y[test])


@cache
def _by_chance() -> float:
    return float(np.mean([_learn(draw, lambda model, X, n: np.arange(n)) for draw in range(5)]))


def _pick(answer: Any) -> str | None:
    surer = []  # than the others in the pool

    def pick(model: Any, X: np.ndarray, n: int) -> np.ndarray:
        got = run(answer, model, X, n, about=f"a model, {len(X):,} images and n = {n}")
        at = as_numbers(got, (n,), "positions in X")
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
    (X, y), right = _images(), []
    for draw in range(4):
        order = np.random.default_rng(90 + draw).permutation(len(y))[:1_500]
        few = np.where(np.arange(1_500) < 50, y[order], -1)
        got = run(answer, X[order], few, about="1,500 images with pixels from 0 to 16, 50 labelled")
        got = as_numbers(got, (1_500,), "digits, one for each image")[50:]
        right.append(np.mean(got == y[order[50:]]))
    text = f"Four splits: {np.mean(right):.0%} of the images without a label are right."
    if np.mean(right) >= 0.89:
        return None
    if (got == -1).mean() > 0.5:
        return f"{text} Most answers are -1, which marks a missing label and is no digit."
    if np.mean(right) < 0.3:
        return f"{text} Nothing spreads: on this scale every image is far away from every other."
    return f"{text} More is possible: ask who the neighbours of an image are, labelled or not."


JUDGES = {
    "2.8-a": _e_step,
    "2.8-b": _copying,
    "2.8-c": _calibrate,
    "2.8-d": _plan,
    "2.8-e": _pick,
    "2.8-f": _spread,
}
