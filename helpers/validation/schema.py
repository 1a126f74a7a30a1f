"""Rules for a table: TFDV's schema in a class that can be read and changed."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Iterator, MutableSequence, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2

from helpers.base.checks import nearest, one_of, share
from helpers.base.checks import whole as whole_number
from helpers.validation.display import html_table, shown, text_table
from helpers.validation.protos import expect_message, read_text, write_text

_TYPES = {"INT": schema_pb2.INT, "FLOAT": schema_pb2.FLOAT, "BYTES": schema_pb2.BYTES}
_DISTANCES = ("infinity_norm", "jensen_shannon_divergence")
_ONE_DIMENSION = schema_pb2.FixedShape(dim=[{"size": 1}])
_ONE_VALUE = schema_pb2.ValueCount(min=1, max=1)


class Feature:
    """The rules for one column, ``schema[name]``; assigning changes the schema.

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

        A change keeps what makes sense for the new type: thresholds, and a range of numbers.
        """
        return schema_pb2.FeatureType.Name(self.proto.type)

    @type.setter
    def type(self, value: str) -> None:
        one_of("type", value, _TYPES)
        if value == self.type:
            return
        limits, drift, skew = self.range, self.drift_threshold, self.skew_threshold
        changed = Feature(self._schema, schema_pb2.Feature())  # a refused change changes nothing
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
        """Smallest share of rows that must have a value, 0 to 1."""
        return self.proto.presence.min_fraction

    @min_fraction.setter
    def min_fraction(self, value: float) -> None:
        value = share("min_fraction", value)
        self.proto.presence.min_count = 1
        self.proto.presence.min_fraction = value
        # To TFDV a fixed shape means "never missing"; a column with gaps has a count of values.
        if value == 1 and self.proto.value_count == _ONE_VALUE:
            self.proto.shape.CopyFrom(_ONE_DIMENSION)
        elif value < 1 and self.proto.shape == _ONE_DIMENSION:
            self.proto.value_count.CopyFrom(_ONE_VALUE)

    @property
    def domain(self) -> MutableSequence[str] | None:
        """The allowed text values; None for any. A change of the list is one of the schema."""
        if self.proto.HasField("domain"):
            for shared in self._schema.string_domain:
                if shared.name == self.proto.domain:
                    return shared.value
        if self.proto.HasField("string_domain"):
            return self.proto.string_domain.value
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
        """Drop the domain, and a shared list of values if no other column uses it."""
        shared = self.proto.domain
        self.proto.ClearField("domain_info")
        if shared and all(other.domain != shared for other in self._schema.feature):
            kept = [domain for domain in self._schema.string_domain if domain.name != shared]
            del self._schema.string_domain[:]
            self._schema.string_domain.extend(kept)

    @property
    def range(self) -> tuple[float | None, float | None] | None:
        """Smallest and largest number allowed; None for any."""
        which = self.proto.WhichOneof("domain_info")
        if which not in ("int_domain", "float_domain"):
            return None
        limits = getattr(self.proto, which)
        ends = (getattr(limits, n) if limits.HasField(n) else None for n in ("min", "max"))
        # A float is stored in 32 bits; its shortest text is the number that was assigned.
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
            raise ValueError(f"range is {limits!r}; expected (low, high) or None") from None
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
        domain = (schema_pb2.IntDomain if whole else schema_pb2.FloatDomain)(name=self.name, **ends)
        getattr(self.proto, "int_domain" if whole else "float_domain").CopyFrom(domain)

    @property
    def min_domain_mass(self) -> float:
        """Smallest share of the values that must be in the domain; 1 by default."""
        constraints = self.proto.distribution_constraints
        return constraints.min_domain_mass if constraints.HasField("min_domain_mass") else 1.0

    @min_domain_mass.setter
    def min_domain_mass(self, value: float) -> None:
        value = share("min_domain_mass", value)
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
    def not_in_environment(self) -> MutableSequence[str]:
        """Environments of the schema to which the column does not belong."""
        return self.proto.not_in_environment

    @not_in_environment.setter
    def not_in_environment(self, names: Sequence[str]) -> None:
        names = [names] if isinstance(names, str) else list(names)
        known = list(self._schema.default_environment)
        if unknown := [name for name in names if name not in known]:
            raise ValueError(f"not_in_environment has {unknown}; the schema has {known}")
        self.proto.not_in_environment[:] = names

    @property
    def in_environment(self) -> MutableSequence[str]:
        """Environments to which the column belongs in addition to the schema's."""
        return self.proto.in_environment

    @in_environment.setter
    def in_environment(self, names: Sequence[str]) -> None:
        self.proto.in_environment[:] = [names] if isinstance(names, str) else names

    def _threshold(self, comparator: str) -> float | None:
        for distance in _DISTANCES:
            limit = getattr(getattr(self.proto, comparator), distance)
            if limit.HasField("threshold"):
                return limit.threshold
        return None

    def _set_threshold(self, comparator: str, value: float | None) -> None:
        if value is not None:
            value = share(comparator.replace("comparator", "threshold"), value)
        self.proto.ClearField(comparator)
        if value is not None:
            distance = _DISTANCES[self.type != "BYTES"]
            getattr(getattr(self.proto, comparator), distance).threshold = value


