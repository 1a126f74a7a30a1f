"""The exercises of lesson 3.5, Fairness."""

from __future__ import annotations

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

JUDGES = {
    "3.5-a": number(
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
    "3.5-b": assigned(
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
    "3.5-c": number(
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
    "3.5-d": number(
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
    "3.5-e": assigned(
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
    "3.5-f": chosen(
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
    "3.5-g": name(
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
}
