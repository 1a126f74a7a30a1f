"""What becomes known after the decision: stated rates, dates, and what the loan book knew."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from helpers import datasets, world
from helpers.base import resources
from helpers.base.stats import auc
from helpers.world import CLERKS, SIGNS, World, bureau_history, clerks, early_signs, habit

SEEDS = (2025, 1, 2, 3, 4)
VALUES = ["late_payments", "utilization"]


def assert_share(drawn, share):
    """A share is within sampling error of the one stated."""
    assert abs(np.mean(drawn) - share) <= 4.5 * np.sqrt(share * (1 - share) / len(drawn))


@pytest.fixture(scope="module")
def worlds():
    changes = {seed: ("campaign", "recession") if seed % 2 else () for seed in SEEDS}
    months = ["2025-03", "2026-11", "2027-06"]
    return {seed: World(seed, changes[seed]).applications(months, 4_000) for seed in SEEDS}


@pytest.fixture(scope="module")
def histories(worlds):
    return [(frame, bureau_history(frame, seed=seed)) for seed, frame in worlds.items()]


def small(n=400):
    return World().applications("2026-10", n)


# Early signs


def test_sources_warn_as_often_as_stated_in_any_world_and_year(worlds):
    for seed, frame in worlds.items():
        signs = early_signs(frame, seed=seed)
        for name, rates in SIGNS.items():
            for outcome, rate in zip((1, 0), rates, strict=True):
                assert_share(signs.loc[frame["defaulted"] == outcome, name], rate)
            for _, month in signs.groupby(frame["applied_at"].dt.year)[name]:
                assert month.isin([0, 1]).all()


def test_given_the_outcome_sources_are_independent_of_features_and_of_each_other_but_one(worlds):
    for seed, frame in worlds.items():
        signs = early_signs(frame, seed=seed)
        for _, rows in frame.groupby("defaulted"):
            drawn = signs.loc[rows.index]
            for one, other in combinations(SIGNS, 2):
                r = np.corrcoef(drawn[one], drawn[other])[0, 1]
                if {one, other} == {"early_arrears", "collections_note"}:
                    assert r == pytest.approx(0.8, abs=0.1)
                else:
                    assert abs(r) < 4.5 / np.sqrt(len(rows))
            p = World().default_probability(rows)
            for name in SIGNS:
                assert abs(np.corrcoef(drawn[name], p)[0, 1]) < 4.5 / np.sqrt(len(rows))


@pytest.mark.parametrize("copying", [0, 0.3, 1])
def test_copying_changes_the_agreement_and_neither_the_rates_nor_other_sources(copying):
    frame = World(7).applications("2026-10", 20_000)
    signs = early_signs(frame, copying=copying)
    same = signs["collections_note"] == signs["early_arrears"]
    for outcome, rate in zip((1, 0), SIGNS["early_arrears"], strict=True):
        rows = frame["defaulted"] == outcome
        by_chance = rate**2 + (1 - rate) ** 2
        assert_share(signs.loc[rows, "collections_note"], rate)
        assert_share(same[rows], copying + (1 - copying) * by_chance)
    assert same.all() == (copying == 1)
    others = signs.drop(columns="collections_note")
    assert_frame_equal(others, early_signs(frame).drop(columns="collections_note"))


def test_signs_belong_to_the_row_and_to_no_other():
    frame = small()
    signs = early_signs(frame)
    assert_frame_equal(signs, early_signs(frame))
    some = frame.sample(frac=0.3, random_state=0)
    assert_frame_equal(early_signs(some), signs.loc[some.index])
    twice = pd.concat([frame, frame])
    assert_frame_equal(early_signs(twice), pd.concat([signs, signs]))
    assert not signs.equals(early_signs(frame, seed=1))
    assert early_signs(frame[:0]).empty


def test_signs_of_the_loan_book_are_those_of_the_world():
    assert_frame_equal(
        early_signs(datasets.load("loans", months="2025-03")),
        early_signs(World().applications("2025-03")),
    )


def test_signs_are_known_120_days_after_the_application():
    frame = small()
    assert (early_signs(frame)["known_at"] - frame["applied_at"]).eq(pd.Timedelta("120D")).all()


def test_a_higher_rate_adds_warnings_and_a_source_without_error_is_the_outcome():
    frame = small(5_000)
    low, high = (early_signs(frame, rates={"debt_adviser": (h, 0.02)}) for h in (0.2, 0.6))
    assert (high["debt_adviser"] >= low["debt_adviser"]).all()
    assert high["debt_adviser"].sum() > low["debt_adviser"].sum()
    perfect = early_signs(frame, rates={"bureau_alert": (1, 0)})
    assert perfect["bureau_alert"].equals(frame["defaulted"].rename("bureau_alert"))


def test_a_source_without_an_opinion_is_missing_whatever_the_outcome():
    frame = World(3).applications("2026-10", 20_000)
    signs = early_signs(frame, coverage={"bureau_alert": 0.7})
    for outcome, rate in zip((1, 0), SIGNS["bureau_alert"], strict=True):
        sign = signs.loc[frame["defaulted"] == outcome, "bureau_alert"]
        assert_share(sign.notna(), 0.7)
        assert_share(sign.dropna(), rate)
    assert signs.drop(columns="bureau_alert").notna().all(axis=None)
    both = early_signs(frame, coverage={"early_arrears": 0.5}, copying=1)
    assert both["collections_note"].equals(both["early_arrears"].rename("collections_note"))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"copying": 1.2}, "copying is 1.2"),
        ({"rates": {"early arrears": (0.5, 0.1)}}, "did you mean early_arrears"),
        ({"rates": {"early_arrears": (0.5, 3)}}, "early_arrears is 3"),
        ({"coverage": {"note": 0.5}}, "source is 'note'"),
        ({"coverage": {"debt_adviser": -1}}, "coverage is -1"),
        ({"seed": 1.5}, "seed is 1.5"),
    ],
)
def test_wrong_arguments_for_signs_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        early_signs(small(5), **wrong)


@pytest.mark.parametrize("function", [early_signs, bureau_history])
def test_a_frame_without_what_is_needed_is_refused(function):
    frame = small(5)
    before = frame.copy()
    with pytest.raises(ValueError, match=r"frame lacks \['defaulted'\]"):
        function(frame.drop(columns="defaulted"))
    with pytest.raises(ValueError, match="applied_at holds no times"):
        function(frame.assign(applied_at=frame["applied_at"].astype(str)))
    with pytest.raises(ValueError, match="defaulted holds values other than 0 and 1"):
        function(frame.assign(defaulted=np.nan))
    function(frame)
    assert_frame_equal(frame, before)


# The bureau's history


def joined(frame, history, by=()):
    """The last statement by event time, with the columns in ``by`` up to the application."""
    rows = history.merge(frame[["application_id", "applied_at"]], on="application_id")
    for column in by:
        rows = rows[rows[column] <= rows["applied_at"]]
    rows = rows.sort_values(["event_time", "arrival_time"]).groupby("application_id").tail(1)
    return rows.set_index("application_id").loc[frame["application_id"], VALUES]


def test_what_had_arrived_is_what_the_loan_book_holds(histories):
    for frame, history in histories:
        known = joined(frame, history, by=("event_time", "arrival_time"))
        assert_frame_equal(known.reset_index(drop=True), frame[VALUES])
        arrived = joined(frame, history, by=("arrival_time",))
        assert_frame_equal(arrived, known)


def test_only_the_join_by_both_times_does_not_see_the_outcome(histories):
    for frame, history in histories:
        ways = [(), ("event_time",), ("event_time", "arrival_time")]
        late = [joined(frame, history, by)["late_payments"] for by in ways]
        (latest, event, both), _ = auc(frame["defaulted"], *late)
        assert latest > event + 0.1 > both + 0.15
        first = history.drop_duplicates(["application_id", "event_time"])
        newest = joined(frame, first, by=("event_time",))["late_payments"]
        areas, _ = auc(frame["defaulted"], newest)
        assert areas[0] == pytest.approx(both, abs=0.015)  # without corrections nothing leaks


def test_corrections_are_as_frequent_as_stated_and_come_late(histories):
    for frame, history in histories:
        again = history[history.duplicated(["application_id", "event_time"])]
        corrected = frame["application_id"].isin(again["application_id"])
        assert_share(corrected[frame["defaulted"] == 1], 0.5)
        assert_share(corrected[frame["defaulted"] == 0], 0.03)
        again = again.merge(frame[["application_id", "applied_at", "defaulted"]])
        assert (again["event_time"] <= again["applied_at"]).all()
        assert (again["arrival_time"] > again["applied_at"]).all()
        assert again["arrival_time"].dt.day.eq(5).all()
        wait = (again["arrival_time"] - again["applied_at"]).dt.days
        assert wait[again["defaulted"] == 1].between(120, 400).all()


def test_a_correction_after_a_default_adds_payments_and_keeps_the_used_share():
    frame = World(6).applications("2025-03", 5_000)
    both = bureau_history(frame).groupby(["application_id", "event_time"])
    change = both["late_payments"].last() - both["late_payments"].first()
    change = change[both.size() > 1].rename("change").reset_index()
    change = change.merge(frame[["application_id", "defaulted", "region"]])
    assert change["change"].abs().max() == 4  # two payments, counted twice in the East
    assert change.loc[change["region"] != "East", "change"].abs().max() == 2
    assert (change.loc[change["defaulted"] == 1, "change"] >= 0).all()
    assert (change.loc[change["defaulted"] == 0, "change"] < 0).any()
    assert both["utilization"].first().equals(both["utilization"].last())


def test_statements_come_every_30_days_and_arrive_1_to_25_days_later():
    frame = World(6).applications("2025-03", 5_000)
    history = bureau_history(frame, corrected=(0, 0))
    delay = (history["arrival_time"] - history["event_time"]) / pd.Timedelta("1D")
    assert delay.between(1, 25).all() and delay.mean() == pytest.approx(4, abs=0.1)
    step = history.sort_values("event_time").groupby("application_id")["event_time"].diff().dropna()
    assert step.eq(pd.Timedelta("30D")).all()
    assert history["arrival_time"].is_monotonic_increasing
    assert len(history) == 19 * len(frame)


def test_values_are_possible_and_steady_for_those_who_pay():
    frame = World(6).applications("2025-03", 10_000)
    history = bureau_history(frame).merge(frame[["application_id", "region", "defaulted"]])
    assert history["late_payments"].between(0, 24).all()
    assert (history.loc[history["region"] == "East", "late_payments"] % 2 == 0).all()
    missing = history["utilization"].isna().groupby(history["application_id"])
    assert (
        missing.nunique().eq(1).all() and missing.first().mean() == frame[VALUES[1]].isna().mean()
    )
    paid = history[(history["defaulted"] == 0) & (history["region"] != "East")]
    of_month = paid.groupby(paid["event_time"].dt.to_period("Q"))[VALUES].mean()
    assert of_month["late_payments"].between(0.25, 0.45).all()
    assert of_month["utilization"].between(0.25, 0.37).all()


def test_statements_belong_to_the_row_and_to_no_other():
    frame = small()
    history = bureau_history(frame)
    assert_frame_equal(history, bureau_history(frame.sample(frac=1, random_state=0)))
    some = frame.sample(frac=0.3, random_state=0)
    rows = history[history["application_id"].isin(some["application_id"])]
    assert_frame_equal(bureau_history(some), rows.reset_index(drop=True))
    assert not history.equals(bureau_history(frame, seed=1))
    assert history["event_time"].dtype == history["arrival_time"].dtype == frame["applied_at"].dtype


def test_wrong_arguments_for_the_history_are_named():
    frame = small(20)
    with pytest.raises(ValueError, match="corrected is 2"):
        bureau_history(frame, corrected=(2, 0))
    with pytest.raises(ValueError, match="each application once"):
        bureau_history(pd.concat([frame, frame]))
    with pytest.raises(ValueError, match="frame has utilization"):
        bureau_history(world.incidents["utilization in percent"].apply(frame))


# Clerks


def test_clerks_err_as_their_confusion_matrices_say():
    true = np.repeat(np.arange(10), 5_000)
    for seed in SEEDS:
        written = clerks(true, seed=seed)
        for name, table in CLERKS.items():
            counts = pd.crosstab(true, written[name], normalize="index")
            expected = table.loc[counts.index, counts.columns]
            error = np.sqrt(expected * (1 - expected) / 5_000)
            assert ((counts - expected).abs() <= 5 * error).all(axis=None), name
        wrong = written.ne(true, axis=0)[true == 9]
        assert abs(np.corrcoef(wrong["C"], wrong["D"])[0, 1]) < 4.5 / np.sqrt(5_000)


def test_a_habit_is_a_confusion_matrix():
    table = habit({(1, 7): 0.5, (1, 2): 0.1}, slips=0.09)
    assert table.sum(axis=1).tolist() == pytest.approx([1] * 10)
    assert table.loc[1, 7] == pytest.approx(0.5 + 0.4 * 0.01)
    assert table.loc[1, 1] == pytest.approx(0.4 * 0.91)
    assert table.loc[3, 3] == pytest.approx(0.91)


def test_flips_can_be_confined_to_a_channel():
    frame = World(2).applications("2025-03", 20_000).set_index("application_id")
    partner = frame["channel"] == "partner"
    booked = {"desk": habit({(1, 0): 0.3}, classes=[0, 1])}
    written = clerks(frame["defaulted"], booked, where=partner)["desk"]
    flipped = written != frame["defaulted"]
    assert not flipped[~partner].any() and not flipped[frame["defaulted"] == 0].any()
    assert_share(flipped[partner & (frame["defaulted"] == 1)], 0.3)
    some = frame.sample(frac=0.3, random_state=0)
    again = clerks(some["defaulted"], booked, where=some["channel"] == "partner")["desk"]
    pd.testing.assert_series_equal(again, written.loc[some.index])


def test_a_cured_habit_leaves_all_other_labels():
    true = np.tile(np.arange(10), 500)
    before, after = (clerks(true, {"B": habit(swaps)})["B"] for swaps in ({(1, 7): 0.6}, {}))
    assert (before[true != 1] == after[true != 1]).all() and (after == true).all()


def test_wrong_arguments_for_clerks_are_named():
    with pytest.raises(ValueError, match="slips is 2"):
        habit(slips=2)
    with pytest.raises(ValueError, match=r"swaps has \(1, 17\)"):
        habit({(1, 17): 0.1})
    with pytest.raises(ValueError, match="sum of a class's swaps is 1.2"):
        habit({(1, 2): 0.6, (1, 3): 0.6})
    with pytest.raises(ValueError, match="number of classes is 1"):
        habit(classes=[1])
    with pytest.raises(ValueError, match="labels has '12'; 'A' knows"):
        clerks([1, 12])


def test_the_datasheet_states_the_rates():
    sheet = resources.path("data", "README.md").read_text()
    for name, (hit, false_alarm) in SIGNS.items():
        assert f"| `{name}` | {hit:.0%} | {false_alarm:.0%} |" in sheet
    for name in CLERKS:
        assert f"| {name} |" in sheet
