"""Harbor Credit's training pipeline, from a month's files to a model that is ready to be served.

This file is TensorFlow Extended (TFX); ``helpers.pipelines`` runs it in the TFX environment. A run
takes in one month:

======================  ===========================================================================
component               what it does
======================  ===========================================================================
CsvExampleGen           reads the month's CSV files and splits them, 2 to 1, into train and eval
StatisticsGen           counts and measures every column
ImportSchemaGen         brings the curated schema
ExampleValidator        compares the statistics with the schema
admit                   admits the month, or stops the run with a list of what is wrong
window                  finds the admitted months that this model learns from
last_blessed            finds the model that was in force when the month came in
select_features         drops the columns that carry no information about default
Transform               turns raw columns into features, as a graph that training and serving share
Tuner                   tries a handful of settings
Trainer                 trains, warm from the last blessed model, and exports with the graph
Evaluator               measures by slice; blesses what is good enough and nowhere worse than before
check_model             loads the exported model and sends it requests
Pusher                  copies a model with both blessings to where the server looks
======================  ===========================================================================

Beam does the work of CsvExampleGen, StatisticsGen, Transform and Evaluator, see ``BEAM_ARGS``.
:func:`compile_for_kubeflow` writes the pipeline for Kubeflow, where each component is a container.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2
from tensorflow_model_analysis.proto import config_pb2  # TFMA 0.52 names them only here
from tfx import v1 as tfx
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

HERE = Path(__file__).resolve().parent
Artifacts = dict[str, list[Any]]  # by name, as a resolver receives and returns them

NAME = "loans"
LABEL = "defaulted"
# Never features: what identifies, and what the law forbids to use.
BARRED = ("application_id", "applied_at", "sex")

# Where Beam works; you fill in `{...}`.
_CONTAINERS = ("--environment_type=DOCKER", "--environment_config={image}")  # workers that have TFX
BEAM_ARGS = {
    # One process. DirectRunner would first look for another runner that can do the work, and TFX
    # would pack itself for workers elsewhere unless an image is named.
    "here": [
        "--runner=apache_beam.runners.portability.fn_api_runner.fn_runner.FnApiRunner",
        "--sdk_container_image=none",
    ],
    "two processes": ["--direct_running_mode=multi_processing", "--direct_num_workers=2"],
    "flink": [
        *("--runner=FlinkRunner", "--flink_master={host}:8081", *_CONTAINERS, "--parallelism=8")
    ],
    "spark": ["--runner=SparkRunner", "--spark_master_url=spark://{host}:7077", *_CONTAINERS],
    "dataflow": [
        *("--runner=DataflowRunner", "--project={project}", "--region={region}"),
        *("--temp_location=gs://{bucket}/beam", "--sdk_container_image={image}"),
        "--experiments=use_runner_v2",
    ],
}


# ------------------------------------------------------------------ components of our own


@tfx.dsl.components.component
def admit(
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    anomalies: tfx.dsl.components.InputArtifact[standard_artifacts.ExampleAnomalies],
    admitted: tfx.dsl.components.OutputArtifact[standard_artifacts.Examples],
) -> None:
    """Admit a month, or stop the run with a list of what is wrong with it.

    ExampleValidator only reports. An admitted month is an artifact of its own, so that later models
    learn from admitted months only.
    """
    wrong = {}
    for split in artifact_utils.decode_split_names(anomalies.split_names):
        report = anomalies_pb2.Anomalies()
        uri = artifact_utils.get_split_uri([anomalies], split)
        report.ParseFromString(io_utils.read_bytes_file(f"{uri}/SchemaDiff.pb"))
        infos = dict(report.anomaly_info)
        if report.HasField("dataset_anomaly_info"):
            infos["the table"] = report.dataset_anomaly_info
        for column, info in infos.items():
            if info.severity == anomalies_pb2.AnomalyInfo.ERROR:
                wrong.setdefault(column, info.description.strip())
    if wrong:
        reasons = "; ".join(f"{column}: {reason}" for column, reason in sorted(wrong.items()))
        month = examples.get_int_custom_property("span")
        raise ValueError(f"month {month} is not admitted: {reasons}")
    io_utils.copy_dir(examples.uri, admitted.uri)
    admitted.split_names = examples.split_names
    admitted.set_int_custom_property("span", examples.get_int_custom_property("span"))
    for name in ("input_fingerprint", "payload_format", "file_format"):
        if examples.has_custom_property(name):
            admitted.set_string_custom_property(name, examples.get_string_custom_property(name))


@tfx.dsl.components.component
def select_features(
    examples: tfx.dsl.components.InputArtifact[list[standard_artifacts.Examples]],
    schema: tfx.dsl.components.InputArtifact[standard_artifacts.Schema],
    selected: tfx.dsl.components.OutputArtifact[standard_artifacts.Schema],
    least_information: tfx.dsl.components.Parameter[float],
) -> None:
    """Drop the columns that alone carry less than `least_information` (nats) about default.

    The result is a schema, so Transform parses the selected columns only. The artifact's property
    ``information`` has the figure of each column.
    """
    all_columns = io_utils.parse_pbtxt_file(_schema_file(schema), schema_pb2.Schema())
    serialized = list(_records(examples, "train").as_numpy_iterator())
    columns = {k: v.numpy() for k, v in _columns(tf.constant(serialized), all_columns).items()}
    information = {
        name: mutual_information(values, columns[LABEL])
        for name, values in columns.items()
        if name not in (LABEL, *BARRED)
    }
    kept = schema_pb2.Schema()
    kept.CopyFrom(all_columns)
    del kept.feature[:]
    for feature in all_columns.feature:
        if feature.name == LABEL or information.get(feature.name, -np.inf) >= least_information:
            kept.feature.add().CopyFrom(feature)
    if len(kept.feature) < 2:
        raise ValueError(f"no column has {least_information} nats about {LABEL}: {information}")
    io_utils.write_pbtxt_file(f"{selected.uri}/schema.pbtxt", kept)
    selected.set_string_custom_property(
        "information", json.dumps({name: round(nats, 5) for name, nats in information.items()})
    )


def mutual_information(values: np.ndarray, label: np.ndarray, bins: int = 10) -> float:
    """Return the information of a column about a label, in nats, minus what chance would show.

    Numbers are cut at their deciles; a missing value is a value of its own. The correction is that
    of Miller and Madow (1955): chance adds (rows - 1)(columns - 1) / 2n to a table of n counts.
    """
    if values.dtype.kind in "if":
        missing = np.isnan(values)
        cuts = np.unique(np.quantile(values[~missing], np.linspace(0, 1, bins + 1)[1:-1]))
        values = np.where(missing, -1, np.searchsorted(cuts, values, side="right"))
    _, row = np.unique(values, return_inverse=True)
    _, column = np.unique(label, return_inverse=True)
    table = np.zeros((row.max() + 1, column.max() + 1))
    np.add.at(table, (row, column), 1)
    share = table / table.sum()
    expected = share.sum(1, keepdims=True) * share.sum(0, keepdims=True)
    mask = share > 0
    observed = (share[mask] * np.log(share[mask] / expected[mask])).sum()
    return float(observed - (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * table.sum()))


@tfx.dsl.components.component
def check_model(
    model: tfx.dsl.components.InputArtifact[standard_artifacts.Model],
    examples: tfx.dsl.components.InputArtifact[standard_artifacts.Examples],
    schema: tfx.dsl.components.InputArtifact[standard_artifacts.Schema],
    blessing: tfx.dsl.components.OutputArtifact[standard_artifacts.InfraBlessing],
    rows: tfx.dsl.components.Parameter[int] = 50,
) -> None:
    """Load the exported model as a server would, and send it requests in both forms it offers.

    TFX's InfraValidator does this in a Docker container with TensorFlow Serving. A model that does
    not load, does not answer, or answers with anything but probabilities is not blessed; the
    artifact's property ``reason`` says why.
    """
    try:
        _ask(path_utils.serving_model_path(model.uri), examples, _schema_file(schema), rows)
        reason = ""
    except Exception as error:  # whatever is wrong with a model is a reason not to serve it
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
    blessed = not reason
    io_utils.write_string_file(
        f"{blessing.uri}/INFRA_{'BLESSED' if blessed else 'NOT_BLESSED'}", reason
    )
    blessing.set_int_custom_property("blessed", int(blessed))
    blessing.set_string_custom_property("reason", reason)


def _ask(saved_model: str, examples: standard_artifacts.Examples, schema: str, rows: int) -> None:
    model = tf.saved_model.load(saved_model)
    serialized = next(iter(_records([examples], "eval").batch(rows)))
    answers = [model.signatures["serving_examples"](examples=serialized)["probability"]]
    parsed = _columns(serialized, io_utils.parse_pbtxt_file(schema, schema_pb2.Schema()))
    by_name = model.signatures["serving_default"]
    asked = by_name.structured_input_signature[1]
    answers.append(by_name(**{name: parsed[name] for name in asked})["probability"])
    for answer in answers:
        if answer.shape != serialized.shape:
            raise ValueError(f"{serialized.shape[0]} rows gave answers of shape {answer.shape}")
        if not np.all((answer >= 0) & (answer <= 1)):  # also if one is not a number
            raise ValueError("an answer is not a probability")
    if not np.allclose(*answers, atol=1e-5):
        raise ValueError("the same rows get other answers as tf.Example than as named tensors")


def _schema_file(schema: standard_artifacts.Schema) -> str:
    return io_utils.get_only_uri_in_dir(schema.uri)


def _records(examples: list[standard_artifacts.Examples], split: str) -> tf.data.TFRecordDataset:
    uris = artifact_utils.get_split_uris(examples, split)
    files = sorted(file for uri in uris for file in tf.io.gfile.glob(f"{uri}/*"))
    return tf.data.TFRecordDataset(files, compression_type="GZIP")


def _columns(serialized: tf.Tensor, schema: schema_pb2.Schema) -> dict[str, tf.Tensor]:
    """Parse examples into one value for each row and column; NaN where a number is missing."""
    kinds = {
        schema_pb2.BYTES: (tf.string, ""),
        schema_pb2.INT: (tf.int64, -1),
        schema_pb2.FLOAT: (tf.float32, float("nan")),
    }
    kind_of = {feature.name: kinds[feature.type] for feature in schema.feature}
    # CsvExampleGen writes an empty list where a value is missing, which only ragged features read.
    spec = {name: tf.io.RaggedFeature(dtype) for name, (dtype, _) in kind_of.items()}
    return {
        name: values.to_tensor(kind_of[name][1], shape=[None, 1])[:, 0]
        for name, values in tf.io.parse_example(serialized, spec).items()
    }


# ---------------------------------------------------------------------- resolver strategies


class MonthsWindow(tfx.dsl.experimental.ResolverStrategy):
    """The admitted months of a window; if a month came twice, the later delivery.

    TFX's own SpanRangeStrategy would take both.
    """

    def __init__(self, first: int, last: int) -> None:
        self._first, self._last = first, last

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Choose among the admitted months."""
        (key, admitted), *_ = input_dict.items()
        by_month = {}
        for artifact in sorted(admitted, key=lambda artifact: artifact.id):
            by_month[artifact.get_int_custom_property("span")] = artifact
        months = [month for month in sorted(by_month) if self._first <= month <= self._last]
        return {key: [by_month[month] for month in months]}


