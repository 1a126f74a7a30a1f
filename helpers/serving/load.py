"""Load tests: Locust, in a process of its own, since it rewrites Python's sockets."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.base import process
from helpers.base.checks import whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_SPARE_SECONDS = 120  # for start and end of the load generator; more means that it hangs
_KINDS = {"users": int, "time_s": float, "latency_ms": float, "status": int, "ok": bool}


@dataclass(frozen=True)
class LoadTest:
    """The measurements of a load test.

    Attributes
    ----------
    requests : pandas.DataFrame
        Every request: ``users``, ``time_s`` (of its answer, since the stage began),
        ``latency_ms``, ``status`` (HTTP; 0 where the connection failed) and ``ok``.
    seconds : dict
        Duration of each stage, by number of users.
    """

    requests: pd.DataFrame
    seconds: Mapping[int, float]

    def to_frame(self) -> pd.DataFrame:
        """Return a row for each stage.

        Returns
        -------
        pandas.DataFrame
            Indexed by ``users``: ``requests``, ``failures``, ``requests_per_s`` (answered ones),
            and their latency, ``mean_ms``, ``p50_ms``, ``p90_ms``, ``p95_ms``, ``p99_ms`` and
            ``max_ms``.
        """
        import pandas as pd

        rows = []
        for users, seconds in self.seconds.items():
            stage = self.requests[self.requests["users"] == users]
            latency = stage.loc[stage["ok"], "latency_ms"]
            rows.append(
                {
                    "users": users,
                    "requests": len(stage),
                    "failures": int((~stage["ok"]).sum()),
                    "requests_per_s": len(latency) / seconds,
                    "mean_ms": latency.mean(),
                    **{f"p{p}_ms": latency.quantile(p / 100) for p in (50, 90, 95, 99)},
                    "max_ms": latency.max(),
                }
            )
        return pd.DataFrame(rows).set_index("users")

    def __repr__(self) -> str:
        return self.to_frame().round(2).to_string()

    def _repr_html_(self) -> str:
        return self.to_frame().style.format(precision=1, thousands=",").to_html()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the requests that was answered within a time.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes
        """
        from matplotlib.ticker import LogLocator, NullFormatter

        from helpers.base import style

        ax = style.axes(ax)
        answered = self.requests[self.requests["ok"]]
        for (users, stage), colour in zip(
            answered.groupby("users"), style.PALETTE * len(self.seconds), strict=False
        ):
            latency = stage["latency_ms"]
            ax.ecdf(latency, color=colour, label=f"{users} user{'s' * (users > 1)}")
            p99 = latency.quantile(0.99)
            ax.plot(p99, 0.99, "o", color=colour)
            ax.annotate(f"{p99:.3g} ms", (p99, 0.99), (4, -12), textcoords="offset points")
        ax.set(
            xscale="log",
            xlabel="latency (ms)",
            ylabel="share of requests",
            title="Answered within (dots: p99)",
        )
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.legend(loc="lower right")
        return ax


def load_test(
    url: str,
    payload: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    users: int | Sequence[int] = 8,
    duration: float = 5,
    think_s: float = 0,
    headers: Mapping[str, str] | None = None,
    warmup: float = 0.5,
    progress: bool | Callable[[dict[str, float]], object] = False,
) -> LoadTest:
    """Measure a server under users who send their next request as soon as they have an answer.

    Parameters
    ----------
    url : str
        Where to send the requests, such as ``server.model_url() + ":predict"``.
    payload : dict or list of dict, optional
        The JSON to post; the items of a list are sent in turn. Without it, GET is sent.
    users : int or sequence of int, default 8
        How many at the same time; a sequence means one stage after another.
    duration : float, default 5
        Seconds of each stage.
    think_s : float, default 0
        Seconds that a user waits between an answer and the next request.
    headers : mapping, optional
        Headers in addition to the content type.
    warmup : float, default 0.5
        Seconds at the beginning of each stage that do not count.
    progress : bool or callable, default False
        True shows a bar. A callable is called about twice a second with ``users``, ``time_s`` (of
        all stages), ``requests`` and ``failures`` so far.

    Returns
    -------
    LoadTest

    Raises
    ------
    ValueError
        If an argument is out of its range.
    RuntimeError
        If the load generator fails; the message quotes its log.

    Examples
    --------
    >>> load_test(url, {"instances": [[1.0]]}, users=[1, 8])  # doctest: +SKIP
    """
    import pandas as pd

    stages = [whole("users", n, 1) for n in ([users] if isinstance(users, int) else users)]
    if not stages or len(set(stages)) < len(stages):
        raise ValueError(f"users is {users!r}; expected a number, or several different ones")
    if duration <= 0 or warmup < 0 or think_s < 0:
        raise ValueError(
            f"duration is {duration}, warmup {warmup} and think_s {think_s}; expected seconds, "
            "duration more than 0"
        )
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"url is {url!r}; expected one that begins with http://")
    payloads = (
        None if payload is None else [payload] if isinstance(payload, Mapping) else [*payload]
    )
    if payloads == []:
        raise ValueError("payload is empty; expected a dict or a list of dicts")
    folder = Path(tempfile.mkdtemp(prefix="load-test-"))
    plan = {
        "url": url,
        "bodies": payloads and [json.dumps(body) for body in payloads],
        "stages": stages,
        "duration": duration,
        "think_s": think_s,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "warmup": warmup,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    result = folder / "result.json"
    total = len(stages) * (duration + warmup)
    program = ["-m", "helpers.serving.locust_run"]
    child = process.Child(program, folder, stdout=subprocess.PIPE)
    limit = threading.Timer(total + _SPARE_SECONDS, child.kill)
    limit.start()
    try:
        with _reporter(progress, total) as report:
            for line in child.stdout:
                report(json.loads(line))
        if child.wait() or not result.exists():
            lines = child.log.read_text(errors="replace").splitlines()[-15:]
            message = f"the load generator failed ({child.returncode}):"
            raise RuntimeError("\n".join([message, *lines]))
        measured = json.loads(result.read_text())
        requests = pd.DataFrame(measured["requests"], columns=list(_KINDS)).astype(_KINDS)
        return LoadTest(requests, dict(zip(stages, measured["seconds"], strict=True)))
    finally:
        limit.cancel()
        child.stop(seconds=1)


@contextlib.contextmanager
def _reporter(
    progress: bool | Callable, total: float
) -> Iterator[Callable[[dict[str, float]], object]]:
    """Yield a function that passes the progress on, to a bar or to the caller."""
    if callable(progress) or not progress:
        yield progress or (lambda state: None)
        return
    from tqdm.auto import tqdm

    with tqdm(total=round(total, 1), unit="s", leave=False) as bar:

        def show(state: dict[str, float]) -> None:
            bar.n = round(min(state["time_s"], total), 1)
            bar.set_postfix({key: state[key] for key in ("users", "requests", "failures")})

        yield show
