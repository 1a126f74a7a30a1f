"""Run every notebook as Colab would: its versions, its Python, the setup cell's own installation.

``python tools/test_colab.py``. What Colab ships is in the newest ``requirements/colab-*.txt``, the
whole list of its image. An environment of Colab's Python has the packages that the lessons use; of
all others it has the metadata, which is all that an installer looks at. The setup cell of the
notebooks clones this checkout into a folder and installs it, as on Colab, where a dummy replaces
the module ``google.colab``; then each notebook is executed. This fails if the setup cell changes a
package that `colab.MOVES` does not explain. Without Colab's Python all of this is skipped, with a
message.

``python tools/test_colab.py freeze FILE [DATE]`` takes a newer list, from ``pip freeze``.
"""

from __future__ import annotations

import datetime
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import uv
from filelock import FileLock
from nbformat.v4 import new_code_cell, new_notebook
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

sys.path.insert(0, str(Path(__file__).parent))
import colab
import stamp

from helpers.tfx.environment import cache

ROOT = Path(__file__).resolve().parents[1]
VERSION = "3.13"
LISTS = ROOT / "requirements"
HEADER = """\
# What Colab ships on Python {python}: the list of its image of {date}, from `pip freeze`
# (pip-freeze.txt of googlecolab/backend-info), addresses left out. `make colab-freeze` writes this.
"""
TOOLS = ("pip", "nbval", "pytest", "pytest-xdist")
# Colab has set variables like these to files that do not exist, and to nothing (colabtools#5237).
WRONG = {
    "UV_CONSTRAINT": "/backend-container/containers/requirements.constraints",
    "UV_BUILD_CONSTRAINT": "/backend-container/containers/build.constraints",
    "UV_OVERRIDE": "/backend-container/containers/requirements.overrides",
    "UV_PRERELEASE": "",
    "UV_SYSTEM_PYTHON": "true",
    "PIP_CONSTRAINT": "/backend-container/containers/requirements.constraints",
}
PROVE = """\
import helpers

assert "site-packages" in helpers.__file__, helpers.__file__
assert len(helpers.datasets.load("loans", months="2025-01")) == 2000"""


def main(*arguments: str) -> int:
    """Run the simulation, or take a newer list, and return the exit code."""
    if arguments:
        return take(*arguments)
    python = find_python()
    if python is None:
        say(f"SKIPPED: there is no Python {VERSION} on the PATH or among pyenv's versions")
        return 0
    cache().mkdir(parents=True, exist_ok=True)
    with FileLock(cache() / "colab.lock"), tempfile.TemporaryDirectory() as folder:
        image = Image(cache() / "colab", python)
        return int(not (image.make() and Colab(image, Path(folder)).runs_every_notebook()))


def take(command: str, file: str = "", date: str = "") -> int:
    """Keep a list of ``pip freeze`` as what Colab ships, by its date, in place of the older one."""
    if command != "freeze" or not Path(file).is_file():
        say("expected the file that `pip freeze` wrote on Colab: make colab-freeze FILE=...")
        return 2
    dated = re.search(r"\d{4}-\d\d-\d\d", date or file)
    day = datetime.date.fromisoformat(dated[0]) if dated else datetime.date.today()
    new = LISTS / f"colab-{day}.txt"
    text = HEADER.format(python=VERSION, date=day) + shipped_text(Path(file).read_text())
    old = list(LISTS.glob("colab-*.txt"))
    new.write_text(text)
    for path in set(old) - {new}:
        path.unlink()
    say(f"wrote {new.relative_to(LISTS.parent)}; now run make test-colab")
    return 0


def shipped_text(freeze: str) -> str:
    """Return the lines of ``pip freeze``, without comments, an address cut to the name before it.

    Examples
    --------
    >>> shipped_text("# Made by Colab\\nabsl-py==1.4.0\\ntorch @ https://example.org/torch.whl\\n")
    'absl-py==1.4.0\\ntorch\\n'
    """
    lines = [line.partition(" @ ")[0].strip() for line in freeze.splitlines()]
    return "".join(f"{line}\n" for line in lines if line and line[0] not in "#-")


def shipped() -> dict[str, str]:
    """Return the version of each package that Colab ships, "0" where it came from an address."""
    text = max(LISTS.glob("colab-*.txt")).read_text(encoding="utf-8")
    pins = [Requirement(line) for line in shipped_text(text).splitlines()]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==") or "0" for pin in pins
    }


def find_python() -> str | None:
    """Return a Python of Colab's version, if this machine has one."""
    name = f"python{VERSION}"
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    pythons = [sys.executable, shutil.which(name), *pyenv.glob(f"{VERSION}*/bin/{name}")]
    probe = (
        f"import sys, venv; sys.exit(sys.version_info[:2] != {tuple(map(int, VERSION.split('.')))})"
    )
    for python in filter(None, pythons):
        if subprocess.run([python, "-c", probe], capture_output=True).returncode == 0:
            return str(python)
    return None


