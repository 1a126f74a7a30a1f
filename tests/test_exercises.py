"""Every exercise answers every answer, and what a learner has solved is kept."""

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.course import exercises
from helpers.course.exercises import UnknownExerciseError, check, hint, progress, solution
from helpers.course.exercises.calls import ReplyError, function, run
from helpers.course.exercises.core import RAISE, Exercise, exercises_by_lesson, find
from helpers.course.exercises.judges import (
    as_names,
    as_numbers,
    assigned,
    behaves,
    chosen,
    name,
    number,
)
from helpers.course.exercises.panel import Progress
from helpers.course.exercises.store import ProgressFile

ALL = [exercise for group in exercises_by_lesson().values() for exercise in group]
WRONG = [(exercise, *wrong) for exercise in ALL for wrong in exercise.wrong]


@pytest.fixture(autouse=True)
def own_progress_file(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOPS_PROGRESS", str(tmp_path / "progress.json"))
    monkeypatch.setenv(RAISE, "1")
    monkeypatch.setattr(exercises, "_hints_seen", {})


def evaluate(source):
    """The answer from a piece of Python: an expression, or code that sets it."""
    space = {}
    try:
        return eval(source, space)
    except SyntaxError:
        exec(source, space)
        return space["answer"]


def solved(exercise):
    return exercise.solution.strip().removeprefix("answer = ")


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
def test_the_solution_is_right_and_the_placeholder_is_not_attempted(exercise):
    assert exercise.feedback(evaluate(exercise.solution)).status == "right"
    assert exercise.feedback(...).status == "not attempted"


@pytest.mark.parametrize(
    ("exercise", "answer", "words"), WRONG, ids=[f"{e.id}: {words}" for e, _, words in WRONG]
)
def test_each_wrong_answer_gets_the_reply_that_is_meant_for_it(exercise, answer, words):
    feedback = exercise.feedback(evaluate(answer))
    assert feedback.status == "wrong"
    assert words in feedback.message
    assert solved(exercise) not in feedback.message


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
def test_an_exercise_is_complete_and_its_hints_give_nothing_away(exercise):
    assert exercise.question and exercise.hints and len(exercise.wrong) >= 3
    assert not [text for text in exercise.hints if solved(exercise) in text]


ODD = [
    "None", "object()", "lambda: 1", "[]", "{}", "set()", "()", "float('nan')", "''", "b'x'",
    "True", "1e400", "int", "range(3)", "[[1], [2]]", "{1: 2}", "('a', 'b', 'c')", "{None}",
    "__import__('pandas').DataFrame({'a': [1]})", "__import__('numpy').arange(3)",
    "__import__('numpy').array([1, 2])", "__import__('pandas').Series([1, 2])", "Exception()",
    "[[]]", "[{}]", "{'age': []}", "(1, {})",
]  # fmt: skip


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
def test_no_reply_to_an_answer_of_the_wrong_type_shows_a_part_of_the_right_one(
    exercise, monkeypatch
):
    monkeypatch.delenv(RAISE)
    right = evaluate(exercise.solution)
    parts = {right} if isinstance(right, str | int | float) else set()
    parts |= set(right) if isinstance(right, set | list | tuple) else set()
    for odd in ("None", "object()", "lambda: 1", "b'x'", "Exception()"):
        message = exercise.feedback(evaluate(odd)).message
        assert not [part for part in parts if repr(part) in message.replace(odd, "")]


@pytest.mark.parametrize("exercise", ALL, ids=lambda exercise: exercise.id)
def test_no_odd_answer_is_right_or_raises(exercise, monkeypatch):
    monkeypatch.delenv(RAISE)
    faults = {}
    for odd in ODD:
        try:
            feedback = exercise.feedback(evaluate(odd))
            assert feedback.status == "wrong"
            assert len(feedback.message) > 10
            repr(feedback), feedback._repr_html_()
        except Exception as error:
            faults[odd] = repr(error)
    assert not faults


def test_ids_are_unique_and_belong_to_their_lesson():
    ids = [exercise.id for exercise in ALL]
    assert len(set(ids)) == len(ids)
    for lesson, group in exercises_by_lesson().items():
        assert all(exercise.id.startswith(f"{lesson}-") for exercise in group)


def test_a_right_and_a_wrong_answer_and_none_are_told_apart():
    assert check("2.1-a", "utilization").status == "right"
    assert check("2.1-a", "age").status == "wrong"
    assert check("2.1-a", ...).status == "not attempted"


def test_an_unknown_id_is_answered_with_the_nearest():
    with pytest.raises(UnknownExerciseError, match="no exercise '2.1-aa'.*2.1-a") as error:
        check("2.1-aa", 1)
    assert str(error.value).startswith("There is no exercise"), "no quotes around the message"
    with pytest.raises(UnknownExerciseError):
        hint("9.9-z")
    with pytest.raises(UnknownExerciseError):
        solution(None)


def test_an_answer_that_breaks_a_judge_is_wrong_and_the_question_is_repeated(monkeypatch):
    monkeypatch.delenv(RAISE)
    fragile = Exercise("9-a", "A whole number.", lambda a: None if a + 1 else "", ("h",), "", ())
    feedback = fragile.feedback("text")
    assert feedback.status == "wrong"
    assert "type str" in feedback.message and "A whole number." in feedback.message


ENDLESS = """
def answer(*_):
    while True:
        try:
            pass
        except Exception:
            pass
"""


def test_a_function_that_never_ends_is_stopped_with_a_reply():
    with pytest.raises(ReplyError, match="stopped after 0.2 seconds.*called with a list of two"):
        run(evaluate(ENDLESS), [1, 2], seconds=0.2, about="a list of two")


def test_a_function_gets_copies_and_its_errors_become_replies():
    given = [3, 1]
    assert run(lambda values: values.sort() or values, given) == [1, 3]
    assert given == [3, 1]
    with pytest.raises(ReplyError, match="raised KeyError: 'income'"):
        run(lambda row: row["income"], {})
    with pytest.raises(ReplyError, match="Expected a function .*got None"):
        run(None)
    with pytest.raises(ReplyError, match="Expected a function .*type type"):
        function(int)
    assert function(len) is len

    def budget():
        raise ReplyError("That was one check too many.")

    with pytest.raises(ReplyError, match="^That was one check too many.$"):
        run(lambda check: check(), budget)


def test_a_reply_raised_by_a_judge_is_the_reply():
    def judge(answer):
        raise ReplyError("Look at the second month.")

    feedback = Exercise("9-a", "?", judge, ("h",), "", ()).feedback(1)
    assert (feedback.status, feedback.message) == ("wrong", "Look at the second month.")


def test_a_keyboard_interrupt_is_not_swallowed():
    def endless(answer):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Exercise("9-a", "?", endless, ("h",), "", ()).feedback(1)


def test_hints_come_one_after_the_other_and_say_how_many_there_are():
    total = len(find("2.1-d").hints)
    titles = [hint("2.1-d").title for _ in range(total + 1)]
    assert titles == [*(f"Hint {k + 1} of {total}" for k in range(total)), f"Hint 1 of {total}"]


def test_a_solution_is_shown_as_code():
    assert "def gate" in repr(solution("2.1-f"))
    assert "<pre style=" in solution("2.1-f")._repr_html_()


def test_feedback_is_a_panel_that_does_not_speak_by_colour_alone():
    page = check("2.1-a", "<b>bold</b>")._repr_html_()
    assert "✘ wrong" in page and 'role="status"' in page
    assert "<b>bold</b>" not in page, "what the learner wrote is text, not HTML"
    assert repr(check("2.1-a", "age")).startswith("[wrong] 2.1-a:")


def contrast(one, other):
    def luminance(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_every_badge_can_be_read():
    from helpers.course.exercises import panel

    colours = [colour for colour, _ in [*panel._LOOK.values(), panel._INFO]]
    assert all(contrast(colour, "#ffffff") >= 4.5 for colour in colours)


def test_progress_counts_and_what_was_solved_stays_solved():
    assert progress().counts["2.1"][0] == 0
    check("2.1-a", "age")
    assert progress().counts["2.1"][:2] == (0, 1)
    check("2.1-a", "utilization")
    check("2.1-a", "age")
    assert progress().counts["2.1"][:2] == (1, 0)
    assert "1 of" in repr(progress()) and "<progress" in progress()._repr_html_()
    assert repr(Progress({})) == "no exercises yet"


def test_a_placeholder_leaves_no_trace(tmp_path):
    check("2.1-a", ...)
    assert not (tmp_path / "progress.json").exists()


def test_a_crash_while_writing_loses_nothing(tmp_path, monkeypatch):
    check("2.1-a", "utilization")
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ProgressFile().record("2.1-b", solved=True)
    assert ProgressFile().read() == {"2.1-a": "solved"}


@pytest.mark.parametrize("broken", ["", "{", "[]", "null", '{"exercises": 3}', '{"other": {}}'])
def test_an_unreadable_file_is_put_aside_and_not_lost(tmp_path, broken):
    path = tmp_path / "progress.json"
    path.write_text(broken)
    assert ProgressFile().read() == {}
    (aside,) = tmp_path.glob("progress.json.unreadable-*")
    assert aside.read_text() == broken
    check("2.1-a", "utilization")
    assert json.loads(path.read_text())["exercises"] == {"2.1-a": "solved"}


def test_two_notebooks_that_write_at_once_lose_nothing():
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda k: ProgressFile().record(f"1-{k}", solved=True), range(40)))
    assert len(ProgressFile().read()) == 40


