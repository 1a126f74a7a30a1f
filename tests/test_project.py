"""The project's own files agree with each other: bounds, locks, conda file, floors, notebooks."""

import ast
import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import nbformat
import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.base import resources
from tools import lint_notebooks, test_colab

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAMED = ["jupyterlab", "ipywidgets", "tensorflow", "tensorflow-data-validation", "fairlearn"]
NAMED += ["shap", "matplotlib", "nbval", "pytest"]
NOTEBOOKS = lint_notebooks.notebooks([ROOT / "notebooks"])


def _tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LOCK = (ROOT / "requirements" / "lab.txt").read_text()
PINS = [Requirement(pin) for pin in _tool("environment_yml").pins(LOCK)]


EXTRAS = PROJECT["optional-dependencies"]
# Every bound of the project; `lessons` names other extras of it.
BOUNDS = [
    Requirement(text)
    for text in [*PROJECT["dependencies"], *(text for group in EXTRAS.values() for text in group)]
    if not text.startswith(PROJECT["name"])
]


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_lock_satisfies_every_bound_of_the_project(python, system):
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    environment["sys_platform"] = system

    def applies(requirement):
        return not requirement.marker or requirement.marker.evaluate(environment)

    for bound in filter(applies, BOUNDS):
        pinned = [pin for pin in PINS if pin.name == bound.name and applies(pin)]
        assert len(pinned) == 1, bound.name
        version = str(pinned[0].specifier).removeprefix("==")
        assert bound.specifier.contains(version), f"{pinned[0]} is outside {bound}"


def test_installing_on_colab_changes_only_what_is_explained():
    shipped = test_colab.shipped()
    shared = {bound for bound in BOUNDS if canonicalize_name(bound.name) in shipped}
    assert len({bound.name for bound in shared}) > 25
    outside = {bound.name for bound in shared if not bound.specifier.contains(shipped[bound.name])}
    assert outside == test_colab.colab.MOVES.keys(), "these bounds change what Colab ships"


def test_the_conda_file_is_the_lock():
    written = (ROOT / "environment.yml").read_text()
    assert written == _tool("environment_yml").text(LOCK), "run `make lock`"


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
    "base": 1,
    "world": 1,
    "datasets": 1,
    "tfx": 2,
    "serving": 3,
    "lineage": 3,
    "pipelines": 3,
    "validation": 3,
    "fairness": 3,
    "cards": 3,
    "postmortem": 3,
    "explanation": 3,
    "rollout": 3,
    "drift": 3,
    "course": 4,
}
# Who may know Harbor Credit, the invented bank; the rest is a library for anybody's data.
KNOW_THE_BANK = {"world", "datasets", "pipelines", "course"}


def _imports(source):
    """List the names that a file of the helpers imports from `helpers`, without that word."""
    for node in ast.walk(ast.parse(source.read_text())):
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module or ''}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        yield from (name.removeprefix("helpers.") for name in names if name[:8] == "helpers.")


def test_imports_flow_down_the_floors():
    for source in sorted((ROOT / "helpers").rglob("*.py")):
        module = source.relative_to(ROOT / "helpers").with_suffix("").parts[0]
        if module == "__init__":
            continue
        assert module in FLOORS, f"give {module} a floor"
        for name in _imports(source):
            other = name.split(".")[0]
            assert other in FLOORS, f"{source.name} imports helpers.{name}"
            assert FLOORS[other] <= FLOORS[module], f"{source.name} imports helpers.{name}"
            if other in KNOW_THE_BANK:
                assert module in KNOW_THE_BANK, f"{source.name} imports helpers.{name}"


def test_a_lesson_does_not_import_another_lessons_room():
    for source in sorted((ROOT / "helpers" / "course").rglob("*.py")):
        room = source.parent.name
        for name in _imports(source):
            if name.startswith("course.lesson_"):
                assert name.split(".")[1] == room, f"{room}/{source.name} imports helpers.{name}"


def test_every_lesson_has_a_room_with_its_exercises():
    lessons = {f"lesson_{lesson.number.replace('.', '_')}" for lesson in resources.lessons()}
    for name in ("exercises.toml", "exercises.py"):
        rooms = {path.parent.name for path in ROOT.glob(f"helpers/course/lesson_*/{name}")}
        assert rooms == lessons


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


def test_the_wheel_carries_data_locks_and_exercises(tmp_path):
    uv = Path(sys.executable).with_name("uv")
    command = [uv, "build", "--wheel", "--no-build-isolation", "--out-dir", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    assert (tmp_path / "installed" / "helpers" / "rollout" / "templates" / "argo.yaml").exists()
    program = (
        "import helpers, helpers.datasets as d\n"
        "from helpers.course.exercises.core import exercises_by_lesson\n"
        "from helpers.tfx.environment import Recipe\n"
        "print(helpers.__file__, len(d.load('loans', months='2025-01')),"
        " len(Recipe('tfx-1.16', ()).locks), len(exercises_by_lesson()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "installed",
        capture_output=True,
        text=True,
    )
    place, rows, locks, lessons = done.stdout.split()
    assert Path(place).is_relative_to(tmp_path), "the checkout was imported, not the wheel"
    assert (rows, locks, lessons) == ("2000", "2", str(len(resources.lessons())))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_shape_of_a_lesson(path):
    faults = [fault for fault in lint_notebooks.lint(path) if not fault.advice]
    assert not faults, "\n".join(map(str, faults))


def test_an_executed_notebook_does_not_show_the_path_of_the_checkout():
    raised = {
        "output_type": "error",
        "ename": "E",
        "evalue": "",
        "traceback": [f"{ROOT}/helpers/a.py"],
    }
    cell = nbformat.v4.new_code_cell("1 / 0", outputs=[nbformat.from_dict(raised)])
    notebook = nbformat.v4.new_notebook(cells=[cell])
    _tool("notebooks").strip(notebook)
    assert notebook.cells[0].outputs[0].traceback == ["helpers/a.py"]


@pytest.mark.parametrize("lesson", resources.lessons()[1:], ids=lambda lesson: lesson.number)
def test_a_lesson_is_listed_in_the_readme_and_on_the_start_page(lesson):
    link = f"[{lesson.number} {lesson.title}]"
    place = lesson.path.relative_to(ROOT / "notebooks").as_posix()
    assert f"{link}(notebooks/{place})" in (ROOT / "README.md").read_text()
    start = nbformat.read(resources.lessons()[0].path, 4)
    rows = [row for cell in start.cells for row in cell.source.splitlines() if link in row]
    assert len(rows) == 1 and f"({place})" in rows[0]
    assert rows[0].endswith(f"| {lesson.minutes} min |"), "the notebook's metadata say otherwise"
