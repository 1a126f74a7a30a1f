"""The time that drift takes: a comparison, the classifier, and a stream beside river's own loop."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable


def _seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """Return the median wall time of an action, after a first call to warm up."""
    return statistics.median(timeit.repeat(action, number=1, repeat=repeats + 1)[1:])


def run() -> list[dict]:
    from river.drift import ADWIN

    from helpers import drift
    from helpers.world import World

    reference = World(seed=1).applications(("2025-01", "2025-12"))
    current = World(seed=1).applications("2026-01")
    columns = [c for c in reference if c not in ("application_id", "applied_at", "defaulted")]
    together = _seconds(lambda: drift.compare(reference, current, columns=columns))
    apart = _seconds(lambda: drift.compare(reference, current, columns=columns, joint=False))
    stream, times = reference["income"] / 40_000, reference["applied_at"]

    def raw() -> None:
        detector = ADWIN()
        for value in stream.tolist():
            detector.update(value)
            _ = detector.drift_detected

    alone = _seconds(raw)
    watched = _seconds(lambda: drift.monitor(stream, "ADWIN", times=times))
    shape = f"{len(reference):,} against {len(current):,} rows, {len(columns)} columns"
    return [
        {
            "what": f"compare, {shape}",
            "measured": f"{apart:.2f} s",
            "target": "0.2 s",
            "note": "each column alone",
        },
        {
            "what": f"compare, {shape}",
            "measured": f"{together:.2f} s",
            "target": "1 s",
            "note": "with the classifier",
        },
        {
            "what": f"monitor, ADWIN, {len(stream):,} values",
            "measured": f"{1_000 * (watched - alone):.0f} ms more than river's own loop",
            "target": "20 ms",
            "note": f"{1_000 * alone:.0f} ms alone",
        },
    ]
