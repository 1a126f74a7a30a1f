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

import contextlib
import difflib
import functools
import glob
import html
import math
import numbers
import os
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2

from helpers.tfx import session

if TYPE_CHECKING:
    from helpers.tfx.session import Session

_STATISTICS = statistics_pb2.DatasetFeatureStatisticsList
_TYPES = {"INT": schema_pb2.INT, "FLOAT": schema_pb2.FLOAT, "BYTES": schema_pb2.BYTES}
_WHOLE = "All Examples"
_one_at_a_time = threading.RLock()  # calls share variables of the TFX process


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
            for path in _matches(data):
                _check(_names(path), by)
            pattern = str(Path(data).absolute())
        arguments = (pattern, _kind(pattern), by, options, list(beam_options))
        return Statistics(_call("statistics_of_files", *arguments))
    table = _table(data if isinstance(data, pd.DataFrame) else _read(data), by)
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "table.parquet")
        pq.write_table(
            table, path, compression="none", use_dictionary=False, write_statistics=False
        )
        return Statistics(_call("statistics_of_table", path, by, options))


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
    proto = _call(
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
    proto = _call(
        "tfdv.validate_statistics", whole, schema.proto, environment=environment, **others
    )
    return Anomalies(proto)


class Statistics:
    """Statistics of a table, for all rows and perhaps for slices.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.statistics_pb2.DatasetFeatureStatisticsList
        As TFDV makes it.

    Attributes
    ----------
    proto : DatasetFeatureStatisticsList
    """

    def __init__(self, proto: _STATISTICS) -> None:
        self.proto = _message(proto, _STATISTICS)
        if not self.proto.datasets:
            raise ValueError("proto has no datasets; expected statistics of a table at least")

    @property
    def whole(self) -> Statistics:
        """The statistics of all rows; the same if the data were not sliced."""
        return self.slice(_WHOLE) if self.slices else self

    @property
    def features(self) -> list[str]:
        """Names of the columns."""
        return [_feature_name(one) for one in self.whole.proto.datasets[0].features]

    @property
    def slices(self) -> list[str]:
        """Names of the slices, ``"All Examples"`` first; empty if the data were not sliced."""
        names = [dataset.name for dataset in self.proto.datasets]
        return sorted(names, key=lambda name: name != _WHOLE) if len(names) > 1 else []

    def slice(self, name: str) -> Statistics:
        """Return the statistics of one slice.

        Parameters
        ----------
        name : str
            One of ``slices``.
        """
        for dataset in self.proto.datasets:
            if dataset.name == name:
                return Statistics(_STATISTICS(datasets=[dataset]))
        raise KeyError(f"there is no slice {name!r}; {_nearest(name, self.slices)}")

    @property
    def _size(self) -> str:
        return f"{self.whole.proto.datasets[0].num_examples:,} examples"

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each column of the data (and slice), tidy.

        Returns
        -------
        pandas.DataFrame
            ``feature``, ``type``, ``count`` (values), ``missing`` (share); of texts ``unique`` and
            ``top`` (the most frequent); of numbers ``zeros`` (share), ``mean``, ``std``, ``min``,
            ``median``, ``max``; with slices, ``slice`` first.
        """
        rows = []
        for dataset in self.proto.datasets:
            for feature in dataset.features:
                row = _row(feature, dataset.num_examples)
                rows.append({"slice": dataset.name, **row} if self.slices else row)
        return pd.DataFrame(rows, columns=["slice", *_COLUMNS] if self.slices else _COLUMNS)

    def save(self, path: str | Path) -> None:
        """Write the protocol buffer as text."""
        _write(path, self.proto)

    @classmethod
    def load(cls, path: str | Path) -> Statistics:
        """Read what ``save`` wrote."""
        return cls(_read_text(path, _STATISTICS()))

    def __repr__(self) -> str:
        return f"{self._size}\n{_text_table(_rounded(self.to_frame()))}"

    def _repr_html_(self) -> str:
        table = _rounded(self.to_frame())
        pictures = [_picture(one) for dataset in self.proto.datasets for one in dataset.features]
        return f"<p>{self._size}</p>" + _html_table(table, extra={"distribution": pictures})


class Feature:
    """What a schema says about one column; assigning changes the schema.

    Made by ``schema[name]``.

    Examples
    --------
    >>> schema = Schema()
    >>> schema.add("income", "INT")
    >>> schema["income"].range = (6_000, 400_000)
    >>> schema["income"].min_fraction = 0.9
    >>> schema["income"]
    income: type INT, min_fraction 0.9, range (6000, 400000)
    """

    __slots__ = ("_schema", "proto")  # so that a misspelt rule is an error

    def __init__(self, schema: schema_pb2.Schema, proto: schema_pb2.Feature) -> None:
        self._schema = schema
        self.proto = proto

    def __repr__(self) -> str:
        facts = ", ".join(f"{name} {value}" for name, value in _facts(self).items())
        return f"{self.name}: {facts}"

    @property
    def name(self) -> str:
        """The column's name."""
        return self.proto.name

    @property
    def type(self) -> str:
        """``"INT"``, ``"FLOAT"`` or ``"BYTES"`` (text).

        A change keeps what makes sense for the new type: thresholds always, a range of numbers.
        """
        return schema_pb2.FeatureType.Name(self.proto.type)

    @type.setter
    def type(self, value: str) -> None:
        if value not in _TYPES:
            raise ValueError(f"type is {value!r}; expected one of {list(_TYPES)}")
        if value == self.type:
            return
        limits, drift, skew = self.range, self.drift_threshold, self.skew_threshold
        changed = Feature(self._schema, schema_pb2.Feature())  # all of it changes, or nothing
        changed.proto.CopyFrom(self.proto)
        changed.proto.type = _TYPES[value]
        changed.proto.ClearField("domain_info")
        if limits and value != "BYTES":
            changed.range = limits
        changed.drift_threshold, changed.skew_threshold = drift, skew
        self._forget_domain()
        self.proto.CopyFrom(changed.proto)

    @property
    def required(self) -> bool:
        """Whether every row must have a value."""
        return self.proto.presence.min_fraction == 1

    @required.setter
    def required(self, value: bool) -> None:
        if not isinstance(value, bool | np.bool_):
            raise ValueError(f"required is {value!r}; expected True or False")
        self.min_fraction = 1.0 if value else 0.0

    @property
    def min_fraction(self) -> float:
        """Share of the rows that must have a value at least, 0 to 1."""
        return self.proto.presence.min_fraction

    @min_fraction.setter
    def min_fraction(self, value: float) -> None:
        _share("min_fraction", value)
        self.proto.presence.min_count = 1
        self.proto.presence.min_fraction = value
        # A fixed shape means "always there" to TFDV; what may be missing has a count of values.
        if value == 1 and self.proto.value_count == _ONE_VALUE:
            self.proto.shape.CopyFrom(_ONE_DIMENSION)
        elif value < 1 and self.proto.shape == _ONE_DIMENSION:
            self.proto.value_count.CopyFrom(_ONE_VALUE)

    @property
    def domain(self) -> list[str] | None:
        """The text values that are possible; None: any."""
        if self.proto.HasField("domain"):
            for one in self._schema.string_domain:
                if one.name == self.proto.domain:
                    return list(one.value)
        if self.proto.HasField("string_domain"):
            return list(self.proto.string_domain.value)
        return None

    @domain.setter
    def domain(self, values: Sequence[str] | None) -> None:
        texts = list(values) if isinstance(values, Iterable) else []
        if values is not None and (
            isinstance(values, str) or not texts or not all(isinstance(v, str) for v in texts)
        ):
            raise ValueError(f"domain is {values!r}; expected a list of texts, or None for any")
        if values is not None and self.type != "BYTES":
            raise ValueError(f"{self.name} is {self.type}; a domain of texts is for BYTES columns")
        self._forget_domain()
        if values is not None:
            texts = sorted(texts) if isinstance(values, set | frozenset) else texts
            domain = schema_pb2.StringDomain(name=self.name, value=texts)
            self.proto.string_domain.CopyFrom(domain)

    def _forget_domain(self) -> None:
        """Drop the domain, and the list that it shares with other columns if it was the last."""
        shared = self.proto.domain
        self.proto.ClearField("domain_info")
        if shared and all(other.domain != shared for other in self._schema.feature):
            kept = [one for one in self._schema.string_domain if one.name != shared]
            del self._schema.string_domain[:]
            self._schema.string_domain.extend(kept)

    @property
    def range(self) -> tuple[float | None, float | None] | None:
        """Smallest and largest number that are possible; None: any."""
        which = self.proto.WhichOneof("domain_info")
        if which not in ("int_domain", "float_domain"):
            return None
        limits = getattr(self.proto, which)
        ends = (getattr(limits, n) if limits.HasField(n) else None for n in ("min", "max"))
        # A float is kept in 32 bits; its shortest text is the number that was meant.
        low, high = (float(str(np.float32(end))) if isinstance(end, float) else end for end in ends)
        return None if low is None and high is None else (low, high)

    @range.setter
    def range(self, limits: tuple[float | None, float | None] | None) -> None:
        if limits is None:
            self.proto.ClearField("domain_info")
            return
        try:
            low, high = limits
        except (TypeError, ValueError):
            raise ValueError(
                f"range is {limits!r}; expected (low, high), None for no end"
            ) from None
        if self.type not in ("INT", "FLOAT"):
            raise ValueError(f"{self.name} is {self.type}; a range is for INT and FLOAT columns")
        whole = self.type == "INT"
        for end in (low, high):
            if end is not None and not _is_number(end, whole):
                kind = "whole numbers" if whole else "numbers"
                raise ValueError(f"range is {limits!r}; expected {kind}, None for no end")
        if low is not None and high is not None and low > high:
            raise ValueError(f"range is {limits!r}; the low end must not be above the high end")
        ends = {"min": low, "max": high}
        ends = {k: int(v) if whole else float(v) for k, v in ends.items() if v is not None}
        made = (schema_pb2.IntDomain if whole else schema_pb2.FloatDomain)(name=self.name, **ends)
        getattr(self.proto, "int_domain" if whole else "float_domain").CopyFrom(made)

    @property
    def min_domain_mass(self) -> float:
        """Share of the values that must be in the domain; 1 unless said otherwise."""
        constraints = self.proto.distribution_constraints
        return constraints.min_domain_mass if constraints.HasField("min_domain_mass") else 1.0

    @min_domain_mass.setter
    def min_domain_mass(self, value: float) -> None:
        _share("min_domain_mass", value)
        self.proto.distribution_constraints.min_domain_mass = value

    @property
    def drift_threshold(self) -> float | None:
        """Largest distance from the last span: L-infinity for text, Jensen-Shannon for numbers."""
        return self._threshold("drift_comparator")

    @drift_threshold.setter
    def drift_threshold(self, value: float | None) -> None:
        self._set_threshold("drift_comparator", value)

    @property
    def skew_threshold(self) -> float | None:
        """Largest distance between training and serving, measured as for drift."""
        return self._threshold("skew_comparator")

    @skew_threshold.setter
    def skew_threshold(self, value: float | None) -> None:
        self._set_threshold("skew_comparator", value)

    @property
    def not_in_environment(self) -> list[str]:
        """Environments to which the column does not belong."""
        return list(self.proto.not_in_environment)

    @not_in_environment.setter
    def not_in_environment(self, names: Sequence[str]) -> None:
        self._set_environments("not_in_environment", names)

    @property
    def in_environment(self) -> list[str]:
        """Environments to which the column belongs besides the schema's default ones."""
        return list(self.proto.in_environment)

    @in_environment.setter
    def in_environment(self, names: Sequence[str]) -> None:
        names = [names] if isinstance(names, str) else list(names)
        self.proto.in_environment[:] = names

    def _set_environments(self, field: str, names: Sequence[str]) -> None:
        names = [names] if isinstance(names, str) else list(names)
        known = list(self._schema.default_environment)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"{field} has {unknown}; the schema's environments are {known}")
        getattr(self.proto, field)[:] = names

    @property
    def _distance(self) -> str:
        return "infinity_norm" if self.type == "BYTES" else "jensen_shannon_divergence"

    def _threshold(self, comparator: str) -> float | None:
        if not self.proto.HasField(comparator):
            return None
        for distance in ("infinity_norm", "jensen_shannon_divergence"):
            limit = getattr(getattr(self.proto, comparator), distance)
            if limit.HasField("threshold"):
                return limit.threshold
        return None

    def _set_threshold(self, comparator: str, value: float | None) -> None:
        if value is not None:
            _share(comparator.replace("comparator", "threshold"), value)
        self.proto.ClearField(comparator)
        if value is not None:
            getattr(getattr(self.proto, comparator), self._distance).threshold = value


