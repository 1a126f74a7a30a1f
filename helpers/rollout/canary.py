"""A canary roll-out: step by step more users for the candidate, or none again if it is worse.

:meth:`Rollout.observe` decides and touches nothing but itself, so that a roll-out can be simulated;
:meth:`Rollout.start` lets the decisions move a router's weights.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from helpers.rollout.analysis import Analysis, Batch, Business, Disagreement, Evidence, Sample
from helpers.rollout.router import Router, RouterDied

RUNNING, PROMOTED, ROLLED_BACK, FAILED = "running", "promoted", "rolled back", "failed"
_BATCH = 20  # requests that the driver waits for between two looks


@dataclass(frozen=True)
class Decision:
    """What follows from a batch.

    Attributes
    ----------
    action : str
        "continue", "advance", "promote" or "roll back".
    weight : float
        The candidate's share of the users from now on.
    reason : str
        Why, in words.
    """

    action: str
    weight: float
    reason: str


@dataclass(frozen=True)
class Event:
    """Something that happened in a roll-out.

    Attributes
    ----------
    at : float
        Seconds since the start; in a simulation, number of the batch.
    what : str
        "started", "advanced", "promoted", "rolled back", "failed" or "counted".
    weight : float
        The candidate's share of the users from then on.
    said : str
        What happened and why, in words.
    """

    at: float
    what: str
    weight: float
    said: str


class Rollout:
    """A canary roll-out that promotes or rolls back by itself.

    At each step the candidate gets a share of the users. After every batch of requests the evidence
    against it is weighed (see ``helpers.rollout.analysis``): if it reaches the limit on any metric,
    the candidate is rolled back at once; if the step has had its number of requests, the next step
    begins. The evidence is kept from step to step. If the router keeps users with a variant, a user
    is one piece of evidence in a step, however many requests he sends: requests of one user are
    alike, and the evidence of a few busy users would be theirs, not the model's.

    Parameters
    ----------
    stable, candidate : str
        Names of the two variants in the router.
    steps : sequence of float, default (0.05, 0.25, 0.5, 1.0)
        Shares of the users; growing, and the last one is 1, which is the promotion. A first step of
        0 is a shadow step: the candidate is judged by mirrored requests only.
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
        What is known so far; ``rollout.evidence.table()`` shows it.
    clock : str
        What ``at`` counts in events and history: "batches" or "seconds since the start".

    Examples
    --------
    A candidate that fails always, without a server:

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
        if not 0 <= mirror <= 1:
            raise ValueError(f"mirror is {mirror!r}; expected a share, 0 to 1")
        self.stable = stable
        self.candidate = candidate
        self.analysis = analysis or Analysis()
        compares = any(isinstance(metric, Disagreement) for metric in self.analysis.metrics)
        self.mirror = mirror if compares or self.steps[0] == 0 else 0.0
        if not self.mirror and self.steps[0] == 0:
            raise ValueError("the first step is 0, a shadow step, and mirror is 0; give it a share")
        self.evidence = Evidence(self.analysis)
        self.state = RUNNING
        self.clock = "batches"
        self._step = 0
        self._seen = 0  # the candidate's requests in this step
        self._users: set[tuple] = set()  # who was evidence in this step, and of which variant
        self._history: list[dict[str, float]] = []
        self._events: list[Event] = []
        self._lock = threading.RLock()
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self._listeners: list[Callable[[], object]] = []
        self._note(0, "started", f"{candidate} gets {self._gets(self.weight)}.")

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
        """The event log: ``at``, ``what``, ``weight`` and ``said`` of each event."""
        with self._lock:
            return pd.DataFrame([asdict(event) for event in self._events])

    @property
    def history(self) -> pd.DataFrame:
        """The state after each batch.

        Columns are ``at``, ``weight`` and, for both variants, ``requests``, ``errors`` (share),
        ``p50_ms`` and ``p95_ms`` of the batch, such as ``p95_ms candidate``; and for each metric
        the evidence so far.
        """
        with self._lock:
            return pd.DataFrame(self._history)

    def story(self, times: bool = True) -> str:
        """Tell what happened.

        Parameters
        ----------
        times : bool, default True
            Whether each line begins with its time.

        Returns
        -------
        str
            One line for each event.
        """
        with self._lock:
            unit = " s" if self._thread else ""
            digits = 1 if self._thread else 0
            lines = ((f"{event.at:5.{digits}f}{unit}  ", event.said) for event in self._events)
            return "\n".join(at + said if times else said for at, said in lines)

    def observe(
        self, batch: Batch | pd.DataFrame, *, at: float | None = None, down_s: float = 0.0
    ) -> Decision:
        """Take in a batch and decide.

        Parameters
        ----------
        batch : Batch or pandas.DataFrame
            What happened since the last look; a frame has the columns of ``Router.observations``.
        at : float, optional
            When; by default the number of the batch.
        down_s : float, default 0.0
            With a frame: since how many seconds the candidate has not been answering.

        Returns
        -------
        Decision

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
            if len(batch.stable) or len(batch.candidate) or len(batch.pairs):
                self.evidence.add(evidence)
                self._history.append(self._measured(at, batch))
            self._seen += len(batch.candidate)
            decision = self._decide(batch, at)
        self._tell()
        return decision

    def start(self, router: Router, *, every: float = 0.25, patience: float = 300.0) -> Rollout:
        """Let the roll-out move a router's weights, in a thread of its own.

        Parameters
        ----------
        router : Router
            Runs, and has both variants.
        every : float, default 0.25
            Seconds between two looks.
        patience : float, default 300.0
            Seconds after which a step that has not had its requests is given up: the candidate is
            rolled back, since nothing is known about it. While the stable model does not answer
            they do not count: the candidate stands in for it.

        Returns
        -------
        Rollout
            This one; see :meth:`wait`.
        """
        for name in (self.stable, self.candidate):
            if name not in router.upstreams:
                raise ValueError(f"the router has {[*router.upstreams]}, and no variant {name!r}")
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
        """Wait for the end.

        Parameters
        ----------
        timeout : float, default 60.0
            Seconds.

        Returns
        -------
        str
            "promoted", "rolled back" or "failed"; "running" if the time is up.
        """
        if self._thread is not None:
            self._thread.join(timeout)
        return self.state

    def abort(self) -> None:
        """Roll back by hand, and wait until it is done."""
        self._stop.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        elif self._thread is None:
            with self._lock:
                if self.state == RUNNING:
                    self._roll_back(len(self._history), "stopped by hand")
            self._tell()

    def on_change(self, listener: Callable[[], object]) -> None:
        """Have a function called after each batch and event, in the roll-out's thread.

        Parameters
        ----------
        listener : callable
            Takes nothing; what it raises is dropped.
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
        self._step += 1
        self._seen = 0
        self._users.clear()
        if self.weight < 1:
            self._note(at, "advanced", f"{reason}. It now gets {self._gets(self.weight)}.")
            return Decision("advance", self.weight, reason)
        self.state = PROMOTED
        self._note(at, "promoted", f"{reason}. Promoted: {self.candidate} gets all users.")
        return Decision("promote", 1.0, reason)

    def _roll_back(self, at: float, reason: str) -> Decision:
        weight = _percent(self.weight)
        self.state = ROLLED_BACK
        self._note(at, "rolled back", f"Rolled back at {weight}: {reason}.")
        return Decision("roll back", 0.0, reason)

    def _note(self, at: float, what: str, said: str) -> None:
        self._events.append(Event(float(at), what, self.weight, said))

    def _gets(self, weight: float) -> str:
        if weight:
            return f"{_percent(weight)} of the users"
        return "no users yet, only copies of their requests"

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception:  # a view that fails must not stop a roll-out
                continue

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
        """Leave out all but the first request of each user in this step."""
        kept = []
        for user in frame[["key", "variant", "shadow"]].itertuples(index=False, name=None):
            nobody = user[0] is None or user[0] != user[0]
            kept.append(nobody or user not in self._users)
            if not nobody:
                self._users.add(user)
        return frame[np.array(kept, bool)]

    def _batch(self, frame: pd.DataFrame, down_s: float) -> Batch:
        """Sort observations into what the analysis compares."""
        shadow = frame["shadow"].astype(bool)
        live = frame[~shadow]
        mirrored = frame[shadow & (frame["variant"] == self.candidate)]
        judged = live if self.weight else mirrored
        values = None
        for metric in self.analysis.metrics:
            if isinstance(metric, Business) and metric.value is not None:
                values = metric.value

        def sample(part: pd.DataFrame) -> Sample:
            part = part.sort_values("request")
            value = None
            if values is not None and len(part):
                value = np.asarray(values(part), float)
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
        """Divide the users as decided; the number of the split."""
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
                pending.append(news[news["split"] >= number])  # not what began before this step
                at = time.monotonic() - begun
                down = router.status()["down_s"]
                down_s = down[self.candidate]
                if down[self.stable] and not down_s:
                    # The candidate stands in for it. To take its users away now would leave them
                    # without any answer: the step begins when there are two to compare again.
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
        except RouterDied as problem:
            self._fail(begun, f"the router is gone: {problem}".splitlines()[0])
        except Exception as problem:
            self._fail(begun, f"the analysis failed ({type(problem).__name__}: {problem})", router)
        self._tell()

    def _count(self, router: Router, first: int, begun: float) -> None:
        """Note how many requests there were, and that none was lost."""
        frame = router.observations(after=first)
        live = frame[~frame["shadow"]]
        answered = live[live["status"] > 0]
        everyone = live["request"].nunique()
        lost = everyone - answered["request"].nunique()
        by = (answered["variant"] == self.candidate).sum()
        self._note(
            time.monotonic() - begun,
            "counted",
            f"{everyone:,} requests from users: {by:,} answered by {self.candidate}, {lost:,} "
            "answered by nobody.",
        )

    def _fail(self, begun: float, reason: str, router: Router | None = None) -> None:
        with self._lock:
            self.state = FAILED
            safe = ""
            if router is not None:
                try:
                    self._apply(router)
                    safe = f" {self.stable} gets all users."
                except RouterDied:
                    pass
            self._note(time.monotonic() - begun, "failed", f"Given up: {reason}.{safe}")


def _mean(scores: list[float] | None) -> float:
    return float(np.mean(scores)) if scores else math.nan


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
