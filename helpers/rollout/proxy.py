"""The router's program: forwards requests to variants of a model, mirrors and records them.

``helpers.rollout.Router`` runs this file as a process and talks to it through its standard input
and output, with a line of JSON per order and reply. Slow imports are avoided, so that it starts
quickly.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import math
import random
import socket
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import uvloop

from helpers.base import process

if TYPE_CHECKING:
    from helpers.rollout.connections import Connections

MAX_BODY = 64 * 2**20  # bytes; TensorFlow Serving's own limit
MAX_READ = 2**20  # bytes of an answer; reading scores of larger ones would delay other requests
KEPT = 200_000  # observations, if they are not fetched
FETCHED = 2_000  # observations in a reply
PROBE_SECONDS = 0.25
MIRRORS = 8  # mirrored requests in progress at once
_GRACE_SECONDS = 2  # for requests in progress when the router ends
# Headers that concern one connection only (RFC 9110, section 7.6.1), and those replaced here.
HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer "
    b"transfer-encoding upgrade".split()
)
REPLACED = frozenset(b"host content-length accept-encoding expect".split())

Send = Callable[[dict[str, Any]], Awaitable[None]]
Receive = Callable[[], Awaitable[dict[str, Any]]]


def digest(key: str, salt: str = "") -> str:
    """Return the hash of a key that decides which variant it gets, as 16 hexadecimal digits."""
    return hashlib.sha256(f"{salt}\0{key}".encode()).hexdigest()[:16]


def variant_at(weights: Mapping[str, float], number: float) -> str:
    """Return the variant whose weight interval contains a number in [0, 1)."""
    total = sum(weights.values())
    edge = 0.0
    for name, weight in weights.items():
        edge += weight / total
        if weight and number < edge:
            return name
    return [name for name, weight in weights.items() if weight][-1]


class Split(NamedTuple):
    """How requests are divided; replaced as a whole, so that a request never sees half of it."""

    number: int
    weights: dict[str, float]
    shadow: str | None
    shadow_share: float


class Request(NamedTuple):
    """A request of a user, with the split when it came."""

    number: int
    scope: dict[str, Any]
    body: bytes
    split: Split
    key: str | None


class Answer(NamedTuple):
    """The answer of a variant; status 0 if it did not answer."""

    variant: str
    began: float
    status: int
    latency_ms: float
    headers: list[tuple[bytes, bytes]]
    body: bytes
    error: str


class Proxy:
    """An ASGI application that forwards requests to variants."""

    def __init__(self, settings: dict[str, Any]) -> None:
        from helpers.rollout.connections import Connections

        self.upstreams: dict[str, str] = settings["upstreams"]
        self.sticky_by: str | None = settings["sticky_by"]
        self.salt: str = settings["salt"]
        self.timeout: float = settings["timeout"]
        self.score: int = settings["score"]
        self.split = Split(1, *(settings[name] for name in Split._fields[1:]))
        self.down: dict[str, float] = {}  # time since which a variant has not answered
        self.rows: list[list[Any]] = []
        self.first = 0  # number of the first row in `rows`
        self.mirrored = self.dropped = 0
        self._random = random.Random(settings["seed"])
        self._requests = itertools.count(1)
        # Users and mirrors never wait for each other's connections.
        self._users, self._mirror, self._probe = (Connections() for _ in range(3))
        self._queue: asyncio.Queue = asyncio.Queue(settings["shadow_queue"])
        # Buffered by line: each line reaches the file whole, whenever this process ends.
        self._log = open(settings["log"], "a", 1) if settings["log"] else None  # noqa: SIM115, PTH123

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        """Forward a request, to another variant if the first fails, answer it and record it."""
        if scope["type"] != "http":
            return
        body = await _read(receive)
        if body is None:  # the client disconnected after half of it
            return
        if len(body) > MAX_BODY:
            return await _refuse(send, 413, f"the body is larger than {MAX_BODY:,} bytes")
        if not scope["raw_path"].startswith(b"/") or not scope["raw_path"].isascii():
            return await _refuse(send, 400, "the path cannot be understood")
        key = self._key(scope["headers"], body)
        request = Request(next(self._requests), scope, body, self.split, key)
        assigned = self._choose(request)
        variant, attempts = assigned, []
        while variant:
            attempts.append(await self._forward(self._users, variant, scope, body))
            variant = None if attempts[-1].status or len(attempts) > 1 else self._other(assigned)
        answer = attempts[-1]
        if answer.status:
            headers = [*answer.headers, (b"x-served-by", answer.variant.encode())]
            await _reply(send, answer.status, headers, answer.body)
        else:
            errors = "; ".join(f"{attempt.variant}: {attempt.error}" for attempt in attempts)
            await _refuse(send, 502, f"no model answered ({errors})")
        if scope["method"] != "POST":  # such as a request for the model's status
            return
        scores = None
        for attempt in attempts:
            scores = self._record(attempt, request)
        if self._log:
            entry = {
                "time": answer.began,
                "request": request.number,
                "hash": None if key is None else digest(key, self.salt),
                "assigned": assigned,
                "served": answer.variant if answer.status else None,
                "split": request.split.number,
            }
            self._log.write(json.dumps(entry) + "\n")
        shadow = self.split.shadow
        if answer.status and shadow and shadow != answer.variant and self._sampled():
            try:
                self._queue.put_nowait((shadow, request, scores))
            except asyncio.QueueFull:
                self.dropped += 1

    async def close(self) -> None:
        """Close the connections to the variants."""
        for connections in (self._users, self._mirror, self._probe):
            await connections.close()

    async def work(self) -> None:
        """Send mirrored requests and probe variants that do not answer, for ever."""
        await asyncio.gather(self._probe_down(), *(self._send_mirrored() for _ in range(MIRRORS)))

    def command(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order from `Router`, and return the reply."""
        if order["do"] == "split":
            number = self.split.number + 1
            self.split = Split(number, *(order[name] for name in Split._fields[1:]))
            return {"split": number}
        if order["do"] == "status":
            now = time.time()
            return {
                "split": self.split.number,
                "weights": self.split.weights,
                "shadow": self.split.shadow,
                "down_s": {n: now - self.down[n] if n in self.down else 0 for n in self.upstreams},
                "mirrored": self.mirrored,
                "dropped": self.dropped,
            }
        self._forget(order["after"] - self.first)  # the router has received those
        return {"first": self.first, "rows": self.rows[:FETCHED], "of": len(self.rows)}

    def _forget(self, number: int) -> None:
        gone = max(number, 0)
        del self.rows[:gone]
        self.first += gone

    def _key(self, headers: list[tuple[bytes, bytes]], body: bytes) -> str | None:
        """Return the key of the user, if the request has it."""
        if self.sticky_by is None:
            return None
        kind, _, name = self.sticky_by.partition(":")
        if kind == "header":
            wanted = name.lower().encode()
            return next((v.decode("latin-1") for k, v in headers if k == wanted), None)
        try:
            content = json.loads(body)
            if name not in content:
                content = content["instances"][0]
            return str(content[name])
        except (ValueError, LookupError, TypeError):
            return None

    def _choose(self, request: Request) -> str:
        key = request.key
        number = self._random.random() if key is None else int(digest(key, self.salt), 16) / 2**64
        name = variant_at(request.split.weights, number)
        return (self._other(name) or name) if name in self.down else name

    def _other(self, name: str) -> str | None:
        """Return another variant that answers: one with users already, or else the first."""
        weights = self.split.weights
        able = {n: w for n, w in weights.items() if n != name and n not in self.down}
        if any(able.values()):
            return variant_at(able, self._random.random())
        first = next(iter(self.upstreams))
        return first if first in able else None

    def _sampled(self) -> bool:
        share = self.split.shadow_share
        return share >= 1 or self._random.random() < share

    async def _forward(
        self,
        connections: Connections,
        variant: str,
        scope: dict[str, Any],
        body: bytes,
        within: float | None = None,
    ) -> Answer:
        within = within or self.timeout
        headers = [(k, v) for k, v in passed_on(scope["headers"]) if k not in REPLACED]
        headers.append((b"accept-encoding", b"identity"))  # so that scores can be read
        began, start = time.time(), time.perf_counter()
        status, kept, content, error = 0, [], b"", ""
        try:
            path, query = scope["raw_path"].decode(), scope["query_string"].decode("latin-1")
            async with asyncio.timeout(within):
                status, raw, content = await connections.send(
                    scope["method"], self.upstreams[variant], path, query, headers, body
                )
            kept = passed_on(raw)
            if scope["method"] != "HEAD":  # whose answer tells a length and has no body
                kept = [(k, v) for k, v in kept if k != b"content-length"]
            self.down.pop(variant, None)
        except TimeoutError:
            error = f"no answer within {within:g} s"
        except ConnectionError as failure:
            error = str(failure)
        if error:
            self.down.setdefault(variant, time.time())  # it may have answered others since `began`
        return Answer(
            variant, began, status, (time.perf_counter() - start) * 1000, kept, content, error
        )

    def _record(
        self,
        answer: Answer,
        request: Request,
        shadow: bool = False,
        live_scores: list[float] | None = None,
    ) -> list[float] | None:
        scores, error = None, answer.error
        if answer.status >= 400:
            error = f"status {answer.status}"
        elif answer.status and len(answer.body) <= MAX_READ:
            scores, error = read_scores(answer.body, self.score)
            if error == UNREADABLE and not request.scope["path"].endswith(":predict"):
                error = ""
        row = [answer.began, request.number, answer.variant, answer.status, answer.latency_ms]
        row += [scores, error, shadow, live_scores, request.key, request.split.number]
        self.rows.append(row)
        if len(self.rows) > KEPT:
            self._forget(KEPT // 10)  # many at a time, since moving the others takes a while
        return scores

    async def _send_mirrored(self) -> None:
        while True:
            shadow, request, live_scores = await self._queue.get()
            answer = await self._forward(self._mirror, shadow, request.scope, request.body)
            self._record(answer, request, True, live_scores)
            self.mirrored += 1

    async def _probe_down(self) -> None:
        """Find out when variants that did not answer do so again; any HTTP answer counts."""
        probe = {"method": "GET", "raw_path": b"/", "query_string": b"", "headers": []}
        while True:
            await asyncio.sleep(PROBE_SECONDS)
            down = list(self.down)
            await asyncio.gather(*(self._forward(self._probe, n, probe, b"", 1) for n in down))


def passed_on(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that a proxy passes on, with their names in lower case."""
    lower = [(name.lower(), value) for name, value in headers]
    named = b",".join(value for name, value in lower if name == b"connection")
    hop = HOP | {name.strip().lower() for name in named.split(b",")}
    return [(name, value) for name, value in lower if name not in hop]


UNREADABLE = "no predictions"


def read_scores(body: bytes, index: int) -> tuple[list[float] | None, str]:
    """Return the score of each instance in an answer, or None, and what is wrong with it, or "".

    An answer is JSON with ``predictions`` or ``outputs``: for each instance a number, or (nested)
    lists or an object of numbers, of which `index` is the score.
    """
    try:
        content = json.loads(body)
        predictions = content["predictions"] if "predictions" in content else content["outputs"]
    except (ValueError, LookupError, TypeError):
        return None, UNREADABLE
    if isinstance(predictions, dict) and all(isinstance(v, list) for v in predictions.values()):
        predictions = list(zip(*predictions.values(), strict=False))  # columns to rows
    if not isinstance(predictions, list):
        return None, UNREADABLE
    rows = [list(_numbers(prediction)) for prediction in predictions]
    try:
        if not all(math.isfinite(number) for row in rows for number in row):
            return None, "not finite"
        return [float(row[index]) for row in rows], ""
    except OverflowError:  # an integer beyond all floats
        return None, "not finite"
    except IndexError:
        return None, ""  # an answer without numbers, such as texts


def _numbers(value: Any) -> Iterator[float]:
    if value is None:  # how some servers write NaN
        yield math.nan
    elif isinstance(value, bool | int | float):
        yield value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)


async def _read(receive: Receive) -> bytes | None:
    """Return the body of a request, cut off soon after `MAX_BODY`; None if the client is gone."""
    parts, size, more = [], 0, True
    while more and size <= MAX_BODY:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        more = message.get("more_body", False)
    return b"".join(parts)


async def _reply(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    told = any(name == b"content-length" for name, _ in headers)
    if not told and status not in (204, 304):
        headers = [*headers, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _refuse(send: Send, status: int, message: str) -> None:
    await _reply(send, status, [], json.dumps({"error": message}).encode())


def _send(reply: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(reply) + "\n")
    sys.stdout.flush()


async def _serve(settings: dict[str, Any], listener: socket.socket) -> None:
    import uvicorn

    proxy = Proxy(settings)
    config = uvicorn.Config(
        proxy,
        log_level="error",
        access_log=False,
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        server_header=False,
        date_header=False,  # the variant's own is passed on
        # Closing a connection just when its client uses it again would lose a request.
        timeout_keep_alive=3600,
        timeout_graceful_shutdown=_GRACE_SECONDS,
    )
    server = uvicorn.Server(config)
    loop = asyncio.get_running_loop()

    def end() -> None:
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(setattr, server, "should_exit", True)

    async def command(order: dict[str, Any]) -> dict[str, Any]:
        return proxy.command(order)

    def carry_out(line: bytes) -> None:
        try:
            order = json.loads(line)
        except ValueError:  # empty, or cut short by an interrupt of the notebook
            return
        try:
            # In the event loop's thread, like everything else, so no locks are needed.
            reply = asyncio.run_coroutine_threadsafe(command(order), loop).result()
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        _send({"order": order["order"], **reply})

    process.end_with_parent(end, carry_out, seconds=_GRACE_SECONDS + 1)
    work = asyncio.create_task(proxy.work())
    _send({"order": 0, "port": listener.getsockname()[1]})
    try:
        await server.serve(sockets=[listener])
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await proxy.close()


def main() -> None:
    """Serve with the settings in ``settings.json`` until the parent process ends."""
    settings = json.loads(Path("settings.json").read_text())
    # The protocol is named because only then asyncio sends small packets without delay.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", settings["port"]))
        listener.listen(1024)
    except OSError as error:
        _send({"order": 0, "error": f"port {settings['port']} cannot be used: {error.strerror}"})
        return
    uvloop.run(_serve(settings, listener))


if __name__ == "__main__":
    main()
