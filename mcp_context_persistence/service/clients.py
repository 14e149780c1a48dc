"""The clients of the service: one for each namespace that is in use.

Language models and the managed server are shared by all of them.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children
from mcp_context_persistence.service.settings import ServiceSettings

STOPPING = "The service is stopping."
FAILURE_SECONDS = 1.0  # for which a failed opening is not tried again


@dataclass(eq=False)
class _Entry:
    """A client, and how many calls use it."""

    client: ContextPersistenceClient | None = None
    users: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    failed_at: float = 0.0
    failure: ContextPersistenceError | None = None


class ClientPool:
    """Opens a client for each namespace at its first call, and closes those that rest longest."""

    def __init__(self, settings: ServiceSettings) -> None:
        """Create it; nothing is opened yet."""
        self._settings = settings
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._lock = threading.Lock()
        self._is_closed = False
        renew_locks_in_children(self)

    @contextmanager
    def use(self, namespace: str) -> Iterator[ContextPersistenceClient]:
        """Yield the client of a namespace, which stays open during the block.

        Raises:
            DatabaseError: The service is stopping, the client cannot be opened, or all clients are
                in use.
        """
        entry, resting = self._take(namespace)
        try:
            for client in resting:
                client.close()
            yield self._open(entry, namespace)
        finally:
            with self._lock:
                entry.users -= 1

    def close(self) -> None:
        """Close all clients; each waits for its calls. One that is being opened closes itself."""
        with self._lock:
            self._is_closed = True
            entries = list(self._entries.values())
            self._entries.clear()
        for entry in entries:
            if entry.client is not None:
                entry.client.close()

    def _take(self, namespace: str) -> tuple[_Entry, list[ContextPersistenceClient]]:
        with self._lock:
            if self._is_closed:
                raise DatabaseError(STOPPING, retryable=True)
            entry = self._entries.get(namespace)
            resting: list[ContextPersistenceClient] = []
            if entry is None:
                resting = self._make_room()
                entry = self._entries[namespace] = _Entry()
            self._entries.move_to_end(namespace)
            entry.users += 1
            return entry, resting

    def _make_room(self) -> list[ContextPersistenceClient]:
        """Remove clients without calls, and return them; the caller closes them."""
        removed = []
        for namespace, entry in list(self._entries.items()):
            if len(self._entries) < limits.SERVICE_NAMESPACES:
                break
            if entry.users == 0:
                del self._entries[namespace]
                if entry.client is not None:
                    removed.append(entry.client)
        if len(self._entries) >= limits.SERVICE_NAMESPACES:
            raise DatabaseError(
                "Too many namespaces are in use at the same time: try again later.", retryable=True
            )
        return removed

    def _open(self, entry: _Entry, namespace: str) -> ContextPersistenceClient:
        if entry.client is not None:
            return entry.client
        if not entry.lock.acquire(timeout=limits.DEADLINE_SECONDS):
            raise DatabaseError("The store is still being opened: try again.", retryable=True)
        try:
            if entry.client is None:
                if entry.failure and time.monotonic() - entry.failed_at < FAILURE_SECONDS:
                    raise entry.failure
                return self._make_client(entry, namespace)
            return entry.client
        finally:
            entry.lock.release()

    def _make_client(self, entry: _Entry, namespace: str) -> ContextPersistenceClient:
        settings = self._settings
        try:
            client = ContextPersistenceClient(
                settings.database_url,
                config=None if settings.config is None else dict(settings.config),
                auth=settings.auth,
                namespace=namespace,
            )
            if settings.redis_url is not None:
                client.configure_cache("redis", redis_url=settings.redis_url)
        except ContextPersistenceError as error:
            # Whatever the reason is, the caller is not the one who can mend it.
            entry.failure = DatabaseError(
                "The store cannot be opened; the log of the service says why.", retryable=True
            )
            entry.failed_at = time.monotonic()
            raise entry.failure from error
        with self._lock:
            if not self._is_closed:
                entry.client = client
                return client
        client.close()
        raise DatabaseError(STOPPING, retryable=True)
