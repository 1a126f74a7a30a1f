"""What a lesson quotes as a range: the numbers of a benchmark over five seeds of the world."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable

import numpy as np

SEEDS = (2025, 1, 2, 3, 4)


def show(measure: Callable[[int], Iterable[tuple[str, float]]]) -> None:
    """Print a line for each name that ``measure(seed)`` yields with a value.

    It holds the least and the largest value over the seeds, and all of them in their order.
    """
    found = defaultdict(list)
    for seed in SEEDS:
        for name, value in measure(seed):
            found[name].append(float(value))
        print(seed, "measured", file=sys.stderr, flush=True)
    width = max(map(len, found))
    for name, values in found.items():
        every = " ".join(f"{value:.4g}" for value in values)
        least, largest = np.nanmin(values), np.nanmax(values)
        print(f"{name:{width}} {least:9.4g} to {largest:9.4g}   ({every})")
