"""Lesson 3.5: the worlds that judge a policy, and answers of the wrong kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import helpers
from helpers import world
from helpers.course.exercises.core import find
from helpers.course.exercises.texts import path, read
from helpers.course.lesson_3_5 import exercises


def in_force(loans, score):
    return world.profit(loans, 1 - score) > 0


def test_the_worlds_of_the_design_exercise_are_what_the_lesson_says():
    found = exercises.effect(in_force)
    assert found.gap == pytest.approx(0.058, abs=0.001)
    assert found.cost == found.defaults == 0


def test_a_lower_bar_for_all_buys_the_gap_with_defaults():
    found = exercises.effect(lambda loans, score: world.profit(loans, 1 - score) + 250 > 0)
    assert found.gap < 0.04 and found.cost < exercises.MOST_EURO
    assert found.defaults > 2 * exercises.MOST_DEFAULTS


def test_a_policy_does_not_see_sex_or_region():
    seen = set()
    exercises.effect(lambda loans, score: seen.update(loans) or in_force(loans, score))
    assert {"income", "term_months"} <= seen and not seen & {"sex", "region", "defaulted"}


def test_the_fault_of_a_lender_is_no_difference_of_its_region_alone():
    """The poorer region has low scores, and they agree with what happened, nearly."""
    for fault in exercises._FAULTS:
        loans, repaid, score = exercises._lender(*fault)
        gap = (repaid - score).groupby(loans["region"]).mean().abs()
        assert gap[fault[1]] == gap.drop("Isle").max()
        assert set(loans.columns) == {"debts", "savings", "claims", "region"}


def test_a_suspect_is_found_by_standard_errors_with_any_median():
    """And by a margin: 80 loans and what is wrong everywhere stay behind."""
    for fault in exercises._FAULTS:
        loans, repaid, score = exercises._lender(*fault)
        for alike in (False, True):  # one median for all, or one there and one elsewhere
            found = {}
            for region in loans["region"].unique():
                here = loans["region"] == region
                for column in ("debts", "savings", "claims"):
                    by = here if alike else here | True
                    high = loans[column] > loans.groupby(by)[column].transform("median")
                    four = (repaid - score).groupby([here, high]).agg(["mean", "sem"])
                    step = four["mean"].unstack().diff(axis=1)[True].diff().iloc[-1]
                    found[region, column] = abs(step) / (four["sem"] ** 2).sum() ** 0.5
            ranked = sorted(found, key=found.get)
            assert ranked[-1] == fault[1:3] and found[ranked[-1]] > 1.5 * found[ranked[-2]]


CARD = {
    "intended_use": "Decides on consumer loans. It is not for pricing.",
    "decision": "It costs {:.0f} euro, give or take {:.0f}.",
    "limits": "The outcome of refused applicants is unknown.",
}


@pytest.mark.parametrize(
    ("part", "text", "reply"),
    [
        ("intended_use", "Consumer loans. Out of scope: pricing.", ""),
        ("intended_use", "Consumer loans, excluding mortgages.", ""),
        ("intended_use", "Consumer loans.", "*not* for"),
        ("decision", "With an error of {1:.0f} euro, it costs {0:.0f}.", ""),
        ("decision", "{:.0f} ± {:.0f} euro", ""),
        ("decision", "{1:.0f} +/- {0:.0f} euro", "exchanged"),
        ("decision", "{} ± {} euro", "without decimals"),
        ("limits", "Outcomes are known only for granted loans.", ""),
        ("limits", "We never learn whether people we turned down would have repaid.", ""),
        ("limits", "Rejected applicants are watched for a year.", "whose repayment"),
    ],
)
def test_a_card_is_judged_by_what_it_says_however_it_is_worded(part, text, reply):
    says = {**CARD, part: text}

    def card(model, audit, price, error):
        decision = says["decision"].format(price, error)
        parts = {**says, "decision": decision, "title": "Score", "data": "2025", "audit": audit}
        return helpers.model_card(model, **parts)

    feedback = find("3.5-g").feedback(card)
    assert feedback.status == ("wrong" if reply else "right") and reply in feedback.message


@pytest.mark.parametrize("id", read(path("3.5")))
@pytest.mark.parametrize(
    "answer",
    [None, "x", pd.DataFrame({"a": [1]}), [[1], [2]], {}, lambda *_: None, lambda *_: np.zeros(3)],
    ids=["None", "text", "frame", "lists", "dict", "returns None", "returns zeros"],
)
def test_an_answer_of_the_wrong_kind_gets_a_reply_of_its_own(id, answer):
    feedback = find(id).feedback(answer)
    assert feedback.status == "wrong"
    assert "could not be read" not in feedback.message
