"""The judges of lesson 4.5, Progressive delivery; texts and replies are in exercises.toml."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.calls import ReplyError, function, kind_of, run
from helpers.course.exercises.judges import as_number, chosen
from helpers.course.exercises.texts import replies

if TYPE_CHECKING:  # a report of the exercises must not wait for them
    import numpy as np
    import pandas as pd

    from helpers.rollout import Analysis, Batch

_BAR = 0.18


def _slip(
    answer: Callable, arguments: tuple, right: float, slips: dict, id: str, about: str
) -> str:
    """Return nothing, or the reply to the mistake that gives a learner's number."""
    returned = run(answer, *arguments, about=about)
    if (got := as_number(returned)) is None:
        return f"Expected that your function returns a number; it returned {kind_of(returned)}."
    if math.isclose(got, right, abs_tol=1e-9):
        return ""
    near = (name for name, value in slips.items() if math.isclose(got, value, abs_tol=1e-9))
    return f"{replies(id)[next(near, 'else')]} It was called with {about}; it returned {got:.4g}."


def _observed(rng: np.random.Generator, n: int, differ: float, lost: float) -> pd.DataFrame:
    """Return what a router saw: answers of the stable model, and copies of the requests."""
    import numpy as np
    import pandas as pd

    live = rng.beta(1.2, 6, n)
    copy = np.where(rng.random(n) < differ, 2 * _BAR - live, live)
    kind = rng.choice(["", "no answer", "score is nan"], n, p=[1 - 2 * lost, lost, lost])
    copied = [
        None if k == "no answer" else [np.nan if k else c] for k, c in zip(kind, copy, strict=True)
    ]
    kept = [[score] for score in live]
    columns = ("shadow", "variant", "scores", "error", "live_scores")
    rows = [(False, "stable", score, "", None) for score in kept]
    rows += [(True, "candidate", *each) for each in zip(copied, kind, kept, strict=True)]
    return pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=1, ignore_index=True)


def _shadow(answer: Any) -> str | None:
    import numpy as np

    for seed, n, differ, lost in ((1, 300, 0.3, 0.0), (2, 400, 0.1, 0.06), (3, 250, 0.02, 0.2)):
        frame = _observed(np.random.default_rng(seed), n, differ, lost)
        copies = frame[frame["shadow"]]
        live = copies["live_scores"].str[0].astype(float) >= _BAR
        score = copies["scores"].str[0].astype(float)
        silent, changed = score.isna(), (score >= _BAR) != live
        wrong = int((changed | silent).sum())
        slips = {
            "answers": wrong / len(frame),
            "silent": changed[~silent].mean(),
            "nan": changed.mean(),
            "shares": abs((score >= _BAR).mean() - live.mean()),
            "percent": 100 * wrong / n,
            "count": wrong,
        }
        about = f"{n} answers and {n} copies"
        if reply := _slip(answer, (frame,), wrong / n, slips, "4.5-a", about):
            return reply
    return None


def _requests(rng: np.random.Generator, n: int, of: int, case: dict[str, float]) -> Batch:
    """Play requests of users, n of them for the candidate, and the mirrored ones."""
    import numpy as np

    from helpers.rollout import Batch, Sample

    before, turned = rng.beta(1.2, 6, of), rng.random(of) < case.get("differ", 0)
    failed = rng.random(n) < 0.02 + case.get("errors", 0)
    score = np.where(failed, np.nan, case.get("lower", 1) * rng.beta(1.2, 6, n))
    return Batch(
        Sample(rng.random(of - n) < 0.02, rng.gamma(9, 0.6, of - n), before[n:]),
        Sample(failed, case.get("slow", 1) * rng.gamma(9, 0.6, n), score),
        np.column_stack([before, np.where(turned, 2 * _BAR - before, before)])[n:],
    )


def _promoted(analysis: Analysis, case: dict[str, float], seed: int) -> bool:
    import numpy as np

    from helpers.course.lesson_4_5.planner import STEPS
    from helpers.rollout import Evidence

    rng, evidence = np.random.default_rng(seed), Evidence(analysis)
    for step in STEPS:
        each = round(400 * step)
        for at in range(0, analysis.step_requests, each):
            n = min(each, analysis.step_requests - at)
            evidence.add(_requests(rng, n, round(n / step), case))
            if evidence.guilty():
                return False
    return True


