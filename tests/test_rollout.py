"""A roll-out promotes what is good and takes back what is not, and loses no request."""

import os
import signal

import httpx
import numpy as np
import pandas as pd
import pytest
from fake_models import PREDICT, FakeModel, Load, mortal_model, until

from helpers.rollout import (
    Analysis,
    Batch,
    Business,
    Disagreement,
    ErrorRate,
    Latency,
    Rollout,
    Router,
    Sample,
)
from helpers.rollout.router import COLUMNS

GOOD = Sample(np.zeros(10, bool), np.full(10, 5.0), np.full(10, 0.5))
BAD = Sample(np.ones(10, bool))
QUICK = Analysis(
    (ErrorRate(), Latency(50, factor=3), Disagreement(tolerance=0.6)), step_requests=40
)


def observations(*rows):
    """A frame as the router gives it, from the columns that matter."""
    usual = {
        "time": pd.Timestamp("2026-01-01", tz="UTC"),
        "variant": "stable",
        "status": 200,
        "latency_ms": 5.0,
        "scores": [0.5],
        "error": "",
        "shadow": False,
        "live_scores": None,
        "key": None,
        "split": 1,
    }
    made = [usual | {"request": i} | row for i, row in enumerate(rows)]
    return pd.DataFrame(made, columns=list(COLUMNS))


def test_steps_follow_each_other_when_the_candidate_has_had_its_requests():
    rollout = Rollout(steps=(0.1, 0.5, 1), analysis=Analysis((ErrorRate(),), step_requests=20))
    decisions = [rollout.observe(Batch(GOOD, GOOD)) for _ in range(4)]
    assert [decision.action for decision in decisions] == [
        "continue",
        "advance",
        "continue",
        "promote",
    ]
    assert [decision.weight for decision in decisions] == [0.1, 0.5, 0.5, 1.0]
    assert rollout.state == "promoted" and rollout.weight == 1
    with pytest.raises(RuntimeError, match="over: promoted"):
        rollout.observe(Batch(GOOD, GOOD))


def test_the_story_tells_what_happened_and_why():
    rollout = Rollout(steps=(0.1, 1), analysis=Analysis((ErrorRate(),), step_requests=1_000))
    rollout.observe(Batch(GOOD, GOOD))
    decision = rollout.observe(Batch(GOOD, BAD))
    assert decision.action == "roll back" and decision.weight == rollout.weight == 0
    first, last = rollout.story(times=False).splitlines()
    assert first == "candidate gets 10 % of the users."
    assert last.startswith("Rolled back at 10 %: errors: 50.0 % against 0.0 % (evidence")
    assert rollout.events["what"].tolist() == ["started", "rolled back"]
    assert rollout.events["at"].tolist() == [0, 2]
    assert rollout.history["errors candidate"].tolist() == [0, 1]


def test_the_chance_of_a_false_rollback_is_stated():
    assert "false rollback at most 1 %" in repr(Rollout(analysis=Analysis(alpha=0.01)))


def test_a_candidate_that_does_not_answer_is_rolled_back_after_a_while():
    rollout = Rollout()
    assert rollout.observe(Batch(GOOD, down_s=1.9)).action == "continue"
    assert rollout.observe(Batch(GOOD, down_s=2.0)).action == "roll back"
    assert "does not answer any more" in rollout.story()


