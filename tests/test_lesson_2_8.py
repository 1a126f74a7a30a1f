"""Lesson 2.8: the numbers that its room computes, and what a control of its view does."""

import numpy as np
import pytest
from views import controls, picture, words

from helpers.course.lesson_2_8 import exercises as room
from helpers.course.lesson_2_8.bank import bank, fit, label_model, platt
from helpers.course.lesson_2_8.view import LabelLab


@pytest.fixture(scope="module")
def lender():
    return bank(2025)


def test_a_model_of_probabilities_is_the_model_of_labels_where_they_are_0_and_1(lender):
    found = fit(lender.X, lender.y.astype(float))
    usual = type(found)(solver="newton-cholesky", tol=1e-6).fit(lender.X, lender.y)
    assert found.coef_ == pytest.approx(usual.coef_)


def test_em_finds_the_rates_of_independent_sources_and_is_misled_by_a_copy():
    rng = np.random.default_rng(0)
    truth = rng.random(50_000) < 0.3
    rates = [(0.55, 0.03), (0.45, 0.08), (0.25, 0.02)]
    votes = np.column_stack([rng.random(50_000) < np.where(truth, *rate) for rate in rates])
    p, hit = label_model(votes, steps=400)
    assert hit == pytest.approx([0.55, 0.45, 0.25], abs=0.04)
    assert p.mean() == pytest.approx(0.3, abs=0.03)
    _, misled = label_model(np.column_stack([votes, votes[:, 0]]), steps=400)
    assert misled[0] > 0.9


def test_the_incident_is_as_told(lender):
    four = lender.votes()
    euro = {
        name: lender.earned(lender.risk(lender.labels(votes, "label model")))
        for name, votes in {"with the note": four, "without": four[:, :3]}.items()
    }
    assert euro == pytest.approx({"with the note": 239, "without": 335}, abs=2)
    assert lender.earned(lender.risk(lender.y)) == pytest.approx(341, abs=2)
    assert lender.best > 370


def test_platt_restores_level_and_slope():
    rng = np.random.default_rng(1)
    z = rng.normal(-1, 1.4, 20_000)
    true, stated = 1 / (1 + np.exp(-z)), 1 / (1 + np.exp(1 - z / 2))
    found = platt(stated, rng.random(20_000) < true, stated)
    assert np.abs(found - true).mean() < 0.01


def test_plans_of_both_kinds_reach_the_target_and_that_of_the_lesson_does_not():
    plan = {"sources": ["early_arrears"], "labels": "any", "hand": 200}
    assert room._plan(plan) is None
    assert "Take the most expensive part" in room._plan(
        {"sources": list(room.PRICES)[:3], "labels": "label model", "hand": 0}
    )
    for bad in ({**plan, "hand": True}, {**plan, "sources": "early_arrears"}, {"hand": 1}):
        assert room._plan(bad).startswith(("Expected", "'"))


def test_the_copier_is_found_without_the_experts_in_every_bank():
    for seed in range(20):
        votes, truth, pair, experts = room._gossips(seed)
        assert len(pair) == len(experts) == 2 and not pair & experts
        assert len(votes) == len(truth) == 200


def test_each_control_changes_words_and_picture():
    view = LabelLab().view()
    found = controls(view)
    shown, text = picture(view).value, words(view).value
    assert "early arrears 0.91 (true 0.55)" in text and "239 euro" in text
    for label, value in (("collections note", False), ("labels by", "any"), ("notes copied", 0.0)):
        found[label].value = value
        if label != "notes copied":  # without effect while the note is switched off
            assert (picture(view).value, words(view).value) != (shown, text)
        shown, text = picture(view).value, words(view).value
    found["collections note"].value = True
    assert words(view).value != text


def test_a_choice_without_sources_is_answered_in_words():
    view = LabelLab().view()
    seen = {picture(view).value}
    for name in ("early arrears", "bureau alert", "debt adviser"):
        controls(view)[name].value = False
        seen.add(picture(view).value)
    assert "The source's warnings as labels" in words(view).value
    controls(view)["collections note"].value = False
    assert "No source, no labels by" in words(view).value
    assert len({*seen, picture(view).value}) == 5
