"""The exercises of lesson 4.5, Progressive delivery."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from helpers.course.exercises.core import Exercise
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


EXERCISES = [
    Exercise(
        id="4.5-a",
        question="Thousands of euro that version 2 would lose in a month: a number, within 25 %.",
        judge=number(
            940,
            within=235,
            replies={
                0.94: "That is in millions. The question asks for thousands.",
                94: "That is per application. A month has 10,000 of them; mind the unit.",
                940_000: "That is in euro. The question asks for thousands.",
                6_480: "That is what version 2 earns. How much less is it than version 1?",
            },
        ),
        hints=(
            "The last column of the table, one row less the other, is for one application.",
            "Times 10,000 applications, divided by 1,000.",
        ),
        solution="answer = (742 - 648) * 10_000 / 1_000",
        wrong=(("94", "per application"), ("940_000", "in euro"), ("6_480", "How much less")),
        right="In one month, with every machine healthy. By the interval it may be half of it, or "
        "half as much again.",
    ),
    Exercise(
        id="4.5-b",
        question="What could have noticed on Friday evening: a set of letters.",
        judge=chosen(
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
        hints=(
            "Which of them need no labels and look at what the model says?",
            "Three of them.",
        ),
        solution="answer = {'B', 'D', 'F'}",
        wrong=(
            ("{'A', 'B', 'D', 'F'}", "status 200"),
            ("{'B', 'C', 'D', 'F'}", "who defaulted"),
            ("{'B', 'D'}", "Version 1"),
        ),
        right="Scores, decisions and disagreement are known at once; outcomes are not.",
    ),
    Exercise(
        id="4.5-c",
        question="The most likely reason: one letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "That may be so too, but identical models would fail in the same way: you saw "
                "how often.",
                "B": "A higher level rolls back still more good models.",
                "D": "With thousands of requests the trouble is the same: it is not their number.",
            },
        ),
        hints=(
            "What did forty looks do to two identical models?",
            "How many looks are there in a day, at one a minute?",
        ),
        solution="answer = 'C'",
        wrong=(("'A'", "identical"), ("'B'", "still more"), ("'D'", "not their number")),
        right="Either look once, at a time that was fixed before, or use a test that may be looked "
        "at always.",
    ),
    Exercise(
        id="4.5-d",
        question="An Analysis that stops three bad releases and lets an honest one pass.",
        judge=_design,
        hints=(
            "Go through the four releases: which metric sees each of the three bad ones? The "
            "margin of one of them has to let the honest release pass.",
            "The margin lies between 0.10 and 0.27, with room on both sides: on a few hundred "
            "requests chance moves a share by some hundredths.",
            "Three steps within 1,000 requests: how many may one step ask for?",
        ),
        solution="""\
from helpers.rollout import Analysis, Disagreement, ErrorRate, Latency

