"""Lesson 4.7: the year's ledger, its hooks, the postmortem's reader and the view."""

import numpy as np
import pandas as pd
import pytest
from views import controls, picture, words

from helpers.course.exercises.core import find
from helpers.course.lesson_4_7.policy import Calm, Plan, Policy
from helpers.course.lesson_4_7.view import YearExplorer
from helpers.course.lesson_4_7.year import DATES, LINES, made, run_year
from helpers.postmortem import faults

SEED, SMALL = 2026, 500


class Hectic(Policy):
    def on_file(self, file):
        return "quarantine" if file.out_of_range or file.repeated else "accept"

    def on_alarm(self, alarm):
        return "page"

    def on_month(self, month):
        return Plan(retrain=True)


@pytest.fixture(scope="module")
def years():
    return {one.__name__: run_year(one, SEED, SMALL) for one in (Policy, Hectic, Calm)}


def test_the_lines_add_up_to_what_the_granted_earn(years):
    """The total of doing nothing, from applications and decisions, without any ledger."""
    year, here = years["Policy"], made(SEED, SMALL)
    assert year.ledger["total"] == pytest.approx(year.ledger.drop("total").sum())
    risk = here.chance("2024", "came").copy()
    start = here.calendar["utilization in percent"].start
    late = here.day >= start
    risk[late] = here.chance("2024", "came, skewed")[late]
    earned = here.scale * here.daily(((risk < here.limit) & ~here.unreadable) * here.worth)
    before = (DATES[here.calendar["time-out"].start] > DATES) & (year.days["slow leak"] == 0)
    got = year.days.sum(axis=1).to_numpy()
    assert got[before] == pytest.approx(earned[before])
    assert year.days[LINES].sum().sum() == pytest.approx(year.total)


def test_nobody_earns_more_than_the_best_possible(years):
    best = {round(year.ledger["best possible"]) for year in years.values()}
    assert len(best) == 1
    assert all(year.total < min(best) for year in years.values())
    assert not years["Policy"].log["answer"].isin(["page", "quarantine"]).any()


def test_a_year_is_the_same_again_and_a_policys_memory_starts_afresh(years):
    class Counting(Policy):
        def __init__(self):
            self.n = 0

        def on_file(self, file):
            self.n += 1
            return "quarantine" if self.n == 3 else "accept"

    policy = Counting()
    first, second = (run_year(policy, SEED, SMALL) for _ in range(2))
    assert first.total == second.total and policy.n == 0
    held = first.days["quarantine"]
    assert (held != 0).sum() == 1 and held.iloc[2] < 0
    assert first.ledger["pages and checks"] == -400


def test_braking_all_earns_less_than_nothing_is_done():
    class Braking(Policy):
        def on_month(self, month):
            return Plan(brake=10.0)

    year = run_year(Braking, SEED, SMALL)
    assert year.ledger["brake"] < 0 and year.total < run_year(Policy, SEED, SMALL).total


@pytest.mark.parametrize(
    ("hook", "answer", "text"),
    [
        ("on_file", "hold", "on_file returned 'hold'; expected 'accept' or 'quarantine'"),
        ("on_canary", None, "on_canary returned None"),
        ("on_alarm", ["page"], "on_alarm returned"),
        ("on_month", 1.3, "expected a Plan"),
        ("on_month", Plan(brake=0), "brake is 0"),
        ("on_month", Plan(brake="30 %"), "brake is '30 %'"),
    ],
)
def test_a_wrong_answer_names_the_hook_and_what_is_allowed(hook, answer, text):
    policy = type("Wrong", (Calm,), {hook: lambda self, shown: answer})
    if hook == "on_alarm":  # one must ring
        policy.on_file = Policy.on_file
    with pytest.raises(ValueError, match=text):
        run_year(policy, SEED, SMALL)


def test_the_postmortem_of_the_solution_passes_and_of_another_incident_not():
    own = {}
    exec(find("4.7-f").solution, own)
    dates = pd.to_datetime(["2026-08-30", "2026-09-09", "2026-09-11"])
    assert faults(own["answer"], dates, 31_735, "Errors") is None
    assert faults(own["answer"], dates + pd.Timedelta(days=1), 31_735, "Errors")[0] == "dates"
    year = run_year(Calm, SEED)  # what the judge knows
    assert year.causes.loc["slow leak", ["start", "ended"]].tolist() == [dates[0], dates[2]]
    log = year.log[year.log["answer"].eq("page") & year.log["shown"].str.startswith("Errors")]
    assert dates[1] == log.loc[log["day"] > dates[0], "day"].min()
    assert year.ledger["slow leak"] == pytest.approx(-31_735, abs=1)


def test_each_control_changes_words_or_picture(years):
    view = YearExplorer(years).view()
    assert "has missed" in words(view).value
    for label, value in (("policy", "Policy"), ("beside", "Hectic"), ("day", 200),
                         ("reveal the causes", True)):  # fmt: skip
        before = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert picture(view).value != before[0]
        assert words(view).value != before[1]
    assert "campaign" in words(view).value
    assert isinstance(years["Calm"].causes["start"].iloc[0], pd.Timestamp) and np.isfinite(
        years["Calm"].total
    )
