"""Record each call's time and outcome in the metrics, the log and OpenTelemetry.

Nothing that is recorded holds an argument, a response, or the text of an error.
"""

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_context_persistence.runtime.telemetry.metrics import Metrics

OK = "ok"
TRACER = "mcp_context_persistence"
PROVIDER_VARIABLE = (
    "OTEL_PYTHON_TRACER_PROVIDER"  # names a provider that OpenTelemetry loads itself
)

log = logging.getLogger(__name__)


class CallTelemetry:
    """Records the calls of one client."""

    def __init__(self, namespace: str, metrics: "Metrics | None") -> None:
        """Prepare to record; spans go to the process's own tracer provider, whenever one is set."""
        self._namespace = namespace
        self._metrics = metrics

    def call(self, name: str) -> AbstractContextManager[None]:
        """Record the block as one call, if anybody listens.

        Args:
            name: Name of the method.
        """
        trace = _tracing()
        if self._metrics is None and trace is None and not log.isEnabledFor(logging.INFO):
            return nullcontext()
        return self._record(name, trace)

    @contextmanager
    def _record(self, name: str, trace: Any) -> Iterator[None]:
        start, outcome = time.perf_counter(), OK
        with _open_span(name, trace) as span:
            try:
                yield
            except BaseException as error:
                outcome = type(error).__name__
                raise
            finally:
                seconds = time.perf_counter() - start
                if self._metrics is not None:
                    self._metrics.record(name, outcome, seconds)
                if span is not None and span.is_recording():
                    self._describe_span(span, outcome, trace)
                self._log(name, outcome, seconds)

    def _describe_span(self, span: Any, outcome: str, trace: Any) -> None:
        span.set_attribute("context_persistence.namespace", self._namespace)
        span.set_attribute("context_persistence.outcome", outcome)
        if outcome != OK:
            span.set_attribute("error.type", outcome)
            span.set_status(trace.StatusCode.ERROR)

    def _log(self, name: str, outcome: str, seconds: float) -> None:
        if log.isEnabledFor(logging.INFO):
            fields = {
                "call": name,
                "outcome": outcome,
                "seconds": round(seconds, 6),
                "namespace": self._namespace,
            }
            log.info("%s: %s, %.1f ms", name, outcome, seconds * 1000, extra=fields)


def _tracing() -> Any:
    """Return OpenTelemetry's module `trace` if somebody has set a tracer provider, else None.

    Who sets a provider has imported the module, so it is not imported before.
    """
    if "opentelemetry.trace" not in sys.modules and not os.environ.get(PROVIDER_VARIABLE):
        return None
    try:
        from opentelemetry import trace  # noqa: PLC0415 - an extra
    except ImportError:
        return None
    is_set = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    return trace if is_set else None


def _open_span(name: str, trace: Any) -> AbstractContextManager[Any]:
    if trace is None:
        return nullcontext()
    # What the SDK would record of an error, its text and its causes', may hold what a user wrote.
    return trace.get_tracer(TRACER).start_as_current_span(  # type: ignore[no-any-return]
        name, record_exception=False, set_status_on_exception=False
    )
