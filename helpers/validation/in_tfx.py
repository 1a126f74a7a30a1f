"""Calls of TFDV in the TFX environment.

``helpers.validation.tfdv`` loads this file: it executes the text as a module, ``_mlops_tfdv``, in
the TFX session, once in each process. Nothing here may import ``helpers``; functions take and
return values that a session can transfer.
"""

from __future__ import annotations

import contextlib
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import tensorflow_data_validation as tfdv
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from tensorflow_data_validation.statistics import stats_impl
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from tfx_bsl.arrow import table_util

_Statistics = statistics_pb2.DatasetFeatureStatisticsList
_WHOLE = "All Examples"
_KINDS = {schema_pb2.INT: pa.int64(), schema_pb2.FLOAT: pa.float64()}
_TYPE = anomalies_pb2.AnomalyInfo.UNEXPECTED_DATA_TYPE
_GONE = [  # anomalies of missing values
    getattr(anomalies_pb2.AnomalyInfo, f"FEATURE_TYPE_{what}_PRESENT")
    for what in ("LOW_FRACTION", "LOW_NUMBER", "NOT")
]
# Types that become text for TFDV.
_TEXT = (pa.types.is_large_string, pa.types.is_temporal, pa.types.is_null)


def statistics_of_table(path: str, slice_by: list[str], options: dict[str, Any]) -> _Statistics:
    """Return statistics of a table in a Parquet file and, if asked for, of each of its slices.

    Does what ``tfdv.generate_statistics_from_dataframe`` does, but without pandas, and with TFDV's
    own slicer, which that function does not offer.
    """
    table = _of_types(_plain(pq.read_table(path)), options)
    (batch,) = table.combine_chunks().to_batches()
    batch = table_util.CanonicalizeRecordBatch(batch)
    parts = [(_WHOLE if slice_by else "", batch)]
    if slice_by:
        parts += tfdv.experimental_get_feature_value_slicer(dict.fromkeys(slice_by))(batch)
    result = _Statistics()
    for name, part in parts:
        statistics = stats_impl.generate_statistics_in_memory(part, tfdv.StatsOptions(**options))
        statistics.datasets[0].name = name
        result.datasets.append(statistics.datasets[0])
    return _ordered(result)


def statistics_of_files(
    pattern: str, kind: str, slice_by: list[str], options: dict[str, Any], beam_options: list[str]
) -> _Statistics:
    """Return statistics of CSV or Parquet files, computed by a Beam pipeline."""
    if slice_by:
        slicer = tfdv.experimental_get_feature_value_slicer(dict.fromkeys(slice_by))
        options = {**options, "experimental_slice_functions": [slicer]}
    given, options = options, tfdv.StatsOptions(**options)
    pipeline_options = PipelineOptions(beam_options)
    # Workers on other machines return the result through a shared folder.
    shared = pipeline_options.view_as(GoogleCloudOptions).temp_location
    output = FileSystems.join(shared or tempfile.gettempdir(), f"statistics-{uuid.uuid4().hex}")
    try:
        if kind == "csv":
            tfdv.generate_statistics_from_csv(
                pattern,
                output_path=output,
                stats_options=options,
                pipeline_options=pipeline_options,
            )
        else:
            with beam.Pipeline(options=pipeline_options) as pipeline:
                (
                    pipeline
                    | beam.io.ReadFromParquetBatched(pattern)
                    | beam.FlatMap(_record_batches, given)
                    | tfdv.GenerateStatistics(options)
                    | tfdv.WriteStatisticsToTFRecord(output)
                )
        return _ordered(tfdv.load_statistics(output))
    finally:
        if FileSystems.exists(output):
            FileSystems.delete([output])


def wrong_rows(
    path: str, schema: schema_pb2.Schema, environment: str | None
) -> list[tuple[int, str, str, str]]:
    """Return row, column, anomaly and description of each value behind an anomaly."""
    table, found = _plain(pq.read_table(path)).combine_chunks(), []
    for feature in schema.feature:
        if feature.name in table.column_names:
            rules = schema_pb2.Schema(feature=[feature], string_domain=schema.string_domain)
            rules.default_environment[:] = schema.default_environment
            column = pa.concat_arrays(table.column(feature.name).chunks)
            for row, why in _wrong_values(column, rules, environment):
                found.append((row, feature.name, why.short_description, why.description.strip()))
    return found


