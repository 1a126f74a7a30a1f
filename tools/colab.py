"""Install this checkout and the libraries of its lessons into Colab's Python.

Run by the setup cell of the notebooks, with the Python of the notebook. What Colab ships keeps its
version, apart from `MOVES`.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from helpers.base.process import clean_environ

ROOT = Path(__file__).resolve().parents[1]
# The only packages of Colab's image that may change, each with the reason. `make test-colab` fails
# if any other does.
MOVES = {"tensorflow-metadata": "since Colab's does not load with its protobuf"}
KEEP = (
    'import os; from google.colab import drive; drive.mount("/content/drive"); '
    'os.environ["MLOPS_PROGRESS"] = "/content/drive/MyDrive/first_dance_progress.json"'
)


def main(wanted: str = f"{ROOT}[lessons]") -> int:
    """Install a requirement, by default the lessons; print what that changed; return the code."""
    print("Installing the lessons beside what Colab ships: about a minute.", flush=True)
    started = time.monotonic()
    before = versions()
    pins = "".join(f"{name}=={was}\n" for name, was in before.items() if name not in MOVES)
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder, "shipped.txt")
        constraints.write_text(pins)
        done = pip("install", "--constraint", str(constraints), wanted)
    if moved_on := bool(done.returncode):
        done = pip("install", wanted)
    if done.returncode:
        print(done.stderr, "The lessons could not be installed. Run this cell again.", sep="\n")
        return done.returncode
    after = versions()
    print(f"Installed in {time.monotonic() - started:.0f} s.", *changes(before, after), sep="\n")
    if moved_on:
        print("Colab's versions have moved on since this was tried. If a cell below fails, choose")
        print("Runtime, Restart session, and run the notebook again.")
    print("What you solve is forgotten with this runtime. This line keeps it in your Drive:")
    print(KEEP)
    return 0


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Return a line for each package that is no longer what it was; new ones do not count."""
    return [
        f"{name}: {was} -> {after.get(name, 'none')}, {MOVES.get(name, 'which was not intended')}"
        for name, was in before.items()
        if after.get(name) != was
    ]


def versions() -> dict[str, str]:
    """Return the version of each package of this Python, by its normalized name."""
    listed = pip("list", "--format", "json")
    if listed.returncode:
        raise SystemExit(listed.stderr)
    return {package["name"]: package["version"] for package in json.loads(listed.stdout)}


def pip(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``uv pip`` on this Python, without the variables that bend what it chooses."""
    command, *rest = arguments
    flags = ["--quiet", "--python", sys.executable]
    flags += ["--break-system-packages"] if command == "install" else []
    return subprocess.run(
        [_uv(), "pip", command, *flags, *rest], capture_output=True, text=True, env=clean_environ()
    )


def _uv() -> str:
    if found := shutil.which("uv"):
        return found
    install = [sys.executable, "-m", "pip", "install", "--quiet", "uv"]
    subprocess.run(install, check=True, env=clean_environ())
    return shutil.which("uv") or str(Path(sys.executable).with_name("uv"))


if __name__ == "__main__":
    raise SystemExit(main(*sys.argv[1:]))
