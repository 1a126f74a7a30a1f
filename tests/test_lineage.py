"""Lineage: a metadata store as frames, graphs, sentences and differences."""

import hashlib
import itertools
import sqlite3

import networkx as nx
import pytest
from views import controls, picture, words

from helpers.course.lesson_2_6.view import DIRECTIONS, LineageWalk
from helpers.lineage import Store, condense, draw
from helpers.tfx import session

# A store as TFX writes it: two months, a rerun from the cache, a model that replaces another.
WRITER = '''
import ml_metadata
from ml_metadata.proto import metadata_store_pb2 as mlmd

config = mlmd.ConnectionConfig()
config.sqlite.filename_uri = path
config.sqlite.connection_mode = mlmd.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
store = ml_metadata.MetadataStore(config)
kinds = {}


def kind(family, name):
    """The id of a type, made when it is first asked for."""
    if (family, name) not in kinds:
        proto = getattr(mlmd, f"{family}Type")(name=name)
        kinds[family, name] = getattr(store, f"put_{family.lower()}_type")(proto)
    return kinds[family, name]


def fill(one, properties):
    for name, value in properties.items():
        key = "int_value" if isinstance(value, int) else "string_value"
        setattr(one.custom_properties[name], key, value)
    return one


def artifact(name, **properties):
    one = mlmd.Artifact(type_id=kind("Artifact", name), uri=f"/artifacts/{name}")
    one.state = mlmd.Artifact.LIVE
    return store.put_artifacts([fill(one, properties)])[0]


def context(name, of):
    known = [c.id for c in store.get_contexts() if c.name == name]
    return known or store.put_contexts([mlmd.Context(type_id=kind("Context", of), name=name)])


def execution(component, run, inputs, outputs, state="COMPLETE", **properties):
    one = mlmd.Execution(type_id=kind("Execution", f"tfx.{component}"))
    one.last_known_state = mlmd.Execution.State.Value(state)
    (number,) = store.put_executions([fill(one, properties)])
    for role, many in ((mlmd.Event.INPUT, inputs), (mlmd.Event.OUTPUT, outputs)):
        for key, ids in many.items():
            for index, each in enumerate(ids):
                event = mlmd.Event(artifact_id=each, execution_id=number, type=role)
                event.path.steps.add(key=key)
                event.path.steps.add(index=index)
                store.put_events([event])
    for name, of in (("loans", "pipeline"), (run, "pipeline_run"), (f"loans.{component}", "node")):
        (group,) = context(name, of)
        store.put_attributions_and_associations(
            [], [mlmd.Association(context_id=group, execution_id=number)]
        )


def month(run, span, base, before):
    seen = "split:month,num_files:1,total_bytes:2048,xor_checksum:1735689600,sum_checksum:1"
    files = '{"splits": [{"pattern": "%d/*.csv"}]}' % span
    examples = artifact("Examples", span=span, input_fingerprint=seen)
    execution("CsvExampleGen", run, {}, {"examples": [examples]}, input_base="/data",
              input_config=files, input_fingerprint=seen, span=span)
    schema = artifact("Schema")
    execution("ImportSchemaGen", run, {}, {"schema": [schema]}, schema_file="/schemas/ab12.pbtxt")
    everything = [*before, examples]
    graph = artifact("TransformGraph")
    wheel = "loans_model@/wheels/code_transform-0.0+%s-py3-none-any.whl" % ("c0de" * 16)
    execution("Transform", run, {"examples": everything, "schema": [schema]},
              {"transform_graph": [graph]}, module_path=wheel)
    model = artifact("Model", tfx_version="1.16.0")
    inputs = {"examples": everything, "transform_graph": [graph]}
    if base:
        inputs["base_model"] = [base]
    execution("Trainer", run, inputs, {"model": [model]}, module_path=wheel, train_args="{}")
    blessing = artifact("ModelBlessing", blessed=1, current_model_id=model)
    inputs = {"model": [model], "examples": [examples]}
    if base:
        inputs["baseline_model"] = [base]
    execution("Evaluator", run, inputs, {"blessing": [blessing]})
    pushed = artifact("PushedModel", pushed=1, pushed_destination=f"/serving/{span}")
    inputs = {"model": [model], "model_blessing": [blessing]}
    execution("Pusher", run, inputs, {"pushed_model": [pushed]})
    return examples, model


january, first = month("run-1", 202501, None, [])
february, second = month("run-2", 202502, first, [january])
execution("Trainer", "run-3", {"examples": [january, february]}, {"model": [second]}, "CACHED")
execution("window", "run-3", {}, {})
'''


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("store") / "metadata.sqlite"
    session().push("path", str(path))
    session().run(WRITER)
    return path