def test_a_disk_that_cannot_be_written_does_not_hide_the_reply(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOPS_PROGRESS", str(tmp_path / "file" / "progress.json"))
    with pytest.warns(UserWarning, match="could not be saved"):
        assert check("2.1-a", "utilization").status == "right"


def test_the_package_loads_without_anything_heavy():
    program = (
        "import sys, helpers.course.exercises as e; e.find('2.1-a');"
        "print(sorted({'numpy', 'pandas', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_judges_read_answers_as_people_write_them():
    np = pytest.importorskip("numpy")
    assert number(0.5, within=0.01)(np.float32(0.5)) is None
    assert number(3)(np.array([3])) is None
    assert "too small" in number(3)(2)
    assert "Expected a number" in number(1)(True)
    assert name("age", among={"age", "sex"})(" age ") is None
    assert chosen({"A"}, among="AB")(["A", "A"]) is None
    assert "One is missing" in chosen({"A"}, among="AB")(set())
    assert "2 more are missing" in chosen({"A", "B"}, among="AB")(set())
    assert assigned({"a": "x"}, values=("x", "y"))({"a": "x"}) is None


def test_a_function_that_raises_is_quoted_with_its_argument():
    judge = behaves([(([1],), 1, "Give the first."), (([],), None, "Mind the empty list.")])
    reply = judge(lambda values: values[0])
    assert "IndexError" in reply and "[]" in reply and "Mind the empty list." in reply
    assert judge(lambda values: values[0] if values else None) is None


def test_a_function_cannot_change_the_argument_of_the_next_case():
    shared = [1, 2]
    judge = behaves([((shared,), 2, ""), ((shared,), 2, "")])
    assert judge(lambda values: values.pop()) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("None", "Expected 2 x 3 shares; got None"),
        ("'ab'", "got an answer of type str"),
        ("[[1, 2, 3]]", "of shape (1, 3)"),
        ("[[1, 2, None], [4, 5, 6]]", "got 1 NaN"),
        ("[[1, 2], [3]]", "got an answer of type list"),
    ],
)
def test_numbers_of_a_shape_are_read_or_the_reply_says_what_was_found(answer, words):
    with pytest.raises(ReplyError) as error:
        as_numbers(evaluate(answer), (2, 3), "shares")
    assert words in str(error.value)