class Schema:
    """What a table must look like.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.schema_pb2.Schema, optional
        As TFDV makes it; it is copied. Empty by default.

    Attributes
    ----------
    proto : schema_pb2.Schema

    Examples
    --------
    >>> schema = Schema()
    >>> schema.add("region", "BYTES")
    >>> schema["region"].domain = ["East", "West"]
    >>> schema
    feature  type   min_fraction  domain
    region   BYTES  1             East, West
    """

    __slots__ = ("proto",)  # so that a misspelt attribute is an error

    def __init__(self, proto: schema_pb2.Schema | None = None) -> None:
        self.proto = schema_pb2.Schema()
        if proto is not None:
            self.proto.CopyFrom(_message(proto, schema_pb2.Schema))

    @property
    def features(self) -> list[str]:
        """Names of the columns."""
        return [feature.name for feature in self.proto.feature]

    @property
    def environments(self) -> list[str]:
        """Environments that columns belong to unless they say otherwise."""
        return list(self.proto.default_environment)

    @environments.setter
    def environments(self, names: Sequence[str]) -> None:
        self.proto.default_environment[:] = [names] if isinstance(names, str) else names

    def __getitem__(self, name: str) -> Feature:
        for feature in self.proto.feature:
            if feature.name == name:
                return Feature(self.proto, feature)
        raise KeyError(f"the schema has no column {name!r}; {_nearest(name, self.features)}")

    def __iter__(self) -> Iterator[Feature]:
        return (Feature(self.proto, feature) for feature in self.proto.feature)

    def __contains__(self, name: str) -> bool:
        return name in self.features

    def __len__(self) -> int:
        return len(self.proto.feature)

    def add(self, name: str, type: str) -> None:
        """Add a column, required in every row.

        Parameters
        ----------
        name : str
        type : {"INT", "FLOAT", "BYTES"}
        """
        if name in self:
            raise ValueError(f"name is {name!r}; the schema has that column already")
        feature = Feature(self.proto, schema_pb2.Feature(name=name, shape=_ONE_DIMENSION))
        feature.type = type
        feature.required = True
        self.proto.feature.append(feature.proto)

    def remove(self, name: str) -> None:
        """Remove a column."""
        feature = self[name]
        feature._forget_domain()
        self.proto.feature.remove(feature.proto)

    def copy(self) -> Schema:
        """Return a copy that can be changed independently."""
        return Schema(self.proto)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Schema) and self.proto == other.proto

    __hash__ = None  # it can be changed

    def diff(self, before: Schema) -> pd.DataFrame:
        """List what changed from another schema to this one.

        Parameters
        ----------
        before : Schema

        Returns
        -------
        pandas.DataFrame
            ``feature``, ``what``, ``before`` and ``after``; of lists, such as a domain, only what
            was removed and what was added. ``what`` is "other" for rules that ``Feature`` does not
            know, as text. Empty if no column changed.
        """
        old, new = ({f.name: _facts(f) for f in schema} for schema in (before, self))
        rows = []
        if before.environments != self.environments:
            rows.append(("", "environments", before.environments, self.environments))
        for name in [*old, *(name for name in new if name not in old)]:
            if name not in new or name not in old:
                rows.append((name, "column", name in old, name in new))
                continue
            for what in sorted({*old[name], *new[name]}):
                was, now = old[name].get(what), new[name].get(what)
                if isinstance(was, list) and isinstance(now, list):
                    was, now = [v for v in was if v not in now], [v for v in now if v not in was]
                if was != now:
                    rows.append((name, what, was, now))
            was, now = _other(before[name]), _other(self[name])
            if was != now:
                rows.append((name, "other", was, now))
        return pd.DataFrame(rows, columns=["feature", "what", "before", "after"], dtype=object)

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each column and one column for each kind of rule that is used."""
        rows = [{"feature": feature.name, **_facts(feature)} for feature in self]
        order = ["feature", *dict.fromkeys(k for k in _FACTS if any(k in row for row in rows))]
        return pd.DataFrame(rows, columns=order)

    def save(self, path: str | Path) -> None:
        """Write the schema as a text protocol buffer, to be committed and reviewed like code."""
        _write(path, self.proto)

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema that ``save`` or TFDV wrote."""
        return cls(_read_text(path, schema_pb2.Schema()))

    def __repr__(self) -> str:
        return _text_table(_shown(self.to_frame())) if len(self) else "empty schema"

    def _repr_html_(self) -> str:
        return _html_table(_shown(self.to_frame())) if len(self) else "<p>empty schema</p>"


