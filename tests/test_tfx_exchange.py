"""Values keep what they are on the way to the TFX environment and back."""

import datetime
import decimal
import enum
import math
import uuid
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal

from helpers.tfx import Session, environment, exchange

# Runs on both sides: the dtype of a column, and each of its values, or gaps, as text.
SEEN = """
import pandas as pd, numpy as np
def text(value):
    if isinstance(value, pd.Interval):
        return f"{value.closed} {text(value.left)} {text(value.right)}"
    return str(value.total_seconds() if hasattr(value, "total_seconds") else value)
def seen(x):
    return str(x.dtype), [None if gap else text(v) for v, gap in zip(x.tolist(), x.isna())]
"""
HERE = {}
exec(SEEN, HERE)


@pytest.fixture(scope="module")
def tfx():
    """A session of the TFX environment, whose pandas and pyarrow are older."""
    with Session(environment.interpreter(progress=False)) as session:
        session.run(SEEN)
        yield session


@pytest.fixture(params=["here", "there and back"])
def trip(request, tmp_path):
    """A function that hands a value over and takes it back."""
    if request.param == "here":

        def go(value):
            exchange.save(value, tmp_path)
            return exchange.load(tmp_path)

    else:
        session = request.getfixturevalue("tfx")

        def go(value):
            session.push("value", value)
            return session.pull("value")

    return go


def frame_of(values, **kwargs):
    return pd.DataFrame({"x": pd.Series(values, **kwargs)})


def arrow(values, kind):
    return pd.Series(pd.arrays.ArrowExtensionArray(pa.chunked_array([pa.array(values, kind)])))


