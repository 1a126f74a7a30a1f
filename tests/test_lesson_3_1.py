"""Lesson 3.1: the view of a search, the store that opens at once, and the halving it teaches."""

import numpy as np
import pytest
from views import controls, picture, words

from helpers.course.lesson_3_1.exercises import Bench, halve, regret
from helpers.course.lesson_3_1.store import EMPTY_REVISION, _revision, tracking_store
from helpers.course.lesson_3_1.view import SearchExplorer


@pytest.fixture(scope="module")
def explorer():
    rng = np.random.default_rng(0)
    y = (rng.random(2_000) < 0.2).astype(int)
    skill = rng.uniform(0.8, 1.0, 20)
    scores = skill[:, None] * y + rng.normal(0, 1, (20, 2_000))
    return SearchExplorer(y, scores, 0.5 + skill / 4)


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


def test_controls_change_words_and_picture(explorer):
    view = explorer.view()
    trials, rows, sample = controls(view).values()
    assert [value for _, value in rows.options] == [200, 500, 1_000, 2_000]
    before, said = picture(view).value, words(view).value
    trials.value = 5
    assert picture(view).value != before and "After 5 trials" in words(view).value
    said = words(view).value
    sample.value = 7
    assert words(view).value != said


def test_scores_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="one row for each"):
        SearchExplorer([0, 1], np.zeros((2, 3)), [0.5, 0.5])


def test_halving_spends_what_its_plan_says_and_keeps_the_best():
    bench = Bench(27, 1)
    left = halve(bench.candidates, bench.train, 1, 3)
    assert bench.spent == 27 + 9 * 2 + 3 * 6
    assert bench.trained[left["trial"]] == 9
    assert halve(bench.candidates[:1], bench.train) == bench.candidates[0]


def test_giving_up_early_loses_more_than_waiting():
    assert regret(27, 1, 3)[0] > 1.5 * regret(15, 6, 3)[0]


def test_the_shipped_store_is_that_of_the_installed_mlflow_and_is_kept(tmp_path):
    import mlflow

    assert _revision() == EMPTY_REVISION, "remake empty_store.zip for the new MLflow"
    client = mlflow.MlflowClient(tracking_store(tmp_path))
    client.create_experiment("mine", artifact_location=str(tmp_path))
    again = mlflow.MlflowClient(tracking_store(tmp_path))
    assert {one.name for one in again.search_experiments()} == {"Default", "mine"}
