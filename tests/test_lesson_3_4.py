"""Lesson 3.4: the trials of a gate, what the view computes, and what its controls change."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from views import controls, picture, words

from helpers import world
from helpers.course.lesson_3_4.gate import BAD, GOOD, stopped, trials
from helpers.course.lesson_3_4.view import GATES, SliceLab

FIRST = {"model": "right", "first": "region", "second": "nothing", "rows": 4_000, "measure": "AUC"}


@pytest.fixture(scope="module")
def lab():
    lender = world.World(5)
    frame = lender.applications(("2025-01", "2025-02"))
    right = lender.default_probability(frame)
    south = (frame["region"] == "South").to_numpy()
    return SliceLab(frame, {"right": right, "wrong": np.where(south, right / 3, right)})


@pytest.fixture(scope="module")
def table():
    return trials(3, worlds=4, rows=3_000)


def test_the_areas_are_those_of_scikit_learn(lab):
    found = lab.measure(**FIRST)[0]
    assert found["value"].is_monotonic_increasing and len(found) == 5
    for name, rows in lab.frame.groupby("region"):
        area = roc_auc_score(rows["defaulted"], lab.scores["right"][rows.index])
        assert found.loc[name, "value"] == pytest.approx(area)
        assert found.loc[name, "rows"] == len(rows)


def test_a_wrong_level_is_found_in_its_slice_and_nowhere_else(lab):
    found = lab.measure(**FIRST | {"measure": "level", "model": "wrong"})[0]
    assert found.index[0] == "South" and found.index[found["wrong"]].tolist() == ["South"]
    assert not lab.measure(**FIRST | {"measure": "level"})[0]["wrong"].any()
    assert not lab.measure(**FIRST | {"model": "wrong"})[0].loc["South", "wrong"], "ranks as before"


def test_what_chance_makes_is_what_other_months_show(lab):
    """The 95 % of the worst slice hold for months that were drawn anew."""
    state = FIRST | {"second": "employment"}
    low, high = lab.measure(**state)[2]
    rng, inside = np.random.default_rng(1), []
    for _ in range(60):
        again = lab.frame.assign(defaulted=(rng.random(4_000) < lab.scores["right"]).astype(int))
        worst = SliceLab(again, lab.scores).measure(**state)[0]["value"].iloc[0]
        inside.append(low <= worst <= high)
    assert np.mean(inside) > 0.85


def test_slices_without_rows_or_defaults_do_no_harm(lab):
    none = lab.frame.assign(defaulted=0)
    found = SliceLab(none, lab.scores).measure(**FIRST)[0]
    assert found["value"].isna().all() and not found["wrong"].any()
    few = SliceLab(lab.frame.head(50), {"right": lab.scores["right"][:50]})
    assert few.describe(**FIRST | {"rows": 1_000}) == "No slice has 100 rows."
    assert few.plot(**FIRST) is not None


def test_each_control_changes_picture_and_words(lab):
    view = lab.view()
    assert "Beyond chance: " in view.alt and view.alt in picture(view).value
    moves = {"model": "wrong", "slice by": "sex", "crossed with": "nothing", "rows": 4_000}
    for label, value in {"measure": "level", **moves}.items():
        before, said = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert picture(view).value != before and words(view).value != said, label
    assert set(GATES) == set(controls(view)["measure"].options)


def test_the_trials_measure_what_they_say(table):
    assert set(table["candidate"]) == {*GOOD, *BAD} and len(table) == 4 * 8 * 6
    assert table["change"].tolist() == pytest.approx((table["after"] - table["before"]).tolist())
    everyone = table[table["slice"] == "all"].groupby("candidate").mean(numeric_only=True)
    assert everyone.loc["the truth", "after"] == everyone["after"].max()
    assert everyone.loc["level too low", "after"] == everyone.loc["burden added", "after"]
    assert everyone.loc["level too low", "gap"] < -0.02 < everyone.loc["burden added", "gap"]
    east = table[table["slice"] == "East"].groupby("candidate")["change"].mean()
    assert east["East wiped"] < -0.03 < everyone.loc["East wiped", "change"]


def test_a_gate_sees_one_candidate_by_slice_and_its_refusals_are_counted(table):
    seen = []

    def gate(one):
        seen.append(one)
        return one.loc["all", "gap"] > -0.015

    shares = stopped(gate, table)
    assert shares.index.tolist() == [*GOOD, *BAD] and len(seen) == 4 * 8
    assert isinstance(seen[0], pd.DataFrame) and seen[0].index.name == "slice"
    assert shares["level too low"] > 0.7 > 0.3 > shares["the truth"]
