"""What the requests of one caller may take of the service, so that the others are served too."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.callers import NEIGHBOR, Caller
from mcp_context_persistence.rest.problems import ProblemError


class _Requests:
    """The requests of one caller that are not answered yet."""

    def __init__(self, threads: int) -> None:
        self.count = 0
        self.threads = asyncio.Semaphore(threads)


class Shares:
    """Counts the requests that were let in and are not answered yet.

    Attributes:
        requests: Their number.
    """

    def __init__(self, *, threads: int, waiting: int) -> None:
        """Take how many calls run at the same time, and how many more requests may wait."""
        self.requests = 0
        self._threads, self._places = threads, threads + waiting
        self._callers: dict[str, _Requests] = {}

    @asynccontextmanager
    async def count(self, caller: Caller) -> AsyncIterator[None]:
        """Count a request during the block.

        Raises:
            ProblemError: Too many requests wait, of all callers or of this one.
        """
        own = self._callers.get(caller.id) or _Requests(_share(self._threads, caller))
        if self.requests >= self._places or own.count >= _share(self._places, caller):
            raise ProblemError("unavailable", "too many requests wait", retryable=True)
        self._callers[caller.id] = own
        self.requests += 1
        own.count += 1
        try:
            yield
        finally:
            self.requests -= 1
            own.count -= 1
            if not own.count:
                del self._callers[caller.id]

    @asynccontextmanager
    async def run(self, caller: Caller) -> AsyncIterator[None]:
        """Wait for one of the caller's threads, and use it during the block."""
        async with self._callers[caller.id].threads:
            yield


class Memory:
    """The memory that the bodies of requests take together.

    Attributes:
        bytes: Their length.
    """

    def __init__(self) -> None:
        """Begin with no body."""
        self.bytes = 0
        self._by_caller: dict[str, int] = {}

    def take(self, caller: Caller, size: int) -> None:
        """Take memory; `give_back` gives it back, also what was refused.

        Raises:
            ProblemError: The bodies of all callers, or of this one, have all of it.
        """
        own = self._by_caller[caller.id] = self._by_caller.get(caller.id, 0) + size
        self.bytes += size
        available = limits.REQUEST_BODIES_BYTES
        if self.bytes > available or own > _share(available, caller):
            raise ProblemError(
                "unavailable",
                "other requests take all the memory for bodies",
                retryable=True,
                headers={"Connection": "close"},
            )

    def give_back(self, caller: Caller, size: int) -> None:
        """Give memory back."""
        self.bytes -= size
        self._by_caller[caller.id] = self._by_caller.get(caller.id, 0) - size
        if not self._by_caller[caller.id]:
            del self._by_caller[caller.id]


def _share(total: int, caller: Caller) -> int:
    """Return how much a caller may have: all of it, where the service has no others."""
    if caller.is_local or caller.id == NEIGHBOR:
        return total
    return max(1, int(total * limits.SERVICE_CALLER_SHARE))
