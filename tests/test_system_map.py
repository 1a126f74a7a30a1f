"""The map of an ML system tells the truth about this repository, and opens every box."""

from pathlib import Path

import ipywidgets as w
import pytest
from views import controls, of_kind, words

from helpers.base import resources
from helpers.course.lesson_0.system_map import (
    AREAS,
    BOXES,
    HERE,
    ML_CODE,
    PAPER,
    SystemMap,
    code_lines,
)

ROOT = Path(__file__).resolve().parents[1]
# What only teaches is no part of an ML system.
TEACHING = ("course", "__init__.py", "_shipped")
EXCEPT = ("lesson_0/checkup.py", "lesson_1_1/design_document.py")


@pytest.fixture(scope="module")
def the_map():
    return SystemMap()


def test_blank_lines_comments_and_docstrings_do_not_count():
    source = '"""Why."""\n\n# a comment\nx = """two\nlines"""\n'
    source += '\ndef f():\n    """What."""\n    return x\n'
    assert code_lines(source) == 4
    assert code_lines(source, "f") == 2
    with pytest.raises(LookupError, match="'g'"):
        code_lines(source, "g")


def test_every_file_of_the_helpers_that_does_not_teach_is_in_one_box_and_no_other():
    counted = [
        path
        for box in BOXES.values()
        for path in {path for code in box.code for path in ROOT.glob(code.partition("::")[0])}
        if "::" not in box.code[0]
    ]
    assert len(counted) == len(set(counted))
    counted += [ROOT / "helpers" / "pipelines" / "modules" / "loans_model.py"]
    for path in (ROOT / "helpers").rglob("*.py"):
        module = path.relative_to(ROOT / "helpers").parts[0]
        works = module not in TEACHING or path.as_posix().endswith(EXCEPT)
        assert (path in counted) == works, f"which box is {path} in?"


def test_every_pattern_finds_something():
    for box in BOXES.values():
        for code in box.code:
            assert list(ROOT.glob(code.partition("::")[0])), f"{box.name}: {code}"


def test_areas_are_shares_and_fill_the_map(the_map):
    for areas in AREAS:
        shares = the_map.shares(areas)
        assert shares.sum() == pytest.approx(100)
        for place in the_map.places(areas):
            assert 100 * place.width * place.height == pytest.approx(shares[place.box.name])
            assert 0 <= place.x <= 1 - place.width + 1e-9
            assert -1e-9 <= place.y <= 1 - place.height + 1e-9


def test_the_model_is_a_small_part_here_too_as_the_start_page_says(the_map):
    page = (ROOT / "notebooks/0_start_here.ipynb").read_text(encoding="utf-8")
    assert "fewer than one line in a hundred is ML code, and about a quarter is the server" in page
    shares = the_map.shares(HERE)
    assert shares[ML_CODE] < 1
    assert 22 < shares.max() == shares["Serving infrastructure"] < 28


def test_areas_that_are_not_there_are_refused(the_map):
    with pytest.raises(ValueError, match=r"areas is 'mine'; expected one of"):
        the_map.shares("mine")


def test_a_package_without_its_repository_has_an_empty_count(tmp_path):
    assert SystemMap(tmp_path).lines.sum() == 0


def test_each_box_opens_and_names_only_lessons_that_are_there_or_to_come(the_map):
    there = {lesson.number for lesson in resources.lessons()}
    for name, box in BOXES.items():
        about = the_map.about(name)
        assert box.what.split("'")[0] in about
        for number in box.lessons:
            assert number in about
            assert (f"{number} (to come)" in about) == (number not in there)


def test_every_lesson_is_in_a_box(the_map):
    named = {number for box in BOXES.values() for number in box.lessons}
    assert {lesson.number for lesson in resources.lessons()} - {"0"} <= named


def test_on_a_narrow_box_the_name_is_broken_into_lines(the_map):
    texts = [text.get_text() for text in the_map.plot().texts]
    assert "Process\nmanagement\ntools\n6 %" in texts and "ML code 1 %" in texts


def test_buttons_open_boxes_and_the_areas_change_sizes_and_words(the_map):
    view = the_map.view()
    areas, buttons = controls(view)["areas"], controls(view, w.Button)
    (about,) = [each for each in of_kind(view, w.HTML) if "<h3>" in each.value]
    assert set(buttons) == set(BOXES)
    for name, button in buttons.items():
        button.click()
        assert f"<h3>{name}</h3>" in about.value
        assert [n for n, b in buttons.items() if "mod-active" in b._dom_classes] == [name]
    before = (words(view).value, buttons["Monitoring"].layout.flex)
    areas.value = HERE
    assert words(view).value != before[0] and buttons["Monitoring"].layout.flex != before[1]
    areas.value = PAPER
    assert (words(view).value, buttons["Monitoring"].layout.flex) == before
    assert isinstance(areas, w.ToggleButtons) and view.picture and "ML code" in view.alt


def test_lessons_are_listed_by_number_with_their_titles():
    found = resources.lessons()
    assert [lesson.number for lesson in found][:2] == ["0", "1.1"]
    assert all(lesson.path.exists() and lesson.title for lesson in found)