class Anomalies:
    """Where data and schema disagree. True if there is any anomaly.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.anomalies_pb2.Anomalies
        As TFDV makes it.

    Attributes
    ----------
    proto : anomalies_pb2.Anomalies
    """

    def __init__(self, proto: anomalies_pb2.Anomalies) -> None:
        self.proto = _message(proto, anomalies_pb2.Anomalies)

    @property
    def features(self) -> list[str]:
        """Columns with an anomaly; ``""`` stands for the table as a whole."""
        return list(dict.fromkeys(self.to_frame()["feature"]))

    def to_frame(self) -> pd.DataFrame:
        """Return one row for each reason: ``feature``, ``severity``, ``what`` and ``details``.

        ``severity`` is ``"ERROR"`` or ``"WARNING"``; ``details`` is TFDV's description, which says
        how many or which values.
        """
        found = sorted(self.proto.anomaly_info.items())
        if self.proto.HasField("dataset_anomaly_info"):
            found.insert(0, ("", self.proto.dataset_anomaly_info))
        rows = []
        for name, info in found:
            severity = anomalies_pb2.AnomalyInfo.Severity.Name(info.severity)
            reasons = info.reason or [info]
            for one in reasons:
                details = one.description.strip()
                rows.append((name, severity, one.short_description, details))
        if self.proto.data_missing:  # TFDV sets this flag and nothing else
            rows.append(("", "ERROR", "No data", "The statistics are of no examples at all."))
        return pd.DataFrame(rows, columns=["feature", "severity", "what", "details"])

    def __bool__(self) -> bool:
        return len(self) > 0

    def __len__(self) -> int:
        return len(self.to_frame())

    def __repr__(self) -> str:
        return _text_table(self.to_frame()) if self else "no anomalies"

    def _repr_html_(self) -> str:
        return _html_table(self.to_frame()) if self else "<p><b>✔ no anomalies</b></p>"


