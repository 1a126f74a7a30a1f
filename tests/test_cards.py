"""Model cards: what a card owes, and that it is written whole or not at all."""

from urllib.parse import unquote

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from markdown_it import MarkdownIt
from sklearn.linear_model import LogisticRegression

import helpers
from helpers import fairness

TEXTS = {
    "title": "Loans",
    "intended_use": "Scores loans. Not for prices.",
    "data": "Two months.",
    "limits": ["Small groups are uncertain.", "Nothing is known of refused applicants."],
}


def test_a_card_has_its_sections_in_order_and_the_audit_with_intervals():
    audit = fairness.audit(
        [1, 0] * 100, [1, 0, 0, 0] * 50, sensitive_features=["a", "b", "b", "a"] * 50
    )
    card = helpers.model_card(LogisticRegression(), audit=audit, metrics={"AUC": 0.8}, **TEXTS)
    order = ["# Loans", "Intended use", "LogisticRegression", "Data", "Performance", "By group"]
    places = [card.text.index(words) for words in [*order, "Limits and caveats", "Small groups"]]
    assert places == sorted(places)
    value = audit.by_group.loc["a", ("selection_rate", "value")]
    assert f"{value:.3f} [" in card.text
    assert "### By group" in card.text.splitlines()


@pytest.mark.parametrize("missing", ["title", "intended_use", "data", "limits"])
def test_a_card_without_what_it_owes_is_refused(missing):
    with pytest.raises(ValueError, match=f"{missing} is empty"):
        helpers.model_card(LogisticRegression(), **(TEXTS | {missing: ""}))


def test_a_saved_card_finds_its_figures(tmp_path):
    _, ax = plt.subplots()
    card = helpers.model_card(LogisticRegression(), figures={"Rates by group": ax}, **TEXTS)
    path = card.save(tmp_path / "cards" / "loans.md")
    text = path.read_text()
    assert "![Rates by group](loans_figures/rates_by_group.png)" in text
    picture = path.parent / "loans_figures" / "rates_by_group.png"
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert sorted(p.name for p in path.parent.iterdir()) == ["loans.md", "loans_figures"]
    plt.close("all")


def page(text):
    """What a reader of the Markdown sees."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    return BeautifulSoup(html, "html.parser")


def test_text_that_is_also_syntax_is_shown_as_it_is():
    group = np.array(["a|b", "*c*", "_d_ [e](f)", "<b>g\nh"] * 25)
    audit = fairness.audit(
        [1, 0] * 50, [1, 0] * 50, sensitive_features=pd.Series(group, name="n"), resamples=10
    )
    metrics = {"P(y|x)": "1|2", "C:\\temp": 1}
    title = "Loans / credit #2\n(2027/01)"
    card = helpers.model_card(
        LogisticRegression(), audit=audit, metrics=metrics, **(TEXTS | {"title": title})
    )
    lines = card.text.splitlines()
    assert lines[0] == "# Loans / credit #2 (2027/01)"
    headings = [line for line in lines if line.startswith("#")]
    assert [line.split()[0] for line in headings] == ["#", *["##"] * 4, "###", "###", "##"]
    assert "### By group" in headings and "### Performance" in headings
    performance, groups = (
        [[cell.get_text("\n") for cell in row.find_all(["th", "td"])] for row in table("tr")]
        for table in page(card.text)("table")
    )
    assert performance[1:] == [["P(y|x)", "1|2"], ["C:\\temp", "1"]]
    assert [row[0] for row in groups[1:5]] == ["*c*", "<b>g\nh", "_d_ [e](f)", "a|b"]
    assert {len(row) for row in groups} == {audit.text().shape[1] + 1}


def test_figures_whose_names_collide_are_all_there(tmp_path):
    pictures = {"Rates": b"1", "rates!": b"2", "Rates_2": b"3", "\u56f3": b"4", "[x](y) *z*": b"5"}
    card = helpers.model_card(LogisticRegression(), figures=pictures, **TEXTS)
    path = card.save(tmp_path / "my card (new).md")
    images, captions = page(path.read_text())("img"), page(path.read_text())("em")
    assert [image["alt"] for image in images] == list(pictures)
    assert [caption.get_text() for caption in captions] == list(pictures)
    found = [(path.parent / unquote(image["src"])).read_bytes() for image in images]
    assert found == list(pictures.values())


def test_a_crash_while_writing_leaves_the_old_card(tmp_path, monkeypatch):
    path = tmp_path / "card.md"
    path.write_text("old")
    card = helpers.model_card(LogisticRegression(), **TEXTS)
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        card.save(path)
    assert path.read_text() == "old"


def test_a_wrong_figure_or_file_ending_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"figures\['x'\] is a str"):
        helpers.model_card(LogisticRegression(), figures={"x": "y"}, **TEXTS)
    with pytest.raises(ValueError, match=r"ends in \.md"):
        helpers.model_card(LogisticRegression(), **TEXTS).save(tmp_path / "card.txt")
