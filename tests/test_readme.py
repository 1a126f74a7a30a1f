"""What the README shows is so: its snippets run as printed, its reply is the one that is given."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from helpers.base import resources
from helpers.course.exercises.core import exercises_by_lesson, find

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README, re.M | re.S)
INSTALL = re.findall(r"`pip install \"\.(\[[\w,]+\])\"`", README)
DATA = {
    "january.csv": "age,country\n30,DE\n40,FR\n",
    "february.csv": "age,country\n30,DE\n400,FR\n",
}


def run(*command, folder=None):
    return subprocess.run(map(str, command), cwd=folder, capture_output=True, text=True)


@pytest.fixture(scope="module", params=range(len(SNIPPETS)), ids=INSTALL)
def snippet(request, tmp_path_factory):
    """A Python with what the snippet says and nothing more, a folder of its own, and the code."""
    folder = tmp_path_factory.mktemp("work")
    uv = Path(sys.executable).with_name("uv")
    build = ("--quiet", "--wheel", "--no-build-isolation", "--python", sys.executable)
    built = run(uv, "build", *build, "--out-dir", folder, ROOT)
    assert built.returncode == 0, built.stderr
    (wheel,) = folder.glob("*.whl")
    run(uv, "venv", "--quiet", "--python", sys.executable, folder / "venv")
    python = folder / "venv" / "bin" / "python"
    what = (f"{wheel}{INSTALL[request.param]}", "--constraint", ROOT / "requirements" / "lab.txt")
    for way in (["--offline"], []):
        installed = run(uv, "pip", "install", "--quiet", *way, "--python", python, *what)
        if installed.returncode == 0:
            break
    else:
        pytest.skip(f"the extras cannot be installed here: {installed.stderr.strip()[-300:]}")
    (folder / "snippet.py").write_text(SNIPPETS[request.param])
    return python, folder


def test_each_snippet_says_what_to_install():
    assert len(INSTALL) == len(SNIPPETS) == 2


@pytest.mark.parametrize("snippet", [0], indirect=True, ids=["validation"])
def test_a_bad_file_is_stopped_and_a_good_one_is_let_in(snippet):
    python, folder = snippet
    for name, content in DATA.items():
        (folder / name).write_text(content)
    done = run(python, "snippet.py", folder=folder)
    assert done.returncode == 1, done.stderr
    assert re.search(r"quarantined(.|\n)*400", done.stderr)
    assert (folder / "schema.pbtxt").exists()
    (folder / "february.csv").write_text(DATA["january.csv"])
    done = run(python, "snippet.py", folder=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("snippet", [1], indirect=True, ids=["fairness"])
def test_the_letter_gives_reasons_that_count_against_the_applicant(snippet):
    python, folder = snippet
    done = run(python, "snippet.py", folder=folder)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^female +5,834 +0\.734", done.stdout, re.M)
    letter = done.stdout.partition("The principal reasons for our decision:\n")[2]
    reasons = re.findall(r"^\d\. (.*)", letter, re.M)
    # This applicant earns little and paid late once; the amount speaks for her.
    assert [reason.split(":")[0] for reason in reasons] == [
        "Income",
        "Late payments on record",
        "Length of credit history",
    ], done.stdout


def test_the_reply_that_is_shown_is_the_one_that_is_given():
    shown = re.search(r'>>> check\("(\S+)", (.+?)\)  #.*\n((?:  \S.*\n)+?)  ```', README)
    id, answer, reply = shown.groups()
    assert repr(find(id).feedback(eval(answer))) == " ".join(reply.split())


def test_lessons_have_the_minutes_of_the_lessons():
    for lesson in resources.lessons():
        place = lesson.path.relative_to(ROOT).as_posix()
        (row,) = re.findall(rf"^.*\({re.escape(place)}\) \| .* \| \d+ \|$", README, re.M)
        assert row.endswith(f"| {lesson.minutes} |"), row


def test_the_weeks_of_the_course_name_every_lesson_and_say_which_are_to_come():
    table = re.search(r"^\| Course, week .*\n(?:\|.*\n)+", README, re.M)[0]
    assert len(re.findall(r"^\| \d, week \d \|", table, re.M)) == 3 + 4 + 5 + 4
    to_come = set(re.findall(r"\*(\d\.\d)\b[^*]*\*", table))
    here = set(re.findall(r"\b\d\.\d\b", re.sub(r"\*[^*]*\*", "", table)))
    assert here == {lesson.number for lesson in resources.lessons()[1:]}
    tracks = {1: 4, 2: 8, 3: 6, 4: 7}
    all_of_them = {f"{track}.{n}" for track, last in tracks.items() for n in range(1, last + 1)}
    assert here | to_come == all_of_them and not here & to_come


def test_each_outcome_names_lessons_that_teach_it_and_exercises_that_check_it():
    table = re.search(
        r"^\| You will be able to \| Lessons \|.*\n\|.*\n((?:\|.*\n)+)", README, re.M
    )[1]
    rows = [row.split(" | ") for row in table.splitlines()]
    linked = [set(re.findall(r"\[(\S+)\]\((notebooks/\S+)\)", lessons)) for _, lessons, _ in rows]
    here = {(one.number, one.path.relative_to(ROOT).as_posix()) for one in resources.lessons()}
    assert set.union(*linked) == here
    named = re.findall(r"(\d\.\d-\w) (\*?)", table)
    exercises = {one.id: one for lesson in exercises_by_lesson().values() for one in lesson}
    designs = {id for id, one in exercises.items() if one.kind == "design"}
    assert {id for id, italics in named if italics} == designs
    assert {id for id, _ in named} <= exercises.keys()
    for (_, _, checks), lessons in zip(rows, linked, strict=True):
        numbers = {number for number, _ in lessons}
        assert {id[:3] for id, _ in re.findall(r"(\d\.\d-\w) (\*?)", checks)} <= numbers


def test_the_badge_names_the_pythons_of_the_project():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    first, after = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()
    versions = f"3.{first} to 3.{int(after) - 1}"
    assert versions in (ROOT / "docs/badges/python.svg").read_text() and versions in README
