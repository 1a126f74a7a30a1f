"""Dynamic batching: requests that wait at the same time run together.

A batch starts as soon as a thread is free and the batch is full or its oldest request has waited
``batch_timeout_ms``. So a lone request never waits for others, and under load a batch grows to what
arrives while the previous one runs.

Source: Crankshaw et al. (2017), "Clipper: A Low-Latency Online Prediction Serving System", NSDI.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from helpers.serving.errors import RequestError

if TYPE_CHECKING:
    from helpers.serving.tensors import Arrays


@dataclass(frozen=True)
class Limits:
    """How requests are batched."""

    max_batch_size: int = 64  # rows; 1 means no batching; a request with more runs alone
    batch_timeout_ms: float = 0.0  # how long a request waits for others
    max_enqueued_batches: int = 16  # full batches that may wait; further requests are refused
    num_batch_threads: int = 2  # batches that run at the same time


@dataclass
class _Task:
    inputs: Arrays
    rows: int
    kind: object  # tasks of the same kind can run together
    since: float
    done: asyncio.Future = field(repr=False)


class Batcher:
    """The queue of a signature.

    Everything but `run` happens on the event loop's thread, hence no locks.

    Parameters
    ----------
    run : callable
        Takes and returns dicts of arrays; called in a thread.
    batchable : bool
        Whether rows of different requests may run together.
    limits : Limits
    threads : concurrent.futures.Executor
    observe : callable
        Called with the number of rows of each batch and the seconds that its first request waited.
    """

    def __init__(
        self,
        run: Callable[[Arrays], Arrays],
        batchable: bool,
        limits: Limits,
        threads: Executor,
        observe: Callable[[int, float], object] = lambda rows, seconds: None,
    ) -> None:
        self._run = run
        self._batchable = batchable
        self._limits = limits
        self._threads = threads
        self._observe = observe
        self._alone: set[object] = set()  # kinds whose outputs do not have one row for each row
        self._waiting: deque[_Task] = deque()
        self._rows = 0
        self._running = 0
        self._alarm: asyncio.TimerHandle | None = None

    async def submit(self, inputs: Arrays) -> Arrays:
        """Run a request, perhaps together with others, and return its outputs.

        A full queue raises a `RequestError`, UNAVAILABLE.
        """
        loop = asyncio.get_running_loop()
        sizes = {array.shape[0] if array.ndim else None for array in inputs.values()}
        rows = sizes.pop() if len(sizes) == 1 else None
        kind: object = tuple(array.shape[1:] for array in inputs.values())
        if not self._batchable or not rows or kind in self._alone:
            rows, kind = 1, object()
        room = self._limits.max_batch_size * self._limits.max_enqueued_batches
        if self._waiting and self._rows + rows > room:
            raise RequestError(
                "UNAVAILABLE",
                "The batch scheduling queue to which this task was submitted is full",
            )
        task = _Task(inputs, rows, kind, loop.time(), loop.create_future())
        self._waiting.append(task)
        self._rows += rows
        self._start_what_can_start()
        return await task.done

    def _start_what_can_start(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting and self._running < self._limits.num_batch_threads:
            due = self._waiting[0].since + self._limits.batch_timeout_ms / 1000
            if self._rows < self._limits.max_batch_size and loop.time() < due:
                if self._alarm is None:
                    self._alarm = loop.call_at(due, self._ring)
                return
            batch = self._take()
            self._running += 1
            self._observe(sum(task.rows for task in batch), loop.time() - batch[0].since)
            future = loop.run_in_executor(self._threads, self._execute, batch)
            future.add_done_callback(lambda future, batch=batch: self._finish(batch, future))

    def _ring(self) -> None:
        self._alarm = None
        self._start_what_can_start()

    def _take(self) -> list[_Task]:
        batch = [self._waiting.popleft()]
        rows = batch[0].rows
        while self._waiting:
            task = self._waiting[0]
            if task.kind != batch[0].kind or rows + task.rows > self._limits.max_batch_size:
                break
            batch.append(self._waiting.popleft())
            rows += task.rows
        self._rows -= rows
        return batch

    def _execute(self, batch: list[_Task]) -> list[Arrays | Exception]:
        if len(batch) > 1:
            try:
                return self._together(batch)
            except Exception:
                pass  # a bad request must not spoil the others: run each alone
        results: list[Arrays | Exception] = []
        for task in batch:
            try:
                results.append(self._run(task.inputs))
            except Exception as error:
                results.append(error)
        return results

    def _together(self, batch: list[_Task]) -> list[Arrays]:
        names = batch[0].inputs
        outputs = self._run(
            {name: np.concatenate([task.inputs[name] for task in batch]) for name in names}
        )
        total = sum(task.rows for task in batch)
        if any(array.shape[0] != total for array in outputs.values()):
            self._alone.add(batch[0].kind)
            raise ValueError("the outputs do not have one row for each row of the inputs")
        edges = np.cumsum([task.rows for task in batch])[:-1]
        parts = {name: np.split(array, edges) for name, array in outputs.items()}
        return [{name: parts[name][i] for name in parts} for i in range(len(batch))]

    def _finish(self, batch: list[_Task], future: asyncio.Future) -> None:
        self._running -= 1
        for task, result in zip(batch, future.result(), strict=True):
            if task.done.done():  # the client has disconnected
                continue
            if isinstance(result, Exception):
                task.done.set_exception(result)
            else:
                task.done.set_result(result)
        self._start_what_can_start()