@pytest.fixture(scope="module")
def store(path):
    return Store(path)


@pytest.fixture(scope="module")
def ids(store):
    """Id of each artifact, by its type and the run that made it."""
    rows = store.artifacts.reset_index()
    return {(row.type, row.run): row.id for row in rows.itertuples()}


def artifacts_of(graph):
    return {(data["type"], i) for (kind, i), data in graph.nodes(data=True) if kind == "artifact"}


def test_frames_have_a_row_for_each_thing_and_say_who_made_it(store, ids):
    assert len(store.artifacts) == 12
    assert len(store.executions) == 14
    model = store.artifacts.loc[ids["Model", "run-1"]]
    assert (model["made_by"], model["state"]) == ("Trainer", "LIVE")
    assert store.artifacts.loc[ids["Examples", "run-2"], "span"] == 202502
    assert set(store.contexts["type"]) == {"pipeline", "pipeline_run", "node"}
    loans = store.contexts.query("name == 'loans'")
    assert loans["executions"].item() == 14
    assert set(store.events["role"]) == {"input", "output"}


def test_runs_tell_what_ran_from_what_came_from_the_cache(store, ids):
    runs = store.runs
    assert list(runs.index) == ["run-1", "run-2", "run-3"]
    assert list(runs["cached"]) == [0, 0, 1]
    assert runs.loc["run-1", "span"] == 202501
    assert runs.loc["run-3", "model"] == ids["Model", "run-2"]


def test_models_know_what_they_started_from_and_what_became_of_them(store, ids):
    models = store.models
    first, second = ids["Model", "run-1"], ids["Model", "run-2"]
    assert list(models.index) == [first, second]
    assert models["started_from"].isna().loc[first]
    assert models.loc[second, "started_from"] == first
    assert models.loc[second, "span"] == 202502
    assert models["blessed"].all()
    assert models.loc[second, "pushed"] == "/serving/202502"


def test_a_model_comes_from_its_files_and_from_those_of_the_model_that_it_began_with(store, ids):
    first = artifacts_of(store.lineage(ids["Model", "run-1"]))
    assert first == {
        (kind, ids[kind, "run-1"]) for kind in ("Examples", "Schema", "TransformGraph", "Model")
    }
    second = artifacts_of(store.lineage(ids["Model", "run-2"]))
    assert first < second
    assert ("Examples", ids["Examples", "run-2"]) in second


def test_a_cached_execution_made_nothing(store, ids):
    graph = store.lineage(ids["Model", "run-2"])
    makers = list(graph.predecessors(("artifact", ids["Model", "run-2"])))
    assert len(makers) == 1
    assert store.executions.loc[makers[0][1], "run"] == "run-2"


def test_a_wrong_file_taints_all_that_learned_from_it_and_nothing_before(store, ids):
    tainted = artifacts_of(store.impact(ids["Examples", "run-2"]))
    models = {i for kind, i in tainted if kind == "Model"}
    assert models == {ids["Model", "run-2"]}
    of_january = artifacts_of(store.impact(ids["Examples", "run-1"]))
    assert {i for kind, i in of_january if kind == "Model"} == {
        ids["Model", "run-1"],
        ids["Model", "run-2"],
    }


