"""The exercises of lesson 2.5, A TFX pipeline."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.judges import as_number, assigned, behaves, chosen

MEASURED = (
    "age",
    "amount",
    "channel",
    "credit_history_years",
    "employment",
    "income",
    "late_payments",
    "purpose",
    "region",
    "term_months",
    "utilization",
    "years_employed",
)
COMPONENTS = (
    "CsvExampleGen",
    "StatisticsGen",
    "ImportSchemaGen",
    "ExampleValidator",
    "admit",
    "select_features",
    "Transform",
    "Tuner",
    "Trainer",
    "Evaluator",
    "check_model",
    "Pusher",
)
CHANGES = ("slice_tolerance", "module_file", "least_information", "the file of April")


def _pair(answer: Any) -> str | None:
    if isinstance(answer, str) or not hasattr(answer, "__len__") or len(answer) != 2:
        return "Expected a pair of numbers: (utilization_scaled, utilization_missing)."
    if any(one is None or one != one for one in answer):
        return (
            "A network cannot compute with what is not there: one value that is no number makes "
            "its answer no number. What does `_filled` put there?"
        )
    scaled, missing = map(as_number, answer)
    if scaled is None or missing is None:
        return "Expected a pair of numbers: (utilization_scaled, utilization_missing)."
    if (scaled, missing) == (1, 0):
        return "Mind the order: first the scaled value, then the column that says it is missing."
    if missing != 1:
        return (
            "The second column is there to say that a value is missing. How does a column of "
            "numbers say 'yes'?"
        )
    if scaled < -0.5:
        return "That is what an applicant gets who uses none of the credit lines, a true 0."
    if 0.25 < scaled < 0.45:
        return "That is about the mean before scaling. What becomes of the mean itself?"
    if scaled != 0:
        return "A z-score is the distance from the mean. How far is the mean from the mean?"
    return None


@functools.cache
def _gate() -> Any:
    import pandas as pd

    def areas(*values: float) -> pd.Series:
        return pd.Series(values, ["all", "red", "blue", "green"][: len(values)])

    before = areas(0.75, 0.75, 0.70, 0.80)
    cases = [
        (
            (before, areas(0.80, 0.80, 0.75, 0.85), 0.02, 0.05),
            [],
            "A model that is better everywhere fails nowhere.",
        ),
        (
            (before, areas(0.80, 0.80, 0.60, 0.85), 0.02, 0.05),
            ["blue"],
            "A gain over all does not make up for what a slice lost.",
        ),
        (
            (before, areas(0.71, 0.72, 0.68, 0.78), 0.02, 0.05),
            ["all"],
            "Over all, the area fell by more than its own tolerance; no slice did.",
        ),
        (
            (before, areas(0.74, 0.72, 0.68, 0.78), 0.02, 0.01),
            ["red", "blue", "green"],
            "The slices have a tolerance of their own, and it may be the smaller one.",
        ),
        (
            (before, areas(0.70, 0.72, 0.60, 0.70), 0.02, 0.05),
            ["all", "blue", "green"],
            "Every name at which it fails is to be told, in the order of the index.",
        ),
        (
            (before, areas(0.75, 0.75, 0.68, 0.95), 0.02, 0.05),
            [],
            "A fall within the tolerance is tolerated, and a rise is no fall.",
        ),
        (
            (areas(0.75, 0.75), areas(0.75, 0.60), 0.02, 0.05),
            ["red"],
            "Which slices there are is in the index, and not always the same.",
        ),
    ]
    return behaves(cases)


def _tolerance(answer: Any) -> str | None:
    value = as_number(answer)
    if value is None:
        return "Expected a number."
    if value < 0:
        return "A tolerance says by how much an area may fall, as a number that is not negative."
    if value >= 1:
        return "An area lies between 0 and 1, and so does what it can lose."
    if value > 0.065:
        return (
            f"With {value:g} the hasty model is blessed, or nearly: look at its line of the East."
        )
    if value < 0.015:
        return (
            f"With {value:g} the mended model is not blessed, or only just: slice it by each of "
            "the four columns. Where it fails, what do the fresh rows say?"
        )
    return None


JUDGES = {
    "2.5-a": chosen(
        {"amount", "channel", "purpose", "region", "term_months", "years_employed"},
        among=MEASURED,
        extra={
            "credit_history_years": "`credit_history_years` tells more than 0.01 nats. The "
            "first zero after the point is part of 0.01, too.",
            "late_payments": "`late_payments` tells more than 0.01 nats. The first zero after "
            "the point is part of 0.01, too.",
        },
        missing={
            "amount": "What of a column whose estimate is below 0?",
            "years_employed": "One is below the limit by very little. A limit has no mercy.",
        },
    ),
    "2.5-b": _pair,
    "2.5-c": chosen(
        {"Tuner", "Trainer"},
        among=COMPONENTS,
        extra={
            "Evaluator": "The Evaluator is given `examples`: raw rows. Where does it get their "
            "features from, if the graph is exported with the model?",
            "Transform": "Transform writes the graph.",
            "Pusher": "The Pusher copies a folder. What is in it, is not its business.",
        },
        missing={
            "Tuner": "Which other component trains networks, and needs the features for it?",
            "Trainer": "Which other component trains networks, and needs the features for it?",
        },
    ),
    "2.5-d": chosen(
        "BD",
        among="ABCD",
        extra={
            "A": "A is not so: look at the table. `ExampleValidator` ran to its end; it found "
            "something and wrote it down. Who read that, and refused?",
            "C": "C is not so: `admit` lets in a month or it does not. Half a month would be "
            "another population, and nobody would know.",
        },
        missing={
            "B": "What is an artifact, and when did the one of `StatisticsGen` come to be?",
            "D": "What does `window` ask the metadata store for?",
        },
    ),
    "2.5-e": lambda answer: _gate()(answer),
    "2.5-f": assigned(
        {
            "slice_tolerance": "Evaluator",
            "module_file": "Transform",
            "least_information": "select_features",
            "the file of April": "CsvExampleGen",
        },
        values=COMPONENTS,
        replies={
            "slice_tolerance": "Think again about 'slice_tolerance': which component is it a "
            "parameter of? The model does not depend on it.",
            "module_file": "Think again about 'module_file': you saw that run in this section. "
            "Which is the first component that calls a function of that file?",
            "least_information": "Think again about 'least_information': in section 2 you "
            "handed it over to a component yourself.",
            "the file of April": "Think again about 'the file of April': who reads the file?",
        },
    ),
    "2.5-g": _tolerance,
    "2.5-h": chosen(
        "BD",
        among="ABCDE",
        extra={
            "A": "A cannot be: the mean is a constant in the exported graph. The server "
            "computes no mean.",
            "C": "C cannot be: the vocabulary is a file inside of the exported model.",
            "E": "E does not matter: the graph treats each row by itself, with constants from "
            "training. You saw equal features, whatever the order of the rows.",
        },
        missing={
            "B": "What happens to a value before it reaches the graph? Nobody there can tell.",
            "D": "The graph takes the column as it comes. Does the column still mean the same?",
        },
    ),
}
