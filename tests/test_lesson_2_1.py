"""Lesson 2.1: plans at the gate, the faults that are planted, and the steps for Monday."""

import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from helpers.course.exercises.core import find
from helpers.course.lesson_2_1 import exercises
from helpers.course.lesson_2_1.plans import KINDS, LOOK, RULES, trial
from helpers.validation import Schema, generate_statistics, infer_schema

ROOT = Path(__file__).resolve().parents[1]
NEVER = dict.fromkeys(RULES, (None, None))


def test_a_plan_that_never_acts_pays_what_letting_in_costs_and_one_that_stops_pays_for_the_day():
    never, stop = trial(NEVER, [3]), trial(dict.fromkeys(RULES, (None, 0)), [3])
    weeks = [weeks for _, weeks, *_ in KINDS.values()]
    assert never["accept"].tolist() == [*weeks, sum(weeks)] and sum(weeks) == 52
    assert (never["least"] <= never["euro"]).all()
    assert never.loc["no fault", "euro"] == stop.loc["no fault", "euro"] == 0
    assert stop.loc["missing history", "stop"] == 3
    assert stop.loc["utilization in percent", "euro"] < never.loc["utilization in percent", "euro"]


def test_whoever_is_asked_too_often_lets_the_rest_in_unread():
    rare = trial(NEVER | {"missing": (0.1, None)}, [3])
    assert rare.loc["missing history", "ask"] == 3
    assert rare.loc["missing history", "euro"] == rare.loc["missing history", "least"] + 3 * LOOK
    often = trial(dict.fromkeys(RULES, (0, None)), [3]).loc["all"]
    assert often["ask"] == 12 and often["unread"] > 10


def test_no_plan_with_the_same_limits_for_every_rule_is_good_enough():
    for ask in (0.005, 0.01, 0.02, 0.05):
        for stop in (0.02, 0.05, 0.1, 0.2, None):
            cost = trial(dict.fromkeys(RULES, (ask, stop)), exercises.WORLDS).loc["all"]
            assert cost["euro"] - cost["least"] > exercises.MOST_EURO + 1_000


@pytest.mark.parametrize("id", ["2.1-c", "2.1-e", "2.1-f"])
def test_a_schema_may_come_in_both_forms_and_a_function_that_fails_is_a_reply(id):
    space = {}
    exec(find(id).solution, space)
    answer = space["answer"]
    if id != "2.1-f":
        forms = [Schema(answer), Schema(answer).proto] if id == "2.1-c" else [answer, answer.proto]
        assert [find(id).feedback(form).status for form in forms] == ["right", "right"]
    assert find(id).feedback(lambda *_: 1 / 0).status == "wrong"


def test_the_steps_for_monday_work_as_printed_on_another_table(tmp_path):
    path = ROOT / "notebooks/2_data_lifecycle/2_1_validate_data.ipynb"
    notebook = nbformat.read(path, as_version=4)
    (script,) = (
        re.search(r"```python\n(.*?)```", cell.source, re.S)[1]
        for cell in notebook.cells
        if "python gate.py" in cell.source
    )
    (tmp_path / "gate.py").write_text(script)
    table = pd.DataFrame({"flag": [True, False] * 100, "sum": range(200), "word": ["a", "b"] * 100})
    schema = infer_schema(generate_statistics(table))
    schema["sum"].range = (0, None)
    schema.environments, schema.min_rows = ["TRAINING", "SERVING"], 100
    schema.save(tmp_path / "mine.pbtxt")
    files = {
        "good": table.to_csv(index=False),
        "bad": table.assign(sum=-1).to_csv(index=False),
        "empty": "",
    }
    codes = {}
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text)
        run = [sys.executable, "gate.py", f"{name}.csv"]
        done = subprocess.run(
            run, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        codes[name] = (done.returncode, "quarantine" in done.stderr)
    assert codes == {"good": (0, False), "bad": (1, False), "empty": (1, True)}
