"""On Colab the setup cell installs beside what is there; elsewhere it names the kernel."""

import importlib.util
import os
import shutil
import subprocess
import sys
import types
import zipfile
from pathlib import Path

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from helpers.course.exercises.store import ProgressFile
from tools import colab, stamp, test_colab

SHIPPED = {"tensorflow-metadata": "1.21.0", "requests": "2.32.4", "unrelated": "1.0"}


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Install lessons that need given packages beside `SHIPPED`; return output and versions."""
    environment = tmp_path / "environment"
    uv = Path(sys.executable).with_name("uv")
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, environment], check=True)
    (packages,) = environment.glob("lib/python*/site-packages")
    for name, version in SHIPPED.items():
        test_colab.stand_in(packages, name, version)
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, version in [("tensorflow-metadata", "1.17.3"), ("requests", "2.34.2")]:
        wheel(wheels, name, version)
    wheel(wheels, "fresh", "2.0", "requests")
    for name, value in test_colab.WRONG.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(wheels))
    monkeypatch.setenv("PATH", str(uv.parent), prepend=os.pathsep)

    def install(*needed):
        wheel(wheels, "lessons", "1.0", *needed)
        python = environment / "bin" / "python"
        program = [python, Path(colab.__file__), "lessons"]
        done = subprocess.run(program, capture_output=True, text=True)
        return done.returncode, done.stdout, test_colab.versions(environment)

    return install


def wheel(folder, name, version, *needed):
    """Write an empty package."""
    name = name.replace("-", "_")
    about = f"{name}-{version}.dist-info"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {one}" for one in needed]
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{about}/METADATA", "\n".join(lines) + "\n")
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        archive.writestr(f"{about}/WHEEL", tag)
        archive.writestr(f"{about}/RECORD", "")


def test_only_what_is_explained_changes_whatever_colab_has_set(machine):
    code, said, versions = machine("tensorflow-metadata<1.18", "fresh")
    assert code == 0, said
    expected = {**SHIPPED, "tensorflow-metadata": "1.17.3", "fresh": "2.0", "lessons": "1.0"}
    assert versions == expected
    assert "tensorflow-metadata: 1.21.0 -> 1.17.3, since" in said
    assert "requests" not in said and "Restart session" not in said
    assert said.splitlines()[-1] == colab.KEEP


def test_where_more_has_to_change_it_does_and_is_named(machine):
    code, said, versions = machine("tensorflow-metadata<1.18", "requests>=2.33")
    assert code == 0, said
    assert versions["requests"] == "2.34.2" and versions["unrelated"] == "1.0"
    assert "requests: 2.32.4 -> 2.34.2, which was not intended" in said
    assert "Restart session" in said


def test_what_cannot_be_installed_is_said_in_the_installers_words(machine):
    code, said, versions = machine("no-such-package")
    assert code != 0 and versions == SHIPPED
    assert "no-such-package" in said and "Run this cell again" in said


def test_the_line_that_keeps_progress_in_drive_does(monkeypatch):
    mounted = []
    google = types.ModuleType("google.colab")
    google.drive = types.SimpleNamespace(mount=mounted.append)
    monkeypatch.setitem(sys.modules, "google.colab", google)
    monkeypatch.setenv("MLOPS_PROGRESS", "elsewhere")
    exec(colab.KEEP, {})
    assert mounted == ["/content/drive"]
    assert ProgressFile().path.parent == Path("/content/drive/MyDrive")


@pytest.fixture
def setup_cell(monkeypatch):
    """Run the setup cell in Colab's kernel or another, with helpers or not; list its magics."""

    def run(*, colab, helpers):
        there, ran = [helpers], []

        def system(command):
            there.append(True)
            ran.append(command)

        def magic(name, line):
            ran.append(f"%{name} {line}")

        shell = types.SimpleNamespace(system=system, run_line_magic=magic)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: there[-1] or None)
        if colab:
            monkeypatch.setitem(sys.modules, "google.colab", types.ModuleType("google.colab"))
        code = TransformerManager().transform_cell(stamp.SETUP.format(address="ADDRESS"))
        exec(code, {"get_ipython": lambda: shell})
        return ran

    return run


def test_the_setup_cell_installs_on_colab_once(setup_cell):
    load = "%load_ext helpers"
    clone, install = (
        "git clone --quiet --depth 1 ADDRESS lab",
        "{sys.executable} lab/tools/colab.py",
    )
    assert setup_cell(colab=True, helpers=False) == [clone, install, load]
    assert Path(colab.__file__).relative_to(test_colab.ROOT).as_posix() in install
    assert setup_cell(colab=True, helpers=True) == [load]
    assert setup_cell(colab=False, helpers=True) == [load]


def test_the_setup_cell_names_the_kernel_to_choose(setup_cell):
    """Also where there is no package `google`, as in the kernel of a bare Python."""
    with pytest.raises(AssertionError, match=r"Choose the kernel \.venv"):
        setup_cell(colab=False, helpers=False)
    comment = " ".join(line for line in stamp.SETUP.splitlines() if line[:1] == "#")
    for place in ("make lab", "Codespaces", "Kaggle", "Binder", "Open in Colab"):
        assert place in comment


def test_a_kernel_that_finds_the_checkout_but_not_its_libraries_is_named_too(tmp_path):
    program = "import helpers; helpers.load_ipython_extension(None)"
    run = [sys.executable, "-S", "-c", program]
    done = subprocess.run(run, cwd=stamp.ROOT, capture_output=True, text=True)
    assert "No module named" in done.stderr.splitlines()[-1]
    assert "this kernel is not the one that `make lab` makes. Choose .venv" in done.stderr


def test_the_list_of_what_colab_ships_is_whole_and_has_no_address():
    (path,) = test_colab.LISTS.glob("colab-*.txt")
    text = path.read_text()
    assert "://" not in text and "@" not in text
    shipped = test_colab.shipped()
    assert len(shipped) > 600
    assert shipped["torch"] == shipped["google-colab"] == "0" != shipped["protobuf"]


def test_a_newer_list_replaces_the_older(tmp_path, monkeypatch, capsys):
    lists = tmp_path / "requirements"
    lists.mkdir()
    (lists / "colab-2026-08-19.txt").write_text("old==1\n")
    monkeypatch.setattr(test_colab, "LISTS", lists)
    freeze = tmp_path / "pip-freeze.txt"
    freeze.write_text(
        "# Made there.\nPyYAML==6.0\n-e git+https://x/y#egg=y\ntorch @ https://x/t.whl\n"
    )
    assert test_colab.main("freeze", str(freeze), "2027-01-02") == 0
    assert [path.name for path in lists.iterdir()] == ["colab-2027-01-02.txt"]
    assert test_colab.shipped() == {"pyyaml": "6.0", "torch": "0"}
    kept = lists / "colab-2027-01-02.txt"
    assert test_colab.main("freeze", str(shutil.copy(kept, tmp_path / kept.name))) == 0
    assert test_colab.shipped() == {"pyyaml": "6.0", "torch": "0"}
    assert test_colab.main("freeze", str(tmp_path / "nowhere")) == 2
    assert "make colab-freeze FILE=" in capsys.readouterr().out
