"""Methods that report metrics and settings."""

from typing import Any

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.responses.metrics import CacheMetrics, GetMetricsResponse
from mcp_context_persistence.runtime.config.target import describe_settings
from mcp_context_persistence.runtime.engine import Engine


class MonitoringCalls:
    """Reports metrics and the settings in effect. These methods do not query the database."""

    _engine: Engine

    @property
    def metrics_port(self) -> int | None:
        """The port where Prometheus can read the metrics on the loopback address, or None."""
        return self._engine.metrics.port if self._engine.metrics else None

    def get_metrics(self) -> GetMetricsResponse:
        """Return the number, duration and errors of this client's requests, in total and by method.

        Raises:
            ValidationError: The client was opened without `enable_metrics=True`.
        """
        if self._engine.metrics is None:
            raise ValidationError("metrics are off; open the client with enable_metrics=True")
        metrics = self._engine.metrics.summarize()
        return metrics.model_copy(
            update={
                "cache": CacheMetrics(**self._engine.cache.responses.counts)
                if self._engine.cache.responses
                else None
            }
        )

    def configuration(self) -> dict[str, Any]:
        """Return the settings in effect by name, with secrets and credentials hidden.

        `mcp_context_persistence.runtime.config.settings.Config` describes them.
        """
        return describe_settings(self._engine.config, self.namespace)

    namespace: str
