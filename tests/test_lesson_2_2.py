"""Lesson 2.2: the years in which plans are tried, the files of an exercise, and the view."""

import numpy as np
import pandas as pd
import pytest
from views import controls, picture, words

from helpers import world
from helpers.course.lesson_2_2.alarms import (
    COMPLAINT,
    DAYS,
    FAULTS,
    LOGGED_A_DAY,
    WATCHED,
    YEAR,
    Plan,
    Years,
    banded,
    damage,
    suspects,
)
from helpers.course.lesson_2_2.view import AlarmLab


@pytest.fixture(scope="module")
def years():
    return Years(12, seed=3)


@pytest.fixture(scope="module")
def frame():
    return world.World(seed=3).applications("2026-01", 3_000)


def distance(a, b):
    p, q = (column.value_counts(normalize=True) for column in (a, b))
    return p.sub(q, fill_value=0).abs().max()


def test_a_fault_changes_values_and_no_keys(frame):
    for fault in FAULTS:
        seen = damage(frame, fault)
        assert seen["application_id"].equals(frame["application_id"])
        assert not seen.equals(frame)
    shifted = damage(frame, "rows shifted by one")["utilization"]
    assert sorted(shifted.dropna()) == sorted(frame["utilization"].dropna())
    assert shifted.iloc[1] == frame["utilization"].iloc[0]


def test_bands_are_tenths_and_missing_is_a_band_of_its_own(frame):
    seen = banded(frame, frame)
    assert list(seen) == list(WATCHED)
    assert seen["age"].value_counts(normalize=True).between(0.07, 0.13).all()
    assert ((seen["utilization"] == -1) == frame["utilization"].isna()).all()


def test_distances_of_a_fault_are_those_of_whole_files(years, frame):
    for fault, column in {"channel lost": "channel", "monthly income": "income"}.items():
        last = years.distances(28, column, fault)[:, -1]
        expected = distance(*(banded(f, frame)[column] for f in (frame, damage(frame, fault))))
        assert last.mean() == pytest.approx(expected, abs=0.03)
        assert years.distances(28, column)[:, -1].mean() < 0.03
        first = years.onset.min() // 28
        assert years.distances(28, column, fault)[:, :first].max() < 0.06


def test_nothing_depends_on_the_order_in_which_plans_are_tried():
    plans = [Plan(7, 0.06, 20), Plan(1, 0.2)]
    one, other = Years(4, seed=5), Years(4, seed=5)
    there = [one.run(plan).euro for plan in plans]
    assert there == [other.run(plan).euro for plan in plans[::-1]][::-1]


def test_fewer_rows_tremble_more(years):
    means = [years.distances(days, "purpose").mean() for days in DAYS]
    assert means[0] / means[-1] == pytest.approx(np.sqrt(28), rel=0.15)


def test_no_distance_finds_shifted_rows_and_a_few_rows_by_key_do(years):
    blind, by_key = years.run(Plan(1, 0.01)), years.run(Plan(1, {}, rows=3))
    assert blind.faults.loc["rows shifted by one", ["found", "days"]].tolist() == [0, COMPLAINT]
    assert by_key.faults.loc["rows shifted by one", ["found", "days"]].tolist() == [1, 1]
    assert by_key.faults.loc["monthly income", "days"] == COMPLAINT, "both paths have it"
    assert by_key.false_alarms == 0


def test_euro_are_losses_false_alarms_and_rows(years):
    outcome = years.run(Plan(7, 0.05, rows=10))
    losses = np.mean([outcome.faults["days"][name] * loss for name, (loss, _) in FAULTS.items()])
    rest = 1_000 * outcome.false_alarms + 0.4 * 10 * YEAR / 7
    assert outcome.euro == pytest.approx(330 * losses + rest)
    assert outcome.faults["euro"].mean() == pytest.approx(330 * losses)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((3, 0.1), "days"),
        ((True, 0.1), "days"),
        ((1, "0.1"), "threshold"),
        ((1, {"incom": 0.1}), "income"),
        ((1, {"income": 2}), "share"),
        ((1, 0.1, LOGGED_A_DAY + 1), "the log of 1 days"),
        ((1, 0.1, -1), "rows"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        Plan(*arguments)


def test_the_four_files_are_what_the_exercise_says():
    training = world.World().applications(("2025-01", "2025-12"))
    old, files = banded(training, training), suspects()

    def moved(letter, column, by):
        file = files[letter]
        new, groups = banded(file, training), file[by].unique()
        parts = {v: (old[column][training[by] == v], new[column][file[by] == v]) for v in groups}
        # in units of the standard error of a share of a half
        return pd.Series({v: 2 * distance(a, b) * np.sqrt(len(b)) for v, (a, b) in parts.items()})

    assert list(files) == list("ABCD")
    assert moved("A", "late_payments", "region").idxmax() == "North"
    assert moved("A", "late_payments", "region").nlargest(2).diff().iloc[1] < -1
    for letter, column, by in (
        ("B", "age", "employment"),
        ("C", "late_payments", "region"),
        ("D", "amount", "purpose"),
    ):
        assert moved(letter, column, by).max() < 2.6, letter
    for letter, by in {"B": "employment", "D": "purpose"}.items():
        assert distance(training[by], files[letter][by]) > 0.05


def test_each_control_changes_words_and_picture(years):
    view = AlarmLab(years).view()
    assert "not: rows shifted by one" in words(view).value
    for label, value in {
        "rows compared by key": 3,
        "look every days": 7,
        "threshold (L-infinity)": 0.1,
    }.items():
        before = words(view).value, picture(view).value
        controls(view)[label].value = value
        assert words(view).value != before[0]
        assert picture(view).value != before[1]
    assert "6 of 6 faults" in words(view).value
