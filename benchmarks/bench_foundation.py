"""What the foundation costs: imports, the world, the TFX kernel, sending frames to and fro."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable


def seconds(action: Callable[[], object], repeats: int = 5) -> float:
    """Median wall time of an action."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run() -> list[dict]:
    from helpers.tfx import Session
    from helpers.world import World

    def python(code: str) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, "-c", code], check=True)

    imports = seconds(python("import helpers")) - seconds(python("pass"))
    million = seconds(lambda: World(seed=1).applications("2025-03", 1_000_000), repeats=3)

    session = Session()
    start = seconds(lambda: session.run("pass"), repeats=1)
    first = seconds(
        lambda: session.run(
            "import pandas as pd, tensorflow_data_validation as tfdv\n"
            "tfdv.generate_statistics_from_dataframe(pd.DataFrame({'x': [1, 2]}))"
        ),
        repeats=1,
    )
    frame = World(seed=1).applications("2025-03", 200_000)
    push = seconds(lambda: session.push("frame", frame))
    pull = seconds(lambda: session.pull("frame"))
    session.close()
    shape = f"{len(frame):,} x {frame.shape[1]}"
    return [
        {"what": "import helpers", "measured": f"{imports:.3f} s", "target": "0.2 s"},
        {"what": "1,000,000 applications", "measured": f"{million:.2f} s", "target": "3 s"},
        {"what": "TFX kernel start", "measured": f"{start:.1f} s", "target": "a few seconds"},
        {"what": "first TFDV call", "measured": f"{first:.1f} s", "target": "", "note": "import"},
        {"what": f"push {shape}", "measured": f"{push:.2f} s", "target": "1 s"},
        {"what": f"pull {shape}", "measured": f"{pull:.2f} s", "target": "1 s"},
    ]
