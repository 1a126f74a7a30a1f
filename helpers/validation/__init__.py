"""Statistics, schemas and anomalies of tables, computed by TensorFlow Data Validation (TFDV).

The functions have TFDV's names and take DataFrames and files. TFDV itself runs in the TFX
environment (``helpers.tfx``); what comes back are small classes around its protocol buffers that
draw themselves in a notebook. Nothing that TFDV computes is computed here.

Source: Breck, Polyzotis, Roy, Whang and Zinkevich (2019), "Data Validation for Machine Learning",
Proceedings of MLSys 2019.

Examples
--------
>>> import pandas as pd
>>> january = pd.DataFrame({"age": [30, 40], "region": ["East", "West"]})
>>> schema = infer_schema(generate_statistics(january))
>>> schema["age"].range = (18, 75)
>>> february = january.assign(age=[300, 40])
>>> validate_statistics(generate_statistics(february), schema)
feature  severity  what                 details
age      ERROR     Out-of-range values  Unexpectedly large value: 300.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq

from helpers.base import extras

extras.require("validation", by=__name__)

from helpers.validation.anomalies import Anomalies
from helpers.validation.inputs import (
    check_columns,
    column_names,
    file_kind,
    matching_files,
    read_frame,
    to_arrow,
)
from helpers.validation.remote import call
from helpers.validation.schema import Feature, Schema
from helpers.validation.statistics import STATISTICS, Statistics

__all__ = [
    "Anomalies",
    "Feature",
    "Schema",
    "Statistics",
    "generate_statistics",
    "infer_schema",
    "validate_statistics",
]


def generate_statistics(
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    *,
    slice_by: str | Sequence[str] | None = None,
    beam_options: Sequence[str] | None = None,
    **options: Any,
) -> Statistics:
    """Compute statistics of every column.

    Parameters
    ----------
    data : pandas.DataFrame, or path of CSV or Parquet files
        A path may be a pattern such as ``"loans/2025-*.csv"``, or a list of paths; pandas reads the
        files. What is neither number nor text becomes text as it would in a CSV file, dates and
        columns that mix numbers with text among it. The index of a frame is left out.
    slice_by : str or sequence of str, optional
        Columns; statistics are computed for each combination of their values too, by TFDV's own
        slicer. The slice of the rows where ``region`` is East is called ``"region_East"``; of
        several columns, ``"purpose_car_region_East"``, in alphabetical order. A row without a value
        there is in no slice, only in the whole.
    beam_options : sequence of str, optional
        Options of an Apache Beam pipeline, for files that are larger than this machine. Without
        them the data go through memory, which on one machine is ten times as fast. A pipeline on
        one machine with two processes: ``["--direct_running_mode=multi_processing",
        "--direct_num_workers=2"]``. Dataflow: ``["--runner=DataflowRunner", "--project=...",
        "--region=...", "--temp_location=gs://..."]``; Flink: ``["--runner=FlinkRunner",
        "--flink_master=host:8081", "--environment_type=DOCKER"]``; Spark:
        ``["--runner=SparkRunner", "--spark_master_url=spark://host:7077"]``. There, `data` is a
        path that the workers see, ``--temp_location`` a folder that they and this machine see (the
        result comes back through it), and the workers need TFDV: see Beam's documentation on
        ``--sdk_container_image``. TFDV reads CSV files then, and leaves ``True`` and ``NA`` text.
    **options
        Further options of ``tfdv.StatsOptions``, such as ``num_histogram_buckets=20``;
        ``sample_rate`` has an effect with `beam_options` only.

    Returns
    -------
    Statistics

    Raises
    ------
    FileNotFoundError
        If no file matches the path.
    TypeError
        If `data` is neither a frame nor a path.
    ValueError
        If the table is empty, has a column name twice, lacks a column of `slice_by`, or if a file
        cannot be read.
    """
    by = [slice_by] if isinstance(slice_by, str) else list(slice_by or [])
    options = {k: v.proto if isinstance(v, Schema) else v for k, v in options.items()}
    if beam_options is not None:
        if not isinstance(data, str | os.PathLike):
            raise TypeError(
                f"data is a {type(data).__name__} and beam_options were given; a Beam pipeline "
                "reads files: give one path or pattern of CSV or Parquet files, or leave "
                "beam_options out"
            )
        pattern = str(data)
        if "://" not in pattern:
            for path in matching_files(data):
                check_columns(column_names(path), by)
            pattern = str(Path(data).absolute())
        arguments = (pattern, file_kind(pattern), by, options, list(beam_options))
        return Statistics(call("statistics_of_files", *arguments))
    table = to_arrow(data if isinstance(data, pd.DataFrame) else read_frame(data), by)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "table.parquet")
        pq.write_table(
            table, path, compression="none", use_dictionary=False, write_statistics=False
        )
        return Statistics(call("statistics_of_table", path, by, options))


def infer_schema(
    statistics: Statistics, *, infer_feature_shape: bool = True, max_string_domain_size: int = 100
) -> Schema:
    """Draft a schema from statistics. Read it: inference knows what was seen, not what is a rule.

    Parameters
    ----------
    statistics : Statistics
    infer_feature_shape : bool, default True
        Whether a column without gaps is required to stay without.
    max_string_domain_size : int, default 100
        A text column with at most so many different values gets them as its domain.

    Returns
    -------
    Schema
    """
    proto = call(
        "tfdv.infer_schema",
        _whole("statistics", statistics),
        infer_feature_shape=infer_feature_shape,
        max_string_domain_size=int(max_string_domain_size),
    )
    return Schema(proto)


def validate_statistics(
    statistics: Statistics,
    schema: Schema,
    *,
    environment: str | None = None,
    previous_statistics: Statistics | None = None,
    serving_statistics: Statistics | None = None,
) -> Anomalies:
    """Compare statistics with a schema.

    Parameters
    ----------
    statistics : Statistics
        Of the data to validate; of sliced statistics the whole is validated, use
        ``statistics.slice(name)`` for a part.
    schema : Schema
    environment : str, optional
        One of the schema's environments, such as ``"SERVING"``: columns that do not belong to it
        are not missed.
    previous_statistics, serving_statistics : Statistics, optional
        Of the span before, for drift; of the data in serving, for skew. They are compared where
        the schema has a threshold.

    Returns
    -------
    Anomalies

    Raises
    ------
    TypeError
        If an argument is not of these classes.
    ValueError
        If the schema does not know the environment.
    """
    _expect("schema", schema, Schema, "infer_schema(statistics)")
    if environment is not None and environment not in schema.environments:
        raise ValueError(
            f"environment is {environment!r}, which the schema does not know; it knows "
            f"{schema.environments or 'none'}. Add it with schema.environments = [...]"
        )
    others = {"previous_statistics": previous_statistics, "serving_statistics": serving_statistics}
    others = {name: _whole(name, one) for name, one in others.items() if one is not None}
    whole = _whole("statistics", statistics)
    proto = call("tfdv.validate_statistics", whole, schema.proto, environment=environment, **others)
    return Anomalies(proto)


def _whole(name: str, statistics: Statistics) -> STATISTICS:
    _expect(name, statistics, Statistics, "generate_statistics(data)")
    return statistics.whole.proto


def _expect(name: str, value: Any, kind: type, source: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected a {kind.__name__}, such as {source} "
            f"returns; {kind.__name__}(proto) makes one of a protocol buffer"
        )
