"""The repository's address stands in one place, and all notebooks have the same setup cell."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


stamp = load("stamp")


FILES = [*stamp.notebooks(), *(ROOT / name for name in stamp.NAMING)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_carries_the_stamp(path):
    assert path.read_text(encoding="utf-8") == stamp.stamped(path), "run `make stamp`"


def test_no_other_file_names_the_repository():
    owner, name = stamp.address().split("/")[-2:]
    places = r"(?:github\.com|githubusercontent\.com|research\.google\.com/github|codespaces\.new)"
    names = re.compile(rf"{places}[/:]([\w.-]+)/{name}\b|([\w-]+)\.github\.io/{name}\b")
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    naming = set()
    for file in files.stdout.split("\0")[:-1]:
        text = (ROOT / file).read_text(encoding="utf-8", errors="ignore")
        for found in names.finditer(text):
            naming.add(file)
            if (ROOT / file) in FILES:
                assert (found[1] or found[2]) == owner, f"{file}: run `make stamp`"
    allowed = {path.relative_to(ROOT).as_posix() for path in FILES}
    assert naming - allowed <= {"tests/test_stamp.py"}, "add it to stamp.NAMING"
    assert not any(name.startswith(".github/workflows") for name in naming)


def test_the_address_is_that_of_a_remote():
    remotes = stamp.remotes()
    if "origin" not in remotes:
        pytest.skip("origin is not on GitHub, so nothing tells the address")
    if os.environ.get("GITHUB_EVENT_NAME") == "push":
        pytest.skip("the workflow address.yml writes the address at this very push")
    own = stamp.on_github(stamp.address()).lower()
    assert own in {place.lower() for place in remotes.values()}, (
        f"run `make stamp REPO={remotes['origin']}`; in a fork that is only for contributing, add "
        "the original as a second remote instead (CONTRIBUTING.md)"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/ann/dance",
        "https://github.com/ann/dance.git",
        "https://token@github.com/ann/dance.git/",
        "git@github.com:ann/dance.git",
        "ssh://git@github.com/ann/dance",
    ],
)
def test_a_remote_on_github_is_known_in_every_form(url, tmp_path):
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    command = ["git", "-C", tmp_path, "remote", "add"]
    subprocess.run([*command, "origin", url], check=True)
    subprocess.run([*command, "mirror.two", "https://example.org/ann/dance"], check=True)
    assert stamp.remotes(tmp_path) == {"origin": "ann/dance"}


@pytest.mark.parametrize("url", ["/srv/dance.git", "https://github.com/ann", "https://h.org/a/b"])
def test_another_remote_is_not(url):
    assert stamp.on_github(url) is None


@pytest.fixture
def checkout(tmp_path):
    """A checkout with one notebook, not stamped yet."""
    for name in stamp.NAMING:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
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


def test_the_readme_says_so_as_long_as_there_is_no_address(checkout):
    readme = checkout / "README.md"
    for repository, says_so in (("OWNER/dance", True), ("ann/dance", False), ("OWNER/it", True)):
        stamp.rename(repository, checkout)
        readme.write_text(stamp.stamped(readme, checkout))
        text = readme.read_text()
        assert ("does not know its own address" in text) == says_so
        assert ("OWNER" in text) == says_so
        assert f"git clone https://github.com/{repository} first-dance && cd first-dance" in text
        assert stamp.stamped(readme, checkout) == text


def test_every_form_of_the_address_is_renamed_and_nothing_like_it(checkout):
    page = checkout / "docs" / "faq.md"
    name = stamp.address().rpartition("/")[2]
    page.write_text(
        f"codespaces.new/OWNER/{name}?a OWNER.github.io/{name}/ github.com/OWNER/{name}.git "
        f"github.com/OWNER/{name}-2 NOOWNER/{name} you/{name} MY-OWNER/{name}"
    )
    stamp.rename("ann/dance", checkout)
    assert page.read_text() == (
        "codespaces.new/ann/dance?a ann.github.io/dance/ github.com/ann/dance.git "
        f"github.com/OWNER/{name}-2 NOOWNER/{name} you/{name} MY-OWNER/{name}"
    )


@pytest.fixture
def pushed(tmp_path):
    """A clone of this checkout as it is now, whose origin is a bare repository."""
    clone, origin = tmp_path / "clone", tmp_path / "origin.git"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True)
    for name in files.stdout.split("\0")[:-1]:
        if (ROOT / name).exists() and not name.startswith("data/"):
            (clone / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, clone / name)
    git = f"git -c user.name=T -c user.email=t@localhost -C {clone}"
    script = f"""
        git init --quiet --bare --initial-branch=main {origin}
        git init --quiet --initial-branch=main {clone}
        {git} add --all
        {git} commit --quiet --message "First"
        {git} remote add origin {origin}
        {git} push --quiet --set-upstream origin main"""
    subprocess.run(["bash", "-ec", script], check=True)
    return clone, origin


def test_the_workflow_stamps_a_new_repository_once(pushed):
    clone, origin = pushed
    workflow = yaml.safe_load((ROOT / ".github/workflows/address.yml").read_text())
    assert workflow[True] == {"push": {"branches": ["main"]}, "workflow_dispatch": None}
    assert workflow["permissions"] == {"contents": "write"}
    steps = [step["run"] for step in workflow["jobs"]["stamp"]["steps"] if "run" in step]
    variables = os.environ | {"GITHUB_REPOSITORY": "ann/dance"}
    # Nothing beyond the standard library is there on a bare runner.
    folder = clone.parent / "bin"
    folder.mkdir()
    python = folder / "python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    variables["PATH"] = f"{folder}:{variables['PATH']}"

    def commits():
        shown = ["git", "-C", origin, "log", "--format=%an: %s", "main"]
        return subprocess.run(shown, capture_output=True, text=True).stdout.splitlines()

    for _ in range(2):
        for step in steps:
            done = subprocess.run(
                ["bash", "-eo", "pipefail", "-c", step],
                cwd=clone,
                env=variables,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, done.stderr
        assert commits() == ["github-actions[bot]: The address of this repository", "T: First"]
    assert "OWNER" not in (clone / "README.md").read_text()
    lesson = clone / "notebooks/0_start_here.ipynb"
    assert "github.com/ann/dance lab" in lesson.read_text()


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
