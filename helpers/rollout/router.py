"""A router in front of the variants of a model, as the notebook sees it."""

from __future__ import annotations

import contextlib
import json
import math
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pandas as pd

from helpers.base import process
from helpers.rollout import proxy

COLUMNS = (
    "time",
    "request",
    "variant",
    "status",
    "latency_ms",
    "scores",
    "error",
    "shadow",
    "live_scores",
    "key",
    "split",
)
_START_SECONDS = 30
_STOP_SECONDS = 4


class RouterDied(RuntimeError):  # noqa: N818 (it says what happened)
    """The router's process ended, or did not start."""


class Router:
    """A process that divides requests among variants of a model.

    Users send their requests to ``router.url`` instead of to a server; path, body, status and
    headers pass through, and the header ``X-Served-By`` of the answer names the variant. A request
    that a variant does not answer (killed, unreachable, silent for `timeout`) is sent once more,
    elsewhere: predictions change nothing on a server, so repeating one is safe. A variant that did
    not answer gets no requests until it answers again. A variant of weight 0 gets no requests at
    all, except the first one, which is the fallback: a model that was rolled back must not return
    because another one died. Users are told (502) that there is no answer, which is less harm than
    a wrong one.

    The process listens on 127.0.0.1, starts in half a second, and ends with this one, however this
    one ends.

    Parameters
    ----------
    upstreams : mapping of str to str
        Base URL of each variant, such as ``{"stable": "http://127.0.0.1:8501", ...}``.
    weights : mapping of str to float, optional
        How requests are divided; variants left out get 0. By default the first gets them all.
    sticky_by : str, optional
        What keeps a user with a variant: ``"header:X-Customer"``, or ``"json:customer"`` for a key
        of the request's body or of its first instance. A request without it is divided at random.
    shadow : str, optional
        Variant that gets copies of the requests that others answer. Copies are sent after the user
        has been answered; what becomes of them never touches a user.
    shadow_share : float, default 1.0
        Share of those requests that is copied.
    shadow_queue : int, default 100
        Copies that may wait; more are dropped and counted.
    salt : str, default ""
        Name of the experiment: another one divides the same users anew.
    timeout : float, default 10.0
        Seconds in which a variant must answer.
    score : int, default -1
        Which number of a prediction is its score, where there are several; by default the last,
        which of two class probabilities is the positive class.
    log : str or pathlib.Path, optional
        File to which each assignment is appended, one line of JSON each; keys are hashed.
    port : int, default 0
        Port; 0 finds a free one.
    seed : int, default 0
        Of the random division.

    Examples
    --------
    >>> with Router({"stable": "http://127.0.0.1:1", "candidate": "http://127.0.0.1:2"}) as router:
    ...     _ = router.set_weights(stable=0.95, candidate=0.05)
    ...     router.weights
    {'stable': 0.95, 'candidate': 0.05}
    """

    def __init__(
        self,
        upstreams: Mapping[str, str],
        *,
        weights: Mapping[str, float] | None = None,
        sticky_by: str | None = None,
        shadow: str | None = None,
        shadow_share: float = 1.0,
        shadow_queue: int = 100,
        salt: str = "",
        timeout: float = 10.0,
        score: int = -1,
        log: str | Path | None = None,
        port: int = 0,
        seed: int = 0,
    ) -> None:
        self.upstreams = {name: _base(name, url) for name, url in upstreams.items()}
        if not self.upstreams:
            raise ValueError("upstreams is empty; expected a name and a base URL for each variant")
        if sticky_by is not None and not sticky_by.startswith(("header:", "json:")):
            raise ValueError(
                f"sticky_by is {sticky_by!r}; expected 'header:NAME' or 'json:NAME', such as "
                "'header:X-Customer'"
            )
        if shadow_queue < 1:
            raise ValueError(f"shadow_queue is {shadow_queue!r}; expected 1 or more")
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout!r}; expected seconds, more than 0")
        first = next(iter(self.upstreams))
        self._weights = self._complete({first: 1.0} if weights is None else weights)
        self._shadow = self._known(shadow)
        self._shadow_share = _share(shadow_share)
        self.log = None if log is None else Path(log).absolute()
        self._settings = {
            "upstreams": self.upstreams,
            "sticky_by": sticky_by,
            "shadow_queue": shadow_queue,
            "salt": salt,
            "timeout": timeout,
            "score": score,
            "log": None if self.log is None else str(self.log),
            "port": port,
            "seed": seed,
        }
        self._process: subprocess.Popen | None = None
        self._port: int | None = None
        self._rows: list[list[Any]] = []
        self._fetched = 0
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        split = ", ".join(f"{name} {weight:.0%}" for name, weight in self._weights.items())
        shadow = f"; {self._shadow} mirrored" if self._shadow else ""
        return f"<Router {self.url if self._port else 'not started'}: {split}{shadow}>"

    def __enter__(self) -> Router:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Base URL for users, such as ``http://127.0.0.1:40123``."""
        if self._port is None:
            raise RuntimeError("the router is not started; use it in a `with`, or call .start()")
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """Process id of the router; None while there is none."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if alive else None

    @property
    def weights(self) -> dict[str, float]:
        """How requests are divided; the weights add up to 1."""
        return dict(self._weights)

    @property
    def shadow(self) -> str | None:
        """Variant that gets copies, if one does."""
        return self._shadow

    def start(self) -> Router:
        """Start the process and wait until it listens.

        Returns
        -------
        Router
            This one.

        Raises
        ------
        RouterDied
            If it does not start, for instance because the port is in use.
        """
        with self._lock:
            if self.pid is not None:
                return self
            if self._process is not None:
                self.close()
            self._folder = Path(tempfile.mkdtemp(prefix="router-"))
            settings = {
                "weights": self._weights,
                "shadow": self._shadow,
                "shadow_share": self._shadow_share,
            }
            (self._folder / "settings.json").write_text(json.dumps(self._settings | settings))
            command = [proxy.__file__]
            self._process = process.Child(command, self._folder, stdout=subprocess.PIPE)
            self._stop = weakref.finalize(self, self._process.stop, _STOP_SECONDS)
            self._fetched = self._orders = 0
            slow = threading.Timer(_START_SECONDS, self._process.kill)
            slow.start()
            try:
                self._port = self._reply()["port"]
            except BaseException:
                self.close()
                raise
            finally:
                slow.cancel()
            return self

    def close(self) -> None:
        """End the process, once requests that are under way are answered; what was seen stays."""
        with self._lock:
            if self._process is None:
                return
            if self.pid is not None and self._port is not None:
                with contextlib.suppress(RouterDied):
                    self._fetch()
            self._stop()
            self._process = self._port = None

    def set_weights(self, weights: Mapping[str, float] | None = None, /, **named: float) -> int:
        """Divide requests anew, from the next request on; those under way are not touched.

        Parameters
        ----------
        weights : mapping of str to float, optional
            Not negative, not all 0; variants left out get 0.
        **named
            The same, as names: ``set_weights(stable=0.9, candidate=0.1)``.

        Returns
        -------
        int
            Number of the new split, which observations carry in the column ``split``.

        Raises
        ------
        ValueError
            If a variant is unknown or a weight makes no sense.
        RouterDied
            If the process is gone.
        """
        complete = self._complete({**(weights or {}), **named})
        with self._lock:
            return self._divide(complete, self._shadow, self._shadow_share)

    def set_shadow(self, shadow: str | None, share: float = 1.0) -> int:
        """Mirror to another variant, or to none, from the next request on.

        Parameters
        ----------
        shadow : str or None
            Name of the variant.
        share : float, default 1.0
            Share of the requests that others answer.

        Returns
        -------
        int
            Number of the new split.
        """
        shadow, share = self._known(shadow), _share(share)
        with self._lock:
            return self._divide(self._weights, shadow, share)

    def status(self) -> dict[str, Any]:
        """Tell how the router is.

        Returns
        -------
        dict
            ``weights``, ``shadow``, ``split`` (number of the split), ``down_s`` (for each variant,
            since how many seconds it has not been answering; 0: it answers), ``mirrored`` and
            ``dropped`` (copies sent, and copies that found the queue full).
        """
        with self._lock:
            return self._ask({"do": "status"})

    def observations(self, after: int = 0) -> pd.DataFrame:
        """Return what happened: a row for each request that a variant got.

        Only POST requests count. A request that failed over has two rows.

        Parameters
        ----------
        after : int, default 0
            Leave out that many of the oldest; a reader that has seen ``n`` rows asks for those
            after ``n``.

        Returns
        -------
        pandas.DataFrame
            In the order in which they were finished, with the columns ``time`` (when the request
            came), ``request`` (its number), ``variant``, ``status`` (HTTP; 0: no answer),
            ``latency_ms``, ``scores`` (a number for each instance, or None), ``error`` ("" if none;
            a prediction that is not finite is one), ``shadow`` (whether it was a copy),
            ``live_scores`` (of a copy: what the user was answered), ``key`` (from `sticky_by`) and
            ``split`` (number of the split then).
        """
        with self._lock:
            if self.pid is not None:
                self._fetch()
            rows = self._rows[after:]
        frame = pd.DataFrame(rows, columns=list(COLUMNS), index=range(after, after + len(rows)))
        frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True)
        for text in ("variant", "error"):
            frame[text] = frame[text].astype("str" if len(rows) else object)
        kinds = {"request": np.int64, "status": np.int64, "split": np.int64, "shadow": bool}
        return frame.astype(kinds | {"latency_ms": float})

    def summary(self) -> pd.DataFrame:
        """Return counters and latencies of each variant.

        Returns
        -------
        pandas.DataFrame
            A row for each variant, users and copies apart: ``requests``, ``errors``, ``p50_ms``,
            ``p95_ms``, ``p99_ms`` (of those answered) and ``mean_score``.
        """
        frame = self.observations()
        rows = {}
        for (variant, shadow), part in frame.groupby(["variant", "shadow"], sort=True):
            answered = part.loc[part["status"] > 0, "latency_ms"]
            scores = part["scores"].dropna().explode().astype(float)
            latencies = {f"p{q}_ms": answered.quantile(q / 100) for q in (50, 95, 99)}
            rows[f"{variant} (shadow)" if shadow else variant] = {
                "requests": len(part),
                "errors": int((part["error"] != "").sum()),
                **latencies,
                "mean_score": scores.mean(),
            }
        columns = ["requests", "errors", "p50_ms", "p95_ms", "p99_ms", "mean_score"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def assignments(self) -> pd.DataFrame:
        """Read the assignment log back.

        Returns
        -------
        pandas.DataFrame
            For each request ``time``, ``request``, ``hash`` (of the key: see :func:`assignment`),
            ``assigned``, ``served`` (another variant if that one was dead) and ``split``.

        Raises
        ------
        ValueError
            If the router keeps no log.
        """
        if self.log is None:
            raise ValueError("this router keeps no assignment log; give it log='assignments.jsonl'")
        names = ["time", "request", "hash", "assigned", "served", "split"]
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        frame = pd.DataFrame([json.loads(line) for line in lines], columns=names)
        frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True)
        return frame

    def _divide(self, weights: dict[str, float], shadow: str | None, share: float) -> int:
        if self.pid is None and self._process is None:  # for the start
            number = 1
        else:
            order = {"do": "split", "weights": weights, "shadow": shadow, "shadow_share": share}
            number = self._ask(order)["split"]
        self._weights, self._shadow, self._shadow_share = weights, shadow, share
        return number

    def _fetch(self) -> None:
        while True:
            reply = self._ask({"do": "observations", "after": self._fetched})
            self._rows += reply["rows"]
            self._fetched = reply["first"] + len(reply["rows"])
            if len(reply["rows"]) == reply["of"]:
                return

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send an order to the process and wait for its reply."""
        if self._process is None:
            raise RouterDied("the router is not running; use it in a `with`, or call .start()")
        self._orders += 1
        with contextlib.suppress(OSError, ValueError):  # then there is no reply either
            # A line break first: it ends what an interrupt may have cut short.
            line = json.dumps({"order": self._orders, **order})
            self._process.stdin.write(f"\n{line}\n".encode())
            self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        """Wait for the reply to the last order, and pass by those that an interrupt left behind."""
        reply: dict[str, Any] = {}
        while reply.get("order") != self._orders:
            try:
                line = self._process.stdout.readline()
            except (OSError, ValueError):
                line = b""
            if not line:
                raise RouterDied(self._last_words())
            with contextlib.suppress(ValueError):  # the rest of a line that was read in part
                reply = json.loads(line)
        if "error" in reply:
            raise RouterDied(f"the router says: {reply['error']}")
        return reply

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        said = (self._folder / "log").read_text(errors="replace").strip()[-2000:]
        return (
            f"the router's process {self._process.pid} ended (exit code "
            f"{self._process.returncode})" + (f". It wrote:\n{said}" if said else "")
        )

    def _complete(self, weights: Mapping[str, float]) -> dict[str, float]:
        for name, weight in weights.items():
            self._known(name)
            if not math.isfinite(weight) or weight < 0:
                raise ValueError(f"the weight of {name!r} is {weight!r}; expected 0 or more")
        total = sum(weights.values())
        if not total:
            raise ValueError(f"weights are {dict(weights)}; at least one must be more than 0")
        return {name: weights.get(name, 0) / total for name in self.upstreams}

    def _known(self, name: str | None) -> str | None:
        if name is not None and name not in self.upstreams:
            raise ValueError(f"{name!r} is no variant of this router; it has {[*self.upstreams]}")
        return name


def assignment(key: object, weights: Mapping[str, float], salt: str = "") -> tuple[str, str]:
    """Tell which variant a user gets: always the same one, without a list of users.

    The key's hash (SHA-256, with the salt) is a place on the line from 0 to 1, on which each
    variant owns a part as long as its weight. With two variants, raising one's weight moves users
    to it and none away from it.

    Parameters
    ----------
    key : object
        What identifies the user; its text counts.
    weights : mapping of str to float
        In the order of the router's upstreams.
    salt : str, default ""
        The router's.

    Returns
    -------
    variant : str
    hash : str
        As in the assignment log.

    Examples
    --------
    >>> assignment("customer 7", {"A": 0.5, "B": 0.5}, salt="first test")
    ('B', '822d43ca5c325ab8')
    """
    found = proxy.digest(str(key), salt)
    return proxy.at(weights, int(found, 16) / 2**64), found


def _base(name: str, url: str) -> str:
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            f"the URL of {name!r} is {url!r}; expected a base URL, such as 'http://127.0.0.1:8501'"
        )
    return str(url).rstrip("/")


def _share(value: float) -> float:
    if not 0 <= value <= 1:
        raise ValueError(f"the share to mirror is {value!r}; expected 0 to 1")
    return float(value)
