"""Run every notebook as Colab would: its versions, its Python, the setup cell's own installation.

``python tools/test_colab.py``. An environment with what Colab ships (``requirements/colab.txt``) is
kept in the user's cache folder. The setup cell of the notebooks clones this checkout into a folder
and installs it, as on Colab, where a dummy replaces the module ``google.colab``; then
each notebook is executed. Without Python 3.13 all of this is skipped, with a message.
"""

from __future__ import annotations

import hashlib
import json
import os
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

sys.path.insert(0, str(Path(__file__).parent))
import stamp

from helpers.tfx.environment import cache

ROOT = Path(__file__).resolve().parents[1]
VERSION = "3.13"
PINS = ROOT / "requirements" / "colab.txt"
TOOLS = ("pip", "nbval", "pytest", "pytest-xdist")
PROVE = """\
import helpers

assert "site-packages" in helpers.__file__, helpers.__file__
assert len(helpers.datasets.load("loans", months="2025-01")) == 2000"""


def main() -> int:
    """Run the simulation and return the exit code."""
    python = find_python()
    if python is None:
        say(f"SKIPPED: there is no Python {VERSION} on the PATH or among pyenv's versions")
        return 0
    cache().mkdir(parents=True, exist_ok=True)
    # The setup cell installs into the environment, so one run at a time may use it.
    with FileLock(cache() / "colab.lock"), tempfile.TemporaryDirectory() as folder:
        colab = Colab(environment(python), Path(folder))
        return int(not (colab.installs() and colab.runs_every_notebook()))


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


def environment(python: str) -> Path:
    """Return the folder of an environment with what Colab ships; make it if it is missing."""
    made_of = [PINS, ROOT / "pyproject.toml", Path(__file__)]
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in made_of)).hexdigest()
    folder = cache() / f"colab-{digest[:12]}"
    if not (folder / "ready").exists():
        for old in cache().glob("colab-*/"):
            shutil.rmtree(old)
        say(f"making an environment with what Colab ships, from {python}")
        run(uv.find_uv_bin(), "venv", "--quiet", "--python", python, folder)
        pip(folder, "install", "--requirement", PINS, *TOOLS)
        (folder / "ready").touch()
    return folder


class Colab:
    """A machine like Colab's: its environment, and an empty folder ``content``.

    Parameters
    ----------
    environment : pathlib.Path
        Has what Colab ships.
    folder : pathlib.Path
        For all files of the simulation.
    """

    def __init__(self, environment: Path, folder: Path) -> None:
        self.environment = environment
        self.content = folder / "content"
        self.origin = folder / "origin"
        dummy = folder / "dummy"
        (dummy / "google" / "colab").mkdir(parents=True)
        (dummy / "google" / "colab" / "__init__.py").touch()
        self.content.mkdir()
        self.variables = {
            **{name: v for name, v in os.environ.items() if name != "PYTHONHOME"},
            "PATH": f"{environment / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(dummy),
            "VIRTUAL_ENV": str(environment),
            "MLOPS_PROGRESS": str(folder / "progress.json"),
            "PYDEVD_DISABLE_FILE_VALIDATION": "1",  # the old ipykernel is wordy about its debugger
        }

    def installs(self) -> bool:
        """Run the setup cell; return whether it installed the helpers and changed nothing else."""
        publish(self.origin)
        pip(self.environment, "uninstall", "first-dance-with-mlops")
        before = versions(self.environment)
        cells = [new_code_cell(stamp.SETUP.format(address=self.origin.as_uri()))]
        cells.append(new_code_cell(PROVE))
        nbformat.write(new_notebook(cells=cells), self.content / "setup.ipynb")
        started = time.monotonic()
        done = self.execute("setup.ipynb")
        say(f"the setup cell took {time.monotonic() - started:.0f} s, its kernel's start included")
        after = versions(self.environment)
        changed = [f"{name} {before[name]}" for name in before if after.get(name) != before[name]]
        if changed:
            say(f"FAILED: the setup cell changed what Colab ships: {', '.join(changed)}")
        return done and not changed

    def runs_every_notebook(self) -> bool:
        """Execute the notebooks in ``content``, where Colab puts them, without their folders."""
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
    """Install into an environment, or uninstall from it."""
    run(uv.find_uv_bin(), "pip", what, "--quiet", "--python", environment, *arguments)


def run(*command: str | Path) -> None:
    """Run a program with its output shown; a failure ends the simulation."""
    subprocess.run(command, check=True)


def say(text: str) -> None:
    """Print a line that stands out."""
    print(f"== Colab: {text}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
