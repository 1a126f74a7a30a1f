"""Lesson 4.2: the disk on which jobs die, what a year costs, what a control of its view does."""

import numpy as np
import pandas as pd
import pytest
from views import controls, picture, words

from helpers import world
from helpers.course.lesson_4_2 import exercises as room
from helpers.course.lesson_4_2.disk import Disk, Killed
from helpers.course.lesson_4_2.plans import A_YEAR, _model, _stored, _year, above, price
from helpers.course.lesson_4_2.view import PlanExplorer


def test_a_program_killed_within_a_write_leaves_half_of_the_rows_and_writes_nothing_more(tmp_path):
    frame = pd.DataFrame({"x": range(10)})
    disk = Disk(tmp_path, die_at=4)
    disk.write("new", frame)
    disk.rename("new", "whole")
    with pytest.raises(Killed):
        disk.write("half", frame)
    with pytest.raises(Killed):
        disk.write("half", frame)
    assert disk.names() == ["half", "whole"]
    assert [len(disk.read(name)) for name in disk.names()] == [5, 10]
    assert not issubclass(Killed, Exception)


def test_a_job_that_catches_its_own_death_is_not_right():
    def swallows(chunks, models, disk):
        for number, chunk in enumerate(chunks):
            try:
                risk = models[max(models)](chunk)
                part = chunk[["application_id"]].assign(risk=risk, version=max(models))
                disk.write(f"part-{number}", part)
            except BaseException:
                return

    assert room._night(swallows) is not None


def test_a_version_may_also_be_pinned_in_the_names_of_the_files():
    def night(chunks, models, disk):
        begun = [
            int(name.rsplit("-", 1)[1]) for name in disk.names() if name[:5] in ("part-", "pin-0")
        ]
        version = begun[0] if begun else max(models)
        if not begun:
            disk.write(f"pin-0-{version}", pd.DataFrame({"version": [version]}))
        for number, chunk in enumerate(chunks):
            name = f"part-{number:03}-{version}"
            if name not in disk.names():
                part = chunk[["application_id"]].assign(risk=models[version](chunk))
                disk.write("new", part.assign(version=version))
                disk.rename("new", name)

    assert room._night(night) is None


def test_what_was_stored_is_what_had_arrived_by_the_night():
    year = _year(2025)
    frame, history = year["frame"], year["history"]
    start = pd.Timestamp("2025-01-01")
    seen = []
    for row in frame[::400].itertuples():
        night = start + (row.applied_at - start) // pd.Timedelta(days=30) * pd.Timedelta(days=30)
        own = history[history["application_id"] == row.application_id]
        seen.append(own[own["arrival_time"] <= night].iloc[-1])
    bureau = pd.DataFrame(seen)[["late_payments", "utilization"]].to_numpy()
    old = frame[::400].assign(late_payments=bureau[:, 0], utilization=bureau[:, 1])
    assert _stored(2025, 30)[::400] == pytest.approx(above(old))
    assert (_stored(2025, 30) != year["fresh"]).mean() > 0.3


def test_a_risk_above_the_line_is_a_loan_that_loses():
    frame = world.World().applications("2025-03", 200)
    risk = _model().predict_proba(frame)[:, 1]
    assert ((above(frame) < 0) == (world.profit(frame, risk) > 0)).all()


def test_plans_at_their_edges():
    year = _year(2025)
    best = np.mean(year["worth"] * (year["fresh"] < 0))
    live = price(None, 0)
    assert live["nights"] == live["old values"] == 0 and live["share live"] == 1
    assert live["no answer"] == pytest.approx(0.003 * A_YEAR * best)
    all_asked = price(30, 99)
    assert all_asked["share live"] == 1 and all_asked["old values"] == pytest.approx(0)
    assert all_asked["no answer"] < 0.1 * live["no answer"], "then the stored risk decides"
    assert price(30, 0)["live"] == price(30, 0)["no answer"] == 0
    assert price(7, 0, night=0)["total"] < price(7, 0)["total"]


def test_the_plans_that_the_lesson_shows_do_not_reach_the_target():
    for every, band in ((1, 0), (7, 0), (30, 0), (None, 0), (7, 0.5), (30, 0.5), (90, 0.5)):
        assert room._plan({"every": every, "band": band}) is not None
    assert room._plan({"every": 45, "band": 0.9}) is None
    assert "None for no night job" in room._plan({"every": float("nan"), "band": 1})
    assert "0 or more" in room._plan({"every": 30, "band": None})


def test_each_control_changes_words_and_picture():
    view = PlanExplorer().view()
    assert "62,886 euro a year" in words(view).value
    for label, value in (
        ("days apart", 30), ("live band", 0.8), ("question (€)", 9.0), ("night (€)", 2_000)
    ):  # fmt: skip
        before = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert picture(view).value != before[0]
        assert words(view).value != before[1]
