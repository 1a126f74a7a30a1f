"""The linter lets the template of a lesson pass, and finds each fault that is made in it."""

import copy
import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.course.exercises.core import Exercise
from tools import lint_notebooks

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = json.loads((ROOT / "docs" / "lesson_template.ipynb").read_text())
KINDS = dict(zip("abcde", ("choice", "number", "code", "code", "design"), strict=True))
EXERCISES = [
    Exercise(f"9.9-{letter}", "?", lambda _: None, ("h",), "", (), kind=kind)
    for letter, kind in KINDS.items()
]


@pytest.fixture(autouse=True)
def exercises_of_the_template(monkeypatch):
    known = {"2.1": [Exercise("2.1-a", "?", lambda _: None, ("h",), "", ())], "9.9": EXERCISES}
    monkeypatch.setattr(lint_notebooks, "exercises_by_lesson", lambda: known)


class Draft:
    """A copy of the template in which something is changed."""

    def __init__(self, folder):
        self.path = folder / "lesson_template.ipynb"
        self.notebook = copy.deepcopy(TEMPLATE)
        self.cells = self.notebook["cells"]

    def cell(self, words):
        (found,) = [cell for cell in self.cells if words in "".join(cell["source"])]
        return found

    def cell_of_code(self, source):
        (found,) = [cell for cell in self.cells if "".join(cell["source"]) == source]
        return found

    def replace(self, old, new):
        cell = self.cell(old)
        cell["source"] = "".join(cell["source"]).replace(old, new)

    def remove(self, words):
        self.cells.remove(self.cell(words))

    def move(self, words, to):
        cell = self.cell(words)
        self.cells.remove(cell)
        self.cells.insert(to, cell)

    def faults(self):
        self.path.write_text(json.dumps(self.notebook))
        return lint_notebooks.lint(self.path)

    def messages(self):
        return [fault.message for fault in self.faults() if not fault.advice]


@pytest.fixture
def draft(tmp_path):
    return Draft(tmp_path)


def test_the_template_is_a_lesson_without_a_fault(draft):
    assert draft.faults() == []


def test_of_the_template_only_the_exercises_have_to_be_written(monkeypatch):
    monkeypatch.undo()
    faults = lint_notebooks.lint(ROOT / "docs" / "lesson_template.ipynb")
    assert [fault.message for fault in faults] == [
        f"there is no exercise '9.9-{letter}'" for letter in "abcde"
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("# 9.9 Name", "# Name", "expected the title"),
        ("/docs/lesson_template.ipynb)", "/docs/other.ipynb)", "the Colab badge leads to"),
        ("about 60 minutes", "an hour", "expected a line of context"),
        ("about 60 minutes", "about 45 minutes", "the line of context says"),
        ("## The incident", "## A story", "has no section 'The incident'"),
        ("### You will be able to", "### Aims", "has no section 'You will be able to'"),
        ("1. **read** the first thing, off a table or a figure;", "", "names 2 outcomes"),
        ("## In production", "## Elsewhere", "has no section 'In production'"),
        ("## What you learned", "## The end", "has no section 'What you learned'"),
        ("**Next:**", "Then:", "has no section 'Next'"),
        ("### Sources", "### Links", "has no section 'Sources'"),
        ("- [scikit-learn: User guide](https", "- scikit-learn (https", "has 2 sources"),
        ("**Predict.** Before", "Before", "never says **Predict**"),
        ('check("9.9-a", answer)', 'check("9.9-z", answer)', "there is no exercise '9.9-z'"),
        ('check("9.9-a", answer)', 'check("2.1-a", answer)', "'2.1-a' is of another lesson"),
        ('check("9.9-a", answer)', 'check("9.9-b", answer)', "9.9-a is asked 0 times"),
        ('check("9.9-a", answer)', 'check("9.9-b", answer)', "9.9-b is asked 2 times"),
        ('answer = ...\ncheck("9.9-c"', 'answer = 3\ncheck("9.9-c"', "the answer of 9.9-c is"),
        ("### Exercise 9.9-d", "### Question", "under the heading `Exercise 9.9-d`"),
        ('# solution("9.9-d")', 'solution("9.9-d")', "expected below it a cell with # hint"),
        ('# hint("9.9-d")', '# hint("9.9-e")', "expected below it a cell with # hint"),
        ("*The figure: five bars", "*Five bars", "shows a figure; the cell below"),
        ("*The figure: the incomes", "The figure: the incomes", "shows a figure; the cell below"),
        ("> **Note** Boxes", "> **Hint** Boxes", "has a box 'Hint'"),
        ("Nothing is explained yet", "See /home/ann/notes", "a path of one machine: /home/ann"),
        ("Nothing is explained yet", "![](picture.png)", "has a picture without alt text"),
        ("Nothing is explained yet", '<img src="a.png">', "has an <img> without alt"),
    ],
)  # fmt: skip
def test_a_fault_in_a_text_is_found(draft, old, new, message):
    draft.replace(old, new)
    assert any(message in found for found in draft.messages()), draft.messages()