def test_a_request_that_failed_over_speaks_against_whom_it_was_sent_to_first():
    rollout = Rollout(steps=(0.5, 1), analysis=Analysis((ErrorRate(),)))
    dead = {"variant": "candidate", "status": 0, "error": "ConnectError", "scores": None}
    rows = [r | {"request": i // 2} for i, r in enumerate([dead, {}] * 10)]
    rollout.observe(observations(*rows, *({"request": 100 + i} for i in range(10))))
    measured = rollout.history.iloc[0]
    assert measured["requests candidate"] == 10 and measured["requests stable"] == 10
    assert measured["errors candidate"] == 1 and measured["errors stable"] == 0
    assert np.isnan(measured["p50_ms candidate"]), "no answer has no latency"


def test_copies_are_judged_as_if_they_were_live_in_a_shadow_step_only():
    copy = {"variant": "candidate", "shadow": True, "error": "not finite", "live_scores": [0.5]}
    frame = observations(*[{}] * 30, *[copy] * 30)
    for steps, action in (((0, 0.5, 1), "roll back"), ((0.5, 1), "continue")):
        rollout = Rollout(steps=steps, analysis=Analysis((ErrorRate(),)))
        assert rollout.observe(frame).action == action
    assert "only copies" in Rollout(steps=(0, 1)).story()


def test_copies_are_compared_with_what_the_user_was_answered():
    copy = {"variant": "candidate", "shadow": True, "live_scores": [0.1, 0.1], "scores": [0.1, 0.9]}
    rollout = Rollout(analysis=Analysis((Disagreement(margin=0.05),), step_requests=10**6))
    rollout.observe(observations(*[copy] * 20, copy | {"live_scores": None}))
    assert rollout.evidence.to_frame().loc["scores differ", "candidate"] == 0.5
    assert rollout.evidence.to_frame().loc["scores differ", "compared"] == 20


def test_a_business_metric_is_given_the_observations():
    def value(frame):
        return np.where(frame["key"] == "rich", 100.0, np.nan) * [s[0] for s in frame["scores"]]

    rows = [{"key": "rich"}, {"key": "other"}, {"key": "rich", "variant": "candidate"}]
    rollout = Rollout(analysis=Analysis((Business(0, 100, value),)))
    rollout.observe(observations(*rows))
    row = rollout.evidence.to_frame().loc["business value"]
    assert (row["stable"], row["candidate"], row["compared"]) == (50, 50, 1)


def test_an_empty_batch_changes_nothing():
    rollout = Rollout()
    assert rollout.observe(observations()).action == "continue"
    assert rollout.observe(Batch()).action == "continue"
    assert rollout.history.empty


def test_nothing_is_mirrored_if_nothing_compares_copies():
    assert Rollout(analysis=Analysis((ErrorRate(),))).mirror == 0
    assert Rollout(analysis=Analysis((ErrorRate(),)), steps=(0, 1)).mirror == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"steps": (0.5,)}, "expected growing shares"),
        ({"steps": (0.5, 0.5, 1)}, "expected growing shares"),
        ({"steps": (0.1, 0.5)}, "whose last is 1"),
        ({"steps": (-0.1, 1)}, "expected growing shares"),
        ({"candidate": "stable"}, "expected two variants"),
        ({"mirror": 2}, "mirror is 2"),
        ({"mirror": 0, "steps": (0, 1)}, "a shadow step"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(arguments, message):
    with pytest.raises(ValueError, match=message):
        Rollout(**arguments)


def roll_out(candidate_url, stable_url, analysis=QUICK, steps=(0.25, 0.5, 1), meanwhile=None):
    """A roll-out under load; the finished Rollout, the router's last state and the load."""
    with (
        Router({"stable": stable_url, "candidate": candidate_url}) as router,
        Load(router.url, users=4) as load,
    ):
        rollout = Rollout(steps=steps, analysis=analysis).start(router, every=0.05)
        if meanwhile:
            meanwhile(load)
        rollout.wait(300)
        load.last = httpx.post(router.url + PREDICT, json={"instances": [1]})
        return rollout, router.weights, router.shadow, load


def test_a_good_candidate_is_promoted_and_no_request_lost():
    with FakeModel(0.3) as stable, FakeModel(0.4) as candidate:
        rollout, weights, shadow, load = roll_out(candidate.url, stable.url)
    assert rollout.state == "promoted", rollout.story()
    assert weights == {"stable": 0, "candidate": 1} and shadow is None
    assert load.statuses == {200} and not load.failures
    assert load.last.headers["x-served-by"] == "candidate"
    assert rollout.events["what"].tolist() == ["started", "advanced", "promoted", "counted"]
    assert "0 answered by nobody" in rollout.story()


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ({"body": b'{"predictions": [NaN]}'}, "errors"),
        ({"status": 500}, "errors"),
        ({"delay": 1.0}, "slower than"),
        ({"score": 0.99}, "scores differ"),
    ],
)
def test_a_bad_candidate_is_rolled_back_for_the_right_reason(fault, named):
    analysis = Analysis(QUICK.metrics, step_requests=150)
    with FakeModel(0.3) as stable, FakeModel(**fault) as candidate:
        rollout, weights, shadow, load = roll_out(candidate.url, stable.url, analysis)
    assert rollout.state == "rolled back", rollout.story()
    assert named in rollout.story()
    assert weights == {"stable": 1, "candidate": 0} and shadow is None
    assert load.last.headers["x-served-by"] == "stable"
    assert not load.failures


