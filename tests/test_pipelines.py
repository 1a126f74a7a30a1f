"""The loans pipeline: from a month's file to a model that answers, or to a reason why not."""

import codecs
import contextlib
import gc
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import pytest

from helpers import pipelines, validation, world
from helpers.lineage import Store
from helpers.pipelines import COMPONENTS, ComponentFailed, deliver, run, runs, start
from helpers.tfx.environment import interpreter

MONTH = "2025-01"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    root = tmp_path_factory.mktemp("loans")
    deliver(world.World().applications(MONTH, 900), MONTH, root / "data")
    return root


def go(root, month=MONTH, **options):
    return run(month, data=root / "data", root=root, trials=1, min_auc=0.5, **options)


@pytest.fixture(scope="module")
def seen():
    return []


@pytest.fixture(scope="module")
def first(root, seen):
    return run(MONTH, data=root / "data", root=root, trials=1, min_auc=0.5, on_step=seen.append)


@pytest.fixture(scope="module")
def model(first):
    import tensorflow as tf

    return tf.saved_model.load(str(first.pushed))


@pytest.fixture(scope="module")
def rows(model):
    """Applications as a client sends them: a tensor for each column that the model asks for."""
    import tensorflow as tf

    frame = world.World().applications("2025-02", 50)
    asked = model.signatures["serving_default"].structured_input_signature[1]
    return {name: tf.constant(frame[name].to_numpy(), spec.dtype) for name, spec in asked.items()}


def test_the_components_run_in_their_order_and_each_is_told_when_it_is_done(first, seen):
    assert tuple(step.component for step in first.steps) == COMPONENTS
    assert seen == first.steps
    assert len(first) == len(COMPONENTS)
    assert all(step.outcome == "ran" for step in first.steps)
    assert first["Evaluator"].result == first["check_model"].result == "blessed"
    assert first["last_blessed"].result == "none"
    assert list(first.to_frame()["component"]) == list(COMPONENTS)
    assert "Transform" in first._repr_html_()


def test_the_model_is_pushed_as_tensorflow_serving_reads_it(first, root):
    assert first.pushed.parent == root / "serving" / "loans"
    assert first.pushed.name.isdigit()
    assert (first.pushed / "saved_model.pb").is_file()


def test_the_pushed_model_takes_raw_rows_by_name_and_answers_with_probabilities(model, rows):
    answer = model.signatures["serving_default"](**rows)["probability"].numpy()
    assert answer.shape == (50,)
    assert ((answer > 0) & (answer < 1)).all()
    assert answer.std() > 0.01
    # A request names every column of an application, whether the model uses it or not.
    assert set(rows) == set(world.COLUMNS) - {"application_id", "applied_at", "sex", "defaulted"}


def test_the_pushed_model_knows_more_than_chance(model):
    import tensorflow as tf
    from sklearn.metrics import roc_auc_score

    frame = world.World(seed=3).applications("2025-06", 4_000)
    signature = model.signatures["serving_default"]
    asked = signature.structured_input_signature[1]
    columns = {n: tf.constant(frame[n].to_numpy(), spec.dtype) for n, spec in asked.items()}
    assert roc_auc_score(frame["defaulted"], signature(**columns)["probability"]) > 0.7


def test_serialized_examples_get_the_answers_of_named_rows(model, rows):
    import tensorflow as tf

    def example(i):
        features = {}
        for name, column in rows.items():
            value = column[i].numpy()
            if isinstance(value, bytes):
                one = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
            elif column.dtype.is_integer:
                one = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
            else:
                there = [] if np.isnan(value) else [value]
                one = tf.train.Feature(float_list=tf.train.FloatList(value=there))
            features[name] = one
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    serialized = tf.constant([example(i) for i in range(50)])
    by_example = model.signatures["serving_examples"](examples=serialized)["probability"]
    by_name = model.signatures["serving_default"](**rows)["probability"]
    np.testing.assert_allclose(by_example, by_name, atol=1e-6)


def test_a_missing_utilization_can_be_sent_as_nan_or_below_zero(model, rows):
    import tensorflow as tf

    ask = model.signatures["serving_default"]
    nan, below = (
        ask(**{**rows, "utilization": tf.fill([50], value)})["probability"]
        for value in (float("nan"), -1.0)
    )
    np.testing.assert_array_equal(nan, below)
    assert not np.allclose(nan, ask(**{**rows, "utilization": tf.fill([50], 0.9)})["probability"])


