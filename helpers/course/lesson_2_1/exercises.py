"""The exercises of lesson 2.1, Validate data."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.judges import as_number, assigned, behaves, chosen, name, number

LETTERS = "ABCDEF"
COLUMNS = (
    "application_id",
    "applied_at",
    "age",
    "sex",
    "region",
    "employment",
    "income",
    "years_employed",
    "purpose",
    "amount",
    "term_months",
    "utilization",
    "late_payments",
    "credit_history_years",
    "channel",
    "defaulted",
)


@functools.cache
def _incomes() -> tuple[Any, Any]:
    """Incomes of months without a fault, and those of the file of March as it came."""
    import pandas as pd

    from helpers import datasets, world

    good = world.World(seed=21).applications("2026-02", 100_000)["income"]
    bad = pd.read_csv(datasets.path("incoming", "2026-03_partner.csv"))["income"]
    return good, bad


def _income_range(answer: Any) -> str | None:
    if isinstance(answer, str) or not hasattr(answer, "__len__") or len(answer) != 2:
        return "Expected a pair of numbers, (low, high), in euro per year."
    low, high = map(as_number, answer)
    if low is None or high is None:
        return "Expected a pair of numbers, (low, high), in euro per year."
    if low >= high:
        return f"The range runs backwards: {low:,.0f} is not below {high:,.0f}."
    good, bad = _incomes()
    if (bad >= low).all() and (bad <= high).all():
        return (
            f"With ({low:,.0f}, {high:,.0f}) every income of March's file is in the range, so the "
            "file passes. Its lowest income is "
            f"{bad.min():,}: is that possible for a year?"
        )
    caught = ((bad < low) | (bad > high)).mean()
    if caught < 0.1:
        return (
            f"March's file is caught, but only by {caught:.1%} of its rows: had its poorest "
            "customers earned a little more, it would have passed. How low can an income be, "
            "whatever happened to be in this file?"
        )
    refused = ((good < low) | (good > high)).sum()
    if high < good.max() and refused < 100:
        seen = "The largest value seen in two months is not the largest that is possible."
        room = "You left room at the top, but too little: the tail of incomes is long."
        return (
            f"Of 100,000 applications without a fault {refused} are above {high:,.0f}. That looks "
            "like few, but one of them is enough to refuse the file it comes in. "
            + (room if high > 187_550 else seen)
        )
    if refused:
        return (
            f"Of 100,000 applications without a fault {refused:,} are outside of "
            f"({low:,.0f}, {high:,.0f}), so good files would be refused month after month. A "
            "range says what is impossible, not what is rare."
        )
    return None


USED = ["age", "income", "term_months", "purpose"]


def _table(*features: str) -> Any:
    import pandas as pd

    rows = [(name, "ERROR", "Out-of-range values", "Unexpected value.") for name in features]
    return pd.DataFrame(rows, columns=["feature", "severity", "what", "details"])


@functools.cache
def _decisions() -> Any:
    return behaves(
        [
            ((_table(), USED), "accept", "A file without anomalies is to be accepted."),
            (
                (_table("income"), USED),
                "quarantine",
                "An anomaly in a column that the model uses puts a file into quarantine. (If you "
                "wrote `in` with a Series: it looks at the index, not at the values.)",
            ),
            (
                (_table("region"), USED),
                "ask",
                "An anomaly in a column that no model uses is no reason to stop the applicants, "
                "and no reason to say nothing: ask.",
            ),
            (
                (_table("region", "income"), USED),
                "quarantine",
                "One anomaly in a column that is used is enough, wherever it stands in the table.",
            ),
            (
                (_table("income", "region"), USED),
                "quarantine",
                "One anomaly in a column that is used is enough, whatever else is in the table.",
            ),
            ((_table("region", "sex"), USED), "ask", "Two that are not used are still no stop."),
            ((_table("region"), ["region"]), "quarantine", "Which columns are used is handed in."),
        ]
    )


JUDGES = {
    "2.1-a": name(
        "utilization",
        among=COLUMNS,
        replies={
            "late_payments": "A zero is a value: most people have no late payment. Missing "
            "values are counted in a column of their own.",
            "defaulted": "A zero is a value: it says that the loan was paid back. Missing "
            "values are counted in a column of their own.",
            "years_employed": "A zero is a value: it says that a job is new. Missing values "
            "are counted in a column of their own.",
        },
    ),
    "2.1-b": number(
        12.0,
        within=0.5,
        replies={
            0.08: "That is March over training. The question asks how many times smaller: "
            "divide the other way round.",
            92.0: "That is the reduction in percent. The question asks for a factor.",
            0.92: "That is the reduction, as a share. The question asks for a factor.",
            18.0: "That compares the largest values. The question is about the medians.",
            28_594: "That is a difference. A factor is what one divides by.",
        },
    ),
    "2.1-c": chosen(
        "ACDF",
        among=LETTERS,
        extra={
            "B": "B is not so: look at the second table. Where a text column has few different "
            "values, inference lists them as its domain.",
            "E": "E is not so: the type of `employment` is STRING. Types are what inference "
            "gets right.",
        },
        missing={
            "A": "It is about ranges: does the table say anywhere how small an income may be?",
            "F": "It is about ranges: which values does the draft allow for a number?",
            "C": "It is about presence: how often must a value be there that is 'optional'?",
            "D": "You have just seen it: which anomaly did the file of March have, and was it "
            "the file's fault?",
        },
    ),
    "2.1-d": _income_range,
    "2.1-e": assigned(
        {
            "credit_history_years": "data",
            "term_months": "data",
            "age": "data",
            "purpose": "schema",
        },
        values=("data", "schema"),
        replies={
            "credit_history_years": "People did not lose their credit history on the first of "
            "April; a connection fails. A schema that accepts it hides the failure: the "
            "model goes on without a feature that it was trained on, and nobody is told.",
            "term_months": "A schema that accepts '36 months' as text moves the trouble into "
            "every program that comes after. Ask for numbers: the sender can mend it.",
            "age": "Nobody is 999 years old. To widen the range would make the model believe "
            "it. If people may keep their age to themselves, the value is missing, not 999.",
            "purpose": "Is a loan for a heat pump a mistake? Read what the owner says again: "
            "the world has changed, and what you expect of it must change, too.",
        },
    ),
    "2.1-f": lambda answer: _decisions()(answer),
    "2.1-g": chosen(
        {"sent twice", "campaign", "recession"},
        among=(
            "monthly income",
            "missing history",
            "new purpose",
            "utilization in percent",
            "sent twice",
            "campaign",
            "recession",
        ),
        extra={
            "monthly income": "The corrected schema has a range for income. It was the "
            "inferred one that never noticed.",
            "missing history": "The corrected schema lets one in ten be missing, not more: "
            "turn the strength up.",
            "new purpose": "A value that is not in the domain is noticed. (You let the heat "
            "pump in later; the view has the schema from before.)",
            "utilization in percent": "40 is not between 0 and 1: the range notices.",
        },
        missing={
            "campaign": "Every young applicant is possible, taken one by one. Only the mix "
            "is new, and a schema looks at values, not at the mix.",
            "recession": "In the recession the applications are the same, to the last digit; "
            "what changes is who pays back. Can a look at the applications notice that?",
            "sent twice": "Each copy of a row is a perfectly good row. Which rule of this "
            "schema could a copy break?",
        },
    ),
}
