"""Interactive views: what a control does to the picture, and what is left where no kernel runs."""

import base64

import ipywidgets as w
import matplotlib
import nbformat
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbconvert import HTMLExporter
from views import controls, picture, words

from helpers import world
from helpers.base import style
from helpers.course.lesson_2_1 import view as module
from helpers.course.lesson_2_1.view import STRENGTHS, IncidentLab
from helpers.course.views import Explorer, html_table, image, png, subplots, with_progress
from helpers.course.views.view import WIDGET_VIEW
from helpers.validation import generate_statistics, infer_schema


class ByIncome:
    """A model that knows one thing: who earns more defaults less."""

    def predict_proba(self, frame):
        p = 1 / (1 + (frame["income"].to_numpy(float) / 12_000) ** 2)
        return np.column_stack([1 - p, p])


@pytest.fixture(scope="module")
def published():
    """What a notebook would be sent by ``display``."""
    return []


@pytest.fixture(scope="module")
def lab(published):
    patch = pytest.MonkeyPatch()
    patch.setattr("IPython.display.display", lambda data, **_: published.append(data))
    patch.setattr(module, "STRENGTHS", (0.0, 0.4, 1.0))
    shown = ("monthly income", "missing history", "recession")
    patch.setattr(module, "SHOWN", {name: module.SHOWN[name] for name in shown})
    drafted = infer_schema(generate_statistics(world.World().applications("2025-01", 500)))
    drafted.environments = ["TRAINING", "SERVING"]
    drafted["defaulted"].not_in_environment = ["SERVING"]
    corrected = drafted.copy()
    corrected["income"].range = (6_000, 400_000)
    schemas = {"as inferred": drafted, "corrected": corrected}
    yield IncidentLab(ByIncome(), columns=["income"], schemas=schemas, n=300)
    patch.undo()


def test_the_table_says_from_which_strength_on_each_schema_notices(lab):
    table = lab.to_frame()
    assert table.loc["monthly income", "noticed as inferred"] == "never"
    assert table.loc["monthly income", "noticed corrected"] == "from 0.40"
    assert table.loc["missing history", "noticed as inferred"] == "from 0.40"
    assert (table.loc["recession", ["noticed as inferred", "noticed corrected"]] == "never").all()


def test_a_fault_that_the_model_feels_costs_money_and_one_that_it_does_not_feel_costs_none(lab):
    lost = lab.to_frame()["lost at full strength (euro per application)"]
    assert lost["monthly income"] > 0
    assert lost["missing history"] == 0
    assert lost["recession"] > lost["monthly income"]


def test_nothing_is_noticed_at_strength_zero(lab):
    for series in lab.series.values():
        assert all(said[0] == "" for said in series.notices.values())


def test_moving_a_control_changes_picture_and_words(lab):
    view = lab.view()
    seen = {picture(view).value}
    assert list(controls(view)) == ["incident", "schema", "strength"]
    for label, value in (("strength", 1.0), ("schema", "corrected"), ("incident", "recession")):
        before = words(view).value
        controls(view)[label].value = value
        assert picture(view).value not in seen
        assert words(view).value != before
        seen.add(picture(view).value)
    text = words(view).value
    assert "recession at strength 1" in text and "notices: nothing" in text


def test_where_no_kernel_runs_there_is_a_picture_and_its_description(lab, published):
    published.clear()
    lab._ipython_display_()
    (bundle,) = published
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert "monthly income at strength" in bundle["text/plain"]


def test_front_ends_get_the_widget_first_then_a_picture_and_no_html(lab, published):
    """The order of preference of those with a kernel is in `helpers.course.views.view._show`."""
    published.clear()
    lab._ipython_display_()
    list(with_progress("a", "one thing"))
    picture_and_words, words = published
    assert list(picture_and_words) == [WIDGET_VIEW, "image/png", "text/plain"]
    assert list(words) == [WIDGET_VIEW, "text/plain"]
    assert picture_and_words[WIDGET_VIEW].keys() == {"version_major", "version_minor", "model_id"}


def test_a_converter_takes_the_picture_where_the_widget_is_gone(lab, published):
    published.clear()
    lab._ipython_display_()
    output = nbformat.v4.new_output("display_data", data=published[0])
    cell = nbformat.v4.new_code_cell("lab", outputs=[output])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    page, _ = HTMLExporter().from_notebook_node(notebook)
    assert published[0]["image/png"][:200] in page.replace("\n", "")


def test_it_can_be_drawn_on_given_axes(lab):
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)
    drawn = lab.plot("monthly income", 1.0, "corrected", axes)
    assert drawn is axes
    assert axes[0].get_xlabel() == "income (euro per year)"
    assert "euro" in axes[1].get_ylabel()