class BlessedBefore(tfx.dsl.experimental.ResolverStrategy):
    """The last model that was blessed before this month came in.

    With TFX's own LatestBlessedModelStrategy a second run of the same month would start from, and
    compare with, the model that the first run made from the same rows; and nothing after it would
    ever come from the cache.
    """

    def resolve_artifacts(self, store: Any, input_dict: Artifacts) -> Artifacts:
        """Choose among the models."""
        (month,) = input_dict["month"]
        before = month.mlmd_artifact.create_time_since_epoch
        models = [
            m for m in input_dict["model"] if m.mlmd_artifact.create_time_since_epoch < before
        ]
        last = tfx.dsl.experimental.LatestBlessedModelStrategy().resolve_artifacts(
            store, {"model": models, "model_blessing": input_dict["model_blessing"]}
        )
        return {**last, "month": [month]}


# -------------------------------------------------------------------------------- pipeline


def create_pipeline(
    root: str,
    data: str,
    month: int,
    *,
    first_month: int = 0,
    schema_file: str = str(HERE / "loans_schema.pbtxt"),
    module_file: str = str(HERE / "modules" / "loans_model.py"),
    least_information: float = 0.002,
    trials: int = 3,
    slices: tuple[str, ...] = ("region",),
    min_auc: float = 0.65,
    tolerance: float = 0.02,
    slice_tolerance: float = 0.05,
    beam_args: tuple[str, ...] = tuple(BEAM_ARGS["here"]),
    kubeflow: bool = False,
) -> tfx.dsl.Pipeline:
    """Return the pipeline for one month.

    Parameters
    ----------
    root : str
        Folder of this pipeline: artifacts, the metadata store, and the models that are pushed.
    data : str
        Folder of the months: ``<data>/202506/*.csv`` is June 2025.
    month, first_month : int
        The month to take in, such as 202506, and the first to learn from, by default the first that
        was admitted.
    schema_file, module_file : str
        The curated schema; the file with ``preprocessing_fn``, ``tuner_fn`` and ``run_fn``.
    least_information : float
        Feature selection drops the columns that carry less about default, in nats.
    trials : int
        Trials of the Tuner; with 0 there is no Tuner, and the Trainer uses the module's defaults.
    slices : tuple of str
        Columns; the Evaluator also measures each of their values separately.
    min_auc : float
        A model with a smaller area under the ROC curve is not blessed.
    tolerance, slice_tolerance : float
        How much smaller than the last blessed model's a model's area may be, overall and in each
        slice.
    beam_args : sequence of str
        Options of Beam, such as one of ``BEAM_ARGS``.
    kubeflow : bool
        Leave out what Kubeflow's resolvers do not know: the window is then this month alone, and
        the last blessed model is the last of all.
    """
    span = tfx.proto.StaticRange(start_span_number=month, end_span_number=month)
    example_gen = tfx.components.CsvExampleGen(
        input_base=data,
        input_config=tfx.proto.Input(
            splits=[tfx.proto.Input.Split(name="month", pattern="{SPAN}/*.csv")]
        ),
        range_config=tfx.proto.RangeConfig(static_range=span),
    )
    statistics_gen = tfx.components.StatisticsGen(examples=example_gen.outputs["examples"])
    schema_gen = tfx.components.ImportSchemaGen(schema_file=_by_content(schema_file, root))
    validator = tfx.components.ExampleValidator(
        statistics=statistics_gen.outputs["statistics"], schema=schema_gen.outputs["schema"]
    )
    door = admit(examples=example_gen.outputs["examples"], anomalies=validator.outputs["anomalies"])
    admitted = door.outputs["admitted"]
    nodes = [example_gen, statistics_gen, schema_gen, validator, door]

    if kubeflow:
        examples = admitted
        last_blessed = tfx.dsl.Resolver(
            strategy_class=tfx.dsl.experimental.LatestBlessedModelStrategy,
            model=tfx.dsl.Channel(type=standard_artifacts.Model),
            model_blessing=tfx.dsl.Channel(type=standard_artifacts.ModelBlessing),
        ).with_id("last_blessed")
    else:
        window = tfx.dsl.Resolver(
            strategy_class=MonthsWindow,
            config={"first": first_month, "last": month},
            examples=tfx.dsl.Channel(
                type=standard_artifacts.Examples,
                producer_component_id=door.id,
                output_key="admitted",
            ),
        ).with_id("window")
        window.add_upstream_node(door)
        examples = window.outputs["examples"]
        last_blessed = tfx.dsl.Resolver(
            strategy_class=BlessedBefore,
            model=tfx.dsl.Channel(type=standard_artifacts.Model),
            model_blessing=tfx.dsl.Channel(type=standard_artifacts.ModelBlessing),
            month=admitted,
        ).with_id("last_blessed")
        nodes.append(window)

    selection = select_features(
        examples=examples,
        schema=schema_gen.outputs["schema"],
        least_information=least_information,
    )
    transform = tfx.components.Transform(
        examples=examples,
        schema=selection.outputs["selected"],
        module_file=module_file,
        disable_statistics=True,  # of inputs and outputs: half of Transform's time
        disable_analyzer_cache=True,
    )
    tuner = tfx.components.Tuner(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        module_file=module_file,
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
        custom_config={"trials": trials},
    )
    trainer = tfx.components.Trainer(
        examples=transform.outputs["transformed_examples"],
        transform_graph=transform.outputs["transform_graph"],
        schema=schema_gen.outputs["schema"],
        hyperparameters=tuner.outputs["best_hyperparameters"] if trials else None,
        base_model=last_blessed.outputs["model"],
        module_file=module_file,
        train_args=tfx.proto.TrainArgs(),
        eval_args=tfx.proto.EvalArgs(),
    )
    evaluator = tfx.components.Evaluator(
        examples=examples,
        model=trainer.outputs["model"],
        baseline_model=last_blessed.outputs["model"],
        schema=schema_gen.outputs["schema"],
        eval_config=eval_config(slices, min_auc, tolerance, slice_tolerance),
    )
    checker = check_model(
        model=trainer.outputs["model"], examples=admitted, schema=schema_gen.outputs["schema"]
    )
    pusher = tfx.components.Pusher(
        model=trainer.outputs["model"],
        model_blessing=evaluator.outputs["blessing"],
        infra_blessing=checker.outputs["blessing"],
        push_destination=tfx.proto.PushDestination(
            filesystem=tfx.proto.PushDestination.Filesystem(base_directory=f"{root}/serving/{NAME}")
        ),
    )
    nodes += [last_blessed, selection, transform, trainer, evaluator, checker, pusher]
    nodes += [tuner] if trials else []
    return tfx.dsl.Pipeline(
        pipeline_name=NAME,
        pipeline_root=f"{root}/artifacts",
        components=nodes,
        enable_cache=True,
        metadata_connection_config=tfx.orchestration.metadata.sqlite_metadata_connection_config(
            f"{root}/metadata.sqlite"
        ),
        beam_pipeline_args=list(beam_args),
    )


