"""A pool of connections that sends the password only to the server.

The driver waits for an answer for ever. This module adds two things where the driver hands out a
connection: an attempt knows its connection, so that a caller whose deadline has passed can cut it,
and a connection that was idle for a while must answer before it is used. It replaces private
methods of the driver; the driver's version is pinned.
"""

import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import neo4j
import neo4j.exceptions as driver_errors
from neo4j._deadline import Deadline as DriverDeadline
from neo4j._deadline import connection_deadline
from neo4j._sync.io import Bolt
from neo4j.auth_management import AuthManager

from mcp_context_persistence.kg.driver.attempt import AbandonedError, Attempt
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

Auth = tuple[str, str] | None

# After so many seconds without a message, a connection must answer before it is used again.
IDLE_SECONDS = 1.0
PROBE_SECONDS = 5.0  # to wait for that answer, at most


def _close_collected(connection: Any, close: Callable[[Any], None] = Bolt.__del__) -> None:
    """Close a connection that nobody refers to.

    The constructor of the driver fails where the server dies just then. What it leaves lacks the
    attributes that closing needs, and Python would print that to standard error.
    """
    if hasattr(connection, "hydration_handler"):
        close(connection)
    elif hasattr(connection, "socket"):
        with contextlib.suppress(OSError):
            connection.socket.close()


Bolt.__del__ = _close_collected  # type: ignore[method-assign]


class WrongListenerError(driver_errors.ServiceUnavailable):
    """The listener at the server's address is not the server."""


class Pool:
    """A driver with its address.

    A driver must not be closed while it is used, so its last user closes it.

    Attributes:
        uri: The address.
        driver: The driver.
    """

    def __init__(
        self,
        uri: str,
        options: Mapping[str, Any],
        credentials: Callable[[str], Auth] | None,
        *,
        probe: float = PROBE_SECONDS,
    ) -> None:
        """Connect to nothing yet.

        Args:
            uri: The address.
            options: Options of the driver.
            credentials: See `kg.driver.graph.Graph`.
            probe: Seconds in which a connection that was idle must answer.
        """
        if credentials is not None:
            proof = _ProvenListener(partial(credentials, uri))
            options = {**options, "auth": proof, "resolver": proof.resolve}
        self.uri = uri
        self.driver = neo4j.GraphDatabase.driver(uri, **options)
        self._users, self._is_closed, self._lock = 0, False, threading.Lock()
        renew_locks_in_children(self)
        self._probe = probe
        self._current = threading.local()
        self._owners: weakref.WeakKeyDictionary[Any, Attempt] = weakref.WeakKeyDictionary()
        self._connections: Any = self.driver._pool
        self._acquire_any, self._acquire = self._connections._acquire, self._connections.acquire
        self._connections._acquire, self._connections.acquire = (
            self._acquire_alive,
            self._acquire_to_send,
        )

    @contextmanager
    def use(self, attempt: Attempt | None = None) -> Iterator[neo4j.Driver]:
        """Lend the driver for the time of a block.

        Args:
            attempt: The attempt for which this thread uses it.
        """
        with self._lock:
            if self._is_closed:
                raise driver_errors.DriverError("the pool is closed")
            self._users += 1
        self._current.attempt = attempt
        try:
            yield self.driver
        finally:
            self._current.attempt = None
            with self._lock:
                self._users -= 1
                is_last = self._is_closed and self._users == 0
            if is_last:
                self.driver.close()

    def close(self) -> None:
        """Close the driver when the running calls have ended."""
        with self._lock:
            self._is_closed, is_unused = True, self._users == 0
        if is_unused:
            self.driver.close()

    def _acquire_alive(
        self, address: Any, auth: Any, deadline: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Take a connection to any server; one that was idle must answer first.

        Where it does not answer, all idle connections to the same address are dropped.
        """
        attempt: Attempt | None = getattr(self._current, "attempt", None)
        while True:
            connection = self._acquire_any(address, auth, deadline, *args, **kwargs)
            if attempt is not None:
                self._owners[connection] = attempt
                self._note(
                    partial(attempt.note_connection, partial(self._cut, connection)), connection
                )
            try:
                if not connection.is_idle_for(IDLE_SECONDS) or self._is_alive(connection):
                    return connection
            except BaseException:
                self._connections.kill_and_release(connection)
                raise
            self._connections.release(connection)
            self._connections.deactivate(address)

    def _acquire_to_send(self, *args: Any, **kwargs: Any) -> Any:
        """Take the connection for a statement or transaction, which is sent next."""
        connection = self._acquire(*args, **kwargs)
        attempt: Attempt | None = getattr(self._current, "attempt", None)
        if attempt is not None:
            self._note(attempt.note_sending, connection)
        return connection

    def _note(self, step: Callable[[], None], connection: Any) -> None:
        """Note a step of the attempt; drop the connection where nobody waits for it."""
        try:
            step()
        except AbandonedError:
            self._connections.kill_and_release(connection)
            raise

    def _is_alive(self, connection: Any) -> bool:
        with connection_deadline(connection, DriverDeadline(self._probe)):  # type: ignore[no-untyped-call]
            try:
                connection.liveness_check()
            except BaseException:  # the driver raises any class where it cannot read the answer
                return False
        return True

    def _cut(self, connection: Any, attempt: Attempt) -> None:
        """Shut down the socket of a connection that the attempt still has.

        The thread that waits on it sees the end of the stream, and closes it. After some replies
        the driver waits for nothing: it asks the connection again and again, until that fails.
        """
        if connection.in_use and self._owners.get(connection) is attempt:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(
                    connection.socket._socket, socket.SHUT_RDWR
                )  # also below TLS
            connection._defunct = True


class _ProvenListener(AuthManager):
    """Gives credentials to connections whose listener is proven to be the server.

    Another process may have taken the server's port. The driver calls `resolve` before it connects
    and `get_auth` when it is connected, both on one thread. It also calls `get_auth` each time when
    it takes a connection from the pool; that one was proven when it was made.
    """

    def __init__(self, credentials: Callable[[], Auth]) -> None:
        self._credentials = credentials
        self._connecting = threading.local()
        self._auth: neo4j.Auth | None = None

    def resolve(self, address: neo4j.Address) -> list[neo4j.Address]:
        self._prove()
        self._connecting.now = True
        return [address]

    def get_auth(self) -> neo4j.Auth:
        if self._auth is None or getattr(self._connecting, "now", False):
            self._connecting.now = False
            self._auth = self._prove()
        return self._auth

    def handle_security_exception(self, auth: object, error: driver_errors.Neo4jError) -> bool:
        return False

    def _prove(self) -> neo4j.Auth:
        auth = self._credentials()
        if auth is None:
            raise WrongListenerError("refused to talk to a listener that is not the server")
        return neo4j.basic_auth(*auth)
