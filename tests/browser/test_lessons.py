"""Every lesson works in a real browser: it runs, its views answer, and everybody can use it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from lab import CONTROLS, HIGH, NARROW, WIDE
from playwright.sync_api import TimeoutError as TooLate
from playwright.sync_api import expect

from helpers.course.exercises.core import find

BADGE = "https://colab.research.google.com/assets/colab-badge.svg"
# What is not the lessons' to mend: rule of axe, part of the page, why.
KNOWN = {
    (
        "aria-input-field-name",
        "noUi-handle",
    ): "ipywidgets names its sliders by a visible label only",
    ("link-in-text-block", "<a "): "JupyterLab's theme does not underline links",
    ("scrollable-region-focusable", "jp-OutputArea-output"): "JupyterLab scrolls what is too wide; "
    "browsers let the keyboard scroll it",
}
# Keys that move a control of a kind; each is tried until the view changes. The kinds come in the
# order in which they are moved: a slider shows most in the view's first state, a button may change
# everything.
KEYS = {
    "slider": (["ArrowRight"], ["ArrowLeft"], ["ArrowLeft"], ["PageUp"], ["PageDown"]),
    "number": (["ArrowUp"], ["ArrowDown"]),
    "text": (["ControlOrMeta+A", *"region == 'East'", "Enter"],),
    "checkbox": (["Space"],),
    "select": (["Space", "ArrowDown", "Enter"], ["Space", "ArrowUp", "Enter"]),
    "button": (["Space"],),
}
# Fields that a button reads: the error workbench's. Nothing is drawn before it is pressed.
READ_BY_A_BUTTON = {"row", "tag"}
KIND = """({type, tagName, role}) => role || (tagName === 'INPUT' ? type : tagName).toLowerCase()"""
NAME = """control => (control.tagName === 'BUTTON' ? control.textContent : '')
    || control.getAttribute('aria-label')
    || control.closest('.widget-inline-hbox')?.querySelector('.widget-label, label')?.textContent
    || ''"""
DRAWN = """view => [...view.querySelectorAll('.widget-html-content, .jp-OutputArea')]
    .map(part => part.innerHTML).join()"""
LEAST_SCALE = 0.75
CUT = """view => {
    const right = view.getBoundingClientRect().right + 1
    const scrolls = part => {
        while ((part = part.parentElement) && view.contains(part))
            if (['auto', 'scroll'].includes(getComputedStyle(part).overflowX)) return true
        return false
    }
    const shown = [...view.querySelectorAll('*')].filter(part => part.clientWidth)
    return shown.filter(part => part.matches('.widget-readout, .widget-label, label, button, p')
            && (part.scrollWidth > part.clientWidth + 1 ||
                part.scrollHeight > part.clientHeight + 4)
            || part.getBoundingClientRect().right > right && !scrolls(part))
        .map(part => `${part.tagName} ${part.className}: ${part.textContent.slice(0, 60)}`)
}"""
SCALES = """view => [...view.querySelectorAll('img')].map(image => image.clientWidth /
    image.naturalWidth)"""
PICTURES = "view => [...view.querySelectorAll('img')].map(image => image.src).join()"


def test_it_runs_without_an_error_or_a_warning(lesson):
    for at, cell in enumerate(lesson.cells):
        if "raises-exception" in cell["metadata"].get("tags", []):
            continue
        # JupyterLab shows errors, too, as text on stderr.
        stderr = lesson.cell(at).locator("[data-mime-type='application/vnd.jupyter.stderr']")
        assert stderr.all_inner_texts() == [], f"cell {at}"


def test_every_widget_is_drawn(lesson):
    outputs = lesson.page.locator(".jp-Notebook .jp-OutputArea-output")
    for words in ("Error displaying widget", "Loading widget", "Error creating widget"):
        assert outputs.filter(has_text=words).count() == 0
    assert lesson.views(), "the lesson has no view"
    for view in lesson.views():
        for picture in view.locator("img").all():
            assert picture.evaluate("image => image.complete && image.naturalWidth > 100")
            assert len(picture.get_attribute("alt")) > 20


def test_nothing_is_cut_and_pictures_can_be_read(lesson, shots):
    for width in (NARROW, WIDE):
        lesson.page.set_viewport_size({"width": width, "height": HIGH})
        lesson.page.wait_for_timeout(500)  # JupyterLab's panels follow
        for number, view in enumerate(lesson.views(), 1):
            if width == NARROW:
                view.screenshot(path=shots / f"{lesson.name}-{number}-narrow.png")
            assert view.evaluate(CUT) == [], f"{width} pixels"
            assert min(view.evaluate(SCALES), default=1) > LEAST_SCALE - 0.01, f"{width} pixels"


def test_each_control_is_reached_and_moved_by_keyboard_and_changes_the_picture(lesson, shots):
    for number, view in enumerate(lesson.views(), 1):
        view.screenshot(path=shots / f"{lesson.name}-{number}-at-first.png")
        controls = view.locator(CONTROLS).all()
        for control in sorted(controls, key=lambda item: list(KEYS).index(item.evaluate(KIND))):
            view.locator("xpath=ancestor::*[contains(@class, 'jp-Cell ')]").focus()
            tab_to(lesson.page, control)
            assert control.evaluate(NAME).strip(), "a control has no visible label"
            move(lesson.page, view, control)
        view.screenshot(path=shots / f"{lesson.name}-{number}-moved.png")


def test_the_exercise_panel_shows_not_attempted_then_wrong_then_right(lesson):
    exercises = lesson.exercises()
    panels = [lesson.cell(at).get_by_role("status") for at, _ in exercises]
    for panel in panels:
        expect(panel).to_contain_text("not attempted")
    at, id = exercises[0]
    exercise = find(id)
    wrong, words = exercise.wrong[0]
    lesson.run(at, f'{as_answer(wrong)}\ncheck("{id}", answer)')
    expect(panels[0]).to_contain_text("✘ wrong")
    expect(panels[0]).to_contain_text(words)
    lesson.run(at + 1, f'hint("{id}")')
    expect(lesson.cell(at + 1)).to_contain_text("Hint 1 of")
    lesson.run(at + 1, f'solution("{id}")')
    expect(lesson.cell(at + 1)).to_contain_text(f"A solution of {id}")
    lesson.run(at, f'{exercise.solution}\ncheck("{id}", answer)')
    expect(panels[0]).to_contain_text("✔ right")
    if len(exercises) > 1:  # a wrong answer stays, for the look at the whole page
        at, id = exercises[1]
        lesson.run(at, f'{as_answer(find(id).wrong[0][0])}\ncheck("{id}", answer)')
        expect(panels[1]).to_contain_text("✘ wrong")


def test_axe_finds_no_serious_fault(lesson):
    context = {
        "include": [[".jp-Notebook .jp-RenderedMarkdown"], [".jp-Notebook .jp-OutputArea-output"]],
        # JupyterLab has no place for the description of a figure, which is in the cell below,
        # and chooses the colours of an error.
        "exclude": [
            [".jp-Notebook [data-mime-type^='image/'] img"],
            [".jp-Notebook [data-mime-type$='jupyter.stderr'] pre"],
        ],
    }
    # JupyterLab's page has no height of its own, and axe takes all that lies beyond for hidden.
    lesson.page.add_style_tag(content="* {overflow: visible !important}")
    answer = Axe().run(lesson.page, context=context, options={}).response
    assert "color-contrast" in {rule["id"] for rule in answer["passes"]}, "axe saw no text"
    faults = [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
        for fault in answer["violations"]
        for node in fault["nodes"]
        if fault["impact"] in ("serious", "critical") and not known(fault["id"], node["html"])
    ]
    assert not faults, "\n".join(faults)


def test_nothing_went_wrong_behind_the_page_and_nothing_was_fetched(lesson):
    assert lesson.errors == []
    assert set(lesson.asked) <= {BADGE}


def tab_to(page, control):
    for _ in range(40):
        page.keyboard.press("Tab")
        if control.evaluate("control => control === document.activeElement"):
            return
    pytest.fail(f"the Tab key does not reach {control.evaluate(NAME)!r}")


def move(page, view, control):
    kind = control.evaluate(KIND)
    pressed = control.get_attribute("class") or ""
    if "mod-active" in pressed or control.is_disabled():  # pressing a chosen button does nothing
        return
    shown, watched = PICTURES, view
    if kind == "button" or not view.locator("img").count():  # may change words only: a tag is put
        shown = DRAWN
    if control.evaluate(NAME).strip() in READ_BY_A_BUTTON:
        shown, watched = "field => field.value", control
    before = watched.evaluate(shown)
    for keys in KEYS[kind]:
        for key in keys:
            page.keyboard.press(key)
        try:
            page.wait_for_function(
                f"([watched, before]) => ({shown})(watched) !== before",
                arg=[watched.element_handle(), before],
                timeout=5_000,
            )
        except TooLate:
            continue
        page.wait_for_timeout(200)  # a key may have drawn more than one picture
        return
    pytest.fail(f"the picture does not follow {control.evaluate(NAME)!r} ({kind})")


def as_answer(wrong):
    """Python that sets the answer, from an expression or from such Python."""
    try:
        compile(wrong.strip(), "wrong", "eval")
    except SyntaxError:
        return wrong
    return f"answer = {wrong}"


def known(rule, html):
    return any(rule == name and part in html for name, part in KNOWN)
