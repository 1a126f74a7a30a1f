"""The gate by slice: its numbers, its verdicts, and what a control does to picture and words."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score
from views import controls, picture, words

from helpers.course.lesson_2_5.view import SliceGate


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
    return SliceGate(evaluated, ["old", "new", "same"], by=["region", "kind"], fresh=fresh)


def test_the_areas_are_those_of_scikit_learn(gate):
    frame = rows(1_500)
    table = gate.to_frame("new", "region")
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
        gate = SliceGate(rows(400, seed), ["old", "new"], by=["kind"], fresh=rows(40))
        one = gate.to_frame("new", "kind").loc["all"]
        changes.append(one["change"])
        widths.append(one["high"] - one["low"])
    assert np.mean(widths) / (2 * 1.96) == pytest.approx(np.std(changes), rel=0.12)


def test_a_model_that_is_better_over_all_and_worse_in_a_slice_is_not_blessed(gate):
    table = gate.to_frame("new", "region", 0.0, 0.05)
    assert table["passes"].tolist() == [True, False, True]
    assert table.loc["East", "truth"] < -0.1 < 0 < table.loc["all", "truth"]
    assert gate.verdicts("region", 0.0, 0.05)["new"] == "not blessed: East"
    assert gate.verdicts("region", 0.0, 0.5)["new"] == "blessed"
    assert gate.verdicts("kind", 0.0, 0.05)["new"] == "blessed"


def test_the_model_in_force_itself_is_blessed_by_the_strictest_gate(gate):
    table = gate.to_frame("same", "region", 0.0, 0.0)
    assert (table["change"] == 0).all() and (table["low"] == table["high"]).all()
    assert gate.verdicts("region", 0.0, 0.0)["same"] == "blessed"


def test_a_slice_without_defaults_is_told_as_unknown_and_passes():
    frame = rows(300)
    frame.loc[frame["region"] == "East", "defaulted"] = 0
    table = SliceGate(frame, ["old", "new"], by=["region"], fresh=rows(40)).to_frame(
        "new", "region", 0.0, 0.0
    )
    assert np.isnan(table.loc["East", "change"]) and table.loc["East", "passes"]
    view = SliceGate(frame, ["old", "new"], by=["region"], fresh=rows(40)).view()
    assert "nan" in view.alt


def test_each_control_changes_the_picture_and_the_verdicts(gate):
    view = gate.view()
    assert "<b>new</b>: not blessed: East" in words(view).value
    moves = [("slice tolerance", 0.15), ("candidate", "same"), ("slice by", "kind")]
    for label, value in [*moves, ("tolerance", 0.1)]:
        before = picture(view).value
        controls(view)[label].value = value
        assert picture(view).value != before, label
    assert "<b>new</b>: blessed" in words(view).value


def test_every_control_has_a_visible_label_and_the_picture_its_description(gate):
    view = gate.view()
    assert len(controls(view)) == 4 and all(controls(view))
    assert "East" in view.alt and view.alt in picture(view).value
    assert view.picture.startswith(b"\x89PNG")


def test_a_picture_drawn_again_is_the_same_as_one_drawn_anew(gate):
    state = {"candidate": "new", "by": "region", "tolerance": 0.1, "slice_tolerance": 0.1}
    gate.picture(**state | {"slice_tolerance": 0.0})
    moved = gate.picture(**state)
    again = SliceGate(
        rows(1_500).assign(same=0.0), ["old", "new"], by=["region"], fresh=rows(20_000, seed=1)
    )
    assert moved == again.picture(**state)


def test_a_plot_can_go_into_axes_of_ones_own(gate):
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    assert gate.plot(ax, candidate="new", by="region") is ax
    assert ax.get_yticklabels()[0].get_text() == "all (1,500)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"by": ["town"]}, r"evaluated lacks \['town'\]"),
        ({"models": ["old", "newer"]}, r"evaluated lacks \['newer'\]"),
        ({"fresh": pd.DataFrame({"defaulted": [0, 1]})}, "fresh lacks"),
    ],
)
def test_a_missing_column_is_told_by_name(arguments, message):
    given = {"models": ["old", "new"], "by": ["region"], "fresh": rows(50), **arguments}
    with pytest.raises(ValueError, match=message):
        SliceGate(rows(50), given.pop("models"), **given)
