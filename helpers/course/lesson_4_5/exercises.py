"""The judges of lesson 4.5, Progressive delivery; texts and replies are in exercises.toml."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import partial
from typing import Any

from helpers.course.exercises.calls import ReplyError, function, kind_of, restarted, run
from helpers.course.exercises.judges import as_number, chosen, slip
from helpers.course.exercises.texts import replies

_BAR = 0.18
_FIELDS = {"count": None, "failureLimit": 0, "inconclusiveLimit": 0, "consecutiveErrorLimit": 4}
_FIELDS |= {"initialDelay": "0s", "interval": "0s"}
_OTHERS = {"name", "provider", "successCondition", "failureCondition"}


def _shadow(answer: Any) -> str | None:
    import numpy as np
    import pandas as pd

    for seed, n, differ, lost in ((1, 300, 0.3, 0.0), (2, 400, 0.1, 0.12), (3, 250, 0.02, 0.4)):
        rng = np.random.default_rng(seed)
        live = rng.beta(1.2, 6, n)
        shadow = np.where(rng.random(n) < differ, 2 * _BAR - live, live)
        live[:20], shadow[:20] = _BAR, 0.12  # exactly on the bar
        shadow[silent := rng.random(n) < lost] = np.nan
        kept, said = ([[one] for one in scores] for scores in (live, shadow))
        said = [None if quiet and i % 2 else said[i] for i, quiet in enumerate(silent)]
        frame = pd.DataFrame({"request": [*range(n)] * 2, "shadow": np.repeat([False, True], n)})
        frame["variant"] = np.where(frame["shadow"], "candidate", "stable")
        frame["live_scores"] = pd.Series([None] * n + kept, dtype=object)
        frame["scores"] = pd.Series(kept + said, dtype=object)
        frame["error"] = np.where([False] * n + [*silent], "no score", "")
        other = (refused := shadow >= _BAR) != (before := live >= _BAR)
        wrong = (other | silent).mean()
        slips = {
            "answers": wrong / 2,
            "users": (before.mean() + other.mean()) / 2,
            "percent": 100 * wrong,
            "bar": (((shadow > _BAR) != (live > _BAR)) | silent).mean(),
            "silent": other[~silent].mean(),
            "None": other[[one is not None for one in said]].mean(),
            "nan": other.mean(),
            "shares": abs(refused.mean() - before.mean()),
            "count": round(n * wrong),
        }
        frame = frame.sample(frac=1, random_state=1, ignore_index=True)
        if reply := slip(answer, (frame,), wrong, slips, replies("4.5-a"), f"{n} applications"):
            return reply
    return None


def _guilty(analysis: Any, seed: int, errors: float, differ: float, slow: float) -> str | None:
    """Play a roll-out whose candidate is worse by so much: why it is rolled back, or nothing."""
    import numpy as np

    from helpers.course.lesson_4_5.planner import RATE, STEPS
    from helpers.rollout import Batch, Evidence, Sample

    rng, evidence = np.random.default_rng(seed), Evidence(analysis)
    for step in STEPS:
        for at in range(0, analysis.step_requests, round(400 * step)):
            n = min(round(400 * step), analysis.step_requests - at)
            others = round(n / step) - n
            before, score = rng.beta(1.2, 6, others), rng.beta(1.2, 6, n)
            turned = np.where(rng.random(others) < differ, 2 * _BAR - before, before)
            failed = rng.random(n) < RATE + errors
            stable = Sample(rng.random(others) < RATE, rng.gamma(9, 0.6, others), before)
            candidate = Sample(failed, slow * rng.gamma(9, 0.6, n), np.where(failed, np.nan, score))
            evidence.add(Batch(stable, candidate, np.column_stack([before, turned])))
            if why := evidence.guilty():
                return why
    return None


def _design(answer: Any) -> str | None:
    from helpers.course.lesson_4_5.planner import days
    from helpers.rollout import Analysis

    said = replies("4.5-b")
    if not isinstance(answer, Analysis):
        return f"Expected an Analysis of helpers.rollout, got {kind_of(answer)}."
    measures = {"alpha": (100 * answer.alpha, 5), "days": (days(answer.step_requests), 21)}
    for name, (value, most) in measures.items():
        if value > most:
            return said[name].replace("GOT", f"{value:.3g}")
    worlds = {  # errors, decisions, latency; roll-outs, and how many of them may go wrong
        "slow": ((0.0, 0.02, 2.0), 6, 0),
        "errors": ((0.06, 0.02, 1.0), 40, 4),
        "version 2": ((0.0, 0.26, 1.0), 6, 0),
        "honest": ((0.0, 0.2, 1.1), 30, 1),
    }
    try:
        for name, (case, runs, most) in worlds.items():
            why = [end for seed in range(runs) if (end := _guilty(answer, seed, *case))]
            if (wrong := len(why) if name == "honest" else runs - len(why)) > most:
                return (
                    said[name].replace("GOT", f"{wrong} of {runs}").replace("WHY", "".join(why[:1]))
                )
    except Exception as problem:  # a metric of the learner's own
        return f"The roll-out fails with it: {type(problem).__name__}: {problem}"
    return None


def _months(answer: Any) -> str | None:
    from scipy.stats import norm

    z, one_sided = (norm.ppf(level) + norm.ppf(0.8) for level in (0.975, 0.95))
    cases = ((0.08, 0.01, 600, 0.5), (0.15, 0.02, 900, 0.5), (0.05, 0.01, 4_000, 0.1))
    for rate, difference, loans, share in cases:
        halves = 4 * z**2 * rate * (1 - rate) / difference**2 / loans
        n = halves / (4 * share * (1 - share))
        other = {"share": halves, "half": halves / 2, "one-sided": n * (one_sided / z) ** 2}
        other |= {"smaller": halves / 2 / min(share, 1 - share), "variance": n / (1 - rate)}
        other |= {"power": n * (norm.ppf(0.975) / z) ** 2}
        slips = {"year": math.ceil(n), "down": math.ceil(n) + 11, "round": n + 12}
        slips |= {name: math.ceil(months) + 12 for name, months in other.items()}
        given, about = (rate, difference, loans, share), f"{rate}, {difference}, {loans}, {share}"
        if reply := slip(answer, given, math.ceil(n) + 12, slips, replies("4.5-d"), about):
            return reply
    return None


def _sticky(answer: Any) -> str | None:
    said, customers = replies("4.5-c"), [f"customer {i}" for i in range(3_000)]

    def in_b(salt: str, share: float, order: int = 1, by: Any = answer) -> set[str]:
        about = f"a customer, salt={salt!r} and share={share}"
        found = run(lambda: {one: by(one, salt, share) for one in customers[::order]}, about=about)
        if strange := [one for one in found.values() if str(one) not in ("A", "B")]:
            raise ReplyError(f'Expected "A" or "B"; got {strange[0]!r:.80}.')
        return {customer for customer, one in found.items() if one == "B"}

    again = restarted(answer)
    half, few, more = (in_b("spring", share) for share in (0.5, 0.05, 0.25))
    for name, order, by in (("again", -1, answer), ("restart", 1, again)):
        if in_b("spring", 0.5, order, by) != half:
            return said[name]
    for part, share in ((half, 0.5), (few, 0.05), (more, 0.25)):
        if abs((found := len(part) / 3_000) - share) > 4 * math.sqrt(share * (1 - share) / 3_000):
            return said["share"].replace("GOT", f"{found:.0%}").replace("ASKED", f"{share:.0%}")
    if few - more:
        return said["moved"].replace("GOT", str(len(few - more)))
    both = len(half & in_b("autumn", 0.5)) / len(half)
    return None if abs(both - 0.5) < 0.06 else said["salt"].replace("GOT", f"{both:.0%}")


def _retry(answer: Any) -> str | None:
    said, paid = replies("4.5-g"), {}  # what the bank paid, by key
    again = restarted(answer)

    def pay(number: int, *plan: str, by: Any = answer) -> tuple[Any, int]:
        events = []  # returned: how it ended, and how often the order was sent

        def send(order: dict[str, Any], key: object) -> str:
            events.append(plan[len(events)] if len(events) < len(plan) else "")
            if events[-1] == "refused":
                raise ValueError("the account is closed")
            if events[-1] != "lost before":
                paid.setdefault(str(key), order["order"])
            if events[-1]:
                raise TimeoutError("no answer")
            return f"order {paid[str(key)]} paid"

        order = {"order": number, "customer": "customer 17", "amount": 9_000}
        try:
            return run(by, order, send, about="an order, and a send as described"), len(events)
        except ReplyError as failed:
            if isinstance(failed.__cause__, TimeoutError | ValueError):
                return type(failed.__cause__), len(events)
            raise

    end, sent = pay(4710, "lost before")
    if end != "order 4710 paid":
        return said["retry" if sent < 2 else "answer"]
    end, sent = pay(4711, *["lost after"] * 9)
    if (times := [*paid.values()].count(4711)) > 1:
        return said["twice"].replace("GOT", str(times))
    if sent != 3 or end is not TimeoutError:
        return said["swallowed" if sent == 3 else "tries"].replace("GOT", str(sent))
    end, _ = pay(4711, by=again)
    if [*paid.values()].count(4711) > 1:
        return said["restart"]
    if end != "order 4711 paid":
        return said["other"]
    end, sent = pay(4713, *["refused"] * 9)
    return None if end is ValueError and sent == 1 else said["refused"].replace("GOT", str(sent))


def _bandit(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_4_5.planner import play

    def often(*known: float) -> list[Any]:
        rng, mean = np.random.default_rng(1), np.array([700.0, 800.0])
        return [answer(np.array(known), mean.copy(), 1_000.0, rng) for _ in range(400)]

    def regret(seed: int) -> float:
        rng = np.random.default_rng(seed)
        means = rng.permutation([500.0, 700.0, 900.0]) + rng.normal(0, 30, 3)
        given = play(answer, rng.normal(means, 800.0, (1_200, 3)), 800.0)
        return (means.max() - means[given]).mean() / (means.max() - means.mean())

    function(answer)
    said, known = replies("4.5-f"), ((400.0, 100.0), (400.0, 100.0), (4.0, 400.0))
    found = [run(often, *n, about=f"n={[*n]}, mean=[700, 800], sigma=1000") for n in known]
    if any(as_number(one) not in (0, 1) for part in found for one in part):
        return said["number"]
    second, few = np.mean(found[0]), np.mean(found[2])
    share = np.mean([run(regret, seed, about="three versions") for seed in range(12)])
    three = np.full(3, 400.0), np.array([0.0, 0.0, 900.0]), 1.0, np.random.default_rng(1)
    kinds = {
        "rng": found[0] != found[1],
        "worst": second < 0.3,
        "greedy": second == few == 1,
        "same": second in (0, 1) and few in (0, 1),
        "chance": share > 0.9,
        "two": as_number(run(answer, *three, about="three versions")) != 2,
        "sigma": second < 0.6,
        "else": share >= 0.33 or not 0.7 < second < 0.93,
    }
    reply = next((said[name] for name, so in kinds.items() if so), "")
    return reply.replace("GOT", f"{share:.0%}").replace("SECOND", f"{second:.0%}") or None


def _metric(text: Any) -> dict[str, Any]:
    """Return the metric in a piece of YAML, with Argo's defaults, and durations in seconds."""
    import yaml

    if not isinstance(text, str):
        raise ReplyError(f"Expected the YAML of a metric, as a text; got {kind_of(text)}.")
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ReplyError(f"That is not YAML (does a ! in front need quotes?): {error}") from None
    metric = found[0] if isinstance(found, list) and len(found) == 1 else found
    if not isinstance(metric, dict) or "provider" not in metric:
        raise ReplyError("Expected one metric: a list item with name, interval, provider ...")
    if unknown := [name for name in metric if name not in _OTHERS | _FIELDS.keys()]:
        raise ReplyError(f"Argo has no field {unknown[0]!r} here. Mind capital letters.")
    metric = _FIELDS | metric
    for name, default in _FIELDS.items():
        found = re.fullmatch(r"(\d{1,4})([ms]?)", str(metric[name]))
        if not found or bool(found[2]) != isinstance(default, str):
            what = "seconds or minutes: 90s, 2m" if isinstance(default, str) else "a whole number"
            raise ReplyError(f"{name} is {metric[name]!r}; expected {what}.")
        metric[name] = int(found[1]) * (60 if found[2] == "m" else 1)
    if not re.search(r"credit_decisions_differ.*=.*canary", str(metric["provider"])):
        raise ReplyError(replies("4.5-h")["query"])
    return metric


