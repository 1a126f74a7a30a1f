"""What is Harbor Credit's own in its pipeline: features, search space, network, signatures.

TFX packs this file into a wheel, which Transform, Tuner and Trainer install and call; its hash is
part of the record of every model. So it stands alone in its folder and imports nothing of
``helpers``. The pipeline itself is ``helpers/pipelines/loans.py``.
"""

from __future__ import annotations

from typing import Any

import keras_tuner as kt
import numpy as np
import tensorflow as tf
import tensorflow_transform as tft
import tf_keras as keras
from tensorflow_metadata.proto.v0 import schema_pb2
from tfx import v1 as tfx

LABEL = "defaulted"
NOT_ASKED = (LABEL, "application_id", "applied_at", "sex")  # not in a request: no feature either
LOGGED = ("income", "amount")
NUMBERS = ("years_employed", "credit_history_years", "late_payments", "term_months")
BUCKETED = "age"
BUCKETS = 6
SOMETIMES_MISSING = "utilization"
CATEGORIES = ("region", "employment", "purpose", "channel")
CROSSED = ("employment", "purpose")
CROSS = "employment_x_purpose"
CROSS_BUCKETS = 64

SEED = 2025
BATCH = 64
EPOCHS = 12
PATIENCE = 3
UNITS = 16  # fixed, not searched: a warm start needs layers of the same size
WARM_STEP = 0.3

_TYPES = {schema_pb2.BYTES: tf.string, schema_pb2.INT: tf.int64, schema_pb2.FLOAT: tf.float32}


# --------------------------------------------------------------------- features


def preprocessing_fn(inputs: dict[str, Any]) -> dict[str, tf.Tensor]:
    """Turn raw columns into features; the same graph runs in training and in serving.

    A column that the feature selection dropped is not in `inputs`, and is not missed.
    """
    outputs = {}
    for name in LOGGED:
        if name in inputs:
            value = tf.math.log1p(tf.cast(inputs[name], tf.float32))
            outputs[f"{name}_scaled"] = tft.scale_to_z_score(value)
    for name in NUMBERS:
        if name in inputs:
            outputs[f"{name}_scaled"] = tft.scale_to_z_score(tf.cast(inputs[name], tf.float32))
    if BUCKETED in inputs:
        outputs[f"{BUCKETED}_bucket"] = tft.bucketize(inputs[BUCKETED], BUCKETS)
    if SOMETIMES_MISSING in inputs:
        value, missing = _filled(inputs[SOMETIMES_MISSING])
        outputs[f"{SOMETIMES_MISSING}_scaled"] = value
        outputs[f"{SOMETIMES_MISSING}_missing"] = missing
    for name in CATEGORIES:
        if name in inputs:
            outputs[f"{name}_id"] = _id(inputs[name], name)
    if all(name in inputs for name in CROSSED):
        crossed = tf.strings.join([inputs[name] for name in CROSSED], separator=" x ")
        outputs[f"{CROSS}_hash"] = tft.hash_strings(crossed, CROSS_BUCKETS)
    if LABEL in inputs:
        outputs[LABEL] = tf.cast(inputs[LABEL], tf.int64)
    return outputs


def _id(text: tf.Tensor, vocabulary: str) -> tf.Tensor:
    """Return each text's number in its vocabulary; what training did not see gets one more.

    The order is that of the texts' fingerprints, not of their counts: as long as the same values
    occur, a month with other counts numbers them alike, and a warm start finds its weights.
    """
    return tft.compute_and_apply_vocabulary(
        text, vocab_filename=vocabulary, num_oov_buckets=1, fingerprint_shuffle=True
    )