def _call(function: str, *arguments: Any, **named: Any) -> Any:
    """Call a function of ``_tfdv.py`` in the TFX session; plain values and protos go over."""
    with _one_at_a_time:
        tfx = _session()
        tfx.push("_mlops_call", {"arguments": list(arguments), "named": named})
        call = f"{function}(*_mlops_call['arguments'], **_mlops_call['named'])"
        tfx.run(f"_mlops_call = _mlops_tfdv.{call}")
        return tfx.pull("_mlops_call")


def _session() -> Session:
    """Return the TFX session, with ``_tfdv.py`` loaded in it once for each process."""
    tfx = session()
    tfx.start()
    if getattr(_session, "loaded_in", None) != tfx.pid:
        source = Path(__file__).with_name("_tfdv.py").read_text(encoding="utf-8")
        tfx.run(
            "import types as _types\n_mlops_tfdv = _types.ModuleType('_mlops_tfdv')\n"
            f"exec({source!r}, _mlops_tfdv.__dict__)"
        )
        _session.loaded_in = tfx.pid
    return tfx


def _whole(name: str, statistics: Statistics) -> _STATISTICS:
    _expect(name, statistics, Statistics, "generate_statistics(data)")
    return statistics.whole.proto


def _expect(name: str, value: Any, kind: type, source: str) -> None:
    if not isinstance(value, kind):
        raise TypeError(
            f"{name} is a {type(value).__name__}; expected a {kind.__name__}, such as {source} "
            f"returns; {kind.__name__}(proto) makes one of a protocol buffer"
        )


