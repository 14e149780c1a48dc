"""The calls that keep answers for the next time."""

from pathlib import Path

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.runtime.config.settings import CACHE_SIZE, CACHE_TTL
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine


class CacheCalls:
    """Answers of searches and walks, given again while nothing was written."""

    _engine: Engine

    @public_call(ValidationError)
    def configure_cache(
        self,
        cache_type: str = "memory",
        cache_size: int = CACHE_SIZE,
        ttl: int = CACHE_TTL,
        redis_url: str | None = None,
        *,
        directory: str | Path | None = None,
    ) -> None:
        """Keep the answers of searches and of `query_knowledge_graph`, and give them again while nothing was written to the namespace.

        A write by this library, from whatever process, makes older answers useless at once. A cached answer equals the computed one but for
        its own `processing_time`. Where the cache itself fails, answers are computed, and a warning says so once. What somebody changes in
        the graph by hand, past this library, shows after the library's next write, `clear_cache()` or `ttl` seconds.

        Args:
            cache_type: `memory` (this process), `file` (processes of this user), `redis` (machines), or `none` to stop. Files and Redis
                hold the answers' text.
            cache_size: Answers at most, 1 to 100,000, for this namespace; the configured number when left out.
            ttl: Seconds after which an answer is computed again in any case, 1 to 2,592,000 (30 days); the configured ones when left out.
            redis_url: `redis://`, `rediss://` or `unix://`; the other types do not use it.
            directory: Where the file lies, for `file` only; the platform's cache folder when None. One that does not exist is created.

        Raises:
            ValidationError: An argument is not valid, or what the type needs is not there.
        """
        self._engine.cache.configure(
            cache_type, cache_size, ttl, redis_url=redis_url, directory=directory
        )

    @public_call(ValidationError)
    def clear_cache(self) -> None:
        """Forget the cached answers of this namespace. Nothing happens where no cache is configured."""
        self._engine.cache.clear()
