"""A model server's queue under four kinds of traffic, simulated."""

from __future__ import annotations

import heapq

import numpy as np
import pandas as pd

from helpers.serving.batching import Limits

CORES, BATCH_MS, ROW_MS, SLOT_MS = 2, 8.0, 0.25, 50.0
# Requests per second, how much that varies from slot to slot, and the number of slots.
SCENES = {
    "night": (20, 0.0, 600), "afternoon": (150, 0.0, 160),
    "Monday at nine": (2_500, 0.6, 30), "flood": (12_000, 0.2, 12),
}  # fmt: skip


def rehearse(limits: Limits, seed: int = 0) -> pd.DataFrame:
    """Return what clients would see of a server with two cores, by kind of traffic.

    A request has one row. A batch takes a core 8 ms, and 0.25 ms for each of its rows; more threads
    than cores share them. The columns are ``requests``, ``p99 (ms)`` of those that are answered,
    ``refused (%)``, and ``busy (%)``, the share of the cores' time; `seed` is that of the arrivals.
    """
    rng = np.random.default_rng([41, seed])
    rows = {}
    for scene, (rate, spread, slots) in SCENES.items():
        load = rng.gamma(1 / spread**2, spread**2, slots) if spread else np.ones(slots)
        counts = rng.poisson(rate * SLOT_MS / 1_000 * load)
        times = SLOT_MS * (np.repeat(np.arange(slots), counts) + rng.random(counts.sum()))
        latency, busy, end = _serve(np.sort(times), limits)
        rows[scene] = {
            "requests": len(times),
            "p99 (ms)": np.quantile(latency, 0.99),
            "refused (%)": 100 * (1 - len(latency) / len(times)),
            "busy (%)": 100 * busy / (CORES * max(end, slots * SLOT_MS)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def _serve(times: np.ndarray, limits: Limits) -> tuple[list[float], float, float]:
    """Return the latencies, how long the cores worked, and the end, in milliseconds."""
    size, threads = limits.max_batch_size, limits.num_batch_threads
    free, queue, latency, busy = [0.0] * threads, [], [], 0.0
    for now in [*times.tolist(), np.inf]:
        while queue:
            due = queue[0] + limits.batch_timeout_ms
            due = min(due, queue[size - 1]) if len(queue) >= size else due
            if (start := max(due, free[0])) > now:
                break
            batch, queue = queue[:size], queue[size:]
            work = BATCH_MS + ROW_MS * len(batch)
            busy += work
            end = start + work * max(1, threads / CORES)
            heapq.heapreplace(free, end)
            latency += [end - arrival for arrival in batch]
        if len(queue) < size * limits.max_enqueued_batches:
            queue.append(now)
    return latency, busy, max(free)
