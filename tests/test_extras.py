"""The core is light; a part says which extra it lacks, and its extra has all that it imports."""

import ast
import functools
import json
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.base import extras

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# The extra of each package and module; what is not here needs only the core.
EXTRA = {
    "cards": "fairness",
    "course": "lessons",
    "drift": "drift",
    "explanation": "explanation",
    "fairness": "fairness",
    "lineage": "validation",
    "pipelines": "validation",
    "rollout": "serving",
    "serving": "serving",
    "tfx": "validation",
    "validation": "validation",
}
# These run in the TFX environment.
THERE = ["*/in_tfx.py", "tfx/kernel.py", "pipelines/loans.py", "pipelines/modules/*.py"]
THERE += ["lesson_2_5/in_kernel.py", "lesson_2_5/exported.py", "lesson_2_6/hops.py"]
COMES_WITH = {
    "PIL": "matplotlib",
    "cycler": "matplotlib",
    "gevent": "locust",
    "keras": "tensorflow",
}
# Imported only for an object that its library has made, or where IPython runs already.
OPTIONAL = {("explanation", "tensorflow"), ("cards", "IPython"), ("tfx", "IPython")}


@functools.cache
def installed():
    return metadata.packages_distributions()


def core():
    return {Requirement(text).name for text in PROJECT["dependencies"]}


def imports(path):
    """List the libraries that a file imports, each with the distributions that bring it."""
    for node in ast.walk(ast.parse(path.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module]
        for module in modules:
            top = module.split(".")[0]
            if top == "google":
                yield module, ["protobuf"]
            elif top not in sys.stdlib_module_names and top != "helpers":
                yield top, [*map(canonicalize_name, installed().get(top, [])), COMES_WITH.get(top)]


@pytest.mark.parametrize("part", sorted(path.stem for path in (ROOT / "helpers").glob("[!_]*")))
def test_what_a_part_imports_is_in_its_extra_or_in_the_core(part):
    known = core() | set(extras.names(EXTRA[part]) if part in EXTRA else [])
    folder = ROOT / "helpers" / part
    files = folder.rglob("*.py") if folder.is_dir() else [folder.with_suffix(".py")]
    for path in files:
        if any(path.match(pattern) for pattern in THERE):
            continue
        for module, names in imports(path):
            allowed = known.intersection(names) or (part, module) in OPTIONAL
            assert allowed, f"{path.relative_to(ROOT)} imports {module}"


def test_a_package_without_its_extra_says_so_in_one_line():
    program = f"""
import importlib, json
from helpers.base import extras
extras._installed = lambda name: False
said = {{}}
for part in {sorted(EXTRA)}:
    try:
        importlib.import_module("helpers.course.views" if part == "course" else f"helpers.{{part}}")
    except ImportError as error:
        said[part] = str(error)
print(json.dumps(said))"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    said = json.loads(done.stdout)
    assert said.keys() == EXTRA.keys(), done.stderr
    for part, message in said.items():
        assert message.startswith(f"helpers.{part}"), message
        assert message.endswith(f'in the checkout, pip install ".[{EXTRA[part]}]"')
        assert "\n" not in message


def test_the_message_names_what_is_missing(monkeypatch):
    extras.require("fairness", by="helpers.fairness")
    monkeypatch.setattr(extras, "_installed", lambda name: name != "fairlearn")
    with pytest.raises(ImportError, match="^helpers.fairness needs fairlearn: in the checkout"):
        extras.require("fairness", by="helpers.fairness")
    monkeypatch.setattr(extras, "_installed", lambda name: False)
    with pytest.raises(ImportError, match="needs aiohttp, grpcio, httptools and 11 more: in the"):
        extras.require("serving", by="helpers.serving")


def test_where_the_project_is_not_installed_nothing_is_checked(monkeypatch):
    def requires(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(extras.metadata, "requires", requires)
    monkeypatch.setattr(extras, "_installed", lambda name: False)
    extras.require("serving", by="helpers.serving")


def test_the_lessons_have_every_extra_and_only_serving_brings_tensorflow():
    parts = {extra: set(extras.names(extra)) for extra in set(EXTRA.values())}
    for extra, names in parts.items():
        assert names, f"nothing is known of {extra}: run `make lab`"
        assert names <= parts["lessons"]
        assert ("tensorflow" in names) == (extra in ("serving", "lessons"))
    assert not {"tensorflow", "scikit-learn", "ipywidgets"} & core()
