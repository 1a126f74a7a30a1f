"""The commands that README, guide, datasheet, lessons and helpers print can be run as printed."""

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from helpers.base import resources

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "docs" / "instructors.md", ROOT / "data" / "README.md"]
PAGES += [ROOT / "docs" / "faq.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]
TEXTS = [*PAGES, *(ROOT / "helpers").rglob("*.py"), *(ROOT / "tools").glob("*.py")]
TEXTS += (ROOT / "helpers").rglob("*.toml")
LESSONS = [lesson.path for lesson in resources.lessons()]
IN_LAB = pytest.mark.skipif(
    Path(sys.prefix) != ROOT / ".venv", reason="not run by the .venv of this checkout"
)


def texts():
    """Yield where commands may be printed, with the text."""
    for path in TEXTS:
        yield path, path.read_text(encoding="utf-8")
    for path in LESSONS:
        for cell in nbformat.read(path, 4).cells:
            yield path, cell.source


def blocks(path):
    """List the shell blocks of a page."""
    return re.findall(r"^```bash\n(.*?)^```", path.read_text(encoding="utf-8"), re.M | re.S)


def bash(script, folder, **variables):
    command = ["bash", "-e", "-o", "pipefail", "-c", script]
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


def test_every_make_target_that_is_printed_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    printed = [
        (path, name) for path, text in texts() for name in re.findall("`make ([a-z-]+)", text)
    ]
    printed += [
        (path, name)
        for path in PAGES
        for block in blocks(path)
        for name in re.findall("^make ([a-z-]+)", block, re.M)
    ]
    assert len(printed) > 15
    for path, name in printed:
        assert name in targets, f"{path.name} prints `make {name}`"


def test_every_module_that_is_printed_can_be_run():
    printed = {
        (module, path.name)
        for path, text in texts()
        for module in re.findall(r"python -m ((?:helpers|tools|benchmarks)[\w.]*)", text)
    }
    assert {"helpers.tfx", "helpers.world", "tools.lint_notebooks"} < {name for name, _ in printed}
    for module, where in printed:
        spec = importlib.util.find_spec(module)
        assert spec, f"{where} prints `python -m {module}`"
        if spec.submodule_search_locations:
            assert importlib.util.find_spec(f"{module}.__main__"), f"{module} is no program"


@pytest.mark.parametrize(
    "arguments", ["helpers.tfx info", "tools.lint_notebooks docs/lesson_template.ipynb"]
)
def test_a_printed_module_runs(arguments):
    command = [sys.executable, "-m", *shlex.split(arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    # The linter's exit code is 1: the exercises of the template do not exist.
    assert done.returncode == arguments.startswith("tools"), done.stderr
    assert done.stdout and not done.stderr


def test_nbval_by_hand_finds_its_notebook():
    (block,) = [block for block in blocks(PAGES[1]) if "--nbval-sanitize-with" in block]
    script = block.replace(".venv/bin/python", sys.executable).rstrip()
    done = bash(f"{script} --collect-only --quiet", ROOT)
    assert done.returncode == 0 and "2_1_validate_data.ipynb" in done.stdout, done.stdout


def test_a_notebook_that_was_handed_in_is_graded_as_the_guide_says(tmp_path):
    (block,) = [block for block in blocks(PAGES[1]) if "--junit" in block]
    code = 'from helpers.course import check\ncheck("2.1-a", "utilization")'
    (tmp_path / "handed_in").mkdir()
    handed_in = re.search(r"handed_in/\S+", block)[0]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    nbformat.write(notebook, tmp_path / handed_in)
    script = block.replace(".venv/bin/python", sys.executable)
    done = bash(script, tmp_path, PYTHONPATH=str(ROOT))
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search("lesson 2.1 .* 1 of", done.stdout)
    assert '<testcase classname="lesson 2.1" name="2.1-a" />' in (tmp_path / "ann.xml").read_text()


@IN_LAB
def test_a_terminal_of_jupyterlab_has_the_lab_s_python_first(tmp_path):
    settings = json.loads((ROOT / ".venv/etc/jupyter/jupyter_server_config.json").read_text())
    shell = settings["ServerApp"]["terminado_settings"]["shell_command"]
    (tmp_path / ".bashrc").write_text("PATH=/usr/bin:/bin; alias mine=true\n")
    script = "command -v python; type mine; echo level ${MAKELEVEL-none}"
    variables = {**os.environ, "HOME": str(tmp_path), "MAKELEVEL": "1"}
    shown = subprocess.run(
        [*shell, "-i", "-c", script], env=variables, capture_output=True, text=True
    ).stdout.splitlines()
    assert shown[0] == str(ROOT / ".venv" / "bin" / "python")
    assert "alias" in shown[1] and shown[2] == "level none"


def test_the_lab_is_started_with_its_python_first():
    make = shutil.which("make")
    shown = subprocess.run([make, "-n", "lab"], cwd=ROOT, capture_output=True, text=True).stdout
    assert f'PATH="{ROOT}/.venv/bin:$PATH" .venv/bin/python -m jupyterlab' in shown
