"""The exercises of lesson 3.5, Fairness."""

from __future__ import annotations

from helpers.course.exercises.core import Exercise
from helpers.course.exercises.judges import assigned, chosen, name, number

RATES = ("selection_rate", "true_positive_rate", "false_positive_rate", "precision")
METHODS = (
    "unmitigated",
    "attribute dropped",
    "reweighing",
    "correlation remover",
    "exponentiated gradient (demographic parity)",
    "threshold optimizer (demographic parity)",
    "threshold optimizer (equalized odds)",
)
ACTIONS = (
    "correct the record",
    "lower the group's threshold",
    "drop the column",
    "decide openly",
)

EXERCISES = [
    Exercise(
        id="3.5-a",
        question="The ratio of women's to men's selection rate: a number, within 0.005.",
        judge=number(
            0.896,
            within=0.005,
            replies={
                0.075: "That is the difference. The rule divides the one rate by the other.",
                1.116: "Upside down: the rule divides the lower rate by the higher.",
                0.807: "That is the ratio of the false positive rates. The rule asks about all who "
                "apply.",
                0.997: "That is the ratio of the precisions. The rule asks who is granted a loan, "
                "not who repays it.",
            },
        ),
        hints=(
            "The rule asks about everybody who applies, good or not.",
            "It is a number in the table of the audit, in the column selection_rate.",
        ),
        solution="answer = 0.652 / 0.727",
        wrong=(
            ("0.075", "difference"),
            ("0.727 / 0.652", "Upside down"),
            ("0.807", "false positive"),
        ),
        right="It passes, and its interval, 0.88 to 0.92, is above 0.8 too. That ends no "
        "discussion: a rule of thumb says where to look, not that there is nothing to see.",
    ),
    Exercise(
        id="3.5-b",
        question="A dict from 'applicant', 'good applicant', 'bank' and 'debt adviser' to a rate.",
        judge=assigned(
            {
                "applicant": "selection_rate",
                "good applicant": "true_positive_rate",
                "bank": "precision",
                "debt adviser": "false_positive_rate",
            },
            values=RATES,
            replies={
                "applicant": "The applicant speaks of everybody, whether they would repay or not. "
                "Equal error rates are something else than equal rates of selection.",
                "good applicant": "This one speaks only of people who will repay: which rate has "
                "those, and only those, in its denominator?",
                "bank": "The bank looks only at loans that it granted: which rate has those in "
                "its denominator?",
                "debt adviser": "The adviser speaks of those who cannot repay: which rate "
                "has those in its denominator?",
            },
        ),
        hints=(
            "Ask of each sentence: the share of whom? That is the denominator.",
            "All; those who repay; those who are granted; those who do not repay.",
        ),
        solution="answer = {'applicant': 'selection_rate', 'good applicant': 'true_positive_rate', "
        "'bank': 'precision', 'debt adviser': 'false_positive_rate'}",
        wrong=(
            (
                "{'applicant': 'true_positive_rate', 'good applicant': 'selection_rate', "
                "'bank': 'precision', 'debt adviser': 'false_positive_rate'}",
                "Equal error rates are something else",
            ),
            (
                "{'applicant': 'selection_rate', 'good applicant': 'precision', "
                "'bank': 'true_positive_rate', 'debt adviser': 'false_positive_rate'}",
                "only of people who will repay",
            ),
            (
                "{'applicant': 'selection_rate', 'good applicant': 'true_positive_rate', "
                "'bank': 'false_positive_rate', 'debt adviser': 'precision'}",
                "loans that it granted",
            ),
        ),
        right="Demographic parity, equal opportunity, predictive parity, and half of equalized "
        "odds. Four reasonable people, four different demands.",
    ),
    Exercise(
        id="3.5-c",
        question="By how much the two precisions differ: a number, within 0.005.",
        judge=number(
            0.0904,
            within=0.005,
            replies={
                -0.0904: "Right but for the sign: by how much they differ is positive.",
                9.04: "Right in percent; the question asks for a number like 0.05.",
                0.0: "Equal error rates do not give equal precision when the shares of good "
                "applicants differ. Put 0.9 and 0.75 for b into the formula.",
                0.15: "That is the difference of the base rates. Put each into the formula.",
                0.9474: "That is the first group's precision; now the second one's.",
                0.8571: "That is the second group's precision; now the first one's.",
                0.3474: "One of the two has its b and 1 - b exchanged.",
                0.30: "With b and 1 - b exchanged. b is the share of those who would repay.",
            },
        ),
        hints=(
            "Use the formula twice, with b = 0.9 and with b = 0.75.",
            "The first is 0.72 / (0.72 + 0.04).",
        ),
        solution="answer = 0.72 / (0.72 + 0.04) - 0.6 / (0.6 + 0.1)",
        wrong=(
            ("0", "Equal error rates"),
            ("0.9 - 0.75", "base rates"),
            ("0.72 / 0.76", "first group"),
        ),
        right="Nine loans in a hundred: with equal error rates, a granted loan is less safe in the "
        "group where fewer repay. The wall is arithmetic.",
    ),
    Exercise(
        id="3.5-d",
        question="Euro per application that demographic parity costs against one threshold: a "
        "number, within 2.",
        judge=number(
            31.2,
            within=2,
            replies={
                -31.2: "As a cost it is positive: what is earned with one threshold less what is "
                "earned with parity.",
                374_139: "That is the sum over all applications. Divide by how many there are.",
                34.9: "That is against *maximum profit*, where each group already has a threshold "
                "of its own. The question asks against one threshold for all.",
                782.8: "That is what is earned, not what parity costs: take the difference.",
                813.9: "That is what is earned, not what parity costs: take the difference.",
            },
        ),
        hints=(
            "explorer.to_frame('demographic parity') has the money in its column 'utility'.",
            "Sum it up for each of the two presets, subtract, divide by len(test).",
        ),
        solution="""\
# explorer.to_frame("one threshold")["utility"].sum(), and the same of "demographic parity"
one, parity = 9_767_178, 9_393_039
answer = (one - parity) / 12_000
""",
        wrong=(
            ("-31.2", "positive"),
            ("374_139", "Divide"),
            ("783", "not what parity costs"),
        ),
        right="Some 4 % of the profit. Whether that is much is not for a model to say; that it is "
        "known is your work.",
    ),
    Exercise(
        id="3.5-e",
        question="A dict from 'East' and 'women' to what should be done first.",
        judge=assigned(
            {"East": "correct the record", "women": "decide openly"},
            values=ACTIONS,
            replies={
                "East": "In the East people with a late payment on record are wronged, and others "
                "are not. A threshold moves both, and no column names the region. Which step "
                "reaches those who were wronged, and only those?",
                "women": "The scores of women are right on average: there is no record to correct, "
                "and no column to drop, since the model does not have it. A threshold by sex "
                "would use the attribute for every decision. What is left?",
            },
        ),
        hints=(
            "For each: is the model wrong about people, or right about an unequal world?",
            "The table of section 4 compares mean score and true probability.",
        ),
        solution="answer = {'East': 'correct the record', 'women': 'decide openly'}",
        wrong=(
            ("{'East': \"lower the group's threshold\", 'women': 'decide openly'}", "and only"),
            ("{'East': 'correct the record', 'women': 'drop the column'}", "scores of women"),
            ("{'East': 'drop the column', 'women': 'correct the record'}", "and only those"),
        ),
        right="Two letters, two causes, two answers. One tool for both would have failed one.",
    ),
    Exercise(
        id="3.5-f",
        question="The methods that do not need the attribute to decide: a set of names.",
        judge=chosen(
            {"attribute dropped"},
            among=METHODS,
            extra={
                "reweighing": "Reweighing by itself needs the attribute in training only. But the "
                "model that was reweighed here still has the column sex among its features.",
                "exponentiated gradient (demographic parity)": "The constraint needs the attribute "
                "in training only. But this model still has the column sex among its features.",
                "unmitigated": "The unmitigated model of this table has sex among its features.",
                "correlation remover": "It subtracts what the attribute predicts: to do so for a "
                "new applicant it must know it.",
                "threshold optimizer (demographic parity)": "Thresholds by group need the group, "
                "for each decision.",
                "threshold optimizer (equalized odds)": "Thresholds by group need the group, for "
                "each decision.",
            },
        ),
        hints=(
            "The table has a column about just that.",
            "Mind what this model has among its features.",
        ),
        solution="answer = {'attribute dropped'}",
        wrong=(
            ("{'attribute dropped', 'reweighing'}", "still has the column"),
            ("{'threshold optimizer (equalized odds)', 'attribute dropped'}", "need the group"),
            ("{'correlation remover'}", "must know it"),
            ("set()", "One is missing"),
        ),
        right="Of these seven. Reweighing and the reductions need the attribute in training only, "
        "so they could be fitted without the column; whether they still help must be measured.",
    ),
    Exercise(
        id="3.5-g",
        question="What is wrong with the report: one letter.",
        judge=name(
            "C",
            among="ABCD",
            replies={
                "A": "They were not used for fitting, but they were used for choosing, forty "
                "times. Would the smallest of forty noisy gaps be as small again next month?",
                "B": "On the training months the mitigation was fitted: there the gap looks "
                "smaller still.",
                "D": "It can be. What matters is what the number says about next month.",
            },
        ),
        hints=(
            "Each of the forty gaps is noisy. What does choosing the smallest do?",
            "What would you expect to see on a month that nobody has looked at?",
        ),
        solution="answer = 'C'",
        wrong=(("'A'", "used for choosing"), ("'B'", "smaller still"), ("'D'", "next month")),
        right="Whatever is chosen by looking at data has been fitted to it, by hand or not.",
    ),
]