UNITS = ("s", "ms", "us", "ns")
SIZES = (8, 16, 32, 64)
# A column of each dtype, with a gap where it can have one.
DTYPES = {
    **{f"int{n}": pd.Series([1, 0, -100], dtype=f"int{n}") for n in SIZES},
    **{f"uint{n}": pd.Series([1, 0, 2**n - 1], dtype=f"uint{n}") for n in SIZES},
    **{f"float{n}": pd.Series([1.5, None, -math.inf], dtype=f"float{n}") for n in (16, 32, 64)},
    **{f"complex{n}": pd.Series([1.5 - 2j, None, 3], dtype=f"complex{n}") for n in (64, 128)},
    "bool": pd.Series([True, False]),
    **{f"Int{n}": pd.Series([1, None, -100], dtype=f"Int{n}") for n in SIZES},
    **{f"UInt{n}": pd.Series([1, None, 2**n - 1], dtype=f"UInt{n}") for n in SIZES},
    "Int64 beyond floats": pd.Series([2**60 + 1, None, -(2**63)], dtype="Int64"),
    "Float32": pd.Series([1.5, None], dtype="Float32"),
    "Float64": pd.Series([1.5, None, 0.1], dtype="Float64"),
    "boolean": pd.Series([True, None, False], dtype="boolean"),
    "string": pd.Series(["ü😀", None, ""], dtype="string"),
    "text": pd.Series(["ü😀", None, ""], dtype=pd.Series([""]).dtype),
    "text all missing": pd.Series([None, None], dtype=pd.Series([""]).dtype),
    "bytes": pd.Series([b"a", None, b"\xff"], dtype=object),
    "Arrow int64": arrow([1, None], pa.int64()),
    "Arrow uint64": arrow([2**64 - 1, None], pa.uint64()),
    "Arrow double": arrow([1.5, None, math.inf], pa.float64()),
    "Arrow bool": arrow([True, None], pa.bool_()),
    "Arrow string": arrow(["a", None], pa.string()),
    "Arrow large string": arrow(["a", None], pa.large_string()),
    "Arrow binary": arrow([b"\xff", None], pa.binary()),
    "Arrow binary of one size": arrow([b"ab", None], pa.binary(2)),
    "Arrow decimal": arrow([decimal.Decimal("1.10"), None], pa.decimal128(5, 2)),
    "Arrow long decimal": arrow([decimal.Decimal("1.10"), None], pa.decimal256(50, 2)),
    "Arrow date": arrow([datetime.date(9999, 12, 31), None], pa.date32()),
    "Arrow date64": arrow([datetime.date(2025, 1, 1), None], pa.date64()),
    "Arrow time": arrow([datetime.time(1, 2, 3, 4), None], pa.time64("us")),
    "Arrow timestamp": arrow([datetime.datetime(2025, 1, 1), None], pa.timestamp("us")),
    "Arrow timestamp with a zone": arrow([0, None], pa.timestamp("us", "Asia/Tokyo")),
    "Arrow duration": arrow([5, None], pa.duration("us")),
    "Arrow dictionary": arrow(["a", None, "a"], pa.dictionary(pa.int8(), pa.string())),
    "Arrow list": arrow([[1, None], [], None], pa.list_(pa.int64())),
    "Arrow list of lists": arrow([[["a"], []], None], pa.large_list(pa.list_(pa.string()))),
    "Arrow list of two": arrow([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
    "Arrow struct": arrow(
        [{"a": 1, "view": "x"}, None], pa.struct({"a": "int8", "view": "string"})
    ),
    "Arrow map": arrow([[("a", 1)], None], pa.map_(pa.string(), pa.int8())),
    "Arrow null": arrow([None, None], pa.null()),
    **{f"datetime64[{u}]": pd.Series(["2025-03-01", None], dtype=f"M8[{u}]") for u in UNITS},
    **{f"timedelta64[{u}]": pd.Series([5_000_000, None], dtype=f"m8[{u}]") for u in UNITS},
    "UTC": pd.Series(pd.to_datetime(["2025-03-30", None]).as_unit("ns").tz_localize("UTC")),
    "a city's time, and its change": pd.Series(
        pd.to_datetime(["2025-10-26 00:30", "2025-10-26 01:30", None])
        .as_unit("ns")
        .tz_localize("UTC")
        .tz_convert("Europe/Paris")
    ),
    "time with an offset": pd.Series(
        pd.to_datetime(["2025-03-30", None])
        .as_unit("ns")
        .tz_localize(datetime.timezone(datetime.timedelta(hours=-3, minutes=-30)))
    ),
    "intervals": pd.Series(pd.cut([1.0, 5.0, math.nan], bins=[0, 2, 6])).astype("interval"),
    "intervals of time": pd.Series(
        pd.interval_range(pd.Timestamp("2025").as_unit("ns"), periods=2, closed="both")
    ),
    "mixed": pd.Series(["36 months", 36, 36.5, None, True, 2**70], dtype=object),
    "mixed gaps": pd.Series(["a", None, math.nan, pd.NA, pd.NaT], dtype=object),
    "lists": pd.Series([[1, 2], [], None, ["a", [None]]], dtype=object),
    "dicts": pd.Series([{"a": 1}, {"b": [2]}, None], dtype=object),
    "decimals": pd.Series([decimal.Decimal("1.10"), None, decimal.Decimal("2")], dtype=object),
    "dates of Python": pd.Series([datetime.date(9999, 3, 1), None], dtype=object),
    "times of Python": pd.Series([datetime.time(12, 30), None], dtype=object),
    "moments of Python": pd.Series([datetime.datetime(9999, 3, 1, 2, 3, 4, 5), None], dtype=object),
    "durations of Python": pd.Series([datetime.timedelta(-1, 5, 7), None], dtype=object),
    "arrays": pd.Series([np.array([1, 2], "i2"), None], dtype=object),
}
# What pandas before 2 makes of a dtype.
OLD_NAMES = {f"{kind}64[{u}": f"{kind}64[ns" for kind in ("datetime", "timedelta") for u in UNITS}


@pytest.mark.parametrize("name", DTYPES)
def test_a_column_of_each_dtype_arrives_and_comes_back_with_its_values_and_gaps(name, tfx):
    before = DTYPES[name]
    category = pd.Series(pd.Categorical([0, -1, 0][: len(before)]), name="category")
    frame = pd.DataFrame({"x": before, "x, as categories": category})
    tfx.push("frame", frame)
    tfx.run("there, version = seen(frame['x']), int(pd.__version__[0])")
    (dtype, values), version = tfx.pull("there"), tfx.pull("version")
    expected, expected_values = HERE["seen"](before)
    assert values == expected_values
    if version < 2:
        for new, old in OLD_NAMES.items():
            expected = expected.replace(new, old)
    if version < 3 and expected == "str":
        expected = "object"
    assert dtype == expected
    after = tfx.pull("frame")["x"]
    if expected.startswith(("datetime64", "timedelta64")):
        after = after.astype(before.dtype)
    assert_series_equal(after, before, check_names=False)


@pytest.mark.parametrize("name", DTYPES)
def test_each_dtype_is_kept_by_a_series_by_an_index_and_by_categories(name, tmp_path):
    def go(value):
        exchange.save(value, tmp_path)
        return exchange.load(tmp_path)

    series = DTYPES[name].rename(name)
    series.attrs = {"unit": "euro"}
    after = go(series)
    assert_series_equal(after, series)
    assert after.attrs == {"unit": "euro"}
    assert_series_equal(go(series[:0]), series[:0])
    if name == "float16":  # pandas has no such index
        return
    index = pd.Index(series, name=("a", 1))
    assert_index_equal(go(index), index, exact=True)
    try:
        categories = pd.Series(pd.Categorical(series, ordered=True))
    except (TypeError, NotImplementedError, pa.ArrowException):  # lists cannot be categories
        return
    assert_series_equal(go(categories), categories)


@pytest.mark.parametrize("dtype", ["int64[pyarrow]", "Int64", "double[pyarrow]", "float64"])
def test_the_mean_of_a_column_with_gaps_is_the_same_on_both_sides(dtype, tfx):
    tfx.push("column", pd.Series([1, None, 4], dtype=dtype))
    tfx.run("mean = float(column.dropna().astype('float64').mean())")
    assert tfx.pull("mean") == 2.5


KINDS = {
    **{f"{s}{n}": st.integers(0, 127) for s in ("int", "uint") for n in SIZES},
    **{f"{s}{n}": st.none() | st.integers(0, 127) for s in ("Int", "UInt") for n in SIZES},
    "float64": st.none() | st.floats(),
    "Float64": st.none() | st.floats(allow_nan=False),
    "boolean": st.none() | st.booleans(),
    "string": st.none() | st.text(st.characters(codec="utf-8")),
    "object": st.none() | st.text() | st.integers() | st.floats() | st.binary(),
    "category": st.none() | st.text(st.characters(codec="utf-8")),
    "int64[pyarrow]": st.none() | st.integers(-(2**63), 2**63 - 1),
    "double[pyarrow]": st.none() | st.floats(allow_nan=False),
    "string[pyarrow]": st.none() | st.text(st.characters(codec="utf-8")),
    "datetime64[ns]": st.none()
    | st.datetimes(datetime.datetime(1700, 1, 1), datetime.datetime(2200, 1, 1)),
}


@given(st.data())
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_frame_comes_back_as_it_was(tmp_path, data):
    rows = data.draw(st.integers(0, 4))
    dtypes = data.draw(st.lists(st.sampled_from(list(KINDS)), max_size=4))
    columns = [
        pd.Series(
            data.draw(st.lists(KINDS[t], min_size=rows, max_size=rows)), dtype=t, index=range(rows)
        )
        for t in dtypes
    ]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=range(rows))
    labels = st.text() | st.integers() | st.none() | st.tuples(st.integers(), st.text())
    frame.columns = pd.Index(
        data.draw(st.lists(labels, min_size=len(dtypes), max_size=len(dtypes))),
        dtype=object,
        tupleize_cols=False,
    )
    exchange.save(frame, tmp_path)
    after = exchange.load(tmp_path)
    assert_frame_equal(after, frame, check_column_type=True)
    for i, dtype in enumerate(dtypes):
        if dtype == "object":
            assert list(map(repr, after.iloc[:, i])) == list(map(repr, frame.iloc[:, i]))


@pytest.mark.parametrize("make", [pd.Series, pd.Index, lambda x: pd.DataFrame({"due": x})])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_a_date_that_the_other_pandas_cannot_hold_is_refused_with_its_column(make, zone, tfx):
    tfx.run("version = int(pd.__version__[0])")
    dates = pd.DatetimeIndex(np.array(["2025-01-01", "9999-12-31"], "M8[s]")).tz_localize(zone)
    value = make(dates)
    if tfx.pull("version") >= 2:
        tfx.push("value", value)
        assert (tfx.pull("value") == value).all(axis=None)
    else:
        what = "column 'due' of the value" if isinstance(value, pd.DataFrame) else "the value"
        with pytest.raises(ValueError, match=f"{what} has 9999-12-3.* pandas 1.* cannot hold"):
            tfx.push("value", value)


def test_a_frame_brings_its_attrs_and_an_index_of_any_kind(trip):
    frame = pd.DataFrame({"x": [1, 2]}, index=pd.Index([1, None], dtype="Int64", name=("a", 1)))
    frame.attrs = {"source": Path("loans.csv"), "as of": pd.Timestamp("2025-03-01").as_unit("ns")}
    after = trip(frame)
    assert_frame_equal(after, frame)
    assert after.attrs == frame.attrs


NS = "datetime64[ns]"
FRAMES = {
    "small and unsigned integers": pd.DataFrame(
        {t: np.array([1, 2, 100], dtype=t) for t in ("i1", "i2", "i4", "i8", "u1", "u2", "u4")}
    ),
    "the largest integers": frame_of([2**64 - 1, 0], dtype="uint64"),
    "floats of each size": pd.DataFrame(
        {t: np.array([1.5, np.nan, -np.inf], dtype=t) for t in ("f2", "f4", "f8")}
    ),
    "bool": frame_of([True, False]),
    "text": frame_of(["a", "ü€😀", ""]),
    "text with gaps": frame_of(["a", None, "b"], dtype=pd.Series(["a"]).dtype),
    "nullable": pd.DataFrame(
        {
            "Int": pd.array([1, None, 2**60], dtype="Int64"),
            "UInt": pd.array([1, None, 255], dtype="UInt8"),
            "Float": pd.array([1.5, None, 2], dtype="Float32"),
            "boolean": pd.array([True, None, False], dtype="boolean"),
            "string": pd.array(["a", None, ""], dtype="string"),
        }
    ),
    "categories, some unused": frame_of(
        pd.Categorical(["b", None, "a"], categories=["c", "b", "a", "z"])
    ),
    "ordered categories": frame_of(
        pd.Categorical(["low", "high"], categories=["low", "mid", "high"], ordered=True)
    ),
    "categories of numbers": frame_of(pd.Categorical([12, 36, 12])),
    "categories of dates": frame_of(
        pd.Categorical(pd.to_datetime(["2025-01-01", "2025-03-01"]).astype(NS))
    ),
    "categories all missing": frame_of(pd.Categorical([None, None], categories=["a"])),
    "intervals from pd.cut": frame_of(pd.cut([1.0, 5.0, np.nan, 9.0], bins=[0, 2, 6, 10])),
    "dates": frame_of(pd.to_datetime(["2025-03-01 12:34:56.123456789", None]), dtype=NS),
    "dates with a zone": frame_of(
        pd.to_datetime(["2025-03-30 00:30", None]).astype(NS).tz_localize("Europe/Paris")
    ),
    "dates in UTC": frame_of(pd.to_datetime(["2025-03-30"]).astype(NS).tz_localize("UTC")),
    "durations": frame_of(pd.to_timedelta(["1 days", None, "5 s"]), dtype="timedelta64[ns]"),
    "mixed objects": frame_of(["36 months", 36, 36.5, None, math.nan], dtype=object),
    "bytes": frame_of([b"a", None, b"\xff"], dtype=object),
    "lists of different lengths": frame_of([[1, 2], [], None, [3]], dtype=object),
    "lists of the same length": frame_of([[1, 2], [3, 4]], dtype=object),
    "dates of Python": frame_of([datetime.date(2025, 3, 1), None], dtype=object),
    "no rows": pd.DataFrame(
        {
            "n": pd.Series(dtype="int32"),
            "s": pd.Series(dtype=pd.Series(["a"]).dtype),
            "c": pd.Categorical([], categories=["a", "b"]),
            "t": pd.Series(dtype=NS),
        }
    ),
    "no columns": pd.DataFrame(index=pd.RangeIndex(3)),
    "nothing at all": pd.DataFrame(),
    "index: default": pd.DataFrame({"x": [1, 2]}),
    "index: every second": pd.DataFrame({"x": [1, 2, 3]}, index=pd.RangeIndex(10, 16, 2)),
    "index: named": pd.DataFrame({"x": [1, 2]}, index=pd.Index([7, 3], name="id")),
    "index: text, duplicated": pd.DataFrame({"x": [1, 2]}, index=["a", "a"]),
    "index: dates": pd.DataFrame({"x": [1]}, index=pd.DatetimeIndex(["2025-01-01"]).astype(NS)),
    "index: two levels": pd.DataFrame(
        {"x": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)], names=["k", None])
    ),
    "labels: duplicated": pd.DataFrame([[1, "a"], [2, "b"]], columns=["x", "x"]),
    "labels: numbers": pd.DataFrame([[1, 2.5]], columns=[2024, 2025]),
    "labels: mixed": pd.DataFrame([[1, 2, 3]], columns=pd.Index(["a", 1, None], dtype=object)),
    "labels: two levels": pd.DataFrame(
        [[1, 2]], columns=pd.MultiIndex.from_tuples([("a", "x"), ("a", "y")])
    ),
    "labels: named": pd.DataFrame([[1, 2]], columns=pd.Index(["a", "b"], name="feature")),
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_comes_back_as_it_was(name, trip):
    before = FRAMES[name].copy()
    after = trip(FRAMES[name])
    assert_frame_equal(after, before, check_freq=False, check_column_type=True)
    assert_frame_equal(FRAMES[name], before)


