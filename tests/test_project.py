"""The project's own files agree with each other: bounds, locks, conda file, floors, notebooks."""

import ast
import importlib.util
import json
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = ["jupyterlab", "ipywidgets", "tensorflow", "tensorflow-data-validation", "fairlearn"]
NAMED += ["shap", "matplotlib", "nbval", "pytest"]
# What Colab shipped in August 2026 (googlecolab/backend-info). Colab brings no upper bound of ours.
COLAB = {
    "ipykernel": "6.17.1",
    "ipython": "7.34.0",
    "ipywidgets": "7.7.1",
    "matplotlib": "3.10.0",
    "numpy": "2.1.3",
    "pandas": "2.2.3",
    "protobuf": "5.29.6",
    "pyarrow": "18.1.0",
    "scikit-learn": "1.6.1",
    "scipy": "1.16.3",
    "shap": "0.52.0",
    "tensorflow": "2.20.0",
}
NOTEBOOKS = sorted(
    path for path in ROOT.glob("notebooks/**/*.ipynb") if ".ipynb_checkpoints" not in path.parts
)


def _environment_yml():
    place = ROOT / "tools" / "environment_yml.py"
    spec = importlib.util.spec_from_file_location("environment_yml", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCK = (ROOT / "requirements" / "lab.txt").read_text()
PINS = [Requirement(pin) for pin in _environment_yml().pins(LOCK)]


def test_the_lock_satisfies_every_bound_of_the_project_on_every_python():
    extras = [pin for group in PROJECT["optional-dependencies"].values() for pin in group]
    for text in [*PROJECT["dependencies"], *extras]:
        bound = Requirement(text)
        for python in ("3.11", "3.12", "3.13"):
            environment = {"python_version": python, "python_full_version": f"{python}.0"}
            pinned = [
                pin
                for pin in PINS
                if pin.name == bound.name and (not pin.marker or pin.marker.evaluate(environment))
            ]
            assert len(pinned) == 1, f"{bound.name} on Python {python}"
            version = str(pinned[0].specifier).removeprefix("==")
            assert bound.specifier.contains(version), f"{pinned[0]} is outside {bound}"


@pytest.mark.parametrize(("package", "version"), COLAB.items())
def test_installing_on_colab_upgrades_nothing_that_is_there(package, version):
    bounds = [Requirement(text) for text in PROJECT["dependencies"]]
    (bound,) = [bound for bound in bounds if bound.name == package]
    assert bound.specifier.contains(Version(version))


def test_the_conda_file_is_the_lock():
    written = (ROOT / "environment.yml").read_text()
    assert written == _environment_yml().text(LOCK), "run `make lock`"


@pytest.mark.parametrize("package", NAMED)
def test_the_conda_file_has_or_explains_every_named_package(package):
    text = (ROOT / "environment.yml").read_text()
    assert f'"{package}==' in text or re.search(rf"^# {package} is not in this list", text, re.M)


def test_the_lock_covers_linux_and_macs_with_apple_silicon():
    for pin in PINS:
        assert not pin.marker or isinstance(pin.marker, Marker)
    core = [pin for pin in PINS if pin.name in ("tensorflow", "pandas", "jupyterlab")]
    assert len(core) == 3 and not any(pin.marker for pin in core)


# What each floor of the house may import from the floors below it (the design's section 4).
FLOORS = {
    "style": 1,
    "resources": 1,
    "world": 1,
    "datasets": 1,
    "tfx": 2,
    "validation": 3,
    "exercises": 4,
    "widgets": 4,
    "checkup": 4,
}


@pytest.mark.parametrize("source", sorted((ROOT / "helpers").rglob("*.py")), ids=lambda p: p.stem)
def test_imports_flow_down_the_floors(source):
    module = source.relative_to(ROOT / "helpers").with_suffix("").parts[0]
    if module == "__init__":
        return
    assert module in FLOORS, f"say on which floor {module} stands"
    for node in ast.walk(ast.parse(source.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            base = node.module or ""
            names = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            if name.startswith("helpers."):
                other = name.split(".")[1]
                assert other == module or FLOORS[other] <= FLOORS[module], f"imports {name}"


def test_importing_the_package_loads_nothing_heavy():
    program = (
        "import sys, helpers\n"
        "heavy = {'tensorflow', 'pandas', 'numpy', 'matplotlib', 'IPython', 'ipywidgets',"
        " 'jupyter_client'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_an_unknown_helper_is_answered_with_those_that_exist():
    import helpers

    with pytest.raises(AttributeError, match=r"fairnes.*datasets"):
        helpers.fairnes


def test_the_wheel_carries_data_and_locks(tmp_path):
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--wheel", "--no-build-isolation", "--out-dir", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    program = (
        "import helpers, helpers.datasets as d\n"
        "from helpers.tfx.environment import Recipe\n"
        "print(helpers.__file__, len(d.load('loans', months='2025-01')),"
        " len(Recipe('tfx-1.16', ()).locks))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "installed",
        capture_output=True,
        text=True,
    )
    place, rows, locks = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path), "the checkout was imported, not the wheel"
    assert (rows, locks) == ("2000", "2")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_executed_and_says_what_it_is(path):
    notebook = json.loads(path.read_text())
    about = notebook["metadata"]["first_dance"]
    assert {"track", "lesson", "minutes", "budget_s"} <= set(about)
    assert about["budget_s"] <= 60
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] != "code":
            assert "/home/" not in source and "/root/" not in source
            continue
        tags = cell["metadata"].get("tags", [])
        assert cell["execution_count"] is not None, f"never run: {source[:60]}"
        errors = [out for out in cell["outputs"] if out["output_type"] == "error"]
        assert not errors or "raises-exception" in tags, f"an error stands in: {source[:60]}"
        if "nbval-ignore-output" in tags:
            first = source.splitlines()[1 if source.startswith("%%") else 0]
            assert first.startswith("#"), f"why is the output not compared? {source[:60]}"
        assert "/root/" not in json.dumps(cell["outputs"]) and "/home/" not in json.dumps(
            cell["outputs"]
        ), f"a path of one machine in the output of: {source[:60]}"
