"""The threshold explorer and the what-if view: what a control does to picture and words."""

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from views import controls, picture, words

from helpers.course.lesson_3_5.view import ThresholdExplorer
from helpers.course.lesson_3_6.view import WhatIf
from helpers.course.lesson_4_1.view import CapacityPlanner
from helpers.course.views import Canvas


@pytest.fixture(scope="module")
def explorer():
    rng = np.random.default_rng(0)
    group = rng.choice(["old", "young"], 3_000)
    score = 1 / (1 + np.exp(-rng.normal(0.7 * (group == "old"), 1)))
    y = (rng.random(3_000) < score).astype(int)
    return ThresholdExplorer(y, score, sensitive_features=group, utility=(1.0, -2.0), unit="euro")


def test_a_slider_changes_its_group_alone(explorer):
    view = explorer.view()
    preset, old, young = controls(view).values()
    before, said = picture(view).value, words(view).value
    old.value = 0.9
    assert picture(view).value != before and words(view).value != said
    assert preset.value == "by hand"
    assert young.value == explorer.presets["one threshold"].thresholds["young"]
    now = explorer.to_frame({"old": 0.9, "young": young.value})
    assert f"old: {now.loc['old', 'selection_rate']:.0%} selected" in words(view).value


def test_a_preset_moves_all_sliders_and_draws_once(explorer, monkeypatch):
    view = explorer.view()
    drawn = []
    monkeypatch.setattr(explorer, "picture", lambda **state: drawn.append(state) or b"png")
    preset, old, young = controls(view).values()
    preset.value = "demographic parity"
    expected = explorer.presets["demographic parity"].thresholds
    assert [old.value, young.value] == pytest.approx([expected["old"], expected["young"]])
    assert len(drawn) == 1
    assert preset.value == "demographic parity"
    rates = explorer.to_frame(**drawn[0])["selection_rate"]
    assert abs(rates["old"] - rates["young"]) < 0.02


def test_every_control_has_a_visible_label(explorer):
    labels = list(controls(explorer.view()))
    assert labels == ["preset", "threshold old", "threshold young"]


def test_an_undefined_preset_is_left_out_and_said():
    explorer = ThresholdExplorer(
        [1, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], sensitive_features=list("aabb")
    )
    view = explorer.view()
    assert "equalized odds" not in controls(view)["preset"].options
    assert "Equalized odds is undefined" in words(view).value


def test_the_quick_picture_is_the_same_as_one_drawn_anew(explorer):
    """What stands still is drawn once: nothing of an earlier state may stay behind."""
    fresh = ThresholdExplorer(
        [0, 1] * 20, np.linspace(0.1, 0.9, 40), sensitive_features=["a", "b"] * 20
    )
    other = ThresholdExplorer(
        [0, 1] * 20, np.linspace(0.1, 0.9, 40), sensitive_features=["a", "b"] * 20
    )
    fresh.picture(thresholds={"a": 0.9, "b": 0.1})
    moved = fresh.picture(thresholds={"a": 0.4, "b": 0.6})
    assert moved == other.picture(thresholds={"a": 0.4, "b": 0.6})


def test_sums_are_written_as_exactly_as_they_can_be_read_and_inside_the_axes():
    n = 4_000
    explorer = ThresholdExplorer(
        [1] * n + [0] * n, np.linspace(0.999, 0.001, 2 * n), utility=(2_179.74, -100),
        sensitive_features=["a", "b"] * n, unit="euro",
    )  # fmt: skip
    *_, money = explorer.plot(thresholds={"a": 0.5, "b": 0.9})
    assert [text.get_text().strip() for text in money.texts] == ["4.36M", "865k"]
    money.figure.draw_without_rendering()
    frame = money.get_window_extent()
    for text in money.texts:
        box = text.get_window_extent()
        assert frame.x0 <= box.x0 and box.x1 <= frame.x1


def test_a_canvas_draws_what_moves_where_it_is_now():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    ax = figure.subplots()
    (point,) = ax.plot([0], [0], "o")
    ax.set(xlim=(-1, 1), ylim=(-1, 1))
    canvas = Canvas(ax, point=point)
    first = canvas.png()
    point.set_data([0.5], [0.5])
    assert canvas.png() != first
    point.set_data([0], [0])
    assert canvas.png() == first