class Image:
    """A stand-in for Colab's image: an installer sees all of it, the lessons have what they use.

    Parameters
    ----------
    folder : pathlib.Path
        For its environment; what is in it is removed.
    python : str
        A Python of Colab's version.
    """

    def __init__(self, folder: Path, python: str) -> None:
        self.folder, self._python = folder, python
        self.shipped = shipped()

    def make(self) -> bool:
        """Make it; return whether the lessons can be installed beside what Colab ships."""
        shutil.rmtree(self.folder, ignore_errors=True)
        run(uv.find_uv_bin(), "venv", "--quiet", "--python", self._python, self.folder)
        pins = self.folder / "shipped.txt"
        kept = {name: was for name, was in self.shipped.items() if name not in colab.MOVES}
        pins.write_text("".join(f"{name}=={was}\n" for name, was in kept.items()))
        compile_ = [uv.find_uv_bin(), "pip", "compile", "--quiet", "--python-version", VERSION]
        lessons = ["--constraint", pins, "--extra", "lessons", ROOT / "pyproject.toml"]
        done = subprocess.run([*compile_, *lessons], stdout=subprocess.PIPE, text=True)
        if done.returncode:
            say("FAILED: the lessons cannot be installed beside what Colab ships; uv says why")
            return False
        wanted = {canonicalize_name(name) for name in re.findall(r"(?m)^([\w.-]+)==", done.stdout)}
        part = sorted(wanted & self.shipped.keys())
        say(f"installing {len(part)} of the {len(self.shipped)} packages that Colab ships")
        pip(self.folder, "install", "--constraint", pins, *TOOLS)
        pip(
            self.folder, "install", "--no-deps", *(f"{name}=={self.shipped[name]}" for name in part)
        )
        (packages,) = self.folder.glob("lib/python*/site-packages")
        for name in self.shipped.keys() - versions(self.folder).keys():
            stand_in(packages, name, self.shipped[name])
        return True


def stand_in(packages: Path, name: str, version: str) -> None:
    """Write the metadata of a package that is not there, so that it can be uninstalled."""
    about = packages / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (about / "RECORD").write_text(f"{about.name}/METADATA,,\n{about.name}/RECORD,,\n")


class Colab:
    """A machine like Colab's: its image, and an empty folder ``content``.

    Parameters
    ----------
    image : Image
        What Colab ships.
    folder : pathlib.Path
        For all files of the simulation.
    """

    def __init__(self, image: Image, folder: Path) -> None:
        self.environment = image.folder
        self.content = folder / "content"
        self.origin = folder / "origin"
        dummy = folder / "dummy"
        (dummy / "google" / "colab").mkdir(parents=True)
        (dummy / "google" / "colab" / "__init__.py").touch()
        (dummy / "sitecustomize.py").write_text("import google.colab")  # as Colab's kernel does
        self.content.mkdir()
        self.variables = {
            **{name: v for name, v in os.environ.items() if name != "PYTHONHOME"},
            **WRONG,
            "PATH": f"{image.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(dummy),
            "VIRTUAL_ENV": str(image.folder),
            "MLOPS_PROGRESS": str(folder / "progress.json"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the old ipykernel is wordy about its debugger
        }

    def installs(self) -> bool:
        """Run the setup cell; return whether it installed the helpers and changed only `MOVES`."""
        publish(self.origin)
        before = versions(self.environment)
        cells = [new_code_cell(stamp.SETUP.format(address=self.origin.as_uri()))]
        cells.append(new_code_cell(PROVE))
        nbformat.write(new_notebook(cells=cells), self.content / "setup.ipynb")
        started = time.monotonic()
        done = self.execute("setup.ipynb")
        say(f"the setup cell took {time.monotonic() - started:.0f} s, its kernel's start included")
        after = versions(self.environment)
        new = sorted(after.keys() - before.keys())
        say(f"{len(new)} packages are new: {', '.join(f'{name} {after[name]}' for name in new)}")
        changed = {name for name in before if after.get(name) != before[name]}
        for line in colab.changes(before, after):
            say(f"changed: {line}")
        if unexplained := changed - colab.MOVES.keys():
            say(f"FAILED: the setup cell changed what Colab ships: {', '.join(unexplained)}")
        return done and not unexplained

    def runs_every_notebook(self) -> bool:
        """Install, and execute the notebooks in ``content``, where Colab puts them."""
        if not self.installs():
            return False
        paths = [path for path in stamp.notebooks() if path.parent != ROOT / "docs"]
        names = [shutil.copy(path, self.content / path.name).name for path in paths]
        say(f"executing {len(names)} notebooks")
        return self.execute("-n", "2", "--dist", "loadfile", *names)

    def execute(self, *arguments: str) -> bool:
        """Execute notebooks by nbval, without comparing outputs; return whether all cells ran."""
        python = self.environment / "bin" / "python"
        lax = ["--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "300"]
        quiet = ["--quiet", "--disable-warnings", "-p", "no:cacheprovider"]
        command = [python, "-m", "pytest", *quiet, *lax, *arguments]
        return subprocess.run(command, cwd=self.content, env=self.variables).returncode == 0


def publish(folder: Path) -> None:
    """Make a repository of this checkout's files, uncommitted changes included."""
    listed = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout
    for name in filter(None, names.split("\0")):
        source = ROOT / name
        if source.is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, folder / name)
    git = ["git", "-C", folder, "-c", "user.name=test", "-c", "user.email=test@localhost"]
    run(*git, "init", "--quiet", "--initial-branch", "main")
    run(*git, "add", "--all", "--force")
    run(*git, "commit", "--quiet", "--message", "This checkout")


def versions(environment: Path) -> dict[str, str]:
    """Return the version of each package in an environment."""
    command = [uv.find_uv_bin(), "pip", "list", "--quiet", "--format=json"]
    listed = subprocess.run(
        [*command, "--python", environment], check=True, capture_output=True, text=True
    )
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def pip(environment: Path, what: str, *arguments: str | Path) -> None:
    """Install into an environment."""
    run(uv.find_uv_bin(), "pip", what, "--quiet", "--python", environment, *arguments)


def run(*command: str | Path) -> None:
    """Run a program with its output shown; a failure ends the simulation."""
    subprocess.run(command, check=True)


def say(text: str) -> None:
    """Print a line that stands out."""
    print(f"== Colab: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
