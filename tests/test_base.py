"""helpers.base: checks that name what is wrong, and the area under the curve with its error."""

import doctest
import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from helpers.base import checks, stats


@pytest.mark.parametrize("module", [checks, stats], ids=lambda module: module.__name__)
def test_the_examples_of_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("value", [1, -1, 2.5, "3", True, None, math.nan])
def test_what_is_not_a_whole_number_or_too_small_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"bins is .*; expected a whole number, 2 or more"):
        checks.whole("bins", value, least=2)


@pytest.mark.parametrize("value", [np.int64(2), np.uint8(2), 2])
def test_whole_numbers_of_all_kinds_become_int(value):
    assert type(checks.whole("bins", value, least=2)) is int


@pytest.mark.parametrize("value", [-0.1, 1.1, math.nan, "0.5", None, True, [0.5]])
def test_what_is_not_a_share_is_refused_by_name(value):
    with pytest.raises(ValueError, match=r"mirror is .*; expected a share from 0 to 1"):
        checks.share("mirror", value)


@pytest.mark.parametrize("value", [0, 1, np.float32(1)])
def test_the_ends_of_a_share_are_allowed_unless_they_are_left_out(value):
    assert checks.share("mirror", value) == value
    with pytest.raises(ValueError, match="between 0 and 1"):
        checks.share("mirror", value, ends=False)


def test_a_misspelt_name_is_answered_with_the_nearest_or_with_all():
    with pytest.raises(ValueError, match=r"side is 'lef'; did you mean left\?"):
        checks.one_of("side", "lef", ["left", "right"])
    with pytest.raises(ValueError, match=r"side is 3; expected one of left, right"):
        checks.one_of("side", 3, ["left", "right"])
    assert checks.nearest("x", map(str, range(40))).endswith("29 and 10 more")


def test_areas_are_those_of_scikit_learn_ties_included():
    rng = np.random.default_rng(1)
    label = rng.random(500) < 0.3
    scores = [np.round(rng.normal(label, 1), 1) for _ in range(3)]
    areas, _ = stats.auc(label, *scores)
    assert areas == pytest.approx([roc_auc_score(label, score) for score in scores])


def test_the_error_of_a_difference_is_that_of_other_samples():
    rng = np.random.default_rng(2)
    found, promised = [], []
    for _ in range(400):
        label = rng.random(300) < 0.4
        first = rng.normal(label, 1)
        second = first + rng.normal(0, 0.5, 300)
        areas, c = stats.auc(label, first, second)
        found.append(areas[0] - areas[1])
        promised.append(c[0, 0] + c[1, 1] - 2 * c[0, 1])
    assert np.sqrt(np.mean(promised)) == pytest.approx(np.std(found), rel=0.15)


def test_a_missing_class_has_no_area_and_a_single_row_has_no_error():
    assert np.isnan(stats.auc([1, 1], [0.2, 0.3])[0]).all()
    areas, covariance = stats.auc([0, 1, 0], [0.1, 0.9, 0.2])
    assert areas[0] == 1 and np.isnan(covariance).all()
