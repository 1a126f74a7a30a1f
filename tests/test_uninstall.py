"""`make uninstall` gives the disk back in the right order, and asks where others would miss it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LINUX = sys.platform.startswith("linux")
CACHE = ".cache" if LINUX else "Library/Caches"
DATA = ".local/share" if LINUX else "Library/Application Support"
OURS = "first-dance-with-mlops"


def program(path, script):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def home(tmp_path):
    """A home folder in which everything is installed, with stand-ins for Python and uv."""
    lab = tmp_path / "lab"
    (lab / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "Makefile", lab)
    shutil.copy(ROOT / "tools" / "uninstall.sh", lab / "tools")
    ours = tmp_path / CACHE / OURS
    for name in ("tfx-1.16-0123456789ab", "colab"):
        (ours / name).mkdir(parents=True)
    (ours / "tfx-1.16-0123456789ab.lock").touch()
    (tmp_path / CACHE / "uv").mkdir()
    (tmp_path / CACHE / "uv" / "wheel").write_bytes(b"0" * 5_000_000)
    (tmp_path / DATA / OURS).mkdir(parents=True)
    (tmp_path / DATA / OURS / "progress.json").write_text("{}")
    (lab / "my_work").mkdir()
    (lab / "__pycache__").mkdir()
    log = f'echo "$(basename "$0") $*" >>{tmp_path}/log'
    program(lab / ".venv/bin/python", f"{log}\nrm -r {ours}/tfx-*/; echo removed TFX")
    program(
        lab / ".venv/bin/uv",
        f"{log}\ncase $* in 'cache dir') echo {tmp_path / CACHE}/uv;; "
        f"'cache clean'*) rm -r {tmp_path / CACHE}/uv;; esac",
    )
    return tmp_path


def uninstall(home, **variables):
    kept = {"PATH": os.environ["PATH"], "HOME": str(home)}
    done = subprocess.run(
        ["make", "uninstall", *(f"{name}={value}" for name, value in variables.items())],
        cwd=home / "lab",
        env=kept,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_tfx_goes_before_the_python_that_removes_it_and_what_others_use_stays(home):
    out = uninstall(home)
    assert (home / "log").read_text().startswith("python -m helpers.tfx remove\n")
    assert not (home / CACHE / OURS).exists()
    assert not (home / "lab/.venv").exists() and not (home / "lab/__pycache__").exists()
    assert (home / CACHE / "uv/wheel").exists()
    assert f"{CACHE}/uv (4.8M)" in out and "make uninstall YES=1" in out
    assert (home / DATA / OURS / "progress.json").exists()
    assert "What you have solved stays in" in out
    assert (home / "lab/my_work").exists() and "of disk given back" in out


def test_with_a_yes_the_cache_of_uv_goes(home):
    out = uninstall(home, YES=1)
    assert not (home / CACHE / "uv").exists() and f"{CACHE}/uv\n" in out
    assert "uv cache clean" in (home / "log").read_text()


def test_progress_goes_only_if_one_asks_for_it(home):
    (home / DATA / OURS / "progress.json.lock").touch()
    uninstall(home, PROGRESS=1)
    assert list((home / DATA / OURS).iterdir()) == []


def test_without_a_python_the_folders_go_all_the_same(home):
    shutil.rmtree(home / "lab/.venv")
    (home / CACHE / "other").mkdir()
    out = uninstall(home, YES=1)
    assert not (home / CACHE / OURS).exists() and (home / CACHE / "other").exists()
    assert "removed" in out


def test_a_cache_folder_of_ones_own_keeps_what_is_not_ours(home):
    own = home / "elsewhere"
    for name in ("tfx-1.21-0123456789ab", "tfx-notes.txt", "colab"):
        (own / name).mkdir(parents=True)
    program(home / "lab/.venv/bin/python", "exit 1")
    uninstall(home, MLOPS_CACHE=own)
    assert sorted(path.name for path in own.iterdir()) == ["colab", "tfx-notes.txt"]


def test_twice_does_no_harm(home):
    uninstall(home, YES=1)
    uninstall(home, YES=1)
