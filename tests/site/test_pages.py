"""What stands in the pages: every lesson, in order, with links that lead somewhere."""

import re
from functools import cache
from itertools import pairwise
from urllib.parse import unquote, urlsplit

import nbformat
import pages
import pytest
from bs4 import BeautifulSoup
from conftest import ADDRESS, PAGES, ROOT, SITE

LESSONS = pages.Site.of(ROOT).lessons
NAMES = [lesson.page.replace(".ipynb", ".html") for lesson in LESSONS]


@cache
def soup(name):
    return BeautifulSoup((SITE / name).read_text(encoding="utf-8"), "html.parser")


@cache
def anchors(name):
    return {tag["id"] for tag in soup(name).find_all(id=True)}


@pytest.fixture(params=PAGES, ids=lambda path: path.stem)
def name(request):
    return request.param.name


def test_every_notebook_with_a_number_is_a_page():
    committed = {path.name for path in (ROOT / "notebooks").rglob("[0-9]*.ipynb")}
    assert {lesson.path.name for lesson in LESSONS} == committed
    assert {*NAMES, "glossary.html", "instructors.html"} <= {path.name for path in PAGES}


def test_each_link_leads_to_a_page_an_anchor_or_a_file_of_the_repository(name):
    wrong = []
    for tag in soup(name).find_all("a", href=True):
        link = urlsplit(tag["href"])
        if tag["href"] == f"{ADDRESS}/issues/new/choose":
            good = True
        elif tag["href"].startswith(f"{ADDRESS}/"):
            kind, _, path = tag["href"].removeprefix(f"{ADDRESS}/").partition("/main/")
            there = ROOT / unquote(urlsplit(path).path)
            good = there.is_dir() if kind == "tree" else kind == "blob" and there.is_file()
        elif link.scheme:
            good = link.scheme in ("https", "mailto") and bool(link.netloc)
        else:
            to = link.path or name
            good = (SITE / to).is_file() and (
                not link.fragment or unquote(link.fragment) in anchors(to)
            )
        if not good:
            wrong.append(tag["href"])
    assert wrong == []


def test_nothing_that_the_page_needs_lies_elsewhere(name):
    needed = [tag["src"] for tag in soup(name).find_all(src=True)]
    rels = ("stylesheet", "icon", "preload", "search", "next", "prev")
    needed += [tag["href"] for tag in soup(name).find_all("link") if tag["rel"][0] in rels]
    for link in needed:
        if link != "#":
            assert not urlsplit(link).netloc and (SITE / urlsplit(link).path).is_file(), link


def test_every_picture_has_words(name):
    for tag in soup(name).find_all("img"):
        if "logo__image" in tag.get("class", ()):  # the name stands beside it
            continue
        words = tag.get("alt", "")
        assert len(words) > 10 and not re.search(r"^<|\.png$|_images/", words), tag
    for tag in soup(name).select(".cell_output svg"):
        assert tag.find("title") or tag.get("aria-label"), str(tag)[:200]


def test_it_says_what_it_is(name):
    page = soup(name)
    assert page.html["lang"] == "en"
    assert page.title.text.endswith("First Dance with MLOps")
    assert len(page.select("article h1, main h1")) == 1
    if name not in ("404.html", "search.html"):
        description = page.find("meta", attrs={"name": "description"})["content"]
        assert 50 <= len(description) <= 200 and not re.search(r"[*\[\]`]", description)


def test_previous_and_next_follow_the_order_of_the_lessons():
    for before, after in pairwise(NAMES):
        assert soup(before).find("a", class_="right-next")["href"] == after
        assert soup(after).find("a", class_="left-prev")["href"] == before


def test_each_page_lists_all_lessons_by_their_short_titles(name):
    listed = [a.text.strip() for a in soup(name).select("nav[aria-label=Lessons] a")]
    assert listed[0] == "Start here"
    assert listed[1 : len(LESSONS)] == [lesson.title for lesson in LESSONS[1:]]
    assert all(len(title) < 40 for title in listed)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.number)
