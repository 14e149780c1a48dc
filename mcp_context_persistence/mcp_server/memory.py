"""Open the client of a server when it is first needed."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

if TYPE_CHECKING:
    from mcp_context_persistence.client import ContextPersistenceClient

log = logging.getLogger(__name__)


class Memory(Protocol):
    """Gives a tool its client."""

    @property
    def stage(self) -> str | None:
        """What the opening of the client is doing; None when it is open or was not begun."""

    def use(self, scope: str) -> AbstractContextManager["ContextPersistenceClient"]:
        """Return the client as a context, in which it stays open.

        Args:
            scope: What the call does: `read`, `write`, `forget` or `admin`.
        """


@dataclass(frozen=True, kw_only=True)
class OpenMemory:
    """A client that is open already, for example that of a service."""

    client: "ContextPersistenceClient"
    stage: None = None

    @contextmanager
    def use(self, scope: str) -> Iterator["ContextPersistenceClient"]:
        """Yield the client, for whatever it is used."""
        yield self.client


class LazyMemory:
    """A client that the first call opens, so that a server that nobody uses starts no Neo4j."""

    def __init__(self, database_url: str | None = None, namespace: str = "default") -> None:
        """Remember what to open.

        Args:
            database_url: As in `ContextPersistenceClient`; None means the configured one.
            namespace: The namespace of all calls.
        """
        self._database_url, self._namespace = database_url, namespace
        self._client: ContextPersistenceClient | None = None
        self._lock = threading.Lock()
        self._is_preloading = False
        self.stage: str | None = None
        renew_locks_in_children(self)

    def preload(self) -> None:
        """Find the service, or import the client; call this when the tools have been listed."""
        if not self._is_preloading:
            self._is_preloading = True
            thread = threading.Thread(
                target=self._import_client, name="context-persistence-import", daemon=True
            )
            with suppress(RuntimeError):  # no more threads: the first call imports it
                thread_start.start(thread)

    @contextmanager
    def use(self, scope: str) -> Iterator["ContextPersistenceClient"]:
        """Yield the client, after opening it if needed, for whatever it is used.

        Raises:
            ContextPersistenceError: The client could not be opened; the next call tries again.
        """
        yield self._get_client()

    def close(self) -> None:
        """Close the client if it is open."""
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    def _get_client(self) -> "ContextPersistenceClient":
        with self._lock:
            if self._client is None:
                self.stage = "loading"
                try:
                    self._client = self._open()
                finally:
                    self.stage = None
            return self._client

    def _open(self) -> Any:
        from mcp_context_persistence.service.remote import connect  # noqa: PLC0415 - slow to import

        remote = connect(self._database_url, self._namespace, open_store=self._open_store)
        return self._open_store() if remote is None else remote

    def _open_store(self) -> "ContextPersistenceClient":
        from mcp_context_persistence.client import ContextPersistenceClient  # noqa: PLC0415 - slow to import

        return ContextPersistenceClient(
            self._database_url, namespace=self._namespace, progress=self._report
        )

    def _report(self, stage: str, _done: int, _total: int) -> None:
        self.stage = stage

    def _import_client(self) -> None:
        try:
            from mcp_context_persistence.service.remote import connect  # noqa: PLC0415 - slow

            remote = connect(self._database_url, self._namespace)
            if remote is not None:
                remote.close()
            import_module(f"mcp_context_persistence.{'models' if remote else 'client'}")
        except Exception:
            # The first call imports it again and reports the error to the assistant.
            log.exception("the client could not be imported")


FindMemory = Callable[[Any], Memory]  # gets the HTTP request of a call, None on stdio
