"""Lesson 2.5: the record behind the design of the gate, and a component judged by its name."""

import numpy as np
import pytest

from benchmarks import lesson_2_5 as benchmark
from helpers.course.exercises.core import find
from helpers.course.lesson_2_5.exercises import CANDIDATES, COLUMNS, RECORD, stopped


def test_the_record_is_what_the_benchmark_measures():
    with np.load(RECORD) as record:
        changes, rows = record["changes"], record["rows"]
        assert record["columns"].tolist() == [column for column, _ in benchmark.SLICES]
    assert changes.shape == (100, 4, len(benchmark.SLICES), len(CANDIDATES))
    part = benchmark.scored(1).iloc[4 * benchmark.ROWS : 6 * benchmark.ROWS]  # the second test set
    for at, (column, value) in enumerate(benchmark.SLICES[:6]):
        inside = part[part[column] == value] if column else part
        assert rows[1, 1, at] == len(inside)
        assert changes[1, 1, at] / 10_000 == pytest.approx(benchmark.change(inside), abs=2e-4)


def test_a_gate_stops_more_with_less_tolerance_and_nothing_where_it_does_not_look():
    blind = stopped(4, [], 0, 0.1, 0.0)
    assert blind == stopped(4, COLUMNS, 10_000, 0.1, 0.0)
    assert max(blind.values()) == 0
    counts = [stopped(2, ["region"], 0, 0.02, tolerance) for tolerance in (0.1, 0.03, 0.0)]
    for name in CANDIDATES:
        assert sorted(one[name] for one in counts) == [one[name] for one in counts]


def test_the_gate_of_the_lesson_misses_what_the_text_says():
    ours = stopped(months=2, by=["region"], least_rows=0, tolerance=0.02, slice_tolerance=0.03)
    assert ours == {"mended": 2, "East wiped": 81, "self-employed wiped": 12}


def test_a_component_is_found_by_its_name_in_the_session():
    from helpers.tfx import session

    exercise = find("2.5-a")
    space = {}
    exec(exercise.solution, space)
    session().run(space["answer"])
    assert exercise.feedback("admit").status == "right"
    assert "your %%tfx cell run" in exercise.feedback("door").message
