"""The exercises of lesson 2.5, A TFX pipeline."""

from __future__ import annotations

import functools
from typing import Any

from helpers.course.exercises.core import Exercise
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


EXERCISES = [
    Exercise(
        id="2.5-a",
        question="The columns that the selection drops, a set of names.",
        judge=chosen(
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
        hints=(
            "`least_information` is a limit: what is below it goes.",
            "The table is sorted, so look for the place where 0.01 would stand.",
        ),
        solution="""
answer = {"amount", "channel", "purpose", "region", "term_months", "years_employed"}
""",
        wrong=(
            ('{"channel", "purpose", "region", "term_months", "years_employed"}', "below 0"),
            ('{"amount", "channel", "purpose", "region", "term_months"}', "by very little"),
            (
                '{"amount", "channel", "purpose", "region", "term_months", "years_employed",'
                ' "credit_history_years"}',
                "first zero",
            ),
            ('{"income", "employment", "age"}', "does not belong here"),
            ('{"sex"}', "not one of them"),
            ('{"amount"}', "5 more are missing"),
            ('"amount"', "Expected a set"),
        ),
        right="That is right. Half of the columns go, and one of them will be missed.",
    ),
    Exercise(
        id="2.5-b",
        question="What the network gets for a missing utilization, a pair of numbers.",
        judge=_pair,
        hints=(
            "Read what `_filled` is said to do, in the text above the cell.",
            "The mean is put in its place, and then it is a z-score: how far is it from the mean?",
        ),
        solution="answer = (0.0, 1.0)",
        wrong=(
            ("(float('nan'), 1.0)", "cannot compute"),
            ("(None, 1)", "cannot compute"),
            ("(0.33, 1.0)", "before scaling"),
            ("(-1.5, 1.0)", "a true 0"),
            ("(0.0, 0.0)", "say that a value is missing"),
            ("(1.0, 0.0)", "Mind the order"),
            ("(3.0, 1.0)", "distance from the mean"),
            ("('0', '1')", "pair of numbers"),
            ("0.0", "Expected a pair"),
        ),
        right="That is right: an average applicant, and a mark that says it is not known.",
    ),
    Exercise(
        id="2.5-c",
        question="The components that take Transform's graph as an input, a set of names.",
        judge=chosen(
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
        hints=(
            'Look for `transform.outputs["transform_graph"]` in the code.',
            "A component that asks the exported model has the graph already.",
        ),
        solution='answer = {"Tuner", "Trainer"}',
        wrong=(
            ('{"Tuner", "Trainer", "Evaluator"}', "raw rows"),
            ('{"Tuner", "Trainer", "Transform"}', "writes the graph"),
            ('{"Tuner", "Trainer", "Pusher"}', "copies a folder"),
            ('{"Trainer"}', "trains networks"),
            ('{"trainer"}', "not one of them"),
            ('"Trainer"', "Expected a set"),
        ),
        right="That is right. All that come later get the graph inside of the model.",
    ),
    Exercise(
        id="2.5-d",
        question="The letters of what is true after the stopped run, a set.",
        judge=chosen(
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
        hints=(
            "Which components stand in the table, and what does the error begin with?",
            "`window` takes the months that were admitted.",
        ),
        solution='answer = {"B", "D"}',
        wrong=(
            ('{"A", "B", "D"}', "ran to its end"),
            ('{"B", "C", "D"}', "Half a month"),
            ('{"D"}', "What is an artifact"),
            ('{"B"}', "ask the metadata store"),
            ('{"E"}', "not one of them"),
            ('"BD"', "Expected a set"),
        ),
        right="That is right: evidence is kept, and nothing is built upon it.",
    ),
    Exercise(
        id="2.5-e",
        question="A function of two Series and two tolerances: the names at which a model fails.",
        judge=lambda answer: _gate()(answer),
        hints=(
            "By how much did it fall? `before - after`, name by name.",
            'Go through `before.index`: the tolerance of `"all"` is one, that of the rest another.',
            "Collect the names in a list, and return the list.",
        ),
        solution="""
def gate(before, after, tolerance, slice_tolerance):
    fell = before - after
    return [
        name
        for name in fell.index
        if fell[name] > (tolerance if name == "all" else slice_tolerance)
    ]


answer = gate
""",
        wrong=(
            ("lambda b, a, t, s: [n for n in b.index if abs(b[n] - a[n]) > s]", "fails nowhere"),
            (
                "lambda b, a, t, s: [n for n in b.index if abs(b[n] - a[n]) >"
                " (t if n == 'all' else s)]",
                "fails nowhere",
            ),
            (
                "lambda b, a, t, s: ['all'] if b['all'] - a['all'] > t else []",
                "does not make up",
            ),
            ("lambda b, a, t, s: [n for n in b.index if b[n] - a[n] > s]", "its own tolerance"),
            (
                "lambda b, a, t, s: [n for n in b.index if b[n] - a[n] >"
                " (t if n == 'all' else max(t, s))]",
                "may be the smaller",
            ),
            (
                "lambda b, a, t, s: [n for n in b.index if b[n] - a[n] >"
                " (t if n == 'all' else s)][:3 if s < 0.02 else 1]",
                "Every name",
            ),
            (
                "lambda b, a, t, s: [n for n in ('all', 'red', 'blue', 'green') if b[n] - a[n] >"
                " (t if n == 'all' else s)]",
                "raised KeyError",
            ),
            ("lambda b, a, t, s: True", "and returned True"),
            ("lambda b, a: []", "raised TypeError"),
            ('["East"]', "Expected a function"),
        ),
        right="That is right: it is what the Evaluator does with its change thresholds.",
    ),
    Exercise(
        id="2.5-f",
        question="A dict from each change to the first component that is not cached.",
        judge=assigned(
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
        hints=(
            "For each: which component takes it as an argument?",
            "What comes before that component has the same inputs as before, and is cached.",
        ),
        solution="""
answer = {
    "slice_tolerance": "Evaluator",
    "module_file": "Transform",
    "least_information": "select_features",
    "the file of April": "CsvExampleGen",
}
""",
        wrong=(
            (
                'dict(zip(("slice_tolerance", "module_file", "least_information",'
                ' "the file of April"), ("Trainer", "Transform", "select_features",'
                ' "CsvExampleGen")))',
                "does not depend on it",
            ),
            (
                'dict(zip(("slice_tolerance", "module_file", "least_information",'
                ' "the file of April"), ("Evaluator", "Trainer", "select_features",'
                ' "CsvExampleGen")))',
                "calls a function of that file",
            ),
            (
                'dict(zip(("slice_tolerance", "module_file", "least_information",'
                ' "the file of April"), ("Evaluator", "Transform", "Transform",'
                ' "CsvExampleGen")))',
                "in section 2",
            ),
            (
                'dict(zip(("slice_tolerance", "module_file", "least_information",'
                ' "the file of April"), ("Evaluator", "Transform", "select_features",'
                ' "StatisticsGen")))',
                "who reads the file",
            ),
            ('{"module_file": "Transform"}', "is missing"),
            (
                'dict.fromkeys(("slice_tolerance", "module_file", "least_information",'
                ' "the file of April"), "window")',
                "the possible values are",
            ),
            ('"Transform"', "Expected a dict"),
        ),
        right="That is right: what a change costs depends on how far up it stands.",
    ),
    Exercise(
        id="2.5-g",
        question="A slice tolerance that blesses mended and not hasty, a number.",
        judge=_tolerance,
        hints=(
            "It has to be less than what the hasty model loses in the East.",
            "And more than what the mended model loses in any slice of the four columns.",
        ),
        solution="answer = 0.04",
        wrong=(
            ("0", "the mended model is not blessed"),
            ("0.005", "the mended model is not blessed"),
            ("0.1", "the hasty model is blessed"),
            ("-0.05", "not negative"),
            ("5", "between 0 and 1"),
            ('"East"', "Expected a number"),
        ),
        right="That is right. With another month's rows the window would be another one, though.",
    ),
    Exercise(
        id="2.5-h",
        question="The letters of what can still cause skew, a set.",
        judge=chosen(
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
        hints=(
            "The graph begins at the raw column. Which of the five happen before that?",
            "Constants and vocabularies travel with the model.",
        ),
        solution='answer = {"B", "D"}',
        wrong=(
            ('{"A", "B", "D"}', "a constant in the exported graph"),
            ('{"B", "C", "D"}', "inside of the exported model"),
            ('{"B", "D", "E"}', "each row by itself"),
            ('{"D"}', "before it reaches the graph"),
            ('{"B"}', "still mean the same"),
            ('{"F"}', "not one of them"),
            ('"BD"', "Expected a set"),
        ),
        right="That is right: the graph guards what comes after the raw column, not what it means.",
    ),
]