def _check(names: Sequence[str], by: Sequence[str]) -> None:
    if doubled := list(dict.fromkeys(name for name in names if names.count(name) > 1)):
        raise ValueError(f"data has columns twice: {doubled}; rename or drop one of each")
    if lacking := [name for name in by if name not in names]:
        raise ValueError(f"slice_by has {lacking}; {_nearest(lacking[0], names)}")


def _table(frame: pd.DataFrame, by: Sequence[str]) -> pa.Table:
    """Return the frame as TFDV takes it, or raise an error that says what is wrong with it."""
    if len(frame) == 0 or frame.shape[1] == 0:
        raise ValueError(f"data has {len(frame)} rows and {frame.shape[1]} columns; nothing to do")
    names = [str(name) for name in frame.columns]
    _check(names, by)
    return pa.table([_column(frame.iloc[:, i]) for i in range(len(names))], names=names)


_TAKEN = (
    *(pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_null),
    *(pa.types.is_string, pa.types.is_large_string, pa.types.is_binary),
)


def _column(values: pd.Series) -> pa.Array:
    """Return a column as numbers, text or lists of them; what is none of it becomes text."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    elif values.dtype == np.float16:  # older Parquet readers do not know it
        values = values.astype(np.float32)
    with contextlib.suppress(pa.ArrowException):  # such as numbers and texts in one column
        column = pa.array(values, from_pandas=True)
        kind = column.type.value_type if pa.types.is_list(column.type) else column.type
        if any(is_taken(kind) for is_taken in _TAKEN):
            return column
    return pa.array(values.astype(str).where(values.notna(), None), pa.string(), from_pandas=True)


def _matches(data: Any) -> list[str]:
    paths = [data] if isinstance(data, str | os.PathLike) else data
    if not isinstance(paths, list | tuple) or not all(isinstance(p, str | Path) for p in paths):
        raise TypeError(f"data is a {type(data).__name__}; expected a DataFrame or a path")
    found = []
    for path in map(str, paths):
        some = [path] if Path(path).exists() else sorted(glob.glob(path))  # noqa: PTH207
        if not some:
            raise FileNotFoundError(f"data is {path!r}, and there is no such file")
        found += some
    return found


def _kind(path: str) -> str:
    for kind in ("csv", "parquet"):
        if path.lower().removesuffix(".gz").endswith(f".{kind}"):
            return kind
    raise ValueError(f"data is {path!r}; expected a file that ends in .csv, .csv.gz or .parquet")


def _names(path: str) -> list[str]:
    """Return the columns of a file as they stand in it; pandas renames those that stand twice."""
    if _kind(path) == "parquet":
        return pq.read_schema(path).names
    return pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].fillna("").tolist()


def _read(data: Any) -> pd.DataFrame:
    readers = {"csv": functools.partial(pd.read_csv, low_memory=False), "parquet": pd.read_parquet}
    frames = []
    for path in _matches(data):
        read = readers[_kind(path)]
        try:
            names = _names(path)
            frames.append(read(path))
        except ValueError as error:  # those of pandas and pyarrow do not name the file
            raise ValueError(f"{path} cannot be read: {error}") from error
        _check(names, [])
    return pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]


def _message(proto: Any, kind: type) -> Any:
    if not isinstance(proto, kind):
        raise TypeError(f"expected a {kind.__name__} as TFDV makes it, got {type(proto).__name__}")
    return proto


def _write(path: str | Path, proto: Any) -> None:
    path = Path(path)
    partial = path.with_name(f"{path.name}.partial")
    partial.write_text(text_format.MessageToString(proto), encoding="utf-8")
    partial.replace(path)


def _read_text(path: str | Path, proto: Any) -> Any:
    try:
        return text_format.Parse(Path(path).read_text(encoding="utf-8"), proto)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is no {type(proto).__name__} as text: {error}") from None


def _nearest(name: str, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(name), [str(one) for one in names], n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"there are {list(names) or 'none'}"


def _is_number(value: Any, whole: bool = False) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    return math.isfinite(value) and not (whole and (value != int(value) or abs(value) >= 2**63))


def _share(name: str, value: Any) -> None:
    if not _is_number(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {value!r}; expected a share from 0 to 1")


def _feature_name(feature: Any) -> str:
    return ".".join(feature.path.step) or feature.name


_NUMBERS = {"mean": "mean", "std": "std_dev", "min": "min", "median": "median", "max": "max"}
_COLUMNS = ["feature", "type", "count", "missing", "unique", "top", "zeros", *_NUMBERS]


def _row(feature: Any, examples: int) -> dict[str, Any]:
    """Return one column's statistics, as TFDV computed them."""
    kind = feature.WhichOneof("stats")
    stats = getattr(feature, kind)
    count = stats.common_stats.num_non_missing
    row: dict[str, Any] = {
        "feature": _feature_name(feature),
        "type": statistics_pb2.FeatureNameStatistics.Type.Name(feature.type),
        "count": count,
        "missing": (examples - count) / examples if examples else math.nan,
    }
    if kind == "num_stats" and count:  # of no values TFDV says 0
        row["zeros"] = stats.num_zeros / count
        row |= {name: getattr(stats, field) for name, field in _NUMBERS.items()}
    elif kind == "string_stats":
        row["unique"] = stats.unique
        row["top"] = next((one.value for one in stats.top_values), None)
    return row