PLAIN = [
    None,
    True,
    -7,
    2**80,
    0.1,
    math.inf,
    "",
    "ü€😀",
    "half a pair: \ud83d",
    b"\x00\xff",
    [],
    [1, [2, "x", None]],
    {},
    {"a": {"b": [1.5]}, 3: None, ("x", 1): {4}},
    (1, (2,)),
    frozenset({1}),
    datetime.date(2025, 3, 1),
    datetime.datetime(2025, 3, 1, 12, 30, 0, 5),
    Path("data/loans"),
    np.float32(0.1),
    np.int8(-3),
    np.bool_(True),
    np.str_("x"),
    np.str_(""),
    np.datetime64("2025-03-01", "D"),
    np.complex64(1 - 2j),
    1 - 2j,
    datetime.time(12, 30, tzinfo=datetime.UTC),
    datetime.timedelta(-1, 2, 3),
    decimal.Decimal("1.10"),
    uuid.UUID(int=7),
    pd.Interval(0, 1.5, closed="left"),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
def test_a_plain_value_comes_back_with_its_type(value, trip):
    after = trip(value)
    assert after == value
    assert type(after) is type(value) or isinstance(value, Path)


def test_nan_stays_nan(trip):
    assert math.isnan(trip(math.nan))
    assert np.isnan(trip([np.float64("nan")])[0])
    assert trip([pd.NA, pd.NaT]) == [pd.NA, pd.NaT] or trip(pd.NA) is pd.NA


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype="i2").reshape(2, 3),
        np.array([1 + 2j]),
        np.array(["a", "bcd"]),
        np.array([b"a"]),
        np.array(["2025-01-01"], dtype="M8[D]"),
        np.zeros((0, 3), dtype=bool),
        np.array(5.0),
        np.array([["a", None], [1, [2]]], dtype=object),
        np.asfortranarray(np.arange(4.0).reshape(2, 2)),
    ],
    ids=lambda array: f"{array.dtype}{array.shape}",
)
def test_an_array_keeps_dtype_and_shape(array, trip):
    after = trip(array)
    assert after.dtype == array.dtype and after.shape == array.shape
    np.testing.assert_array_equal(after, array)


