"""The times in docs/instructors.md: ``python -m benchmarks.times [PART ...]`` measures them.

``lessons`` runs each notebook by nbval, one after the other; ``commands`` runs ``make lab`` and
``make test`` in a fresh clone, first with empty caches ("cold", which downloads all), then again
("warm"). What was measured replaces the table between the part's markers on that page.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import psutil
from tqdm import tqdm

from helpers.base import files, resources
from helpers.course.exercises.core import exercises_by_lesson

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "instructors.md"
NBVAL = ["--nbval", "--nbval-current-env", "--nbval-sanitize-with", "tests/nbval_sanitize.cfg"]


@contextmanager
def peak_memory(pid: int) -> Iterator[Callable[[], float]]:
    """Watch a process with all that it starts; the function given returns the peak so far (MiB).

    Shared pages count once, where the system tells (Linux); TFX's process belongs to it, too.
    """
    peak, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(1.0):  # counting the pages of large processes takes time of its own
            found = 0
            try:
                tree = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            for process in tree:
                try:
                    memory = process.memory_full_info()
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
                found += getattr(memory, "pss", memory.rss)
            peak[0] = max(peak[0], found / 2**20)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield lambda: peak[0]
    finally:
        stop.set()
        thread.join()


def lesson_row(lesson: resources.Lesson) -> dict[str, object]:
    """Run one notebook by nbval, strictly, and say what it took."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", *NBVAL, f"--junitxml={report}"]
        began = time.perf_counter()
        process = subprocess.Popen(
            [*command, str(lesson.path)], cwd=ROOT, stdout=subprocess.DEVNULL,
            env=os.environ | {"MLOPS_PROGRESS": f"{folder}/progress.json"},
        )  # fmt: skip
        with peak_memory(process.pid) as peak:
            failed = process.wait()
        seconds = time.perf_counter() - began
        cells = [float(case.get("time")) for case in ElementTree.parse(report).iter("testcase")]
    code = [
        cell
        for cell in json.loads(lesson.path.read_text(encoding="utf-8"))["cells"]
        if cell["cell_type"] == "code"
    ]
    shown = next(at for at, cell in enumerate(code) if cell["outputs"])
    return {
        "lesson": f"{lesson.number} {lesson.title}",
        "nbval (s)": f"{seconds:.0f}" + (" (FAILED)" if failed else ""),
        "first result (s)": f"{sum(cells[: shown + 1]):.1f}",
        "peak memory (GiB)": f"{peak() / 1024:.1f}",
        "exercises": str(len(exercises_by_lesson().get(lesson.number, []))),
    }


def lessons() -> pd.DataFrame:
    """Measure every notebook."""
    rows = []
    for lesson in (bar := tqdm(resources.lessons(), leave=False)):
        bar.set_description(lesson.number)
        rows.append(lesson_row(lesson))
    return pd.DataFrame(rows)


def commands() -> pd.DataFrame:
    """Measure `make lab` and `make test`, cold and warm, each in a clone of its own."""
    rows = []
    for command, measure in (("make lab", _lab), ("make test", _test)):
        with tempfile.TemporaryDirectory(prefix="times-") as folder:
            clone = Path(folder) / "clone"
            subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
            kept = {k: v for k, v in os.environ.items() if not re.match("MAKE|MFLAGS|VIRTUAL", k)}
            empty = {name: f"{folder}/{name}" for name in ("MLOPS_CACHE", "UV_CACHE_DIR")}
            variables = kept | empty | {"PIP_CACHE_DIR": f"{folder}/pip"}
            cold, warm = (measure(clone, variables) for _ in range(2))
        rows.append({"command": f"`{command}`", "cold": cold, "warm": warm})
    return pd.DataFrame(rows)


def _lab(clone: Path, variables: dict[str, str]) -> str:
    """Time until JupyterLab answers."""
    runtime = Path(tempfile.mkdtemp())
    began = time.perf_counter()
    process = subprocess.Popen(
        ["make", "lab", "LAB_ARGS=--no-browser --port=0 --allow-root"],
        cwd=clone, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        env=variables | {"JUPYTER_RUNTIME_DIR": str(runtime)},
    )  # fmt: skip
    try:
        while not list(runtime.glob("jpserver-*.json")):  # written when the server listens
            if process.poll() is not None:
                return "FAILED"
            time.sleep(0.1)
        return _told(time.perf_counter() - began)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def _test(clone: Path, variables: dict[str, str]) -> str:
    began = time.perf_counter()
    done = subprocess.run(
        ["make", "test"], cwd=clone, env=variables, capture_output=True, text=True
    )
    summary = re.search(r"(\d+) passed", done.stdout)
    said = f", {summary[1]} tests" if summary else ""
    return _told(time.perf_counter() - began) + (" (FAILED)" if done.returncode else said)


def _told(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.0f} s"


def markdown(table: pd.DataFrame) -> str:
    """Write a table as Markdown.

    Examples
    --------
    >>> print(markdown(pd.DataFrame({"a": ["1"], "b": ["2"]})))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    lines = [table.columns, ["---"] * len(table.columns), *table.astype(str).to_numpy()]
    rows = [f"| {' | '.join(line)} |" for line in lines]
    rows[1] = rows[1].replace(" ", "")
    return "\n".join(rows)


def write(part: str, table: pd.DataFrame, page: Path = PAGE) -> None:
    """Put a table between the part's markers on the page."""
    begin, end = f"<!-- times: {part} -->", f"<!-- end: {part} -->"
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(begin)
    _, closed, after = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{page.name} has no place for {part}: expected {begin} and {end}")
    files.write(page, f"{before}{begin}\n{markdown(table)}\n{end}{after}")


PARTS = {"lessons": lessons, "commands": commands}


def main(wanted: list[str]) -> None:
    """Measure the parts that are wanted, all by default, and write each as soon as it is done."""
    for part in wanted or PARTS:
        table = PARTS[part]()
        print(table.to_string(index=False), flush=True)
        write(part, table)


if __name__ == "__main__":
    main(sys.argv[1:])
