"""Answer one request in a fresh process, as the first one after a start is answered."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from helpers.base.process import clean_environ

_FRAME = """
import json, os, time
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
begun = time.perf_counter()
{code}
first = float(answer())
cold = time.perf_counter() - begun
warm = []
for _ in range(200):
    before = time.perf_counter()
    answer()
    warm.append(time.perf_counter() - before)
import psutil
memory = psutil.Process().memory_info().rss
print(json.dumps([first, cold, 1000 * sorted(warm)[100], memory / 1e6]))
"""


def fresh(code: str, folder: str | Path) -> dict[str, float]:
    """Measure code that defines `answer`; raise a RuntimeError with the last line of its own.

    Parameters
    ----------
    code : str
        Python that imports, loads and defines ``answer()``, which returns a number.
    folder : path
        Where it runs.

    Returns
    -------
    dict of str to float
        The answer, seconds until it, milliseconds of a later one (the median), megabytes.
    """
    done = subprocess.run(
        [sys.executable, "-c", _FRAME.format(code=code.strip())],
        cwd=folder, env=clean_environ(), capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    names = ("answer", "cold (s)", "warm (ms)", "memory (MB)")
    return dict(zip(names, json.loads(done.stdout.splitlines()[-1]), strict=True))