def test_a_value_that_training_did_not_see_is_answered_too(model, rows):
    import tensorflow as tf

    strange = {**rows, "purpose": tf.fill([50], "heat pump")}
    answer = model.signatures["serving_default"](**strange)["probability"].numpy()
    assert np.isfinite(answer).all()


def test_the_exported_graph_makes_the_features_that_training_saw(model, root):
    import tensorflow as tf

    def records(pattern):
        files = sorted(str(path) for path in (root / "artifacts").glob(pattern))
        raw = tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator()
        return [tf.train.Example.FromString(one) for one in raw]

    def value(example, name):
        (one,) = getattr(
            example.features.feature[name], example.features.feature[name].WhichOneof("kind")
        ).value or [float("nan")]
        return one

    signature = model.signatures["features"]
    asked = signature.structured_input_signature[1]
    raw = records("admit/admitted/*/Split-eval/*")
    made = signature(
        **{
            name: tf.constant([value(one, name) for one in raw], spec.dtype)
            for name, spec in asked.items()
        }
    )
    stored = records("Transform/transformed_examples/**/Split-eval/*.gz")
    names = sorted(made)
    served = np.column_stack([made[name].numpy().reshape(-1) for name in names])
    trained = np.array([[value(one, name) for name in names] for one in stored])
    assert served.shape == trained.shape

    def in_order(table):
        return table[np.lexsort(table.round(4).T)]

    np.testing.assert_allclose(in_order(served), in_order(trained), atol=1e-5)


def test_the_record_of_the_run_explains_the_model(first, root):
    store = Store(root / "metadata.sqlite")
    (model,) = store.models.index
    text = str(store.explain(model))
    assert "202501/*.csv" in text and "loans_model, version" in text and "fresh weights" in text
    assert str(first.pushed) in text
    assert store.models["blessed"].all()


def test_what_was_done_comes_from_the_cache_and_what_is_not_good_enough_is_not_pushed(first, root):
    second = run(MONTH, data=root / "data", root=root, trials=1, min_auc=0.99)
    outcomes = {step.component: step.outcome for step in second.steps}
    fresh = {name for name, outcome in outcomes.items() if outcome == "ran"}
    assert fresh == {COMPONENTS[0], "last_blessed", "window", "Evaluator", "Pusher"}
    assert second["Evaluator"].result == "not blessed"
    assert second["Pusher"].result == "not pushed"
    assert second.pushed is None
    assert [path.name for path in first.pushed.parent.iterdir()] == [first.pushed.name]


def test_a_bad_month_is_stopped_at_the_door_by_name_and_leaves_the_rest_as_it_was(first, root):
    month = "2025-02"
    frame = world.World().applications(month, 900)
    wrong = world.incidents["monthly income"].apply(frame)
    deliver(wrong, month, root / "data")
    with pytest.raises(ComponentFailed, match=r"admit: month 202502 is not admitted: income") as it:
        go(root, month)
    error = it.value
    assert (error.component, error.ename) == ("admit", "ValueError")
    assert [step.component for step in error.steps] == list(COMPONENTS[: COMPONENTS.index("admit")])
    assert "loans.py" in error.traceback
    assert error._render_traceback_() == [f"ComponentFailed: {error}"]
    artifacts = Store(root / "metadata.sqlite").artifacts
    assert list(artifacts.query("made_by == 'admit'")["span"]) == [202501]
    assert first.pushed.is_dir()
    assert not list(root.glob("**/*.partial"))


def test_the_curated_schema_fits_the_book_and_not_what_is_wrong_with_it():
    schema = validation.Schema.load(pipelines.SCHEMA_FILE)
    frame = world.World().applications(MONTH, 2_000)

    def wrong(table, environment="TRAINING"):
        statistics = validation.generate_statistics(table)
        return validation.validate_statistics(statistics, schema, environment=environment).features

    assert wrong(frame) == []
    assert wrong(frame.drop(columns="defaulted"), "SERVING") == []
    for incident, column in (
        ("monthly income", "income"),
        ("missing history", "credit_history_years"),
        ("new purpose", "purpose"),
        ("utilization in percent", "utilization"),
    ):
        assert wrong(world.incidents[incident].apply(frame)) == [column]


