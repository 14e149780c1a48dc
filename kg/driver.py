"""The one door to the database: runs statements, ends them in time, replays what may be replayed, translates errors.

Every write of this library may be repeated (deterministic keys, `MERGE` on constraints), so a write whose answer was lost is replayed
like a read. A statement runs as an auto-commit transaction: one round trip, where begin, run and commit would take three.
"""

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import neo4j
import neo4j.exceptions as theirs
import numpy as np
from neo4j.vector import Vector

import cypher
from cypher import Dialect
from kg.deadline import Threads
from kg.errors import ContextPersistenceError, DatabaseError, Outcome
from kg.limits import DEADLINE_SECONDS
from kg.statement import Statement

log = logging.getLogger(f"mcp_context_persistence.{__name__}")

T = TypeVar("T")
Run = Callable[[Statement[Any]], list[Any]]
Auth = tuple[str, str] | None

FIRST_PAUSE_SECONDS = 0.05
MEMORY_CODES = frozenset(
    {
        "Neo.TransientError.General.MemoryPoolOutOfMemoryError",
        "Neo.TransientError.General.TransactionMemoryLimit",
        "Neo.TransientError.General.OutOfMemoryError",
    }
)


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
        revive: Callable[[], object] | None = None,
    ) -> None:
        """Open a pool; nothing is sent before the first statement.

        Args:
            uri: `bolt://` or `neo4j://` with their `+s` and `+ssc` forms.
            auth: User and password.
            database: The database's name; the server's default one when None.
            pool_size: Connections at most.
            deadline: Seconds after which a call ends, retries included.
            revive: Called when nothing listens at the address; returns when the server is there again.
        """
        self._database = database
        self._revive = revive
        self._deadline = deadline
        self._threads = Threads(name="context-persistence-database")
        self._left = threading.local()
        self._server: Server | None = None
        self._server_lock = threading.Lock()
        try:
            self._driver = neo4j.GraphDatabase.driver(
                uri,
                auth=auth,
                max_connection_pool_size=pool_size,
                connection_timeout=min(10.0, deadline),
                connection_acquisition_timeout=deadline,
                connection_write_timeout=deadline,
                notifications_min_severity="OFF",
                telemetry_disabled=True,
                user_agent="context-persistence",
            )
        except (theirs.DriverError, ValueError) as error:
            raise DatabaseError("the database address was refused by the driver; it must look like bolt://host:7687") from error

    @property
    def driver(self) -> neo4j.Driver:
        """The pool itself, for libraries that bring statements of their own."""
        return self._driver

    @property
    def database(self) -> str | None:
        """Name of the server's database, None for its default one."""
        return self._database

    @property
    def server(self) -> Server:
        """Version and abilities of the server; asked once."""
        with self._server_lock:
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
    def call(self) -> Iterator[None]:
        """Make everything that this thread runs inside share one deadline. What is computed between the statements does not count."""
        outer = getattr(self._left, "seconds", None)
        self._left.seconds = self._deadline if outer is None else outer
        try:
            yield
        finally:
            self._left.seconds = outer

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Make each statement that this thread runs inside see everything that the ones before it saw, indexes and cluster members included."""
        self._left.chain = []
        try:
            yield
        finally:
            self._left.chain = None

    def close(self) -> None:
        """Close the pool. Calling it again does nothing."""
        self._threads.close()
        self._driver.close()

    def _session(self, *, writes: bool, after: neo4j.Bookmarks | None = None) -> neo4j.Session:
        return self._driver.session(
            database=self._database,
            bookmarks=after,
            default_access_mode=neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS,
        )

    def _in_time(
        self,
        once: Callable[[float], T],
        name: str,
        *,
        writes: bool,
        deadline: float | None,
    ) -> T:
        """Call `once` until it succeeds, fails for good, or the deadline has passed."""
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
        while True:
            left = max(0.001, end - time.monotonic())
            try:
                return self._threads.call(partial(once, left), seconds=left)
            except TimeoutError as error:
                raise DatabaseError(
                    f"{name}: no answer within the deadline of {self._deadline:g} s; is the server alive?",
                    retryable=True,
                    outcome="unknown" if writes else "not_applied",
                ) from error
            except (theirs.Neo4jError, theirs.DriverError, OSError) as error:
                if self._revive and _unreachable(error) and self._revived(end):
                    time.sleep(min(pause, max(0.0, end - time.monotonic())))
                    pause = min(pause * 2, 2.0)
                    continue
                wait = pause * (0.5 + random.random())  # noqa: S311 - jitter, not a secret
                if not _replayable(error) or time.monotonic() + wait >= end:
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
            self._threads.call(self._revive, seconds=left)
        except (TimeoutError, ContextPersistenceError) as error:
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


def _named(statement: Statement[Any]) -> dict[str, Any]:
    return {"statement": statement.name}


def dialect_of(version: str) -> Dialect:
    """The dialect that a server of this version speaks with `SEARCH`: 2026.02 and later, and Aura, whose versions end in ``-aura``."""
    match = re.match(r"(\d{4})\.(\d+)", version)
    if match is None:
        return "25" if version.endswith("-aura") else "5"
    return "25" if (int(match[1]), int(match[2])) >= (2026, 2) else "5"


def _replayable(error: Exception) -> bool:
    """Whether the same statement may be tried again: never after wrong credentials, nor when memory ran out."""
    if isinstance(error, theirs.AuthError):
        return False
    if isinstance(error, theirs.Neo4jError):
        return error.code not in MEMORY_CODES and error.is_retryable()
    return isinstance(error, (theirs.SessionExpired, theirs.IncompleteCommit)) or (
        isinstance(error, theirs.ServiceUnavailable) and not _unreachable(error)
    )


def _unreachable(error: BaseException) -> bool:
    """Whether nothing listens at the address, so that waiting is no use."""
    if isinstance(error, theirs.Neo4jError):
        return False  # the server spoke, and its text may hold anything
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ConnectionRefusedError) or "refused" in str(seen).lower() or "resolve" in str(seen).lower():
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def out_of_memory(error: BaseException) -> bool:
    """Whether the server's transaction memory did not suffice, so that less at once, or alone, may do."""
    cause = error.__cause__
    return isinstance(cause, theirs.Neo4jError) and cause.code in MEMORY_CODES


