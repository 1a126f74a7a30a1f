"""Statistics, schemas and anomalies: TFDV's results, on frames and files, in classes that read."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from tensorflow_metadata.proto.v0 import anomalies_pb2, schema_pb2, statistics_pb2
from test_tfx_exchange import DTYPES

from helpers.tfx import session
from helpers.validation import (
    Anomalies,
    Schema,
    Statistics,
    generate_statistics,
    infer_schema,
    validate_statistics,
    wrong_rows,
)


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    n = 400
    return pd.DataFrame(
        {
            "age": rng.integers(18, 76, n),
            "share": np.where(rng.random(n) < 0.1, np.nan, rng.random(n).round(3)),
            "region": rng.choice(["East", "West", "Islands"], n),
            "defaulted": rng.integers(0, 2, n),
        }
    )


@pytest.fixture(scope="module")
def statistics(frame):
    return generate_statistics(frame)


@pytest.fixture
def schema(statistics):
    return infer_schema(statistics)


def test_what_is_counted_is_what_is_in_the_table(frame, statistics):
    table = statistics.to_frame().set_index("feature")
    assert list(table.index) == list(frame.columns) == statistics.features
    assert table.loc["age", "mean"] == pytest.approx(frame["age"].mean())
    assert table.loc["age", "max"] == frame["age"].max()
    assert table.loc["share", "missing"] == pytest.approx(frame["share"].isna().mean())
    assert table.loc["share", "count"] == frame["share"].notna().sum()
    assert table.loc["region", "unique"] == 3
    assert table.loc["region", "top"] == frame["region"].mode()[0]
    assert table.loc["defaulted", "zeros"] == pytest.approx((frame["defaulted"] == 0).mean())
    assert list(table["type"]) == ["INT", "FLOAT", "STRING", "INT"]


def test_the_result_is_that_of_tfdv_itself(frame, statistics):
    tfx = session()
    tfx.push("given", frame)
    tfx.run(
        "import tensorflow_data_validation as tfdv\n"
        "raw = tfdv.generate_statistics_from_dataframe(given)\n"
        "raw_schema = tfdv.infer_schema(raw)"
    )
    raw = tfx.pull("raw")
    raw.datasets[0].ClearField("name")
    ours = type(raw)()
    ours.CopyFrom(statistics.proto)
    ours.datasets[0].ClearField("name")
    assert ours == raw
    assert infer_schema(statistics).proto == tfx.pull("raw_schema")


def test_a_frame_a_csv_file_and_a_parquet_file_give_the_same(frame, statistics, tmp_path):
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_parquet(tmp_path / "a.parquet")
    for path in (tmp_path / "a.csv", str(tmp_path / "a.parquet")):
        pd.testing.assert_frame_equal(
            generate_statistics(path).to_frame(), statistics.to_frame(), check_exact=False
        )


def test_several_files_are_one_table(frame, statistics, tmp_path):
    frame[:150].to_csv(tmp_path / "part-1.csv", index=False)
    frame[150:].to_csv(tmp_path / "part-2.csv", index=False)
    table = generate_statistics(tmp_path / "part-*.csv").to_frame()
    pd.testing.assert_frame_equal(table, statistics.to_frame(), check_exact=False)


def test_slices_have_statistics_of_their_own(frame, schema):
    sliced = generate_statistics(frame, slice_by="region")
    assert sliced.slices == ["All Examples", "region_East", "region_Islands", "region_West"]
    east = sliced.slice("region_East").to_frame().set_index("feature")
    expected = frame.loc[frame["region"] == "East", "age"]
    assert east.loc["age", "mean"] == pytest.approx(expected.mean())
    assert set(sliced.to_frame()["slice"]) == set(sliced.slices)
    assert infer_schema(sliced) == schema
    assert not validate_statistics(sliced, schema)
    with pytest.raises(KeyError, match="did you mean region_West"):
        sliced.slice("region_Wst")


def test_slices_can_be_of_several_columns(frame):
    sliced = generate_statistics(frame, slice_by=["region", "defaulted"])
    assert "defaulted_1_region_West" in sliced.slices, "as TFDV names it"
    assert len(sliced.slices) == 7


def test_slices_are_those_of_tfdv_in_memory_and_in_a_pipeline(tmp_path):
    frame = pd.DataFrame(
        {
            "region": ["East", None, "West", "East"],
            "term": pd.array([12, 24, None, 12], dtype="Int64"),
            "online": [True, False, True, False],
            "kind": pd.Categorical(["a", "b", None, "a"]),
            "day": pd.to_datetime(["2025-01-01", "2025-01-02", None, "2025-01-04"]),
        }
    )
    frame.to_parquet(tmp_path / "a.parquet")
    by = ["term", "region"]
    memory = generate_statistics(frame, slice_by=by)
    options = ["--runner=DirectRunner", f"--temp_location={tmp_path}"]
    pipeline = generate_statistics(tmp_path / "a.parquet", slice_by=by, beam_options=options)
    # A row without a value belongs to no slice.
    assert memory.slices == pipeline.slices == ["All Examples", "region_East_term_12"]
    counted = ["slice", "feature", "type", "count", "missing", "unique"]
    ours, theirs = (result.to_frame()[counted] for result in (memory, pipeline))
    pd.testing.assert_frame_equal(
        ours.sort_values(counted[:2], ignore_index=True),
        theirs.sort_values(counted[:2], ignore_index=True),
        check_dtype=False,
    )
    assert repr(memory).startswith("4 examples") and memory.whole.slices == []
    assert [p.name for p in tmp_path.iterdir()] == ["a.parquet"], "the result's file is gone"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_beam_pipeline_with_two_processes_gives_the_same(frame, statistics, tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    frame.to_csv(path, index=False) if kind == "csv" else frame.to_parquet(path)
    # Two processes take half a minute to start, so only one of the kinds has them.
    several = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    beam = ["--runner=DirectRunner", *(several if kind == "csv" else [])]
    table = generate_statistics(path, beam_options=beam).to_frame().set_index("feature")
    expected = statistics.to_frame().set_index("feature").loc[table.index]
    for name in ("count", "mean", "min", "max", "missing", "unique"):
        assert table[name].to_numpy(float) == pytest.approx(
            expected[name].to_numpy(float), nan_ok=True
        ), name


def test_a_beam_pipeline_reads_files_only(frame):
    with pytest.raises(TypeError, match="a Beam pipeline reads files"):
        generate_statistics(frame, beam_options=[])


def test_options_of_tfdv_are_passed_on(frame):
    table = generate_statistics(frame, num_histogram_buckets=3).proto.datasets[0].features[0]
    standard = next(h for h in table.num_stats.histograms if h.type == h.STANDARD)
    assert len(standard.buckets) == 3


def test_odd_columns_are_counted_too():
    n = 6
    frame = pd.DataFrame(
        {
            "when": pd.date_range("2025-01-01", periods=n),
            "flag": [True, False] * 3,
            "kind": pd.Categorical(["a", "b", None] * 2, categories=["a", "b", "unused"]),
            "nullable": pd.array([1, 2, None, 4, 5, 6], dtype="Int64"),
            "mixed": [36, "36 months", 24, 12, None, 60],
            "empty": [None] * n,
            "gone": pd.to_datetime(["2025-01-01", None] * 3),
        },
        index=[5, 5, 7, 8, 9, 9],
    )
    table = generate_statistics(frame).to_frame().set_index("feature")
    assert list(table.index) == list(frame.columns), "the index is not a column"
    assert table.loc["when", "top"].startswith("2025-01-0")
    assert table.loc["kind", "count"] == 4
    assert table.loc["nullable", "missing"] == pytest.approx(1 / 6)
    assert table.loc["mixed", "type"] == "STRING" and table.loc["mixed", "count"] == 5
    assert table.loc["empty", "count"] == 0
    assert table.loc["gone", "count"] == 3


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (pd.Series([1, 2, None], dtype=object), "INT"),
        (pd.Series([True, False, None], dtype=object), "INT"),
        (pd.Categorical([1, 2, None]), "INT"),
        (np.array([1, 2, 3], dtype="f2"), "FLOAT"),
        (np.array([1, 2, 2**63 + 5], dtype="u8"), "INT"),
        (pd.to_timedelta([1, 2, None], unit="D"), "STRING"),
        (pd.interval_range(0, 3), "STRING"),
        ([1j, 2, 3], "STRING"),
        ([["a", "b"], ["a"], None], "STRING"),
        (pd.date_range("2025-01-01", periods=3, tz="Europe/Paris"), "STRING"),
    ],
    ids=str,
)
def test_every_kind_of_column_is_a_number_or_text(values, kind):
    frame = pd.DataFrame({0: values})
    table = generate_statistics(frame).to_frame()
    assert table["feature"].tolist() == ["0"] and table["type"].tolist() == [kind]
    assert table["count"].item() == frame[0].notna().sum()


def test_a_column_of_any_type_is_counted_and_numbers_have_their_mean():
    frame = pd.concat(DTYPES, axis=1)
    table = generate_statistics(frame).to_frame().set_index("feature")
    for name, column in frame.items():
        assert table.loc[name, "count"] == column.notna().sum(), name
        is_number = pd.api.types.is_numeric_dtype(column) and "complex" not in name
        present = column.dropna().astype(float) if is_number else pd.Series(dtype=float)
        if len(present) and np.isfinite(present).all():
            assert table.loc[name, "mean"] == pytest.approx(present.mean(), rel=1e-3), name


def test_no_values_have_no_mean_and_infinity_can_be_shown():
    statistics = generate_statistics(pd.DataFrame({"no": [np.nan] * 2, "far": [1.0, np.inf]}))
    table = statistics.to_frame().set_index("feature")
    assert table.loc["no", ["mean", "min", "max", "zeros"]].isna().all()
    assert table.loc["far", "max"] == np.inf and "inf" in repr(statistics)
    assert statistics._repr_html_()


def test_the_columns_of_the_table_are_the_same_for_all_data(statistics):
    numbers = generate_statistics(pd.DataFrame({"x": [1, 2]}))
    assert list(numbers.to_frame()) == list(statistics.to_frame())
    assert "unique" not in repr(numbers), "what is empty is not shown"


def test_the_table_that_was_given_is_not_changed():
    frame = pd.DataFrame(
        {"when": pd.date_range("2025-01-01", periods=3), "x": [1, 2, 3]}, [4, 5, 6]
    )
    before = frame.copy(deep=True)
    generate_statistics(frame)
    pd.testing.assert_frame_equal(frame, before)


def test_data_that_cannot_be_validated_are_refused_before_anything_is_computed(frame, tmp_path):
    with pytest.raises(ValueError, match="0 rows"):
        generate_statistics(frame[:0])
    with pytest.raises(ValueError, match=r"columns twice: \['age'\]"):
        generate_statistics(pd.concat([frame, frame[["age"]]], axis=1))
    with pytest.raises(ValueError, match="did you mean region"):
        generate_statistics(frame, slice_by="regoin")
    with pytest.raises(FileNotFoundError, match="no such file"):
        generate_statistics(tmp_path / "missing.csv")
    (tmp_path / "a.xlsx").touch()
    with pytest.raises(ValueError, match=r"\.csv.*\.parquet"):
        generate_statistics(tmp_path / "a.xlsx")
    with pytest.raises(TypeError, match="expected a Schema"):
        Schema(anomalies_pb2.Anomalies())
    with pytest.raises(ValueError, match="no datasets"):
        Statistics(statistics_pb2.DatasetFeatureStatisticsList())
    with pytest.raises(TypeError, match="NoneType; expected a DataFrame or a path"):
        generate_statistics(None)


def test_a_faulty_file_is_refused_by_name(frame, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("")
    with pytest.raises(ValueError, match="a.csv cannot be read"):
        generate_statistics(path)
    path.write_text("age,age\n1,2\n")
    for beam_options in (None, []):
        with pytest.raises(ValueError, match=r"columns twice: \['age'\]"):
            generate_statistics(path, beam_options=beam_options)
    frame.to_csv(path)
    with pytest.raises(ValueError, match="did you mean region"):
        generate_statistics(path, slice_by="regoin", beam_options=[])


def test_files_are_found_by_odd_names_and_in_lists(frame, statistics, tmp_path):
    paths = [tmp_path / "part[1].CSV", str(tmp_path / "part 2.csv.gz")]
    frame[:150].to_csv(paths[0], index=False)
    frame[150:].to_csv(paths[1], index=False)
    table = generate_statistics(paths).to_frame()
    pd.testing.assert_frame_equal(table, statistics.to_frame(), check_exact=False)
    with pytest.raises(TypeError, match="one path or pattern"):
        generate_statistics(paths, beam_options=[])


def test_an_argument_in_the_wrong_place_is_named(frame, statistics, schema):
    with pytest.raises(TypeError, match=r"statistics is a DataFrame.*generate_statistics"):
        infer_schema(frame)
    with pytest.raises(TypeError, match=r"schema is a Statistics; expected a Schema"):
        validate_statistics(schema, statistics)
    with pytest.raises(TypeError, match=r"previous_statistics is a DataFrame"):
        validate_statistics(statistics, schema, previous_statistics=frame)


def test_no_data_are_not_good_data(schema):
    nothing = statistics_pb2.DatasetFeatureStatisticsList(datasets=[{"num_examples": 0}])
    found = validate_statistics(Statistics(nothing), schema)
    assert found and "No data" in repr(found)


def test_good_data_have_no_anomalies(statistics, schema):
    found = validate_statistics(statistics, schema)
    assert not found and len(found) == 0 and found.features == []
    assert repr(found) == "no anomalies" and "no anomalies" in found._repr_html_()
    assert list(found.to_frame().columns) == ["feature", "severity", "what", "details"]


def test_every_rule_of_the_schema_is_enforced(frame, schema):
    schema["age"].range = (18, 75)
    schema["share"].min_fraction = 0.5
    bad = frame.assign(
        age=frame["age"].where(frame.index != 3, 999),
        share=frame["share"].where(frame.index < 100),
        region=frame["region"].where(frame.index != 5, "Moon"),
        extra="x",
    ).drop(columns="defaulted")
    table = validate_statistics(generate_statistics(bad), schema).to_frame()
    reasons = dict(zip(table["feature"], table["what"] + ": " + table["details"], strict=True))
    assert set(reasons) == {"age", "share", "region", "extra", "defaulted"}
    assert "999" in reasons["age"] and "Moon" in reasons["region"]
    assert "New column" in reasons["extra"] and "missing" in reasons["defaulted"]
    assert "fewer examples" in reasons["share"]
    assert set(table["severity"]) == {"ERROR"}


def test_a_column_that_may_be_missing_may_be_missing(frame, schema):
    schema["age"].min_fraction = 0.4
    some = frame.assign(age=frame["age"].astype(float).where(frame.index % 2 == 0))
    schema["age"].type = "FLOAT"
    assert not validate_statistics(generate_statistics(some), schema)
    schema["age"].required = True
    assert "age" in validate_statistics(generate_statistics(some), schema).features


def test_part_of_the_values_may_be_outside_of_the_domain(frame, schema):
    new = generate_statistics(
        frame.assign(region=frame["region"].where(frame.index % 20 > 0, "New"))
    )
    assert validate_statistics(new, schema)
    schema["region"].min_domain_mass = 0.9
    assert not validate_statistics(new, schema)
    schema["region"].min_domain_mass = 0.99
    assert validate_statistics(new, schema)


def test_environments_say_where_a_column_belongs(frame, schema):
    schema.environments = ["TRAINING", "SERVING"]
    schema["defaulted"].not_in_environment = ["SERVING"]
    served = generate_statistics(frame.drop(columns="defaulted"))
    assert not validate_statistics(served, schema, environment="SERVING")
    assert validate_statistics(served, schema, environment="TRAINING").features == ["defaulted"]
    with pytest.raises(ValueError, match=r"knows \['TRAINING', 'SERVING'\]"):
        validate_statistics(served, schema, environment="serving")
    schema["age"].not_in_environment.append("SERVING")
    assert schema["age"].not_in_environment == ["SERVING"], "as in TFDV, the list is the schema's"
    schema["age"].not_in_environment.clear()
    with pytest.raises(ValueError, match="not_in_environment"):
        schema["age"].not_in_environment = ["PRODUCTION"]


def test_drift_and_skew_are_compared_where_there_is_a_threshold(frame, statistics, schema):
    moved = generate_statistics(frame.assign(age=frame["age"] + 15, region="East"))
    assert not validate_statistics(statistics, schema, previous_statistics=moved)
    schema["region"].drift_threshold = 0.1
    schema["age"].drift_threshold = 0.05
    drifted = validate_statistics(statistics, schema, previous_statistics=moved)
    assert set(drifted.features) == {"age", "region"}
    schema["region"].skew_threshold = 0.1
    skewed = validate_statistics(statistics, schema, serving_statistics=moved)
    assert skewed.features == ["region"]
    schema["region"].skew_threshold = None
    assert not validate_statistics(statistics, schema, serving_statistics=moved)


def test_what_is_set_can_be_read_and_unset(schema):
    feature = schema["age"]
    feature.range = (18, None)
    assert feature.range == (18, None)
    feature.range = None
    assert feature.range is None
    schema["share"].range = (0, 1)
    assert schema["share"].range == (0.0, 1.0)
    schema["region"].domain = ["A"]
    schema["region"].domain.append("B")
    assert schema["region"].domain == ["A", "B"]
    schema["region"].domain = None
    assert schema["region"].domain is None
    feature.drift_threshold = 0.25
    assert feature.drift_threshold == 0.25 and feature.skew_threshold is None
    assert feature.required
    valency = feature.proto.shape.dim[0].size
    feature.required = False
    assert not feature.required and feature.min_fraction == 0
    feature.required = True
    assert feature.proto.shape.dim[0].size == valency == 1


def test_numbers_are_read_as_they_were_written(schema):
    schema["share"].range = (0.1, np.float64(0.9))
    assert schema["share"].range == (0.1, 0.9) and "0.1 to 0.9" in repr(schema)
    schema["share"].min_fraction = np.float32(0.5)
    assert schema["share"].min_fraction == 0.5


def test_a_domain_may_come_as_pandas_gives_it(frame, schema):
    schema["region"].domain = frame["region"].unique()
    assert sorted(schema["region"].domain) == ["East", "Islands", "West"]
    schema["region"].domain = {"West", "East"}
    assert schema["region"].domain == ["East", "West"], "a set has no order: sorted"
    assert not schema.proto.string_domain, "the inferred list is used no more"


def test_a_change_of_type_takes_along_what_makes_sense(frame, schema):
    schema["age"].range = (18, 75)
    schema["age"].drift_threshold = 0.1
    schema["age"].type = "FLOAT"
    assert schema["age"].range == (18, 75) and schema["age"].drift_threshold == 0.1
    assert not validate_statistics(generate_statistics(frame.astype({"age": float})), schema)
    schema["age"].range = (18.5, 75)
    before = schema.copy()
    with pytest.raises(ValueError, match="whole numbers"):
        schema["age"].type = "INT"
    assert schema == before
    schema["age"].type = "BYTES"
    assert schema["age"].range is None and schema["age"].drift_threshold == 0.1
    assert schema["age"].proto.drift_comparator.HasField("infinity_norm")


def test_lists_of_values_keep_their_length(schema):
    schema["age"].proto.ClearField("shape")
    schema["age"].proto.value_count.max = 5
    schema["age"].required = True
    assert schema["age"].proto.value_count.max == 5


def test_a_misspelt_rule_is_an_error(schema):
    with pytest.raises(AttributeError, match="ranges"):
        schema["age"].ranges = (18, 75)
    with pytest.raises(AttributeError, match="environment"):
        schema.environment = ["SERVING"]
    schema.environments = "SERVING"
    assert schema.environments == ["SERVING"]


@pytest.mark.parametrize(
    ("feature", "what", "wrong", "words"),
    [
        ("age", "range", (75, 18), "low end"),
        ("age", "range", 5, r"\(low, high\)"),
        ("age", "range", (0.5, 10), "whole numbers"),
        ("age", "range", ("18", 75), "whole numbers"),
        ("age", "range", (0, 2**70), "whole numbers"),
        ("share", "range", (float("nan"), 1), "None for no end"),
        ("share", "range", (0, float("inf")), "None for no end"),
        ("age", "required", "no", "True or False"),
        ("region", "domain", 5, "list of texts"),
        ("region", "domain", [], "list of texts"),
        ("region", "range", (0, 1), "range is for INT and FLOAT"),
        ("age", "domain", ["a"], "for BYTES columns"),
        ("region", "domain", "East", "list of texts"),
        ("region", "domain", [1], "list of texts"),
        ("age", "type", "STRING", "expected one of"),
        ("age", "min_fraction", 1.5, "share from 0 to 1"),
        ("age", "min_domain_mass", -1, "share from 0 to 1"),
        ("age", "drift_threshold", "high", "share from 0 to 1"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_and_changes_nothing(
    schema, feature, what, wrong, words
):
    schema["age"].drift_threshold = 0.3
    before = schema.copy()
    with pytest.raises(ValueError, match=words):
        setattr(schema[feature], what, wrong)
    assert schema == before


def test_an_unknown_column_is_answered_with_the_nearest(schema):
    with pytest.raises(KeyError, match="did you mean region"):
        schema["regoin"]
    assert "regoin" not in schema and "region" in schema and len(schema) == 4


def test_columns_can_be_added_and_removed(schema):
    schema.add("income", "INT")
    assert schema["income"].required and schema.features[-1] == "income"
    with pytest.raises(ValueError, match="already"):
        schema.add("income", "INT")
    schema.remove("income")
    assert "income" not in schema


def test_a_schema_survives_saving_and_can_be_compared(schema, tmp_path):
    schema.save(tmp_path / "schema.pbtxt")
    loaded = Schema.load(tmp_path / "schema.pbtxt")
    assert loaded == schema and loaded.diff(schema).empty
    loaded["region"].domain = [*loaded["region"].domain, "North"]
    loaded["age"].range = (18, 75)
    loaded.add("income", "INT")
    loaded.environments = ["SERVING"]
    changes = loaded.diff(schema).set_index(["feature", "what"])["after"]
    assert changes["region", "domain"] == ["North"]
    assert changes["age", "range"] == (18, 75)
    assert changes["income", "column"] is True
    assert changes["", "environments"] == ["SERVING"]
    assert [p.name for p in tmp_path.iterdir()] == ["schema.pbtxt"], "nothing half-written is left"


def test_no_change_of_a_column_stays_out_of_the_comparison(schema):
    changed = schema.copy()
    changed["age"].proto.unique_constraints.min = 3
    changes = changed.diff(schema)
    assert changes[["feature", "what"]].to_numpy().tolist() == [["age", "other"]]
    assert "unique_constraints" in changes["after"].item()
    changed = schema.copy()
    changed["age"].min_fraction = 0.9
    assert changed.diff(schema)["what"].tolist() == ["min_fraction"]


def test_a_copy_is_independent(schema):
    copy = schema.copy()
    copy["age"].range = (0, 1)
    assert schema["age"].range is None and copy != schema


def test_a_file_that_is_no_schema_is_refused(tmp_path):
    (tmp_path / "a.pbtxt").write_text("feature { nonsense: 1 }")
    with pytest.raises(ValueError, match="not a Schema as text"):
        Schema.load(tmp_path / "a.pbtxt")


def test_statistics_survive_saving(statistics, tmp_path):
    statistics.save(tmp_path / "stats.pbtxt")
    assert Statistics.load(tmp_path / "stats.pbtxt").proto == statistics.proto


def test_all_reasons_of_an_anomaly_are_kept():
    proto = anomalies_pb2.Anomalies()
    info = proto.anomaly_info["age"]
    info.severity = anomalies_pb2.AnomalyInfo.WARNING
    info.short_description = "Multiple errors"
    for what in ("first", "second"):
        info.reason.add(short_description=what, description=f"the {what} thing")
    proto.dataset_anomaly_info.severity = anomalies_pb2.AnomalyInfo.ERROR
    proto.dataset_anomaly_info.reason.add(short_description="too few", description="rows")
    found = Anomalies(proto)
    assert found.to_frame()["what"].tolist() == ["too few", "first", "second"]
    assert found.to_frame()["severity"].tolist() == ["ERROR", "WARNING", "WARNING"]
    assert found.features == ["", "age"] and bool(found)
    assert "the second thing" in repr(found)


def test_the_tables_are_html_that_escapes_what_the_data_say(schema, statistics):
    page = statistics._repr_html_()
    assert page.count("<svg") == 4 and 'role="img"' in page and "aria-label" in page
    schema["region"].domain = ["<script>"]
    assert "<script>" not in schema._repr_html_() and "&lt;script&gt;" in schema._repr_html_()
    assert "400 examples" in repr(statistics)
    assert repr(Schema()) == "empty schema"


def test_inline_and_shared_domains_are_both_read():
    proto = schema_pb2.Schema(
        string_domain=[{"name": "d", "value": ["a", "b"]}],
        feature=[
            {"name": "shared", "type": schema_pb2.BYTES, "domain": "d"},
            {"name": "own", "type": schema_pb2.BYTES, "string_domain": {"value": ["c"]}},
        ],
    )
    assert Schema(proto)["shared"].domain == ["a", "b"]
    assert Schema(proto)["own"].domain == ["c"]


def test_a_fresh_tfx_process_is_used_after_the_old_one_was_closed(frame, statistics):
    session().close()
    again = generate_statistics(frame)
    assert again.proto == statistics.proto


def test_tensorflow_is_not_loaded_for_it():
    import subprocess
    import sys

    program = "import sys, helpers.validation; print('tensorflow' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr


def _types(*arguments, **options):
    return generate_statistics(*arguments, **options).to_frame().set_index("feature")["type"]


@pytest.mark.parametrize(
    "text", ["a,b\n1,2,\n3,4,\n", "a,b\n1,2,9\n3,4\n", "a,b\n1,2\n3,4,5\n", "a,b\n1,2\n3\n"]
)
def test_a_row_with_more_or_fewer_cells_than_the_header_is_refused(tmp_path, text):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(ValueError, match=r"a\.csv cannot be read.*Expected 2 columns, got [13]"):
        generate_statistics(tmp_path / "a.csv")


@pytest.mark.parametrize("full", ["1\n2\n", "9007199254740993\n2\n"])
def test_a_gap_does_not_change_the_type_of_whole_numbers_in_a_file(tmp_path, full):
    (tmp_path / "full.csv").write_text("n,x\n" + full.replace("\n", ",a\n"))
    (tmp_path / "gap.csv").write_text("n,x\n" + full.replace("\n", ",a\n") + ",a\n99,b\n")
    schemas = {}
    for name in ("full", "gap"):
        schemas[name] = infer_schema(generate_statistics(tmp_path / f"{name}.csv"))
        schemas[name]["n"].min_fraction = 0.5
        schemas[name]["n"].range = (0, 2**62)
        schemas[name]["x"].domain = ["a", "b"]
    for schema in schemas.values():
        for name in schemas:
            assert not validate_statistics(generate_statistics(tmp_path / f"{name}.csv"), schema)
    schemas["full"]["n"].range = (0, 50)
    found = validate_statistics(generate_statistics(tmp_path / "gap.csv"), schemas["full"])
    assert "Out-of-range values" in set(found.to_frame()["what"]), "the range is checked as well"


def test_types_can_be_those_of_the_schema(tmp_path):
    schema = Schema()
    for name, kind in {"whole": "INT", "part": "FLOAT", "zip": "BYTES", "odd": "INT"}.items():
        schema.add(name, kind)
    (tmp_path / "a.csv").write_text("whole,part,zip,odd\n1,1,01234,1\n2,2,00001,2.5\n")
    assert _types(tmp_path / "a.csv").tolist() == ["INT", "INT", "INT", "FLOAT"]
    options = {"schema": schema, "infer_type_from_schema": True}
    statistics = generate_statistics(tmp_path / "a.csv", **options)
    table = statistics.to_frame().set_index("feature")
    assert table["type"].tolist() == ["INT", "FLOAT", "STRING", "FLOAT"], "2.5 stays what it is"
    assert table.loc["zip", "top"] in ("01234", "00001")
    assert validate_statistics(statistics, schema).features == ["odd"]
    frame = pd.DataFrame({"whole": [1.0, None], "part": [1, 2]})
    assert _types(frame).tolist() == ["FLOAT", "INT"]
    assert _types(frame, **options).tolist() == ["INT", "FLOAT"]
    frame.to_parquet(tmp_path / "a.parquet")
    for beam_options in (None, ["--runner=DirectRunner"]):
        types = _types(tmp_path / "a.parquet", beam_options=beam_options, **options)
        assert types[["whole", "part"]].tolist() == ["INT", "FLOAT"]


@pytest.mark.parametrize("by", [None, "flag"])
def test_truth_values_do_not_make_the_schema_forgotten(by):
    frame = pd.DataFrame({"flag": [True, False] * 4, "code": [1, 2, 3, 1] * 2})
    schema = infer_schema(generate_statistics(frame))
    schema["code"].proto.int_domain.is_categorical = True
    table = generate_statistics(frame, schema=schema, slice_by=by).whole.to_frame()
    assert table.set_index("feature").loc["code", "unique"] == 3, "counted as categories"


@pytest.mark.parametrize(
    "flags",
    [
        [True, False, True],
        [True, True, True],
        [False, False, False],
        pd.array([True, None, False], dtype="boolean"),
        np.array([True, None, False], dtype=object),
        pd.array([True, False, None], dtype="bool[pyarrow]"),
        [0, 1, 1],
    ],
    ids=str,
)
def test_a_table_of_truth_values_meets_the_schema_drafted_from_it(flags):
    statistics = generate_statistics(pd.DataFrame({"flag": flags}))
    schema = infer_schema(statistics)
    assert not validate_statistics(statistics, schema)
    if len(set(statistics.to_frame().loc[0, ["min", "max"]])) == 2:
        assert schema["flag"].proto.HasField("bool_domain")
        wrong = generate_statistics(pd.DataFrame({"flag": [0, 1, 7]}))
        assert validate_statistics(wrong, schema).features == ["flag"]
    again = generate_statistics(pd.DataFrame({"flag": flags}), schema=schema)
    assert not validate_statistics(again, schema)
    assert not validate_statistics(again, infer_schema(again))


@pytest.mark.parametrize(
    "flags",
    [
        [True, False, True, True],
        pd.array([True, None, False, True], dtype="boolean"),
        ["true", "false", "true", "true"],
        ["True", None, "False", "True"],
        ["yes", "no", "yes", None],
        [1, 0, None, 1],
    ],
    ids=str,
)
@pytest.mark.parametrize("kind", ["frame", "csv", "parquet"])
def test_a_table_with_flags_meets_the_schema_that_was_saved_for_it(flags, kind, tmp_path):
    data = pd.DataFrame({"id": range(400), "flag": pd.Series(flags).tolist() * 100})
    if kind != "frame":
        path = tmp_path / f"table.{kind}"
        data.to_csv(path, index=False) if kind == "csv" else data.to_parquet(path)
        data = path
    infer_schema(generate_statistics(data)).save(tmp_path / "schema.pbtxt")
    schema = Schema.load(tmp_path / "schema.pbtxt")
    assert not validate_statistics(generate_statistics(data), schema)
    assert wrong_rows(data, schema).empty


def test_an_anomaly_has_the_name_of_its_column():
    names = ["petal length (cm)", "a.b", "it's", 'say "x"', "naïve", "plain"]
    frame = pd.DataFrame({name: [1.5, 2.5] for name in names})
    schema = infer_schema(generate_statistics(frame))
    found = validate_statistics(generate_statistics(frame.astype(str) + "x"), schema)
    assert sorted(found.features) == sorted(names) == sorted(schema.features)


@pytest.mark.parametrize(
    ("values", "kind", "mean"),
    [
        ([Decimal("0.1"), Decimal("0.3"), None], "FLOAT", 0.2),
        ([Fraction(1, 4), Fraction(3, 4)], "FLOAT", 0.5),
        ([2**70, 2**70], "FLOAT", 2.0**70),
        ([1, Decimal(2), 3.0], "FLOAT", 2),
        (pd.array([Decimal("0.1"), None], pd.ArrowDtype(pa.decimal128(5, 2))), "FLOAT", 0.1),
        ([np.int8(1), 2**62], "INT", (2.0**62 + 1) / 2),
    ],
    ids=str,
)
def test_numbers_that_are_python_objects_are_numbers(values, kind, mean):
    if isinstance(values, list):
        values = pd.Series(values, dtype=object)
    row = generate_statistics(pd.DataFrame({"x": values})).to_frame().iloc[0]
    assert (row["type"], row["mean"]) == (kind, pytest.approx(mean))


def test_decimals_in_a_parquet_file_are_numbers_in_memory_and_in_a_pipeline(tmp_path):
    path = tmp_path / "a.parquet"
    pd.DataFrame({"x": [Decimal("0.50"), None, Decimal("1.50")]}).to_parquet(path)
    for options in (None, ["--runner=DirectRunner"]):
        row = generate_statistics(path, beam_options=options).to_frame().iloc[0]
        assert (row["type"], row["count"], row["mean"]) == ("FLOAT", 2, 1)


def test_a_csv_file_of_another_country_can_be_read(tmp_path):
    text = "preis;ort;land\n1,5;München;NA\n-;Köln;DE\n"
    (tmp_path / "a.csv").write_bytes(text.encode("latin-1"))
    read = {"sep": ";", "decimal": ",", "encoding": "latin-1", "na_values": ["-"]}
    table = generate_statistics(tmp_path / "a.csv", **read).to_frame().set_index("feature")
    assert table.loc["preis", ["type", "count", "mean"]].tolist() == ["FLOAT", 1, 1.5]
    assert table.loc["ort", "top"] == "München" and table.loc["land", "count"] == 1
    table = generate_statistics(tmp_path / "a.csv", keep_default_na=False, **read).to_frame()
    assert table.set_index("feature").loc["land", "count"] == 2, "NA is Namibia"
    with pytest.raises(ValueError, match=r"a\.csv cannot be read.*encoding.*pass the DataFrame"):
        generate_statistics(tmp_path / "a.csv", sep=";")
    with pytest.raises(ValueError, match="sep is for CSV files"):
        generate_statistics(pd.DataFrame({"x": [1]}), sep=";")
    with pytest.raises(ValueError, match="sep is for CSV files"):
        wrong_rows(pd.DataFrame({"x": [1]}), Schema(), sep=";")


@pytest.mark.parametrize("damage", ["cut off", "not gzip", "zeros"])
def test_a_damaged_file_is_refused_by_name(frame, tmp_path, damage):
    path = tmp_path / "a.csv.gz"
    frame.to_csv(path, index=False)
    data = path.read_bytes()
    damaged = {"cut off": data[:-20], "not gzip": b"a,b", "zeros": data[:20] + bytes(900)}[damage]
    path.write_bytes(damaged)
    with pytest.raises(ValueError, match=r"a\.csv\.gz cannot be read"):
        generate_statistics(path)
    path = path.with_suffix(".parquet")
    frame.to_parquet(path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"a\.csv\.parquet cannot be read"):
        generate_statistics(path)


@pytest.mark.parametrize("values", [[0, 0, 1], [0.5, np.nan, 0.5], [True, False, True]])
def test_a_sparse_column_is_what_a_dense_one_is(values):
    sparse = generate_statistics(pd.DataFrame({"x": pd.arrays.SparseArray(values)}))
    assert sparse.proto == generate_statistics(pd.DataFrame({"x": values})).proto


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbfa,b\r\n1,2\r\n")
    assert generate_statistics(path).features == ["a", "b"]
    with pytest.raises(ValueError, match=r"a\.csv begins with a byte order mark"):
        generate_statistics(path, beam_options=[])


def test_a_table_can_be_asked_for_a_least_number_of_rows(frame, statistics, schema, tmp_path):
    before = schema.copy()
    assert schema.min_rows == 0
    schema.min_rows = len(frame) + 1
    found = validate_statistics(statistics, schema)
    assert found.features == [""] and "examples" in repr(found)
    assert schema.diff(before).to_numpy().tolist() == [["", "min_rows", 0, len(frame) + 1]]
    schema.save(tmp_path / "schema.pbtxt")
    assert Schema.load(tmp_path / "schema.pbtxt").min_rows == len(frame) + 1
    schema.min_rows = len(frame)
    assert not validate_statistics(statistics, schema)
    with pytest.raises(ValueError, match=r"min_rows is -1; expected a whole number"):
        schema.min_rows = -1


def test_the_rows_behind_an_anomaly_are_known(frame, schema, tmp_path):
    assert wrong_rows(frame, schema).empty
    schema["age"].range = (18, 75)
    schema["share"].min_fraction = 0.95
    bad = frame.assign(
        age=frame["age"].where(~frame.index.isin([3, 77]), 300),
        region=frame["region"].where(frame.index != 5, "Moon").where(frame.index != 6),
        extra="x",
        defaulted=frame["defaulted"].astype(object).where(frame.index != 9, "9 %"),
    )
    bad.index = bad.index + 1_000
    found = wrong_rows(bad, schema)
    assert list(found) == ["row", "feature", "what", "details"]
    rows = found.groupby("feature")["row"].apply(list).to_dict()
    missing = np.flatnonzero(frame["share"].isna()).tolist()
    assert rows == {"age": [3, 77], "region": [5, 6], "defaulted": [9], "share": missing}
    details = found.set_index("row")["details"]
    assert "300" in details[3] and "Moon" in details[5]
    bad.to_csv(tmp_path / "a.csv", index=False)
    pd.testing.assert_frame_equal(wrong_rows(tmp_path / "a.csv", schema), found)
    clean = bad.drop(index=bad.index[found["row"]]).drop(columns="extra")
    clean["defaulted"] = clean["defaulted"].astype(int)
    assert not validate_statistics(generate_statistics(clean), schema)


def test_only_a_rule_that_the_table_breaks_has_wrong_rows(frame, schema):
    some = frame.assign(region=frame["region"].where(frame.index % 20 > 0, "New"))
    assert len(wrong_rows(some, schema)) == 20
    schema["region"].min_domain_mass = 0.9
    assert wrong_rows(some, schema).empty
    more = frame.assign(region=frame["region"].where(frame.index % 5 > 0, "New"))
    assert len(wrong_rows(more, schema)) == 80
    schema.environments = ["TRAINING", "SERVING"]
    assert len(wrong_rows(more, schema, environment="SERVING")) == 80
    with pytest.raises(ValueError, match="which the schema does not know"):
        wrong_rows(more, schema, environment="SERVICE")