def test_a_month_that_was_not_delivered_is_asked_for(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"202507.*deliver\(table, '2025-07'"):
        start("2025-07", data=tmp_path, root=tmp_path)


@pytest.mark.parametrize("month", ["July", "2025-13", 202507, ("2025-01", "2025-02"), None])
def test_what_is_no_month_is_refused(tmp_path, month):
    with pytest.raises(ValueError, match=r"month is .*expected one month, such as '2025-06'"):
        start(month, data=tmp_path, root=tmp_path)
    with pytest.raises(ValueError, match="expected one month"):
        deliver(pd.DataFrame({"age": [30]}), month, tmp_path)


def test_the_same_delivery_leaves_the_file_alone_and_another_replaces_it(tmp_path):
    frame = world.World().applications(MONTH, 5)
    file = deliver(frame, MONTH, tmp_path)
    assert file == tmp_path / "202501" / "applications.csv"
    os.utime(file, (1, 1))
    assert deliver(frame, MONTH, tmp_path).stat().st_mtime == 1
    source = tmp_path / "source.csv"
    frame.head(2).to_csv(source, index=False)
    assert deliver(source, MONTH, tmp_path).read_bytes() == source.read_bytes()
    without = source.read_bytes()
    source.write_bytes(codecs.BOM_UTF8 + without)
    assert deliver(source, MONTH, tmp_path).read_bytes() == without, "TFX does not know the mark"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["202501", "source.csv"]
    with pytest.raises(FileNotFoundError):
        deliver(tmp_path / "nothing.csv", MONTH, tmp_path)


# What stands in for TFX where only the process matters: tells a step, then does what it is asked.
STAND_IN = """
import json, os, sys, threading, time
options = json.loads(sys.stdin.readline())["options"]
def tell(**event): print(json.dumps(event), flush=True)
def end_with_parent():
    while os.read(0, 1): pass
    os._exit(9)
threading.Thread(target=end_with_parent, daemon=True).start()
tell(event="begins", component="one")
ended = dict(event="ended", component="one", outcome="ran", seconds=0.1, outputs={})
if options.get("trials") == 2:  # between two components
    tell(**ended)
    time.sleep(60)
# In one write, so that whoever reads the first line can count on the second.
os.write(1, (json.dumps(ended) + '\\n{"event": "begins", "component": "two"}\\n').encode())
if options.get("trials") == 1:
    sys.exit("out of luck")
time.sleep(60)
"""


@pytest.fixture
def a_run(tmp_path, monkeypatch):
    """Start a run of the stand-in."""
    stand_in = tmp_path / "stand_in.py"
    stand_in.write_text(STAND_IN)
    monkeypatch.setattr(runs, "_PROGRAM", stand_in)
    monkeypatch.setenv("MLOPS_TFX_PYTHON", sys.executable)
    deliver(world.World().applications(MONTH, 5), MONTH, tmp_path / "data")
    return lambda **options: start(MONTH, data=tmp_path / "data", root=tmp_path, **options)


def a_run_that_ends(a_run):
    return contextlib.closing(a_run())


def test_one_folder_has_one_run_at_a_time(a_run):
    running = a_run()
    with pytest.raises(ValueError, match="where another run goes on"):
        a_run()
    running.close()
    a_run().close()


def test_closing_a_run_ends_its_process_and_removes_its_temporary_files(a_run):
    running = a_run()
    process = psutil.Process(running._process.pid)
    temporary = process.cwd()
    running.close()
    running.close()
    assert not process.is_running()
    assert not Path(temporary).exists()
    assert list(running) == []


def test_what_was_prepared_does_the_next_run_and_only_that_one(a_run):
    pipelines.prepare()
    pipelines.prepare()
    (waiting,) = runs._spare
    with a_run_that_ends(a_run) as running:
        assert running._process.pid == waiting.child.pid
        assert next(iter(running)).component == "one"
    with a_run_that_ends(a_run) as other:
        assert other._process.pid != waiting.child.pid
    assert not Path(waiting.child.log).parent.exists()