def _holds(condition: Any, result: list[float]) -> bool:
    text = re.sub(r"!(?!=)", " not ", str(condition)).replace("&&", " and ").replace("||", " or ")
    try:
        return bool(eval(text.strip(), {"len": len, "isNaN": math.isnan, "result": result}))
    except (SyntaxError, NameError, TypeError, ValueError, ArithmeticError) as error:
        raise ReplyError(f"Beyond len, isNaN, &&, || and !: {condition!r}. {error}") from None


def _phase(metric: dict[str, Any], measured: Callable[[float], list[float]]) -> str:
    """Return how the analysis of a step ends: Successful, Failed, Inconclusive or Error."""
    failed = unclear = errors = 0
    success, failure = metric.get("successCondition"), metric.get("failureCondition")
    for look in range(metric["count"]):
        result = measured(metric["initialDelay"] + look * metric["interval"])
        try:
            bad = _holds(failure, result) if failure else not _holds(success or "1", result)
            good = _holds(success, result) if success else not bad
        except IndexError:  # result[0] of nothing
            if (errors := errors + 1) > metric["consecutiveErrorLimit"]:
                return "Error"
            continue
        failed, unclear, errors = failed + bad, unclear + (not bad and not good), 0
        if failed > metric["failureLimit"] or unclear > metric["inconclusiveLimit"]:
            return "Failed" if bad else "Inconclusive"
    return "Successful"


