"""The repository's address stands in one place, and all notebooks have the same setup cell."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stamp = load("stamp")


@pytest.mark.parametrize("path", stamp.notebooks(), ids=lambda path: path.stem)
def test_a_notebook_carries_the_stamp(path):
    assert path.read_text(encoding="utf-8") == stamp.stamped(path), "run `make stamp`"


def test_no_other_address_of_the_repository_stands_anywhere():
    name = stamp.address().rpartition("/")[2]
    files = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    naming = set()
    for file in files.stdout.split():
        text = (ROOT / file).read_text(encoding="utf-8", errors="ignore")
        for found in re.findall(rf"https://github\.com/[\w.-]+/{re.escape(name)}\b", text):
            assert found == stamp.address(), f"{file}: run `make stamp`"
            naming.add(file)
    known = {path.relative_to(ROOT).as_posix() for path in stamp.notebooks()}
    assert naming - known <= {*stamp.NAMING, "tests/test_stamp.py"}, "add it to stamp.NAMING"


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one notebook, not stamped yet."""
    for name in stamp.NAMING:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    cells = [
        nbformat.v4.new_markdown_cell("# A title\n\n*Context.*"),
        nbformat.v4.new_code_cell("%load_ext helpers"),
    ]
    path = tmp_path / "notebooks" / "1_track" / "lesson.ipynb"
    path.parent.mkdir(parents=True)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return tmp_path


def test_a_new_notebook_gets_badge_and_setup_cell(checkout):
    (path,) = stamp.notebooks(checkout)
    first, setup = nbformat.reads(stamp.stamped(path, checkout), as_version=4).cells
    title, badge, context = first.source.split("\n\n")
    assert (title, context) == ("# A title", "*Context.*")
    assert badge.endswith("/blob/main/notebooks/1_track/lesson.ipynb)")
    assert setup.source.endswith("%load_ext helpers")


def test_stamping_twice_changes_nothing(checkout):
    (path,) = stamp.notebooks(checkout)
    path.write_text(stamp.stamped(path, checkout))
    assert stamp.stamped(path, checkout) == path.read_text()


@pytest.mark.parametrize(
    "given", ["ann/dance", "https://github.com/ann/dance", "https://github.com/ann/dance.git"]
)
def test_a_fork_is_renamed_everywhere_and_can_be_renamed_again(checkout, given):
    (path,) = stamp.notebooks(checkout)
    stamp.rename("someone/with-mlops-2", checkout)
    path.write_text(stamp.stamped(path, checkout))
    stamp.rename(given, checkout)
    path.write_text(stamp.stamped(path, checkout))
    for file in [*(checkout / name for name in stamp.NAMING), path]:
        text = file.read_text()
        assert "someone" not in text
        assert stamp.address() not in text
    assert stamp.address(checkout) == "https://github.com/ann/dance"
    assert "github/ann/dance/blob/main/notebooks/1_track/lesson.ipynb" in path.read_text()
    assert "git clone --quiet --depth 1 https://github.com/ann/dance lab" in path.read_text()


@pytest.mark.parametrize("given", ["dance", "a/b/c", "ann/dance; rm -rf /", "/", "git@x:a/b"])
def test_what_is_no_repository_is_refused_and_nothing_is_written(checkout, given):
    before = (checkout / "pyproject.toml").read_text()
    with pytest.raises(ValueError, match="expected owner/name"):
        stamp.rename(given, checkout)
    assert (checkout / "pyproject.toml").read_text() == before


@pytest.mark.parametrize("sources", [["no title", "%load_ext helpers"], ["# Title", "1 + 1"]])
def test_a_notebook_that_cannot_be_stamped_is_named(checkout, sources):
    (path,) = stamp.notebooks(checkout)
    cells = [nbformat.v4.new_markdown_cell(sources[0]), nbformat.v4.new_code_cell(sources[1])]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    with pytest.raises(ValueError, match=r"notebooks/1_track/lesson\.ipynb: expected"):
        stamp.stamped(path, checkout)


def test_the_setup_cell_is_short_and_only_installs_on_colab():
    lines = stamp.SETUP.splitlines()
    assert len(lines) <= 10 and max(map(len, lines)) <= 100
    condition = lines.index(next(line for line in lines if line.startswith("if ")))
    installing = [line for line in lines if line.lstrip().startswith("!")]
    assert all(line in lines[condition + 1 :] and line.startswith("    ") for line in installing)
    assert '"google.colab" in sys.modules' in lines[condition]