def test_series_indexes_and_moments_go_too_and_may_be_nested(trip):
    series = pd.Series([1, None], index=["a", "b"], name="x", dtype="Int16")
    index = pd.Index([3.5, 1.0], name="i")
    moment = pd.Timestamp("2025-03-01 12:00:00.000000001", tz="Europe/Paris")
    after = trip({"s": series, "i": [index], "t": moment, "d": pd.Timedelta(5, "s")})
    assert_series_equal(after["s"], series)
    assert_index_equal(after["i"][0], index)
    assert after["t"] == moment and str(after["t"].tz) == "Europe/Paris"
    assert after["d"] == pd.Timedelta(5, "s")


def test_protocol_buffers_arrive_as_the_same_message_type(trip):
    from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2

    schema = schema_pb2.Schema()
    schema.feature.add(name="income", type=schema_pb2.FLOAT).presence.min_fraction = 1.0
    after = trip([schema, anomalies_pb2.Anomalies(), schema.feature[0]])
    assert after == [schema, anomalies_pb2.Anomalies(), schema.feature[0]]
    assert [type(message) for message in after] == [
        schema_pb2.Schema,
        anomalies_pb2.Anomalies,
        schema_pb2.Feature,
    ]


def test_what_arrives_can_be_written_to(trip):
    frame = trip(pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5], "c": pd.to_datetime(["2025"] * 2)}))
    frame.loc[0, "a"] = 5
    frame["b"] += 1
    frame["b"].array[0] = 7
    array = trip(np.zeros(2))
    array[0] = 1
    series = trip(pd.Series([1, 2]))
    series.array[0] = 9
    assert (frame.loc[0, "a"], frame["b"].iloc[0], array[0], series[0]) == (5, 7, 1, 9)


