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

        A write to the namespace by this library, from any process, invalidates all cached responses
        at once. A cached response differs from a computed one only in its `processing_time`. When
        the cache fails, responses are computed, and a warning is logged once. Changes that are made
        in the database without this library appear after the library's next write, after
        `clear_cache()`, or after `ttl` seconds.

        Args:
            cache_type: `memory` (for this process), `file` (for all processes of this user),
                `redis` (for several machines), or `none` to turn the cache off. Files and Redis
                contain the text of the responses.
            cache_size: The most responses that are cached for this namespace, 1 to 100,000; the
                setting `cache_size` when left out.
            ttl: Seconds after which a response is computed again, 1 to 2,592,000 (30 days); the
                setting `cache_ttl` when left out.
            redis_url: A URL with `redis://`, `rediss://` or `unix://`, for `redis` only.
            directory: The folder of the cache file, for `file` only; it is created if it does not
                exist. None means the platform's cache folder.

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
