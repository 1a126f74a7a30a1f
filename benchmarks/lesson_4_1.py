"""What lesson 4.1 tells about batching flags and promises, over twenty simulated worlds.

``python -m benchmarks.lesson_4_1`` prints, for the lesson's own limits and for some others, the
least and the largest value of each promise and in how many worlds all are kept; then the p99 of an
idle replica, below which no number of replicas comes.
"""

from __future__ import annotations

from itertools import product

from helpers.course.lesson_4_1.exercises import PROMISES
from helpers.course.lesson_4_1.rehearsal import rehearse
from helpers.serving.batching import Limits
from helpers.serving.capacity import queue

WORLDS = range(100, 120)


def main() -> None:
    """Print the tables."""
    print("least - largest of", ", ".join(f"{scene} {what}" for scene, what in PROMISES))
    some = [*product((32, 64, 128), (5, 8, 11), (2, 4, 6), (2,)), (64, 8, 4, 1), (64, 8, 4, 4)]
    for limits in [Limits(), *(Limits(*plan) for plan in some)]:
        worlds = [rehearse(limits, seed) for seed in WORLDS]
        cells = [[world.loc[where, what] for world in worlds] for where, what in PROMISES]
        kept = [
            sum(value <= most for value in found)
            for found, most in zip(cells, PROMISES.values(), strict=True)
        ]
        text = "  ".join(f"{min(found):.1f}-{max(found):.1f}" for found in cells)
        print(tuple(vars(limits).values()), text, f"kept in {min(kept)} of {len(WORLDS)}")
    for replicas in (1, 2, 10, 100, 1_000):
        print(replicas, "replicas: p99", round(1000 * queue(20, 0.01, replicas).latency(), 2), "ms")


if __name__ == "__main__":
    main()
