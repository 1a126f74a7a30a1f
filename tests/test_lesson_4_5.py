"""Lesson 4.5: the planner plays what the engine plays; what its view and its judges tell apart."""

import numpy as np
import pytest
from views import controls, picture, words

from helpers.course.lesson_4_5 import exercises as room
from helpers.course.lesson_4_5.planner import RATE, caught, days, play, thompson
from helpers.course.lesson_4_5.view import CanaryPlanner
from helpers.rollout import Analysis, Batch, Disagreement, ErrorRate, Evidence, Latency, Sample


def test_the_planner_misses_as_many_roll_outs_as_the_engine():
    analysis = Analysis((ErrorRate(0.01),), alpha=0.01)
    rng, missed = np.random.default_rng(1), 0
    for _ in range(100):
        evidence = Evidence(analysis)
        for step in (0.05, 0.25, 0.5):
            for _ in range(60 // round(20 * step)):
                n = round(20 * step)
                stable, candidate = rng.random(20 - n) < RATE, rng.random(n) < RATE + 0.06
                evidence.add(Batch(Sample(stable), Sample(candidate)))
        missed += evidence.guilty() is None
    assert missed / 100 == pytest.approx(np.isinf(caught(0.06, 0.01, 60, 0.05)).mean(), abs=0.12)


def test_the_plan_of_the_lesson_misses_three_quarters_and_no_equal_model_is_convicted_too_often():
    assert np.isinf(caught(0.06, 0.01, 60, 0.05)).mean() == pytest.approx(0.76, abs=0.01)
    assert np.isfinite(caught(0.0, 0.0, 600, 0.2)).mean() <= 0.2
    assert days(60) == pytest.approx(4.7, abs=0.1)


@pytest.mark.parametrize(
    ("label", "value"), [("harm", 0.02), ("margin", 0.0), ("requests", 200), ("alpha", 0.01)]
)
def test_each_control_of_the_planner_changes_picture_and_words(label, value):
    view = CanaryPlanner().view()
    before = picture(view).value, words(view).value
    controls(view)[label].value = value
    assert picture(view).value != before[0]
    assert words(view).value != before[1]


def test_a_bandit_finds_the_better_version_unless_it_learns_too_late():
    worth = np.random.default_rng(45).normal((100, 0), 300, (4_000, 2))
    soon, late = (play(thompson, worth, 300.0, late=late).mean() for late in (0, 4_000))
    assert soon < 0.1 < 0.4 < late < 0.6


def test_other_designs_pass_and_a_metric_that_only_costs_alpha_may_stay():
    metrics = (ErrorRate(0.005), Latency(90, factor=1.3), Disagreement(threshold=0.18, margin=0.22))
    assert room._design(Analysis(metrics, alpha=0.05, step_requests=240)) is None
    lesson = (ErrorRate(0.01), Latency(95, factor=3.0), Disagreement(threshold=0.18, margin=0.15))
    assert room._design(Analysis(lesson, step_requests=60)) is not None


def measure(condition, **more):
    return {
        "count": 5,
        "interval": 60,
        "initialDelay": 0,
        "failureLimit": 0,
        "inconclusiveLimit": 0,
        "consecutiveErrorLimit": 4,
        **condition,
        **more,
    }


@pytest.mark.parametrize(
    ("metric", "result", "ends"),
    [
        (measure({"successCondition": "result[0] <= 0.2"}), [0.1], "Successful"),
        (measure({"successCondition": "result[0] <= 0.2"}), [0.3], "Failed"),
        (measure({"failureCondition": "result[0] > 0.2"}), [0.1], "Successful"),
        (measure({"failureCondition": "result[0] > 0.2"}), [float("nan")], "Successful"),
        (measure({"successCondition": "result[0] <= 0.2"}), [], "Error"),
        (measure({"successCondition": "result[0] <= 0.2"}, count=4), [], "Successful"),
        (
            measure({"successCondition": "result[0] < 1", "failureCondition": "result[0] > 2"}),
            [1.5],
            "Inconclusive",
        ),
    ],
)
def test_an_analysis_ends_as_with_argo(metric, result, ends):
    assert room._phase(metric, lambda at: result) == ends


def test_an_order_may_be_sent_with_any_key_that_belongs_to_it():
    def pay_out(order, send, tries=3):
        try:
            return send(order, ("loan", order["order"]))
        except TimeoutError:
            if tries == 1:
                raise
            return pay_out(order, send, tries - 1)

    assert room._retry(pay_out) is None


RETRY = """
keys = []

def key_of(order, *, of="loan"):
    keys.append(order["order"])
    return KEY

def pay_out(order, send, *, tries=3):
    key = key_of(order)
    for attempt in range(tries):
        try:
            return send(order, key)
        except TimeoutError:
            if attempt == tries - 1:
                raise
"""


@pytest.mark.parametrize(
    ("key", "survives"),
    [('(of, order["order"])', True), ("len(keys)", False), ("hash(str(order))", False)],
)
def test_a_key_has_to_survive_a_restart_wherever_it_is_made(key, survives):
    cell = {}
    exec(RETRY.replace("KEY", key), cell)
    assert (room._retry(cell["pay_out"]) is None) == survives


def test_an_endless_retry_is_stopped():
    def pay_out(order, send):
        while True:
            try:
                return send(order, order["order"])
            except TimeoutError:
                pass

    assert "sent 10 times" in room._retry(pay_out)