@pytest.fixture(scope="module")
def lab():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "income": rng.integers(10, 90, 400) * 1_000,
            "share": np.where(rng.random(400) < 0.1, np.nan, rng.random(400)),
            "city": rng.choice(["north", "south"], 400),
        }
    )
    frame.loc[0, "share"] = np.nan

    def score(rows):
        city = (rows["city"] == "north") * 1.0
        return rows["income"] / 90_000 + rows["share"].isna() + city

    return WhatIf(score, frame, 0, background=frame.head(50))


def test_each_control_moves_the_prediction_as_the_model_does(lab):
    view = lab.view()
    city = controls(view)["city"]
    before, said = picture(view).value, words(view).value
    city.value = "north" if city.value == "south" else "south"
    assert picture(view).value != before and words(view).value != said
    north, south = (lab.to_frame({"city": name}).attrs["output"] for name in ("north", "south"))
    assert north - south == pytest.approx(1)


@pytest.mark.parametrize("changes", [{}, {"income": 89_000}, {"city": "north", "share": 0.5}])
def test_the_bars_fill_the_axis_and_lie_inside_it(lab, changes):
    ax = lab.plot(changes=changes)
    ends = [x for bar in ax.patches for x in (bar.get_x(), bar.get_x() + bar.get_width())]
    low, high = ax.get_xlim()
    assert low <= min(ends) and max(ends) <= high
    assert max(ends) - min(ends) > 0.4 * (high - low)


def test_the_bars_have_the_colours_of_shap(lab):
    """As in the plots beside it: what raises the output is red there, what lowers it blue."""
    from matplotlib.colors import to_rgb
    from shap.plots import colors

    table = lab.to_frame()
    steps = table["attribution"].abs().sort_values(ascending=False, kind="stable").index
    for bar, step in zip(lab.plot().patches, table.loc[steps, "attribution"], strict=True):
        expected = colors.red_rgb if step >= 0 else colors.blue_rgb
        assert to_rgb(bar.get_facecolor()) == pytest.approx(expected, abs=0.03)


def test_a_value_that_is_missing_stays_missing_until_its_control_is_moved(lab):
    assert pd.isna(lab.to_frame().loc["share", "value"])
    view = lab.view()
    share, said = controls(view)["share"], words(view).value
    share.value = share.min
    assert words(view).value != said


def test_every_slider_has_its_start_among_its_steps_and_stays_within_the_usual_values():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(
        {
            "income": rng.integers(6_000, 120_000, 500),
            "share": rng.random(500),
            "late": rng.integers(0, 9, 500).astype(float),
            "same": 0.5,
        }
    )
    view = WhatIf(
        lambda X: X["share"].to_numpy(dtype=float), frame, 7, background=frame.head(9)
    ).view()
    sliders = controls(view, (w.IntSlider, w.FloatSlider))
    assert set(sliders) == set(frame)
    for name, slider in sliders.items():
        assert slider.value == frame[name].iloc[7]
        steps = (slider.value - slider.min) / slider.step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert frame[name].min() <= slider.min <= slider.value <= slider.max <= frame[name].max()
    assert sliders["share"].max - sliders["share"].min > 0.95


def test_back_to_the_start_restores_every_control(lab):
    view = lab.view()
    income = controls(view)["income"]
    start, said = income.value, words(view).value
    income.value = income.max
    assert words(view).value != said
    controls(view)["back to the start"].click()
    assert (income.value, words(view).value) == (start, said)


def test_what_if_takes_pipelines_and_says_what_is_wrong():
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0] * 10, "b": [1.0, 0.0] * 20})
    model = make_pipeline(LogisticRegression()).fit(X, X["a"] > 1)
    found = WhatIf(model, X, 2, background=X)
    assert found.explainer.method == "linear"
    assert found.plot(changes={"a": 9}).get_xlabel() == "log-odds"
    with pytest.raises(ValueError, match=r"X has \['a', 'b', 'z'\]; expected"):
        found.to_frame({"z": 1})


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA])
@pytest.mark.parametrize("dtype", [object, "category", "str"])
def test_a_row_with_a_missing_category_can_be_changed_and_brought_back(missing, dtype):
    frame = pd.DataFrame(
        {
            "city": pd.Series([missing, "north", "south"] * 20, dtype=dtype),
            "late": pd.array([None, 1, 2] * 20, "Int64"),
            "never": [np.nan] * 60,
        }
    )
    lab = WhatIf(lambda X: X["city"].isna() * 1.0 + X["late"].isna(), frame, 0, background=frame)
    view = lab.view()
    each, said = controls(view), words(view).value
    assert each["city"].value is None and lab.to_frame().attrs["output"] == 2
    each["city"].value = "north"
    assert words(view).value != said
    each["back to the start"].click()
    assert each["city"].value is None and words(view).value == said


