"""The one door to the database: runs statements, ends them in time, replays what may be replayed, translates errors.

Every write of this library may be repeated (deterministic keys, `MERGE` on constraints), so a write whose answer was lost is replayed
like a read. A statement runs as an auto-commit transaction: one round trip, where begin, run and commit would take three.
"""

import logging
import math
import os
import random
import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

import neo4j
import neo4j.exceptions as theirs
import numpy as np
from neo4j.vector import Vector

import cypher
from cypher import Dialect
from kg.deadline import Threads
from kg.errors import ContextPersistenceError, DatabaseError, Outcome
from kg.failures import replayable, translate, unreachable
from kg.limits import DEADLINE_SECONDS
from kg.pool import Auth, Pool
from kg.statement import Statement

log = logging.getLogger(f"mcp_context_persistence.{__name__}")

T = TypeVar("T")
Run = Callable[[Statement[Any]], list[Any]]

FIRST_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class Server:
    """What is known of the server after the first contact.

    Attributes:
        version: Such as ``2026.02.3``.
        edition: ``community`` or ``enterprise``.
        dialect: ``25`` where Cypher 25 with `SEARCH` is there, else ``5``.
        binary_vectors: Whether vectors travel as binary (Bolt 6), four bytes a number, instead of as lists.
    """

    version: str
    edition: str
    dialect: Dialect
    binary_vectors: bool


