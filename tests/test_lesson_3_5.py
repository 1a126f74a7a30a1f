"""Lesson 3.5: the worlds that judge a policy, and answers of the wrong kind."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

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
