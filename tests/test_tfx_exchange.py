"""Values keep what they are on the way to the TFX environment and back."""

import datetime
import enum
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal, assert_index_equal, assert_series_equal

from helpers.tfx import environment, exchange
from helpers.tfx.session import Session


@pytest.fixture(scope="module")
def tfx():
    """A session of the TFX environment, whose pandas and pyarrow are older."""
    with Session(environment.interpreter(progress=False)) as session:
        session.run("import pandas as pd, numpy as np\nnew = int(pd.__version__[0]) >= 2")
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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda: 1, "builtins.function"),
        ({"a": [Colour.RED]}, r"item 'a' is of type .*Colour"),
        (1j, "builtins.complex"),
        (math, "builtins.module"),
        (pd.DataFrame({"p": pd.period_range("2025", periods=2, freq="D")}), r"column 'p'.*period"),
        (pd.DataFrame({"z": [1j]}), r"column 'z'.*complex128"),
        (pd.DataFrame({"o": [object(), 1]}), r"column 'o'.*builtins.object"),
        (pd.DataFrame({"s": pd.arrays.SparseArray([0, 1])}), r"column 's'.*Sparse"),
        (np.zeros(2, dtype=[("a", "i4")]), "array of dtype"),
    ],
    ids=lambda given: given if isinstance(given, str) else type(given).__name__,
)
def test_what_cannot_be_handed_over_is_refused_by_name(value, said, tmp_path):
    with pytest.raises(TypeError, match=said):
        exchange.save(value, tmp_path)


def test_an_unknown_message_type_is_refused_by_name(tmp_path):
    (tmp_path / "note.json").write_text(
        '{"is": "proto", "type": "a.B", "file": "not_there/a.proto", "data": ""}'
    )
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
