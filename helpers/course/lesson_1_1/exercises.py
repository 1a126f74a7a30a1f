"""The exercises of lesson 1.1, Lifecycle and scoping."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from helpers.course.exercises.calls import run
from helpers.course.exercises.judges import as_number, as_numbers, assigned, number
from helpers.course.exercises.texts import replies

# What the lesson calls facts: measured or given, and not to be changed by wishing.
FACTS = {
    "known_after_decision": ["defaulted", "service_contacts"],
    "rows_in_hand": {"loan book": 18_000, "partner": 0},
    "labelled_rows_per_month": 1_000,
    "label_delay_days": 365,
    "decisions_per_month": 1_800,
    "peak_per_second": 5,
    "stages_ms": {"network": 40, "credit bureau": 200, "model": 20, "reasons": 30},
    "model_ms": 20,
    "dependencies": {"credit bureau": 0.995, "database": 0.999, "own service": 0.999},
    "rollback_minutes": 15,
    "cost_per_thousand": 380,
}
CONSENTED = {"income", "amount", "term_months", "late_payments", "utilization", "service_contacts"}
WORLDS = range(12)
LEAST_MEAN, LEAST_WORST = 0.9e6, -2e6  # euro; the solution has 1.2 and -1.8 million


def _value(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(11)
    texts = replies("1.1-b")
    for n, shift in ((3_000, 0.0), (400, 0.0), (3_000, 2_000.0)):
        bad = rng.random(n) < 0.15
        brought = pd.Series(np.where(bad, -6_000, 1_700) * rng.gamma(2, 0.5, n) - shift)
        model = pd.Series(rng.random(n) < np.where(bad, 0.6, 0.2), index=brought.index[::-1])
        today = rng.random(n) < np.where(bad, 0.5, 0.3)
        about = f"{n:,} loans, refused by the model and today: arrays of True and False"
        args = brought.to_numpy(), model.to_numpy(), today
        got = as_numbers(run(answer, *args, about=about), (3,), "numbers: mean, low, high")
        gain = args[0] * (~args[1]) - args[0] * (~today)
        error = 1.96 * gain.std() / math.sqrt(n)
        right = np.array([gain.mean(), gain.mean() - error, gain.mean() + error])
        off = (got[1:] - right[1:]) / error  # a bootstrap's differ a little; 90 % are too few
        mean = bool(abs(got[0] - right[0]) < 0.3)
        if mean and np.abs(off).max() < 0.3 and abs(off[1] - off[0]) < 0.26:
            continue
        apart = math.hypot(*(1.96 * (args[0] * ~r).std() / math.sqrt(n) for r in (args[1], today)))
        slips = {
            "sign": np.allclose(got[0], -right[0], atol=0.3),
            "sum": abs(got[0]) > 50 * abs(right[0]),
            "today": np.allclose(got[0], (args[0] * ~args[1]).mean(), atol=0.3),
            "order": mean and got[1] > got[2],
            "apart": mean and abs(got[2] - got[0] - apart) < 1,
            "interval": mean,
        }
        reply = next((texts[slip] for slip, made in slips.items() if made), texts["other"])
        return f"{reply} It was called with {about}, and returned {np.round(got, 1).tolist()}."
    return None


def _choose(answer: Any) -> str | None:
    import pandas as pd

    texts = replies("1.1-d")
    columns = ["granted", "defaults among them", "euro", "p99"]
    rows = [[0.3, 0.04, 400, 90], [0.6, 0.06, 700, 90], [0.8, 0.08, 840, 95], [0.9, 0.12, 790, 99]]
    table = pd.DataFrame(rows, columns=columns, index=pd.Index([0.05, 0.1, 0.2, 0.4], name="limit"))
    cases: list[tuple[dict, float | None, str]] = [
        ({}, 0.2, "free"),
        ({}, 0.4, "column"),
        ({"defaults among them": ("at most", 0.07)}, 0.1, "bound"),
        ({"granted": ("at least", 0.85)}, 0.4, "bound"),
        ({"granted": ("at least", 0.8), "p99": ("at most", 95)}, 0.2, "edge"),
        ({"granted": ("at least", 0.5), "defaults among them": ("at most", 0.05)}, None, "none"),
    ]
    for bounds, right, which in cases:
        optimize = "granted" if which == "column" else "euro"
        about = f"this table, {optimize!r} and {bounds}:\n{table}"
        got = run(answer, table.copy(), optimize, bounds, about=about)
        value = as_number(got)
        if (got is not None) if right is None else (value is None or abs(value - right) > 1e-9):
            return f"{texts[which]} It was called with {about}\nand returned {got!r}."
    return None


_WAITS = [
    ((8_000, 0, 1_800, 0.7, 0.8, 12), "usual"),
    ((8_000, 5_000, 1_800, 0.7, 0.8, 12), "in hand"),
    ((8_000, 9_000, 1_800, 0.7, 0.8, 12), "enough"),
    ((2_000, 0, 500, 0.5, 0.9, 6), "usual"),
    ((2_000, 0, 500, 0.5, 0.0, 6), "never"),
    ((2_000, 2_000, 500, 0.5, 0.0, 6), "enough"),
]


def _wait(answer: Any) -> str | None:
    names = ["rows", "in_hand", "per_month", "granted", "consent", "delay"]
    for case, which in _WAITS:
        about = ", ".join(f"{name}={value:,}" for name, value in zip(names, case, strict=True))
        got = as_number(run(answer, *case, about=about))
        rows, in_hand, per_month, granted, consent, delay = case
        lack, usable = max(0, rows - in_hand), per_month * granted * consent
        right = 0.0 if not lack else delay + lack / usable if usable else math.inf
        whole = right if math.isinf(right) else math.ceil(right)  # months may be counted as wholes
        if got is None or not (math.isclose(got, right, abs_tol=0.05) or got == whole):
            more = [per_month * share for share in (1, granted, consent) if share]
            if got is not None and lack and usable and abs(got - lack / usable) < 0.1:
                which = "delay"
            elif got is not None and lack and min(abs(got - delay - lack / m) for m in more) < 0.1:
                which = "labels"
            return f"{replies('1.1-e')[which]} It was called with {about}, and returned {got!r}."
    return None


def _promise(answer: Any) -> str | None:
    texts = replies("1.1-f")
    cases: list[tuple[dict, dict]] = [
        ({"network": 30, "features": 120, "model": 15}, {"bureau": 0.99, "database": 0.999}),
        ({"model": 8}, {"one": 0.9, "two": 0.8, "three": 0.7}),
        ({"network": 30, "model": 15}, {}),
    ]
    for stages, dependencies in cases:
        about = f"{stages} and {dependencies}"
        given = run(answer, stages, dependencies, about=about)
        ms, minutes = as_numbers(given, (2,), "numbers: milliseconds and minutes").tolist()
        month, up = 43_200, math.prod(dependencies.values())
        if not math.isclose(ms, sum(stages.values())):
            which = "slowest" if math.isclose(ms, max(stages.values())) else "ms"
            which = "order" if math.isclose(minutes, sum(stages.values())) else which
        elif math.isclose(minutes, month * (1 - up), abs_tol=1):
            continue
        elif math.isclose(minutes, month * up, abs_tol=0.01):
            which = "up"
        elif math.isclose(minutes, month * sum(1 - one for one in dependencies.values())):
            which = "sum"
        else:
            which = "minutes"
        return f"{texts[which]} It was called with {about}, and returned {given!r}."
    return None


def _design(answer: Any) -> str | None:
    from helpers.course.lesson_1_1.design_document import write

    if not isinstance(answer, Mapping):
        return "Expected a dict of entries, such as draft | {'answer_within_ms': 50}."
    try:
        page = write(answer)
    except ValueError as error:
        return str(error)
    for name, fact in FACTS.items():
        if name in page.entries and page.entries[name] != fact:
            return f"{name} is a fact and stays {fact}. Change what the team chooses."
    if page.contradictions:
        more = len(page.contradictions) - 1
        return f"{page.contradictions[0]} And {more} more." if more else str(page.contradictions[0])
    if page.missing:
        return f"Still open: {', '.join(page.missing)}."
    return _agreed(page.entries) or _earned(page.entries)


def _agreed(entries: Mapping[str, Any]) -> str | None:
    """Return what in a consistent page goes against what is agreed."""
    texts = replies("1.1-g")
    if asked := sorted(set(entries["consent"]) - CONSENTED):
        return f"Customers consent, not the team: nobody asked them about {', '.join(asked)}."
    short = [
        name for name in ("decision", "today", "why_a_model") if len(entries[name].split()) < 4
    ]
    if short:
        return f"{short[0]}: who was not in the room will read {entries[short[0]]!r}. Write it out."
    above = entries["value_per_year"] / entries["decisions_per_month"] / 12
    kept = {
        "value": 86 <= above <= 178,  # section 3's interval
        "cost": entries["cost_per_year"] >= 720_000,
        "batch": entries["serving"] == "online",
        "slow": entries["answer_within_ms"] <= 500,
        "down": entries["availability"] >= 0.99,
        "features": len(set(entries["features"])) >= 4,
        "watch": entries["monitors_inputs"] and entries["monitors_labels"],
        "late": min(entries["monitors_inputs"].values(), default=0) <= 31,
        "risks": entries["risks"],
        "built": entries["launch_in_months"] >= 4,
    }
    return next((texts[name] for name, good in kept.items() if not good), None)


def _earned(entries: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the euro that a page earns in 36 months."""
    import numpy as np

    from helpers.course.lesson_1_1 import pilot

    words = {
        "source": pilot.SOURCES,
        "first_model": ("linear", "trees"),
        "optimize": tuple(pilot.METRICS),
        "stopped_by": tuple(pilot.SIGNALS),
    }
    plan = {}
    for name, known in words.items():
        text = entries[name].lower()
        named = [one for one in known if one in text] or [one for one in known if one[:4] in text]
        if len(named) != 1:
            found = " and ".join(map(repr, named)) or "none of them"
            return f"{name}: name one of {', '.join(map(repr, known))}; {text!r} names {found}."
        plan[name] = named[0]
    source, model, metric, signal = plan.values()
    rows, launch = int(entries["rows_needed"]), entries["launch_in_months"]
    if rows < 250:
        return "Who has seen a model learn from so few rows? The learning curve begins at 250."
    results = [pilot.outcome(seed, source, model, rows, launch, metric, signal) for seed in WORLDS]
    euro, granted = np.array(results).T
    if granted.mean() < entries["guardrails"].get("granted at least", 0):
        return f"The guardrail breaks: this page's model grants {granted.mean():.0%}."
    short = (
        f"In twelve worlds, 36 months each, this page earns {euro.mean() / 1e6:.1f} million euro "
        f"above the rule on average, {euro.min() / 1e6:.1f} in the worst. "
    )
    if euro.mean() >= LEAST_MEAN and euro.min() >= LEAST_WORST:
        return None
    texts = replies("1.1-g")
    which = (
        "metric" if metric != "profit"
        else "wait" if source == pilot.PARTNER
        else "signal" if signal != "late instalments"
        else "both" if source == pilot.BOTH
        else "later"
    )  # fmt: skip
    return short + texts[which]


JUDGES = {
    "1.1-a": number(0.1, within=0.003, replies=replies("1.1-a")),
    "1.1-b": _value,
    "1.1-c": assigned(
        {"age": "rule", "repay": "model", "letters": "model", "mergers": "people"},
        values=("rule", "model", "people"),
        replies=replies("1.1-c"),
    ),
    "1.1-d": _choose,
    "1.1-e": _wait,
    "1.1-f": _promise,
    "1.1-g": _design,
}
