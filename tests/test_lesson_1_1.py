"""Lesson 1.1: what a plan for the pilot earns in many worlds."""

import numpy as np
import pytest

from benchmarks.lesson_1_1 import BOOK
from helpers.course.lesson_1_1 import pilot
from helpers.course.lesson_1_1.exercises import LEAST_MEAN, LEAST_WORST, WORLDS

ALIKE, OTHER = range(0, 6, 2), range(1, 6, 2)


def euro(worlds, **changed):
    return np.array([pilot.outcome(seed, BOOK | changed)[0] for seed in worlds])


def test_waiting_costs_money_where_the_customers_are_alike():
    waits = {"source": "partner", "rows_needed": 4_000, "launch_in_months": 17}
    assert (euro(ALIKE, **waits) < euro(ALIKE) - 1e6).all()
    assert euro(OTHER, **waits).mean() > euro(OTHER).mean() + 3e5


def test_a_later_stop_costs_money_where_the_customers_are_of_another_kind_and_only_there():
    losses = [
        euro(OTHER, stopped_by=signal) for signal in ("late instalments", "defaults", "inputs")
    ]
    assert (losses[0] > losses[1] + 1e6).all() and (losses[1] > losses[2] + 1e6).all()
    assert euro(ALIKE, stopped_by="inputs") == pytest.approx(euro(ALIKE))


@pytest.mark.parametrize("metric", ["accuracy", "granted", "defaults"])
def test_optimizing_anything_but_profit_loses_money_everywhere(metric):
    assert (euro(range(4), optimize=metric) < 0).all()


def test_a_launch_after_the_three_years_costs_the_building_only():
    assert euro([0, 1], launch_in_months=40) == pytest.approx([-pilot.BUILD] * 2)


def test_the_bounds_of_the_exercise_leave_room_for_more_than_one_plan():
    for changed in ({"launch_in_months": 4}, {}, {"first_model": "trees"}):
        found = euro(WORLDS, **changed)
        assert found.mean() > LEAST_MEAN + 5e4 and found.min() > LEAST_WORST + 1e5