def _filled(sparse: tf.SparseTensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Scale what is there; the mean where nothing is, and a column that says so.

    A sparse tensor of TFX has no entry where a value is missing, also in a batch without any value.
    """
    scaled = tft.scale_to_z_score(sparse)
    rows = sparse.dense_shape[0]
    shape = tf.stack([rows, tf.constant(1, tf.int64)])
    there = tf.SparseTensor(sparse.indices, tf.ones_like(sparse.values), shape)
    value = tf.sparse.to_dense(tf.SparseTensor(sparse.indices, scaled.values, shape))
    return value, 1.0 - tf.sparse.to_dense(there)


# ------------------------------------------------------------------------ model


def search_space() -> kt.HyperParameters:
    """Say what the Tuner may choose; the defaults are what the Trainer takes without a Tuner."""
    hp = kt.HyperParameters()
    hp.Float("learning_rate", 1e-3, 5e-3, sampling="log", default=3e-3)
    hp.Choice("dropout", [0.1, 0.2, 0.3], default=0.2)
    hp.Choice("l2", [1e-3, 3e-3], default=1e-3)
    return hp


class _Network(keras.Model):
    """A model whose steps AutoGraph leaves alone.

    AutoGraph spares Keras, but does not know ``tf_keras`` for it, and would translate all of it: 20
    seconds before the first step.
    """

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        return super().train_step(data)

    @tf.autograph.experimental.do_not_convert
    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        return super().test_step(data)

    @tf.autograph.experimental.do_not_convert
    def __call__(self, *args: Any, **kwargs: Any) -> tf.Tensor:
        return super().__call__(*args, **kwargs)


def build_model(hp: kt.HyperParameters, transformed: tft.TFTransformOutput) -> keras.Model:
    """Build a small network on the features that Transform makes."""
    inputs, encoded = {}, []
    for name, spec in sorted(transformed.transformed_feature_spec().items()):
        if name == LABEL:
            continue
        inputs[name] = one = keras.Input((1,), name=name, dtype=spec.dtype)
        if spec.dtype == tf.int64:
            values = _number_of_values(name, transformed)
            one = keras.layers.CategoryEncoding(values, "one_hot", name=f"{name}_one_hot")(one)
        encoded.append(one)
    penalty = keras.regularizers.l2(hp.get("l2"))
    x = keras.layers.Concatenate(name="features")(encoded)
    x = keras.layers.Dense(UNITS, "relu", kernel_regularizer=penalty, name="hidden")(x)
    x = keras.layers.Dropout(hp.get("dropout"), seed=SEED, name="dropout")(x)
    x = keras.layers.Dense(1, "sigmoid", kernel_regularizer=penalty, name="probability")(x)
    model = _Network(inputs, x)
    model.compile(
        optimizer=keras.optimizers.legacy.Adam(hp.get("learning_rate")),
        loss="binary_crossentropy",
        metrics=[keras.metrics.AUC(name="auc")],
    )
    return model


def _number_of_values(name: str, transformed: tft.TFTransformOutput) -> int:
    column, kind = name.rsplit("_", 1)
    if kind == "id":
        return transformed.vocabulary_size_by_name(column) + 1  # and what training did not see
    return {"bucket": BUCKETS, "hash": CROSS_BUCKETS}[kind]


def fit(model: keras.Model, train: tf.data.Dataset, held_out: tf.data.Dataset) -> dict[str, float]:
    """Train until the held-out loss no longer falls; the figures of the best epoch."""
    stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
    history = model.fit(
        train, validation_data=held_out, epochs=EPOCHS, callbacks=[stop], verbose=0
    ).history
    best = min(range(len(history["val_loss"])), key=history["val_loss"].__getitem__)
    return {name: float(history[name][best]) for name in ("val_loss", "val_auc")}


def datasets(fn_args: Any, transformed: tft.TFTransformOutput) -> list[tf.data.Dataset]:
    """Rows to train on and rows held out, read once and kept in memory."""
    keras.utils.set_random_seed(SEED)
    # The same months, code and parameters give the same model, to six digits.
    tf.config.experimental.enable_op_determinism()
    found = []
    for patterns in (fn_args.train_files, fn_args.eval_files):
        files = sorted(file for pattern in patterns for file in tf.io.gfile.glob(pattern))
        records = tf.data.TFRecordDataset(files, compression_type="GZIP")
        rows = tf.constant(list(records.as_numpy_iterator()))
        parsed = tf.io.parse_example(rows, transformed.transformed_feature_spec())
        # By value: workers write rows in any order, and the bytes of equal rows may differ.
        order = np.lexsort([parsed[name].numpy().ravel() for name in sorted(parsed)])
        features = {name: tf.gather(values, order) for name, values in parsed.items()}
        label = features.pop(LABEL)
        found.append(tf.data.Dataset.from_tensor_slices((features, label)))
    train, held_out = found
    return [train.shuffle(len(train), seed=SEED).batch(BATCH), held_out.batch(1_000)]


# ------------------------------------------------------------------------- Tuner


class _Trials(kt.engine.base_tuner.BaseTuner):
    """Trials of models made with ``tf_keras``, which KerasTuner's own tuners do not take."""

    def run_trial(self, trial: Any, train: Any, held_out: Any) -> float:
        return fit(self.hypermodel.build(trial.hyperparameters), train, held_out)["val_loss"]


def tuner_fn(fn_args: tfx.components.FnArgs) -> tfx.components.TunerFnResult:
    """Give the Tuner its search: random, seeded, as many trials as the pipeline says."""
    transformed = tft.TFTransformOutput(fn_args.transform_graph_path)
    oracle = kt.oracles.RandomSearchOracle(
        objective=kt.Objective("default_objective", "min"),
        max_trials=fn_args.custom_config["trials"],
        hyperparameters=search_space(),
        tune_new_entries=False,
        seed=SEED,
    )
    tuner = _Trials(
        oracle,
        lambda hp: build_model(hp, transformed),
        directory=fn_args.working_dir,
        project_name="search",
        overwrite=True,
    )
    train, held_out = datasets(fn_args, transformed)
    return tfx.components.TunerFnResult(
        tuner=tuner, fit_kwargs={"train": train, "held_out": held_out}
    )


# ----------------------------------------------------------------------- Trainer


def run_fn(fn_args: tfx.components.FnArgs) -> None:
    """Train a model, warm from the last blessed one if there is any, and export it."""
    transformed = tft.TFTransformOutput(fn_args.transform_graph_path)
    if fn_args.hyperparameters:
        hp = kt.HyperParameters.from_config(fn_args.hyperparameters)
    else:
        hp = search_space()
    train, held_out = datasets(fn_args, transformed)
    model = build_model(hp, transformed)
    if fn_args.base_model:
        last = keras.models.load_model(fn_args.base_model, compile=False)
        if warm_start(model, last):  # large steps would lead away from what is good already
            model.optimizer.learning_rate.assign(WARM_STEP * hp.get("learning_rate"))
    fit(model, train, held_out)
    schema = tfx.utils.parse_pbtxt_file(fn_args.schema_path, schema_pb2.Schema())
    model.save(
        fn_args.serving_model_dir,
        save_format="tf",
        include_optimizer=False,  # which other versions of TensorFlow could not read
        signatures=_signatures(model, transformed, schema),
    )


def warm_start(model: keras.Model, last: keras.Model) -> bool:
    """Begin with the weights of the last model, if it has the same layers of the same size.

    It has not if a feature came or went; the model then starts fresh, and this returns False.
    """
    known = {weight.name: weight for weight in last.weights}
    pairs = [(weight, known.get(weight.name)) for weight in model.weights]
    if any(old is None or old.shape != new.shape for new, old in pairs):
        return False
    for new, old in pairs:
        new.assign(old)
    return True


def _signatures(
    model: keras.Model, transformed: tft.TFTransformOutput, schema: schema_pb2.Schema
) -> dict[str, Any]:
    """Let the exported model take raw columns, in two forms, and show its features.

    ``serving_default`` takes a tensor for each column that an application has, used or not, so that
    a client need not know what the feature selection chose; ``serving_examples`` takes serialized
    ``tf.Example``; ``features`` returns what the network is fed.
    """
    # A layer of the model, so that its vocabularies are saved with it.
    model.transform = transformed.transform_features_layer()
    parse = transformed.raw_feature_spec()
    parse.pop(LABEL)
    rows = {
        feature.name: tf.TensorSpec([None], _TYPES[feature.type], name=feature.name)
        for feature in schema.feature
        if feature.name not in NOT_ASKED
    }

    def columns(given: dict[str, tf.Tensor]) -> dict[str, Any]:
        """Shape named tensors as parsed examples are."""
        return {
            name: _sparse(given[name])
            if isinstance(spec, tf.io.VarLenFeature)
            else tf.expand_dims(given[name], -1)
            for name, spec in parse.items()
        }

    def answer(raw: dict[str, Any]) -> dict[str, tf.Tensor]:
        return {"probability": model(model.transform(raw))[:, 0]}

    @tf.function(autograph=False)
    def serving_default(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(columns(given))

    @tf.function(autograph=False)
    def features(**given: tf.Tensor) -> dict[str, tf.Tensor]:
        return dict(model.transform(columns(given)))

    @tf.function(autograph=False)
    def serving_examples(examples: tf.Tensor) -> dict[str, tf.Tensor]:
        return answer(tf.io.parse_example(examples, parse))

    return {
        "serving_default": serving_default.get_concrete_function(**rows),
        "serving_examples": serving_examples.get_concrete_function(
            tf.TensorSpec([None], tf.string, name="examples")
        ),
        "features": features.get_concrete_function(**rows),
    }


def _sparse(values: tf.Tensor) -> tf.SparseTensor:
    """Leave out what is not a number or below zero: how a client says that a value is missing."""
    there = values >= 0
    at = tf.stack([tf.where(there)[:, 0], tf.zeros_like(tf.where(there)[:, 0])], axis=1)
    shape = tf.stack([tf.shape(values, tf.int64)[0], tf.constant(1, tf.int64)])
    return tf.SparseTensor(at, tf.boolean_mask(values, there), shape)