def test_a_row_is_explained_once_for_words_and_picture(lab, monkeypatch):
    view, explained = lab.view(), []
    monkeypatch.setattr(
        lab, "explainer", lambda row, do=lab.explainer: explained.append(row) or do(row)
    )
    monkeypatch.setattr(lab, "describe", lambda changes: str(len(lab.to_frame(changes))))
    controls(view)["income"].value = 33_000
    assert len(explained) == 1 and explained[0]["income"].tolist() == [33_000]


@pytest.fixture
def planner():
    return CapacityPlanner(rate=150, service_ms=10, replicas=2, target_ms=100)


def test_the_capacity_planner_knows_its_limits(planner):
    table = planner.to_frame(rate=150, service_ms=10, most=3)
    assert table["utilization (%)"].tolist() == [150, 75, 50]
    assert np.isinf(table.loc[1, "p99 (ms)"])
    # Two replicas, Erlang C: the mean is the service time divided by 1 - utilization squared.
    assert table.loc[2, "mean (ms)"] == pytest.approx(10 / (1 - 0.75**2), abs=0.05)
    state = {"rate": 150, "service_ms": 10}
    assert "75% busy" in planner.describe(**state, replicas=2)
    assert "100 ms is kept" in planner.describe(**state, replicas=2)
    assert "overloaded" in planner.describe(**state, replicas=1)
    with pytest.raises(ValueError, match="replicas"):
        CapacityPlanner(replicas=0)


def test_each_slider_of_the_capacity_planner_changes_words_and_picture(planner):
    view = planner.view()
    assert list(controls(view)) == ["requests per second", "service time (ms)", "replicas"]
    for label, value in (
        ("requests per second", 190), ("replicas", 3), ("service time (ms)", 20),
    ):  # fmt: skip
        before, said = picture(view).value, words(view).value
        controls(view)[label].value = value
        assert picture(view).value != before and words(view).value != said, label
    assert "127% busy; overloaded" in words(view).value


def test_the_capacity_planner_draws_what_it_says(planner):
    ax = planner.plot(rate=150, service_ms=10, replicas=2)
    (now,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert now.get_xdata() == [150]
    p99 = planner.to_frame(150, 10).loc[2, "p99 (ms)"]
    assert now.get_ydata()[0] == pytest.approx(p99, abs=0.1)
    assert "200/s: all replicas busy" in " ".join(text.get_text() for text in ax.texts)
    fresh = CapacityPlanner(target_ms=100)
    planner.picture(rate=900, service_ms=1, replicas=9)
    state = {"rate": 150, "service_ms": 10, "replicas": 2}
    assert planner.picture(**state) == fresh.picture(**state)


@pytest.mark.parametrize(
    ("rate", "service_ms", "replicas"),
    [(150, 10, 2), (10, 50, 1), (900, 10, 10), (300, 1, 20), (1_000, 10, 2)],
)
def test_the_curve_fills_the_axis_and_no_label_is_crossed(planner, rate, service_ms, replicas):
    ax = planner.plot(rate=rate, service_ms=service_ms, replicas=replicas)
    (now,) = [line for line in ax.lines if line.get_marker() == "o"]
    end, full = ax.get_xlim()[1], replicas * 1_000 / service_ms
    assert now.get_xdata()[0] <= end
    assert max(full, rate) >= 0.38 * end or full > end
    ax.figure.draw_without_rendering()
    frame = ax.get_window_extent()
    for text in ax.texts:
        if text.get_text():
            box = text.get_window_extent()
            assert box.x0 >= frame.x1 or box.y0 >= frame.y1, "labels are beside the curves"


def test_the_quick_picture_of_the_capacity_planner_has_the_numbers_of_its_axis(planner):
    fresh = CapacityPlanner(target_ms=100)
    planner.picture(rate=900, service_ms=1, replicas=20)
    state = {"rate": 20, "service_ms": 40, "replicas": 1}
    assert planner.picture(**state) == fresh.picture(**state)
    assert planner.picture(**state) != planner.picture(**state | {"replicas": 4})


def test_both_views_leave_a_picture_where_no_kernel_runs(explorer, lab, monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: sent.append(data))
    for one in (explorer, lab):
        one._ipython_display_()
    for bundle in sent:
        assert bundle["image/png"] and len(bundle["text/plain"]) > 20