def test_a_lesson_says_where_it_is_done(lesson):
    page = soup(lesson.page.replace(".ipynb", ".html"))
    first, *others = page.select(".fd-live")
    assert "for reading" in first.text and first.find("img")["alt"] == "Open in Colab"
    exercises = [h for h in page.find_all(["h3", "h4"]) if h.text.startswith("Exercise ")]
    answered = [one for one in others if one.text.startswith("Answered in the live notebook")]
    assert len(answered) == len(exercises) > 0
    assert "not attempted" not in page.text and "# hint(" not in page.text
    assert not page.select("article progress")


def test_a_formula_is_drawn_by_the_browser():
    assert len(soup("4_5_progressive_delivery.html").find_all("math")) > 3
    for name in NAMES:
        assert not soup(name).select("script[src*=mathjax i]")
        assert not re.search(r"\\(frac|text|times|sigma)\b", soup(name).article.text)


# A small checkout, for what the lessons at hand do not show.


@pytest.fixture
def checkout(tmp_path):
    (tmp_path / "pyproject.toml").write_text('[project.urls]\nRepository = "https://host/me/it/"\n')
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "faq.md").write_text("# Questions\n\nWhat *people* [ask](../data).\n")
    (tmp_path / "data").mkdir()
    for number in ("0", "1.10", "1.9", "2.1"):
        folder = tmp_path / "notebooks" / f"{number[0]}_track"
        folder.mkdir(parents=True, exist_ok=True)
        title = f"# {number} Title: more\n\n*Track {number[0]}, Some · about 5 minutes*\n\nWords."
        cells = [nbformat.v4.new_markdown_cell(title)]
        notebook = nbformat.v4.new_notebook(cells=cells)
        notebook.metadata = {"first_dance": {"lesson": number}, "kernelspec": {"name": "python3"}}
        nbformat.write(notebook, folder / f"{number.replace('.', '_')}_name.ipynb")
    return tmp_path


def test_lessons_come_in_the_order_of_their_numbers(checkout):
    site = pages.Site.of(checkout)
    assert [lesson.number for lesson in site.lessons] == ["0", "1.9", "1.10", "2.1"]
    assert [lesson.page for lesson in site.lessons][:2] == ["index.ipynb", "1_9_name.ipynb"]
    tree = site.tree()
    assert tree.index("1.9 Title <1_9_name>") < tree.index("1.10 Title <1_10_name>")
    assert ":caption: 2 · Some" in tree and "faq" in tree


def test_a_link_leads_to_a_page_or_into_the_repository(checkout):
    site = pages.Site.of(checkout)
    origin = site.lessons[1].path
    (checkout / "docs" / "shot.png").write_bytes(b"")
    assert site.relinked("[a](../0_track/0_name.ipynb#b)", origin) == "[a](index.ipynb#b)"
    assert site.relinked("[a](../../docs/faq.md)", origin) == "[a](faq.md)"
    assert site.relinked("[a](../../data)", origin) == "[a](https://host/me/it/tree/main/data)"
    file = "../../pyproject.toml"
    assert site.relinked(f"[a]({file})", origin).endswith("it/blob/main/pyproject.toml)")
    assert site.relinked("![a](../../docs/shot.png)", origin) == "![a](shot.png)"
    assert site.relinked("[a](https://b.c/d) [e](#f)", origin) == "[a](https://b.c/d) [e](#f)"
    code = "`models[7](chunk)` and [`a`](../../docs/faq.md)"
    assert site.relinked(code, origin) == "`models[7](chunk)` and [`a`](faq.md)"
    with pytest.raises(FileNotFoundError, match="nothing.md"):
        site.relinked("[a](nothing.md)", origin)
    site.write(checkout / "out")
    assert (checkout / "out" / "shot.png").is_file()


def test_a_long_text_is_cut_after_a_sentence():
    text = "# Title\n\nThe *first* sentence is long enough, [surely](x). " + "And so on. " * 30
    assert pages.shortened(text).startswith("The first sentence is long enough, surely. And so on.")
    assert len(pages.shortened(text)) <= 200 and pages.shortened(text).endswith("on.")
