"""Run in the TFX environment: what the exported models of runs say about rows."""

import pandas as pd
import tensorflow as tf


def scores(
    uris: dict[str, str], months: list[str], fresh: pd.DataFrame, by: list[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the `eval` rows of months, and fresh rows, with a column of scores for each model."""
    files = [file for uri in months for file in tf.io.gfile.glob(f"{uri}/Split-eval/*")]
    rows = tf.constant(list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator()))
    spec = {name: tf.io.FixedLenFeature([], tf.string) for name in by}
    spec["defaulted"] = tf.io.FixedLenFeature([], tf.int64)
    held = pd.DataFrame({k: v.numpy() for k, v in tf.io.parse_example(rows, spec).items()})
    held[by] = held[by].apply(lambda column: column.str.decode("utf-8"))
    for name, uri in uris.items():
        signatures = tf.saved_model.load(f"{uri}/Format-Serving").signatures
        held[name] = signatures["serving_examples"](examples=rows)["probability"].numpy()
        ask = signatures["serving_default"]
        asked = ask.structured_input_signature[1]
        columns = {k: tf.constant(fresh[k].to_numpy(), one.dtype) for k, one in asked.items()}
        fresh[name] = ask(**columns)["probability"].numpy()
    return held, fresh