class Graph:
    """A connection pool to one database. Safe to share between threads."""

    def __init__(
        self,
        uri: str,
        auth: Auth = None,
        *,
        database: str | None = None,
        pool_size: int = 30,
        deadline: float = DEADLINE_SECONDS,
        revive: Callable[[], str | None] | None = None,
        credentials: Callable[[str], Auth] | None = None,
    ) -> None:
        """Open a pool; nothing is sent before the first statement.

        Args:
            uri: `bolt://` or `neo4j://` with their `+s` and `+ssc` forms.
            auth: User and password.
            database: The database's name; the server's default one when None.
            pool_size: Connections at most.
            deadline: Seconds after which a call ends, retries included.
            revive: Called when the server is not at the address; returns when it is there again, with its address if that may have
                changed.
            credentials: Takes the place of `auth`: asked for each new connection, with the pool's address; None where what listens
                there is not the server that the password is meant for, so that it is not sent.
        """
        self._database = database
        self.client_id = uuid.uuid4().hex  # by which the server knows its connections
        self._revive = revive
        self._deadline = deadline
        self._threads = Threads(name="context-persistence-database")
        self._left = threading.local()
        self._server: Server | None = None
        self._lock = threading.Lock()  # of the state, the address and the pool
        self._state: Literal["open", "closed", "forked"] = "open"
        self._credentials = credentials
        self._options: dict[str, Any] = {
            "auth": auth,
            "max_connection_pool_size": pool_size,
            "connection_timeout": min(10.0, deadline),
            "connection_acquisition_timeout": deadline,
            "connection_write_timeout": deadline,
            "notifications_min_severity": "OFF",
            "telemetry_disabled": True,
            "user_agent": f"context-persistence/{self.client_id}",
        }
        try:
            self._pool = Pool(uri, self._options, credentials)
        except (theirs.DriverError, ValueError) as error:
            raise DatabaseError("the database address was refused by the driver; it must look like bolt://host:7687") from error
        _graphs.add(self)

    @property
    def driver(self) -> neo4j.Driver:
        """The pool itself, for libraries that bring statements of their own."""
        self._check_open()
        return self._pool.driver

    @property
    def database(self) -> str | None:
        """Name of the server's database, None for its default one."""
        return self._database

    @property
    def seconds_left(self) -> float:
        """Seconds until the deadline of this thread's call, the whole deadline outside of one."""
        left: float | None = getattr(self._left, "seconds", None)
        return self._deadline if left is None else left

    def wait(self, event: threading.Event, seconds: float = math.inf) -> bool:
        """Wait for an event within the deadline of this thread's call, which goes on meanwhile.

        Args:
            event: What to wait for.
            seconds: For which to wait at most.

        Returns:
            Whether time is left.
        """
        start, left = time.monotonic(), self.seconds_left
        event.wait(max(0.0, min(seconds, left)))
        left -= time.monotonic() - start
        if getattr(self._left, "seconds", None) is not None:
            self._left.seconds = left
        return left > 0

    @property
    def server(self) -> Server:
        """Version and abilities of the server; asked once."""
        if self._server is None:
            self._server = self._look()
        return self._server

    def run(
        self,
        statement: Statement[T],
        *,
        deadline: float | None = None,
    ) -> list[T]:
        """Run one statement in a transaction of its own and read all of its rows.

        Args:
            statement: What to run.
            deadline: Seconds, instead of the pool's own.

        Raises:
            DatabaseError: It failed; the driver's error is the cause.
        """
        text = statement.text(self.server.dialect)
        parameters = self._encode(statement.parameters)
        chain: list[neo4j.Bookmarks] | None = getattr(self._left, "chain", None)

        def once(seconds: float) -> list[T]:
            with self._session(writes=statement.writes, after=chain[-1] if chain else None) as session:
                query = neo4j.Query(text, metadata=_named(statement), timeout=seconds)
                rows = [statement.read(row) for row in session.run(query, parameters)]
                if chain is not None:
                    chain.append(session.last_bookmarks())
                return rows

        return self._in_time(once, statement.name, writes=statement.writes, deadline=deadline)

    def transact(
        self,
        work: Callable[[Run], T],
        *,
        name: str,
        deadline: float | None = None,
    ) -> T:
        """Run several statements in one transaction: all of them, or none.

        Args:
            work: Gets a function that runs a statement and returns its rows; may be called again from the start.
            name: What the transaction is called in the server's logs.
            deadline: Seconds, instead of the pool's own.
        """
        dialect = self.server.dialect

        def once(seconds: float) -> T:
            with (
                self._session(writes=True) as session,
                session.begin_transaction(metadata={"statement": name}, timeout=seconds) as transaction,
            ):

                def run(statement: Statement[Any]) -> list[Any]:
                    rows = transaction.run(statement.text(dialect), self._encode(statement.parameters))
                    return [statement.read(row) for row in rows]

                value = work(run)
                transaction.commit()
                return value

        return self._in_time(once, name, writes=True, deadline=deadline)

    @contextmanager
    def call(self, seconds: float | None = None) -> Iterator[None]:
        """Make everything that this thread runs inside share one deadline. What is computed between the statements does not count.

        Args:
            seconds: Inside a call, a part of its deadline.
        """
        outer = getattr(self._left, "seconds", None)
        whole = self._deadline if outer is None else outer
        given = self._left.seconds = whole if seconds is None else min(seconds, whole)
        try:
            yield
        finally:
            self._left.seconds = None if outer is None else outer - (given - self._left.seconds)

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Make each statement that this thread runs inside see everything that the ones before it saw, indexes and cluster members included."""
        self._left.chain = []
        try:
            yield
        finally:
            self._left.chain = None

    @property
    def forked(self) -> bool:
        """Whether this is a copy in a forked child, which must not touch the parent's connections."""
        return self._state == "forked"

    def close(self) -> None:
        """Close the pool, after the calls that run. Calling it again does nothing; in a forked child it leaves the parent's connections alone."""
        with self._lock:
            if self._state != "open":
                return
            self._state = "closed"
        self._threads.close()
        self._pool.close()

    def _forget(self) -> None:
        """In a forked child: the sockets are the parent's, and the threads are not here."""
        self._state = "forked"
        _of_parents.append(self._pool)  # kept, so that nothing closes it
        self._threads = Threads(name="context-persistence-database")
        self._lock = threading.Lock()  # a thread that is not here may hold the old one

    def _check_open(self, outcome: Outcome = "not_applied") -> None:
        if self._state == "closed":
            raise DatabaseError("the client is closed; open another one", outcome=outcome)
        if self._state == "forked":
            raise DatabaseError("this client belongs to the parent process; open another one in this one")

    def _move(self, uri: str) -> None:
        """The server is somewhere else now: a new pool takes the place of the old one."""
        with self._lock:
            if uri == self._pool.uri or self._state != "open":
                return
            old, self._pool = self._pool, Pool(uri, self._options, self._credentials)
        old.close()

    def reconnect(self) -> None:
        """Let go of the connections that nobody uses, and of the others after their calls; the server is about to be started again."""
        with self._lock:
            if self._state != "open":
                return
            old, self._pool = self._pool, Pool(self._pool.uri, self._options, self._credentials)
        old.close()

    @contextmanager
    def _session(self, *, writes: bool, after: neo4j.Bookmarks | None = None) -> Iterator[neo4j.Session]:
        mode = neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS
        with (
            self._pool.use() as driver,
            driver.session(database=self._database, bookmarks=after, default_access_mode=mode) as session,
        ):
            yield session

    def _in_time(
        self,
        once: Callable[[float], T],
        name: str,
        *,
        writes: bool,
        deadline: float | None,
    ) -> T:
        """Call `once` until it succeeds, fails for good, or the deadline has passed."""
        self._check_open()
        left = getattr(self._left, "seconds", None)
        seconds = deadline if deadline is not None else self._deadline if left is None else left
        start = time.monotonic()
        try:
            return self._until(start + seconds, once, name, writes=writes)
        finally:
            if left is not None:
                self._left.seconds = left - (time.monotonic() - start)

    def _until(self, end: float, once: Callable[[float], T], name: str, *, writes: bool) -> T:
        pause = FIRST_PAUSE_SECONDS
        lost: Outcome = "unknown" if writes else "not_applied"
        while True:
            pool = self._pool
            left = max(0.001, end - time.monotonic())
            try:
                return self._threads.call(partial(once, left), seconds=left)
            except TimeoutError as error:
                self._check_open(lost)
                text = f"{name}: no answer within the deadline of {self._deadline:g} s; is the server alive?"
                raise DatabaseError(text, retryable=True, outcome=lost) from error
            except (theirs.Neo4jError, theirs.DriverError, OSError) as error:
                self._check_open(lost)
                if self._pool is not pool:
                    continue  # the server has moved, and another call has seen it first
                if self._revive and unreachable(error) and self._revived(end):
                    time.sleep(min(pause, max(0.0, end - time.monotonic())))
                    pause = min(pause * 2, 2.0)
                    continue
                self._check_open(lost)
                wait = pause * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
                if not replayable(error) or time.monotonic() + wait >= end:
                    raise translate(error, name=name, writes=writes) from error
                log.debug("%s: replayed after %s", name, type(error).__name__)
                time.sleep(wait)
                pause = min(pause * 2, 2.0)

    def _revived(self, end: float) -> bool:
        """Whether the server is there again before `end`."""
        left = end - time.monotonic()
        if self._revive is None or left <= 0:
            return False
        try:
            moved = self._threads.call(self._revive, seconds=left)
            if moved:
                self._move(moved)
        except (TimeoutError, OSError, ContextPersistenceError) as error:
            log.warning("the server could not be started again: %s", type(error).__name__)
            return False
        return True

    def _look(self) -> Server:
        def once(_seconds: float) -> tuple[str, str, bool]:
            with self._session(writes=False) as session:
                result = session.run(cypher.load("maintenance/components").text)
                rows = {row["name"]: row for row in result}
                kernel = rows["Neo4j Kernel"]
                return kernel["versions"][0], kernel["edition"], result.consume().server.protocol_version >= (6, 0)

        version, edition, binary = self._in_time(once, "server", writes=False, deadline=None)
        return Server(version=version, edition=edition, dialect=dialect_of(version), binary_vectors=binary)

    def _encode(self, value: Any) -> Any:
        """Parameters with their vectors in the encoding that this server takes; arrays are looked for in maps and lists."""
        if isinstance(value, np.ndarray):
            if self.server.binary_vectors:
                return Vector(value.astype(np.float32, copy=False))
            return value.astype(float).tolist()
        if isinstance(value, Mapping):
            return {key: self._encode(one) if isinstance(one, (list, dict, np.ndarray)) else one for key, one in value.items()}
        if isinstance(value, list) and value and isinstance(value[0], (dict, list, np.ndarray)):
            return [self._encode(one) for one in value]
        return value


_graphs: "weakref.WeakSet[Graph]" = weakref.WeakSet()
_of_parents: list[Pool] = []


def _in_forked_child() -> None:
    for graph in list(_graphs):
        graph._forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_forked_child)


def _named(statement: Statement[Any]) -> dict[str, Any]:
    return {"statement": statement.name}


def dialect_of(version: str) -> Dialect:
    """The dialect that a server of this version speaks with `SEARCH`: 2026.02 and later, and Aura, whose versions end in ``-aura``."""
    match = re.match(r"(\d{4})\.(\d+)", version)
    if match is None:
        return "25" if version.endswith("-aura") else "5"
    return "25" if (int(match[1]), int(match[2])) >= (2026, 2) else "5"
