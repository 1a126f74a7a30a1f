"""Write ``environment.yml`` from the lock, so that conda users get the versions of the lab."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# The lab environment for conda users, with the versions of requirements/lab.txt.
# Written by `make lock`; do not edit.
#
#   conda env create -f environment.yml
#   conda activate first-dance-with-mlops
#   jupyter lab notebooks/0_start_here.ipynb
#
# tensorflow-data-validation is not in this list: its releases conflict with current
# versions of the libraries below. It runs in an environment of its own, which the helpers make
# on first use (or ahead of time: python -m helpers.tfx install).
name: first-dance-with-mlops
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python=3.11
  - pip
  - cxx-compiler  # TFDV's dependency pyfarmhash is compiled
  - pip:
"""


def pins(lock: str) -> list[str]:
    """Return the requirements of a lock file, markers kept, hashes left out.

    Examples
    --------
    >>> pins("six==1.17.0 ; python_version < '4' \\\\\\n    --hash=sha256:0\\n")
    ["six==1.17.0 ; python_version < '4'"]
    """
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"\w", line)]


def text(lock: str) -> str:
    """Return the whole of ``environment.yml`` for a lock."""
    lines = [f'      - "{pin}"\n' for pin in pins(lock)]
    return HEADER + "".join(lines) + "      - --editable .[lessons]\n"


if __name__ == "__main__":
    lock = (ROOT / "requirements" / "lab.txt").read_text()
    (ROOT / "environment.yml").write_text(text(lock))
