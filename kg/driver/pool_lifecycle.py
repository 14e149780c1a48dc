"""The pool of a graph while it is open: replaced, closed, and left alone in a forked child."""

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, Literal

import neo4j.exceptions as driver_errors

from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.driver.pool import PROBE_SECONDS, Auth, Pool
from mcp_context_persistence.kg.errors import DatabaseError, Outcome
from mcp_context_persistence.kg.fork_safety import PARENTS_CLIENT, renew_locks_in_children

SPARE_THREADS = 4  # besides two for each connection
CONNECT_SECONDS = 10.0  # to open a connection, at most


class PoolLifecycle:
    """The pool that is in use, and the threads on which calls run.

    Attributes:
        pool: The pool in use.
        threads: Where calls run.
    """

    def __init__(
        self,
        uri: str,
        auth: Auth,
        *,
        size: int,
        deadline: float,
        user_agent: str,
        credentials: Callable[[str], Auth] | None,
    ) -> None:
        """Open a pool; nothing is sent yet. See `kg.driver.graph.Graph` for the arguments.

        Raises:
            DatabaseError: The driver refuses the address.
        """
        self._lock = threading.Lock()  # of the state and the pool
        renew_locks_in_children(self)
        self._state: Literal["open", "closed", "forked"] = "open"
        self._credentials = credentials
        self._probe_seconds = min(PROBE_SECONDS, deadline / 4)
        self._thread_limit = 2 * size + SPARE_THREADS
        self._options: dict[str, Any] = {
            "auth": auth,
            "max_connection_pool_size": size,
            "connection_timeout": min(CONNECT_SECONDS, deadline),
            "connection_acquisition_timeout": deadline,
            "connection_write_timeout": deadline,
            "notifications_min_severity": "OFF",
            "telemetry_disabled": True,
            "user_agent": user_agent,
        }
        self.threads = self._new_threads()
        try:
            self.pool = self._new_pool(uri)
        except (driver_errors.DriverError, ValueError) as error:
            raise DatabaseError(
                "the database address was refused by the driver; it must look like bolt://host:7687"
            ) from error
        _open_pools.add(self)

    @property
    def is_forked(self) -> bool:
        """Whether this is a copy in a forked child."""
        return self._state == "forked"

    def check_open(self, outcome: Outcome = "not_applied") -> None:
        """Raise a `DatabaseError` where the pool was closed, or belongs to the parent process."""
        if self._state == "closed":
            raise DatabaseError("the client is closed; open another one", outcome=outcome)
        if self._state == "forked":
            raise DatabaseError(PARENTS_CLIENT)

    def move(self, uri: str) -> None:
        """Replace the pool by one for another address of the server."""
        with self._lock:
            if uri == self.pool.uri or self._state != "open":
                return
            old, self.pool = self.pool, self._new_pool(uri)
        old.close()

    def reconnect(self) -> None:
        """Replace the pool; the old one closes when the running calls have ended."""
        with self._lock:
            if self._state != "open":
                return
            old, self.pool = self.pool, self._new_pool(self.pool.uri)
        old.close()

    def close(self) -> None:
        """Close the pool when the running calls have ended; a second call does nothing."""
        with self._lock:
            if self._state != "open":
                return
            self._state = "closed"
        self.threads.close()
        self.pool.close()

    def leave_parent(self) -> None:
        """In a forked child, let go of the parent's sockets and threads."""
        self._state = "forked"
        _parents_pools.append(self.pool)  # kept alive, so that nothing closes it
        self.threads = self._new_threads()

    def _new_pool(self, uri: str) -> Pool:
        return Pool(uri, self._options, self._credentials, probe=self._probe_seconds)

    def _new_threads(self) -> DaemonThreads:
        return DaemonThreads(name="context-persistence-database", limit=self._thread_limit)


_open_pools: "weakref.WeakSet[PoolLifecycle]" = weakref.WeakSet()
_parents_pools: list[Pool] = []


def _leave_parents() -> None:
    for lifecycle in list(_open_pools):
        lifecycle.leave_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_parents)
