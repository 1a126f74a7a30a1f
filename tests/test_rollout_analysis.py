"""The sequential test keeps its promise, finds real differences, and is not fooled by traffic."""

import math

import numpy as np
import pytest

from helpers.rollout import (
    Analysis,
    Batch,
    Business,
    Disagreement,
    ErrorRate,
    Evidence,
    Latency,
    Rollout,
    Sample,
    ScoreShift,
)
from helpers.rollout.analysis import REFERENCE

WITHOUT_MARGINS = Analysis(
    (
        ErrorRate(margin=0),
        Latency(50, factor=1, margin=0),
        Latency(95, factor=1, margin=0),
        ScoreShift(margin=0),
        Disagreement(margin=0.1),
        Business(-400, 500),
    ),
    step_requests=100,
)
SENSIBLE = Analysis(
    (ErrorRate(), Latency(50), Latency(95), ScoreShift(), Disagreement(), Business(-400, 500)),
    step_requests=100,
)


def sample(rng, n, errors=0.02, slower=1.0, shift=0.0, value=0.0):
    return Sample(
        rng.random(n) < errors,
        slower * rng.lognormal(2, 0.5, n),
        np.round(rng.beta(2, 5, n) + shift, 2),
        rng.normal(40 + value, 120, n),
    )


def roll_out(rng, analysis, requests=100, differ=0.1, **worse):
    """One whole roll-out, looked at after every batch; the finished Rollout."""
    rollout = Rollout(steps=(0.05, 0.25, 0.5, 1.0), analysis=analysis)
    while rollout.state == "running":
        n = rng.binomial(requests, rollout.weight)
        before = rng.random(requests)
        pairs = np.column_stack([before, before + (rng.random(requests) < differ)])
        rollout.observe(Batch(sample(rng, requests - n), sample(rng, n, **worse), pairs))
    return rollout


@pytest.mark.parametrize("seed", [0, 1])
def test_a_candidate_that_is_no_worse_is_rolled_back_at_most_as_often_as_stated(seed):
    # Without margins and with disagreement just at what is allowed: the hardest case that is none.
    rng = np.random.default_rng(seed)
    runs = 700
    back = sum(
        roll_out(rng, WITHOUT_MARGINS, requests=200).state == "rolled back" for _ in range(runs)
    )
    alpha = WITHOUT_MARGINS.alpha
    assert back / runs <= alpha + 3 * math.sqrt(alpha * (1 - alpha) / runs)
    assert back > 0, "a test that never errs has no power"


def test_the_promise_holds_however_long_one_looks():
    rng = np.random.default_rng(2)
    analysis = Analysis((ErrorRate(margin=0),), alpha=0.2)
    runs, back, naive = 400, 0, 0
    for _ in range(runs):
        evidence, found, sums = Evidence(analysis), False, np.zeros(2)
        for look in range(1, 101):
            stable, candidate = rng.random((2, 20)) < 0.2
            evidence.add(Batch(Sample(stable), Sample(candidate)))
            sums += stable.sum(), candidate.sum()
            rate = sums.sum() / (40 * look)
            sigma = math.sqrt(2 * rate * (1 - rate) / (20 * look)) or math.inf
            found |= (sums[1] - sums[0]) / (20 * look) / sigma > 0.8416  # one-sided 20 %
            if evidence.guilty():
                back += 1
                break
        naive += found
    assert back / runs <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / runs)
    assert naive / runs > 0.4, "who peeks at a classical test breaks its promise"


@pytest.mark.parametrize(
    ("worse", "named"),
    [
        ({"errors": 0.12}, "errors"),
        ({"slower": 2.0}, "slower than 1.5 × stable's p"),
        ({"shift": 0.15}, "score shift: higher"),
        ({"shift": -0.15}, "score shift: lower"),
        ({"differ": 0.35}, "scores differ"),
        ({"value": -60}, "business value"),
    ],
)
def test_a_candidate_that_is_worse_is_rolled_back_for_the_right_reason(worse, named):
    rng = np.random.default_rng(3)
    ends = [roll_out(rng, SENSIBLE, **worse) for _ in range(40)]
    back = [rollout for rollout in ends if rollout.state == "rolled back"]
    assert len(back) >= 38
    right = [rollout for rollout in back if named in rollout.events["message"].iloc[-1]]
    assert len(right) >= 0.9 * len(back)


def test_a_candidate_that_fails_always_is_rolled_back_within_a_few_of_its_requests():
    rng = np.random.default_rng(4)
    rollout = roll_out(rng, SENSIBLE, errors=1.0)
    assert rollout.state == "rolled back"
    assert rollout.history["requests candidate"].sum() <= 40


