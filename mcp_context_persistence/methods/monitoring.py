"""The calls that tell how the client is doing."""

from typing import Any

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.responses.metrics import CacheMetrics, GetMetricsResponse
from mcp_context_persistence.runtime.connection import default_url
from mcp_context_persistence.runtime.engine import Engine


class MonitoringCalls:
    """Metrics, and the settings in effect. None of these calls asks the database."""

    _engine: Engine

    @property
    def metrics_port(self) -> int | None:
        """The port on the loopback address where Prometheus finds the metrics, None when nothing listens."""
        return self._engine.metrics.port if self._engine.metrics else None

    def get_metrics(self) -> GetMetricsResponse:
        """Count this client's requests: how many, how long, how many failed, together and by call.

        Raises:
            ValidationError: The client was opened without `enable_metrics=True`.
        """
        if self._engine.metrics is None:
            raise ValidationError("metrics are off; open the client with enable_metrics=True")
        found = self._engine.metrics.answer()
        return found.model_copy(
            update={
                "cache": CacheMetrics(**self._engine.cache.responses.counts)
                if self._engine.cache.responses
                else None
            }
        )

    def configuration(self) -> dict[str, Any]:
        """The settings in effect by name (see `mcp_context_persistence.runtime.config.settings.Config`), with secrets and credentials hidden."""
        shown = self._engine.config.shown()
        return {
            **shown,
            "database_url": shown["database_url"] or default_url(),
            "namespace": self.namespace,
        }

    namespace: str