def test_a_condensed_graph_keeps_what_was_made_from_what(store, ids):
    january = ids["Examples", "run-1"]
    small = condense(store.impact(january), ("Examples", "Model"))
    first, second = (("artifact", ids["Model", run]) for run in ("run-1", "run-2"))
    assert set(small.edges) == {(("artifact", january), first), (first, second)}
    with pytest.raises(ValueError, match=r"types is \['Modle'\].*Model"):
        condense(store.impact(january), ["Modle"])


def test_the_explanation_names_files_schema_code_and_the_model_that_was_replaced(store, ids):
    first, second = ids["Model", "run-1"], ids["Model", "run-2"]
    text = str(store.explain(second))
    for phrase in (
        f"Model {second} was made on",
        "by Trainer in run run-2, with TFX 1.16.0",
        "2 deliveries: /data/202501/*.csv (1 file, 2,048 bytes, written 2025-01-01 00:00 UTC)",
        "/data/202502/*.csv",
        "schema ab12.pbtxt",
        "loans_model, version c0dec0dec0de",
        f"began with the weights of model {first}",
        f"measured it, against model {first}, and blessed it",
        "pushed to /serving/202502 on",
        f"replaced model {first}",
    ):
        assert phrase in text, phrase
    assert "It was pushed" in store.explain(second)._repr_html_()
    text = str(store.explain(first))
    assert "fresh weights" in text and "first one there" in text
    assert "202502" not in text


def test_only_a_model_can_be_explained(store, ids):
    schema = ids["Schema", "run-1"]
    with pytest.raises(ValueError, match=rf"model is {schema}, which is of type Schema"):
        store.explain(schema)
    for question in (store.explain, store.lineage, store.impact):
        with pytest.raises(KeyError, match="no artifact 999"):
            question(999)


def test_two_runs_differ_in_what_went_in_and_in_nothing_else(store, ids):
    difference = store.diff("run-1", "run-2").set_index(["component", "what"])
    assert difference.loc[("Trainer", "input base_model"), "run-1"] == ""
    assert difference.loc[("Trainer", "input base_model"), "run-2"] == (
        f"Model {ids['Model', 'run-1']}"
    )
    assert difference.loc[("CsvExampleGen", "span"), "run-2"] == 202502
    assert ("Transform", "module_path") not in difference.index
    assert store.diff("run-1", "run-1").empty
    with pytest.raises(KeyError, match=r"no run 'run-9'.*run-1"):
        store.diff("run-1", "run-9")


def test_a_missing_file_says_where_such_files_are(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"metadata\.sqlite"):
        Store(tmp_path / "nothing.sqlite")


