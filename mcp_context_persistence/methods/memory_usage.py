"""The calls that bound the memory in use, and tell how much it is."""

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, ValidationError
from mcp_context_persistence.responses.memory_usage import CleanupMemoryResponse, MemoryStats
from mcp_context_persistence.runtime import memory_limit
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine


class MemoryCalls:
    """How much memory this process and its managed server use, a limit on it, and clean-up."""

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
        """Bound the memory of this process together with its managed server.

        The language models are shared, so the limit is the process's: the lowest that an open client has set counts, until that client is
        closed. It bounds three things. Batches analyse less at a time where the limit is near, and finish what they have begun first; where
        memory does not suffice even then, the items that are left get an answer with `success=False`, and a rerun resumes. Answers kept in
        memory take at most a sixteenth of the limit, and so do the vectors that an embedder remembers. The managed server's heap and page cache
        are what is left beside 1 GB for this process, never more than usual (1 GiB and 256 MiB).

        Heap and page cache can only be set when a server starts. Where the server is larger and no other process and no other call uses it, it
        is started again, in order, which takes some seconds. Else `pending_restart` is true in the answer: it keeps its sizes until it is next
        started by a process with a limit, and until then batches count it as if it had its share. A server that is known by its
        address is neither bounded nor counted. What is not bounded: a single conversation or text, which is never divided, and what the rest
        of the program does.

        Args:
            max_memory_usage: Bytes, or a text such as "2GB" (10⁹) or "2GiB" (2³⁰): at least 1,000,000,000, and 1,900,000,000 with a managed
                server. None takes this client's limit away.
            cleanup_threshold: Share of the limit from which memory is freed, 0.0 to 1.0.
            auto_cleanup: Whether that happens by itself, after a call or between the groups of a batch. Without it only `cleanup_memory`
                frees.
            restart_server: Whether a managed server that is too large may be started again now.

        Returns:
            The memory in use afterwards.

        Raises:
            ValidationError: An argument is not valid, or the limit is less than what is needed; the text says how much that is.
            DatabaseError: The managed server could not be started again.
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
        """Tell how much memory this process and its managed server use now. Nothing is freed, and the database is not asked."""
        return self._engine.memory.stats()

    @public_call(ValidationError, tidy=False)
    def cleanup_memory(self) -> CleanupMemoryResponse:
        """Free what can be made again: remembered vectors, answers kept in memory, and free memory that the C library holds back.

        Models stay loaded, and files and Redis keep their answers. The next calls may take longer by what they compute again.
        """
        return memory_limit.cleanup(self._engine.memory)
