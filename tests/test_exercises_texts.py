"""The texts of the exercises: what an author may write, and what is said about a mistake."""

import subprocess
import sys
import textwrap

import pytest

from helpers.course.exercises import check, core, texts
from helpers.course.exercises.judges import number
from helpers.course.lesson_0 import exercises as judges

ONE = """
["9.9-a"]
question = "One?"
hints = ["One."]
solution = 'answer = 1'
wrong = [{ answer = '2', reply = "two" }]
"""


@pytest.fixture
def written(tmp_path):
    def read(text):
        (tmp_path / "exercises.toml").write_text(text, encoding="utf-8")
        return texts.read(tmp_path / "exercises.toml")

    return read


def test_the_example_in_the_documentation_can_be_read(written):
    example = textwrap.dedent(texts.__doc__.partition("::\n\n")[2].partition("``kind``")[0])
    (share,) = written(example).values()
    assert share["kind"] == "code" and len(share["hints"]) == 2
    assert share["solution"].startswith("def share(loans):\n    return")
    assert share["wrong"][1][0] == share["solution"].replace("mean", "sum")
    assert list(share["replies"]) == ["0"]


def test_a_text_of_several_lines_is_one_line_and_code_keeps_its_lines(written):
    text = ONE.replace('"One?"', '"""\nHow many\n  ones?\n"""').replace(
        "'2'", "'''\n  a = 2\n    ''' "
    )
    fields = written(text)["9.9-a"]
    assert fields["question"] == "How many ones?"
    assert fields["wrong"] == (("a = 2", "two"),)
    assert fields.keys() == {"question", "hints", "solution", "wrong"}, "the rest is the class's"


def test_a_wrong_answer_may_change_the_solution_in_several_places(written):
    text = ONE.replace("answer = '2'", "change = { '1' = '''\n  f(\n    2)\n''', 'answer' = 'x' }")
    assert written(text)["9.9-a"]["wrong"] == (("x = f(\n  2)", "two"),)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('question = "One?"', "", "question is missing"),
        ("hints =", "hint =", "there is no key 'hint'"),
        ('["One."]', '"One."', "expected a list, got 'One.'"),
        ('["One."]', "[1]", "expected a text, got 1"),
        (', reply = "two"', "", "reply is missing"),
        ("answer = '2'", "answer = 2", "expected a text, got 2"),
        ("answer = '2'", "change = { '2' = '3' }", "changes '2', which is not in the solution"),
        ("answer = '2'", "change = '2'", "expected a table, got '2'"),
        ("{ answer = '2', reply = \"two\" }", "'2'", "expected a table, got '2'"),
        ('question = "One?"', 'question = "One?"\nkind = "quiz"', "there is no kind 'quiz'"),
        ("wrong =", "replies = 'No.'\nwrong =", "expected a table, got 'No.'"),
        ("wrong =", "replies.2 = 2\nwrong =", "expected a text, got 2"),
    ],
)
def test_a_mistake_is_said_with_its_file_and_exercise(written, old, new, words):
    assert old in ONE
    with pytest.raises(ValueError, match="exercises.toml, exercise 9.9-a: ") as error:
        written(ONE.replace(old, new, 1))
    assert words in str(error.value)


def test_what_is_not_toml_is_said_with_its_file_and_line(written):
    with pytest.raises(ValueError, match=r"exercises.toml: .*line 3"):
        written(ONE.replace('"One?"', "One?"))


@pytest.mark.parametrize(
    ("present", "words"), [("0-a", "no judge of exercise 0-b"), ("0-a 0-b 0-c", "no text .* 0-c")]
)
def test_texts_and_judges_belong_together(monkeypatch, present, words):
    monkeypatch.setattr(judges, "JUDGES", dict.fromkeys(present.split(), lambda answer: None))
    core._judges.cache_clear()
    with pytest.raises(ValueError, match=f"lesson_0.exercises.py: there is {words}"):
        check("0-a", 1)


def test_replies_are_read_in_their_order_and_number_takes_their_names_for_numbers(written):
    text = ONE + 'replies."0.5" = "Half\\n of it."\nreplies.2 = "All."\n'
    assert written(text)["9.9-a"]["replies"] == {"0.5": "Half of it.", "2": "All."}
    judge = number(1, replies=texts.replies("3.4-a"))
    assert judge(13) == "That is March." and judge(1) is None


def test_a_report_does_not_wait_for_the_judges():
    program = (
        "import sys; from helpers.course.exercises.core import exercises_by_lesson as all;"
        "print(len(all()) > 10, [name for name in sys.modules if 'course.lesson_' in name])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "True []", done.stderr
