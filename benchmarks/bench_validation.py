"""What helpers.validation adds to TFDV: both in the same TFX process, in pairs, in one run."""

from __future__ import annotations

import statistics
import time


def run() -> list[dict]:
    from helpers.tfx import session
    from helpers.validation import generate_statistics
    from helpers.world import World

    frame = World(seed=1).applications("2025-03", 200_000)
    frame["applied_at"] = frame["applied_at"].astype(str)
    tfx = session()
    tfx.push("bench", frame)
    raw = (
        "import time\n"
        "import tensorflow_data_validation as tfdv\n"
        "begun = time.perf_counter()\n"
        "tfdv.generate_statistics_from_dataframe(bench)\n"
        "taken = time.perf_counter() - begun"
    )
    pairs = []
    for _ in range(8):
        tfx.run(raw)
        begun = time.perf_counter()
        generate_statistics(frame)
        pairs.append((tfx.pull("taken"), time.perf_counter() - begun))
    pairs = pairs[1:]  # the first pair warms both up
    ratio = statistics.median(ours / theirs for theirs, ours in pairs)
    theirs, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    shape = f"{len(frame):,} x {frame.shape[1]}"
    return [
        {
            "what": f"generate_statistics, {shape}, against raw TFDV",
            "measured": f"{ratio:.2f} times",
            "target": "1.5 times",
            "note": f"{ours:.2f} s against {theirs:.2f} s",
        }
    ]