def test_a_candidate_that_is_killed_in_mid_roll_out_is_rolled_back_and_no_request_lost():
    def kill(load):
        load.reaches(50)
        mortal.send_signal(signal.SIGKILL)

    patient = Analysis(QUICK.metrics, step_requests=100_000, dead_s=1)
    with FakeModel(0.3) as stable, mortal_model(score=0.3) as mortal:
        rollout, weights, _, load = roll_out(mortal.url, stable.url, patient, meanwhile=kill)
    assert rollout.state == "rolled back", rollout.story()
    assert weights == {"stable": 1, "candidate": 0}
    assert load.statuses == {200} and not load.failures


def test_a_stable_model_that_is_killed_in_mid_roll_out_costs_no_request_either():
    def kill(load):
        load.reaches(50)
        mortal.send_signal(signal.SIGKILL)
        load.reaches(100)

    slow = Analysis((ErrorRate(),), step_requests=100_000)
    with mortal_model(score=0.3) as mortal, FakeModel(0.3) as candidate:
        urls = {"stable": mortal.url, "candidate": candidate.url}
        with Router(urls) as router, Load(router.url) as load:
            rollout = Rollout(analysis=slow).start(router, every=0.05)
            kill(load)
            rollout.abort()
            assert rollout.state == "rolled back"
    assert load.statuses <= {200, 502} and not load.failures
    during = load.answers[50:150]
    assert {answer.status_code for answer in during} == {200}


class Clock:
    """Time for a roll-out's thread, which passes in steps that it cannot miss."""

    def __init__(self):
        self.now, self.calls = 0.0, 0

    def monotonic(self):
        self.calls += 1
        return self.now

    def step(self):
        """Let a second pass, and the thread look at least twice."""
        self.now += 1
        after = self.calls + 9  # a look reads the clock three times at most
        assert until(lambda: self.calls > after)


def test_a_candidate_that_stands_in_for_a_dead_stable_model_is_not_given_up(monkeypatch):
    clock = Clock()
    monkeypatch.setattr("helpers.rollout.canary.time", clock)
    slow = Analysis((ErrorRate(),), step_requests=100_000)
    with mortal_model(score=0.3) as mortal, FakeModel(0.3) as candidate:
        urls = {"stable": mortal.url, "candidate": candidate.url}
        with Router(urls) as router, Load(router.url) as load:
            rollout = Rollout(steps=(0.5, 1), analysis=slow)
            rollout.start(router, every=0.05, patience=2.5)
            load.reaches(20)
            mortal.send_signal(signal.SIGKILL)
            assert until(lambda: router.status()["down_s"]["stable"] > 0)
            for _ in range(6):
                clock.step()
                assert rollout.state == "running", rollout.story()
            assert load.statuses == {200} and not load.failures
            with mortal_model(port=mortal.port, score=0.3):
                assert until(lambda: router.status()["down_s"]["stable"] == 0)
                clock.now += 60  # patience counts again
                assert rollout.wait(120) == "rolled back"
            assert "within 2.5 s" in rollout.story()


def test_users_who_stay_with_a_variant_are_one_piece_of_evidence_each():
    analysis = Analysis((ErrorRate(margin=0),), step_requests=200)

    def rolled_back(rng):
        rollout, users = Rollout(analysis=analysis), 300
        place, unlucky = rng.random(users), rng.random(users) < 0.3  # whatever the model
        while rollout.state == "running":
            asking = rng.integers(users, size=200)
            rows = [
                {
                    "key": str(user),
                    "variant": "candidate" if place[user] < rollout.weight else "stable",
                    "error": "status 400" if unlucky[user] else "",
                }
                for user in asking
            ]
            rollout.observe(observations(*rows))
        return rollout.state == "rolled back"

    rng, runs = np.random.default_rng(0), 25
    back = sum(rolled_back(rng) for _ in range(runs))
    assert back / runs <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)


