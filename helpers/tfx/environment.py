"""The Python environment that TFX runs in: chosen for the platform, made once, kept in a cache.

TFX pins other versions of most libraries than the lab uses, and on many platforms, Colab among
them, it cannot be installed beside the lab's. So it has an environment of its own, as each TFX
component has a container of its own in production.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock
from platformdirs import user_cache_path

from helpers.base import files, process, resources

# An environment is ready when it can import these.
PACKAGES = (
    *("tensorflow_data_validation", "tensorflow_transform", "tensorflow_model_analysis"),
    *("ml_metadata", "tfx", "ipykernel"),
)
# What making it costs; measured on two cores, at 20 MB/s.
COST = "once: about 1 GB to download, 3 GB of disk, some 3 minutes"
_SPACE_NEEDED_GIB = 8  # 3 GiB installed, and as much in uv's cache while it unpacks
_READY = "ready.json"
_QUIET = {"TF_CPP_MIN_LOG_LEVEL": "3", "UV_NO_PROGRESS": "1", "NO_COLOR": "1"}


class TFXEnvironmentError(RuntimeError):
    """The TFX environment cannot be made or used here; the message says what to do."""


@dataclass(frozen=True)
class Recipe:
    """What to install on one kind of platform, and with which Python."""

    name: str  # of the lock below ``requirements/``, without ending
    pythons: tuple[str, ...]  # that it is locked for, best first

    @property
    def locks(self) -> list[Path]:
        """Lock files, in the order of installation."""
        both = [resources.path("requirements", f"{self.name}{end}.txt") for end in ("", "-nodeps")]
        return [lock for lock in both if lock.exists()]

    @property
    def folder(self) -> Path:
        """Folder of the environment: a new lock means a new folder."""
        digest = hashlib.sha256(b"".join(lock.read_bytes() for lock in self.locks)).hexdigest()
        return cache() / f"{self.name}-{digest[:12]}"


def cache() -> Path:
    """Return the folder that holds the TFX environments of this user; ``MLOPS_CACHE`` sets it."""
    given = os.environ.get("MLOPS_CACHE")
    return Path(given) if given else user_cache_path("first-dance-with-mlops")


def recipe(
    system: str | None = None, machine: str | None = None, glibc: tuple[int, int] | None = None
) -> Recipe:
    """Return what to install on a platform, named as module ``platform`` does; by default this one.

    Raises
    ------
    TFXEnvironmentError
        If no release of TFX runs on the platform.

    Examples
    --------
    >>> recipe("Linux", "x86_64", (2, 35)).name
    'tfx-1.16'
    >>> recipe("Darwin", "arm64").name
    'tfx-1.21'
    """
    system = system or platform.system()
    machine = (machine or platform.machine()).lower()
    if glibc is None and system == "Linux":
        glibc = _glibc()
    old = Recipe("tfx-1.16", ("3.11",))
    new = Recipe("tfx-1.21", ("3.11", "3.12", "3.13"))
    if system == "Linux" and machine in ("x86_64", "amd64") and glibc is not None:
        return new if glibc >= (2, 39) else old
    if system == "Darwin":
        return new if machine == "arm64" else old
    libc = " without glibc" if system == "Linux" and glibc is None else ""
    raise TFXEnvironmentError(
        f"TFX has no wheels for {system} on {machine}{libc}. It runs on Linux x86-64 (glibc) and "
        "on macOS. Run the lessons on such a machine, in the dev container (.devcontainer/) or on "
        "Colab; or set MLOPS_TFX_PYTHON to the Python of an environment that has TFX."
    )


def interpreter(*, progress: bool = True) -> Path:
    """Return the path of the Python that TFX runs in.

    It is the one named by ``MLOPS_TFX_PYTHON``; else the running one, if TFDV is installed in it;
    else that of the provisioned environment, which is made on first use (about 3 GB).

    Parameters
    ----------
    progress : bool
        Show a progress bar if the environment has to be made.

    Raises
    ------
    TFXEnvironmentError
        If there is none and none can be made.
    """
    given = os.environ.get("MLOPS_TFX_PYTHON")
    if given:
        if not os.access(given, os.X_OK) or Path(given).is_dir():
            raise TFXEnvironmentError(
                f"MLOPS_TFX_PYTHON is {given!r}, which is not a program that can be run. Set it to "
                "the python of an environment with TFX, such as <env>/bin/python, or unset it."
            )
        return Path(given)
    if importlib.util.find_spec("tensorflow_data_validation") is not None:
        return Path(sys.executable)
    return provision(progress=progress)


def provision(*, progress: bool = True, thorough: bool = False) -> Path:
    """Make the TFX environment of this platform, unless a sound one exists; return its Python.

    A file that is written last marks an environment as complete; one without it is removed and made
    again. One process at a time does this; others wait for it and use the result.

    Parameters
    ----------
    progress : bool
        Show a progress bar.
    thorough : bool
        Also import every package of an existing environment (half a minute), and make it again if
        that fails.

    Raises
    ------
    TFXEnvironmentError
        If the platform is not supported, Python, a compiler, network or disk space is missing, or a
        package does not import. The message says what to do.
    """
    wanted = recipe()
    python = wanted.folder / "bin" / "python"
    if not thorough and _sound(wanted.folder):
        return python
    try:
        cache().mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise TFXEnvironmentError(
            f"The folder for the TFX environment cannot be made: {error}. Make it writable, or set "
            "MLOPS_CACHE to a folder on a disk with room for 3 GB."
        ) from error
    with _bar(progress) as bar:
        bar.set_description_str("TFX environment: waiting for another process that makes it")
        with FileLock(cache() / f"{wanted.folder.name}.lock"):
            bar.set_description_str("TFX environment: looking at what is there")
            if _sound(wanted.folder):  # another process may have made it while this one waited
                if not thorough:
                    return python
                with contextlib.suppress(TFXEnvironmentError):
                    _import_all(python)
                    return python
            if progress:
                print(f"Installing TFX, {COST}.", flush=True)
            _make(wanted, python, bar)
    return python


def missing() -> bool:
    """Return whether the environment has yet to be made, by the first use of it or `provision`."""
    if os.environ.get("MLOPS_TFX_PYTHON") or importlib.util.find_spec("tensorflow_data_validation"):
        return False
    try:
        return not (recipe().folder / _READY).exists()
    except TFXEnvironmentError:  # none can be made here
        return False


def info() -> dict[str, Any]:
    """Return facts on the TFX environment of this platform.

    They are ``recipe``, ``folder``, ``ready`` and, if it is ready, ``python`` (version) and
    ``packages`` (name to version). An environment named by ``MLOPS_TFX_PYTHON``, or the running
    one, has no recipe, and its ``folder`` is the path of its Python.
    """
    if os.environ.get("MLOPS_TFX_PYTHON") or importlib.util.find_spec("tensorflow_data_validation"):
        return {"recipe": None, "folder": str(interpreter()), "ready": True}
    wanted = recipe()
    ready = _sound(wanted.folder)
    more = json.loads((wanted.folder / _READY).read_text()) if ready else {}
    return {"recipe": wanted.name, "folder": str(wanted.folder), "ready": ready, **more}


def remove() -> list[Path]:
    """Remove every provisioned TFX environment of this user; return the removed folders."""
    folders = sorted(folder for folder in cache().glob("tfx-*") if folder.is_dir())
    for folder in folders:
        with FileLock(cache() / f"{folder.name}.lock"):
            # The mark first: what an interruption leaves must not count as an environment.
            (folder / _READY).unlink(missing_ok=True)
            shutil.rmtree(folder)
    return folders


def _glibc() -> tuple[int, int] | None:
    name, version = platform.libc_ver()
    match = re.match(r"(\d+)\.(\d+)", version)
    return (int(match[1]), int(match[2])) if name == "glibc" and match else None


def _sound(folder: Path) -> bool:
    """Return whether an environment is marked as complete and still has all of its packages."""
    python = folder / "bin" / "python"
    try:
        mark = json.loads((folder / _READY).read_text())
        probe = "import sys, importlib.util as u; sys.exit(not all(map(u.find_spec, sys.argv[1:])))"
        done = _run([python, "-c", probe, *PACKAGES])
        return done.returncode == 0 and _installed(folder) >= mark["installed"]
    except (OSError, ValueError, KeyError):
        return False


def _installed(folder: Path) -> int:
    return len(list(folder.glob("lib/python*/site-packages/*.dist-info")))


def _make(wanted: Recipe, python: Path, bar: Any) -> None:
    free = shutil.disk_usage(cache()).free / 2**30
    if free < _SPACE_NEEDED_GIB:
        raise TFXEnvironmentError(
            f"Making the TFX environment needs {_SPACE_NEEDED_GIB} GiB of free disk space and "
            f"{cache()} has {free:.1f}. Free some (`python -m helpers.tfx remove` deletes old "
            "environments), or set MLOPS_CACHE to a folder on another disk."
        )
    folder = wanted.folder
    if folder.exists():
        shutil.rmtree(folder)
    bar.set_description_str(f"TFX environment: finding Python {wanted.pythons[0]}")
    _make_venv(folder, wanted)
    for lock in wanted.locks:
        bar.set_description_str(f"TFX environment: installing {lock.stem}")
        if lock.stem.endswith("-nodeps"):
            # Only pip installs packages that declare themselves for an older Python.
            flags = ["--no-deps", "--ignore-requires-python", "--no-warn-script-location"]
            command = [python, "-m", "pip", "install", "--quiet", *flags]
        else:
            command = [_uv(), "pip", "install", "--python", python]
        _install([*command, "--require-hashes", "-r", lock], python, bar)
    bar.set_description_str("TFX environment: importing each part once")
    mark = {**_import_all(python), "installed": _installed(folder)}
    files.write(folder / _READY, json.dumps(mark, indent=1))
    bar.set_description_str("TFX environment: ready")
    bar.set_postfix_str("")


def _make_venv(folder: Path, wanted: Recipe) -> None:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    # The lab's own Python certainly exists, so it comes first if the lock admits it.
    candidates = sorted(wanted.pythons, key=lambda version: version != running)
    for version in candidates:
        source = Path(sys.base_prefix) / "bin" / f"python{version}"
        choice = source if version == running and source.exists() else version
        done = _run([_uv(), "venv", "--quiet", "--no-project", "--python", choice, folder])
        if done.returncode == 0:
            return
    raise TFXEnvironmentError(
        f"TFX needs Python {' or '.join(wanted.pythons)}; none was found and none could be "
        f"downloaded. Install one (Debian, Ubuntu: `sudo apt install python{wanted.pythons[0]} "
        f"python{wanted.pythons[0]}-venv`) and try again.\n\n{done.stderr.strip()}"
    )


def _install(command: list[Any], python: Path, bar: Any) -> None:
    """Run an installer and move the bar by its lines on downloads and builds."""
    lines: list[str] = []
    sizes: dict[str, float] = {}
    installer = subprocess.Popen(
        [str(part) for part in command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=process.clean_environ() | _QUIET,
        cwd=cache(),
    )
    try:
        assert installer.stderr is not None
        for line in installer.stderr:
            lines.append(line)
            if match := re.match(r"\s*Downloading (\S+) \(([\d.]+)([KMG])iB\)", line):
                sizes[match[1]] = float(match[2]) * {"K": 1 / 1024, "M": 1, "G": 1024}[match[3]]
                bar.total = sum(sizes.values())
            elif match := re.match(r"\s*Downloaded (\S+)", line):
                bar.update(sizes.get(match[1], 0))
                bar.set_postfix_str(f"{bar.n:.0f} of {bar.total:.0f} MiB")
            elif match := re.match(r"\s*(Building|Prepared|Installed) .*", line):
                bar.set_postfix_str(match[0].strip())
        code = installer.wait()
    except BaseException:
        installer.kill()
        installer.wait()
        raise
    if code:
        raise _diagnosis("".join(lines), python)


def _diagnosis(output: str, python: Path) -> TFXEnvironmentError:
    """Return an error with advice, from the output of an installer that failed."""
    tail = "\n".join(output.strip().splitlines()[-25:])
    lower = output.lower()
    if "no space left" in lower or "errno 28" in lower:
        advice = (
            f"The disk is full. Free {_SPACE_NEEDED_GIB} GiB, or set MLOPS_CACHE (environments) "
            "and UV_CACHE_DIR (downloads) to folders on another disk."
        )
    elif "failed to build" in lower or "failed building" in lower:
        include = _run([python, "-c", "import sysconfig; print(sysconfig.get_path('include'))"])
        lacking = [] if shutil.which("g++") or shutil.which("c++") else ["a C++ compiler"]
        if not (Path(include.stdout.strip()) / "Python.h").exists():
            lacking.append("Python's header files")
        advice = (
            "pyfarmhash, which TFDV needs, is built on this machine, and that failed"
            + (f" for want of {' and '.join(lacking)}. " if lacking else ". ")
            + "Debian, Ubuntu: `sudo apt install g++ python3-dev`; macOS: `xcode-select --install`."
        )
    elif re.search(r"dns|connect|resolve host|timed? ?out|network|error sending request", lower):
        advice = (
            "The packages could not be downloaded. Check the network (behind a proxy: set "
            "HTTPS_PROXY) and try again; what was downloaded already is kept."
        )
    else:
        advice = "Try again with `python -m helpers.tfx install`; what was downloaded is kept."
    return TFXEnvironmentError(f"The TFX environment could not be installed. {advice}\n\n{tail}")


def _import_all(python: Path) -> dict[str, Any]:
    """Import each package in the environment and return the versions."""
    program = (
        "import importlib, json, platform, sys\n"
        "mods = {name: importlib.import_module(name) for name in sys.argv[1:]}\n"
        "json.dump({'python': platform.python_version(), 'packages':"
        " {n: getattr(m, '__version__', '') for n, m in mods.items()}}, sys.stdout)"
    )
    done = _run([python, "-W", "ignore", "-c", program, *PACKAGES])
    if done.returncode:
        tail = "\n".join(done.stderr.strip().splitlines()[-15:])
        raise TFXEnvironmentError(
            "The TFX environment was installed, but does not import here. Please report this with "
            f"the lines below and the output of `python -m helpers.tfx info`.\n\n{tail}"
        )
    return json.loads(done.stdout)


def _run(command: list[Any]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        env=process.clean_environ() | _QUIET,
        cwd=cache(),
    )


def _uv() -> str:
    import uv

    return uv.find_uv_bin()


@contextlib.contextmanager
def _bar(show: bool) -> Iterator[Any]:
    from tqdm.auto import tqdm

    form = "{desc} |{bar:20}| {elapsed}{postfix}"
    with tqdm(total=1, bar_format=form, disable=not show, leave=False) as bar:
        yield bar
