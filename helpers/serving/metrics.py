"""Metrics for Prometheus, under TensorFlow Serving's names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import UnknownMetricFamily

_MICROSECONDS = [10 * 1.8**power for power in range(33)]
_ROWS = [2**power for power in range(13)]


class Metrics:
    """Counters and histograms of a server."""

    def __init__(self) -> None:
        disable_created_metrics()
        self.registry = CollectorRegistry()
        self.requests: Counter[tuple[str, str]] = Counter()
        self.latency = self._histogram(
            "request_latency",
            "Wall time of a request, in microseconds",
            ["model_name", "API", "entrypoint"],
        )
        self.batch_size = self._histogram(
            "batching:processed_batch_size", "Rows that ran together", ["model_name"], _ROWS
        )
        self.queueing = self._histogram(
            "batching_session:queuing_latency",
            "Time that the first request of a batch waited, in microseconds",
            ["model_name"],
        )
        self.registry.register(self)

    def collect(self) -> Iterable[Any]:
        """Yield the counter; Prometheus's own class would add ``_total`` to its name."""
        family = UnknownMetricFamily(
            ":tensorflow:serving:request_count", "Requests", labels=["model_name", "status"]
        )
        for labels, count in sorted(self.requests.items()):
            family.add_metric(labels, count)
        yield family

    def page(self) -> bytes:
        """Return the text that Prometheus scrapes."""
        return generate_latest(self.registry)

    def batch_observer(self, name: str) -> Callable[[int, float], None]:
        """Return a function that records a batch of a model: its rows and its wait in seconds."""
        size, wait = self.batch_size.labels(name), self.queueing.labels(name)

        def observe(rows: int, seconds: float) -> None:
            size.observe(rows)
            wait.observe(seconds * 1e6)

        return observe

    def _histogram(
        self, name: str, what: str, labels: list[str], buckets: list[float] = _MICROSECONDS
    ) -> Histogram:
        name = f":tensorflow:serving:{name}"
        return Histogram(name, what, labels, buckets=buckets, registry=self.registry)
