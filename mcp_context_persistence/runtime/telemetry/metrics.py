"""Counts and times of a client's calls, for `get_metrics()` and for Prometheus."""

import threading
from collections import defaultdict, deque
from collections.abc import Iterable

import numpy as np
from prometheus_client import CollectorRegistry, Histogram, start_http_server

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.kg.local.settings import LOOPBACK
from mcp_context_persistence.kg.system_errors import describe_exhaustion
from mcp_context_persistence.responses.metrics import CallMetrics, GetMetricsResponse
from mcp_context_persistence.runtime.telemetry.call_telemetry import OK

NAME = "context_persistence_call_seconds"
BUCKETS = (
    0.001,
    0.0025,
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
    60.0,
)  # seconds
ALL_CALLS = ""  # no call has this name


class Metrics:
    """The times and outcomes of one client's calls. Safe to share between threads.

    Attributes:
        port: The port of the loopback address for Prometheus, None when nothing listens.
    """

    def __init__(self, port: object = None) -> None:
        """Start to count.

        Args:
            port: The port for Prometheus, 0 for any free one, None for none.

        Raises:
            ValidationError: It is not a port, or it is in use.
        """
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            NAME,
            "Seconds that a call took, by its name and how it ended",
            ["call", "outcome"],
            buckets=BUCKETS,
            registry=self._registry,
        )
        self._recent: dict[str, deque[float]] = defaultdict(
            lambda: deque(maxlen=limits.RECENT_REQUESTS)
        )
        self._lock = threading.Lock()
        renew_locks_in_children(self)
        self._server = None
        self.port: int | None = None
        if port is None:
            return
        checked_port = validation.check_integer("metrics_port", port, minimum=0, maximum=65535)
        try:
            self._server, self._thread = start_http_server(
                checked_port, addr=LOOPBACK, registry=self._registry
            )
        except OSError as error:
            if describe_exhaustion(error):
                raise
            raise ValidationError(
                "metrics_port: cannot listen there; choose another port, or 0 for a free one"
            ) from error
        self.port = int(self._server.server_port)

    def record(self, name: str, outcome: str, seconds: float) -> None:
        """Count a call.

        Args:
            name: Name of the method.
            outcome: `ok`, or the class of the error.
            seconds: The time of the call.
        """
        self._seconds.labels(name, outcome).observe(seconds)
        with self._lock:
            self._recent[name].append(seconds)
            self._recent[ALL_CALLS].append(seconds)

    def summarize(self) -> GetMetricsResponse:
        """Return the counts and times so far."""
        counts: dict[str, dict[str, int]] = defaultdict(dict)
        sums: dict[str, float] = defaultdict(float)
        for sample in next(iter(self._seconds.collect())).samples:
            if sample.name == f"{NAME}_count":
                counts[sample.labels["call"]][sample.labels["outcome"]] = int(sample.value)
            elif sample.name == f"{NAME}_sum":
                sums[sample.labels["call"]] += sample.value
        with self._lock:
            recent = {name: list(times) for name, times in self._recent.items()}
        total = sum(sum(outcomes.values()) for outcomes in counts.values())
        failed = total - sum(outcomes.get(OK, 0) for outcomes in counts.values())
        return GetMetricsResponse(
            total_requests=total,
            total_errors=failed,
            error_rate=failed / max(1, total),
            avg_response_time=sum(sums.values()) / max(1, total),
            **_compute_percentiles(recent.get(ALL_CALLS, ())),
            calls={
                name: CallMetrics(
                    count=sum(outcomes.values()),
                    errors={outcome: count for outcome, count in outcomes.items() if outcome != OK},
                    avg_response_time=sums[name] / sum(outcomes.values()),
                    **_compute_percentiles(recent.get(name, ())),
                )
                for name, outcomes in sorted(counts.items())
            },
        )

    def close(self) -> None:
        """Stop listening. Calling it again does nothing."""
        server, self._server = self._server, None
        if server is not None:
            if self._thread.is_alive():  # not in a forked child
                server.shutdown()
            server.server_close()
            self._thread.join()
            self.port = None


def _compute_percentiles(seconds: Iterable[float]) -> dict[str, float]:
    times = list(seconds) or [0.0]
    return dict(
        zip(("p50", "p95", "p99"), np.percentile(times, (50, 95, 99)).tolist(), strict=True)
    )
