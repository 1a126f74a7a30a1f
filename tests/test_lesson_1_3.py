"""Lesson 1.3: its view finds and earns what it says, and its exercises count what they say."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from helpers import world
from helpers.course.exercises.calls import ReplyError
from helpers.course.lesson_1_3.exercises import BUDGET, FOUND, WORLDS, spend
from helpers.course.lesson_1_3.view import CHECKS, CHOICES, FAULTS, NONE, CheckLab

LOST = list(FAULTS)[1]
COLUMNS = ["income", "amount", "late_payments"]


@pytest.fixture(scope="module")
def lab():
    lender = world.World(7)
    book = lender.applications(("2025-01", "2025-03"), 1_000)
    prepare = FunctionTransformer(lambda frame: np.log1p(frame[COLUMNS].to_numpy(float)))
    model = make_pipeline(prepare, LogisticRegression()).fit(book, book["defaulted"])
    return CheckLab(model, book, lender.applications("2026-01", 1_000), lender)


def test_without_a_fault_no_check_finds_anything_and_deleting_moves_the_euro(lab):
    for who in CHOICES:
        found = lab.outcome(NONE, who, 1_000, "corrected")
        assert found["errors"] == found["wrong"] == 0
        assert found["before"] == found["after"] == found["right"]
    assert lab.outcome(NONE, CHOICES[1], 1_000, "deleted")["after"] != found["before"]


def test_checking_all_of_the_source_corrects_everything(lab):
    found = lab.outcome(LOST, CHOICES[2], max(CHECKS), "corrected")
    assert found["wrong"] == found["errors"] > 0
    assert found["after"] == found["right"] != found["before"]
    assert found["checked"] < max(CHECKS), "the partner has no more paid loans"


def test_no_check_changes_nothing(lab):
    for then in ("corrected", "deleted"):
        found = lab.outcome(LOST, CHOICES[0], 0, then)
        assert found["checked"] == found["wrong"] == 0
        assert found["after"] == found["before"]


def test_the_most_surprising_miss_what_the_source_shows(lab):
    surprising, source = (lab.outcome(LOST, who, 100, "corrected") for who in CHOICES[1:])
    assert source["wrong"] > 5 * max(surprising["wrong"], 1)


@pytest.mark.parametrize(
    ("control", "value"),
    [("fault", NONE), ("who", CHOICES[2]), ("checks", 1_000), ("then", "deleted")],
)
def test_each_control_changes_words_and_picture(lab, control, value):
    view = lab.view()
    words, picture = view.words.value, view.picture
    view.controls[control].value = value
    assert view.words.value != words
    assert view.picture != picture


def test_a_plan_is_counted_by_distinct_rows_and_stopped_above_the_budget():
    def twice(rows, check):
        check(rows.index[:BUDGET])
        answers = check(rows.index[:BUDGET])
        assert answers.index.equals(rows.index[:BUDGET])

    assert len(spend(twice)) == WORLDS
    with pytest.raises(ReplyError, match="wanted to check 201 rows"):
        spend(lambda rows, check: (check(rows.index[:BUDGET]), check(rows.index[-1:])))


def test_the_plan_of_the_lesson_does_not_pass():
    def surprising(rows, check):
        surprise = rows["risk"].where(rows["written"] == 0, 1 - rows["risk"])
        check(surprise.nlargest(BUDGET).index)

    found = spend(surprising)
    assert round(np.mean(found)) == 19, "as the lesson says"
    assert 0.7 * FOUND > 19
    assert np.mean(found[::2]) < 6, "lost defaults are hardly found"