def test_a_foreign_file_is_refused_by_name(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("no database " * 100)
    with pytest.raises(ValueError, match=r"notes\.txt is not a metadata store"):
        Store(text)
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE birds (name TEXT)")
    with pytest.raises(ValueError, match=r"other\.sqlite is not a metadata store"):
        Store(other)


def test_a_store_of_a_future_format_is_refused(path, tmp_path):
    later = tmp_path / "later.sqlite"
    later.write_bytes(path.read_bytes())
    with sqlite3.connect(later) as database:
        database.execute("UPDATE MLMDEnv SET schema_version = 999")
    with pytest.raises(ValueError, match="ML Metadata cannot read the store"):
        Store(later)


def test_reading_changes_nothing_and_works_during_writing(path):
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    try:
        assert len(Store(path).artifacts) == 12
    finally:
        writer.execute("ROLLBACK")
        writer.close()
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_a_store_is_what_was_read_until_it_is_refreshed(path, tmp_path):
    copy = tmp_path / "metadata.sqlite"
    copy.write_bytes(path.read_bytes())
    store = Store(copy)
    with sqlite3.connect(copy) as database:
        database.execute("UPDATE Artifact SET state = 4 WHERE id = 1")
    assert store.artifacts.loc[1, "state"] == "LIVE"
    assert store.refresh().artifacts.loc[1, "state"] == "DELETED"


def test_an_empty_store_has_empty_frames(tmp_path):
    path = tmp_path / "empty.sqlite"
    session().push("path", str(path))
    session().run(WRITER.split("kinds = {}")[0] + "store.get_artifacts()")
    store = Store(path)
    for frame in (store.artifacts, store.executions, store.contexts, store.runs, store.models):
        assert frame.empty and len(frame.columns)
    with pytest.raises(ValueError, match="run a pipeline first"):
        LineageWalk(store)


def test_a_drawing_has_every_label_and_none_overlap(store, ids):
    graph = store.lineage(ids["Model", "run-2"])
    ax = draw(graph)
    ax.figure.canvas.draw()
    shown = {text.get_text() for text in ax.texts}
    assert shown == {data["label"] for _, data in graph.nodes(data=True)}
    boxes = [text.get_bbox_patch().get_window_extent() for text in ax.texts]
    for first, second in itertools.combinations(boxes, 2):
        assert not first.overlaps(second)


def test_a_drawing_goes_from_left_to_right(store, ids):
    from helpers.lineage.drawing import layout

    graph = store.lineage(ids["Model", "run-2"])
    at, ways = layout(graph)
    assert all(at[source][0] < at[target][0] for source, target in graph.edges)
    assert max(at.values()) == at["artifact", ids["Model", "run-2"]]
    assert set(ways) == set(graph.edges)


def test_a_single_node_can_be_drawn(store, ids):
    graph = store.impact(ids["PushedModel", "run-2"])
    assert len(graph) == 1
    assert len(draw(graph).texts) == 1


def test_graphs_are_networkx_graphs_without_cycles(store, ids):
    graph = store.impact(ids["Schema", "run-1"])
    assert isinstance(graph, nx.DiGraph)
    assert nx.is_directed_acyclic_graph(graph)


def test_the_walk_begins_at_the_last_model_and_goes_where_it_is_sent(store, ids):
    walk = LineageWalk(store)
    assert walk.artifact == ids["Model", "run-2"]
    near = walk.nearest(walk.artifact, DIRECTIONS[0])
    assert ids["Model", "run-1"] in near and ids["Schema", "run-2"] not in near
    view = walk.view()
    where, direction, onward = (controls(view)[name] for name in ("at", "look at", "walk to"))
    assert f"Model {walk.artifact}" in words(view).value
    assert onward.label == "(stay here)"
    onward.value = ids["Model", "run-1"]
    assert onward.label == "(stay here)", "one has arrived"
    assert where.value == ids["Model", "run-1"]
    assert f"Model {ids['Model', 'run-1']}, made by Trainer" in words(view).value
    before = picture(view).value
    direction.value = DIRECTIONS[1]
    assert picture(view).value != before
    assert "PushedModel" in words(view).value


def test_steps_widen_what_the_walk_shows(store, ids):
    walk = LineageWalk(store, ids["Model", "run-2"])
    one, two = (walk.graph(walk.artifact, DIRECTIONS[0], steps) for steps in (1, 2))
    assert set(one) < set(two)
    with pytest.raises(KeyError, match="no artifact 999"):
        LineageWalk(store, 999)


# As ML Metadata's guide "Get started" writes one: no states of executions, no paths of events.
GUIDE = (
    WRITER.split("january, first =")[0].split("def fill")[0]
    + """
data_type, model_type = kind("Artifact", "DataSet"), kind("Artifact", "SavedModel")
trainer_type = kind("Execution", "Trainer")
ids = {}
for name in ("data", "clean", "model"):
    of = model_type if name == "model" else data_type
    (ids[name],) = store.put_artifacts([mlmd.Artifact(type_id=of, uri=f"path/to/{name}")])
for source, target in (("data", "clean"), ("clean", "model")):
    one = mlmd.Execution(type_id=trainer_type)
    if state:
        one.last_known_state = mlmd.Execution.State.Value(state)
    (run,) = store.put_executions([one])
    for name, way in ((source, mlmd.Event.DECLARED_INPUT), (target, mlmd.Event.DECLARED_OUTPUT)):
        store.put_events([mlmd.Event(artifact_id=ids[name], execution_id=run, type=way)])
"""
)


@pytest.mark.parametrize("state", ["", "UNKNOWN", "COMPLETE", "RUNNING", "FAILED"])
def test_a_store_that_tfx_did_not_write_has_a_lineage_too(tmp_path, state):
    tfx = session()
    tfx.push("path", str(tmp_path / "metadata.sqlite"))
    tfx.push("state", state)
    tfx.run(GUIDE)
    store, ids = Store(tmp_path / "metadata.sqlite"), tfx.pull("ids")
    everything = {("DataSet", ids["data"]), ("DataSet", ids["clean"]), ("SavedModel", ids["model"])}
    assert artifacts_of(store.impact(ids["data"])) == everything
    assert artifacts_of(store.lineage(ids["model"])) == everything
    assert store.artifacts.loc[ids["model"], "made_by"] == "Trainer"
    assert draw(store.impact(ids["data"])).texts


def test_two_pipelines_in_one_store_are_kept_apart(tmp_path):
    path = tmp_path / "metadata.sqlite"
    session().push("path", str(path))
    other = WRITER.split("january, first =")[0]
    cards = other.split("def execution")[1].split("def month")[0]
    cards = "def execution" + cards.replace('"loans"', '"cards"').replace("loans.", "cards.")
    session().run(
        other
        + 'january, first = month("run-1", 1, None, [])\n'
        + cards
        + 'january, second = month("run-2", 2, None, [])\nmonth("run-3", 3, second, [january])\n'
        + 'month("run-1", 1, None, [])\n'
    )
    store = Store(path)
    first, second, third, fourth = store.models.index
    for model in (first, second):
        assert "first one there" in str(store.explain(model)), "of its pipeline"
    assert f"replaced model {second}" in str(store.explain(third))
    assert f"replaced model {third}" in str(store.explain(fourth))
    runs = store.runs.reset_index()
    assert sorted(zip(runs["run"], runs["pipeline"], strict=True)) == [
        ("run-1", "cards"),
        ("run-1", "loans"),
        ("run-2", "cards"),
        ("run-3", "cards"),
    ]


def test_span_0_is_a_span(tmp_path):
    path = tmp_path / "metadata.sqlite"
    session().push("path", str(path))
    session().run(WRITER.split("january, first =")[0] + 'month("run-0", 0, None, [])\n')
    store = Store(path)
    (examples,) = store.artifacts.index[store.artifacts["type"] == "Examples"]
    assert store.artifacts.loc[examples, "span"] == 0
    assert store.models["span"].tolist() == [0] == store.runs["span"].tolist()
    graph = store.impact(examples)
    assert graph.nodes["artifact", examples]["label"].endswith("\n0")
    assert store.artifacts["span"].isna().sum() == len(store.artifacts) - 1


@pytest.mark.parametrize(
    "edges", [["ab", "ba"], ["aa"], ["ab", "bc", "ca", "cd"], ["ab", "bb", "bc", "db", "cd", "ad"]]
)
def test_a_graph_with_a_cycle_can_be_drawn(edges):
    graph = nx.DiGraph(edges)
    for node in graph:
        graph.nodes[node].update(kind="artifact", type="Model", label=node)
    for each in (graph, condense(graph, ["Model"])):
        ax = draw(each)
        ax.figure.canvas.draw()
        assert {text.get_text() for text in ax.texts} == set(graph)