def test_a_lesson_without_its_badge_or_setup_cell_is_told_to_be_stamped(draft):
    draft.replace("https://colab.research.google.com/github", "https://example.org")
    assert any("expected the Colab badge" in found for found in draft.messages())
    draft.remove("%load_ext helpers")
    assert any("expected one setup cell" in found for found in draft.messages())


def test_code_before_the_setup_cell_is_a_fault(draft):
    draft.move("%load_ext helpers", 6)
    assert any("the first cell with code" in found for found in draft.messages())


def test_sections_in_another_order_are_a_fault(draft):
    draft.move("## In production", len(draft.cells) - 1)
    assert draft.messages() == ["'What you learned' stands before 'In production'"]


def test_fewer_than_five_exercises_are_a_fault(draft):
    draft.remove('check("9.9-e"')
    assert "has 4 exercises; expected at least 5" in draft.messages()
    assert "exercise 9.9-e is asked 0 times; expected once" in draft.messages()


def test_a_lesson_without_a_widget_is_a_fault(draft):
    draft.replace("import ipywidgets as w", "")
    draft.replace("from helpers.course.views import", "from views import")
    assert any("has no widget" in found for found in draft.messages())


@pytest.mark.parametrize(
    ("about", "message"),
    [
        ({"budget_s": 121}, "its time budget is 121 s; expected at most 120"),
        ({"budget_s": 0}, "its time budget is 0 s"),
        ({"budget_s": "60"}, "its time budget is '60' s"),
        ({"minutes": None}, "the line of context says"),
    ],
)
def test_metadata_have_to_make_sense(draft, about, message):
    draft.notebook["metadata"]["first_dance"] |= about
    assert any(message in found for found in draft.messages())


def test_a_budget_beyond_the_usual_is_only_advice(draft):
    draft.notebook["metadata"]["first_dance"]["budget_s"] = 90
    (fault,) = draft.faults()
    assert fault.advice and "advice: its time budget is 90 s" in str(fault)


def test_metadata_that_lack_something_are_a_fault(draft):
    del draft.notebook["metadata"]["first_dance"]["minutes"]
    assert "its metadata first_dance lacks minutes" in draft.messages()


def test_a_long_cell_is_only_advice(draft):
    draft.replace("loans = datasets", "one = 1\n" * 15 + "loans = datasets")
    (fault,) = draft.faults()
    assert fault.advice and "lines of code" in fault.message


def test_a_cell_that_was_never_run_or_out_of_order_is_a_fault(draft):
    draft.cell("by_term.index")["execution_count"] = None
    assert any("was never run" in found for found in draft.messages())
    draft.cell("by_term.index")["execution_count"] = 1
    assert any("not run after the one above" in found for found in draft.messages())


def output(kind, **more):
    return {"output_type": kind, **more}


def test_an_error_is_a_fault_unless_it_is_meant(draft):
    cell = draft.cell("by_term.index")
    cell["outputs"].append(output("error", ename="E", evalue="", traceback=[]))
    assert any("shows an error" in found for found in draft.messages())
    cell["metadata"]["tags"] = ["raises-exception"]
    assert draft.messages() == []


def test_a_warning_is_a_fault(draft):
    cell = draft.cell("by_term.index")
    cell["outputs"].append(output("stream", name="stderr", text=["careful\n"]))
    assert any("shows a warning" in found for found in draft.messages())


@pytest.mark.parametrize("path", ["/home/ann/x", "/root/x", "/Users/ann/x", "/tmp/tmpab12/x"])
def test_a_path_of_one_machine_in_an_output_is_a_fault(draft, path):
    cell = draft.cell("by_term.index")
    cell["outputs"].append(output("stream", name="stdout", text=[f"saved to {path}\n"]))
    assert any("its output has a path" in found for found in draft.messages())


def test_a_traceback_names_files_of_the_checkout_and_of_no_machine(draft):
    cell = draft.cell("by_term.index")
    cell["metadata"]["tags"] = ["raises-exception"]
    lines = ["File \x1b[32m/srv/lab/helpers/world.py:104\x1b[39m, in f", "see https://a.org/b/c.py"]
    cell["outputs"].append(output("error", ename="E", evalue="", traceback=lines))
    (found,) = draft.messages()
    assert found == "its traceback has a path of one machine: /srv/lab/helpers/world.py"
    lines[0] = "File \x1b[32mhelpers/world.py:104\x1b[39m, in f"
    assert draft.messages() == []


def test_an_output_that_is_not_compared_needs_a_reason(draft):
    cell = draft.cell("by_term.index")
    cell["metadata"]["tags"] = ["nbval-ignore-output"]
    assert any("nbval-ignore-output" in found for found in draft.messages())
    cell["metadata"]["first_dance"] = {"not_compared": "times differ"}
    assert draft.messages() == []
    del cell["metadata"]["tags"]
    assert any("lacks the tag nbval-ignore-output" in found for found in draft.messages())


