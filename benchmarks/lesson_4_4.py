"""What the gates of lesson 4.4 measure of 32 releases, in many worlds.

``python -m benchmarks.lesson_4_4`` prints, over five seeds of the world, what each release costs
and what a few gates say of it: the ranges that the lesson quotes. With ``--record`` it writes
``evidence.csv``, the record of 30 worlds from which the lesson's design exercise is judged; that
takes some minutes.
"""

from __future__ import annotations

import sys

import pandas as pd

from helpers.course.lesson_4_4.delivery import GATES, RECORD, bank, measure, releases

SEEDS = (2025, 1, 2, 3, 4)
WORLDS = range(1, 31)


def worlds(seeds) -> pd.DataFrame:
    """Return what is measured of every release in these worlds."""
    rows = {}
    for seed in seeds:
        rows |= {(seed, one.name): measure(one, seed) for one in releases(seed)}
        bank.cache_clear()
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.rename_axis(["world", "release"])


def main() -> None:
    """Print the table, or write the record."""
    if sys.argv[1:] == ["--record"]:
        worlds(WORLDS).map(lambda value: float(f"{value:.4g}")).to_csv(RECORD)
        return
    table = worlds(SEEDS).reset_index()
    table["release"] = table["release"].where(~table["release"].str.startswith("good"), "good")
    shown = pd.DataFrame({name: table.eval(rule) for name, rule in GATES.items()})
    found = shown.groupby(table["release"], sort=False).mean().round(2)
    for name in ("damage", "gain", "auc", "parity", "clear"):
        found[name] = table.groupby("release")[name].agg(
            lambda v: f"{v.min():.4g} to {v.max():.4g}"
        )
    print(found.to_string())


if __name__ == "__main__":
    main()
