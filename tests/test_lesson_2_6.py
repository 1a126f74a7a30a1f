"""Lesson 2.6: the letters that a plan can answer, and the store of another year."""

import pytest

from helpers.course.exercises import check
from helpers.course.exercises.core import RAISE
from helpers.course.lesson_2_6.exercises import DELETED, PUSHED, _year_before
from helpers.course.lesson_2_6.letters import HARBOR, answered

GOOD = {"fingerprint": "content", "log": ["version", "inputs"], "rows": 13, "models": 25}
GOOD |= {"fresh": 4}


@pytest.fixture(autouse=True)
def own_progress_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv(RAISE, "1")


def share(sender, **changes):
    return answered(GOOD | changes, range(100))[f"{sender}: answered, %"]


def test_each_letter_needs_what_the_lesson_says():
    assert share("supervisor") == share("partner") == 100
    assert share("supervisor", log=["inputs"]) == share("partner", log=["version"]) == 0
    assert share("supervisor", fingerprint="size and date") == pytest.approx(90, abs=4)
    assert share("supervisor", models=12) < 60 and share("partner", rows=4) < 20
    assert share("partner", rows=12) < 100, "nine months back, and a window of four before it"


def test_parts_add_up_and_each_pulls_its_way():
    plans = {fresh: answered(GOOD | {"fresh": fresh}, range(100)) for fresh in (1, 4, 120)}
    for found in plans.values():
        parts = list(found.values())[4:]
        assert sum(parts) == pytest.approx(found["euro a year"])
    forced = [found["fresh start for a letter"] for found in plans.values()]
    planned = [found["planned fresh start"] for found in plans.values()]
    assert forced == sorted(forced) and planned == sorted(planned, reverse=True)
    assert plans[4]["euro a year"] < min(plans[k]["euro a year"] for k in (1, 120))
    assert answered(HARBOR, [3]) == answered(HARBOR, [3])


def test_the_store_of_another_year_differs_in_what_the_exercises_ask():
    store, log = _year_before()
    pushed = store.models["pushed"].str.extract(r"(\d+)$", expand=False).dropna().astype(int)
    assert pushed.to_dict() == {model: version for model, version in PUSHED.items() if model}
    assert set(store.artifacts.query("state == 'DELETED'").index) == DELETED
    assert store.models["started_from"].isna().sum() == 2
    assert set(log["model_version"]) == set(PUSHED.values())


@pytest.mark.parametrize("months", ["inf", "12.5", "True", "'12'", "None", "121"])
def test_months_that_make_no_sense_get_a_reply(months):
    value = float("inf") if months == "inf" else eval(months)
    assert "whole months" in check("2.6-g", GOOD | {"rows": value}).message
