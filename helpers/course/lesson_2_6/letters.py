"""Three years of letters to a lender: which of them a plan can answer, and at what cost.

A model is trained each month on the last `WINDOW` months, from the weights of the last one, or not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

WINDOW = 4  # months that a model learns from
FIRST, LAST = 48, 84  # months in which letters come
# Letters a year; the thing asked about is up to so many months old.
LETTERS = {"supervisor": (4, 24), "partner": (2, 9), "erasure": (12, 48)}
UNSEEN = 0.1  # share of the letters about a file that was edited, its size and date kept
COSTS = {"planned fresh start": 300, "fresh start for a letter": 2_500, "erased by hand": 300}
COSTS |= {"model trained again": 100}
# Euro a year: the first two for each month kept, the others in all.
YEARLY = {"rows": 15, "models": 20, "inputs": 600, "content": 60}
HARBOR = {"fingerprint": "size and date", "log": ["version"], "rows": 6, "models": 12, "fresh": 120}


def letters(seed: int) -> list[tuple[int, str, int, bool]]:
    """Return a history: month, from whom, the month asked about, whether its file was edited."""
    rng, found = random.Random(seed), []
    for month in range(FIRST, LAST):
        for sender, (yearly, oldest) in LETTERS.items():
            for _ in range(4):
                if rng.random() < yearly / 48:
                    about = month - rng.randint(0, oldest)
                    found.append((month, sender, about, rng.random() < UNSEEN))
    return found


def answered(plan: Mapping[str, Any], seeds: Iterable[int] = range(200)) -> dict[str, float]:
    """Return the percentage of letters answered, and euro a year in all and by cause.

    Parameters
    ----------
    plan : mapping
        With the keys of `HARBOR`, whose model never starts with fresh weights again.
    seeds : iterable of int
        One history each.
    """
    came, done, times, seeds = Counter(), Counter(), Counter(), list(seeds)
    for seed in seeds:
        starts = set(range(0, LAST, plan["fresh"]))  # months of fresh weights
        times["planned fresh start"] += len([one for one in starts if one >= FIRST])
        for month, sender, about, edited in letters(seed):
            came[sender] += 1
            start = max(one for one in starts if one <= month)
            if sender == "erasure":
                times["erased by hand"] += month - about < plan["rows"]
                if about > start - WINDOW:  # the chain of the model in force has read her row
                    times["fresh start for a letter"] += 1
                    starts.add(month)
                done[sender] += 1
                continue
            fine = plan["fingerprint"] == "content" or not edited
            fine &= "version" in plan["log"] and month - about < plan["models"]
            if sender == "partner":  # train again what it touched, and decide again
                fine &= "inputs" in plan["log"] and month - about + WINDOW <= plan["rows"]
                clean = (one for one in starts if about + WINDOW <= one <= month)
                times["model trained again"] += fine * (min(clean, default=month + 1) - about)
            done[sender] += fine
    parts = {name: COSTS[name] * times[name] * 12 / len(seeds) / (LAST - FIRST) for name in COSTS}
    kept = {"rows": plan["rows"], "models": plan["models"], "inputs": "inputs" in plan["log"]}
    kept["content"] = plan["fingerprint"] == "content"
    parts["storage"] = sum(YEARLY[name] * number for name, number in kept.items())
    shares = {f"{sender}: answered, %": 100 * done[sender] / came[sender] for sender in LETTERS}
    return shares | {"euro a year": sum(parts.values())} | parts
