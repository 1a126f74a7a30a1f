"""Every page in a real browser: wide and narrow, light and dark, and without the network."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import PAGES

PARTS = "html, main, .bd-content, .bd-article-container, .bd-article"
WIDE = f"""[...document.querySelectorAll("{PARTS}")]
    .filter(one => one.scrollWidth > one.clientWidth).map(one => one.className || one.tagName)"""
OUT_OF_REACH = """[...document.querySelectorAll("pre, .output, .pst-scrollable-table-container")]
    .some(one => one.scrollWidth > one.clientWidth && one.tabIndex < 0)"""
DRAWN = "[...document.images].filter(one => !one.complete || !one.naturalWidth).map(one => one.src)"


@pytest.fixture(scope="module", params=PAGES, ids=lambda path: path.stem)
def opened(request, tab, address):
    tab.errors.clear()
    tab.elsewhere.clear()
    tab.emulate_media(color_scheme="light")
    tab.set_viewport_size({"width": 1000, "height": 900})
    tab.goto(address + request.param.name)
    tab.wait_for_load_state("networkidle")
    return tab


def test_it_draws_without_an_error_and_asks_nobody_else(opened):
    assert opened.evaluate(DRAWN) == []
    assert opened.errors == []
    assert opened.elsewhere == []


@pytest.mark.parametrize("width", [1000, 390])
def test_the_page_does_not_scroll_sideways(opened, width):
    opened.set_viewport_size({"width": width, "height": 900})
    assert opened.evaluate(WIDE) == []
    # What does scroll, a wide table or a long line of code, is reached by keyboard (in a moment).
    opened.wait_for_function(f"!({OUT_OF_REACH})", timeout=5_000)
    only = {"runOnly": ["scrollable-region-focusable"]}
    assert Axe().run(opened, options=only).response["violations"] == []


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_no_serious_fault(opened, colours):
    opened.set_viewport_size({"width": 1000, "height": 900})
    opened.emulate_media(color_scheme=colours)
    opened.wait_for_function(f"document.documentElement.dataset.theme === '{colours}'")
    options = {"resultTypes": ["violations"]}
    if colours == "dark":  # nothing else differs
        options["runOnly"] = ["color-contrast", "link-in-text-block"]
    # Code has the same colours everywhere, and thousands of words: the start page's is enough.
    context = None if opened.url.endswith("index.html") else {"exclude": [[".cell_input"]]}
    answer = Axe().run(opened, context=context, options=options).response
    assert "color-contrast" in {rule["id"] for rule in answer["passes"]}, "axe saw no text"
    faults = [
        f"{fault['id']} ({fault['impact']}): {node['html'][:200]}"
        for fault in answer["violations"]
        for node in fault["nodes"]
        if fault["impact"] in ("serious", "critical")
    ]
    assert not faults, "\n".join(faults)


def test_the_search_finds_a_term_in_glossary_and_lessons(tab, address):
    tab.goto(f"{address}search.html?q=canary")
    found = tab.locator("#search-results li a")
    found.first.wait_for()
    tab.get_by_text("Search finished").wait_for()
    links = " ".join(one.get_attribute("href") for one in found.all())
    assert "glossary.html#term-canary" in links
    assert "4_5_progressive_delivery.html" in links


def test_what_is_not_there_is_said_at_any_depth_with_a_way_back(tab, address):
    tab.elsewhere.clear()
    answer = tab.goto(f"{address}no/such/lesson.html")
    assert answer.status == 404
    assert tab.evaluate(DRAWN) == []
    header = tab.get_by_role("banner")
    assert header.evaluate("one => getComputedStyle(one).position") == "sticky", "no style sheet"
    tab.get_by_role("main").get_by_role("link", name="start page").click()
    tab.wait_for_url(f"{address}index.html")
    assert tab.elsewhere == []
