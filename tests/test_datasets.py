"""Data sets load by name, with their types; what does not exist is answered with what does."""

import pandas as pd
import pytest

from helpers import datasets, world


def test_the_whole_loan_book_loads_with_its_types():
    loans = datasets.load("loans")
    assert loans.shape == (24_000, 16)
    assert list(loans.columns) == list(world.COLUMNS)
    assert loans["application_id"].is_unique
    kinds = {
        "datetime": pd.api.types.is_datetime64_any_dtype,
        "integer": pd.api.types.is_integer_dtype,
        "number": pd.api.types.is_float_dtype,
        "text": pd.api.types.is_string_dtype,
    }
    for name, column in world.COLUMNS.items():
        assert kinds[column.type](loans[name]), name


@pytest.mark.parametrize(
    ("months", "rows"),
    [("2025-03", 2_000), (("2025-01", "2025-06"), 12_000), (["2025-12", "2025-02"], 4_000)],
)
def test_months_are_one_a_range_or_a_list(months, rows):
    assert len(datasets.load("loans", months=months)) == rows


def test_what_is_loaded_is_what_the_world_drew():
    drawn = world.World().applications("2025-07")
    pd.testing.assert_frame_equal(
        datasets.load("loans", months="2025-07"), drawn, check_dtype=False
    )


def test_the_truth_of_what_is_loaded_is_exactly_that_of_what_was_drawn():
    drawn, loaded = world.World().applications("2025-07"), datasets.load("loans", months="2025-07")
    truth = world.World().default_probability
    assert (truth(loaded, "2025-07") == truth(drawn, "2025-07")).all()


def test_an_unknown_name_is_answered_with_what_exists():
    with pytest.raises(ValueError, match="'lones'.*'loans'"):
        datasets.load("lones")
    with pytest.raises(ValueError, match="incoming"):
        datasets.load("incoming")


def test_an_unknown_month_is_answered_with_what_exists():
    with pytest.raises(ValueError, match="2024-12.*2025-01.*2025-12"):
        datasets.load("loans", months=("2024-12", "2025-02"))


def test_paths_lead_to_folders_and_files():
    assert datasets.path("loans").is_dir()
    assert datasets.path("incoming", "2026-03_partner.csv").is_file()


def test_an_unknown_file_is_answered_with_what_exists():
    with pytest.raises(ValueError, match=r"march\.csv.*2026-03_partner\.csv"):
        datasets.path("incoming", "march.csv")
    with pytest.raises(ValueError, match="'outgoing'.*incoming"):
        datasets.path("outgoing")


def test_lost_files_are_answered_with_how_to_make_them(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.resources, "path", lambda *parts: tmp_path)
    with pytest.raises(FileNotFoundError, match=r"python -m helpers\.world"):
        datasets.load("loans")
