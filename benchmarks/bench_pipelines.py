"""What a run of the loans pipeline costs, first and from the cache, and reading its record."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from typing import Any


def run() -> list[dict]:
    from helpers import datasets, pipelines
    from helpers.lineage import Store
    from helpers.tfx import session

    def timed(action: Callable[[], Any]) -> tuple[Any, float]:
        begun = time.perf_counter()
        return action(), time.perf_counter() - begun

    with tempfile.TemporaryDirectory() as root:
        data, month = f"{root}/data", "2025-01"
        pipelines.deliver(datasets.path("loans", f"{month}.csv"), month, data)
        first, fresh = timed(lambda: pipelines.run(month, data=data, root=root))
        slowest = sorted(first.steps, key=lambda step: -step.seconds)[:4]
        _, cached = timed(lambda: pipelines.run(month, data=data, root=root))
        session().run("import ml_metadata")
        store, read = timed(lambda: Store(f"{root}/metadata.sqlite"))
        model = store.models.index[-1]
        _, told = timed(lambda: store.explain(model))
    return [
        {
            "what": "loans pipeline, first run of a month of 2,000",
            "measured": f"{fresh:.0f} s",
            "target": "90 s",
            "note": ", ".join(f"{step.component} {step.seconds:.0f}" for step in slowest),
        },
        {"what": "the same, from the cache", "measured": f"{cached:.0f} s", "target": "25 s"},
        {
            "what": f"reading a store of {len(store.executions)} executions",
            "measured": f"{read:.2f} s",
            "target": "1 s",
            "note": f"explaining a model: {told * 1000:.0f} ms",
        },
    ]