def translate(error: Exception, *, name: str, writes: bool) -> DatabaseError:
    """The library's error for a driver's one. Its text holds the statement's name and what to do, nothing of the data."""
    outcome: Outcome = "not_applied"
    if isinstance(error, theirs.AuthError):
        return DatabaseError(f"{name}: the server refused the credentials; check user and password")
    if isinstance(error, theirs.Neo4jError):
        return DatabaseError(f"{name}: {_advice(error)}", retryable=error.is_retryable(), outcome=outcome)
    if writes and not _unreachable(error):
        outcome = "unknown"  # it may have been sent; everything may be sent again
    if isinstance(error, (theirs.ServiceUnavailable, theirs.SessionExpired, theirs.IncompleteCommit, OSError)):
        return DatabaseError(f"{name}: the database could not be reached; is the server running?", retryable=True, outcome=outcome)
    return DatabaseError(f"{name}: the driver refused the call ({type(error).__name__})", outcome=outcome)


def _advice(error: theirs.Neo4jError) -> str:
    code = error.code or "unknown code"
    if code in MEMORY_CODES:
        return "the server's transaction memory is exhausted; send less at once, or give the server a larger heap"
    if "ConstraintValidationFailed" in code:
        return "an id is already taken by something else in this namespace"
    if "TransactionTimedOut" in code:
        return "the statement took too long and was ended by the server"
    if "DatabaseNotFound" in code:
        return "there is no such database"
    return f"the server refused it ({code})"