def eval_config(
    slices: tuple[str, ...], min_auc: float, tolerance: float, slice_tolerance: float
) -> config_pb2.EvalConfig:
    """Return what the Evaluator measures, on which slices, and what a model must reach."""

    def threshold(slices: list[dict], margin: float, least: float) -> dict[str, Any]:
        change = {"absolute": -margin, "direction": "HIGHER_IS_BETTER"}
        limits = {"value_threshold": {"lower_bound": least}, "change_threshold": change}
        return {"slicing_specs": slices, "threshold": limits}

    each = [{"feature_keys": [column]} for column in slices]
    thresholds = [threshold([{}], tolerance, min_auc)]
    thresholds += [threshold(each, slice_tolerance, 0.0)] if each else []
    area = {"class_name": "AUC", "per_slice_thresholds": thresholds}
    # TFMA's own metrics: one of Keras would load the model again for each stage of Beam.
    others = ("MeanPrediction", "MeanLabel", "ExampleCount")
    model = {
        "label_key": LABEL,
        "signature_name": "serving_examples",
        "model_type": tfma.TF_GENERIC,  # called by its signature, as a server calls it
    }
    config = {
        "model_specs": [model],
        "slicing_specs": [{}, *each],
        "metrics_specs": [{"metrics": [area, *({"class_name": name} for name in others)]}],
    }
    return json_format.ParseDict(config, config_pb2.EvalConfig())


def compile_for_kubeflow(pipeline: tfx.dsl.Pipeline, file: str, image: str) -> None:
    """Write the pipeline's definition for Kubeflow Pipelines 2 or Vertex AI Pipelines, as JSON.

    Needs the package ``kfp-pipeline-spec``. `image` is a container image with TFX and this file on
    its Python path; ``root`` and ``data`` of the pipeline are folders that the containers see, such
    as ``gs://bucket/loans``.
    """
    config = tfx.orchestration.experimental.KubeflowV2DagRunnerConfig(default_image=image)
    runner = tfx.orchestration.experimental.KubeflowV2DagRunner(config, output_filename=file)
    runner.run(pipeline, write_out=True)


def _by_content(schema_file: str, root: str) -> str:
    """Copy a schema to a path made from its content, since the cache knows files by their paths."""
    content = Path(schema_file).read_bytes()
    copy = f"{root}/schemas/{hashlib.sha256(content).hexdigest()[:12]}.pbtxt"
    if not fileio.exists(copy):
        io_utils.write_bytes_file(copy, content)
    return copy
