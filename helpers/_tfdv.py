"""Calls of TFDV, made in the TFX environment: ``helpers.validation`` runs this file there.

It uses nothing of the lab; functions take and return what a session can hand over.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2
from tfx_bsl.arrow import table_util


def statistics_of_table(
    path: str, slice_by: list[str], options: dict[str, Any]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return statistics of a table in a Parquet file and, if asked for, of each of its slices."""
    table = pq.read_table(path)
    parts = {"All Examples": table} if slice_by else {"": table}
    if slice_by:
        keys = table.select(slice_by).to_pandas()
        rows = keys.groupby(slice_by, sort=True, dropna=False, observed=True).indices
        for values in sorted(rows, key=str):
            each = values if isinstance(values, tuple) else (values,)
            # The name that TFDV's own slicing gives: column_value, several joined by _.
            pairs = zip(slice_by, each, strict=True)
            name = "_".join(f"{column}_{value}" for column, value in pairs)
            parts[name] = table.take(pa.array(rows[values]))
    result = statistics_pb2.DatasetFeatureStatisticsList()
    for name, part in parts.items():
        one = _in_memory(part, options)
        result.datasets.add().CopyFrom(one.datasets[0])
        result.datasets[-1].name = name
    return result


def _in_memory(table: pa.Table, options: dict[str, Any]) -> Any:
    """Do what ``tfdv.generate_statistics_from_dataframe`` does, without the way through pandas."""
    schema = schema_pb2.Schema()
    for i, field in enumerate(table.schema):
        if pa.types.is_boolean(field.type):  # TFDV counts truth values as a category
            schema.feature.add(name=field.name, type=schema_pb2.INT).bool_domain.SetInParent()
            table = table.set_column(i, field.name, table.column(i).cast(pa.int64()))
    if schema.feature:
        options = {**options, "schema": schema}
    (batch,) = table.combine_chunks().to_batches()
    batch = table_util.CanonicalizeRecordBatch(batch)
    return stats_impl.generate_statistics_in_memory(batch, tfdv.StatsOptions(**options))


def statistics_of_files(
    pattern: str, kind: str, slice_by: list[str], options: dict[str, Any], beam_options: list[str]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return statistics of CSV or Parquet files, computed by a Beam pipeline."""
    from tensorflow_data_validation.utils import slicing_util

    if slice_by:
        slicer = slicing_util.get_feature_value_slicer(dict.fromkeys(slice_by))
        options = {**options, "experimental_slice_functions": [slicer]}
    options = tfdv.StatsOptions(**options)
    pipeline_options = PipelineOptions(beam_options)
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "statistics")
        if kind == "csv":
            return tfdv.generate_statistics_from_csv(
                pattern,
                output_path=output,
                stats_options=options,
                pipeline_options=pipeline_options,
            )
        with beam.Pipeline(options=pipeline_options) as pipeline:
            (
                pipeline
                | beam.io.ReadFromParquetBatched(pattern)
                | beam.FlatMap(_record_batches)
                | tfdv.GenerateStatistics(options)
                | tfdv.WriteStatisticsToTFRecord(output)
            )
        return tfdv.load_statistics(output)


def _record_batches(table: pa.Table) -> Iterator[pa.RecordBatch]:
    for batch in table.to_batches():
        yield table_util.CanonicalizeRecordBatch(pa.RecordBatch.from_pandas(_plain(batch)))


def _plain(batch: pa.RecordBatch) -> pd.DataFrame:
    frame = batch.to_pandas()
    return frame.astype({c: str for c in frame if isinstance(frame[c].dtype, pd.CategoricalDtype)})