def test_numbers_may_be_of_any_kind_and_gaps_may_be_allowed():
    assert as_numbers([True, 2], (2,), "digits").tolist() == [1.0, 2.0]
    assert as_numbers([None, 2], (2,), "digits", gaps=True)[1] == 2


@pytest.mark.parametrize(
    "answer",
    ["['a', 'b']", "{'a', 'b'}", "('b', 'a', 'b')", "{'a': 1, 'b': 2}.keys()",
     "__import__('numpy').array(['a', 'b'])", "__import__('pandas').Index(['a', 'b'])"],
)  # fmt: skip
def test_names_may_come_in_any_collection(answer):
    assert as_names(evaluate(answer), "abc") == {"a", "b"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("'ab'", "Expected names of sources, got an answer of type str. Called with x"),
        ("{'a': 1}", "of type dict"),
        ("__import__('numpy').array(1)", "of type ndarray"),
        ("__import__('pandas').DataFrame({'a': [1]})", "of type DataFrame"),
        ("__import__('numpy').array([True, False])", "a mask of True and False"),
        ("['a', 'd']", "'d' is not in a, b, c"),
        ("['a', 3]", "3 is not in a, b, c"),
    ],
)
def test_what_is_not_a_list_of_known_names_gets_a_reply(answer, words):
    with pytest.raises(ReplyError) as error:
        as_names(evaluate(answer), "abc", "sources", more="Called with x")
    assert words in str(error.value)