def test_a_better_candidate_is_promoted():
    rng = np.random.default_rng(5)
    rollout = roll_out(rng, SENSIBLE, differ=0.02, errors=0.0, slower=0.5, value=30)
    assert rollout.state == "promoted"
    assert rollout.events["what"].tolist() == [
        "started", "advanced", "advanced", "promoted",
    ]  # fmt: skip


def test_a_change_of_the_traffic_while_the_split_changes_is_no_difference_of_the_models():
    # Errors of both rise as the candidate's share does: pooled, the candidate looks worse.
    rng = np.random.default_rng(6)
    analysis = Analysis((ErrorRate(margin=0),), alpha=0.01)
    evidence, errors, counts = Evidence(analysis), np.zeros(2), np.zeros(2)
    for share, rate in ((0.05, 0.02), (0.25, 0.1), (0.5, 0.3)):
        for _ in range(20):
            n = rng.binomial(100, share)
            stable, candidate = rng.random(100 - n) < rate, rng.random(n) < rate
            evidence.add(Batch(Sample(stable), Sample(candidate)))
            errors += stable.sum(), candidate.sum()
            counts += 100 - n, n
    stable, candidate = errors / counts
    assert candidate > 1.5 * stable
    assert evidence.guilty() is None


def test_a_difference_within_the_margin_is_let_through():
    rng = np.random.default_rng(7)
    evidence = Evidence(Analysis((ErrorRate(margin=0.05),)))
    for _ in range(100):
        bad = rng.random((2, 50))
        evidence.add(Batch(Sample(bad[0] < 0.05), Sample(bad[1] < 0.095)))
    assert evidence.guilty() is None
    row = evidence.to_frame().loc["errors"]
    assert 0 < row["at least"] < row["worse by"] < row["at most"] < 0.08


def test_bounds_hold_at_every_look_together():
    rng = np.random.default_rng(8)
    analysis = Analysis((ErrorRate(),), alpha=0.1)
    runs, missed = 60, 0
    for _ in range(runs):
        evidence, held = Evidence(analysis), True
        for _ in range(12):
            bad = rng.random((2, 40))
            evidence.add(Batch(Sample(bad[0] < 0.1), Sample(bad[1] < 0.25)))
            row = evidence.to_frame().loc["errors"]
            held &= row["at least"] <= 0.15 <= row["at most"]
        missed += not held
    assert missed / runs <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / runs)


def test_more_requests_make_bounds_closer():
    rng = np.random.default_rng(9)
    widths = []
    evidence = Evidence(Analysis((Business(-400, 500),)))
    for _ in range(3):
        evidence.add(Batch(sample(rng, 500), sample(rng, 500)))
        row = evidence.to_frame().loc["business value"]
        widths.append(row["at most"] - row["at least"])
        assert row["at least"] <= 0 <= row["at most"]
    assert widths[0] > widths[1] > widths[2]


def test_what_is_slow_or_high_is_never_learnt_from_the_batch_that_is_judged():
    evidence = Evidence(Analysis((Latency(95), ScoreShift())))
    rng = np.random.default_rng(10)
    first = Batch(sample(rng, 200), sample(rng, 200, slower=50, shift=5))
    evidence.add(first)
    assert set(evidence.against().values()) == {1.0}
    evidence.add(Batch(sample(rng, 200), sample(rng, 200, slower=50, shift=5)))
    assert min(evidence.against().values()) > evidence.analysis.limit


def test_percentiles_and_ranks_wait_for_enough_requests_of_the_stable_model():
    evidence = Evidence(Analysis((Latency(95),)))
    rng = np.random.default_rng(11)
    for n in (REFERENCE - 1, 1):
        evidence.add(Batch(sample(rng, n), sample(rng, 5, slower=50)))
        assert evidence.against() == {"slower than 1.5 × stable's p95": 1.0}
    evidence.add(Batch(sample(rng, 5), sample(rng, 5, slower=50)))
    assert evidence.against()["slower than 1.5 × stable's p95"] > 1


def test_a_latency_limit_in_milliseconds():
    evidence = Evidence(Analysis((Latency(limit_ms=100, margin=0),)))
    fast, slow = np.full(30, 20.0), np.full(30, 200.0)
    none = np.zeros(30, bool)
    evidence.add(Batch(Sample(none, fast), Sample(none, slow)))
    assert evidence.guilty() == "slower than 100 ms: 100.0 % against 0.0 %"


def test_constant_scores_and_equal_ties_are_no_shift():
    evidence = Evidence(Analysis((ScoreShift(margin=0),)))
    none, same = np.zeros(100, bool), np.full(100, 0.5)
    for _ in range(5):
        evidence.add(Batch(Sample(none, score=same), Sample(none, score=same)))
    assert evidence.against()["score shift"] == pytest.approx(1)


