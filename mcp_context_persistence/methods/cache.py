"""Methods that configure and clear the cache of responses."""

from pathlib import Path

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.config.argument_defaults import unset_defaults
from mcp_context_persistence.runtime.engine import Engine


class CacheCalls:
    """Caches the responses of searches and of `query_knowledge_graph`."""

    _engine: Engine

    @public_call(ValidationError)
    @unset_defaults("cache_size", "ttl")
    def configure_cache(
        self,
        cache_type: str = "memory",
        cache_size: int = 1000,
        ttl: int = 3600,
        redis_url: str | None = None,
        *,
        directory: str | Path | None = None,
    ) -> None:
        """Cache the responses of searches and of `query_knowledge_graph`.

        When this library writes to the namespace, from any process, all cached responses become
        invalid at once. A cached response differs from a computed one only in `processing_time`. If
        the cache fails, responses are computed, and a warning is logged once. If you change the
        database without this library, cached responses do not show the change until the next write
        by the library, `clear_cache()`, or the end of `ttl` seconds.

        Args:
            cache_type: `memory` (for this process), `file` (for all processes of this user),
                `redis` (for several machines), or `none` to turn the cache off. Files and Redis
                contain the text of the responses.
            cache_size: The maximum number of responses that are cached for this namespace, 1 to
                100,000. If you leave it out, the setting `cache_size` is used.
            ttl: The number of seconds after which a response is computed again, 1 to 2,592,000 (30
                days). If you leave it out, the setting `cache_ttl` is used.
            redis_url: A URL with `redis://`, `rediss://` or `unix://`, for `redis` only.
            directory: The folder of the cache file, for `file` only. It is created if it does not
                exist. None means the cache folder of the platform.

        Raises:
            ValidationError: An argument is not valid, or the package that the type needs is not
                installed.
        """
        self._engine.cache.configure(
            cache_type, cache_size, ttl, redis_url=redis_url, directory=directory
        )

    @public_call(ValidationError)
    def clear_cache(self) -> None:
        """Remove the cached responses of this namespace; do nothing if no cache is configured."""
        self._engine.cache.clear()
