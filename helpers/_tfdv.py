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
import tensorflow_data_validation as tfdv
from apache_beam.options.pipeline_options import PipelineOptions
from tensorflow_metadata.proto.v0 import statistics_pb2
from tfx_bsl.arrow import table_util


def statistics_of_frame(
    frame: pd.DataFrame, slice_by: list[str], options: dict[str, Any]
) -> statistics_pb2.DatasetFeatureStatisticsList:
    """Return statistics of a DataFrame and, if asked for, of each of its slices."""
    options = tfdv.StatsOptions(**options)
    parts = {"All Examples": frame} if slice_by else {"": frame}
    if slice_by:
        groups = frame.groupby(slice_by, sort=True, dropna=False, observed=True)
        for values, part in groups:
            pairs = zip(slice_by, values if isinstance(values, tuple) else (values,), strict=True)
            # The name that TFDV's own slicing gives: column_value, several joined by _.
            parts["_".join(f"{column}_{value}" for column, value in pairs)] = part
    result = statistics_pb2.DatasetFeatureStatisticsList()
    for name, part in parts.items():
        one = tfdv.generate_statistics_from_dataframe(part.reset_index(drop=True), options)
        result.datasets.add().CopyFrom(one.datasets[0])
        result.datasets[-1].name = name
    return result


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
