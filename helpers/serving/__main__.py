"""The embedded server's process: ``python -m helpers.serving --model_base_path=...``.

It takes the flags of ``tensorflow_model_server`` that matter here, and ends with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import os
import socket
import sys
import tempfile
from pathlib import Path

from helpers.base import files, process
from helpers.serving import config
from helpers.serving.batching import Limits

_GRACE_SECONDS = 3


def main(arguments: list[str]) -> int:
    """Serve until told to stop."""
    options = _options(arguments)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")
    # Said outright that it is TCP: only then asyncio sends an answer's last packet without delay.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", options.rest_api_port))
        listener.listen(2048)
    except OSError as error:
        return _fail(_port_message("rest_port", options.rest_api_port, error))
    # The server runs graphs. Keras, which TensorFlow imports if it is there, and what Keras imports
    # would take two fifths of the start.
    sys.modules["keras"] = None
    stop = asyncio.Event()
    loop = asyncio.new_event_loop()

    def end() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stop.set)

    # Killed where a thread hangs in a model: nothing outlives the notebook.
    process.end_with_parent(end, seconds=_GRACE_SECONDS + 1)
    try:
        return loop.run_until_complete(_serve(options, listener, stop))
    except (OSError, ValueError) as error:
        return _fail(str(error))


async def _serve(options: argparse.Namespace, listener: socket.socket, stop: asyncio.Event) -> int:
    import uvicorn

    from helpers.serving import grpc_api, rest
    from helpers.serving.metrics import Metrics
    from helpers.serving.models import Models
    from helpers.serving.request_log import RequestLog
    from helpers.serving.service import Service

    sys.setswitchinterval(0.001)  # a thread that has a batch's answer waits less for the loop
    metrics = Metrics()
    models = Models(_config_file(options), _limits(options), metrics)
    log = None
    if options.request_log:
        log = RequestLog(Path(options.request_log), options.request_log_sampling)
    service = Service(models, metrics, log)
    try:
        grpc_server, grpc_port = grpc_api.server(service, options.port)
    except RuntimeError as error:
        return _fail(_port_message("grpc_port", options.port, error))
    web = uvicorn.Server(
        uvicorn.Config(
            rest.app(service),
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            # A connection that is closed while its owner begins to use it again loses a request.
            timeout_keep_alive=3600,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    watch = asyncio.create_task(models.watch(options.file_system_poll_wait_seconds))
    flush = asyncio.create_task(_flush(log))
    settled = asyncio.create_task(models.settled())
    stopped = asyncio.create_task(stop.wait())
    await asyncio.wait([settled, stopped], return_when=asyncio.FIRST_COMPLETED)
    if settled.done():
        gc.freeze()  # no pauses to look for garbage in what TensorFlow brings
        await grpc_server.start()
        ports = {"rest": listener.getsockname()[1], "grpc": grpc_port}
        serving = asyncio.create_task(web.serve(sockets=[listener]))
        if options.ready_file:
            files.write(options.ready_file, json.dumps(ports))
        print(f"REST on port {ports['rest']}, gRPC on port {ports['grpc']}", flush=True)
        await asyncio.wait([serving, stopped], return_when=asyncio.FIRST_COMPLETED)
        web.should_exit = True
        await asyncio.gather(serving, grpc_server.stop(_GRACE_SECONDS))
    watch.cancel()
    flush.cancel()
    if log is not None:
        log.flush()
    sys.stdout.flush()
    os._exit(0)  # TensorFlow's threads have nothing to say any more


async def _flush(log: object) -> None:
    while log is not None:
        await asyncio.sleep(1)
        await asyncio.to_thread(log.flush)


def _config_file(options: argparse.Namespace) -> Path:
    if options.model_config_file:
        return Path(options.model_config_file)
    folder = Path(tempfile.mkdtemp(prefix="serving-"))
    one = config.model_config({options.model_name: options.model_base_path}, "latest", None)
    config.write(one, folder / "models.config")
    return folder / "models.config"


def _limits(options: argparse.Namespace) -> Limits:
    values = {}
    if options.batching_parameters_file:
        values = config.read_batching_parameters(Path(options.batching_parameters_file).read_text())
    if "batch_timeout_micros" in values:
        values["batch_timeout_ms"] = values.pop("batch_timeout_micros") / 1000
    if not options.enable_batching:
        queued = values.get("max_enqueued_batches", 16) * values.get("max_batch_size", 64)
        values |= {"max_batch_size": 1, "batch_timeout_ms": 0.0, "max_enqueued_batches": queued}
    return Limits(**values)


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m helpers.serving", description=__doc__)
    parser.add_argument("--rest_api_port", type=int, default=8501, help="0: a free one")
    parser.add_argument("--port", type=int, default=8500, help="of gRPC; 0: a free one")
    parser.add_argument("--model_name", default="default")
    parser.add_argument("--model_base_path")
    parser.add_argument("--model_config_file")
    parser.add_argument("--model_config_file_poll_wait_seconds", type=float, default=0.5)
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=0.5)
    parser.add_argument("--enable_batching", type=_boolean, default=False, nargs="?", const=True)
    parser.add_argument("--batching_parameters_file")
    parser.add_argument("--request_log", help="folder for Parquet files")
    parser.add_argument("--request_log_sampling", type=float, default=1.0)
    parser.add_argument("--ready_file", help="gets the ports once the models are loaded")
    options = parser.parse_args(arguments)
    if not options.model_config_file and not options.model_base_path:
        parser.error("give --model_base_path or --model_config_file")
    return options


def _boolean(text: str) -> bool:
    return text.lower() in ("true", "1", "yes")


def _port_message(name: str, port: int, error: Exception) -> str:
    return (
        f"{name} is {port}, which cannot be used: another process has it, or it is not allowed; "
        f"give another, or none for a free one ({error})"
    )


def _fail(message: str) -> int:
    print(f"error: {message}", file=sys.stderr, flush=True)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