def test_text_is_what_each_pandas_makes_of_text(tfx):
    tfx.push("frame", pd.DataFrame({"x": ["a", "b"], "k": pd.Categorical(["u", "v"])}))
    tfx.run(
        "assert frame['x'].dtype == pd.Series(['a']).dtype, frame.dtypes\n"
        "assert frame['k'].cat.categories.dtype == pd.Index(['a']).dtype\n"
        "frame = pd.DataFrame({'x': np.array(['a', None], object)}, index=['p', 'q'])"
    )
    frame = tfx.pull("frame")
    assert frame["x"].dtype == pd.Series(["a"]).dtype
    assert frame.index.dtype == pd.Index(["a"]).dtype
    assert frame["x"].isna().tolist() == [False, True]


def test_missing_values_are_of_the_kind_that_they_were(trip):
    values = pd.Series(["a", None, math.nan], dtype=object)
    after = trip(values)
    assert after[1] is None and isinstance(after[2], float)


def test_a_frame_made_over_there_arrives_with_its_dtypes(tfx):
    tfx.run(
        "made = pd.DataFrame({\n"
        "  'n': pd.array([1, None], dtype='Int32'),\n"
        "  'c': pd.Categorical(['x', None], categories=['y', 'x'], ordered=True),\n"
        "  't': pd.to_datetime(['2025-01-01', None]).tz_localize('Europe/Paris'),\n"
        "  'f': np.array([0.5, np.nan], dtype='f4'),\n"
        "  'i': np.array([1, 2], dtype='u2'),\n"
        "  'o': [[1], 'two'],\n"
        "}, index=pd.Index(['r', 's'], name='row'))"
    )
    made = tfx.pull("made")
    assert [str(dtype) for dtype in made.dtypes] == [
        "Int32",
        "category",
        f"datetime64[{made['t'].dt.unit}, Europe/Paris]",
        "float32",
        "uint16",
        "object",
    ]
    assert made["c"].cat.ordered and list(made["c"].cat.categories) == ["y", "x"]
    assert made["t"].iloc[0] == pd.Timestamp("2025-01-01", tz="Europe/Paris")
    assert made["o"].tolist() == [[1], "two"]
    assert made.index.name == "row"


