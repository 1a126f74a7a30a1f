"""TFDV's functions, on frames and files; they run in the TFX session."""

from __future__ import annotations

import codecs
import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers.tfx import session
from helpers.validation import inputs
from helpers.validation.anomalies import Anomalies
from helpers.validation.schema import Schema
from helpers.validation.statistics import STATISTICS, Statistics

_one_at_a_time = threading.RLock()  # calls share a variable of the TFX process
_SOURCE = str(Path(__file__).with_name("in_tfx.py"))
_LOAD = f"""\
if "_mlops_tfdv" not in globals():
    import types as _types
    _mlops_call = _types.ModuleType("_mlops_tfdv")
    with open({_SOURCE!r}, encoding="utf-8") as _mlops_source:
        exec(compile(_mlops_source.read(), {_SOURCE!r}, "exec"), _mlops_call.__dict__)
    _mlops_tfdv = _mlops_call
"""


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
        files, and a row with more or fewer cells than the header is an error. Whole numbers with a
        gap are whole numbers in a file; in a frame they are if their dtype is ``Int64``. Dates,
        columns that mix numbers with text and other types become text, as in a CSV file. The index
        of a frame is left out.
    slice_by : str or sequence of str, optional
        Columns; statistics are computed for each combination of their values too, by TFDV's own
        slicer. The slice of the rows where ``region`` is East is called ``"region_East"``; with
        several columns ``"purpose_car_region_East"``, in alphabetical order. A row with a missing
        value in one of them is in no slice, only in the whole.
    beam_options : sequence of str, optional
        Options of an Apache Beam pipeline, for files that are larger than this machine. Without
        them the data go through memory, which on one machine is ten times as fast. A pipeline on
        one machine with two processes: ``["--direct_running_mode=multi_processing",
        "--direct_num_workers=2"]``. Dataflow: ``["--runner=DataflowRunner", "--project=...",
        "--region=...", "--temp_location=gs://..."]``; Flink: ``["--runner=FlinkRunner",
        "--flink_master=host:8081", "--environment_type=DOCKER"]``; Spark:
        ``["--runner=SparkRunner", "--spark_master_url=spark://host:7077"]``. For these, `data` is a
        path that the workers can read, ``--temp_location`` a folder shared with this machine (the
        result comes back through it), and the workers need TFDV: see Beam's documentation on
        ``--sdk_container_image``. TFDV reads CSV files itself; ``True`` and ``NA`` stay text.
    **options
        Further options of ``tfdv.StatsOptions``, such as ``num_histogram_buckets=20``;
        ``sample_rate`` has an effect only with `beam_options`. With ``schema=schema,
        infer_type_from_schema=True`` a column has the schema's type wherever its values allow that:
        whole numbers in a FLOAT column are no anomaly. For CSV files also ``sep``, ``decimal``,
        ``encoding``, ``na_values`` and ``keep_default_na`` of ``pandas.read_csv``: by default
        ``NA`` and ``null`` are missing.

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
    reading = {name: options.pop(name) for name in inputs.READING if name in options}
    if beam_options is not None:
        _refuse(reading)
        if not isinstance(data, str | os.PathLike):
            raise TypeError(
                f"data is a {type(data).__name__}, but with beam_options a Beam pipeline reads "
                "files: pass one path or pattern of CSV or Parquet files, or leave beam_options out"
            )
        pattern = str(data)
        if "://" not in pattern:
            for path in inputs.matching_files(data):
                with Path(path).open("rb") as file:
                    if file.read(3) == codecs.BOM_UTF8:
                        raise ValueError(f"{path} begins with a byte order mark; save it without")
                inputs.check_columns(inputs.column_names(path), by)
            pattern = str(Path(data).absolute())
        arguments = (pattern, inputs.file_kind(pattern), by, options, list(beam_options))
        return Statistics(_call("statistics_of_files", *arguments))
    texts = []
    if options.get("infer_type_from_schema") and "schema" in options:
        texts = [f.name for f in options["schema"].feature if f.type == schema_pb2.BYTES]
    with _stored(inputs.to_arrow(_frame(data, texts, reading), by)) as path:
        return Statistics(_call("statistics_of_table", path, by, options))


