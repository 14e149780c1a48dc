"""Methods that limit and report the memory in use."""

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.responses.memory_usage import CleanupMemoryResponse, MemoryStats
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine


class MemoryCalls:
    """Limits, reports and frees the memory of this process and its managed server."""

    _engine: Engine

    @public_call(DatabaseError)
    def configure_memory_management(
        self,
        max_memory_usage: str | int | None = "2GB",
        cleanup_threshold: float = 0.8,
        auto_cleanup: bool = True,
        *,
        restart_server: bool = True,
    ) -> MemoryStats:
        """Limit the memory of this process together with its managed server.

        All clients of a process share the language models, so the limit is for the whole process.
        The lowest limit of all open clients counts, until that client is closed. The limit has
        these effects:

        - When the memory in use is near the limit, batches analyze less at a time, and finish
          started groups first. If there is still not enough memory, the remaining items get a
          response with `success=False`. Repeat the call to process them.
        - Cached responses in memory use at most a sixteenth of the limit. The vectors that an
          embedder keeps in memory also use at most a sixteenth.
        - This process gets 1 GB of the limit. The heap and the page cache of the managed server get
          the rest, at most their usual sizes (1 GiB and 256 MiB).

        Heap and page cache are set when a server starts. If the server is too large, and no other
        process and no other call uses it, it is restarted. This takes some seconds. Otherwise
        `pending_restart` is True in the response. Then the server keeps its sizes until a process
        with a limit starts it again. Until then, batches count the server as if it had the new
        sizes.

        If you connect to a server by its URL, this server is not limited and not counted. The limit
        also has no effect on a single conversation or text, because it is never split, and on the
        rest of the program.

        Args:
            max_memory_usage: Bytes, or a text such as "2GB" (10⁹ bytes each) or "2GiB" (2³⁰ bytes
                each): at least 1,000,000,000, and at least 2,000,000,000 with a managed server.
                None removes this client's limit.
            cleanup_threshold: The share of the limit from which memory is freed, 0.0 to 1.0.
            auto_cleanup: Whether memory is freed automatically, after a call or between the groups
                of a batch. Otherwise only `cleanup_memory` frees it.
            restart_server: Whether a managed server that is too large may be restarted now.

        Returns:
            The memory in use afterwards.

        Raises:
            ValidationError: An argument is not valid, or the limit is too small. The text of the
                error says how much is needed.
            DatabaseError: The managed server could not be restarted.
        """
        self._engine.memory.configure(
            max_memory_usage,
            cleanup_threshold,
            auto_cleanup=validation.check_flag("auto_cleanup", auto_cleanup),
            restart=validation.check_flag("restart_server", restart_server),
        )
        return self._engine.memory.stats()

    @public_call(ValidationError, tidy=False)
    def get_memory_stats(self) -> MemoryStats:
        """Return the memory in use by this process and its managed server, without a query."""
        return self._engine.memory.stats()

    @public_call(ValidationError, tidy=False)
    def cleanup_memory(self) -> CleanupMemoryResponse:
        """Free vectors and responses that are cached in memory, and unused memory of the C library.

        Models stay loaded, and files and Redis keep their cached responses. The next calls may take
        longer, because they compute again what was freed.
        """
        return self._engine.memory.cleanup()
