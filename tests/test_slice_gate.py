"""The gate by slice: its numbers, its verdicts, and what a control does to picture and words."""

import ipywidgets as w
import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from helpers.course.lesson_2_5.view import slice_gate


def rows(n, seed=0):
    """Rows of two regions; the candidate is better in the large one, and guesses in the other."""
    rng = np.random.default_rng(seed)
    risk = rng.normal(size=n)
    small = rng.random(n) < 0.12
    frame = pd.DataFrame(
        {"region": np.where(small, "East", "West"), "kind": rng.choice(["a", "b"], n)}
    )
    frame["defaulted"] = (rng.random(n) < 1 / (1 + np.exp(1.5 - 1.5 * risk))).astype(int)
    frame["old"] = risk + rng.normal(size=n)
    frame["new"] = np.where(small, rng.normal(size=n), risk + 0.2 * rng.normal(size=n))
    return frame


@pytest.fixture(scope="module")
def gate():
    evaluated = rows(1_500)
    evaluated["same"] = evaluated["old"]
    fresh = rows(20_000, seed=1)
    fresh["same"] = fresh["old"]
    return slice_gate(evaluated, ["old", "new", "same"], by=["region", "kind"], fresh=fresh)


def of_kind(widget, kind):
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += of_kind(child, kind)
    return found


def test_the_areas_are_those_of_scikit_learn(gate):
    frame = rows(1_500)
    table = gate.table("new", "region")
    assert list(table.index) == ["all", "East", "West"]
    assert table["rows"].tolist() == [1_500, *frame["region"].value_counts().sort_index()]
    east = frame[frame["region"] == "East"]
    for column, model in (("before", "old"), ("after", "new")):
        assert table.loc["all", column] == pytest.approx(
            roc_auc_score(frame["defaulted"], frame[model])
        )
        assert table.loc["East", column] == pytest.approx(
            roc_auc_score(east["defaulted"], east[model])
        )
    assert table["change"].tolist() == pytest.approx((table["after"] - table["before"]).tolist())


def test_the_intervals_are_those_that_other_samples_show():
    changes, widths = [], []
    for seed in range(200):
        gate = slice_gate(rows(400, seed), ["old", "new"], by=["kind"])
        one = gate.table("new", "kind").loc["all"]
        changes.append(one["change"])
        widths.append(one["high"] - one["low"])
    assert np.mean(widths) / (2 * 1.96) == pytest.approx(np.std(changes), rel=0.12)


def test_a_model_that_is_better_over_all_and_worse_in_a_slice_is_not_blessed(gate):
    table = gate.table("new", "region", 0.0, 0.05)
    assert table["passes"].tolist() == [True, False, True]
    assert table.loc["East", "truth"] < -0.1 < 0 < table.loc["all", "truth"]
    assert gate.verdicts("region", 0.0, 0.05)["new"] == "not blessed: East"
    assert gate.verdicts("region", 0.0, 0.5)["new"] == "blessed"
    assert gate.verdicts("kind", 0.0, 0.05)["new"] == "blessed"


def test_the_model_in_force_itself_is_blessed_by_the_strictest_gate(gate):
    table = gate.table("same", "region", 0.0, 0.0)
    assert (table["change"] == 0).all() and (table["low"] == table["high"]).all()
    assert gate.verdicts("region", 0.0, 0.0)["same"] == "blessed"


def test_a_slice_without_defaults_is_told_as_unknown_and_passes():
    frame = rows(300)
    frame.loc[frame["region"] == "East", "defaulted"] = 0
    table = slice_gate(frame, ["old", "new"], by=["region"]).table("new", "region", 0.0, 0.0)
    assert np.isnan(table.loc["East", "change"]) and table.loc["East", "passes"]
    view = slice_gate(frame, ["old", "new"], by=["region"]).view()
    assert "nan" in view.alt


def test_each_control_changes_the_picture_and_the_verdicts(gate):
    view = gate.view()
    candidate, by = of_kind(view.widget, w.Dropdown)
    overall, each = of_kind(view.widget, w.FloatSlider)
    words, picture = of_kind(view.widget, w.HTML)
    assert "<b>new</b>: not blessed: East" in words.value
    before = picture.value
    each.value = 0.15
    assert picture.value != before
    before = picture.value
    candidate.value = "same"
    assert picture.value != before
    before = picture.value
    by.value = "kind"
    assert picture.value != before and "<b>new</b>: blessed" in words.value
    before = picture.value
    overall.value = 0.1
    assert picture.value != before


def test_every_control_has_a_visible_label_and_the_picture_its_description(gate):
    view = gate.view()
    controls = of_kind(view.widget, (w.FloatSlider, w.Dropdown))
    assert len(controls) == 4 and all(control.description for control in controls)
    assert "East" in view.alt and view.alt in of_kind(view.widget, w.HTML)[1].value
    assert view.picture.startswith(b"\x89PNG")


def test_a_picture_drawn_again_is_the_same_as_one_drawn_anew(gate):
    moved = gate._picture("new", "region", 0.1, 0.1).canvas.png()
    again = slice_gate(
        rows(1_500).assign(same=0.0), ["old", "new"], by=["region"], fresh=rows(20_000, seed=1)
    )
    assert moved == again._picture("new", "region", 0.1, 0.1).canvas.png()


def test_a_plot_can_go_into_axes_of_ones_own(gate):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert gate.plot("new", "region", ax=ax) is ax
    assert ax.get_yticklabels()[0].get_text() == "all (1,500)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"models": ["old"]}, "expected the model in force and a candidate"),
        ({"models": "old"}, "expected the model in force and a candidate"),
        ({"by": "region"}, r"expected a list of columns"),
        ({"by": ["town"]}, r"evaluated lacks \['town'\]"),
        ({"models": ["old", "newer"]}, r"evaluated lacks \['newer'\]"),
        ({"label": "kind"}, r"expected 0, 1"),
        ({"fresh": pd.DataFrame({"defaulted": [0, 1]})}, "fresh lacks"),
    ],
)
def test_bad_input_is_told_by_name(arguments, message):
    given = {"models": ["old", "new"], "by": ["region"], **arguments}
    with pytest.raises(ValueError, match=message):
        slice_gate(rows(50), given.pop("models"), **given)


def test_a_candidate_that_is_not_there_is_answered_with_those_that_are(gate):
    with pytest.raises(ValueError, match=r"candidate is 'other'.*\['new', 'same'\]"):
        gate.table("other", "region")