@pytest.mark.parametrize(("width", "side"), [(0.02, "narrower"), (0.6, "wider")])
def test_scores_that_are_wider_or_narrower_around_the_same_middle_are_a_shift(width, side):
    rng = np.random.default_rng(12)
    evidence = Evidence(Analysis((ScoreShift(),)))
    none = np.zeros(200, bool)
    for _ in range(3):
        stable, candidate = rng.normal(0, 0.2, 200), rng.normal(0, width, 200)
        evidence.add(Batch(Sample(none, score=stable), Sample(none, score=candidate)))
    assert side in evidence.guilty()


def test_decisions_are_compared_at_a_threshold():
    evidence = Evidence(Analysis((Disagreement(threshold=0.5, margin=0.1),)))
    evidence.add(Batch(pairs=np.array([[0.1, 0.4], [0.9, 0.6]] * 20)))
    assert evidence.to_frame().loc["decisions differ", "candidate"] == 0
    evidence.add(Batch(pairs=np.array([[0.49, 0.51]] * 60)))
    assert "decisions differ" in evidence.guilty()


def test_a_score_that_is_no_number_disagrees():
    evidence = Evidence(Analysis((Disagreement(),)))
    evidence.add(Batch(pairs=np.array([[0.5, math.nan]] * 20)))
    assert evidence.to_frame()["candidate"].iloc[0] == 1


def test_instances_of_one_request_count_as_one_observation():
    evidence = Evidence(Analysis((Disagreement(),)))
    evidence.add(Batch(pairs=np.array([[0.1, 0.9]] * 500), request=np.zeros(500)))
    assert evidence.to_frame()["compared"].iloc[0] == 1
    assert evidence.guilty() is None


def test_nothing_to_compare_is_no_evidence():
    evidence = Evidence(Analysis((ErrorRate(), Business(0, 1))))
    for batch in (
        Batch(),
        Batch(stable=Sample(np.zeros(9, bool))),
        Batch(candidate=Sample(np.ones(9, bool))),
    ):
        evidence.add(batch)
    assert set(evidence.against().values()) == {1.0}
    row = evidence.to_frame().loc["errors"]
    assert math.isnan(row["worse by"]) and (row["at least"], row["at most"]) == (-1, 1)


def test_values_beyond_the_range_of_a_business_metric_cannot_break_the_bet():
    evidence = Evidence(Analysis((Business(0, 1),)))
    none = np.zeros(50, bool)
    wild = Sample(none, value=np.full(50, 1e9))
    evidence.add(Batch(wild, Sample(none, value=np.full(50, -np.inf))))
    assert evidence.guilty() == "business value: 0.0 against 1.0"


def test_the_limit_is_shared_among_the_metrics():
    assert Analysis((ErrorRate(),), alpha=0.05).limit == 20
    assert Analysis((ErrorRate(), Latency()), alpha=0.05).limit == 40


def test_evidence_is_the_same_whether_a_batch_comes_in_one_piece_or_in_two():
    rng = np.random.default_rng(13)
    stable, candidate = rng.random((2, 40)) < 0.3
    whole, halves = (Evidence(Analysis((ErrorRate(),))) for _ in range(2))
    whole.add(Batch(Sample(stable), Sample(candidate)))
    for part in (slice(20), slice(20, None)):
        halves.add(Batch(Sample(stable[part]), Sample(candidate[part])))
    assert whole.against() == pytest.approx(halves.against())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Analysis(()), "at least one"),
        (lambda: Analysis((ErrorRate(), ErrorRate(0.1))), "none twice"),
        (lambda: Analysis((ErrorRate(),), alpha=0), "alpha is 0"),
        (lambda: Analysis(step_requests=0), "step_requests is 0"),
        (lambda: Analysis(dead_s=0), "dead_s is 0"),
        (lambda: ErrorRate(margin=-0.1), "margin is -0.1"),
        (lambda: ErrorRate(margin=math.nan), "margin is nan"),
        (lambda: Latency(percentile=100), "percentile is 100"),
        (lambda: Latency(factor=0.5), "factor is 0.5"),
        (lambda: Latency(limit_ms=0), "limit_ms is 0"),
        (lambda: Disagreement(margin=0), "margin is 0"),
        (lambda: Disagreement(tolerance=-1), "tolerance is -1"),
        (lambda: Business(1, 1), "expected low < high"),
        (lambda: Business(0, 1, margin=2), "margin is 2"),
        (lambda: Sample(np.zeros(3, bool), np.zeros(2)), "latency_ms has 2 values, error has 3"),
        (lambda: Analysis(("errors",)), "expected metrics"),
    ],
)
def test_what_makes_no_sense_is_refused_in_words(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
