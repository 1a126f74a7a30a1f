"""Lesson 1.2: the forty worlds count what a protocol opened, promised and brought."""

import pytest

from helpers.course.lesson_1_2 import candidates


def test_nothing_shipped_brings_nothing_and_opens_nothing():
    found = candidates.outcomes(lambda dev, open_test: (None, 0.0), candidates.ALL, worse=5)
    assert len(found) == 40
    assert found["chosen"].isna().all()
    assert (found[["promised", "true", "opened"]] == 0).all().all()


def test_each_candidate_that_the_test_is_opened_for_is_counted():
    def opens_three(dev, open_test):
        names = dev.index[:3]
        return names[0], sum(open_test(name)[0] for name in names) / 3

    found = candidates.outcomes(opens_three)
    assert list(found.index) == list(candidates.LESSON)
    assert (found["opened"] == 3).all()


def test_a_protocol_sees_the_development_months_only():
    def looks(dev, open_test):
        assert list(dev.filter(like="dev")) == list(dev) and len(dev) == 29
        dev.loc[:, :] = 0.0  # what it does to its table changes nobody's
        return "burden", open_test("burden")[0]

    twice = [candidates.outcomes(looks)["promised"].tolist() for _ in range(2)]
    assert twice[0] == twice[1] and any(twice[0])


def test_worse_months_lower_what_is_measured_and_brought_and_not_the_development():
    def opens(dev, open_test):
        return "burden", open_test("burden")[0]

    as_they_were, worse = (candidates.outcomes(opens, worse=by) for by in (0.0, 5.0))
    for column in ("promised", "true"):
        assert (as_they_were[column] - worse[column]).tolist() == pytest.approx([5.0] * 20)
    by_money = [candidates.outcomes(candidates.by_money, worse=by) for by in (0.0, 5.0)]
    assert by_money[0]["promised"].tolist() == by_money[1]["promised"].tolist()


def test_the_lessons_protocols_promise_more_than_they_bring():
    table = candidates.compared()
    assert table["promised (euro)"].dropna().round(1).tolist() == [14.6, 11.1]
    assert table["true (euro)"].round(1).tolist() == [6.5, 9.9, 10.2]
    assert table["burden chosen, worlds of 20"].dropna().tolist() == [10, 19]
    for protocol in (candidates.by_money, candidates.by_log_loss):
        assert (candidates.outcomes(protocol)["opened"] == 0).all()