class Schema:
    """Rules for the columns of a table.

    Parameters
    ----------
    proto : tensorflow_metadata.proto.v0.schema_pb2.Schema, optional
        From TFDV; it is copied. Empty by default.

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
            self.proto.CopyFrom(expect_message(proto, schema_pb2.Schema))

    @property
    def features(self) -> list[str]:
        """Names of the columns."""
        return [feature.name for feature in self.proto.feature]

    @property
    def environments(self) -> MutableSequence[str]:
        """Environments that columns belong to by default."""
        return self.proto.default_environment

    @environments.setter
    def environments(self, names: Sequence[str]) -> None:
        self.proto.default_environment[:] = [names] if isinstance(names, str) else names

    @property
    def min_rows(self) -> int:
        """Fewest rows that the table may have; 0 for any number."""
        return self.proto.dataset_constraints.min_examples_count

    @min_rows.setter
    def min_rows(self, value: int) -> None:
        value = whole_number("min_rows", value)
        self.proto.dataset_constraints.ClearField("min_examples_count")
        if value:
            self.proto.dataset_constraints.min_examples_count = value

    def __getitem__(self, name: str) -> Feature:
        for feature in self.proto.feature:
            if feature.name == name:
                return Feature(self.proto, feature)
        raise KeyError(f"the schema has no column {name!r}; {nearest(name, self.features)}")

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
        """Return what changed from another schema to this one.

        Parameters
        ----------
        before : Schema

        Returns
        -------
        pandas.DataFrame
            ``feature``, ``what``, ``before`` and ``after``; for lists, such as a domain, only what
            was removed and what was added. ``what`` is "other" for rules that ``Feature`` does not
            have, as text. Empty if nothing changed.
        """
        old, new = ({f.name: _facts(f) for f in schema} for schema in (before, self))
        rows = []
        if before.environments != self.environments:
            rows.append(("", "environments", *map(list, (before.environments, self.environments))))
        if before.min_rows != self.min_rows:
            rows.append(("", "min_rows", before.min_rows, self.min_rows))
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
        """Return one row for each column of the data, one column for each kind of rule in use."""
        rows = [{"feature": feature.name, **_facts(feature)} for feature in self]
        order = ["feature", *dict.fromkeys(k for k in _FACTS if any(k in row for row in rows))]
        return pd.DataFrame(rows, columns=order)

    def save(self, path: str | Path) -> None:
        """Write the schema as a text protocol buffer, to commit and review like code."""
        write_text(path, self.proto)

    @classmethod
    def load(cls, path: str | Path) -> Schema:
        """Read a schema that ``save`` or TFDV wrote."""
        return cls(read_text(path, schema_pb2.Schema()))

    def __repr__(self) -> str:
        return text_table(shown(self.to_frame())) if len(self) else "empty schema"

    def _repr_html_(self) -> str:
        return html_table(shown(self.to_frame())) if len(self) else "<p>empty schema</p>"


def _is_number(value: Any, whole: bool = False) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    return math.isfinite(value) and not (whole and (value != int(value) or abs(value) >= 2**63))


_FACTS = (
    *("type", "min_fraction", "domain", "range", "min_domain_mass"),
    *("drift_threshold", "skew_threshold", "in_environment", "not_in_environment"),
)


def _facts(feature: Feature) -> dict[str, Any]:
    """Return the rules that are set for a column."""
    facts = {name: getattr(feature, name) for name in _FACTS}
    lists = ("domain", "in_environment", "not_in_environment")
    facts |= {name: list(facts[name]) for name in lists if facts[name] is not None}
    defaults = {"min_domain_mass": 1.0, "in_environment": [], "not_in_environment": []}
    return {k: v for k, v in facts.items() if v is not None and v != defaults.get(k)}


# The fields of the facts.
_KNOWN = (
    *("name", "type", "presence", "domain", "string_domain", "int_domain", "float_domain"),
    *("distribution_constraints", "drift_comparator", "skew_comparator"),
    *("in_environment", "not_in_environment"),
)


def _other(feature: Feature) -> str:
    """Return the rules for a column that are not in ``_FACTS``, as text."""
    rest = schema_pb2.Feature()
    rest.CopyFrom(feature.proto)
    for name in _KNOWN:
        rest.ClearField(name)
    for name, value in {"shape": _ONE_DIMENSION, "value_count": _ONE_VALUE}.items():
        if getattr(rest, name) == value:  # follows from min_fraction
            rest.ClearField(name)
    return text_format.MessageToString(rest, as_one_line=True)