def _picture(feature: Any) -> str:
    """Draw a tiny bar chart: a histogram of numbers, or the frequencies of texts."""
    if feature.HasField("num_stats"):
        standard = [h for h in feature.num_stats.histograms if h.type == h.STANDARD]
        bars = [bucket.sample_count for bucket in standard[0].buckets] if standard else []
        what = "histogram from the smallest to the largest value"
    else:
        bars = [one.sample_count for one in feature.string_stats.rank_histogram.buckets][:20]
        what = "how often each text occurs, most frequent first"
    if not bars or max(bars) <= 0:
        return ""
    width, height = 100, 24
    step = width / len(bars)
    rects = "".join(
        f'<rect x="{i * step:.1f}" y="{height - height * bar / max(bars):.1f}" '
        f'width="{max(step - 0.8, 0.8):.1f}" height="{height * bar / max(bars):.1f}"/>'
        for i, bar in enumerate(bars)
    )
    label = f"{_feature_name(feature)}: {what}"
    return (
        f'<svg width="{width}" height="{height}" role="img" aria-label="{html.escape(label)}" '
        f'fill="#3E8EBE"><title>{html.escape(label)}</title>{rects}</svg>'
    )


_FACTS = (
    "type",
    "min_fraction",
    "domain",
    "range",
    "min_domain_mass",
    "drift_threshold",
    "skew_threshold",
    "in_environment",
    "not_in_environment",
)


