"""Progress can be handed in: as text, as a JUnit report, and as a page."""

import json
import re
import subprocess
import sys
from datetime import date
from xml.etree import ElementTree

import pytest

from helpers.course.exercises import check
from helpers.course.exercises.__main__ import main
from helpers.course.exercises.core import Exercise, exercises_by_lesson, find
from helpers.course.exercises.report import junit, page
from helpers.course.exercises.store import ProgressFile


@pytest.fixture(autouse=True)
def own_progress_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_PROGRESS", str(tmp_path / "progress.json"))


def cases(text):
    """The elements below each case, by exercise."""
    return {case.get("name"): list(case) for case in ElementTree.fromstring(text).iter("testcase")}


def test_solved_passes_tried_fails_with_the_question_and_the_rest_is_skipped(tmp_path, capsys):
    check("2.1-a", "utilization")
    check("2.1-b", "wrong")
    report = tmp_path / "report.xml"
    assert main(["report", "--junit", str(report)]) == 0
    found = cases(report.read_text())
    assert found["2.1-a"] == []
    (failure,) = found["2.1-b"]
    assert failure.tag == "failure" and find("2.1-b").question in failure.get("message")
    (skipped,) = found["2.1-c"]
    assert skipped.tag == "skipped"
    assert "lesson 2.1" in capsys.readouterr().out


def test_every_exercise_is_in_the_report_and_the_counts_agree():
    root = ElementTree.fromstring(
        junit(exercises_by_lesson(), {"2.1-a": "solved", "0-a": "attempted"})
    )
    ids = [exercise.id for group in exercises_by_lesson().values() for exercise in group]
    assert [case.get("name") for case in root.iter("testcase")] == ids
    for suite in root:
        assert int(suite.get("tests")) == len(suite.findall("testcase"))
        assert int(suite.get("failures")) == len(suite.findall("testcase/failure"))
        assert int(suite.get("skipped")) == len(suite.findall("testcase/skipped"))
    assert sum(int(suite.get("failures")) for suite in root) == 1


def test_what_was_solved_in_a_lesson_that_is_gone_is_left_out():
    assert "7.7-a" not in junit(exercises_by_lesson(), {"7.7-a": "solved"})


def test_a_question_with_special_characters_is_still_xml():
    odd = Exercise("9-a", 'Is a < b & "c" > d?\nYes or no.', lambda _: None, ("h",), "", ())
    ((failure,),) = cases(junit({"9": [odd]}, {"9-a": "attempted"})).values()
    assert 'a < b & "c" > d?' in failure.get("message")


def test_a_report_that_cannot_be_written_is_said_and_leaves_nothing_behind(tmp_path, capsys):
    assert main(["report", "--junit", str(tmp_path / "none" / "report.xml")]) == 1
    assert "could not be written" in capsys.readouterr().err


def test_it_runs_from_a_shell_without_anything_heavy():
    program = (
        "import sys; from helpers.course.exercises.__main__ import main; main(['report']);"
        "print(sorted({'numpy', 'pandas', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    command = [sys.executable, "-m", "helpers.course.exercises", "report"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and re.search("lesson 2.1 +Validate data +0 of", done.stdout)


def test_the_page_has_what_was_solved_with_its_day_and_what_is_open(tmp_path, capsys):
    check("2.1-a", "utilization")
    check("2.1-b", "wrong")
    file = tmp_path / "solved.html"
    assert main(["report", "--html", str(file)]) == 0
    text = file.read_text()
    rows = dict(re.findall(r'<th scope="row">(\S+)</th>.*?<td class="(\w+)">', text))
    assert len(rows) == len(exercises_by_lesson()["2.1"])
    assert (rows["2.1-a"], rows["2.1-b"], rows["2.1-c"]) == ("solved", "attempted", "open")
    assert f"✔ solved<br>{date.today().isoformat()}" in text
    assert "2.1 Validate data" in text and f"1 of {len(rows)} solved" in text
    total = sum(len(exercises) for exercises in exercises_by_lesson().values())
    assert f": 1 of {total} exercises" in text
    assert f"The page is {file}" in capsys.readouterr().out


def test_the_page_is_complete_in_one_file_and_escapes_what_it_shows():
    odd = Exercise("9-a", "Is a < b & c?", lambda _: None, ("h",), "", ())
    text = page({"9": [odd], "10": [odd]}, {"9-a": "solved"}, {}, {"9": "<script>"})
    assert "Is a &lt; b &amp; c?" in text and "<script" not in text
    assert not re.search(r"https?:|src=|<link|@import", text)


def test_a_progress_file_from_before_days_were_kept_is_read(tmp_path):
    (tmp_path / "progress.json").write_text('{"exercises": {"2.1-b": "solved"}}')
    check("2.1-a", "utilization")
    assert ProgressFile().read() == {"2.1-a": "solved", "2.1-b": "solved"}
    assert ProgressFile().days() == {"2.1-a": date.today().isoformat()}
    states = json.loads((tmp_path / "progress.json").read_text())["exercises"]
    assert states == {"2.1-a": "solved", "2.1-b": "solved"}