answer = Analysis(
    metrics=(
        ErrorRate(margin=0.01),
        Latency(95, factor=3.0),
        Disagreement(threshold=0.18, margin=0.17),
    ),
    alpha=0.01,
    step_requests=200,
)
""",
        wrong=(
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Latency(95, factor=3.0)), alpha=0.01)",
                "convicted it",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Latency(95, factor=3.0),\n"
                "    Disagreement(threshold=0.18, margin=0.17)), alpha=0.05)",
                "all metrics together",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Latency(95, factor=3.0),\n"
                "    Disagreement(threshold=0.18, margin=0.3)), alpha=0.01)",
                "convicted it",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Latency(95, factor=3.0),\n"
                "    Disagreement(threshold=0.18, margin=0.05)), alpha=0.01)",
                "one in ten differently",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((Latency(95, factor=3.0),\n"
                "    Disagreement(threshold=0.18, margin=0.17)), alpha=0.01)",
                "no number",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Disagreement(threshold=0.18, margin=0.17)),\n"
                "    alpha=0.01)",
                "five times",
            ),
            (
                "from helpers.rollout import *\n"
                "answer = Analysis((ErrorRate(), Latency(95, factor=3.0),\n"
                "    Disagreement(threshold=0.18, margin=0.17)), alpha=0.01, step_requests=5_000)",
                "still waiting",
            ),
        ),
        right="Each bad release needs a metric that sees it, and the honest one a margin that "
        "leaves it room. How much news you expect of a release is your decision.",
    ),
    Exercise(
        id="4.5-e",
        question="Months until both halves have enough loans: a whole number.",
        judge=number(
            16,
            within=0,
            replies={
                8: "That counts all loans for one half. Each half gets 3,000 a month.",
                31: "That counts the loans of both halves against those of one.",
                15: "After 15 months some loans are still missing: round up.",
                1: "That is for 2 points. A quarter of the difference takes sixteen times as many.",
            },
        ),
        hints=(
            "The last column of the table is for each half.",
            "Divide it by 3,000 and round up.",
        ),
        solution="import math\n\nanswer = math.ceil(46_215 / 3_000)",
        wrong=(("8", "Each half"), ("15", "round up"), ("1", "sixteen times")),
        right="And the defaults are known a year after the last of these loans: more than two "
        "years in all. By then there is a version 9.",
    ),
    Exercise(
        id="4.5-f",
        question="What the result supports: a set of letters.",
        judge=chosen(
            {"A", "C"},
            among="ABCDEF",
            extra={
                "B": "The difference is one of means. Most customers got the same decision from "
                "both.",
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
        hints=(
            "Which of them could be said in one sentence with the interval in it?",
            "The formula has the square of the difference: what does a fourth of n do to it?",
        ),
        solution="answer = {'A', 'C'}",
        wrong=(
            ("{'A', 'B', 'C'}", "same decision"),
            ("{'A', 'C', 'D'}", "forty looks"),
            ("{'A', 'C', 'E'}", "what else is possible"),
            ("{'A', 'C', 'F'}", "neither good nor bad"),
            ("{'A'}", "width"),
        ),
        right="One number with its interval, planned before and looked at once.",
    ),
    Exercise(
        id="4.5-g",
        question="What may be sent again: a set of letters.",
        judge=chosen(
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
        hints=(
            "No answer does not mean that nothing was done.",
            "Which may be carried out twice without harm?",
        ),
        solution="answer = {'A', 'C'}",
        wrong=(
            ("{'A', 'B'}", "paid twice"),
            ("{'A'}", "4711"),
            ("{'A', 'C', 'D'}", "two letters"),
        ),
        right="Such requests are called idempotent: once or twice, the result is the same.",
    ),
    Exercise(
        id="4.5-h",
        question="What the three files say: a set of letters.",
        judge=chosen(
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
        hints=(
            "For each of the statements there is one line of a file that decides it.",
            "Three are so.",
        ),
        solution="answer = {'B', 'C', 'F'}",
        wrong=(
            ("{'A', 'B', 'C', 'F'}", "rollingUpdate"),
            ("{'B', 'C', 'D', 'F'}", "see a score"),
            ("{'B', 'C', 'E', 'F'}", "who changes"),
            ("{'B', 'F'}", "formula"),
        ),
        right="Only one of the three can say no to a bad model, and only by what it measures.",
    ),
    Exercise(
        id="4.5-i",
        question="The steps of a careful release: a list of letters, the first step first.",
        judge=_order,
        hints=(
            "From what costs nothing to what costs most, if the model is bad.",
            "Two steps need no server at all; two touch customers.",
        ),
        solution="answer = ['E', 'B', 'D', 'A', 'C']",
        wrong=(
            ("['D', 'B', 'E', 'A', 'C']", "cheaper"),
            ("['E', 'B', 'A', 'D', 'C']", "touches no customer"),
            ("['E', 'B', 'D', 'C', 'A']", "little harm"),
        ),
        right="And version 2 would not have got past E.",
    ),
]
