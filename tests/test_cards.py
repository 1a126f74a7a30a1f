"""Model cards: what a card owes, and that it is written whole or not at all."""

import matplotlib.pyplot as plt
import pytest
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
