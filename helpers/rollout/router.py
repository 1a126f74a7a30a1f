"""A router in front of the variants of a model."""

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

from helpers.base import checks, process
from helpers.rollout import proxy

COLUMNS = ("time", "request", "variant", "status", "latency_ms", "scores")
COLUMNS += ("error", "shadow", "live_scores", "key", "split")
_START_SECONDS = 30
_STOP_SECONDS = 4


class RouterError(RuntimeError):
    """The router's process ended, or did not start."""


class Router:
    """A process that divides requests among variants of a model.

    Users send their requests to ``router.url`` instead of to a server; path, body, status and
    headers are passed on, and the header ``X-Served-By`` of the answer names the variant. A request
    that a variant does not answer (killed, unreachable, silent for `timeout`) is sent once more, to
    another: predictions change nothing on a server, so repeating one is safe. A variant that did
    not answer gets no requests until it answers again. A variant with weight 0 gets no requests,
    except the first variant, which is the fallback: a model that was rolled back must not return
    because another failed. If no variant answers, users get 502, which does less harm than a wrong
    answer.

    The process listens on 127.0.0.1, starts in half a second, and ends with this one, even if this
    one is killed.

    Parameters
    ----------
    upstreams : mapping of str to str
        Base URL of each variant, such as ``{"stable": "http://127.0.0.1:8501", ...}``.
    weights : mapping of str to float, optional
        How requests are divided; omitted variants get 0. By default the first gets all requests.
    sticky_by : str, optional
        What keeps a user with a variant: ``"header:X-Customer"``, or ``"json:customer"`` for a key
        in the request's body or in its first instance. A request without it is divided at random.
    shadow : str, optional
        Variant that gets copies of the requests that others answer. A copy is sent after the user
        has been answered, and its outcome never affects a user.
    shadow_share : float, default 1.0
        Share of those requests that is copied.
    shadow_queue : int, default 100
        Copies that may wait; more are dropped and counted.
    salt : str, default ""
        Name of the experiment; another name divides the same users differently.
    timeout : float, default 10.0
        Seconds in which a variant must answer.
    score : int, default -1
        Which number of a prediction is its score, if it has several; by default the last, which is
        the positive class of two class probabilities.
    log : str or pathlib.Path, optional
        File to which a line of JSON is appended for each assignment; keys are hashed.
    port, seed : int, default 0
        Port, where 0 means any free one, and seed of the random division.

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
        if not timeout > 0:
            raise ValueError(f"timeout is {timeout!r}; expected seconds, more than 0")
        first = next(iter(self.upstreams))
        self._split = {
            "weights": self._complete({first: 1.0} if weights is None else weights),
            "shadow": self._known(shadow),
            "shadow_share": checks.share("shadow_share", shadow_share),
        }
        self.log = None if log is None else Path(log).absolute()
        self._settings = {
            "upstreams": self.upstreams,
            "sticky_by": sticky_by,
            "shadow_queue": checks.whole("shadow_queue", shadow_queue, 1),
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
        split = ", ".join(f"{name} {weight:.0%}" for name, weight in self.weights.items())
        shadow = f"; {self.shadow} mirrored" if self.shadow else ""
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
        """Process id of the router; None if it does not run."""
        alive = self._process is not None and self._process.poll() is None
        return self._process.pid if alive else None

    @property
    def weights(self) -> dict[str, float]:
        """How requests are divided; the weights sum to 1."""
        return dict(self._split["weights"])

    @property
    def shadow(self) -> str | None:
        """Variant that gets copies, if any."""
        return self._split["shadow"]

    def start(self) -> Router:
        """Start the process, wait until it listens, and return this router.

        Raises
        ------
        RouterError
            If it does not start, for instance because the port is in use.
        """
        with self._lock:
            if self.pid is not None:
                return self
            if self._process is not None:
                self.close()
            folder = Path(tempfile.mkdtemp(prefix="router-"))
            settings = json.dumps(self._settings | self._split)
            (folder / "settings.json").write_text(settings)
            program = [proxy.__file__]
            self._process = process.Child(program, folder, stdout=subprocess.PIPE)
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
        """End the process after the requests in progress; the observations stay."""
        with self._lock:
            if self._process is None:
                return
            if self.pid is not None and self._port is not None:
                with contextlib.suppress(RouterError):
                    self._fetch()
            self._stop()
            self._process = self._port = None

    def set_weights(self, weights: Mapping[str, float] | None = None, /, **named: float) -> int:
        """Change how requests are divided, from the next request on.

        Parameters
        ----------
        weights : mapping of str to float, optional
            Not negative, not all 0; omitted variants get 0.
        **named
            The same as arguments: ``set_weights(stable=0.9, candidate=0.1)``.

        Returns
        -------
        int
            Number of the new split, in the observations' column ``split``.

        Raises
        ------
        ValueError
            If a variant is unknown or a weight is invalid.
        RouterError
            If the process has ended.
        """
        return self._divide(weights=self._complete({**(weights or {}), **named}))

    def set_shadow(self, shadow: str | None, share: float = 1.0) -> int:
        """Change which variant gets copies, and of which share of the requests.

        None ends the mirroring. The number of the new split is returned.
        """
        return self._divide(shadow=self._known(shadow), shadow_share=checks.share("share", share))

    def status(self) -> dict[str, Any]:
        """Return the state of the router.

        Returns
        -------
        dict
            ``weights``, ``shadow``, ``split`` (number of the split), ``down_s`` (seconds for which
            each variant has not answered; 0 if it answers), ``mirrored`` (copies sent) and
            ``dropped`` (copies for which the queue was full).
        """
        with self._lock:
            return self._ask({"do": "status"})

    def observations(self, after: int = 0) -> pd.DataFrame:
        """Return a row for each POST request that a variant got; two if it was sent to another.

        Parameters
        ----------
        after : int, default 0
            Number of the oldest rows to leave out, such as those that were read before.

        Returns
        -------
        pandas.DataFrame
            In the order of the answers, with the columns ``time`` (when the request came),
            ``request`` (its number), ``variant``, ``status`` (HTTP; 0: no answer), ``latency_ms``,
            ``scores`` (a number for each instance, or None), ``error`` (empty if the answer is
            fine; a prediction that is not finite is an error), ``shadow`` (whether it was a copy),
            ``live_scores`` (of a copy: the scores that the user got), ``key`` (from `sticky_by`)
            and ``split`` (number of the split).
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

    def to_frame(self) -> pd.DataFrame:
        """Return counts and latencies of each variant.

        Returns
        -------
        pandas.DataFrame
            A row for each variant, with another for copies: ``requests``, ``errors``, ``p50_ms``,
            ``p95_ms``, ``p99_ms`` (of answered requests) and ``mean_score``.
        """
        rows = {}
        for (variant, shadow), part in self.observations().groupby(["variant", "shadow"]):
            answered = part.loc[part["status"] > 0, "latency_ms"]
            scores = part["scores"].dropna().explode().astype(float)
            rows[f"{variant} (shadow)" if shadow else variant] = [
                len(part),
                int((part["error"] != "").sum()),
                *(answered.quantile(q) for q in (0.5, 0.95, 0.99)),
                scores.mean(),
            ]
        columns = ["requests", "errors", "p50_ms", "p95_ms", "p99_ms", "mean_score"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns)

    def assignments(self) -> pd.DataFrame:
        """Return the assignment log.

        Returns
        -------
        pandas.DataFrame
            For each request ``time``, ``request``, ``hash`` (of the key: see :func:`assignment`),
            ``assigned``, ``served`` (another variant if that did not answer) and ``split``.

        Raises
        ------
        ValueError
            If the router has no log.
        """
        if self.log is None:
            raise ValueError("this router has no assignment log; give it log='assignments.jsonl'")
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        columns = ["time", "request", "hash", "assigned", "served", "split"]
        frame = pd.DataFrame(map(json.loads, lines), columns=columns)
        frame["time"] = pd.to_datetime(frame["time"].astype(float), unit="s", utc=True)
        return frame

    def _divide(self, **changes: Any) -> int:
        with self._lock:
            split, number = self._split | changes, 1
            if self._process is not None:
                number = self._ask({"do": "split", **split})["split"]
            self._split = split
            return number

    def _fetch(self) -> None:
        while True:
            reply = self._ask({"do": "observations", "after": self._fetched})
            self._rows += reply["rows"]
            self._fetched = reply["first"] + len(reply["rows"])
            if len(reply["rows"]) == reply["of"]:
                return

    def _ask(self, order: dict[str, Any]) -> dict[str, Any]:
        """Send an order to the process and return its reply."""
        if self._process is None:
            raise RouterError("the router is not running; use it in a `with`, or call .start()")
        self._orders += 1
        with contextlib.suppress(OSError, ValueError):  # then there is no reply either
            # A line break first, to end an order that an interrupt may have cut short.
            line = json.dumps({"order": self._orders, **order})
            self._process.stdin.write(f"\n{line}\n".encode())
            self._process.stdin.flush()
        return self._reply()

    def _reply(self) -> dict[str, Any]:
        """Return the reply to the last order, and skip those that an interrupt left behind."""
        reply: dict[str, Any] = {}
        while reply.get("order") != self._orders:
            try:
                line = self._process.stdout.readline()
            except (OSError, ValueError):
                line = b""
            if not line:
                raise RouterError(self._last_words())
            with contextlib.suppress(ValueError):  # the rest of a line that was read in part
                reply = json.loads(line)
        if "error" in reply:
            raise RouterError(f"the router says: {reply['error']}")
        return reply

    def _last_words(self) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        log = self._process.log.read_text(errors="replace").strip()[-2000:]
        return (
            f"the router's process {self._process.pid} ended (exit code "
            f"{self._process.returncode})" + (f". It wrote:\n{log}" if log else "")
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
            raise ValueError(f"{name!r} is not a variant of this router, {[*self.upstreams]}")
        return name


def assignment(key: object, weights: Mapping[str, float], salt: str = "") -> tuple[str, str]:
    """Return the variant of a user: always the same, without a list of users.

    The key's hash (SHA-256, with the salt) is a number from 0 to 1, and each variant has an
    interval of the length of its weight. With two variants, raising a weight moves users to that
    variant and none away from it.

    Parameters
    ----------
    key : object
        Identifies the user by its text.
    weights, salt
        As in the router, in the order of its upstreams.

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
    digest = proxy.digest(str(key), salt)
    return proxy.variant_at(weights, int(digest, 16) / 2**64), digest


def _base(name: str, url: str) -> str:
    parts = urlsplit(str(url))
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise ValueError(
            f"the URL of {name!r} is {url!r}; expected a base URL, such as 'http://127.0.0.1:8501'"
        )
    return str(url).rstrip("/")
