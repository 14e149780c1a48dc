"""Let a batch go on while there is memory for it."""

import time

from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.runtime.process_memory import (
    REST_SECONDS,
    ClientMemory,
    current_limit,
    free_memory,
    seconds_since_cleanup,
)

WAIT_SECONDS = 5.0  # for memory, before items are refused
PAUSE_SECONDS = 0.1


class BatchThrottle:
    """Waits for memory in a batch, and says which items must be left out."""

    def __init__(self, memory: ClientMemory) -> None:
        self._memory = memory
        self._has_refused = False

    def is_near_limit(self) -> bool:
        """Return whether the limit is near: work that is under way should be finished first."""
        limit = current_limit()
        return limit is not None and self._memory.used_bytes(limit) >= limit.near

    def wait_for_memory(self) -> ContextPersistenceError | None:
        """Free memory and wait for it; return the error of the next items if it is not enough."""
        limit = current_limit()
        until = time.monotonic() + (0.0 if self._has_refused else WAIT_SECONDS)
        while limit:
            if limit.is_automatic and (
                seconds_since_cleanup() > REST_SECONDS
                or (self._memory.used_bytes(limit) >= limit.full and not self._has_refused)
            ):
                free_memory()
            used = self._memory.used_bytes(limit)
            if used < limit.full:
                break
            if time.monotonic() >= until:
                self._has_refused = True
                text = (
                    f"not tried: {used:,} bytes of memory are in use, and the limit is "
                    f"{limit.size:,}; raise it, or run the batch again"
                )
                return ContextPersistenceError(text, retryable=True)
            time.sleep(PAUSE_SECONDS)
            limit = current_limit()
        self._has_refused = False
        return None
