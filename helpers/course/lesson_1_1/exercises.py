"""The exercises of lesson 1.1, Lifecycle and scoping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpers.course.exercises.judges import assigned, number

LIMITS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.6)
# What the lesson calls facts: measured or given, and not to be changed by wishing.
FACTS = {
    "known_after_decision": ["defaulted", "service_contacts"],
    "rows_in_hand": 0,
    "labelled_rows_per_month": 1_000,
    "label_delay_days": 365,
    "decisions_per_month": 1_800,
    "peak_per_second": 5,
    "stages_ms": {"network": 40, "credit bureau": 200, "model": 20, "reasons": 30},
    "model_ms": 20,
    "dependencies": {"credit bureau": 0.995, "database": 0.999, "own service": 0.999},
    "rollback_minutes": 15,
}
CONSENTED = {"income", "amount", "term_months", "late_payments", "utilization", "service_contacts"}
FEWEST = 250  # rows with which the lesson's learning curve begins


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
            return f"{name} is a fact, and {fact} stays {fact}. Change what the team chooses."
    if page.contradictions:
        more = len(page.contradictions) - 1
        return f"{page.contradictions[0]} And {more} more." if more else str(page.contradictions[0])
    if page.missing:
        return f"Still open: {', '.join(page.missing)}."
    asked = sorted(set(page.entries["consent"]) - CONSENTED)
    if asked:
        return f"Customers consent, not the team: nobody asked them about {', '.join(asked)}."
    if page.entries["rows_needed"] < FEWEST:
        return (
            "Consistent, but who has seen a model learn from so few rows? Read off the learning "
            "curve how many the first model needs."
        )
    if page.entries["serving"] != "online":
        return "The customer waits at the partner's counter: a batch at night is too late."
    if page.entries["launch_in_months"] > 18:
        return "Consistent, but too late: the CEO agreed to wait 18 months at most."
    if page.entries["answer_within_ms"] > 500:
        return "Consistent, but nobody waits that long: 500 ms at most."
    if page.entries["availability"] < 0.99:
        return "Consistent, but the partner wants 99 % at least."
    if len(set(page.entries["features"])) < 4:
        return "With so few features the rule of today is as good. Keep four or more."
    if not page.entries["monitors_inputs"] or not page.entries["monitors_labels"]:
        return (
            "A contradiction is not mended by watching nothing. Watch inputs or scores, which are "
            "there at once, and outcomes, when they are there."
        )
    if not page.entries["risks"]:
        return "Without risks there is nobody to own one. Keep them and name their owners."
    return None


JUDGES = {
    "1.1-a": number(
        0.1,
        within=0.003,
        replies={
            1 / 9: "Gain over loss are odds, not a probability. At the limit the expected "
            "gain of the good part equals the expected loss of the bad part.",
            0.9: "That is the probability of *repaying* at the limit.",
            0.5: "One half would be right if a good and a bad loan weighed the same.",
            10: "As a share of 1, not in percent.",
            9: "That is how many good loans one bad loan eats up.",
        },
    ),
    "1.1-b": assigned(
        {"age": "rule", "repay": "model", "letters": "model", "mergers": "people"},
        values=("rule", "model", "people"),
        replies={
            "age": "The answer is written in the law. What would there be to learn?",
            "repay": "Go through section 3's questions: is one sign enough to tell, how often "
            "is it asked, and does the outcome come back?",
            "letters": "Try to write down, as a condition, what a handwritten seven looks "
            "like. And how many clerks are 4,000 a day?",
            "mergers": "How many examples are there to learn from?",
        },
    ),
    "1.1-c": assigned(
        {"sales": 0.6, "risk": 0.05, "model team": 0.5, "bank": 0.2},
        values=LIMITS,
        replies={
            "sales": "Sales is paid by the share that is granted: where is that highest?",
            "risk": "Risk is paid by the defaults among those granted: where are they rarest?",
            "model team": "The model team is paid by accuracy: where is it highest? Mind the "
            "third digit.",
            "bank": "The bank lives on the money that is brought per application.",
        },
    ),
    "1.1-d": number(
        19.94,
        within=0.3,
        replies={
            7.94: "That is until 8,000 such loans are *granted*. When is known who defaulted?",
            4.44: "Not everybody is granted a loan and consents, and labels take a year.",
            16.44: "Of the 1,800 applications not all become labels: who is not granted, or "
            "does not consent, gives none.",
            18.35: "You left out the consent.",
            17.56: "You left out the refused, of whom nobody learns whether they would pay.",
            12: "That is the first label. Then you have one.",
            95.2: "The labels of a month all come a year later, next to each other: the year "
            "is waited for once.",
        },
    ),
    "1.1-e": number(
        301.9,
        within=5,
        replies={
            216: "That is the bureau alone. The others fail at other times.",
            43.2: "That is one of them at 99.9 %. A request needs all three.",
            86.4: "That is two of the three. A request needs all three.",
            5.03: "In hours; the question asks for minutes.",
            0.00699: "That is the share. Of how many minutes?",
            60: "Take the shares of 30 days: 43,200 minutes.",
            42_898: "That is how long all is well.",
        },
    ),
    "1.1-f": _design,
}
