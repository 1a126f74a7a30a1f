"""Lesson 4.4: what is recorded is what is measured, the view, and a registry that is locked."""

import sqlite3
import threading
import time

import pytest
from test_exercises import evaluate
from views import controls, picture, words

from helpers.course.exercises.core import find
from helpers.course.lesson_4_4.delivery import GATES, evidence, measure, releases
from helpers.course.lesson_4_4.view import GateLab
from helpers.course.tracking import registry, tracking_store


def test_the_record_is_what_is_measured():
    known = evidence().loc[7]
    assert evidence().shape == (30 * 32, known.shape[1])
    for number, one in enumerate(releases(7)):
        if number > 5:
            break
        for name, value in measure(one, 7).items():
            assert value == pytest.approx(known.loc[one.name, name], rel=2e-3, abs=2e-3), name


def test_each_defect_is_where_it_says():
    table = evidence().groupby("release").mean()
    served = ["columns swapped", "percent", "stale vocabulary", "gap to zero"]
    assert set(table.index[table["parity"] > 0]) == set(served)
    assert (table.loc[["leak", "wrong join"], "gain"] > 0).all() and table.loc["leak", "auc"] > 0.9
    assert table["damage"].idxmax() == "percent" and table.loc["older data", "damage"] == 0
    good = table[table.index.str.startswith("good")]
    assert len(good) == 20 and good["damage"].abs().max() < 100_000
    for gate in ("course", "unit", "parity", "behaviour", "latency"):
        assert not evidence().loc[(slice(None), good.index), :].eval(GATES[gate]).any(), gate


def test_each_control_changes_picture_and_words():
    view = GateLab().view()
    assert "Stopped: " in view.alt
    for label, value in {"tolerance": 1.5, "world": 2}.items():
        before, said = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert picture(view).value != before and words(view).value != said, label
    for gate in GATES:  # also one that stops nothing in this world
        before = picture(view).value
        controls(view)[gate].value = not controls(view)[gate].value
        assert picture(view).value != before, gate
    for gate in GATES:
        controls(view)[gate].value = False
    assert "0 of 12" in words(view).value


def test_a_rollback_waits_for_a_lock_and_a_failed_one_changes_nothing(tmp_path):
    """The solution of 4.4-e, on a registry that another process is writing to."""
    from mlflow import MlflowClient

    rollback = evaluate(find("4.4-e").solution)
    client = MlflowClient(tracking_store(tmp_path))
    client.create_registered_model("scores")
    for part in ("a", "b"):
        tags = {"schema": part, "vocabulary": part, "threshold": "0.5"}
        client.create_model_version("scores", "file:///nowhere", tags=tags)
    client.set_registered_model_alias("scores", "champion", "2")
    log = [{"action": "promote", "from": a, "to": b} for a, b in ((None, "1"), ("1", "2"))]
    live = {"model": "2", "schema": "b", "vocabulary": "b", "threshold": 0.5}

    other = sqlite3.connect(tmp_path / "mlflow.db", check_same_thread=False)
    other.execute("begin immediate")
    release = threading.Timer(1.0, other.rollback)
    release.start()
    started = time.monotonic()
    rollback(client, "scores", log, live)
    release.join()
    assert time.monotonic() - started > 0.5 and live["schema"] == "a" and len(log) == 3
    assert str(client.get_registered_model("scores").aliases["champion"]) == "1"

    before = (list(log), dict(live))
    with pytest.raises(ValueError):
        rollback(client, "scores", log, live)
    assert (log, live) == before


@pytest.mark.parametrize("damage", ["cut", "no database"])
def test_a_rollback_on_a_damaged_registry_says_so_and_changes_nothing(tmp_path, damage):
    from mlflow import MlflowClient

    uri = tracking_store(tmp_path)
    file = tmp_path / "mlflow.db"
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if damage == "cut" else b"not a database" * 999)
    log = [{"action": "promote", "from": a, "to": b} for a, b in ((None, "1"), ("1", "2"))]
    live = {"model": "2", "schema": "b", "vocabulary": "b", "threshold": 0.5}
    before = (list(log), dict(live))
    with pytest.raises(Exception, match="malformed|not a database"):
        evaluate(find("4.4-e").solution)(MlflowClient(uri), "scores", log, live)
    assert (log, live) == before


def test_a_scratch_registry_has_the_versions_and_leaves_nothing():
    with registry("scores", [{"data": "a"}, {}]) as client:
        tags = [client.get_model_version("scores", number).tags for number in ("1", "2")]
        assert tags == [{"data": "a"}, {}] and not client.get_registered_model("scores").aliases
    with registry("scores", []) as client:
        assert not client.search_model_versions("name = 'scores'")
