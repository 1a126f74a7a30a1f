"""The model server's program, run by `ModelServer` in a folder with ``settings.json``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import sys
from pathlib import Path
from typing import Any

import uvloop

from helpers.base import files, process
from helpers.serving.batching import Limits

_GRACE_SECONDS = 3


def main() -> int:
    """Serve until the parent process ends; return an exit code if that fails."""
    settings = json.loads(Path("settings.json").read_text())
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    # The protocol is named because only then asyncio sends an answer's last packet without delay.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", settings["rest_port"]))
        listener.listen(2048)
    except OSError as error:
        return _fail(_port_message("rest_port", settings["rest_port"], error))
    # The server only runs graphs. TensorFlow imports Keras if it is installed, and Keras with its
    # own imports would take two fifths of the start.
    sys.modules["keras"] = None
    stop = asyncio.Event()
    loop = uvloop.new_event_loop()

    def end() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    process.end_with_parent(end, seconds=_GRACE_SECONDS + 1)
    try:
        return loop.run_until_complete(_serve(settings, listener, stop))
    except (OSError, ValueError) as error:
        return _fail(str(error))


async def _serve(settings: dict[str, Any], listener: socket.socket, stop: asyncio.Event) -> int:
    import uvicorn

    from helpers.serving import grpc_api, rest
    from helpers.serving.metrics import Metrics
    from helpers.serving.models import Models
    from helpers.serving.request_log import RequestLog
    from helpers.serving.service import Service

    sys.setswitchinterval(0.001)  # the event loop then waits less for a thread with an answer
    metrics = Metrics()
    models = Models(Path(settings["model_config"]), Limits(**settings["limits"]), metrics)
    log = None
    if settings["request_log"]:
        log = RequestLog(Path(settings["request_log"]), settings["sampling"])
    service = Service(models, metrics, log)
    try:
        grpc_server, grpc_port = grpc_api.server(service, settings["grpc_port"])
    except RuntimeError as error:
        return _fail(_port_message("grpc_port", settings["grpc_port"], error))
    web = uvicorn.Server(
        uvicorn.Config(
            rest.app(service),
            lifespan="off",
            ws="none",
            access_log=False,
            log_level="warning",
            server_header=False,
            # Closing a connection just when its client uses it again would lose a request.
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    watch = asyncio.create_task(models.watch(settings["poll_seconds"]))
    flush = asyncio.create_task(_flush(log))
    settled = asyncio.create_task(models.settled())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([settled, stopped], return_when=asyncio.FIRST_COMPLETED)
    if settled.done():
        gc.freeze()  # no pauses to look for garbage in TensorFlow's objects
        await grpc_server.start()
        ports = {"rest": listener.getsockname()[1], "grpc": grpc_port}
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        files.write("ready", json.dumps(ports))
        print(f"REST on port {ports['rest']}, gRPC on port {ports['grpc']}", flush=True)
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        web.should_exit = True
        if log is not None:
            log.flush()  # at once: too slow an end is cut short
        await asyncio.gather(serving, grpc_server.stop(_GRACE_SECONDS))
    watch.cancel()
    flush.cancel()
    if log is not None:
        log.flush()
    sys.stdout.flush()
    os._exit(0)  # without waiting for TensorFlow's threads


async def _flush(log: Any) -> None:
    while log is not None:
        await asyncio.sleep(1)
        await asyncio.to_thread(log.flush)


def _port_message(name: str, port: int, error: Exception) -> str:
    return (
        f"{name} is {port}, which cannot be used: another process has it, or it is not allowed; "
        f"give another, or leave it out for a free one ({error})"
    )


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    sys.exit(main())
