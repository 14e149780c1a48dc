"""The response cache of one client: configured, replaced, or off."""

from collections.abc import Callable
from dataclasses import asdict

from mcp_context_persistence import __version__
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.namespaces import VersionReader
from mcp_context_persistence.runtime.cache.response_cache import (
    CacheCounts,
    R,
    ResponseCache,
    make_key,
)
from mcp_context_persistence.runtime.cache.stores import open_store
from mcp_context_persistence.runtime.config.argument_defaults import UNSET
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.language_models import LanguageModels
from mcp_context_persistence.runtime.process_memory import ClientMemory


class ClientCache:
    """Keeps responses of a client where a cache is configured.

    Attributes:
        responses: The configured cache, None where there is none.
    """

    def __init__(
        self,
        graph: Graph,
        versions: VersionReader,
        config: Config,
        models: LanguageModels,
        memory: ClientMemory,
        *,
        identity: str,
        namespace: str,
    ) -> None:
        """Create it; `configure` makes the cache.

        Args:
            graph: The database.
            versions: Knows the version of the namespace.
            config: The settings, which a response depends on.
            models: The cross-encoder, which a response depends on.
            memory: Bounds what is kept in memory.
            identity: Name of the database, see `Connection.identity`.
            namespace: Name of the namespace.
        """
        self._graph, self._versions, self._config = graph, versions, config
        self._models, self._memory = models, memory
        self._identity, self._namespace = identity, namespace
        self.responses: ResponseCache | None = None

    def configure(
        self,
        cache_type: object,
        cache_size: object,
        ttl: object,
        *,
        redis_url: object = None,
        directory: object = None,
    ) -> None:
        """Replace the cache; see `configure_cache`."""
        cache_size = self._config.cache_size if cache_size is UNSET else cache_size
        ttl = round(self._config.cache_ttl) if ttl is UNSET else ttl
        group = make_key(self._identity, self._namespace) or b""
        store = open_store(
            cache_type, cache_size, ttl, group=group, redis_url=redis_url, directory=directory
        )
        previous = self.responses
        self.responses = ResponseCache(store, self._versions.read) if store else None
        self._memory.set_responses(self.responses)
        if previous:
            previous.close()

    def get_or_compute(
        self, response_type: type[R], compute: Callable[[], R], **arguments: object
    ) -> R:
        """Return the response to a call, from the cache where one is configured and has it.

        Args:
            response_type: Class of the response; each cached call has its own.
            compute: Computes the response.
            arguments: Everything that the response depends on except the graph, the settings and
                the models.
        """
        responses = self.responses
        if responses is None:
            return compute()
        key = make_key(
            __version__,
            self._config.model_dump(mode="json"),
            self._models.identify_cross_encoder(),
            response_type.__name__,
            arguments,
        )
        if key is None:
            return compute()
        with self._graph.in_order():
            return responses.get_or_compute(response_type, key, compute)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, see `CacheCounts`; all zero where no cache is configured."""
        return self.responses.counts if self.responses else asdict(CacheCounts())

    def clear(self) -> None:
        """Forget the responses of the namespace, where a cache is configured."""
        if self.responses:
            self.responses.clear()

    def close(self) -> None:
        """Close the cache."""
        if self.responses:
            self.responses.close()
