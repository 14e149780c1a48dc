"""A pool of connections that tells the password to nobody but the server, and is closed when nobody uses it any more.

The driver waits for an answer for ever. What it lacks is added here, at the two places where it hands out a connection: an attempt
knows its connection, so that a caller whose deadline has passed can cut it, and a connection that was idle for a while must answer
before it is used. The names of the driver's that this takes are private ones; its version is pinned.
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
import neo4j.exceptions as theirs
from neo4j._deadline import Deadline, connection_deadline
from neo4j.auth_management import AuthManager

from mcp_context_persistence.kg.driver.attempt import AbandonedError, Attempt

Auth = tuple[str, str] | None

IDLE_SECONDS = (
    1.0  # without a message, after which a connection must answer before it is used again
)
PROBE_SECONDS = 5.0  # to wait for that answer, at most


class WrongListenerError(theirs.ServiceUnavailable):
    """What listens at the server's address is not the server."""


class Pool:
    """A driver with its address. What happens when a driver is closed while it is used is undefined: its last user closes it.

    Attributes:
        uri: Where it leads to.
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
            uri: Where it leads to.
            options: Of the driver.
            credentials: See `kg.driver.graph.Graph`.
            probe: Seconds in which a connection that was idle must answer.
        """
        if credentials is not None:
            guard = _Guard(partial(credentials, uri))
            options = {**options, "auth": guard, "resolver": guard.resolve}
        self.uri = uri
        self.driver = neo4j.GraphDatabase.driver(uri, **options)
        self._users, self._closed, self._lock = 0, False, threading.Lock()
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
        """The driver, for the time of the block.

        Args:
            attempt: What this thread uses it for.
        """
        with self._lock:
            if self._closed:
                raise theirs.DriverError("the pool is closed")
            self._users += 1
        self._current.attempt = attempt
        try:
            yield self.driver
        finally:
            self._current.attempt = None
            with self._lock:
                self._users -= 1
                last = self._closed and self._users == 0
            if last:
                self.driver.close()

    def close(self) -> None:
        """Close it, after the calls that run."""
        with self._lock:
            self._closed, last = True, self._users == 0
        if last:
            self.driver.close()

    def _acquire_alive(
        self, address: Any, auth: Any, deadline: Any, *rest: Any, **more: Any
    ) -> Any:
        """Take a connection to any server, proven to answer where it was idle; a dead one takes the other idle ones with it."""
        attempt: Attempt | None = getattr(self._current, "attempt", None)
        while True:
            connection = self._acquire_any(address, auth, deadline, *rest, **more)
            if attempt is not None:
                self._owners[connection] = attempt
                self._noted(partial(attempt.connect, partial(self._cut, connection)), connection)
            try:
                if not connection.is_idle_for(IDLE_SECONDS) or self._answers(connection):
                    return connection
            except BaseException:
                self._connections.kill_and_release(connection)
                raise
            self._connections.release(connection)
            self._connections.deactivate(address)

    def _acquire_to_send(self, *given: Any, **more: Any) -> Any:
        """Take the connection for a statement or transaction; what follows is sent."""
        connection = self._acquire(*given, **more)
        attempt: Attempt | None = getattr(self._current, "attempt", None)
        if attempt is not None:
            self._noted(attempt.send, connection)
        return connection

    def _noted(self, note: Callable[[], None], connection: Any) -> None:
        try:
            note()
        except AbandonedError:
            self._connections.kill_and_release(connection)
            raise

    def _answers(self, connection: Any) -> bool:
        with connection_deadline(connection, Deadline(self._probe)):  # type: ignore[no-untyped-call]
            try:
                connection.liveness_check()
            except (OSError, theirs.ServiceUnavailable, theirs.SessionExpired):
                return False
        return True

    def _cut(self, connection: Any, attempt: Attempt) -> None:
        """Shut a connection's socket down, if the attempt still has it: whoever waits for it sees its end, and closes it."""
        if connection.in_use and self._owners.get(connection) is attempt:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(
                    connection.socket._socket, socket.SHUT_RDWR
                )  # also below TLS


class _Guard(AuthManager):
    """Gives credentials to a connection whose listener is proven to be the server, and to nobody who took the server's port.

    The driver asks `resolve` before it connects and `get_auth` when the connection stands, both on one thread. It also asks `get_auth`
    each time when it takes a connection from the pool; that one was proven when it was made.
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

    def handle_security_exception(self, auth: object, error: theirs.Neo4jError) -> bool:
        return False

    def _prove(self) -> neo4j.Auth:
        auth = self._credentials()
        if auth is None:
            raise WrongListenerError("refused to talk to a listener that is not the server")
        return neo4j.basic_auth(*auth)
