"""Lesson 3.1: the view of a search, the halving it teaches, and the record that 4.4 reads."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from views import controls, picture, words

from helpers import world
from helpers.course import tracking
from helpers.course.lesson_3_1.curves import Bench, halve, networks, regret
from helpers.course.lesson_3_1.view import SearchExplorer


@pytest.fixture(scope="module")
def explorer():
    rng = np.random.default_rng(0)
    p = np.where(rng.random(2_000) < 0.2, 0.9, 0.05)
    y = rng.random(2_000) < p
    skill = rng.uniform(0.8, 1.0, 20)
    scores = skill[:, None] * (p > 0.5) + rng.normal(0, 1, (20, 2_000))
    truth = [SearchExplorer(y, p, scores, skill).best_so_far(2_000, s)[0] for s in (1, 2)]
    return SearchExplorer(y, p, scores, np.mean(truth, axis=0))


def test_more_rows_bring_seen_and_true_together(explorer):
    gaps = {}
    for rows in (200, 2_000):
        pairs = [explorer.best_so_far(rows, sample) for sample in range(1, 21)]
        gaps[rows] = np.mean([seen[-1] - true[-1] for seen, true in pairs])
    assert gaps[200] > gaps[2_000] + 0.02


def test_the_best_seen_never_falls_and_the_first_trial_is_the_first_winner(explorer):
    seen, true = explorer.best_so_far(500, 1)
    assert (np.diff(seen) >= 0).all() and len(seen) == 20
    assert true[0] == explorer.truth[0]


def test_other_rows_have_other_outcomes_and_the_same_ones_each_time(explorer):
    first, second = (explorer._measure(2_000, sample) for sample in (1, 2))
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(second, explorer._measure(2_000, 2))


def test_controls_change_words_and_picture(explorer):
    view = explorer.view()
    trials, rows, sample = controls(view).values()
    assert [value for _, value in rows.options] == [200, 500, 1_000, 2_000]
    before = picture(view).value
    trials.value = 5
    assert picture(view).value != before and "After 5 trials" in words(view).value
    for control, value in ((sample, 7), (rows, 200)):
        said, before = words(view).value, picture(view).value
        control.value = value
        assert words(view).value != said and picture(view).value != before


def test_halving_spends_what_its_plan_says_and_keeps_the_best():
    bench = Bench(27, 1)
    left = halve(bench.candidates, bench.train, 1, 3)
    assert bench.spent == 27 + 9 * 2 + 3 * 6
    assert bench.trained[bench.candidates.index(left)] == 9
    assert halve(bench.candidates[:1], bench.train, 1, 3) == bench.candidates[0]
    with pytest.raises(ValueError, match="factor is 1"):
        halve(bench.candidates, bench.train, 1, 1)


def test_giving_up_early_and_halving_nothing_both_lose_more_than_a_good_plan():
    good, early, nothing = (regret(*plan)[0] for plan in ((15, 6, 3), (27, 1, 3), (12, 12, 12)))
    assert early > 1.2 * good and nothing > 1.2 * good


def test_the_later_winner_of_the_recorded_networks_starts_badly():
    curves = networks()
    assert len(curves) == 108 and curves.index.is_unique
    ranks = curves[[1, 3, 9]].rank(ascending=False, method="min").loc[curves[27].idxmax()]
    assert ranks.tolist() == [96, 85, 74]


def test_the_shipped_store_is_that_of_the_installed_mlflow_and_is_kept(tmp_path):
    import mlflow

    assert tracking._revision() == tracking.EMPTY_REVISION, "benchmarks.lesson_3_1 --store"
    client = mlflow.MlflowClient(tracking.tracking_store(tmp_path))
    client.create_experiment("mine", artifact_location=str(tmp_path))
    again = mlflow.MlflowClient(tracking.tracking_store(tmp_path))
    assert {one.name for one in again.search_experiments()} == {"Default", "mine"}


def test_the_search_is_logged_once_and_completed_where_it_was_cut_off(tmp_path):
    import mlflow

    client = mlflow.MlflowClient(tracking.sixty_trials(tmp_path))
    (made,) = [one for one in client.search_experiments() if one.name == tracking.SEARCH]
    runs = client.search_runs([made.experiment_id], order_by=["metrics.auc DESC"])
    assert len(runs) == 60 and runs[0].info.run_name == "trial 46"
    client.delete_run(runs[7].info.run_id)
    tracking.sixty_trials(tmp_path)
    runs = client.search_runs([made.experiment_id])
    assert len({run.info.run_name for run in runs}) == len(runs) == 60


def test_the_record_is_of_the_rows_and_configurations_of_the_lesson():
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    from helpers.course.linear import features

    loans = world.World().applications(("2025-01", "2025-06"), n=3_000)
    loans = loans.sample(frac=1, random_state=0)
    train, valid = loans[:2_000], loans[8_000:8_500]
    text = pd.concat([train, valid]).to_csv(index=False, lineterminator="\n")
    record = pd.read_csv(tracking.TRIALS, index_col="trial")
    assert set(record["data"]) == {hashlib.sha256(text.encode()).hexdigest()[:12]}
    scale = features().fit(train)
    fixed = {"early_stopping": False, "random_state": 0}
    for name, row in record.iloc[[0, 45]].to_dict("index").items():
        about = {key: row[key] for key in row.keys() - {"seed", "search_seed", "auc", "data"}}
        model = HistGradientBoostingClassifier(**about, **fixed)
        model.fit(scale.transform(train), train["defaulted"])
        area = roc_auc_score(valid["defaulted"], model.predict_proba(scale.transform(valid))[:, 1])
        assert area == pytest.approx(row["auc"], abs=0.003), name
