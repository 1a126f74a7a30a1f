"""A canary roll-out: step by step more users for the candidate, or none again if it is worse.

:meth:`Rollout.observe` decides and has no other effect, so a roll-out can be simulated;
:meth:`Rollout.start` applies the decisions to a router.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from helpers.base.checks import share
from helpers.rollout.analysis import Analysis, Batch, Business, Disagreement, Evidence, Sample
from helpers.rollout.router import Router, RouterError

RUNNING, PROMOTED, ROLLED_BACK, FAILED = "running", "promoted", "rolled back", "failed"
_BATCH = 20  # requests to wait for between two looks


class Decision(NamedTuple):
    """The decision after a batch."""

    action: str  # "continue", "advance", "promote" or "roll back"
    weight: float  # the candidate's share of the users from now on
    reason: str


class Event(NamedTuple):
    """An entry in the log of a roll-out."""

    at: float  # seconds since the start; in a simulation, number of the batch
    what: str  # "started", "advanced", "promoted", "rolled back", "failed" or "counted"
    weight: float  # the candidate's share of the users from then on
    message: str  # what happened and why


class Rollout:
    """A canary roll-out that promotes or rolls back automatically.

    At each step the candidate gets a share of the users. After every batch of requests the evidence
    against it is updated (see ``helpers.rollout.analysis``): if it reaches the limit on any metric,
    the candidate is rolled back at once; after the step's number of requests, the next step begins.
    The evidence is kept from step to step. If the router keeps users with a variant, a user counts
    once in a step, however many requests they send: requests of one user are alike, and the
    evidence of a few busy users would be about them, not about the model.

    Parameters
    ----------
    stable, candidate : str
        Names of the two variants in the router.
    steps : sequence of float, default (0.05, 0.25, 0.5, 1.0)
        Shares of the users; growing, and the last is 1, which is the promotion. A first step of 0
        is a shadow step: the candidate is judged by mirrored requests only.
    analysis : Analysis, optional
        How the candidate is judged.
    mirror : float, default 1.0
        Share of the stable model's requests that is copied to the candidate, for metrics that
        compare the answers to the same request and for shadow steps.

    Attributes
    ----------
    state : str
        "running", "promoted", "rolled back" or "failed" (the router or the analysis broke down).
    evidence : Evidence
        The evidence so far; ``rollout.evidence.to_frame()`` shows it.
    clock : str
        Unit of ``at`` in events and history: "batches" or "seconds since the start".

    Examples
    --------
    A candidate that always fails, without a server:

    >>> rollout = Rollout(steps=(0.5, 1.0))
    >>> good, bad = Sample(np.zeros(50, bool)), Sample(np.ones(50, bool))
    >>> rollout.observe(Batch(good, bad)).action
    'roll back'
    >>> print(rollout.story())
        0  candidate gets 50 % of the users.
        1  Rolled back at 50 %: errors: 100.0 % against 0.0 % (evidence 9.77e+12, limit 100).
    """

    def __init__(
        self,
        stable: str = "stable",
        candidate: str = "candidate",
        *,
        steps: Sequence[float] = (0.05, 0.25, 0.5, 1.0),
        analysis: Analysis | None = None,
        mirror: float = 1.0,
    ) -> None:
        self.steps = tuple(float(step) for step in steps)
        growing = all(a < b for a, b in zip(self.steps, self.steps[1:], strict=False))
        if len(self.steps) < 2 or not growing or self.steps[0] < 0 or self.steps[-1] != 1:
            raise ValueError(
                f"steps are {self.steps}; expected growing shares from 0 on whose last is 1, such "
                "as (0.05, 0.25, 0.5, 1.0)"
            )
        if stable == candidate:
            raise ValueError(f"stable and candidate are both {stable!r}; expected two variants")
        share("mirror", mirror)
        self.stable = stable
        self.candidate = candidate
        self.analysis = analysis or Analysis()
        compares = any(isinstance(metric, Disagreement) for metric in self.analysis.metrics)
        self.mirror = mirror if compares or self.steps[0] == 0 else 0.0
        if not self.mirror and self.steps[0] == 0:
            raise ValueError("the first step is 0, a shadow step; mirror must be more than 0")
        self.evidence = Evidence(self.analysis)
        self.state = RUNNING
        self.clock = "batches"
        self._step = 0
        self._seen = 0  # the candidate's requests in this step
        self._users: set[tuple] = set()  # users that counted in this step, with their variant
        self._history: list[dict[str, float]] = []
        self._events: list[Event] = []
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._listeners: list[Callable[[], object]] = []
        self._log(0, "started", f"{candidate} gets {self._gets(self.weight)}.")

    def __repr__(self) -> str:
        steps = ", ".join(_percent(step) for step in self.steps)
        return (
            f"<Rollout of {self.candidate} against {self.stable}, steps {steps}: {self.state} at "
            f"{_percent(self.weight)}; chance of a false rollback at most "
            f"{_percent(self.analysis.alpha)}>"
        )

    @property
    def weight(self) -> float:
        """The candidate's share of the users."""
        return 0.0 if self.state in (ROLLED_BACK, FAILED) else self.steps[self._step]

    @property
    def events(self) -> pd.DataFrame:
        """The log: ``at``, ``what``, ``weight`` and ``message`` of each event."""
        with self._lock:
            return pd.DataFrame(self._events)

    @property
    def history(self) -> pd.DataFrame:
        """The state after each batch.

        The columns are ``at``, ``weight``, for both variants ``requests``, ``errors`` (share),
        ``p50_ms`` and ``p95_ms`` of the batch, such as ``p95_ms candidate``, and for each metric
        the evidence so far.
        """
        with self._lock:
            return pd.DataFrame(self._history)

    def story(self, times: bool = True) -> str:
        """Return the log as text, a line for each event, with its time if `times` is true."""
        with self._lock:
            unit = " s" if self._thread else ""
            digits = 1 if self._thread else 0
            return "\n".join(
                (f"{event.at:5.{digits}f}{unit}  " if times else "") + event.message
                for event in self._events
            )

    def observe(
        self, batch: Batch | pd.DataFrame, *, at: float | None = None, down_s: float = 0.0
    ) -> Decision:
        """Add a batch to the evidence and return the decision.

        Parameters
        ----------
        batch : Batch or pandas.DataFrame
            The requests since the last look; a frame has the columns of ``Router.observations``.
        at : float, optional
            When; by default the number of the batch.
        down_s : float, default 0.0
            With a frame: seconds for which the candidate has not answered.

        Raises
        ------
        RuntimeError
            If the roll-out is over.
        """
        with self._lock:
            if self.state != RUNNING:
                raise RuntimeError(f"this roll-out is over: {self.state}; make another one")
            evidence = batch
            if isinstance(batch, pd.DataFrame):
                frame = batch.drop_duplicates(["request", "shadow"])  # where it was sent first
                batch = self._batch(frame, down_s)
                evidence = self._batch(self._new_users(frame), down_s)
            at = len(self._history) + 1 if at is None else at
            if any(map(len, (batch.stable, batch.candidate, batch.pairs))):
                self.evidence.add(evidence)
                self._history.append(self._measured(at, batch))
            self._seen += len(batch.candidate)
            decision = self._decide(batch, at)
        self._notify()
        return decision

    def start(self, router: Router, *, every: float = 0.25, patience: float = 300.0) -> Rollout:
        """Control a router's weights from a thread, and return this roll-out; see :meth:`wait`.

        Parameters
        ----------
        router : Router
            Started, with both variants.
        every : float, default 0.25
            Seconds between two looks.
        patience : float, default 300.0
            Seconds after which a step without its number of requests ends with a rollback, since
            nothing is known about the candidate. They do not count while the stable model does not
            answer and the candidate replaces it.
        """
        for name in (self.stable, self.candidate):
            if name not in router.upstreams:
                raise ValueError(f"the router has {[*router.upstreams]}, but no variant {name!r}")
        with self._lock:
            if self._thread is not None or self._history or self.state != RUNNING:
                raise RuntimeError("this roll-out has begun already; make another one")
            number = self._apply(router)
            self.clock = "seconds since the start"
            self._thread = threading.Thread(
                target=self._drive, args=(router, number, every, patience), daemon=True
            )
            self._thread.start()
        return self

    def wait(self, timeout: float = 60.0) -> str:
        """Wait for the end, at most `timeout` seconds, and return the state."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self.state

    def abort(self) -> None:
        """Roll back manually, and wait until it is done."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        elif self._thread is None:
            with self._lock:
                if self.state == RUNNING:
                    self._roll_back(len(self._history), "stopped by hand")
            self._notify()

    def on_change(self, listener: Callable[[], object]) -> None:
        """Call a function after each batch and event, in the roll-out's thread.

        Exceptions that it raises are ignored.
        """
        self._listeners.append(listener)

    def _decide(self, batch: Batch, at: float) -> Decision:
        limit = self.analysis.limit
        if batch.down_s >= self.analysis.dead_s:
            return self._roll_back(at, f"{self.candidate} does not answer any more")
        if reason := self.evidence.guilty():
            most = max(self.evidence.against().values())
            return self._roll_back(at, f"{reason} (evidence {most:.3g}, limit {limit:g})")
        if self._seen < self.analysis.step_requests:
            return Decision("continue", self.weight, "not enough is known yet")
        passed, seen = _percent(self.weight), self._seen
        metric, most = max(self.evidence.against().items(), key=lambda item: item[1])
        reason = (
            f"{passed} passed: {seen:,} requests, and the most evidence against {self.candidate} "
            f"is {most:.2g} of {limit:g} ({metric})"
        )
        self._step, self._seen = self._step + 1, 0
        self._users.clear()
        if self.weight < 1:
            self._log(at, "advanced", f"{reason}. It now gets {self._gets(self.weight)}.")
            return Decision("advance", self.weight, reason)
        self.state = PROMOTED
        self._log(at, "promoted", f"{reason}. Promoted: {self.candidate} gets all users.")
        return Decision("promote", 1.0, reason)

    def _roll_back(self, at: float, reason: str) -> Decision:
        weight = _percent(self.weight)
        self.state = ROLLED_BACK
        self._log(at, "rolled back", f"Rolled back at {weight}: {reason}.")
        return Decision("roll back", 0.0, reason)

    def _log(self, at: float, what: str, message: str) -> None:
        self._events.append(Event(float(at), what, self.weight, message))

    def _gets(self, weight: float) -> str:
        copies = "no users yet, only copies of their requests"
        return f"{_percent(weight)} of the users" if weight else copies

    def _notify(self) -> None:
        for listener in self._listeners:
            with contextlib.suppress(Exception):  # a view that fails must not stop a roll-out
                listener()

    def _measured(self, at: float, batch: Batch) -> dict[str, float]:
        row = {"at": at, "weight": self.weight}
        for name, sample in ((self.stable, batch.stable), (self.candidate, batch.candidate)):
            known = sample.latency_ms[np.isfinite(sample.latency_ms)]
            p50, p95 = np.quantile(known, (0.5, 0.95)) if len(known) else (math.nan, math.nan)
            row[f"requests {name}"] = len(sample)
            row[f"errors {name}"] = sample.error.mean() if len(sample) else math.nan
            row[f"p50_ms {name}"] = p50
            row[f"p95_ms {name}"] = p95
        return row | self.evidence.against()

    def _new_users(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the first request of each user in this step, and all requests without a user."""
        kept = []
        for user in zip(frame["key"], frame["variant"], frame["shadow"], strict=True):
            kept.append(pd.isna(user[0]) or user not in self._users)
            self._users.add(user)
        return frame[np.array(kept, bool)]

    def _batch(self, frame: pd.DataFrame, down_s: float) -> Batch:
        """Return the samples and pairs that the analysis compares."""
        shadow = frame["shadow"].astype(bool)
        live = frame[~shadow]
        mirrored = frame[shadow & (frame["variant"] == self.candidate)]
        judged = live if self.weight else mirrored
        business = [metric for metric in self.analysis.metrics if isinstance(metric, Business)]
        values = next((m.value for m in reversed(business) if m.value is not None), None)

        def sample(part: pd.DataFrame) -> Sample:
            part = part.sort_values("request")
            value = np.asarray(values(part), float) if values and len(part) else None
            return Sample(
                (part["error"] != "").to_numpy(bool),
                part["latency_ms"].where(part["status"] > 0).to_numpy(float),
                np.array([_mean(scores) for scores in part["scores"]], float),
                value,
            )

        pairs = [
            (live_score, score, request)
            for request, before, after in zip(
                mirrored["request"], mirrored["live_scores"], mirrored["scores"], strict=True
            )
            if before and after and len(before) == len(after)
            for live_score, score in zip(before, after, strict=True)
        ]
        array = np.array(pairs, float).reshape(-1, 3)
        return Batch(
            sample(live[live["variant"] == self.stable]),
            sample(judged[judged["variant"] == self.candidate]),
            array[:, :2],
            array[:, 2],
            down_s,
        )

    def _apply(self, router: Router) -> int:
        """Divide the users as decided, and return the number of the split."""
        running = self.state == RUNNING
        number = router.set_weights({self.stable: 1 - self.weight, self.candidate: self.weight})
        shadow = self.candidate if running and self.mirror else None
        if router.shadow != shadow:
            number = router.set_shadow(shadow, self.mirror if shadow else 1.0)
        return number

    def _drive(self, router: Router, number: int, every: float, patience: float) -> None:
        begun = step_begun = time.monotonic()
        pending: list[pd.DataFrame] = []
        try:
            first = seen = len(router.observations())
            while self.state == RUNNING:
                stopped = self._stop.wait(every)
                news = router.observations(after=seen)
                seen += len(news)
                pending.append(news[news["split"] >= number])  # only requests of this step
                at = time.monotonic() - begun
                down = router.status()["down_s"]
                down_s = down[self.candidate]
                if down[self.stable] and not down_s:
                    # The candidate answers for it; a rollback would leave the users without any
                    # answer. The step begins again when both can be compared.
                    step_begun = time.monotonic()
                frame = pd.concat(pending)
                complete = {self.stable, self.candidate} <= set(frame["variant"])
                action = "continue"
                if (complete and len(frame) >= _BATCH) or down_s >= self.analysis.dead_s:
                    pending = []
                    action = self.observe(frame, at=at, down_s=down_s).action
                late = time.monotonic() - step_begun > patience
                if action == "continue" and (stopped or late):
                    had = f"{self._seen:,} of {self.analysis.step_requests:,} requests"
                    reason = "stopped by hand" if stopped else f"{had} within {patience:g} s"
                    with self._lock:
                        action = self._roll_back(at, reason).action
                if action != "continue":
                    number, step_begun, pending = self._apply(router), time.monotonic(), []
            self._count(router, first, begun)
        except RouterError as error:
            self._fail(begun, f"the router is gone: {error}".splitlines()[0])
        except Exception as error:
            self._fail(begun, f"the analysis failed ({type(error).__name__}: {error})", router)
        self._notify()

    def _count(self, router: Router, first: int, begun: float) -> None:
        """Log how many requests were answered, and by which variant."""
        frame = router.observations(after=first)
        live = frame[~frame["shadow"]]
        answered = live[live["status"] > 0]
        total = live["request"].nunique()
        lost = total - answered["request"].nunique()
        by = (answered["variant"] == self.candidate).sum()
        counts = f"{by:,} answered by {self.candidate}, {lost:,} answered by nobody."
        message = f"{total:,} requests from users: {counts}"
        self._log(time.monotonic() - begun, "counted", message)

    def _fail(self, begun: float, reason: str, router: Router | None = None) -> None:
        with self._lock:
            self.state = FAILED
            safe = ""
            if router is not None:
                with contextlib.suppress(RouterError):
                    self._apply(router)
                    safe = f" {self.stable} gets all users."
            self._log(time.monotonic() - begun, "failed", f"Given up: {reason}.{safe}")


def _mean(scores: list[float] | None) -> float:
    return float(np.mean(scores)) if scores else math.nan


def _percent(number: float) -> str:
    return f"{100 * number:g} %"
