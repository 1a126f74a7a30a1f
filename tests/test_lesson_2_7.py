"""Lesson 2.7: the timeline, the price of a plan, and what was known of each application."""

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from views import controls, picture, words

from helpers import world
from helpers.course.lesson_2_7.plans import BUREAU, REFRESH, _seen, _year, as_known, news, price
from helpers.course.lesson_2_7.view import Timeline


@pytest.fixture(scope="module")
def timeline():
    return Timeline()


def test_each_control_changes_words_and_picture(timeline):
    view = timeline.view()
    for name, value in {
        "customer": "paid, and corrected",
        "asked on day": 60,
        "built, days later": 0,
    }.items():
        before = picture(view).value, words(view).value
        controls(view, w.DOMWidget)[name].value = value
        assert picture(view).value != before[0], name
        assert words(view).value != before[1], name


def test_what_was_known_does_not_depend_on_when_the_table_is_built(timeline):
    for customer in timeline.histories:
        known = [timeline.answers(customer, 0, days)["event and arrival"] for days in (0, 365)]
        pd.testing.assert_series_equal(*known)
        at_once = timeline.answers(customer, 0, 0)
        assert len({one["closed"] for one in at_once.values()}) == 1
        later = timeline.answers(customer, 0, 365)
        assert later["latest"]["closed"] > 0 >= later["event time"]["closed"]


def test_by_both_times_a_join_gives_what_the_loan_book_has():
    frame = world.World(3).applications("2025-03", 500)
    history = world.bureau_history(frame, seed=3).sample(frac=1, random_state=0)
    known = as_known(frame, news(history))
    np.testing.assert_array_equal(known[BUREAU].to_numpy(float), frame[BUREAU].to_numpy(float))


def test_a_plan_sees_what_has_arrived_and_not_expired():
    year = _year(7, 50)
    book = year["frame"][BUREAU].to_numpy(float)
    np.testing.assert_array_equal(_seen(year, year["at"], 1e9), book)
    assert _seen(year, year["at"], 0).isna().all(axis=None)
    assert _seen(year, year["at"] - 1_000, 1e9).isna().all(axis=None), "nothing had arrived by then"


def test_a_plan_pays_for_refreshes_staleness_and_expired_values():
    nightly, rare = price(1, 10_000), price(60, 10_000)
    assert nightly["refreshes"] == REFRESH * 365
    assert nightly["worse decisions"] < rare["worse decisions"]
    assert nightly["usually missing"] == rare["usually missing"] == 0
    assert nightly["silent feed noticed after"] == 90, "nothing ever expires"
    short = price(1, 20)
    assert short["usually missing"] > 0.3
    assert short["worse decisions"] > nightly["worse decisions"]
    assert short["silent feed noticed after"] < 20
    assert price(7, 45)["total"] < min(short["total"], nightly["total"], rare["total"])