def _wrong_values(
    column: pa.Array, rules: schema_pb2.Schema, environment: str | None
) -> Iterator[tuple[int, Any]]:
    """Yield the position of each wrong value of a column, and why; by halves, as most are right."""
    (feature,) = rules.feature

    def reasons(values: pa.Array) -> dict[int, Any]:
        batch = pa.RecordBatch.from_arrays([values], [feature.name])
        statistics = stats_impl.generate_statistics_in_memory(
            table_util.CanonicalizeRecordBatch(batch), tfdv.StatsOptions(schema=rules)
        )
        found = tfdv.validate_statistics(statistics, rules, environment).anomaly_info
        return {reason.type: reason for info in found.values() for reason in info.reason}

    broken = reasons(column)
    gone = [broken[kind] for kind in _GONE if kind in broken][:1]
    others = broken.keys() - set(_GONE)
    feature.distribution_constraints.min_domain_mass = 1
    nested = pa.types.is_nested(column.type)
    values = column if nested else pc.unique(column)
    at = range(len(column)) if nested else pc.index_in(column, value_set=values).to_pylist()
    wrong: dict[int, list[Any]] = {}
    todo = [(0, len(values))] if others else []
    while todo:
        low, high = todo.pop()
        part = values.slice(low, high - low)
        if _TYPE in others:  # all numbers of a column with a text are text
            found = [] if all(_fits(value, feature.type) for value in part) else [broken[_TYPE]]
        else:
            found = [why for kind, why in reasons(part).items() if kind in others]
        if found and high - low > 1:
            todo += [(low, (low + high) // 2), ((low + high) // 2, high)]
        elif found:
            wrong[low] = found
    for row, (i, is_gone) in enumerate(zip(at, column.is_null().to_pylist())):  # noqa: B905
        for why in gone if is_gone else wrong.get(i, ()):
            yield row, why


def _fits(value: pa.Scalar, kind: int) -> bool:
    """Return whether a value can be of a schema's type; a missing one can."""
    try:
        number = float(value.as_py() if value.is_valid else 0)
    except (TypeError, ValueError):
        return False
    return kind == schema_pb2.FLOAT or (kind == schema_pb2.INT and number.is_integer())


def _record_batches(table: pa.Table, options: dict[str, Any]) -> Iterator[pa.RecordBatch]:
    for batch in _of_types(_plain(table), options).to_batches():
        yield table_util.CanonicalizeRecordBatch(batch)


def _plain(table: pa.Table) -> pa.Table:
    """Return columns of the types that TFDV takes: numbers, text and lists of them."""
    for i, field in enumerate(table.schema):
        column = table.column(i)
        if pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type)
        if pa.types.is_boolean(column.type):
            column = column.cast(pa.int64())
        elif pa.types.is_decimal(column.type):
            column = column.cast(pa.float64())
        elif any(is_text(column.type) for is_text in _TEXT):
            column = column.cast(pa.string())
        table = table.set_column(i, field.name, column)
    return table


def _of_types(table: pa.Table, options: dict[str, Any]) -> pa.Table:
    """Return columns of numbers in the schema's types if asked for, where no value changes."""
    asked = options.get("infer_type_from_schema") and options.get("schema")
    for feature in asked.feature if asked else ():
        i = table.schema.get_field_index(feature.name)
        kind = table.schema.types[i] if i >= 0 else pa.null()
        is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
        if is_number and feature.type in _KINDS:
            with contextlib.suppress(pa.ArrowInvalid):  # 2.5 is no whole number
                column = table.column(i).cast(_KINDS[feature.type])
                table = table.set_column(i, feature.name, column)
    return table


def _ordered(statistics: _Statistics) -> _Statistics:
    """Return the slices in order; a pipeline returns them in any order."""
    datasets = sorted(statistics.datasets, key=lambda data: (data.name != _WHOLE, data.name))
    return _Statistics(datasets=datasets)
