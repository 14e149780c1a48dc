"""The response cache of one client: configured, replaced, or off."""

from collections.abc import Callable
from dataclasses import asdict

from mcp_context_persistence import __version__
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.namespace_version import Versions
from mcp_context_persistence.runtime.cache.response_cache import A, Answers, Counts, key_of
from mcp_context_persistence.runtime.cache.stores import open_store
from mcp_context_persistence.runtime.config import settings
from mcp_context_persistence.runtime.config.settings import Config
from mcp_context_persistence.runtime.language_models import LanguageModels
from mcp_context_persistence.runtime.memory_limit import Memory


class ClientCache:
    """Keeps responses of a client where a cache is configured.

    Attributes:
        responses: The configured cache, None where there is none.
    """

    def __init__(  # noqa: PLR0913 - the parts of an engine
        self,
        graph: Graph,
        versions: Versions,
        config: Config,
        models: LanguageModels,
        memory: Memory,
        *,
        identity: str,
        namespace: str,
    ) -> None:
        """Keep nothing yet.

        Args:
            graph: The database.
            versions: Knows the version of the namespace.
            config: The settings, which a response depends on.
            models: The cross-encoder, which a response depends on.
            memory: Bounds what is kept in memory.
            identity: Name of the database, see `Connection.identity`.
            namespace: The namespace.
        """
        self._graph, self._versions, self._config = graph, versions, config
        self._models, self._memory = models, memory
        self._identity, self._namespace = identity, namespace
        self.responses: Answers | None = None

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
        cache_size = self._config.cache_size if cache_size is settings.CACHE_SIZE else cache_size
        ttl = round(self._config.cache_ttl) if ttl is settings.CACHE_TTL else ttl
        group = key_of(self._identity, self._namespace) or b""
        store = open_store(
            cache_type, cache_size, ttl, group=group, redis_url=redis_url, directory=directory
        )
        previous = self.responses
        self.responses = Answers(store, self._versions.current) if store else None
        self._memory.keep(self.responses)
        if previous:
            previous.close()

    def get_or_compute(
        self, response_type: type[A], compute: Callable[[], A], **arguments: object
    ) -> A:
        """Return the response to a call, from the cache where one is configured and has it.

        Args:
            response_type: Class of the response; each cached call has its own.
            compute: Computes the response.
            arguments: Everything that the response depends on except the graph, the settings and the models.
        """
        responses = self.responses
        if responses is None:
            return compute()
        omitted = [  # a setting takes the place of these
            name for name, value in arguments.items() if settings.left_out(value)
        ]
        key = key_of(
            __version__,
            self._config.model_dump(mode="json"),
            self._models.identify_cross_encoder(),
            response_type.__name__,
            arguments,
            omitted,
        )
        if key is None:
            return compute()
        with self._graph.in_order():
            return responses.given(response_type, key, compute)

    @property
    def counts(self) -> dict[str, int]:
        """The counts by name, see `Counts`; all zero where no cache is configured."""
        return self.responses.counts if self.responses else asdict(Counts())

    def clear(self) -> None:
        """Forget the responses of the namespace, where a cache is configured."""
        if self.responses:
            self.responses.clear()

    def close(self) -> None:
        """Close the cache."""
        if self.responses:
            self.responses.close()