def _facts(feature: Feature) -> dict[str, Any]:
    """Return what is said about a column; what is not said is left out."""
    facts = {name: getattr(feature, name) for name in _FACTS}
    silent = {"min_domain_mass": 1.0, "in_environment": [], "not_in_environment": []}
    return {k: v for k, v in facts.items() if v is not None and v != silent.get(k)}


# The fields that the facts are read from.
_KNOWN = (
    *("name", "type", "presence", "domain", "string_domain", "int_domain", "float_domain"),
    *("distribution_constraints", "drift_comparator", "skew_comparator"),
    *("in_environment", "not_in_environment"),
)
_ONE_DIMENSION = schema_pb2.FixedShape(dim=[{"size": 1}])
_ONE_VALUE = schema_pb2.ValueCount(min=1, max=1)


def _other(feature: Feature) -> str:
    """Return what a schema says about a column beyond ``_FACTS``, as text."""
    rest = schema_pb2.Feature()
    rest.CopyFrom(feature.proto)
    for name in _KNOWN:
        rest.ClearField(name)
    for name, value in {"shape": _ONE_DIMENSION, "value_count": _ONE_VALUE}.items():
        if getattr(rest, name) == value:  # goes with min_fraction
            rest.ClearField(name)
    return text_format.MessageToString(rest, as_one_line=True)


