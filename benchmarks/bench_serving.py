"""Requests per second and latency of helpers.serving, against what good engineers write or install.

FastAPI is in the dependency group `bench`. LitServe and KServe's server take part if
MLOPS_SERVING_RIVALS names a Python that has them and TensorFlow; `make bench-rivals` makes one.

The load comes from wrk (Debian's package of that name) where it is installed, or else from
Locust by `load_test`. On the two cores of a small machine Locust takes more time for a request
than the server does, and hides how far servers are apart.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

CONNECTIONS = (1, 8, 32)
SECONDS = 5


WRK = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = %s
function done(summary, latency)
    local failed = summary.errors
    io.write(string.format("\\n%%.3f %%.3f %%.3f %%d\\n",
        1e6 * (summary.requests - failed.status) / summary.duration,
        latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
        failed.status + failed.connect + failed.read + failed.write + failed.timeout))
end
"""


def tabular():
    import keras

    numbers = keras.Input((8,), name="numbers")
    region = keras.Input((1,), dtype="string", name="region")
    regions = ["North", "East", "South", "West", "Islands"]
    known = keras.layers.StringLookup(vocabulary=regions, output_mode="one_hot")(region)
    x = keras.layers.Concatenate()([keras.layers.Rescaling(0.1)(numbers), known])
    for _ in range(2):
        x = keras.layers.Dense(64, activation="relu")(x)
    risk = keras.layers.Dense(1, activation="sigmoid", name="risk")(x)
    return keras.Model({"numbers": numbers, "region": region}, risk), {
        "numbers": [1.0] * 8,
        "region": ["East"],
    }


def digits():
    import keras

    image = keras.Input((8, 8, 1), name="image")
    x = keras.layers.Conv2D(32, 3, activation="relu")(image)
    x = keras.layers.Conv2D(64, 3, activation="relu")(x)
    x = keras.layers.Dense(64, activation="relu")(keras.layers.Flatten()(x))
    label = keras.layers.Dense(10, activation="softmax", name="digit")(x)
    return keras.Model({"image": image}, label), {"image": np.ones((8, 8, 1)).tolist()}


@contextlib.contextmanager
def rival(kind, python, saved_model, row):
    """A rival's process; gives its URL and payload once it answers."""
    import httpx

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    payload = {"instances": [row]}
    url += "/v1/models/model:predict" if kind == "kserve" else "/predict"
    script = str(Path(__file__).with_name("serving_rivals.py"))
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [python, script, kind, str(saved_model), str(port)],
            stdout=log,
            stderr=log,
            cwd=saved_model.parent,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            start_new_session=True,
        )
        try:
            deadline = time.monotonic() + 180
            while True:
                with contextlib.suppress(httpx.HTTPError):
                    answer = httpx.post(url, json=payload, timeout=60)
                    if answer.status_code == 200:
                        break
                if process.poll() is not None or time.monotonic() > deadline:
                    log.seek(0)
                    raise RuntimeError(f"{kind}: {log.read()[-2000:].decode(errors='replace')}")
                time.sleep(0.2)
            yield url, payload
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # LitServe's workers outlive it
            process.wait()


def run() -> list[dict]:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    rivals = [("fastapi", sys.executable)]
    if others := os.environ.get("MLOPS_SERVING_RIVALS"):
        rivals += [("litserve", others), ("kserve", others)]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, make in (("tabular", tabular), ("digits CNN", digits)):
            rows += _compare(name, *make(), Path(folder) / name.split()[0], rivals)
    return rows


def _compare(name, model, row, folder, rivals):
    from helpers.serving import ModelServer, export

    saved = export(model, folder / "served")
    results = {}

    def measure(server, url, payload):
        results[server] = _load(url, payload)
        seen = results[server]
        if (seen["failures"] > 0.01 * SECONDS * seen["requests_per_s"]).any():
            raise RuntimeError(f"{server} does not answer: {seen['failures'].to_dict()} failures")

    grpc = ""
    for server, batching in (("batching", True), ("no batching", False)):
        with ModelServer(folder / "served", batching=batching) as ours:
            measure(server, f"{ours.model_url()}:predict", {"instances": [row]})
            if batching:
                grpc = _rest_and_grpc(ours, row)
    for kind, python in rivals:
        with rival(kind, python, saved, row) as (url, payload):
            measure(kind, url, payload)
    best = max((kind for kind, _ in rivals), key=lambda kind: results[kind].requests_per_s[32])
    ours, theirs = results["batching"].loc[32], results[best].loc[32]
    rows = [
        {
            "what": f"serving {name}, 32 connections, against the best of {len(rivals)}",
            "measured": f"{ours.requests_per_s / theirs.requests_per_s:.1f} times",
            "target": "2 times, p99 not worse",
            "note": f"{best}; p99 {ours.p99_ms:.0f} ms against {theirs.p99_ms:.0f} ms; the load is "
            f"{'wrk' if shutil.which('wrk') else 'Locust'}'s",
        },
        {
            "what": f"serving {name}, lost requests",
            "measured": str(
                sum(results[one].failures.sum() for one in ("batching", "no batching"))
            ),
            "target": "0",
        },
        {"what": f"serving {name}, one request, REST and gRPC", "measured": grpc, "target": ""},
    ]
    for server, table in results.items():
        for users, line in table.iterrows():
            rows.append(
                {
                    "what": f"serving {name}, {server}, {users} connections",
                    "measured": f"{line.requests_per_s:,.0f} requests/s",
                    "target": "",
                    "note": f"p50 {line.p50_ms:.1f} ms, p99 {line.p99_ms:.1f} ms, "
                    f"{line.failures:.0f} failures",
                }
            )
    return rows


def _load(url, payload):
    """Return requests per second, latencies (ms) and failures by the number of connections."""
    if not (wrk := shutil.which("wrk")):
        from helpers.serving import load_test

        return load_test(url, payload, users=CONNECTIONS, duration=SECONDS, warmup=1).to_frame()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(WRK % json.dumps(json.dumps(payload)))
        for users, seconds in [(max(CONNECTIONS), 1), *((n, SECONDS) for n in CONNECTIONS)]:
            command = [wrk, "-t1", f"-c{users}", f"-d{seconds}s", "-s", str(script), url]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            rows[users] = list(map(float, done.stdout.split("\n")[-2].split()))
    columns = ["requests_per_s", "p50_ms", "p99_ms", "failures"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).loc[list(CONNECTIONS)]


def _rest_and_grpc(server, row):
    """Median of one request after the other, each over a connection that stands."""
    import grpc
    import httpx
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2
    from tensorflow_serving.apis.prediction_service_pb2_grpc import PredictionServiceStub

    request = predict_pb2.PredictRequest()
    request.model_spec.name = "model"
    for name, value in row.items():
        dtype = tf.string if isinstance(value[0], str) else tf.float32
        request.inputs[name].CopyFrom(tf.make_tensor_proto([value], dtype))
    url = f"{server.model_url()}:predict"
    with httpx.Client() as http, grpc.insecure_channel(server.grpc_address) as channel:
        stub = PredictionServiceStub(channel)
        taken = {"REST": [], "gRPC": []}
        for _ in range(500):
            for kind, ask in (
                ("REST", lambda: http.post(url, json={"instances": [row]})),
                ("gRPC", lambda: stub.Predict(request, timeout=10)),
            ):
                begun = time.perf_counter()
                ask()
                taken[kind].append(time.perf_counter() - begun)
    return ", ".join(f"{kind} {np.median(s[50:]) * 1000:.2f} ms" for kind, s in taken.items())