def _design(answer: Any) -> str | None:
    from helpers.course.lesson_4_5.planner import days
    from helpers.rollout import Analysis

    said = replies("4.5-d")
    if not isinstance(answer, Analysis):
        return f"Expected an Analysis of helpers.rollout, got {kind_of(answer)}."
    if answer.alpha > 0.05:
        return said["alpha"].replace("GOT", f"{100 * answer.alpha:g}")
    if (long := days(answer.step_requests)) > 21:
        return said["days"].replace("GOT", f"{long:.0f}")
    worlds = (  # roll-outs, and how many of them may go wrong
        ("slow", {"slow": 2.1}, 6, 0),
        ("version 2", {"differ": 0.28, "lower": 0.5}, 6, 0),
        ("errors", {"errors": 0.06}, 40, 4),
        ("honest", {"differ": 0.2, "slow": 1.1}, 30, 1),
    )
    try:
        for name, case, runs, most in worlds:
            ends = [_promoted(answer, case, seed) for seed in range(runs)]
            if (wrong := ends.count(name != "honest")) > most:
                return said[name].replace("GOT", f"{wrong} of {runs}")
    except Exception as problem:  # a metric of the learner's own
        return f"The roll-out fails with it: {type(problem).__name__}: {problem}"
    return None


def _months(answer: Any) -> str | None:
    from scipy.stats import norm

    z, one_sided = (norm.ppf(level) + norm.ppf(0.8) for level in (0.975, 0.95))
    cases = ((0.08, 0.01, 6_000, 0.5), (0.15, 0.02, 900, 0.5), (0.05, 0.01, 4_000, 0.1))
    for rate, difference, loans, share in cases:
        halves = 4 * z**2 * rate * (1 - rate) / difference**2 / loans
        n = halves / (4 * share * (1 - share))
        slips = {
            "year": math.ceil(n),
            "down": math.ceil(n) + 11,
            "round": n + 12,
            "share": math.ceil(halves) + 12,
            "half": math.ceil(halves / 2) + 12,
            "smaller": math.ceil(halves / 2 / min(share, 1 - share)) + 12,
            "one-sided": math.ceil(n * (one_sided / z) ** 2) + 12,
        }
        given, about = (rate, difference, loans, share), f"{rate}, {difference}, {loans}, {share}"
        if reply := _slip(answer, given, math.ceil(n) + 12, slips, "4.5-e", about):
            return reply
    return None


def _sticky(answer: Any) -> str | None:
    from unittest.mock import patch

    said, customers = replies("4.5-i"), [f"customer {i}" for i in range(3_000)]

    def in_b(salt: str, share: float, order: int = 1) -> set[str]:
        def given() -> dict[str, Any]:
            return {customer: answer(customer, salt, share) for customer in customers[::order]}

        found = run(given, about=f"a customer, salt={salt!r} and share={share}")
        for one in found.values():
            if not isinstance(one, str) or one not in ("A", "B"):
                raise ReplyError(f'Expected "A" or "B"; got {one!r:.80}.')
        return {customer for customer in customers if found[customer] == "B"}

    function(answer)
    half, few, more = (in_b("spring", share) for share in (0.5, 0.05, 0.25))
    if in_b("spring", 0.5, -1) != half:
        return said["again"]
    with patch("builtins.hash", lambda key: len(str(key)) * 7_919):  # as in another process
        if in_b("spring", 0.5) != half:
            return said["restart"]
    for part, share in ((half, 0.5), (few, 0.05), (more, 0.25)):
        if abs((found := len(part) / 3_000) - share) > 4 * math.sqrt(share * (1 - share) / 3_000):
            return said["share"].replace("GOT", f"{found:.0%}").replace("ASKED", f"{share:.0%}")
    if few - more:
        return said["moved"].replace("GOT", str(len(few - more)))
    both = len(half & in_b("autumn", 0.5)) / len(half)
    return None if abs(both - 0.5) < 0.06 else said["salt"].replace("GOT", f"{both:.0%}")


class _Bank:
    """Pays a loan out, once for each key; `plan` says what becomes of its answers."""

    def __init__(self, *plan: str) -> None:
        self.plan, self.tries, self.paid = list(plan), 0, {}

    def send(self, order: dict[str, Any], key: object) -> str:
        self.tries += 1
        event = self.plan.pop(0) if self.plan else ""
        if event == "refused":
            raise ValueError("the account is closed")
        if event != "lost before":
            self.paid.setdefault(str(key), order["order"])
        if event:
            raise TimeoutError("no answer")
        return f"order {self.paid[str(key)]} paid"