def _shown(table: pd.DataFrame) -> pd.DataFrame:
    def text(value: Any) -> str:
        if isinstance(value, list):
            short = value if len(value) <= 8 else [*value[:7], f"... ({len(value)})"]
            return ", ".join(map(str, short))
        if isinstance(value, tuple):
            low, high = ("any" if end is None else f"{end:,.15g}" for end in value)
            return f"{low} to {high}"
        if isinstance(value, float):
            return "" if math.isnan(value) else f"{value:g}"
        return "" if value is None else str(value)

    return pd.DataFrame({name: [text(v) for v in table[name]] for name in table}, dtype=object)


def _rounded(table: pd.DataFrame) -> pd.DataFrame:
    """Statistics as text: shares in percent, numbers with four digits; no empty columns."""

    def number(value: Any) -> str:
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return ""
        if isinstance(value, str) or math.isinf(value):
            return str(value)
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"

    def percent(value: float) -> str:
        return "" if math.isnan(value) else f"{value:.1%}"

    table = table.dropna(axis=1, how="all")
    makers = {name: percent if name in ("missing", "zeros") else number for name in table}
    return pd.DataFrame(
        {name: [makers[name](value) for value in table[name]] for name in table}, dtype=object
    )


def _text_table(table: pd.DataFrame) -> str:
    widths = [max(len(name), *map(len, table[name].astype(str))) for name in table]
    lines = [table.columns, *table.astype(str).itertuples(index=False)]
    rows = ("  ".join(f"{c:<{w}}" for c, w in zip(line, widths, strict=True)) for line in lines)
    return "\n".join(row.rstrip() for row in rows)


def _html_table(table: pd.DataFrame, extra: dict[str, list[str]] | None = None) -> str:
    extra = extra or {}
    heads = "".join(f'<th style="text-align:left">{name}</th>' for name in [*table, *extra])
    rows = []
    for i, line in enumerate(table.itertuples(index=False)):
        cells = [html.escape(str(value)) for value in line] + [extra[name][i] for name in extra]
        rows.append("".join(f'<td style="text-align:left">{cell}</td>' for cell in cells))
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