def test_strengths_begin_at_nothing_and_end_at_full():
    assert STRENGTHS[0] == 0 and STRENGTHS[-1] == 1
    assert set(module.SHOWN) <= set(world.incidents)


def test_a_picture_is_never_shrunk_until_its_text_cannot_be_read():
    wide = Figure(figsize=(12, 2), dpi=100)
    tag = image(png(wide), "a wide picture")
    assert "max-width:100%;min-width:900px" in tag
    assert "overflow-x:auto" in tag and "tabindex" in tag, "it scrolls, also by keyboard"


def test_pictures_fit_beside_an_open_file_browser(lab):
    with matplotlib.rc_context():
        style.use()
        width = int.from_bytes(lab.view().picture[16:20], "big")
    assert 0.75 * width < 564, "what is left of a window of 1,000 pixels"


def test_a_table_looks_like_those_of_jupyterlab_and_scrolls():
    text = html_table(pd.DataFrame({"a & b": [1234.5]}), float_format="{:,.0f}".format)
    assert 'class="jp-RenderedHTMLCommon"' in text and 'class="dataframe"' in text
    assert "overflow-x:auto" in text and "tabindex" in text
    assert "<td>1,234</td>" in text and "a &amp; b" in text


def test_a_mosaic_has_one_axes_for_each_letter():
    wide, left, right = subplots(None, (4, 4), "aa;bc")
    assert wide.figure is left.figure is right.figure
    assert wide.get_position().width > left.get_position().width + right.get_position().width


def test_a_picture_carries_its_description_safely():
    tag = image(b"\x89PNG", 'it "says" <this>')
    assert 'alt="it &quot;says&quot; &lt;this&gt;"' in tag


def test_progress_goes_through_all_items_and_leaves_one_plain_line(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    assert list(with_progress("abc", "three things")) == ["a", "b", "c"]
    assert [data["text/plain"] for data in shown] == ["three things"]


def test_a_progress_bar_goes_away_once_it_is_full(monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda data, **_: None)
    lines = []
    box = w.HBox
    monkeypatch.setattr("ipywidgets.HBox", lambda parts: lines.append(box(parts)) or lines[0])
    steps = with_progress("ab", "two things")
    assert next(steps) == "a" and next(steps) == "b"
    (line,) = lines
    assert line.layout.display is None
    assert list(steps) == [] and line.layout.display == "none"


def test_the_style_is_set_once_for_all_figures():
    with matplotlib.rc_context():
        style.use()
        colours = matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]
        assert colours[0] == style.BLUE and len(set(colours)) == len(colours)
        assert min(matplotlib.rcParams[k] for k in ("xtick.labelsize", "legend.fontsize")) >= 9


class Line(Explorer):
    """A view as a lesson writes it, with a button and a control that sets another."""

    def controls(self):
        return {
            "slope": w.IntSlider(value=1, min=-5, max=5, description="slope"),
            "level": w.IntSlider(value=0, min=-5, max=5, description="level"),
            "flat": w.Button(description="make it flat"),
        }

    def state(self, controls):
        return {name: controls[name].value for name in ("slope", "level")}

    def describe(self, slope, level):
        if slope == 5:
            raise ValueError("too <steep>")
        return f"y = {slope} x + {level}"

    def plot(self, slope, level, ax=None):
        ax = subplots(ax, (3, 2))
        ax.plot([0, 1], [level, level + slope])
        return ax

    def connect(self, view):
        def flat(_):
            with view.hold():
                view.controls["slope"].value = 0
                view.controls["level"].value = 0

        view.controls["flat"].on_click(flat)


def test_controls_that_are_set_together_are_drawn_once_and_what_does_not_change_is_not(monkeypatch):
    line = Line()
    view, drawn = line.view(), []
    monkeypatch.setattr(line, "picture", lambda **state: drawn.append(state) or b"png")
    controls(view)["level"].value = 3
    controls(view)["make it flat"].click()
    controls(view)["make it flat"].click()
    assert drawn == [{"slope": 1, "level": 3}, {"slope": 0, "level": 0}]


def test_a_state_that_is_refused_is_answered_in_words_and_the_picture_stays():
    view = Line().view()
    before = picture(view).value
    controls(view)["slope"].value = 5
    assert words(view).value == "<p role='alert'>too &lt;steep&gt;</p>"
    assert picture(view).value == before and repr(view) == "y = 1 x + 0"
    controls(view)["slope"].value = 1
    assert words(view).value == "<p aria-live='polite'>y = 1 x + 0</p>"


def test_two_views_of_one_explorer_do_not_move_each_other():
    line = Line()
    one, other = line.view(), line.view()
    before = picture(other).value
    controls(one)["slope"].value = 2
    assert picture(one).value != before == picture(other).value


def test_figures_of_views_are_not_known_to_pyplot():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    Line().plot(slope=1, level=0)
    assert plt.get_fignums() == before
