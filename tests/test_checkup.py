"""The look at the environment says what is ready and what to do about the rest."""

from importlib import metadata

import pytest

from helpers.course.lesson_0 import checkup as module
from helpers.course.lesson_0.checkup import Checkup, Part, checkup


def test_here_every_part_is_ready():
    found = checkup()
    assert found.ok, repr(found)
    assert len(found.parts) >= 6


def test_a_missing_package_is_named_with_what_to_do(monkeypatch):
    def version(name):
        if name == "shap":
            raise metadata.PackageNotFoundError(name)
        return "99"

    monkeypatch.setattr(module.metadata, "version", version)
    found = checkup()
    assert not found.ok
    parts = {part.name: part for part in found.parts}
    assert "shap is not installed: run `make lab`" in parts["Fairness and explanation"].detail


def test_a_version_outside_of_the_bounds_is_named_with_the_bound(monkeypatch):
    monkeypatch.setattr(module.metadata, "version", lambda name: "1.0")
    parts = {part.name: part for part in checkup().parts}
    assert "numpy 1.0 is installed, numpy" in parts["Numbers and pictures"].detail


def test_lost_data_are_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr("helpers.base.resources.path", lambda *parts: tmp_path)
    with pytest.raises(RuntimeError, match=r"python -m helpers\.world"):
        module._data()


def test_a_tfx_environment_that_was_not_made_yet_is_told_as_such(monkeypatch):
    monkeypatch.setattr(
        "helpers.tfx.environment.info", lambda: {"recipe": "x", "folder": "", "ready": False}
    )
    with pytest.raises(RuntimeError, match=r"helpers\.tfx install"):
        module._tfx()


def test_it_reads_without_colours_and_escapes_what_it_shows():
    found = Checkup([Part("one", True, "1.0"), Part("two", False, "<broken>")])
    assert repr(found).splitlines()[1].startswith("MEND  two")
    page = found._repr_html_()
    assert "✔ ready" in page and "✘ to mend" in page and "&lt;broken&gt;" in page
