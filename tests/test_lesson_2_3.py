"""Lesson 2.3: the view, and what the judge of the design exercise computes."""

import pytest

from helpers.course.exercises.core import find
from helpers.course.lesson_2_3 import exercises
from helpers.course.lesson_2_3.view import EDGES, FILLS, ORDERS, STATISTICS, TwoSides

TRAINED = {
    "fill": next(iter(FILLS)),
    "order": ORDERS[0],
    "edge": next(iter(EDGES)),
    "of": next(iter(STATISTICS)),
}


@pytest.fixture(scope="module")
def sides():
    return TwoSides(seed=3, n=400)


def test_served_as_trained_nothing_differs(sides):
    assert sides.compare(**TRAINED) == {"rows": 0, "decisions": 0, "euro": 0.0}


def test_a_control_changes_words_and_picture(sides):
    view = sides.view()
    words, picture = view.words.value, view.screen.value
    view.controls["of"].value = "the request alone"
    assert view.words.value != words
    assert view.screen.value != picture


def test_ids_cost_more_than_edges_of_buckets(sides):
    ids = sides.compare(**TRAINED | {"order": ORDERS[1]})
    edges = sides.compare(**TRAINED | {"edge": "belongs to the lower bucket"})
    assert ids["rows"] == 2_000
    assert ids["euro"] < -20 < edges["euro"]
    assert 0 < edges["decisions"] < ids["decisions"]


def test_a_missing_value_as_0_changes_only_the_rows_that_miss_it(sides):
    found = sides.compare(**TRAINED | {"fill": "0"})
    assert found["rows"] == sides.test["utilization"].isna().sum()


def test_the_published_design_gains_in_every_world_and_the_lessons_does_not():
    names = {}
    exec(find("2.3-d").solution, names)
    best, plain = exercises.euro(names["answer"]), exercises.euro(exercises.plain)
    assert all(a > b for a, b in zip(best, plain, strict=True))
    assert exercises._design(exercises.plain)