def _retry(answer: Any) -> str | None:
    said = replies("4.5-g")

    def pay(bank: _Bank, number: int) -> object:
        order, bank.tries = {"order": number, "customer": "customer 17", "amount": 9_000}, 0
        try:
            return run(answer, order, bank.send, about="an order, and a send as described")
        except ReplyError as failed:
            if isinstance(failed.__cause__, TimeoutError | ValueError):
                return type(failed.__cause__)
            raise

    first = _Bank("lost before")
    if pay(first, 4711) != "order 4711 paid":
        return said["retry" if first.tries < 2 else "answer"]
    bank = _Bank(*["lost after"] * 3, *["lost before"] * 9)
    end = pay(bank, 4711)
    if len(bank.paid) > 1:
        return said["twice"].replace("GOT", str(len(bank.paid)))
    if bank.tries != 3 or end is not TimeoutError:
        return said["swallowed" if bank.tries == 3 else "tries"].replace("GOT", str(bank.tries))
    bank.plan = []
    pay(bank, 4711)  # the program was started again
    if len(bank.paid) > 1:
        return said["restart"]
    if pay(bank, 4712) != "order 4712 paid":
        return said["other"]
    bank.plan = ["refused"] * 3
    refused = pay(bank, 4713) is ValueError and bank.tries == 1
    return None if refused else said["refused"].replace("GOT", str(bank.tries))


def _bandit(answer: Any) -> str | None:
    import numpy as np

    from helpers.course.lesson_4_5.bandit import play

    def often() -> list[Any]:
        rng, n, mean = np.random.default_rng(1), (400.0, 100.0), (700.0, 800.0)
        return [answer(np.array(n), np.array(mean), 1_000.0, rng) for _ in range(400)]

    def regrets() -> list[float]:
        """Return the regret in new worlds of three versions, as a share of that of chance."""
        shares = []
        for seed in range(12):
            rng = np.random.default_rng(seed)
            means = rng.permutation([500.0, 700.0, 900.0]) + rng.normal(0, 30, 3)
            given = play(answer, rng.normal(means, 800.0, (1_200, 3)), 800.0)
            shares.append((means.max() - means[given]).mean() / (means.max() - means.mean()))
        return shares

    function(answer)
    said = replies("4.5-j")
    given = [as_number(one) for one in run(often, about="n=[400, 100], mean=[700, 800]")]
    if any(one not in (0, 1) for one in given):
        return said["number"]
    second = np.mean(given)
    share = np.mean(run(regrets, about="n, mean and sigma of three versions"))
    if share < 0.33 and 0.7 < second < 0.93:
        return None
    kinds = {"greedy": second == 1, "worst": second < 0.3, "sigma": second < 0.6, "else": True}
    slip = next(name for name, found in kinds.items() if found)
    return said[slip].replace("GOT", f"{share:.0%}").replace("SECOND", f"{second:.0%}")


def _argo(answer: Any) -> str | None:
    from helpers.course.lesson_4_5.argo import metric_of, phase

    metric = metric_of(answer)
    share = {"version 2": lambda at: 0.28, "late": lambda at: 0.28 if at > 300 else 0.12}
    share |= {"honest": lambda at: 0.13, "odd": lambda at: 0.28 if 180 < at <= 240 else 0.12}
    wanted = {"version 2": "Failed", "honest": "Successful", "odd": "Successful", "late": "Failed"}
    for kind, right in {**wanted, "empty": "Inconclusive", "nan": "Inconclusive"}.items():

        def measured(at: float, kind: str = kind) -> list[float]:
            if kind not in share:
                return [math.nan] if kind == "nan" else []
            before = 0.05 if kind == "version 2" else 0.32  # what is left of the other split
            return [before if at < 120 else share[kind](at) + 0.02 * math.sin(at)]

        if (got := phase(metric, measured)) != right:
            return replies("4.5-h")[kind].replace("GOT", got)
    return None


JUDGES = {
    "4.5-a": _shadow,
    "4.5-d": _design,
    "4.5-i": _sticky,
    "4.5-e": _months,
    "4.5-f": chosen({"A", "C"}, among="ABCDEF", extra=replies("4.5-f"), missing=replies("4.5-f")),
    "4.5-j": _bandit,
    "4.5-g": _retry,
    "4.5-h": _argo,
}
