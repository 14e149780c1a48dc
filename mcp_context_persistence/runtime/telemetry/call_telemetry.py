"""What is told about a call while it runs: its time, how it ended, and where, to the metrics, the log and OpenTelemetry.

None of it holds an argument, an answer, or the text of an error.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from mcp_context_persistence.runtime.telemetry.metrics import OK, Metrics

try:
    from opentelemetry import trace
except ImportError:  # the extra `telemetry` is not installed
    TELEMETRY = False
else:
    TELEMETRY = True

log = logging.getLogger(__name__)


class Watch:
    """Tells of the calls of one client."""

    def __init__(self, namespace: str, metrics: Metrics | None) -> None:
        """Prepare to tell; spans go to the process's own tracer provider, whenever one is set."""
        self._namespace = namespace
        self._metrics = metrics
        self._tracer = trace.get_tracer("mcp_context_persistence") if TELEMETRY else None

    def call(self, name: str) -> AbstractContextManager[None]:
        """Watch one call, if anybody listens.

        Args:
            name: Of the method.
        """
        if self._metrics is None and not self._traced() and not log.isEnabledFor(logging.INFO):
            return nullcontext()
        return self._watched(name)

    @contextmanager
    def _watched(self, name: str) -> Iterator[None]:
        start, outcome = time.perf_counter(), OK
        with self._span(name) as span:
            try:
                yield
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                self._tell(name, outcome, time.perf_counter() - start, span)

    def _traced(self) -> bool:
        return self._tracer is not None and not isinstance(
            trace.get_tracer_provider(), trace.ProxyTracerProvider
        )

    def _span(self, name: str) -> AbstractContextManager[Any]:
        if self._tracer is None or not self._traced():
            return nullcontext()
        # What the SDK would record of an error, its text and its causes', may hold what a user wrote.
        return self._tracer.start_as_current_span(
            name, record_exception=False, set_status_on_exception=False
        )

    def _tell(self, name: str, outcome: str, seconds: float, span: Any) -> None:
        if self._metrics is not None:
            self._metrics.record(name, outcome, seconds)
        if span is not None and span.is_recording():
            span.set_attribute("context_persistence.namespace", self._namespace)
            span.set_attribute("context_persistence.outcome", outcome)
            if outcome != OK:
                span.set_attribute("error.type", outcome)
                span.set_status(trace.StatusCode.ERROR)
        if log.isEnabledFor(logging.INFO):
            told = {
                "call": name,
                "outcome": outcome,
                "seconds": round(seconds, 6),
                "namespace": self._namespace,
            }
            log.info("%s: %s, %.1f ms", name, outcome, seconds * 1000, extra=told)
