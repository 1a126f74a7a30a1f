"""Lesson 3.3: a night that is computed by hand, plans that are better, and a view that says so."""

import numpy as np
import pytest

from helpers.course.exercises.core import find
from helpers.course.lesson_3_3 import exercises
from helpers.course.lesson_3_3.view import NightLab, Plan, euro, minutes, step, steps


def test_the_night_of_the_incident_is_what_its_step_says():
    for workers, ms in ((1, 290 + 60), (2, 290 + 32 + 44)):
        read, compute, exchange = step(Plan(workers))
        assert read + compute[0] + exchange == pytest.approx(ms)
    night = {workers: np.median(minutes(Plan(workers))) for workers in (1, 2)}
    assert night[1] == pytest.approx(363, abs=1), "6 h 03"
    assert night[2] == pytest.approx(382, abs=1), "6 h 22"


def test_a_larger_batch_needs_fewer_steps_and_more_rows():
    few, many = steps(Plan(batch=512)), steps(Plan(batch=4_096))
    assert few == 61_700
    assert few / 8 < many < few / 4
    assert steps(Plan(4, spares=1)) > steps(Plan(4))


def test_prefetching_saves_the_smaller_part():
    _, compute, exchange = step(Plan(2))
    saved = np.median(minutes(Plan(2)) - minutes(Plan(2, prefetch=True)))
    assert saved == pytest.approx(61_700 * (compute[0] + exchange) / 60_000, rel=0.05)


def test_the_plan_of_the_solution_keeps_a_margin_and_that_of_the_lesson_fails():
    space = {}
    exec(find("3.3-e").solution, space)
    night = minutes(space["answer"], 1_000, seed=9)
    assert np.percentile(night, 95) < exercises.MOST_MINUTES - 5
    assert euro(space["answer"], night) < exercises.MOST_EURO - 0.1
    for plan in (Plan(), Plan(2), Plan(8), Plan(4, 2_048, 4, True, True)):
        assert find("3.3-e").feedback(plan).status == "wrong"


def test_a_control_changes_words_and_picture():
    shown = NightLab().view()
    for name, value in {"workers": 4, "reads": 4, "prefetch": True, "cache": True}.items():
        words, picture = shown.words.value, shown.picture
        shown.controls[name].value = value
        assert shown.words.value != words, name
        assert shown.picture != picture, name
    words = shown.words.value
    shown.controls["spares"].value = 1
    assert shown.words.value != words
    shown.controls["workers"].value = 1
    assert "do not fit into the memory" in shown.words.value


INTERLEAVED = """
import tensorflow as tf


def answer(files, read, prepare, jitter):
    many = tf.data.Options()
    many.threading.private_threadpool_size = 8
    one = lambda number: tf.data.Dataset.from_tensors(number).map(read)
    rows = files.interleave(one, cycle_length=4, num_parallel_calls=4).map(prepare).cache()
    return rows.shuffle(8, reshuffle_each_iteration=True).map(jitter).with_options(many)
"""
STRIDED = """
answer = lambda rows, batch, workers, worker: rows.shard(workers, worker).batch(batch // workers)
"""


def test_other_right_answers_are_right_too():
    for id, source in (("3.3-b", INTERLEAVED), ("3.3-d", STRIDED)):
        space = {}
        exec(source, space)
        assert find(id).feedback(space["answer"]).status == "right"
