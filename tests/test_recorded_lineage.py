"""The recorded metadata store that lesson 2.6 reads: what it contains, and what it must not."""

import hashlib
import importlib.util
import itertools
import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from helpers.base import resources
from helpers.lineage import Store

FOLDER = resources.path("data", "lineage")
WRONG_SPAN = 202503


@pytest.fixture(scope="module")
def store():
    return Store(FOLDER / "metadata.sqlite")


@pytest.fixture(scope="module")
def recorder():
    path = Path(__file__).resolve().parents[1] / "tools" / "record_lineage.py"
    spec = importlib.util.spec_from_file_location("record_lineage", path)
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # for its dataclass
    spec.loader.exec_module(module)
    return module


def texts():
    with closing(sqlite3.connect(FOLDER / "metadata.sqlite")) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'"):
            for row in database.execute(f'SELECT * FROM "{table}"'):
                yield from (str(value) for value in row if isinstance(value, str | bytes))


def test_every_path_in_the_record_is_below_the_neutral_folder():
    paths = {path for text in texts() for path in re.findall(r"(?<![\w.])/[\w.-]+/[\w./-]+", text)}
    assert len(paths) > 50
    assert not [path for path in paths if not path.startswith("/harbor/")]


DRAWN = """
import hashlib, sys
from helpers.course.lesson_2_6.view import DIRECTIONS, LineageWalk
from helpers.lineage import Store
walk = LineageWalk(Store(sys.argv[1]))
picture = walk.picture(artifact=walk.artifact, direction=DIRECTIONS[0], steps=2)
print(hashlib.sha256(picture).hexdigest())
"""


def test_a_part_of_the_graph_looks_the_same_in_every_process():
    command = [sys.executable, "-c", DRAWN, str(FOLDER / "metadata.sqlite")]
    running = [
        subprocess.Popen(command, env=os.environ | {"PYTHONHASHSEED": seed}, stdout=subprocess.PIPE)
        for seed in ("1", "2")
    ]
    first, second = (process.communicate()[0] for process in running)
    assert first and first == second


def test_the_record_is_small():
    assert sum(f.stat().st_size for f in FOLDER.rglob("*") if f.is_file()) < 800_000


def test_there_is_a_run_for_each_line_of_the_calendar(store, recorder):
    runs = store.runs
    assert list(runs["span"]) == [int(run.month.replace("-", "")) for run in recorder.RUNS]
    assert list(runs.index) == [run.start.isoformat() for run in recorder.RUNS]
    begun = runs["started"].reset_index(drop=True)
    expected = pd.Series([run.start for run in recorder.RUNS])
    assert ((begun - expected).abs() < pd.Timedelta(seconds=1)).all()


def test_what_a_run_makes_is_made_within_minutes(store, recorder):
    artifacts = store.artifacts
    starts = artifacts["run"].map({run.start.isoformat(): run.start for run in recorder.RUNS})
    took = artifacts["created"] - starts
    assert took.notna().all()
    assert took.between(pd.Timedelta(0), pd.Timedelta(minutes=10)).all()


def test_one_candidate_was_not_let_in_and_the_next_model_begins_before_it(store):
    models = store.models
    (refused,) = models.index[~models["blessed"].astype(bool)]
    assert models.loc[refused, "pushed"] == ""
    at = list(models.index).index(refused)
    assert models["started_from"].iloc[at + 1] == models.index[at - 1]
    assert (models["pushed"].drop(refused) != "").all()


def test_two_months_without_anomalies_do_not_differ_in_that(store):
    runs = list(store.runs.index)
    for earlier, later in itertools.pairwise(runs):
        difference = store.diff(earlier, later)
        verdicts = difference.query("component == 'ExampleValidator' and what == 'blessed'")
        assert verdicts.empty


def test_the_wrong_file_taints_also_the_model_that_no_longer_learns_from_it(store):
    deliveries = store.artifacts.query("made_by == 'CsvExampleGen'")
    (wrong,) = deliveries.index[deliveries["span"] == WRONG_SPAN]
    tainted = {
        i for (kind, i), data in store.impact(wrong).nodes(data=True) if data["type"] == "Model"
    }
    models = list(store.models.index)
    assert tainted == set(models[2:])
    spans = re.findall(r"/harbor/data/(\d{6})/", str(store.explain(models[-1])))
    assert str(WRONG_SPAN) not in spans


def test_each_decision_was_made_by_a_model_that_was_in_force(store):
    decisions = pd.read_csv(FOLDER / "decisions.csv", parse_dates=["decided_at"])
    models = store.models.query("pushed != ''")
    pushed = models["pushed"].str.extract(r"(\d+)$", expand=False).astype(int)
    began = pd.Series(models["created"].to_numpy(), pushed)
    assert set(decisions["model_version"]) == set(pushed)
    for version, rows in decisions.groupby("model_version"):
        later = began[began > began[version]]
        # The calendar has the start of the run, not the minute in which a model is pushed.
        slack = pd.Timedelta(minutes=10)
        assert rows["decided_at"].min() > began[version] - slack
        assert later.empty or rows["decided_at"].max() < later.min() + slack
    assert decisions["probability"].between(0, 1).all()
    assert decisions["application_id"].is_unique


def test_decisions_before_the_wrong_file_are_the_same_with_the_right_one():
    decisions = pd.read_csv(FOLDER / "decisions.csv", parse_dates=["decided_at"])
    same = decisions["probability"] == decisions["probability_with_right_file"]
    early = decisions["decided_at"] < "2026-04-01"
    assert same[early].all()
    assert same[~early].mean() < 0.1


def test_code_and_schemas_are_those_whose_hashes_the_record_has(recorder):
    known = "\n".join(texts())
    codes = list((FOLDER / "code").glob("*/loans_model.py"))
    assert len(codes) == 3
    for file in codes:
        version = recorder.wheel_version({file.name: file.read_bytes()})
        assert version[:12] == file.parent.name and version in known
    schemas = list((FOLDER / "schemas").glob("*.pbtxt"))
    assert len(schemas) == 2
    for file in schemas:
        assert hashlib.sha256(file.read_bytes()).hexdigest()[:12] == file.stem
        assert f"/harbor/schemas/{file.name}" in known


def test_the_kept_artifacts_are_where_the_record_says(store):
    uris = {uri.replace("/harbor", str(FOLDER)) for uri in store.artifacts["uri"]}
    kept = [uri for uri in uris if Path(uri).exists()]
    assert len(kept) == 6
    weights = np.load(next((FOLDER / "artifacts" / "Trainer").rglob("weights.npz")))
    assert {name: weights[name].ndim for name in weights} == {
        "hidden_kernel": 2,
        "hidden_bias": 1,
        "probability_kernel": 2,
        "probability_bias": 1,
    }


def test_versions_of_code_and_schema_differ_as_meant(recorder):
    assert len({recorder.code(version) for version in (1, 2, 3)}) == 3
    assert "late_payments" not in recorder.code(2).split("BUCKETED")[0]
    assert recorder.schema(2).replace(recorder.schema(1), "") != ""
    with pytest.raises(ValueError, match="occurs 0 times"):
        recorder._without("text", "other")
