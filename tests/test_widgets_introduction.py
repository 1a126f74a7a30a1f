"""The value calculator and the error workbench: what a control does, and what their numbers are."""

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from views import controls, of_kind, picture, words

from helpers.course.lesson_1_1.view import LIMITS, ValueCalculator
from helpers.course.lesson_1_2.view import ErrorWorkbench

COSTS = {"gain": 1_000, "loss": 4_000, "per_month": 10_000, "build": 1e6, "run": 5e4}
STATE = COSTS | {"limit": 0.2}


@pytest.fixture(scope="module")
def calculator():
    rng = np.random.default_rng(0)
    risk = rng.beta(1, 5, 4_000)
    y = (rng.random(4_000) < risk).astype(int)
    today = rng.random(4_000) < 0.2
    return ValueCalculator(y, risk, today, **COSTS)


def test_profit_is_gain_and_loss_of_what_is_granted():
    y, risk, today = [0, 0, 1, 0], [0.1, 0.2, 0.3, 0.5], [0, 1, 0, 0]
    found = ValueCalculator(y, risk, today)
    model, at_present, everybody = found.profits(100, 300)
    assert model[0] == 0, "whoever refuses all earns nothing"
    assert model[LIMITS.searchsorted(0.25)] == pytest.approx(200 / 4)
    assert at_present == pytest.approx((2 * 100 - 300) / 4)
    assert model[-1] == pytest.approx(everybody) == pytest.approx((3 * 100 - 300) / 4)


def test_a_risk_at_the_limit_is_granted():
    found = ValueCalculator([0], [LIMITS[40]], [1], **COSTS)
    assert found.value(limit=LIMITS[40], gain=10)["euro per case"] == 10
    assert found.value(limit=LIMITS[39], gain=10)["euro per case"] == 0


@pytest.mark.parametrize(("gain", "loss"), [(1_000, 4_000), (1_000, 9_000), (4_000, 6_000)])
def test_the_best_limit_is_near_gain_over_gain_and_loss(calculator, gain, loss):
    assert calculator.value(gain=gain, loss=loss)["limit"] == pytest.approx(
        gain / (gain + loss), abs=0.06
    )


def test_payback_follows_from_volume_and_costs(calculator):
    found = calculator.value(per_month=10_000, build=100_000, run=0)
    more = found["euro per case above today"]
    assert found["payback (months)"] == pytest.approx(100_000 / (10_000 * more))
    assert calculator.value(per_month=0)["payback (months)"] == np.inf
    assert "never paid back" in calculator.describe(**STATE | {"per_month": 0})


def test_each_slider_changes_words_and_picture(calculator):
    view = calculator.view()
    shown, text = picture(view), words(view)
    sliders = controls(view, w.FloatSlider)
    assert len(sliders) == 6 and all(sliders)
    for name, slider in sliders.items():
        before, said, start = shown.value, text.value, slider.value
        slider.value = start / 2
        assert text.value != said, name
        assert shown.value != before, name
        slider.value = start
        assert (shown.value, text.value) == (before, said), name


@pytest.mark.parametrize("per_month", [0, 100, 50_000])
def test_the_sum_of_three_years_is_always_in_the_picture(calculator, per_month):
    state = STATE | {"per_month": per_month, "build": 2e6, "run": 2e5}
    sums = calculator.plot(**state)[1]
    total = sums.lines[1].get_ydata()
    assert total[0] == -2 and sums.get_ylim()[0] <= total.min() < total.max() <= sums.get_ylim()[1]
    paid = calculator.value(**state)["euro per year, costs paid"]
    assert total[-1] - total[0] == pytest.approx(3 * paid / 1e6)


def test_no_gain_and_no_loss_are_possible(calculator):
    state = STATE | {"gain": 0, "loss": 0}
    assert "0 euro" in calculator.describe(**state)
    calculator.plot(**state)


@pytest.fixture
def bench():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {
            "city": rng.choice(["north", "south"], 200),
            "income": rng.integers(10, 90, 200) * 1_000,
            "share used": np.where(rng.random(200) < 0.1, np.nan, rng.random(200)),
            "late": rng.integers(0, 3, 200),
        },
        index=[f"row {i}" for i in range(200)],
    )
    return ErrorWorkbench(frame, {"euro": rng.gamma(2, 10, 200), "surprise": rng.normal(size=200)})


@pytest.mark.parametrize("column", ["city", "income", "share used", "late"])
def test_every_row_is_in_exactly_one_slice_of_a_column(bench, column):
    table = bench.to_frame(column)
    assert table["rows"].sum() == 200
    assert table["share"].sum() == pytest.approx(1)
    assert table["size x mean"].sum() == pytest.approx(bench.measures["euro"].mean())
    assert table["size x mean"].is_monotonic_decreasing


def test_a_name_with_a_space_and_missing_values_have_their_slices(bench):
    assert bench.conditions("share used")[-1] == "`share used`.isna()"
    assert len(bench.conditions("late")) == 3 and len(bench.conditions("income")) == 4


def test_a_slice_has_the_mean_and_interval_of_its_rows(bench):
    inside = bench.measures["euro"][(bench.frame["city"] == "north").to_numpy()]
    row = bench.to_frame("city == 'north'", "euro").iloc[0]
    assert row["mean"] == pytest.approx(inside.mean())
    off = 1.96 * inside.std(ddof=1) / np.sqrt(len(inside))
    assert (row["low"], row["high"]) == pytest.approx((inside.mean() - off, inside.mean() + off))


