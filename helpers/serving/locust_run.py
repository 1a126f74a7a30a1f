"""The load generator's program; run by ``helpers.serving.load`` in a folder with a plan.

Locust's own statistics round latencies to milliseconds, so each request is recorded here.
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
    records: list[tuple[int, float, float, int, bool]] = []
    gc.freeze()  # a pause here would look like a pause of the server
    begun = time.monotonic()
    seconds = [_stage(plan, users, records, begun) for users in plan["stages"]]
    files.write("result.json", json.dumps({"requests": records, "seconds": seconds}))
    sys.stdout.flush()
    os._exit(0)


def _stage(plan: dict[str, Any], users: int, records: list, begun: float) -> float:
    counted_from = time.perf_counter() + plan["warmup"]
    closed = False
    failures = 0

    def record(response_time: float, response: Any, exception: Any, **_: Any) -> None:
        nonlocal failures
        # Answers in the stage count, not requests in it: otherwise the slowest answers, which come
        # after its end, would be missing, and a slow server would look fast.
        now = time.perf_counter()
        if now >= counted_from and not closed:
            status = getattr(response, "status_code", 0) or 0
            failures += exception is not None
            records.append((users, now - counted_from, response_time, status, exception is None))

    environment = Environment(user_classes=[_user(plan)])
    environment.events.request.add_listener(record)
    runner = environment.create_local_runner()
    before = len(records)
    runner.start(users, spawn_rate=users)
    while (left := counted_from + plan["duration"] - time.perf_counter()) > 0:
        gevent.sleep(min(left, 0.5))
        state = {"users": users, "time_s": time.monotonic() - begun}
        print(json.dumps({**state, "requests": len(records) - before, "failures": failures}))
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
        def send(self) -> None:
            self.client.request(method, plan["url"], data=next(bodies), headers=plan["headers"])
            # Between two tasks Locust runs all other users, even without a think time, so that
            # this one would be idle for a while: the loop is closed here.
            while not plan["think_s"]:
                self.client.request(method, plan["url"], data=next(bodies), headers=plan["headers"])

    return User


if __name__ == "__main__":
    main()
