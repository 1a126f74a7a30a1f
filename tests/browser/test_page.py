"""The page of what was solved can be read by everyone, on a phone and in the dark."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from helpers.base import resources
from helpers.course.exercises.core import exercises_by_lesson
from helpers.course.exercises.report import page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_what_was_solved(browser, shots, scheme):
    lessons = exercises_by_lesson()
    ids = [exercise.id for exercises in lessons.values() for exercise in exercises]
    states = dict.fromkeys(ids[::2], "solved") | dict.fromkeys(ids[1::4], "attempted")
    titles = {lesson.number: lesson.title for lesson in resources.lessons()}
    context = browser.new_context(viewport={"width": 390, "height": 900}, color_scheme=scheme)
    tab = context.new_page()
    tab.set_content(page(lessons, states, dict.fromkeys(ids[::2], "2026-11-26"), titles))
    tab.screenshot(path=shots / f"solved-{scheme}.png", full_page=True)
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    answer = Axe().run(tab).response
    assert "color-contrast" in {rule["id"] for rule in answer["passes"]}
    assert answer["violations"] == []
    context.close()
