"""A pool of connections that tells the password to nobody but the server, and is closed when nobody uses it any more."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any

import neo4j
import neo4j.exceptions as theirs
from neo4j.auth_management import AuthManager

Auth = tuple[str, str] | None


class Pool:
    """A driver with its address. What happens when a driver is closed while it is used is undefined: its last user closes it.

    Attributes:
        uri: Where it leads to.
        driver: The driver.
    """

    def __init__(self, uri: str, options: Mapping[str, Any], credentials: Callable[[str], Auth] | None) -> None:
        if credentials is not None:
            guard = _Guard(partial(credentials, uri))
            options = {**options, "auth": guard, "resolver": guard.resolve}
        self.uri = uri
        self.driver = neo4j.GraphDatabase.driver(uri, **options)
        self._users, self._closed, self._lock = 0, False, threading.Lock()

    @contextmanager
    def use(self) -> Iterator[neo4j.Driver]:
        """The driver, for the time of the block."""
        with self._lock:
            if self._closed:
                raise theirs.DriverError("the pool is closed")
            self._users += 1
        try:
            yield self.driver
        finally:
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
            raise theirs.ServiceUnavailable("refused to talk to a listener that is not the server")
        return neo4j.basic_auth(*auth)