def _argo(answer: Any) -> str | None:
    def measured(share: Callable | None, before: float, at: float) -> list[float]:
        return [before if at < 120 else share(at) + 0.02 * math.sin(at)] if share else []

    metric, stale = _metric(answer), {"version 2": 0.05}  # what is left of the other split
    for kind, right, share in (
        ("version 2", "Failed", lambda at: 0.26),
        ("honest", "Successful", lambda at: 0.13),
        ("odd", "Successful", lambda at: 0.26 if 180 < at <= 240 else 0.12),
        ("late", "Failed", lambda at: 0.26 if at > 300 else 0.12),
        ("empty", "Inconclusive", None),
        ("nan", "Inconclusive", lambda at: math.nan),
    ):
        if (got := _phase(metric, partial(measured, share, stale.get(kind, 0.32)))) != right:
            return replies("4.5-h")[kind].replace("GOT", got)
    return None


JUDGES = {
    "4.5-a": _shadow,
    "4.5-b": _design,
    "4.5-c": _sticky,
    "4.5-d": _months,
    "4.5-e": chosen({"A", "C"}, among="ABCDEF", extra=replies("4.5-e"), missing=replies("4.5-e")),
    "4.5-f": _bandit,
    "4.5-g": _retry,
    "4.5-h": _argo,
}