def test_finer_and_coarser_dates_arrive_at_the_same_moment(tfx):
    frame = frame_of(pd.to_datetime(["2025-03-01 12:00:00"]).as_unit("s"))
    tfx.push("frame", frame)
    tfx.run("assert frame['x'][0] == pd.Timestamp('2025-03-01 12:00:00')")
    after = tfx.pull("frame")
    assert after["x"][0] == frame["x"][0]


def test_a_fixed_offset_is_kept(trip):
    zone = datetime.timezone(datetime.timedelta(hours=-3, minutes=-30))
    frame = frame_of(pd.to_datetime(["2025-03-01 12:00"]).astype(NS).tz_localize(zone))
    after = trip(frame)
    assert after["x"][0] == frame["x"][0]
    assert after["x"][0].utcoffset() == zone.utcoffset(None)


class Colour(enum.Enum):
    RED = 1


class Nameless(datetime.tzinfo):
    """A zone that neither pytz nor zoneinfo knows."""

    def utcoffset(self, moment):
        return datetime.timedelta(seconds=3_601)

    def dst(self, moment):
        return datetime.timedelta(0)

    def tzname(self, moment):
        return None


NAMELESS = Nameless()


def attributed(value):
    frame = pd.DataFrame({"x": [1]})
    frame.attrs = {"a": value}
    return frame


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda: 1, "builtins.function"),
        ({"a": [Colour.RED]}, r"item 'a' is of type .*Colour"),
        (math, "builtins.module"),
        (
            pd.DataFrame({"p": pd.period_range("2025", periods=2, freq="D")}),
            r"column 'p'.*period\[D\].*\.dt\.to_timestamp\(\)",
        ),
        (
            pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}),
            r"column 's'.*Sparse.*\.sparse\.to_dense\(\)",
        ),
        (pd.DataFrame({"o": [object(), 1]}), r"column 'o'.*builtins.object"),
        (pd.DataFrame({"e": [Colour.RED]}), r"column 'e'.*Colour"),
        (pd.DataFrame({"e": pd.Categorical([Colour.RED])}), r"categories of column 'e'.*Colour"),
        (pd.DataFrame({"a": [pd.Period("2025")]}, dtype=object), r"column 'a'.*Period"),
        (pd.DataFrame({"v": arrow(["a"], pa.string_view())}), r"column 'v'.*string_view"),
        (pd.DataFrame({"v": arrow([["a"]], pa.list_(pa.string_view()))}), r"column 'v'.*view"),
        (pd.DataFrame({"u": arrow([b"0" * 16], pa.uuid())}), r"column 'u'.*uuid"),
        (pd.DataFrame({"d": arrow([1], pa.decimal32(5, 0))}), r"column 'd'.*decimal32"),
        (pd.DataFrame({"t": ["\ud83d"]}, dtype="string[python]"), r"column 't'.*string"),
        (
            pd.DataFrame({"z": pd.DatetimeIndex(["2025"]).tz_localize(NAMELESS)}),
            r"column 'z'.*\.dt\.tz_convert\(\"UTC\"\)",
        ),
        (pd.DataFrame({"x": [1]}, index=[object()]), r"the index of the value .*builtins.object"),
        (pd.DataFrame([[1]], columns=[object()]), r"the column labels of .*builtins.object"),
        (attributed(object()), r"attrs of the value, item 'a' .*builtins.object"),
        (datetime.datetime(2025, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")), r"Tokyo.*pandas.Timestamp"),
        (np.zeros(2, dtype=[("a", "i4")]), "array of dtype"),
        (np.ma.masked_array([1, 2], [True, False]), "MaskedArray"),
        (pa.table({"a": [1]}), r"pyarrow\.lib\.Table.*\.to_pandas\(\)"),
        (pa.array([1]), r"Array.*\.to_pandas\(\)"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_what_cannot_be_handed_over_is_refused_by_name(value, said, tmp_path):
    with pytest.raises(TypeError, match=said):
        exchange.save(value, tmp_path)


def test_an_unknown_message_type_is_refused_by_name(tmp_path, monkeypatch):
    class Message:
        class DESCRIPTOR:
            full_name = "a.B"

            class file:  # noqa: N801
                name = "not_there/a.proto"

        def SerializeToString(self):  # noqa: N802
            return b""

    exchange.save(Message(), tmp_path)
    with pytest.raises(TypeError, match=r"a\.B cannot be received"):
        exchange.load(tmp_path)


def test_a_missing_variable_is_answered_with_those_that_exist(tmp_path):
    with pytest.raises(NameError, match=r"'fram'.*mean frame\?.*frame, n\."):
        exchange.save_variable("fram", {"frame": 1, "n": 2, "_x": 3, "math": math}, tmp_path)
    with pytest.raises(NameError, match="none yet"):
        exchange.save_variable("x", {}, tmp_path)


def test_a_variable_of_the_wrong_type_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"^f: .*builtins.function"):
        exchange.save_variable("f", {"f": lambda: 1}, tmp_path)