def test_what_was_prepared_and_died_is_not_waited_for(a_run):
    pipelines.prepare()
    (waiting,) = runs._spare
    os.kill(waiting.child.pid, signal.SIGKILL)
    waiting.child.wait()
    with a_run_that_ends(a_run) as running:
        assert next(iter(running)).component == "one"
    assert not runs._spare
    assert not Path(waiting.child.log).parent.exists()


def test_what_was_prepared_for_another_python_is_ended(a_run, monkeypatch):
    pipelines.prepare()
    (waiting,) = runs._spare
    monkeypatch.setattr(waiting, "python", Path("/another/python"))
    with a_run_that_ends(a_run) as running:
        assert running._process.pid != waiting.child.pid
    assert waiting.child.poll() is not None


def test_what_a_run_wrote_stays_beside_its_artifacts(a_run, tmp_path):
    with pytest.raises(ComponentFailed):
        list(a_run(trials=1))
    assert (tmp_path / "run.log").read_text() == "out of luck\n"


def test_leaving_a_run_half_way_ends_it(a_run):
    running = a_run()
    for step in running:
        assert step.component == "one"
        break
    assert not psutil.pid_exists(running._process.pid)
    assert [step.component for step in running] == ["one"]


def test_a_run_that_nobody_refers_to_ends(a_run):
    running = a_run()
    pid = running._process.pid
    del running
    gc.collect()
    assert not psutil.pid_exists(pid)


def test_a_process_that_is_killed_is_told_with_the_component_that_it_was_at(a_run):
    running = a_run()
    steps = iter(running)
    next(steps)
    os.kill(running._process.pid, signal.SIGKILL)
    with pytest.raises(ComponentFailed, match="two: the process ended with code -9") as it:
        next(steps)
    assert [step.component for step in it.value.steps] == ["one"]


def test_a_process_that_is_killed_between_two_components_is_told_with_the_one_it_had_done(a_run):
    running = a_run(trials=2)
    steps = iter(running)
    next(steps)
    os.kill(running._process.pid, signal.SIGKILL)
    with pytest.raises(ComponentFailed, match="after one: the process ended with code -9"):
        next(steps)


def test_a_process_that_ends_by_itself_is_told_with_what_it_last_wrote(a_run):
    with pytest.raises(ComponentFailed, match="code 1; it last wrote: out of luck"):
        list(a_run(trials=1))


def test_an_error_survives_being_sent_to_another_process(a_run):
    with pytest.raises(ComponentFailed) as it:
        list(a_run(trials=1))
    copy = pickle.loads(pickle.dumps(it.value))
    assert (str(copy), copy.steps) == (str(it.value), it.value.steps)


def test_a_wrong_option_is_told_by_name_with_those_that_exist(a_run):
    with pytest.raises(TypeError, match=r"no option 'trails'; it has .*'trials'"):
        a_run(trails=1)


def test_the_same_pipeline_compiles_for_kubeflow(tmp_path):
    python = str(interpreter())
    probe = [python, "-c", "import kfp.pipeline_spec"]
    if subprocess.run(probe, capture_output=True).returncode:
        pytest.skip("the TFX environment has no kfp-pipeline-spec")
    shutil.copytree(pipelines.HERE, tmp_path / "pipelines")
    program = (
        "import sys\nfrom pathlib import Path\nsys.path.insert(0, sys.argv[1])\nimport loans\n"
        "pipeline = loans.create_pipeline(sys.argv[2], 'gs://bucket/data', 202501, kubeflow=True)\n"
        "loans.compile_for_kubeflow(pipeline, sys.argv[3], 'example.com/loans:1')"
    )
    file = tmp_path / "loans.json"
    places = [str(tmp_path / "pipelines"), str(tmp_path / "root"), str(file)]
    done = subprocess.run([python, "-W", "ignore", "-c", program, *places], capture_output=True)
    assert done.returncode == 0, done.stderr[-2_000:]
    spec = json.loads(file.read_text())["pipelineSpec"]
    tasks = spec["root"]["dag"]["tasks"]
    local_only = {COMPONENTS[0], "window", "last_blessed"}
    assert set(COMPONENTS) - local_only <= set(tasks)
    assert "Transform" in tasks["Trainer"]["dependentTasks"]
    images = {
        one["container"]["image"]
        for one in spec["deploymentSpec"]["executors"].values()
        if "container" in one
    }
    assert images == {"example.com/loans:1"}
