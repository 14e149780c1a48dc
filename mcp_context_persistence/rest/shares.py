"""What the requests of one namespace may take of the service, so that the others are served too."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.callers import NEIGHBOR, Caller
from mcp_context_persistence.rest.problems import ProblemError

CLOSE = {"Connection": "close"}  # the rest of the body must not be read as the next request
_Group = tuple[str, bool]  # a namespace, and whether it is the user of the service who calls


class _Requests:
    """The requests of one namespace that are not answered yet."""

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
        self._groups: dict[_Group, _Requests] = {}

    @contextmanager
    def count(self, caller: Caller) -> Iterator[None]:
        """Count a request during the block.

        Raises:
            ProblemError: Too many requests wait, of all namespaces or of this one.
        """
        own = self._groups.get(_group(caller)) or _Requests(_share(self._threads, caller))
        if self.requests >= self._places or own.count >= _share(self._places, caller):
            raise ProblemError("unavailable", "too many requests wait", retryable=True)
        self._groups[_group(caller)] = own
        self.requests += 1
        own.count += 1
        try:
            yield
        finally:
            self.requests -= 1
            own.count -= 1
            if not own.count:
                del self._groups[_group(caller)]

    def threads(self, caller: Caller) -> asyncio.Semaphore:
        """Return the threads of the namespace of a caller who has been counted."""
        return self._groups[_group(caller)].threads


class Memory:
    """The memory that the bodies of requests take together.

    Attributes:
        bytes: Their length.
    """

    def __init__(self) -> None:
        """Begin with no body."""
        self.bytes = 0
        self._by_group: dict[_Group, int] = {}

    def take(self, caller: Caller, size: int) -> None:
        """Take memory; `give_back` returns all of it, also the memory of a refused request.

        Raises:
            ProblemError: The bodies of all namespaces, or of this one, have all of it.
        """
        own = self._by_group[_group(caller)] = self._by_group.get(_group(caller), 0) + size
        self.bytes += size
        available = limits.REQUEST_BODIES_BYTES
        if self.bytes > available or own > _share(available, caller):
            raise ProblemError(
                "unavailable",
                "other requests take all the memory for bodies",
                retryable=True,
                headers=CLOSE,
            )

    def give_back(self, caller: Caller, size: int) -> None:
        """Give memory back."""
        self.bytes -= size
        self._by_group[_group(caller)] = self._by_group.get(_group(caller), 0) - size
        if not self._by_group[_group(caller)]:
            del self._by_group[_group(caller)]


def _group(caller: Caller) -> _Group:
    return caller.namespace, _is_user(caller)


def _is_user(caller: Caller) -> bool:
    return caller.is_local or caller.id == NEIGHBOR


def _share(total: int, caller: Caller) -> int:
    """Return how much a namespace may have: all of it for who needs no key."""
    if _is_user(caller):
        return total
    return max(1, int(total * limits.SERVICE_SHARE))
