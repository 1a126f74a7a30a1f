"""What the router adds to a request, and what it carries: against a server that answers at once.

Direct requests and requests through the router alternate in one run; the users are processes of
their own.
"""

from __future__ import annotations

import contextlib
import json
import socket
import statistics
import subprocess
import sys
import time

SERVER = """
import sys, uvicorn

BODY = b'{"predictions": [0.25]}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})

uvicorn.run(app, port=int(sys.argv[1]), log_level="error", access_log=False, lifespan="off")
"""
USERS = """
import asyncio, json, sys, time, httpx

url, users, requests = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
latencies, lost = [], 0

async def use(client, n):
    global lost
    for _ in range(n):
        begun = time.perf_counter()
        try:
            answer = await client.post(url, json={"instances": [[1.0] * 15]})
            lost += answer.status_code != 200
        except httpx.HTTPError:
            lost += 1
        latencies.append(time.perf_counter() - begun)

async def main():
    limits = httpx.Limits(max_connections=users)
    async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as client:
        await asyncio.gather(*(use(client, 20) for _ in range(users)))  # warm up
        latencies.clear()
        begun = time.perf_counter()
        await asyncio.gather(*(use(client, requests // users) for _ in range(users)))
        return time.perf_counter() - begun

seconds = asyncio.run(main())
latencies.sort()
n = len(latencies)
print(json.dumps({"p50": 1e3 * latencies[n // 2], "p99": 1e3 * latencies[int(0.99 * n)],
                  "rate": n / seconds, "lost": lost}))
"""
PATH = "/v1/models/credit:predict"


@contextlib.contextmanager
def servers(count: int):
    """Base URLs of servers that answer at once."""
    ports, processes = [], []
    for _ in range(count):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            ports.append(free.getsockname()[1])
        processes.append(subprocess.Popen([sys.executable, "-c", SERVER, str(ports[-1])]))
    try:
        for port in ports:
            deadline = time.monotonic() + 30
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                if time.monotonic() > deadline:
                    raise RuntimeError("the server did not start")
                time.sleep(0.05)
        yield [f"http://127.0.0.1:{port}" for port in ports]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def load(url: str, users: int, requests: int) -> dict[str, float]:
    command = [sys.executable, "-c", USERS, url + PATH, str(users), str(requests)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout)


def run() -> list[dict]:
    import numpy as np

    from helpers.rollout import STANDARD, Analysis, Batch, Router, Sample
    from helpers.rollout.analysis import Evidence

    rows = []
    with (
        servers(2) as (stable, candidate),
        Router(
            {"stable": stable, "candidate": candidate}, weights={"stable": 9, "candidate": 1}
        ) as router,
    ):
        for users, requests, shadow in ((1, 800, None), (1, 800, "candidate"), (8, 1_600, None)):
            router.set_shadow(shadow)
            pairs = [
                (load(stable, users, requests), load(router.url, users, requests)) for _ in range(3)
            ]
            added = statistics.median(ours["p50"] - direct["p50"] for direct, ours in pairs)
            direct, ours = (
                {k: statistics.median(one[k] for one in side) for k in side[0]}
                for side in zip(*pairs, strict=True)
            )
            lost = sum(ours["lost"] for _, ours in pairs)
            what = f"router's added p50, {users} user{'s' if users > 1 else ''}"
            rows.append(
                {
                    "what": what + (", mirroring" if shadow else ""),
                    "measured": f"{added:.1f} ms",
                    "target": "2 ms" if users == 1 else "3.7 ms",
                    "note": f"p50 {ours['p50']:.1f} against {direct['p50']:.1f} ms, "
                    f"p99 {ours['p99']:.1f} against {direct['p99']:.1f} ms, "
                    f"{ours['rate']:,.0f} against {direct['rate']:,.0f} requests/s, {lost} lost",
                }
            )
    rng = np.random.default_rng(0)
    evidence = Evidence(Analysis(STANDARD))

    def sample(n: int) -> Sample:
        return Sample(rng.random(n) < 0.01, rng.lognormal(2, 0.5, n), rng.random(n))

    batches = [Batch(sample(90), sample(10), rng.random((100, 2))) for _ in range(300)]
    begun = time.perf_counter()
    for batch in batches:
        evidence.add(batch)
    taken = 1e3 * (time.perf_counter() - begun) / len(batches)
    rows.append(
        {"what": "evidence of a batch of 100", "measured": f"{taken:.2f} ms", "target": "2 ms"}
    )
    return rows
