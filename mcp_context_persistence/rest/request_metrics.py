"""Counts and times of the requests, for Prometheus."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import Scope

NOT_ANSWERED = 499  # no status of a response: the client left before there was one


@dataclass
class Observation:
    """What is measured of one request.

    Attributes:
        status: Status of the response; 499 where the client left before there was one.
    """

    status: int = NOT_ANSWERED

    @property
    def is_answered(self) -> bool:
        """Whether the response has begun."""
        return self.status != NOT_ANSWERED


class RequestMetrics:
    """The metrics of one service; they name operations, never a namespace."""

    def __init__(self) -> None:
        """Begin to count."""
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "context_persistence_http_requests",
            "Requests by operation and status",
            ("operation", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "context_persistence_http_seconds",
            "Seconds from the headers of a request to the end of its response",
            ("operation",),
            registry=self._registry,
        )
        self._running = Gauge(
            "context_persistence_http_running",
            "Requests without a response",
            registry=self._registry,
        )

    @contextmanager
    def observe(self, scope: Scope) -> Iterator[Observation]:
        """Count and time the block, which answers a request."""
        observation, start = Observation(), time.perf_counter()
        self._running.inc()
        try:
            yield observation
        except BaseException:
            if observation.status < 400:
                observation.status = 500
            raise
        finally:
            self._running.dec()
            operation = getattr(scope.get("route"), "operation_id", None) or "none"
            self._requests.labels(operation, str(observation.status)).inc()
            self._seconds.labels(operation).observe(time.perf_counter() - start)

    def render(self) -> bytes:
        """Return the metrics as Prometheus reads them."""
        return generate_latest(self._registry)
