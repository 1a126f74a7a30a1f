"""Lesson 4.3: the autoscaler's rule and its replay, the view, fresh processes, right answers."""

import shutil
import subprocess
from pathlib import Path

import ipywidgets as w
import numpy as np
import pytest
from views import controls, picture, words

from helpers.course.exercises.core import find
from helpers.course.lesson_4_3.exercises import _IMAGES, _replays, _write_image
from helpers.course.lesson_4_3.places import fresh
from helpers.course.lesson_4_3.view import MondayPeak, monday
from helpers.rollout.autoscaler import PERIOD_S, Autoscaler, replay


def test_the_rule_multiplies_within_its_limits():
    one = Autoscaler(target=0.6, least=2, most=10)
    assert [one.desired(4, u) for u in (0.9, 0.65, 0.3, 0.0)] == [6, 4, 2, 2]
    assert one.desired(8, 1.0) == 10
    assert one.desired(4, 1.0, ready=2) == 4, "those that are starting count as idle"
    assert Autoscaler(target=0.05, most=50).desired(3, 1.0) == 7, "at most four more, or twice"
    with pytest.raises(ValueError, match="target"):
        Autoscaler(target=60)


def test_a_replay_loses_what_the_pods_that_are_ready_cannot_answer():
    load = np.repeat([50.0, 300.0], 40)
    slow, quick = (replay(load, Autoscaler(), per_pod=50, start_s=s) for s in (60, 5))
    assert slow["lost"].iloc[:40].sum() == 0
    assert slow["lost"].iloc[40] == (300 - 2 * 50) * PERIOD_S
    assert slow["lost"].sum() > 3 * quick["lost"].sum() > 0
    assert slow["ready"].iloc[-1] == 10
    calm = replay(np.repeat([300.0, 10.0], 40), Autoscaler(least=8), per_pod=50, start_s=5)
    assert (calm["pods"].iloc[40:60] == calm["pods"].iloc[40]).all(), "five minutes of patience"


def test_each_control_changes_words_and_picture():
    view = MondayPeak().view()
    for name, value in {"start (s)": 30, "target (%)": 40, "least pods": 4, "at 8:45": 8}.items():
        before = picture(view).value, words(view).value
        controls(view, w.DOMWidget)[name].value = value
        assert picture(view).value != before[0], name
        assert words(view).value != before[1], name


def test_the_design_needs_a_remedy_for_each_peak():
    (lost, _, hours), scheduled = _replays(50, 2, 8), _replays(60, 2, 10)
    assert lost < 90 and hours < 29
    assert scheduled[0] == pytest.approx(scheduled[1]) and scheduled[1] > 150
    assert monday(1).max() < 10 * 50


def test_a_fresh_process_is_measured_and_tells_why_it_failed(tmp_path):
    (tmp_path / "x.txt").write_text("7")
    got = fresh("answer = lambda: float(open('x.txt').read())", tmp_path)
    assert got["answer"] == 7 and 0 < got["cold (s)"] < 60 and got["memory (MB)"] > 1
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        fresh("1 / 0", tmp_path)


def test_each_image_of_the_judge_has_the_faults_that_it_names(tmp_path):
    for number, (faults, _) in enumerate(_IMAGES):
        assert len(_write_image(tmp_path / str(number), *faults)) == len(faults)


MULTI_STAGE = """
# syntax=docker/dockerfile:1
ARG PY=3.13
FROM python:3.13-slim AS base
WORKDIR /app
COPY requirements.txt ./
RUN pip install \\
    --no-cache-dir --require-hashes -r requirements.txt
COPY --chown=1000 model.onnx serve.py ./
FROM base
USER 1000:1000
ENTRYPOINT ["python"]
CMD ["serve.py"]
"""


def test_other_right_answers_are_right_too():
    assert find("4.3-d").feedback(MULTI_STAGE).status == "right"
    assert find("4.3-f").feedback({"target": 50.0, "least": 2, "morning": 7}).status == "right"


@pytest.mark.skipif(not shutil.which("skopeo"), reason="there is no skopeo here")
def test_a_real_tool_reads_the_lessons_image(tmp_path):
    import nbformat

    path = Path(__file__).parents[1] / "notebooks/4_deployment/4_3_infrastructures.ipynb"
    cells = [cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]
    space = {"work": tmp_path, "source": "print(1)"}
    (tmp_path / "spec.json").write_text("{}")
    exec("import hashlib, io, json, tarfile", space)
    for mark in ("KIND =", "def build(", "libraries = layer("):
        (cell,) = [source for source in cells if mark in source]
        exec(cell, space)
    copy = [shutil.which("skopeo"), "--insecure-policy", "copy", f"oci:{tmp_path / 'image'}:1"]
    subprocess.run([*copy, f"oci:{tmp_path / 'b'}:1"], check=True, capture_output=True)
    blob = tmp_path / "image/blobs/sha256" / space["program"]["digest"][7:]
    blob.write_bytes(b"x" + blob.read_bytes()[1:])
    again = subprocess.run([*copy, f"oci:{tmp_path / 'c'}:1"], capture_output=True, text=True)
    assert again.returncode and "igest did not match" in again.stderr
