"""Lesson 3.2: the table of shrunk networks, its view, and what the exercises accept."""

import numpy as np
import pandas as pd
import pytest

from helpers.course.exercises.core import find
from helpers.course.lesson_3_2 import exercises
from helpers.course.lesson_3_2.view import Shrinker, front, networks

KEY = ["width", "bits", "zeros"]


def test_the_table_has_each_network_in_each_of_five_worlds():
    table = networks()
    assert not table.duplicated(["world", *KEY]).any()
    assert len(table) == 5 * 6 * 4 * 5
    assert table.groupby("world")["auc"].max().between(0.78, 0.82).all()
    unshrunk = table.query("bits == 32 and zeros == 0")
    assert (unshrunk["flips"] == 0).all()
    weights = 4 * (24 * unshrunk["width"] + unshrunk["width"] ** 2)
    assert unshrunk["bytes"].between(0.85 * weights, weights + 5_000).all()


def test_nothing_on_the_front_is_beaten():
    table = networks().query("world == 2025")
    best = front(table)
    assert best["euro"].is_monotonic_increasing and best["bytes"].is_monotonic_increasing
    for row in best.itertuples():
        assert not ((table["bytes"] < row.bytes) & (table["euro"] >= row.euro)).any()
    tie = pd.DataFrame({"bytes": [1, 1, 2], "euro": [3.0, 5.0, 5.0]})
    assert front(tie).index.tolist() == [1]


@pytest.mark.parametrize(
    ("control", "value", "words"),
    [
        ("width", 64, "2 x 64 units"),
        ("bits", 2, "weights of 2 bits"),
        ("zeros", 90, "90 % of them"),
        ("budget", 4, "over the budget of 4 kB"),
    ],
)
def test_each_control_changes_the_picture_and_the_words(control, value, words):
    shown = Shrinker().view()
    picture, text = shown.picture, shown.words.value
    assert words not in text
    shown.controls[control].value = value
    assert shown.picture != picture
    assert words in shown.words.value


def test_the_design_judges_both_devices():
    def status(four, one):
        plans = {4: four, 1: one}
        answer = {k: dict(zip(KEY, plan, strict=True)) for k, plan in plans.items()}
        return find("3.2-f").feedback(answer).status

    assert status((64, np.int64(4), 0.0), (16, 8, 0)) == "right"
    assert status((64, 4, 0), (64, 4, 0)) == "wrong"
    assert status((16, 8, 0), (16, 8, 0)) == "wrong"
    assert status((512, 8, 0), (512, 8, 0)) == "wrong", "what the lesson shows does not pass"


SEPARATELY = """
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score


def answer(X, y, k):
    C = PCA().fit_transform(X)
    areas = [abs(roc_auc_score(y, column) - 0.5) for column in C.T]
    return tuple(np.argsort(areas)[::-1][:k])
"""
EXACT = """
import numpy as np


def answer(weights, share):
    kernels = [w for w in weights if w.ndim == 2]
    flat = np.concatenate([w.ravel() for w in kernels])
    flat[np.argsort(np.abs(flat))[: int(share * flat.size)]] = 0
    parts = iter(np.split(flat, np.cumsum([w.size for w in kernels])[:-1]))
    return tuple(next(parts).reshape(w.shape) if w.ndim == 2 else w for w in weights)
"""
CODES = """
import numpy as np
import pandas as pd


def answer(sample):
    values = sample.to_numpy()
    scale = (max(values.max(), 0) - min(values.min(), 0)) / 255
    counts = sample.apply(lambda column: np.unique(np.rint(column / scale)).size)
    return pd.Index(counts[counts < 5].index)
"""


@pytest.mark.parametrize(
    ("id", "source"), [("3.2-g", SEPARATELY), ("3.2-e", EXACT), ("3.2-d", CODES)]
)
def test_other_right_answers_are_right_too(id, source):
    space = {}
    exec(source, space)
    assert find(id).feedback(space["answer"]).status == "right"


def test_the_limits_of_the_design_leave_room_for_rounding():
    for budget, chosen in ((4, (64, 4, 0)), (1, (16, 8, 0))):
        size, lost = exercises._measured(dict(zip(KEY, chosen, strict=True)))
        assert size <= 1_000 * budget
        assert lost < exercises.MOST_LOST[budget] - 0.3
