"""The exercises of lesson 1.1, Lifecycle and scoping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from helpers.course.exercises.core import Exercise
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


# The page of the solution, and what the wrong answers change in it.
_SOLUTION = """\
answer = {
    "title": "Loans at the partner's counter",
    "decision": "Whether a partner's customer gets a loan; the credit desk's.",
    "today": "A rule: refuse who was late twice, or with instalments above a fifth of income.",
    "why_a_model": "It earns some 110 euro more per application than the rule.",
    "value_per_year": 2_300_000,
    "cost_per_year": 720_000,
    "optimize": "profit per application",
    "guardrails": {"granted": "not below 60 %", "p99": "300 ms"},
    "features": ["income", "amount", "term_months", "late_payments", "utilization"],
    "known_after_decision": ["defaulted", "service_contacts"],
    "consent": ["income", "amount", "term_months", "late_payments", "utilization"],
    "rows_needed": 4_000,
    "rows_in_hand": 0,
    "labelled_rows_per_month": 1_000,
    "label_delay_days": 365,
    "launch_in_months": 17,
    "first_model": "A linear model; trees when there are more than 8,000 rows.",
    "serving": "online",
    "decisions_per_month": 1_800,
    "peak_per_second": 5,
    "answer_within_ms": 300,
    "stages_ms": {"network": 40, "credit bureau": 200, "model": 20, "reasons": 30},
    "model_ms": 20,
    "replicas": 2,
    "availability": 0.993,
    "dependencies": {"credit bureau": 0.995, "database": 0.999, "own service": 0.999},
    "rollback_minutes": 15,
    "cost_per_thousand": 380,
    "monitors_inputs": {"incomes drift": 7, "scores drift": 7},
    "monitors_labels": {"more defaults than expected": 395},
    "risks": {"a group is wronged": "Ada", "data drift unseen": "Ben", "leak": "Ada"},
}
"""


def _changed(**entries: Any) -> str:
    return f"{_SOLUTION}answer |= {entries!r}\n"


EXERCISES = [
    Exercise(
        id="1.1-a",
        question="The risk above which one refuses: a number, within 0.003.",
        judge=number(
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
        hints=(
            "At the limit p, granting brings nothing on average.",
            "(1 - p) x 400 = p x 3,600. Solve it for p.",
        ),
        solution="answer = 400 / (400 + 3_600)",
        wrong=(
            ("400 / 3_600", "odds"),
            ("0.5", "weighed the same"),
            ("0.9", "repaying"),
            ("10", "percent"),
        ),
        right="The limit follows from money, not from the model. Whoever sets it to one half has "
        "set a price without knowing.",
    ),
    Exercise(
        id="1.1-b",
        question="A dict from 'age', 'repay', 'letters', 'mergers' to 'rule', 'model' or 'people'.",
        judge=assigned(
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
        hints=(
            "Can the answer be written down? How often is it asked? Does the outcome come back?",
            "Two of the four are for a model.",
        ),
        solution="answer = {'age': 'rule', 'repay': 'model', 'letters': 'model', "
        "'mergers': 'people'}",
        wrong=(
            (
                "{'age': 'model', 'repay': 'model', 'letters': 'model', 'mergers': 'people'}",
                "in the law",
            ),
            (
                "{'age': 'rule', 'repay': 'model', 'letters': 'model', 'mergers': 'model'}",
                "How many examples",
            ),
            (
                "{'age': 'rule', 'repay': 'model', 'letters': 'rule', 'mergers': 'people'}",
                "handwritten",
            ),
            (
                "{'age': 'rule', 'repay': 'people', 'letters': 'model', 'mergers': 'people'}",
                "is one sign enough",
            ),
        ),
        right="The cheapest model is the one that was not needed. It never drifts.",
    ),
    Exercise(
        id="1.1-c",
        question="A dict from 'sales', 'risk', 'model team' and 'bank' to a limit of the table.",
        judge=assigned(
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
        hints=(
            "Each one's metric is a column. Find its best value.",
            "Two of them are at the ends of the table.",
        ),
        solution="answer = {'sales': 0.6, 'risk': 0.05, 'model team': 0.5, 'bank': 0.2}",
        wrong=(
            (
                "{'sales': 0.05, 'risk': 0.6, 'model team': 0.5, 'bank': 0.2}",
                "share that is granted",
            ),
            ("{'sales': 0.6, 'risk': 0.05, 'model team': 0.2, 'bank': 0.2}", "accuracy"),
            ("{'sales': 0.6, 'risk': 0.05, 'model team': 0.5, 'bank': 0.5}", "money"),
            ("{'sales': 0.6, 'risk': 0.2, 'model team': 0.5, 'bank': 0.2}", "rarest"),
        ),
        right="Four reasonable people, four limits. A design names *one* metric to optimize, and "
        "turns the others into bounds that have to be kept.",
    ),
    Exercise(
        id="1.1-d",
        question="Months from the first application to 8,000 labelled rows: a number, within 0.3.",
        judge=number(
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
        hints=(
            "How many labels does a month of applications give?",
            "1,800 x 0.7 x 0.8 a month; and the last of them has to wait for its year.",
        ),
        solution="answer = 8_000 / (1_800 * 0.7 * 0.8) + 12",
        wrong=(
            ("8_000 / (1_800 * 0.7 * 0.8)", "*granted*"),
            ("8_000 / 1_800 + 12", "gives none"),
            ("8_000 / (1_800 * 0.7) + 12", "consent"),
            ("12", "first label"),
        ),
        right="Twenty months. A linear model with 2,000 rows could be there in fourteen: the data "
        "decide what is built first.",
    ),
    Exercise(
        id="1.1-e",
        question="Minutes of failure in 30 days that one has to expect: a number, within 5.",
        judge=number(
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
        hints=(
            "The request is answered if all three are up: multiply.",
            "30 days have 43,200 minutes.",
        ),
        solution="answer = (1 - 0.995 * 0.999 * 0.999) * 30 * 24 * 60",
        wrong=(
            ("(1 - 0.995) * 43_200", "bureau alone"),
            ("(1 - 0.999) * 43_200", "all three"),
            ("0.995 * 0.999 * 0.999 * 43_200", "all is well"),
            ("5.03", "hours"),
        ),
        right="Five hours. No promise above 99.3 % can be kept with this bureau, unless there is "
        "an answer without it: the rule, or a clerk.",
    ),
    Exercise(
        id="1.1-f",
        question="A dict of entries, such as draft | {...}, that is complete and consistent.",
        judge=_design,
        hints=(
            "`print(write(answer).review())` after each change; one contradiction at a time.",
            "The 18 months and the rows go together: how many labels are there by then, and which "
            "model is content with them?",
            "Outcomes may be watched, but later; what can be watched at once?",
        ),
        solution=_SOLUTION,
        wrong=(
            (_changed(answer_within_ms=50), "promised in 50 ms"),
            (_changed(stages_ms={"model": 20}), "is a fact"),
            (_changed(monitors_labels={"defaults": 30}), "exist after 365"),
            (_changed(monitors_labels={}), "watching nothing"),
            (_changed(launch_in_months=24), "too late"),
            (_changed(availability=0.9999), "promised"),
            (_changed(rows_needed=8_000), "Training needs 8,000"),
            (_changed(guardrails=...), "Still open: guardrails"),
            (_changed(risks={"leak": "everybody"}), "no one's name"),
            (_changed(risks={"leak": "team"}), "no one's name"),
            (_changed(rows_needed=1), "learning curve"),
            (
                _changed(consent=sorted(CONSENTED | {"phone_contacts"})),
                "nobody asked them about phone_contacts",
            ),
            (_changed(serving="batch", batch_every_hours=24), "every 24 hours"),
        ),
        right="It is not the design that the CEO asked for. It is one that can be built, and it "
        "says by when, by whom, and how you will notice that it failed.",
    ),
]