def infer_schema(
    statistics: Statistics, *, infer_feature_shape: bool = True, max_string_domain_size: int = 100
) -> Schema:
    """Draft a schema from statistics. Review it: inference knows what occurred, not what may occur.

    Parameters
    ----------
    statistics : Statistics
    infer_feature_shape : bool, default True
        Whether a column without missing values must stay without.
    max_string_domain_size : int, default 100
        A text column with at most this many different values gets them as its domain.

    Returns
    -------
    Schema
    """
    proto = _call(
        "tfdv.infer_schema",
        _whole("statistics", statistics),
        infer_feature_shape=infer_feature_shape,
        max_string_domain_size=int(max_string_domain_size),
    )
    schema = Schema(proto)
    for feature in schema:  # for numbers that it counts as categories, TFDV drafts a list of texts
        values = feature.domain if feature.type != "BYTES" else None
        if values:
            feature.domain = None
            if set(values) <= {"0", "1"}:
                feature.proto.bool_domain.SetInParent()
    return schema


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
        Of the data to validate. With slices, the whole is validated; use
        ``statistics.slice(name)`` for a part.
    schema : Schema
    environment : str, optional
        One of the schema's environments, such as ``"SERVING"``: columns that do not belong to it
        may be absent.
    previous_statistics, serving_statistics : Statistics, optional
        Of the previous span, for drift; of the data in serving, for skew. They are compared where
        the schema has a threshold.

    Returns
    -------
    Anomalies

    Raises
    ------
    TypeError
        If an argument has another type.
    ValueError
        If the schema does not know the environment.
    """
    _check_schema(schema, environment)
    others = {"previous_statistics": previous_statistics, "serving_statistics": serving_statistics}
    others = {name: _whole(name, other) for name, other in others.items() if other is not None}
    whole = _whole("statistics", statistics)
    proto = _call(
        "tfdv.validate_statistics", whole, schema.proto, environment=environment, **others
    )
    return Anomalies(proto)


def wrong_rows(
    data: pd.DataFrame | str | Path | Sequence[str | Path],
    schema: Schema,
    *,
    environment: str | None = None,
    **reading: Any,
) -> pd.DataFrame:
    """Return the rows behind the anomalies of a table.

    Only rules that the table as a whole breaks have rows: with ``min_fraction`` 0.9, a missing
    value is wrong where more than a tenth are missing. TFDV judges each value that occurs.

    Parameters
    ----------
    data : pandas.DataFrame, or path of CSV or Parquet files
        As for :func:`generate_statistics`.
    schema : Schema
    environment : str, optional
        As for :func:`validate_statistics`.
    **reading
        Options of ``pandas.read_csv``, as for :func:`generate_statistics`.

    Returns
    -------
    pandas.DataFrame
        One row for each value: ``row`` (its position: ``frame.iloc[row]``), ``feature``, ``what``
        and ``details``. Empty if nothing is wrong, or only something that no row can be blamed for,
        such as a column that is absent.
    """
    _check_schema(schema, environment)
    with _stored(inputs.to_arrow(_frame(data, [], reading), [])) as path:
        found = _call("wrong_rows", path, schema.proto, environment)
    table = pd.DataFrame(found, columns=["row", "feature", "what", "details"])
    return table.sort_values("row", kind="stable", ignore_index=True)


def _frame(data: Any, texts: Sequence[str], reading: dict[str, Any]) -> pd.DataFrame:
    """Return a table, read from files with the options of `reading` if it is not one already."""
    if not isinstance(data, pd.DataFrame):
        return inputs.read_frame(data, texts, **reading)
    _refuse(reading)
    return data


def _refuse(reading: dict[str, Any]) -> None:
    if reading:
        raise ValueError(
            f"{next(iter(reading))} is for CSV files that pandas reads; leave it out with a "
            "DataFrame, and with beam_options, where TFDV reads them"
        )


@contextlib.contextmanager
def _stored(table: pa.Table) -> Iterator[str]:
    """Write a table where the TFX session can read it, for a while."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "table.parquet")
        fast = {"compression": "none", "use_dictionary": False, "write_statistics": False}
        pq.write_table(table, path, **fast)
        yield path


def _check_schema(schema: Schema, environment: str | None) -> None:
    _expect("schema", schema, Schema, "infer_schema(statistics)")
    if environment is not None and environment not in schema.environments:
        raise ValueError(
            f"environment is {environment!r}, which the schema does not know; it knows "
            f"{schema.environments or 'none'}. Add it with schema.environments = [...]"
        )


def _whole(name: str, statistics: Statistics) -> STATISTICS:
    _expect(name, statistics, Statistics, "generate_statistics(data)")
    return statistics.whole.proto


def _expect(name: str, value: Any, kind: type, source: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected a {kind.__name__}, such as {source} "
            f"returns; {kind.__name__}(proto) makes one from a protocol buffer"
        )


def _call(function: str, *arguments: Any, **named: Any) -> Any:
    """Call a function of ``in_tfx.py`` in the TFX session with plain values and protos."""
    with _one_at_a_time:
        tfx = session()
        tfx.run(_LOAD)
        tfx.push("_mlops_call", {"arguments": list(arguments), "named": named})
        call = f"{function}(*_mlops_call['arguments'], **_mlops_call['named'])"
        tfx.run(f"_mlops_call = _mlops_tfdv.{call}")
        return tfx.pull("_mlops_call")
