"""The threshold explorer and the what-if view: what a control does to picture and words."""

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from helpers.course.lesson_3_5.view import threshold_explorer
from helpers.course.lesson_3_6.view import what_if
from helpers.course.views.canvas import Canvas


def of_kind(widget, kind):
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += of_kind(child, kind)
    return found


@pytest.fixture(scope="module")
def explorer():
    rng = np.random.default_rng(0)
    group = rng.choice(["old", "young"], 3_000)
    score = 1 / (1 + np.exp(-rng.normal(0.7 * (group == "old"), 1)))
    y = (rng.random(3_000) < score).astype(int)
    return threshold_explorer(y, score, sensitive_features=group, utility=(1.0, -2.0), unit="euro")


def test_a_slider_changes_its_group_alone(explorer):
    view = explorer.view()
    preset, (old, young), (picture, words) = (
        of_kind(view.widget, kind) for kind in (w.Dropdown, w.FloatSlider, w.HTML)
    )
    before, said = picture.value, words.value
    old.value = 0.9
    assert picture.value != before and words.value != said
    assert preset[0].value == "by hand"
    assert young.value == explorer.presets["one threshold"].thresholds["young"]
    now = explorer.table({"old": 0.9, "young": young.value})
    assert f"old: {now.loc['old', 'selection_rate']:.0%} selected" in words.value


def test_a_preset_moves_all_sliders_and_draws_once(explorer, monkeypatch):
    view = explorer.view()
    drawn = []
    monkeypatch.setattr(explorer, "picture", lambda table: drawn.append(table) or "<img>")
    (preset,) = of_kind(view.widget, w.Dropdown)
    preset.value = "demographic parity"
    expected = explorer.presets["demographic parity"].thresholds
    sliders = of_kind(view.widget, w.FloatSlider)
    assert [s.value for s in sliders] == pytest.approx([expected["old"], expected["young"]])
    assert len(drawn) == 1
    assert preset.value == "demographic parity"
    rates = drawn[0]["selection_rate"]
    assert abs(rates["old"] - rates["young"]) < 0.02


def test_every_control_has_a_visible_label(explorer):
    controls = of_kind(explorer.view().widget, (w.FloatSlider, w.Dropdown))
    assert len(controls) == 3 and all(control.description for control in controls)


def test_an_undefined_preset_is_left_out_and_said():
    explorer = threshold_explorer(
        [1, 1, 1, 0], [0.1, 0.2, 0.3, 0.4], sensitive_features=list("aabb")
    )
    view = explorer.view()
    assert "equalized odds" not in of_kind(view.widget, w.Dropdown)[0].options
    assert "Equalized odds is undefined" in of_kind(view.widget, w.HTML)[1].value


def test_the_quick_picture_is_the_same_as_one_drawn_anew(explorer):
    """What stands still is drawn once: nothing of an earlier state may stay behind."""
    fresh = threshold_explorer(
        [0, 1] * 20, np.linspace(0.1, 0.9, 40), sensitive_features=["a", "b"] * 20
    )
    other = threshold_explorer(
        [0, 1] * 20, np.linspace(0.1, 0.9, 40), sensitive_features=["a", "b"] * 20
    )
    fresh.picture(fresh.table({"a": 0.9, "b": 0.1}))
    moved = fresh.picture(fresh.table({"a": 0.4, "b": 0.6}))
    assert moved == other.picture(other.table({"a": 0.4, "b": 0.6}))


def test_a_canvas_draws_what_moves_where_it_is_now():
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 2))
    ax = figure.subplots()
    (point,) = ax.plot([0], [0], "o")
    ax.set(xlim=(-1, 1), ylim=(-1, 1))
    canvas = Canvas(figure, [point])
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

    return what_if(score, frame, 0)


def test_each_control_moves_the_prediction_as_the_model_does(lab):
    view = lab.view()
    picture, words = of_kind(view.widget, w.HTML)
    (city,) = of_kind(view.widget, w.Dropdown)
    before, said = picture.value, words.value
    city.value = "north" if city.value == "south" else "south"
    assert picture.value != before and words.value != said
    change = (
        lab.table({"city": "north"}).attrs["output"] - lab.table({"city": "south"}).attrs["output"]
    )
    assert change == pytest.approx(1)


def test_a_value_that_is_missing_stays_missing_until_its_control_is_moved(lab):
    assert pd.isna(lab.table().loc["share", "value"])
    view = lab.view()
    share = next(s for s in of_kind(view.widget, w.FloatSlider) if s.description == "share")
    said = of_kind(view.widget, w.HTML)[1].value
    share.value = share.min
    assert of_kind(view.widget, w.HTML)[1].value != said


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
    view = what_if(lambda X: X["share"].to_numpy(dtype=float), frame, 7).view()
    sliders = {s.description: s for s in of_kind(view.widget, (w.IntSlider, w.FloatSlider))}
    assert set(sliders) == set(frame)
    for name, slider in sliders.items():
        assert slider.value == frame[name].iloc[7]
        steps = (slider.value - slider.min) / slider.step
        assert steps == pytest.approx(round(steps), abs=1e-6)
        assert frame[name].min() <= slider.min <= slider.value <= slider.max <= frame[name].max()
    assert sliders["share"].max - sliders["share"].min > 0.95


def test_back_to_the_start_restores_every_control(lab):
    view = lab.view()
    (income,) = of_kind(view.widget, w.IntSlider)
    words = of_kind(view.widget, w.HTML)[1]
    start, said = income.value, words.value
    income.value = income.max
    assert words.value != said
    of_kind(view.widget, w.Button)[0].click()
    assert (income.value, words.value) == (start, said)


def test_what_if_takes_pipelines_and_says_what_is_wrong():
    X = pd.DataFrame({"a": [0.0, 1.0, 2.0, 3.0] * 10, "b": [1.0, 0.0] * 20})
    model = make_pipeline(LogisticRegression()).fit(X, X["a"] > 1)
    found = what_if(model, X, 2)
    assert found.explainer.method == "linear"
    assert found.plot({"a": 9}).get_xlabel() == "log-odds"
    with pytest.raises(ValueError, match="row is 99"):
        what_if(model, X, 99)
    with pytest.raises(ValueError, match="changes has 'z'"):
        found.table({"z": 1})
    with pytest.raises(ValueError, match="at most 20"):
        what_if(model, pd.DataFrame(np.zeros((3, 30))), 0)


def test_both_views_leave_a_picture_where_no_kernel_runs(explorer, lab, monkeypatch):
    sent = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw=False: sent.append(data))
    for one in (explorer, lab):
        one._ipython_display_()
    for bundle in sent:
        assert bundle["image/png"] and len(bundle["text/plain"]) > 20