def test_a_step_without_enough_requests_is_given_up():
    with (
        FakeModel() as model,
        Router({"stable": model.url, "candidate": model.url}) as router,
    ):
        rollout = Rollout(analysis=QUICK).start(router, every=0.05, patience=0.3)
        assert rollout.wait(120) == "rolled back"
        assert "0 of 40 requests within 0.3 s" in rollout.story()
        assert router.weights["stable"] == 1 and router.shadow is None


@pytest.mark.parametrize("by_hand", [True, False])
def test_a_step_is_given_up_also_while_there_is_news_at_every_look(monkeypatch, by_hand):
    monkeypatch.setattr("helpers.rollout.canary._BATCH", 1)
    slow = Analysis((ErrorRate(),), step_requests=100_000)
    with FakeModel() as model, Router({"stable": model.url, "candidate": model.url}) as router:
        rollout = Rollout(steps=(0.5, 1), analysis=slow)
        with Load(router.url) as load:
            rollout.start(router, every=0.1, patience=300 if by_hand else 0.3)
            load.reaches(50)
            if by_hand:
                rollout._stop.set()
            looks = len(rollout.history)
            assert rollout.wait(120) == "rolled back"
        assert ("stopped by hand" if by_hand else "within 0.3 s") in rollout.story()
        assert not by_hand or len(rollout.history) <= looks + 2, "not at a look without news"


def test_a_roll_out_can_be_stopped_by_hand():
    with (
        FakeModel() as model,
        Router({"stable": model.url, "candidate": model.url}) as router,
    ):
        rollout = Rollout(analysis=QUICK).start(router, every=0.05)
        assert rollout.wait(0.1) == "running"
        with pytest.raises(RuntimeError, match="begun already"):
            rollout.start(router)
        rollout.abort()
        assert rollout.state == "rolled back" and router.weights["stable"] == 1
        assert "stopped by hand" in rollout.story()
    alone = Rollout()
    alone.abort()
    assert alone.state == "rolled back"


def test_an_analysis_that_fails_gives_the_users_back_to_the_stable_model():
    def value(frame):
        raise KeyError("profit")

    with FakeModel() as model:
        rollout, weights, _, load = roll_out(
            model.url, model.url, Analysis((Business(0, 1, value),))
        )
    assert rollout.state == "failed"
    assert "KeyError: 'profit'" in rollout.story() and "stable gets all users" in rollout.story()
    assert weights["stable"] == 1 and load.statuses == {200}


def test_a_router_that_dies_ends_the_roll_out():
    with FakeModel() as model:
        router = Router({"stable": model.url, "candidate": model.url}).start()
        rollout = Rollout(analysis=QUICK).start(router, every=0.05)
        os.kill(router.pid, signal.SIGKILL)
        assert rollout.wait(120) == "failed"
        assert "the router is gone" in rollout.story()
        router.close()


def test_a_variant_that_the_router_does_not_have():
    with pytest.raises(ValueError, match="no variant 'candidate'"):
        Rollout().start(Router({"stable": "http://127.0.0.1:1"}))


def test_a_listener_that_fails_does_not_stop_a_roll_out():
    rollout = Rollout()
    rollout.on_change(lambda: 1 / 0)
    assert rollout.observe(Batch(GOOD, GOOD)).action == "continue"


def test_a_listener_is_called_after_each_batch():
    rollout, weights = Rollout(steps=(0.1, 1), analysis=Analysis((ErrorRate(),))), []
    rollout.on_change(lambda: weights.append(rollout.weight))
    for batch in (Batch(GOOD, GOOD), Batch(GOOD, BAD)):
        rollout.observe(batch)
    assert weights == [0.1, 0.0]
