"""Conditional writes of one item, one after the other within this process."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.rest.problems import ProblemError

WAIT_SECONDS = 30.0
_Item = tuple[str, ...]  # a namespace, and the parts of an address


class ItemLocks:
    """A lock for each item that conditional requests write at the moment."""

    def __init__(self) -> None:
        """Begin without locks."""
        self._change = threading.Lock()
        self._locks: dict[_Item, threading.Lock] = {}
        self._users: Counter[_Item] = Counter()
        renew_locks_in_children(self)

    @contextmanager
    def hold(self, namespace: str, path: str) -> Iterator[None]:
        """Hold the lock of an item during the block.

        Args:
            namespace: Of the item.
            path: Of a request that writes the item, or something below it.

        Raises:
            ProblemError: Other requests have had the lock for `WAIT_SECONDS`.
        """
        item = (namespace, *path.split("/")[:4])  # as in /v1/conversations/ID
        with self._change:
            lock = self._locks.setdefault(item, threading.Lock())
            self._users[item] += 1
        try:
            if not lock.acquire(timeout=WAIT_SECONDS):
                raise ProblemError(
                    "unavailable",
                    "other requests write this item, or have this Idempotency-Key; try again",
                    retryable=True,
                )
            try:
                yield
            finally:
                lock.release()
        finally:
            with self._change:
                self._users[item] -= 1
                if not self._users[item]:
                    del self._users[item], self._locks[item]
