"""Lesson 1.1: what a plan for the pilot earns in many worlds."""

import numpy as np
import pytest

from helpers.course.lesson_1_1 import pilot
from helpers.course.lesson_1_1.exercises import LEAST_MEAN, LEAST_WORST, WORLDS

ALIKE, OTHER = range(0, 6, 2), range(1, 6, 2)
BOOK = ("loan book", "linear", 16_000, 6, "profit", "late instalments")


def euro(plan, worlds):
    return np.array([pilot.outcome(seed, *plan)[0] for seed in worlds])


def changed(place, value):
    return (*BOOK[:place], value, *BOOK[place + 1 :])


def test_waiting_costs_money_where_the_customers_are_alike():
    waits = ("partner", "linear", 4_000, 17, "profit", "late instalments")
    assert (euro(waits, ALIKE) < euro(BOOK, ALIKE) - 1e6).all()
    assert euro(waits, OTHER).mean() > euro(BOOK, OTHER).mean() + 3e5


def test_a_later_stop_costs_money_where_the_customers_are_of_another_kind_and_only_there():
    losses = [
        euro(changed(5, signal), OTHER) for signal in ("late instalments", "defaults", "inputs")
    ]
    assert (losses[0] > losses[1] + 1e6).all() and (losses[1] > losses[2] + 1e6).all()
    assert euro(changed(5, "inputs"), ALIKE) == pytest.approx(euro(BOOK, ALIKE))


@pytest.mark.parametrize("metric", ["accuracy", "granted", "defaults"])
def test_optimizing_anything_but_profit_loses_money_everywhere(metric):
    assert (euro(changed(4, metric), range(4)) < 0).all()


def test_a_launch_after_the_three_years_costs_the_building_only():
    assert euro(changed(3, 40), [0, 1]) == pytest.approx([-pilot.BUILD] * 2)


def test_the_bounds_of_the_exercise_leave_room_for_more_than_one_plan():
    for plan in (changed(3, 4), BOOK, changed(1, "trees")):
        found = euro(plan, WORLDS)
        assert found.mean() > LEAST_MEAN + 5e4 and found.min() > LEAST_WORST + 1e5
