"""Load tests: Locust, in a process of its own, since it rewrites Python's sockets."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from helpers.base import process

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_START_SECONDS = 60
_FINISH_SECONDS = 30
_PERCENTILES = (50, 90, 95, 99)


@dataclass(frozen=True)
class LoadTest:
    """What a load test measured.

    Attributes
    ----------
    requests : pandas.DataFrame
        Every request: ``users``, ``time_s`` (of its answer, since the stage began),
        ``latency_ms``, ``status`` (HTTP; 0 where the connection failed) and ``ok``.
    seconds : dict
        How long each stage took, by users.
    """

    requests: pd.DataFrame = field(repr=False)
    seconds: Mapping[int, float]

    @property
    def table(self) -> pd.DataFrame:
        """One row for each stage, indexed by ``users``.

        ``requests``, ``failures``, ``requests_per_s`` (answered ones), and of their latency in
        milliseconds ``mean_ms``, ``p50_ms``, ``p90_ms``, ``p95_ms``, ``p99_ms`` and ``max_ms``.
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
                    **{f"p{p}_ms": latency.quantile(p / 100) for p in _PERCENTILES},
                    "max_ms": latency.max(),
                }
            )
        return pd.DataFrame(rows).set_index("users")

    def __repr__(self) -> str:
        return self.table.round(2).to_string()

    def _repr_html_(self) -> str:
        return self.table.style.format(precision=1, thousands=",").to_html()

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the share of the requests that was answered within a time.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional

        Returns
        -------
        matplotlib.axes.Axes
        """
        import matplotlib.pyplot as plt
        from matplotlib.ticker import LogLocator, NullFormatter

        from helpers.base import style

        ax = ax or plt.gca()
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
    """Let users send requests, each the next one as soon as it has its answer.

    Parameters
    ----------
    url : str
        Where to send them, such as ``server.model_url() + ":predict"``.
    payload : dict or list of dict, optional
        The JSON to post; of a list, in turn. Without one, GET is sent.
    users : int or sequence of int, default 8
        How many at the same time; a sequence means one stage after another.
    duration : float, default 5
        Seconds of each stage.
    think_s : float, default 0
        Seconds that a user waits between an answer and the next request.
    headers : mapping, optional
        Further ones, beside the content type of JSON.
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
        If an argument makes no sense.
    RuntimeError
        If the load generator fails; the message quotes what it wrote.

    Examples
    --------
    >>> load_test(url, {"instances": [[1.0]]}, users=[1, 8])  # doctest: +SKIP
    """
    import pandas as pd

    stages = [users] if isinstance(users, int) else list(users)
    if not stages or any(not isinstance(n, int) or n < 1 for n in stages):
        raise ValueError(f"users is {users!r}; expected a whole number from 1 on, or several")
    if len(set(stages)) < len(stages):
        raise ValueError(f"users is {users!r}; expected different numbers")
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
        "bodies": payloads and [json.dumps(one) for one in payloads],
        "stages": stages,
        "duration": duration,
        "think_s": think_s,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "warmup": warmup,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    total = len(stages) * (duration + warmup)
    module = ["-m", "helpers.serving.locust_run"]
    child = process.Child(module, folder, stdout=subprocess.PIPE)
    limit = threading.Timer(_START_SECONDS + total + _FINISH_SECONDS, child.kill)
    limit.start()
    try:
        with _reporter(progress, total) as report:
            for line in child.stdout:
                report(json.loads(line))
        if child.wait() or not (folder / "requests.parquet").exists():
            said = "\n".join((folder / "log").read_text(errors="replace").splitlines()[-15:])
            raise RuntimeError(f"the load generator failed ({child.returncode}):\n{said}")
        seconds = json.loads((folder / "seconds.json").read_text())
        requests = pd.read_parquet(folder / "requests.parquet")
        return LoadTest(requests, {int(users): taken for users, taken in seconds.items()})
    finally:
        limit.cancel()
        child.stop(seconds=1)


class _reporter:  # noqa: N801 (used as a function)
    """Hand on the progress, to a bar or to the caller."""

    def __init__(self, progress: bool | Callable, total: float) -> None:
        self._progress = progress
        self._total = total
        self._bar: Any = None

    def __enter__(self) -> Callable[[dict[str, float]], object]:
        if callable(self._progress):
            return self._progress
        if not self._progress:
            return lambda state: None
        from tqdm.auto import tqdm

        self._bar = tqdm(total=round(self._total, 1), unit="s", leave=False)

        def show(state: dict[str, float]) -> None:
            self._bar.n = round(min(state["time_s"], self._total), 1)
            self._bar.set_postfix({k: state[k] for k in ("users", "requests", "failures")})

        return show

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()
