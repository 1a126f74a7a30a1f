"""The judges of lesson 1.1, Lifecycle and scoping."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.course.exercises.calls import run
from helpers.course.exercises.judges import as_numbers, assigned, behaves, first_reply, number, slip
from helpers.course.exercises.texts import replies
from helpers.course.lesson_1_1 import pilot
from helpers.course.lesson_1_1.design_document import review

CASES = tomllib.loads(Path(__file__).with_name("cases.toml").read_text(encoding="utf-8"))
WORLDS = range(12)
LEAST_MEAN, LEAST_WORST = 0.9e6, -2e6  # euro; the solution has 1.2 and -1.8 million
CHOICES = {"first_model": pilot.MODELS, "optimize": pilot.METRICS, "stopped_by": pilot.SIGNALS}


def _slip(id: str, got: Sequence, slips: Mapping[str, tuple], within: tuple, about: str) -> str:
    """Return the reply to the first slip that begins with such numbers; "" is no slip."""
    pairs = {which: zip(got, n, within, strict=False) for which, n in slips.items()}
    near = {which: all(abs(a - b) <= most for a, b, most in n) for which, n in pairs.items()}
    which = next(which for which, fits in near.items() if fits)
    shown = f"It was called with {about}, and returned {np.round(got[:3], 1).tolist()}."
    return which and f"{replies(id)[which]} {shown}"


def _value(answer: Any) -> Iterator[str]:
    rng = np.random.default_rng(11)
    for n, shift in ((3_000, 0), (400, 0), (3_000, 2_000)):
        bad = rng.random(n) < 0.15
        brought = np.where(bad, -6_000, 1_700) * rng.gamma(2, 0.5, n) - shift
        model = rng.random(n) < np.where(bad, 0.6, 0.2)
        today = rng.random(n) < np.where(bad, 0.5, 0.3)
        about = f"{n:,} loans, refused by the model and today: arrays of True and False"
        got = run(answer, brought, model, today, about=about)
        got = as_numbers(got, (3,), "numbers: mean, low, high")
        new, old = brought * ~model, brought * ~today
        mean, wide = (new - old).mean(), 1.96 / math.sqrt(n)
        error, apart = wide * (new - old).std(), wide * math.hypot(new.std(), old.std())
        slips = {
            "": (mean, mean - error, mean + error, 2 * error),
            "sign": (-mean,),
            "sum": (n * mean,),
            "today": (new.mean(),),
            "order": (mean, mean + error, mean - error),
            "apart": (mean, mean - apart, mean + apart),
            "interval": (mean,),
            "other": (),
        }
        # The ends of a bootstrap differ; its width, the last number, by less than that of 90 %.
        within = (0.3, 0.3 * error, 0.3 * error, 0.26 * error)
        yield _slip("1.1-b", [*got, got[2] - got[1]], slips, within, about)


def _wait(answer: Any) -> Iterator[str]:
    for which, case in CASES["wait"].items():
        rows, in_hand, per_month, granted, consent, delay = case.values()
        shares = {"right": granted * consent, "all": 1, "granted": granted, "consented": consent}
        wait = max(0, rows - in_hand) / per_month  # for so many applications
        slips = {who: delay + wait / share if share else math.inf for who, share in shares.items()}
        right = slips["right"] if wait else 0.0
        slips |= {"delay": right - delay, "rounded": np.ceil(right)}
        texts = replies("1.1-e") | dict.fromkeys(("right", "else"), replies("1.1-e")[which])
        yield slip(answer, tuple(case.values()), right, slips, texts, str(case))


def _promise(answer: Any) -> Iterator[str]:
    for case in CASES["promise"]:
        stages, dependencies = case.values()
        about = f"{stages} and {dependencies}"
        given = run(answer, stages, dependencies, about=about)
        got = as_numbers(given, (2,), "numbers: milliseconds and minutes")
        ms, shares, month = sum(stages.values()), dependencies.values(), 43_200
        up = math.prod(shares)
        slips = {
            "": (ms, month * (1 - up)),
            "up": (ms, month * up),
            "sum": (ms, month * sum(1 - share for share in shares)),
            "minutes": (ms,),
            "order": (month * (1 - up), ms),
            "slowest": (max(stages.values()),),
            "ms": (),
        }
        yield _slip("1.1-f", got, slips, (1e-6, 1), about)


def _design(page: Any) -> Iterator[str]:
    texts = replies("1.1-g")
    if not isinstance(page, Mapping):
        yield "Expected a dict of entries, such as draft | {'answer_within_ms': 50}."
    for name, fact in CASES["facts"].items():
        if page.get(name, fact) != fact:
            yield f"{name} is a fact and stays {fact}. Change what the team chooses."
    try:
        found = review(page)
    except ValueError as error:
        yield str(error)
    if found:
        yield found[0] + (f" And {len(found) - 1} more." if found[1:] else "")
    for name in ("decision", "today", "why_a_model"):
        if len(page[name].split()) < 4:
            yield f"{name}: who was not in the room will read {page[name]!r}. Write it out."
    for name, known in CHOICES.items():
        if page[name] not in known:
            yield f"{name} is {page[name]!r}; expected {' or '.join(map(repr, known))}."
    for name, (least, most) in CASES["agreed"].items():
        yield "" if least <= page[name] <= most else texts[name]
    yield "" if len({*page["features"]}) >= 4 else texts["features"]
    yield "" if page["monitors_inputs"] and page["monitors_labels"] else texts["watch"]
    yield "" if min(page["monitors_inputs"].values()) <= 31 else texts["late"]
    yield "" if page["risks"] else texts["risks"]
    euro, granted = np.array([pilot.outcome(seed, page) for seed in WORLDS]).T
    if granted.mean() < page["guardrails"].get("granted at least", 0):
        yield f"The guardrail breaks: this page's model grants {granted.mean():.0%}."
    slips = {
        "metric": page["optimize"] != "profit",
        "wait": page["source"] == "partner",
        "signal": page["stopped_by"] != "late instalments",
        "both": page["source"] == "both",
    }
    if euro.mean() < LEAST_MEAN or euro.min() < LEAST_WORST:
        yield (
            f"In twelve worlds, 36 months each, this page earns {euro.mean() / 1e6:.1f} million "
            f"euro above the rule on average, {euro.min() / 1e6:.1f} in the worst. "
        ) + next((texts[slip] for slip, made in slips.items() if made), texts["later"])


JUDGES = {
    "1.1-a": number(0.1, within=0.003, replies=replies("1.1-a")),
    "1.1-b": first_reply(_value),
    "1.1-c": assigned(
        {"age": "rule", "repay": "model", "letters": "model", "mergers": "people"},
        values=("rule", "model", "people"),
        replies=replies("1.1-c"),
    ),
    "1.1-d": behaves([
        ((pd.DataFrame(CASES["limits"]).set_index("limit"), *case["given"]), case.get("right"),
         replies("1.1-d")[case["reply"]])
        for case in CASES["choose"]
    ]),
    "1.1-e": first_reply(_wait),
    "1.1-f": first_reply(_promise),
    "1.1-g": first_reply(_design),
}  # fmt: skip
