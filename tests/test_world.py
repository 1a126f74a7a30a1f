"""The world's truth: what is stated about Harbor Credit holds in what is drawn."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from sklearn.metrics import roc_auc_score

from helpers import world
from helpers.base import resources
from helpers.world import COLUMNS, INCOMING, World, incidents

N = 40_000


@pytest.fixture(scope="module")
def frame():
    return World(seed=11).applications("2025-03", N)


def assert_calibrated(defaulted, probability):
    """In each tenth of the probabilities, outcomes are within sampling error of them."""
    tenth = pd.qcut(probability, 10, labels=False)
    for k in range(10):
        p, y = probability[tenth == k], np.asarray(defaulted)[tenth == k]
        error = np.sqrt((p * (1 - p)).sum()) / len(p)
        assert abs(y.mean() - p.mean()) < 4 * error, f"tenth {k}"


def test_outcomes_are_drawn_from_the_stated_probability(frame):
    assert_calibrated(frame["defaulted"], World().default_probability(frame, "2025-03"))


def test_the_stated_rate_and_the_stated_ceiling(frame):
    assert 0.12 <= frame["defaulted"].mean() <= 0.18
    auc = roc_auc_score(frame["defaulted"], World().default_probability(frame))
    assert 0.79 <= auc <= 0.825


def test_the_truth_depends_neither_on_sex_nor_on_region_given_the_causes(frame):
    before = World().default_probability(frame)
    other = frame.assign(sex=frame["sex"].map({"female": "male", "male": "female"}))
    np.testing.assert_array_equal(World().default_probability(other), before)
    # A move from the East changes what is recorded, so the record is moved along with it.
    moved = frame.assign(region="North", late_payments=world.true_late_payments(frame))
    np.testing.assert_array_equal(World().default_probability(moved), before)


def test_late_payments_count_twice_in_the_east_and_only_there(frame):
    mean = frame.groupby("region")["late_payments"].mean()
    assert mean["East"] / mean.drop("East").mean() == pytest.approx(2, abs=0.1)
    assert (frame.loc[frame["region"] == "East", "late_payments"] % 2 == 0).all()
    true = pd.Series(world.true_late_payments(frame)).groupby(frame["region"]).mean()
    assert true["East"] == pytest.approx(true.drop("East").mean(), rel=0.08)
    rate = frame.groupby("region")["defaulted"].mean()
    assert rate["East"] == pytest.approx(rate.drop("East").mean(), abs=0.015)


def test_womens_incomes_are_lower_for_equal_employment_and_age(frame):
    band = (frame["age"] // 5).rename("band")
    income = np.log(frame["income"]).groupby([frame["employment"], band, frame["sex"]])
    cells = income.agg(["mean", "size"]).unstack()
    large = cells["size"].min(axis=1) > 100
    gap = (cells["mean"]["female"] - cells["mean"]["male"])[large]
    weighted = np.average(gap, weights=cells["size"].sum(axis=1)[large])
    assert np.exp(weighted) == pytest.approx(world.INCOME_RATIO_WOMEN, abs=0.02)


def test_values_are_what_the_table_of_columns_says(frame):
    assert list(frame.columns) == list(COLUMNS)
    assert frame["application_id"].is_unique
    assert frame["applied_at"].is_monotonic_increasing
    assert frame["applied_at"].dt.strftime("%Y-%m").unique().tolist() == ["2025-03"]
    for name, (low, high) in {
        "age": (18, 75),
        "income": (6_000, 400_000),
        "amount": (500, 50_000),
        "late_payments": (0, 24),
        "years_employed": (0, 57),
        "credit_history_years": (0, 57),
    }.items():
        assert frame[name].between(low, high).all(), name
    assert frame["utilization"].dropna().between(0, 1).all()
    assert frame["utilization"].isna().mean() == pytest.approx(0.02, abs=0.004)
    assert sorted(frame["term_months"].unique()) == [12, 24, 36, 48, 60]
    counts = {"sex": 2, "region": 5, "employment": 6, "purpose": 6, "channel": 4}
    assert {name: frame[name].nunique() for name in counts} == counts
    assert (frame["credit_history_years"] <= frame["age"] - 18).all()
    assert (frame["years_employed"] <= frame["age"] - 18).all()
    assert all(frame[name].dtype == np.int64 for name in ("age", "income", "amount", "defaulted"))


def test_the_loan_book_hangs_together_as_a_real_one_does(frame):
    correlation = frame[["income", "amount", "utilization", "late_payments"]].corr("spearman")
    assert correlation.loc["income", "amount"] > 0.2
    assert correlation.loc["utilization", "late_payments"] > 0.2
    retired = frame.groupby("employment")["age"].median()
    assert retired["retired"] > 60 and retired["student"] < 30


def test_same_seed_same_data_and_another_seed_other_data():
    assert_frame_equal(World(3).applications("2025-05", 50), World(3).applications("2025-05", 50))
    assert not World(3).applications("2025-05", 50).equals(World(4).applications("2025-05", 50))


def test_a_range_is_its_months_one_after_the_other():
    both = World().applications(("2025-11", "2026-01"), 20)
    months = ["2025-11", "2025-12", "2026-01"]
    apart = pd.concat([World().applications(month, 20) for month in months], ignore_index=True)
    assert_frame_equal(both, apart)
    assert_frame_equal(both, World().applications(months, 20))
    assert not both["age"][:20].equals(both["age"][20:40])


@pytest.mark.parametrize(
    "month", ["2025", "2025-13", "March", "2025-3", 202503, None, (), ("2025-01",), []]
)
def test_an_invalid_month_is_refused(month):
    with pytest.raises(ValueError, match="month is"):
        World().applications(month, 5)


def test_a_range_that_runs_backwards_is_refused():
    with pytest.raises(ValueError, match="ends after it begins"):
        World().applications(("2025-03", "2025-01"), 5)


def test_a_repeated_month_is_refused_since_its_ids_would_repeat():
    with pytest.raises(ValueError, match="each month once"):
        World().applications(["2025-03", "2025-04", "2025-03"], 5)


@pytest.mark.parametrize("seed", [-1, 1.5, "2025", None])
def test_an_invalid_seed_is_refused(seed):
    with pytest.raises(ValueError, match="seed is"):
        World(seed=seed)


@pytest.mark.parametrize("n", [0, -1, 2.5, "many"])
def test_an_invalid_number_of_rows_is_refused(n):
    with pytest.raises(ValueError, match="n is"):
        World().applications("2025-03", n)


def test_a_single_application_can_be_drawn():
    assert len(World().applications("2025-03", 1)) == 1


def test_there_are_incidents_of_every_kind_each_with_date_and_cause():
    kinds = {incident.kind for incident in incidents.values()}
    assert kinds == {"fault", "skew", "covariate drift", "concept drift"}
    assert len(incidents) >= 9
    for name, incident in incidents.items():
        assert incident.name == name
        assert pd.Timestamp(incident.onset) > pd.Timestamp("2025-12-31"), "2025 is clean"
        assert len(incident.cause) > 20 and 0 < incident.strength <= 1


@pytest.mark.parametrize("incident", incidents.values(), ids=lambda incident: incident.name)
def test_an_incident_never_changes_its_input_and_can_be_repeated(incident):
    frame = World().applications("2026-03", 500)
    before = frame.copy(deep=True)
    once = incident.apply(frame, seed=5)
    assert_frame_equal(frame, before)
    assert_frame_equal(once, incident.apply(frame, seed=5))
    assert not once.equals(before)
    assert set(once["application_id"]) == set(before["application_id"])


@pytest.mark.parametrize("incident", incidents.values(), ids=lambda incident: incident.name)
def test_at_strength_zero_nothing_happens(incident):
    frame = World().applications("2026-03", 300)
    assert incident.apply(frame, strength=0).astype(str).equals(frame.astype(str))


@pytest.mark.parametrize("incident", incidents.values(), ids=lambda incident: incident.name)
@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_is_not_a_share_is_refused(incident, strength):
    with pytest.raises(ValueError, match="strength is"):
        incident.apply(World().applications("2026-03", 5), strength=strength)


def test_a_frame_without_the_touched_column_is_refused():
    with pytest.raises(ValueError, match=r"frame lacks \['income'\]"):
        incidents["monthly income"].apply(World().applications("2026-03", 5).drop(columns="income"))


def test_a_stronger_fault_touches_the_rows_of_a_weaker_one_and_more():
    frame = World().applications("2026-03", 2_000)
    weak, strong = (incidents["missing history"].apply(frame, strength=s) for s in (0.2, 0.6))
    weak, strong = (f["credit_history_years"].isna() for f in (weak, strong))
    assert (strong | ~weak).all()
    assert weak.mean() == pytest.approx(0.2, abs=0.03)
    assert strong.mean() == pytest.approx(0.6, abs=0.04)


def test_each_fault_does_what_it_says():
    frame = World().applications("2026-03", 2_000)
    made = {name: incident.apply(frame, strength=0.5) for name, incident in incidents.items()}
    income = made["monthly income"]
    touched = income["income"] != frame["income"]
    assert (frame.loc[touched, "channel"] == "partner").all() and touched.any()
    np.testing.assert_allclose(
        income.loc[touched, "income"], frame.loc[touched, "income"] / 12, atol=0.5
    )
    assert set(made["new purpose"]["purpose"]) - set(frame["purpose"]) == {"heat pump"}
    assert made["term as text"]["term_months"].isin(["36 months"]).any()
    assert made["term as text"]["term_months"].isin([36]).any()
    assert made["impossible age"]["age"].max() == 999
    assert made["sent twice"]["application_id"].duplicated().mean() == pytest.approx(
        1 / 3, abs=0.03
    )
    assert made["utilization in percent"]["utilization"].max() > 50
    assert made["campaign"]["age"].mean() < frame["age"].mean() - 4
    assert made["recession"].drop(columns="defaulted").equals(frame.drop(columns="defaulted"))
    assert made["recession"]["defaulted"].mean() > frame["defaulted"].mean() + 0.03


def test_the_rows_that_two_faults_touch_are_chosen_independently():
    frame = World().applications("2026-05", 4_000)
    old = incidents["impossible age"].apply(frame, strength=0.5)["age"] == 999
    gone = incidents["missing history"].apply(frame, strength=0.5)["credit_history_years"].isna()
    text = incidents["term as text"].apply(frame, strength=0.5)["term_months"].map(type).eq(str)
    for first, second in ((old, gone), (gone, text), (old, text)):
        assert (first & second).mean() == pytest.approx(0.25, abs=0.03)


def test_faults_can_be_composed():
    frame = World().applications("2026-05", 1_000)
    for name in ("term as text", "impossible age", "sent twice"):
        frame = incidents[name].apply(frame)
    assert len(frame) > 1_000 and frame["age"].max() == 999
    assert frame["term_months"].astype(str).str.contains("months").any()


def test_the_truth_stays_exact_when_other_people_apply():
    changed = World(changes=("campaign",))
    frame = changed.applications("2026-09", N)
    assert_calibrated(frame["defaulted"], changed.default_probability(frame))
    before = World().applications("2026-09", N)
    assert frame["age"].mean() < before["age"].mean() - 5
    assert (frame["channel"] == "online").mean() > 0.6
    applied = incidents["campaign"].apply(before, strength=1)
    assert_calibrated(applied["defaulted"], World().default_probability(applied))


def test_the_truth_stays_exact_in_a_recession_and_changes_with_its_onset():
    changed = World(changes=("recession",))
    frame = changed.applications("2026-11", N)
    assert_calibrated(frame["defaulted"], changed.default_probability(frame))
    assert frame["defaulted"].mean() > 0.25
    calm = World().default_probability(frame)
    assert (changed.default_probability(frame, "2026-09") == calm).all()
    assert (changed.default_probability(frame, "2026-10") > calm).all()
    # the people are the same: only what happens to them is not
    assert frame.drop(columns="defaulted").equals(
        World().applications("2026-11", N).drop(columns="defaulted")
    )


def test_changes_act_from_their_onset_on():
    both = World(changes=("campaign", "recession"))
    early = ("2025-12", "2026-07")
    assert_frame_equal(both.applications(early, 200), World().applications(early, 200))
    frame = both.applications("2026-12", N)
    assert_calibrated(frame["defaulted"], both.default_probability(frame))


def test_a_recession_applied_to_a_frame_is_the_recession_of_the_world():
    frame = incidents["campaign"].apply(World().applications("2026-11", N))
    hit = incidents["recession"].apply(frame)
    world_in_it = World(changes=("campaign", "recession"))
    assert_calibrated(hit["defaulted"], world_in_it.default_probability(frame))
    half = incidents["recession"].apply(frame, strength=0.5)
    outcomes = [part["defaulted"] for part in (frame, half, hit)]
    assert all((a <= b).all() for a, b in pairwise(outcomes))


def test_a_fault_is_not_a_change_of_the_world():
    with pytest.raises(ValueError, match=r"incidents\[name\]\.apply"):
        World(changes=("monthly income",))


def test_changes_given_as_text_are_answered_with_a_tuple():
    with pytest.raises(ValueError, match=r"\('recession',\)"):
        World(changes="recession")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("monthly income", "income '[0-9]{3,4}'.*3,000 to 800,000"),
        ("missing history", "credit_history_years 'nan'"),
        ("term as text", "term_months '[0-9]+ months'"),
        ("impossible age", "age '999'.*18 to 75"),
        ("new purpose", "heat pump.*'car'"),
        ("utilization in percent", "utilization '[0-9.]+'.*0 to 1"),
    ],
)
def test_after_a_fault_the_truth_is_not_guessed_and_the_world_does_not_change(name, message):
    frame = incidents[name].apply(World().applications("2026-11", 2_000))
    with pytest.raises(ValueError, match=message + ".*application_id"):
        World().default_probability(frame)
    for change in ("campaign", "recession"):
        with pytest.raises(ValueError, match=message):
            incidents[change].apply(frame)


def test_the_truth_of_hypothetical_applications_can_be_asked(frame):
    equal = frame["income"] / frame["sex"].map({"female": world.INCOME_RATIO_WOMEN, "male": 1})
    women = (frame["sex"] == "female").to_numpy()
    might_be = World().default_probability(frame.assign(income=equal))
    assert (might_be < World().default_probability(frame))[women].all()


def test_columns_that_the_truth_needs_are_named(frame):
    with pytest.raises(ValueError, match=r"lacks \['income', 'channel'\]"):
        World().default_probability(frame.drop(columns=["income", "channel"]))
    undated = frame.drop(columns="applied_at")
    recession = World(changes=("recession",))
    with pytest.raises(ValueError, match=r"month='2025-03'"):
        recession.default_probability(undated)
    assert recession.default_probability(undated, "2026-11").shape == (N,)
    with pytest.raises(ValueError, match="month is 'March'"):
        World().default_probability(frame, "March")


def test_an_income_that_is_missing_stays_missing_when_incomes_come_per_month():
    frame = World().applications("2026-03", 500)
    holes = frame.assign(income=frame["income"].where(frame.index % 7 > 0))
    wrong = incidents["monthly income"].apply(holes)
    assert (wrong["income"].isna() == holes["income"].isna()).all()
    assert wrong["income"].min() > 0


def test_granting_by_the_truth_earns_more_than_granting_to_all(frame):
    earned = World().expected_profit(frame)
    assert earned.sum() > 0
    assert np.maximum(earned, 0).sum() > 1.2 * earned.sum()
    assert 0.5 < (earned > 0).mean() < 0.9


def test_profit_is_interest_minus_loss():
    loan = pd.DataFrame({"amount": [10_000], "term_months": [24]})
    assert world.profit(loan, np.array([0.0]))[0] == pytest.approx(900)
    assert world.profit(loan, np.array([1.0]))[0] == pytest.approx(-6_000)


def test_the_committed_files_are_what_the_program_writes(tmp_path):
    written = world.write(tmp_path)
    committed = resources.path("data")
    assert len(written) == 12 + len(INCOMING)
    for path in written:
        assert path.read_bytes() == (committed / path.relative_to(tmp_path)).read_bytes(), path.name
    names = {path.relative_to(tmp_path) for path in written}
    assert {path.relative_to(committed) for path in committed.glob("loans/**/*.csv")} == names


@pytest.mark.parametrize("name", INCOMING)
def test_the_truth_behind_an_incoming_file_can_be_looked_up(name):
    arrived = pd.read_csv(resources.path("data", "loans", "incoming", name))
    truth = world.incoming_truth(name)
    assert set(arrived["application_id"]) == set(truth["application_id"])
    assert "defaulted" in truth and "defaulted" not in arrived


def test_an_unknown_incoming_file_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match=r"2026-03_partner\.csv"):
        world.incoming_truth("march.csv")


def test_the_datasheet_describes_every_column_and_every_file():
    sheet = resources.path("data", "README.md").read_text()
    for name, column in COLUMNS.items():
        row = f"| `{name}` | {column.type} | {column.unit} | {column.range} | {column.meaning} |"
        assert row.replace("|  |", "| |") in sheet, row
    for name in INCOMING:
        rows = len(pd.read_csv(resources.path("data", "loans", "incoming", name)))
        assert f"| `{name}` | {rows:,} |" in sheet


@pytest.mark.parametrize("recession", [False, True])
def test_attributions_are_the_shapley_values_that_brute_force_gives(recession):
    drawn = World(seed=3).applications("2026-11", 6)
    row, background = drawn[:1], drawn[3:]
    values = world.attributions(row, background, recession=recession)
    names = [name for name in values.columns if name != "sex"]
    # Every coalition of the twelve causes meets every row of the background, in one frame.
    inside = (np.arange(2 ** len(names))[:, None] >> np.arange(len(names))) & 1 == 1
    pick, rows = np.repeat(inside, 3, axis=0), np.tile([0, 1, 2], len(inside))
    mixed = pd.DataFrame(
        {
            name: background[name].iloc[rows].reset_index(drop=True).where(~own, row[name].iloc[0])
            for name, own in zip(names, pick.T, strict=True)
        }
    )
    terms = [world.risk_terms(mixed), world.recession_terms(mixed) if recession else {}]
    worth = sum(v for group in terms for v in group.values()).reshape(-1, 3).mean(axis=1)
    size = inside.sum(axis=1)
    for i, name in enumerate(names):
        without = np.flatnonzero(~inside[:, i])
        weight = [1 / (len(names) * math.comb(len(names) - 1, k)) for k in size[without]]
        expected = np.dot(weight, worth[without + 2**i] - worth[without])
        assert values[name].iloc[0] == pytest.approx(expected, abs=1e-9), name
    assert (values["sex"] == 0).all()


def test_attributions_sum_to_the_distance_from_the_background():
    frame, background = (
        World(seed=4).applications("2025-03", 40),
        World().applications("2025-04", 90),
    )
    values = world.attributions(frame, background)
    distance = World().log_odds(frame) - World().log_odds(background).mean()
    np.testing.assert_allclose(values.sum(axis=1), distance, atol=1e-9)
    assert values.index.equals(frame.index)


def test_attributions_of_nothing_or_of_a_faulty_frame_are_refused():
    frame = World().applications("2026-03", 20)
    with pytest.raises(ValueError, match="background has no rows"):
        world.attributions(frame, frame[:0])
    with pytest.raises(ValueError, match="utilization"):
        world.attributions(incidents["utilization in percent"].apply(frame), frame)


@pytest.mark.parametrize("name", incidents)
def test_a_replayed_year_is_calm_until_the_onset(name):
    onset = pd.Timestamp(incidents[name].onset)
    month = pd.Period(onset, "M")
    months = (str(month - 1), str(month))
    calm, year = world.replay(months=months, n=300), world.replay(name, months=months, n=300)
    before, after = year["applied_at"] < onset, year["applied_at"] >= onset
    assert_frame_equal(
        year[before].reset_index(drop=True), calm[calm["applied_at"] < onset], check_dtype=False
    )
    rest = calm[calm["applied_at"] >= onset].reset_index(drop=True).astype(str)
    assert not rest.equals(year[after].reset_index(drop=True).astype(str))


def test_an_unknown_incident_is_answered_with_those_that_exist():
    with pytest.raises(ValueError, match=r"'flood'.*recession"):
        world.replay("flood")


def test_the_warehouse_s_new_column_knows_the_outcome_and_the_other_does_not():
    made = World().applications("2025-03", n=4_000)
    later = world.warehouse(made)
    contacts = later.groupby("defaulted")["service_contacts"].mean()
    assert contacts[1] > 3 * contacts[0]
    assert abs(later["branch_km"].corr(later["defaulted"])) < 0.05
    assert_frame_equal(later[list(made)], made)
    with pytest.raises(ValueError, match="defaulted"):
        world.warehouse(made.drop(columns="defaulted"))
