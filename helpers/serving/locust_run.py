"""The load generator's process; run by ``helpers.serving.load`` in a folder with a plan.

Locust's own statistics round latencies to milliseconds, so each request is noted here.
"""

# ruff: noqa: I001 (Locust comes first: it makes sockets cooperative)
from __future__ import annotations

from locust import FastHttpUser, constant, task
from locust.env import Environment

import gc
import gevent
import itertools
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from helpers.base import files, process


def main() -> None:
    """Run every stage of the plan."""
    process.end_with_parent()
    plan = json.loads(Path("plan.json").read_text())
    noted: list[tuple[int, float, float, int, bool]] = []
    seconds = {}
    gc.freeze()  # a pause here would look like one of the server
    begun = time.monotonic()
    for users in plan["stages"]:
        seconds[users] = _stage(plan, users, noted, begun)
    Path("seconds.json").write_text(json.dumps(seconds))
    _write(noted)
    sys.stdout.flush()
    os._exit(0)


def _stage(plan: dict[str, Any], users: int, noted: list, begun: float) -> float:
    counted_from = time.perf_counter() + plan["warmup"]
    closed = False
    failures = 0

    def note(response_time: float, response: Any, exception: Any, **_: Any) -> None:
        nonlocal failures
        # What is answered in the stage counts, not what was asked in it: else the slowest answers,
        # which come after its end, would be missing, and a slow server would look fast.
        now = time.perf_counter()
        if now >= counted_from and not closed:
            status = getattr(response, "status_code", 0) or 0
            failures += exception is not None
            noted.append((users, now - counted_from, response_time, status, exception is None))

    environment = Environment(user_classes=[_user(plan)])
    environment.events.request.add_listener(note)
    runner = environment.create_local_runner()
    before = len(noted)
    runner.start(users, spawn_rate=users)
    while (left := counted_from + plan["duration"] - time.perf_counter()) > 0:
        gevent.sleep(min(left, 0.5))
        state = {"users": users, "time_s": time.monotonic() - begun}
        print(json.dumps({**state, "requests": len(noted) - before, "failures": failures}))
    closed = True
    taken = time.perf_counter() - counted_from
    runner.quit()
    return taken


def _user(plan: dict[str, Any]) -> type:
    bodies = itertools.cycle(plan["bodies"] or [None])
    method = "GET" if plan["bodies"] is None else "POST"

    class User(FastHttpUser):
        host = plan["url"]
        wait_time = constant(plan["think_s"])
        connection_timeout = network_timeout = 30.0
        max_retries = 0

        @task
        def ask(self) -> None:
            self.client.request(method, plan["url"], data=next(bodies), headers=plan["headers"])
            # Locust lets all others have their turn between two tasks, also where there is no time
            # to think. So many users would not be asking: the loop is closed here.
            while not plan["think_s"]:
                self.client.request(method, plan["url"], data=next(bodies), headers=plan["headers"])

    return User


def _write(noted: list) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = ["users", "time_s", "latency_ms", "status", "ok"]
    types = [pa.int64(), pa.float64(), pa.float64(), pa.int64(), pa.bool_()]
    columns = list(zip(*noted, strict=True)) or [[]] * len(names)
    arrays = [pa.array(column, kind) for column, kind in zip(columns, types, strict=True)]
    with files.whole("requests.parquet") as temporary:
        pq.write_table(pa.table(arrays, names), temporary)


if __name__ == "__main__":
    main()
