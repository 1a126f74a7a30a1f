"""Run every benchmark and print one table: ``make bench`` or ``python -m benchmarks [NAME ...]``.

A benchmark is a module ``bench_*.py`` with a function ``run()`` that returns rows: dictionaries
with ``what``, ``measured``, ``target`` and, if it needs one, ``note``.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import platform
import sys

import pandas as pd
from tqdm import tqdm

import benchmarks


def main(wanted: list[str]) -> None:
    names = [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[:6] == "bench_"]
    names = [name for name in names if not wanted or name.removeprefix("bench_") in wanted]
    rows = []
    for name in (bar := tqdm(names, leave=False)):
        bar.set_description(name)
        rows += importlib.import_module(f"benchmarks.{name}").run()
    table = pd.DataFrame(rows).fillna("")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.platform()}\n")
    print(table.to_string(index=False))


if __name__ == "__main__":
    main(sys.argv[1:])