@pytest.mark.parametrize(
    "comment",
    [
        "# nbval-ignore-output: times differ.",
        "# The output is not compared: times differ.",
        "x = [1,2]  # fmt: skip",
        "import os  # noqa: F401",
    ],
)
def test_a_learner_does_not_read_what_is_meant_for_ci(draft, comment):
    cell = draft.cell("by_term.index")
    cell["source"] = f"{comment}\n" + "".join(cell["source"])
    (found,) = draft.messages()
    assert "a comment that is not for its reader" in found


def test_a_picture_without_alt_text_in_its_metadata_is_a_fault(draft):
    picture = {"image/png": "iVBORw0KGgo=", "text/plain": "five bars"}
    outputs = draft.cells[draft.cells.index(draft.cell("*The figure: five bars")) - 1]["outputs"]
    outputs[:] = [output("display_data", data=picture, metadata={})]
    assert draft.messages() == [
        "has a picture without alt text in its metadata: run `make notebooks`"
    ]
    outputs[0]["metadata"] = {"image/png": {"alt": "Five bars."}}
    assert draft.messages() == []


def test_a_lesson_ends_with_the_progress_over_all_lessons(draft):
    cell = draft.cell_of_code("progress()")
    text = cell["outputs"][0]["data"]["text/plain"]
    assert any(line.startswith("lesson 2.1   Validate data ") for line in text)
    cell["outputs"][0]["data"]["text/plain"] = text[1:]
    assert draft.messages() == [
        "does not list all lessons with their exercises: run `make notebooks`"
    ]
    cell["metadata"] = {}
    assert any("expected the tag nbval-ignore-output" in found for found in draft.messages())


def test_a_lesson_without_the_progress_at_its_end_is_a_fault(draft):
    message = "expected a cell `progress()` after **Next**, the last cell with code"
    draft.move("**Next:**", len(draft.cells) - 1)
    assert message in draft.messages()
    draft.cells.remove(draft.cell_of_code("progress()"))
    assert message in draft.messages()


def test_the_start_page_needs_no_incident_and_no_five_exercises(draft, monkeypatch):
    monkeypatch.undo()
    draft.notebook = json.loads((ROOT / "notebooks" / "0_start_here.ipynb").read_text())
    draft.path = draft.path.with_name("0_start_here.ipynb")
    assert draft.messages() == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"cells": 3}', '{"cells": [{}]}'])
def test_what_is_no_notebook_is_a_fault_and_no_crash(tmp_path, text):
    path = tmp_path / "a.ipynb"
    path.write_text(text)
    (fault,) = lint_notebooks.lint(path)
    assert "cannot be read" in fault.message


def test_from_a_shell_faults_are_lines_and_the_exit_code(draft):
    draft.replace("## In production", "## Elsewhere")
    draft.faults()
    command = [sys.executable, "-m", "tools.lint_notebooks"]
    done = subprocess.run([*command, draft.path], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert f"{draft.path}: has no section 'In production'" in done.stdout.splitlines()
    fine = ROOT / "notebooks" / "0_start_here.ipynb"
    done = subprocess.run([*command, fine], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_is_searched_and_checkpoints_are_left_out(tmp_path):
    for name in ("b/one.ipynb", "a.ipynb", "b/.ipynb_checkpoints/one.ipynb"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = lint_notebooks.notebooks([tmp_path])
    assert [path.name for path in found] == ["a.ipynb", "one.ipynb"]


def of_kinds(*kinds):
    pairs = zip(EXERCISES, kinds, strict=True)
    return [dataclasses.replace(exercise, kind=kind) for exercise, kind in pairs]


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (("choice", "choice", "number", "code", "design"), "2 of 5 exercises run"),
        (("choice", "number", "code", "code", "code"), "something is designed"),
    ],
)
def test_most_exercises_run_code_and_one_designs(draft, monkeypatch, kinds, words):
    known = {"9.9": of_kinds(*kinds)}
    monkeypatch.setattr(lint_notebooks, "exercises_by_lesson", lambda: known)
    assert words in " ".join(fault.message for fault in draft.faults())


def test_a_lesson_of_more_than_3000_words_is_too_long_and_links_do_not_count(draft):
    long, link = " word" * 2_000, " [a](https://example.org/b-c-d)"
    draft.cell("## The incident")["source"] += [long, link * 200]
    assert not draft.messages()
    draft.cell("## The incident")["source"] += [long]
    (message,) = draft.messages()
    assert "at most 3,000" in message


def test_a_cell_that_shows_only_true_gets_advice(draft):
    output = {"output_type": "stream", "name": "stdout", "text": ["False\n"]}
    draft.cell("by_term = ")["outputs"] = [output]
    assert any(fault.advice and "show the numbers" in fault.message for fault in draft.faults())