def test_the_interval_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": ["x"] * 100})
    covered = 0
    for _ in range(400):
        row = ErrorWorkbench(frame, {"m": rng.exponential(1, 100)}).to_frame("a").iloc[0]
        covered += row["low"] <= 1 <= row["high"]
    assert 0.9 < covered / 400 < 0.98


def test_slices_of_no_row_and_of_one_row(bench):
    assert bench.to_frame("income > 1e9").iloc[0]["rows"] == 0
    assert "no rows" in bench.describe("income > 1e9")
    one = bench.to_frame("index == 'row 3'").iloc[0]
    assert one["rows"] == 1 and np.isnan(one["low"])
    assert "look at them" in bench.describe("index == 'row 3'")


def test_examples_are_the_worst_of_the_slice(bench):
    found = bench.examples("city == 'south'", "surprise", n=5)
    inside = pd.Series(bench.measures["surprise"], bench.frame.index)
    inside = inside[bench.frame["city"] == "south"]
    assert list(found["surprise"]) == sorted(inside, reverse=True)[:5]


def test_tags_are_counted_once_a_row_and_taken_away(bench):
    bench.tag("row 1", "large")
    bench.tag("row 1", " large ")
    bench.tag("row 2", "large")
    bench.tag("row 1", "odd")
    tags = bench.tags("euro")
    assert tags["rows"].to_dict() == {"large": 2, "odd": 1}
    assert tags.loc["large", "mean"] == pytest.approx(bench.measures["euro"].iloc[[1, 2]].mean())
    bench.untag("row 1")
    assert bench.tags()["rows"].to_dict() == {"large": 1}
    for row, tag in (("row 999", "large"), ("row 1", " ")):
        with pytest.raises(ValueError, match="expected"):
            bench.tag(row, tag)


@pytest.mark.parametrize("condition", ["income >", "nothing == 1", "income", "", "1 + 1", "@x > 1"])
def test_a_condition_that_cannot_be_read_is_told(bench, condition):
    with pytest.raises(ValueError, match="cannot be read"):
        bench.describe(condition)


def test_the_workbench_says_what_is_wrong(bench):
    frame = bench.frame
    good = np.zeros(len(frame))
    for given, message in (
        ((frame.iloc[:0], {"m": []}), "no rows"),
        ((frame.set_axis(["a"] * 200), {"m": good}), "repeats"),
        ((frame, {}), "measures is empty"),
        ((frame, {"m": good[:3]}), "does not match"),
        ((frame, {"m": good * np.nan}), "missing"),
    ):
        with pytest.raises(ValueError, match=message):
            ErrorWorkbench(*given)
    with pytest.raises(ValueError, match="measure is 'other'"):
        bench.to_frame("city", "other")


def test_column_slice_and_condition_work_together(bench):
    view = bench.view()
    menus, text = controls(view, w.Dropdown), controls(view)["condition"]
    examples = next(each for each in of_kind(view, w.HTML) if "<table" in each.value)
    menus["column"].value = "income"
    assert text.value == menus["slice"].value == bench.conditions("income")[0]
    menus["slice"].value = bench.conditions("income")[2]
    assert text.value == bench.conditions("income")[2]
    before = picture(view).value
    text.value = "late == 2 and income > 50000"
    rows = int(((bench.frame["late"] == 2) & (bench.frame["income"] > 50_000)).sum())
    assert f"{rows} rows" in words(view).value and picture(view).value != before
    said = examples.value
    menus["measure"].value = "surprise"
    assert examples.value != said and "surprise" in words(view).value
    before = picture(view).value
    text.value = "<b>late"
    assert "cannot be read" in words(view).value and "<b>" not in words(view).value
    assert picture(view).value == before


def test_a_tag_that_is_put_in_the_view_is_in_the_table(bench):
    view = bench.view()
    buttons = controls(view, w.Button)
    tag, row = controls(view)["tag"], controls(view)["row"]
    below = of_kind(view, w.HTML)[-1]
    buttons["put the tag"].click()
    assert bench.tags().empty, "no tag was written"
    assert f"First write beside “tag” what you see in {row.value}" in below.value
    tag.value = "odd"
    row.value = row.options[1]
    buttons["put the tag"].click()
    assert list(bench.tags().index) == ["odd"] and "odd" in tag.options
    assert row.value == row.options[1], "the row stays chosen"
    assert f"Noted for {row.value}" in below.value and "<td>1</td>" in below.value
    buttons["remove its tags"].click()
    assert bench.tags().empty


def test_the_row_menu_shows_the_worst_row_of_the_slice(bench):
    view = bench.view()
    row, text = controls(view)["row"], controls(view)["condition"]
    for condition in (text.value, "late == 2", "income > 1e9", "late == 1"):
        text.value = condition
        worst = bench.examples(condition).index
        assert row.options == tuple(worst)
        assert row.value == (worst[0] if len(worst) else None)
        if not len(worst):
            controls(view)["put the tag"].click()
            assert "no row to tag" in of_kind(view, w.HTML)[-1].value


def test_every_control_has_a_label_and_a_picture_stands_for_the_view(bench, calculator):
    for one in (bench, calculator):
        view = one.view()
        assert len(controls(view)) >= 6 and all(controls(view))
        assert view.picture.startswith(b"\x89PNG") and len(repr(view)) > 40
