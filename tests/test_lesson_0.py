"""The start page says what is so: its routes, its list of lessons, its times; and its two gates."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from helpers import world
from helpers.base import resources
from helpers.course.lesson_0.exercises import JUDGES

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "notebooks" / "0_start_here.ipynb"
CELLS = json.loads(PAGE.read_text(encoding="utf-8"))["cells"]
TEXT = "\n".join("".join(cell["source"]) for cell in CELLS if cell["cell_type"] == "markdown")
ROW = r"^\|.*\| \[(\d\.\d) (.*?)\]\((\S+)\) \| (.*) \| (\d+) min \|$"
LISTED = {number: rest for number, *rest in re.findall(ROW, TEXT, re.M)}
MINUTES = {number: int(minutes) for number, (*_, minutes) in LISTED.items()}
LINK = r"\[(\d\.\d)\]\((\S+?)\)"
ROUTES = re.findall(rf"^\| (\*\*.*?) \| ({LINK} .*) \| (\d+) min \|$", TEXT, re.M)
LESSONS = [lesson for lesson in resources.lessons() if lesson.number != "0"]


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_each_lesson_is_listed_as_it_calls_itself_and_as_the_readme_lists_it(lesson):
    title, link, outcome, minutes = LISTED[lesson.number]
    assert (title, int(minutes)) == (lesson.title, lesson.minutes)
    assert (PAGE.parent / link) == lesson.path
    row = f"[{lesson.number} {title}](notebooks/{link}) | {outcome} | {minutes} |"
    assert row in (ROOT / "README.md").read_text(encoding="utf-8")


def test_what_all_lessons_are_and_take_together():
    total = sum(MINUTES.values())
    assert f"There are {len(LISTED)} lessons" in TEXT
    assert f"take {total:,} minutes, {round(total / 60)} hours" in TEXT
    assert list(LISTED) == sorted(LISTED) and len(LISTED) == 25


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route[0])
def test_each_route_takes_its_minutes_and_respects_what_lessons_build_on(route):
    _, way, *_, minutes = route
    steps = re.findall(LINK, way)
    numbers = [number for number, _ in steps]
    assert int(minutes) == sum(MINUTES[number] for number in numbers)
    assert 3 <= len(numbers) <= 6
    for at, (number, link) in enumerate(steps):
        assert link == LISTED[number][1]
        first = json.loads((PAGE.parent / link).read_text(encoding="utf-8"))["cells"][0]["source"]
        needed = re.search(r"after (.*?)[;*]", "".join(first))[1]
        assert not set(re.findall(r"\[(\d\.\d)\]", needed)) & set(numbers[at:])


def test_there_is_a_route_for_each_who_comes():
    assert len(ROUTES) >= 6


@pytest.mark.parametrize(
    "gate",
    [
        lambda file: file["income"].min() < 6_000,
        lambda file: bool(file["income"].quantile(0.03) < 6_000),
        lambda file: file.loc[file["channel"] == "partner", "income"].median() < 8_000,
        lambda file: file.groupby("channel")["income"].median().min() < 8_000,
        lambda file: sum(income < 6_000 for income in file["income"]) > 0,
        lambda file: np.log10(file.loc[file["channel"] == "partner", "income"]).mean() < 3.9,
        lambda file: (file["income"] < 6_000).groupby(file["channel"]).mean().max() > 0.5,
    ],
)
def test_a_gate_of_another_kind_is_right_too(gate):
    assert JUDGES["0-b"](gate) is None


def test_a_good_file_of_young_people_looks_worse_than_a_broken_one_as_the_page_says():
    medians, means = [], []
    for seed in range(1, 11):
        good = world.World(seed=seed).applications("2025-06", 2_000)
        broken = world.incidents["monthly income"].apply(good)["income"]
        young = world.incidents["campaign"].apply(good, strength=1, seed=seed)["income"]
        medians.append(broken.median() - young.median())
        means.append(broken.mean() - young.mean())
    assert "is 900 to 2,100 euro below the broken one's, and its mean now below, now above" in TEXT
    assert (round(min(medians), -2), round(max(medians), -2)) == (900, 2_100)
    assert min(means) < 0 < max(means)


@pytest.mark.parametrize("most", [2, 1.2])
def test_a_gate_that_only_compares_channels_is_wrong(most):
    def far_below_the_others(file):
        partner = file["channel"] == "partner"
        middle = file["income"].where(partner).median(), file["income"].where(~partner).median()
        return middle[0] < middle[1] / most

    assert "NaN" in JUDGES["0-b"](far_below_the_others)


@pytest.mark.parametrize("statistic", ["mean", "median", "std"])
def test_no_threshold_on_a_number_for_the_whole_file_is_right(statistic):
    for most in range(500, 40_000, 500):
        assert JUDGES["0-b"](lambda file, most=most: getattr(file["income"], statistic)() < most)


def test_any_way_to_the_default_rate_is_right_and_the_table_stays_as_it_is():
    def by_group(applications, channel):
        return applications.groupby("channel")["defaulted"].mean()[channel]

    def by_hand(applications, channel):
        applications["mine"] = applications["channel"] == channel
        rows = applications[applications["mine"]]
        return sum(rows["defaulted"]) / len(rows)

    assert JUDGES["0-a"](by_group) is None
    assert JUDGES["0-a"](by_hand) is None and JUDGES["0-a"](by_group) is None
