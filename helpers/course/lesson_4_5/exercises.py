"""The exercises of lesson 4.5, Progressive delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.judges import chosen, name, number

if TYPE_CHECKING:  # a report of the exercises must not wait for them
    import numpy as np

    from helpers.rollout import Analysis, Batch


def _order(answer: Any) -> str | None:
    letters = "ABCDE"
    if not isinstance(answer, Sequence) or any(one not in list(letters) for one in answer):
        return "Expected a list: the five letters, in quotes, in your order."
    if sorted(answer) != list(letters):
        return "Each of the five letters belongs in the list once."
    place = {letter: i for i, letter in enumerate(answer)}
    if place["E"] > place["D"] or place["B"] > place["D"]:
        return "What can be found without a server comes before what needs one: it is cheaper."
    if place["D"] > place["A"]:
        return "What touches no customer comes before what touches some."
    if place["C"] < place["A"]:
        return "A test on half of the users, for months, comes when little harm is to be feared."
    return None


def _requests(
    rng: np.random.Generator, n: int, *, differ: float, lower: float, silent: float, slow: float
) -> Batch:
    """Play 100 requests of users, n of them for the candidate, and the mirrored ones."""
    import numpy as np

    from helpers.rollout import Batch, Sample

    def scores(count: int) -> np.ndarray:
        return rng.beta(1.2, 6, count)

    def latencies(count: int) -> np.ndarray:
        return rng.gamma(9, 0.6, count)

    def some_silent(score: np.ndarray) -> np.ndarray:
        return np.where(rng.random(len(score)) < silent, np.nan, score)

    before, candidate = scores(100), some_silent(lower * scores(n))
    turned = np.where(rng.random(100) < differ, 0.36 - before, before)  # beyond 0.18
    return Batch(
        Sample(np.zeros(100 - n, bool), latencies(100 - n), scores(100 - n)),
        Sample(np.isnan(candidate), slow * latencies(n), candidate),
        np.column_stack([before, some_silent(turned)]),
    )


def _outcome(
    analysis: Analysis,
    requests: int,
    *,
    differ: float = 0.0,
    lower: float = 1.0,
    silent: float = 0.0,
    slow: float = 1.0,
) -> str:
    """State of a roll-out after so many requests of its candidate."""
    import numpy as np

    from helpers.rollout import Rollout

    rollout = Rollout(steps=(0.05, 0.25, 0.5, 1.0), analysis=analysis)
    rng, seen = np.random.default_rng(45), 0
    while rollout.state == "running" and seen < requests:
        n = round(100 * rollout.weight)
        rollout.observe(_requests(rng, n, differ=differ, lower=lower, silent=silent, slow=slow))
        seen += n
    return rollout.state


def _design(answer: Any) -> str | None:
    from helpers.rollout import Analysis

    if not isinstance(answer, Analysis):
        return "Expected an Analysis, such as Analysis(metrics=(ErrorRate(), ...), alpha=...)."
    if answer.alpha > 0.01:
        return (
            f"Your alpha allows {100 * answer.alpha:g} % of the releases that are not worse to be "
            "rolled back. It holds for the whole roll-out and all metrics together already."
        )
    try:
        if _outcome(answer, 2_000, differ=0.27, lower=0.5) != "rolled back":
            return (
                "A candidate like version 2 is promoted. Which metric convicted it in section 4, "
                "and by how much may it be worse in yours?"
            )
        if _outcome(answer, 2_000, silent=0.1) != "rolled back":
            return "A candidate that answers no number to every tenth customer is promoted."
        if _outcome(answer, 2_000, slow=5) != "rolled back":
            return "A candidate that takes five times as long is promoted."
        honest = _outcome(answer, 1_000, differ=0.10)
    except Exception as problem:  # a metric of the learner's own
        return f"The roll-out fails with it: {type(problem).__name__}: {problem}"
    if honest == "rolled back":
        return (
            "The honest version, which decides one in ten differently, is rolled back. A better "
            "model must differ somewhere: leave room above what is measured of it by chance."
        )
    if honest == "running":
        return (
            "The honest version is still waiting after 1,000 of its requests: three steps have to "
            "be passed within them."
        )
    return None


JUDGES = {
    "4.5-a": number(
        940,
        within=235,
        replies={
            0.94: "That is in millions. The question asks for thousands.",
            94: "That is per application. A month has 10,000 of them; mind the unit.",
            940_000: "That is in euro. The question asks for thousands.",
            6_480: "That is what version 2 earns. How much less is it than version 1?",
        },
    ),
    "4.5-b": chosen(
        {"B", "D", "F"},
        among="ABCDEF",
        extra={
            "A": "Every request was answered with status 200: a wrong score is no error to a "
            "server.",
            "C": "The AUC needs to know who defaulted. When is that known of Friday's loans?",
            "E": "Both versions answer equally fast.",
        },
        missing={
            "B": "What happened to the mean score?",
            "D": "What happened to the share that was granted?",
            "F": "Version 1 was still there to be asked.",
        },
    ),
    "4.5-c": name(
        "C",
        among="ABCD",
        replies={
            "A": "That may be so too, but identical models would fail in the same way: you saw "
            "how often.",
            "B": "A higher level rolls back still more good models.",
            "D": "With thousands of requests the trouble is the same: it is not their number.",
        },
    ),
    "4.5-d": _design,
    "4.5-e": number(
        16,
        within=0,
        replies={
            8: "That counts all loans for one half. Each half gets 3,000 a month.",
            31: "That counts the loans of both halves against those of one.",
            15: "After 15 months some loans are still missing: round up.",
            1: "That is for 2 points. A quarter of the difference takes sixteen times as many.",
        },
    ),
    "4.5-f": chosen(
        {"A", "C"},
        among="ABCDEF",
        extra={
            "B": "The difference is one of means. Most customers got the same decision from both.",
            "D": "The 95 % are for one look. What did forty looks do in section 4?",
            "E": "To have found no difference is not to have shown that there is none: the "
            "interval says what else is possible.",
            "F": "To lend more is neither good nor bad. What was the test made to measure?",
        },
        missing={
            "A": "On which side of 0 does the whole interval lie?",
            "C": "How does the width depend on the number in each half?",
        },
    ),
    "4.5-g": chosen(
        {"A", "C"},
        among="ABCD",
        extra={
            "B": "The first server may have paid before it died: then it is paid twice.",
            "D": "The first server may have sent it before it died: two letters.",
        },
        missing={
            "A": "What does a prediction change?",
            "C": "What happens when the order 4711 comes a second time?",
        },
    ),
    "4.5-h": chosen(
        {"B", "C", "F"},
        among="ABCDEF",
        extra={
            "A": "Read the two numbers of rollingUpdate again: which of them may be missing?",
            "D": "What does the readinessProbe ask for, and does it see a score?",
            "E": "Read the comment above the file: who changes the number?",
        },
        missing={
            "B": "What is asked before a pod gets requests?",
            "C": "Put the numbers into the formula, with the target that stands in the file.",
            "F": "What stands between `setWeight: 5` and `setWeight: 25`?",
        },
    ),
    "4.5-i": _order,
}
