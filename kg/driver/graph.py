"""The one door to the database: runs statements, ends them in time, replays what may be replayed, translates errors.

Every write of this library may be repeated (deterministic keys, `MERGE` on constraints), so a write whose answer was lost is replayed
like a read. A statement runs as an auto-commit transaction: one round trip, where begin, run and commit would take three.
"""

import logging
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, TypeVar

import neo4j
import neo4j.exceptions as theirs
import numpy as np
from neo4j.vector import Vector

from mcp_context_persistence import cypher
from mcp_context_persistence.kg.driver.attempt import Attempt, Call
from mcp_context_persistence.kg.driver.deadline import OverdueError, Threads
from mcp_context_persistence.kg.driver.dialects import Server, dialect_of
from mcp_context_persistence.kg.driver.error_mapping import replayable, translate
from mcp_context_persistence.kg.driver.pool import PROBE_SECONDS, Auth, Pool
from mcp_context_persistence.kg.driver.recovery import Recover, Recovery, Restart
from mcp_context_persistence.kg.driver.replay import Replay
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, Outcome
from mcp_context_persistence.kg.limits import DEADLINE_SECONDS

log = logging.getLogger(__name__)

T = TypeVar("T")
Run = Callable[[Statement[Any]], list[Any]]

SPARE_THREADS = 4  # beside two for each connection


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
        revive: Recover | None = None,
        restart: Restart | None = None,
        server_pid: Callable[[], int] = int,
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
                changed, or raises what the user is told.
            restart: Like `revive`, when the server answers, but its database has stopped after an error. It gets the process that answered.
            server_pid: The process that serves now; 0 where nobody manages it.
            credentials: Takes the place of `auth`: asked for each new connection, with the pool's address; None where what listens
                there is not the server that the password is meant for, so that it is not sent.
        """
        self._database = database
        self.client_id = uuid.uuid4().hex  # by which the server knows its connections
        self._recovery = Recovery(
            revive=revive,
            restart=restart,
            server_pid=server_pid,
            move=self._move,
            check_open=self._check_open,
        )
        self._deadline = deadline
        self._thread_limit = 2 * pool_size + SPARE_THREADS
        self._threads = self._new_threads()
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
            self._pool = self._new_pool(uri)
        except (theirs.DriverError, ValueError) as error:
            raise DatabaseError(
                "the database address was refused by the driver; it must look like bolt://host:7687"
            ) from error
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

        def once(attempt: Attempt, seconds: float) -> list[T]:
            with self._session(
                attempt, writes=statement.writes, after=chain[-1] if chain else None
            ) as session:
                query = neo4j.Query(text, metadata=_named(statement), timeout=seconds)
                result = session.run(query, parameters)
                rows = [statement.read(row) for row in result]
                if statement.changes_data:
                    attempt.has_changed = result.consume().counters.contains_updates
                if chain is not None:
                    chain.append(session.last_bookmarks())
                return rows

        return self._in_time(
            once,
            statement.name,
            applies_when_sent=statement.writes,
            keeps=statement.changes_data,
            deadline=deadline,
        )

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

        def once(attempt: Attempt, seconds: float) -> T:
            with (
                self._session(attempt, writes=True) as session,
                session.begin_transaction(
                    metadata={"statement": name}, timeout=seconds
                ) as transaction,
            ):

                def run(statement: Statement[Any]) -> list[Any]:
                    result = transaction.run(
                        statement.text(dialect), self._encode(statement.parameters)
                    )
                    rows = [statement.read(row) for row in result]
                    if statement.changes_data and result.consume().counters.contains_updates:
                        attempt.has_changed = True
                    return rows

                value = work(run)
                attempt.commit()
                transaction.commit()
                return value

        return self._in_time(once, name, applies_when_sent=False, keeps=True, deadline=deadline)

    @property
    def seconds_left(self) -> float:
        """Seconds that this thread's call has left for the database; a whole deadline outside of a call."""
        call: Call | None = getattr(self._left, "call", None)
        return self._deadline if call is None else call.seconds

    def spend(self, seconds: float) -> None:
        """Count a wait that is no statement against the deadline of this thread's call."""
        call: Call | None = getattr(self._left, "call", None)
        if call is not None:
            call.seconds -= seconds

    @contextmanager
    def call(self, seconds: float | None = None) -> Iterator[None]:
        """Make everything that this thread runs inside share one deadline. What is computed between the statements does not count.

        An error that ends it says that nothing was applied only where no statement of it can have been: neither one that the
        server acknowledged, nor one whose answer was lost, whatever a replay of it was answered.

        Args:
            seconds: Inside a call, a part of its deadline.
        """
        outer: Call | None = getattr(self._left, "call", None)
        whole = self._deadline if outer is None else outer.seconds
        share = whole if seconds is None else min(seconds, whole)
        inner = self._left.call = Call(share)
        try:
            yield
        except ContextPersistenceError as error:
            if inner.may_be_applied and error.outcome == "not_applied":
                error.outcome = "unknown"
            raise
        finally:
            self._left.call = outer
            if outer is not None:
                outer.seconds -= share - inner.seconds
                outer.may_be_applied = outer.may_be_applied or inner.may_be_applied

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
        self._threads = self._new_threads()
        self._lock = threading.Lock()  # a thread that is not here may hold the old one

    def _check_open(self, outcome: Outcome = "not_applied") -> None:
        if self._state == "closed":
            raise DatabaseError("the client is closed; open another one", outcome=outcome)
        if self._state == "forked":
            raise DatabaseError(
                "this client belongs to the parent process; open another one in this one"
            )

    def _move(self, uri: str) -> None:
        """The server is somewhere else now: a new pool takes the place of the old one."""
        with self._lock:
            if uri == self._pool.uri or self._state != "open":
                return
            old, self._pool = self._pool, self._new_pool(uri)
        old.close()

    def reconnect(self) -> None:
        """Let go of the connections that nobody uses, and of the others after their calls; the server is about to be started again."""
        with self._lock:
            if self._state != "open":
                return
            old, self._pool = self._pool, self._new_pool(self._pool.uri)
        old.close()

    def _new_pool(self, uri: str) -> Pool:
        return Pool(
            uri, self._options, self._credentials, probe=min(PROBE_SECONDS, self._deadline / 4)
        )

    def _new_threads(self) -> Threads:
        return Threads(name="context-persistence-database", limit=self._thread_limit)

    @contextmanager
    def _session(
        self, attempt: Attempt, *, writes: bool, after: neo4j.Bookmarks | None = None
    ) -> Iterator[neo4j.Session]:
        mode = neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS
        with (
            self._pool.use(attempt) as driver,
            driver.session(
                database=self._database, bookmarks=after, default_access_mode=mode
            ) as session,
        ):
            yield session

    def _in_time(
        self,
        once: Callable[[Attempt, float], T],
        name: str,
        *,
        applies_when_sent: bool = False,
        keeps: bool = False,
        deadline: float | None = None,
    ) -> T:
        """Call `once` until it succeeds, fails for good, or the deadline has passed.

        Args:
            once: Makes an attempt that is given up after so many seconds.
            name: For errors.
            applies_when_sent: See `Attempt`.
            keeps: Whether it writes what people keep in the graph, and not only what the library needs for itself.
            deadline: Seconds, instead of the call's or the graph's own.
        """
        self._check_open()
        call: Call | None = getattr(self._left, "call", None)
        seconds = (
            deadline if deadline is not None else self._deadline if call is None else call.seconds
        )
        start = time.monotonic()
        replay = Replay(end=start + seconds, name=name, applies_when_sent=applies_when_sent)
        try:
            return self._until(replay, once)
        finally:
            if call is not None:
                call.seconds -= time.monotonic() - start
                call.may_be_applied = call.may_be_applied or (keeps and replay.may_be_applied)

    def _until(self, replay: Replay, once: Callable[[Attempt, float], T]) -> T:
        while True:
            pool, server_pid, attempt = self._pool, self._recovery.server_pid(), replay.begin()
            left = replay.left
            try:
                value = self._threads.call(partial(once, attempt, left), seconds=left)
            except OverdueError as error:
                attempt.abandon()
                replay.end_attempt(attempt, error)
                self._check_open(replay.outcome)
                text = f"{replay.name}: no answer within the deadline of {self._deadline:g} s; is the server alive?"
                raise DatabaseError(text, retryable=True, outcome=replay.outcome) from error
            except (theirs.Neo4jError, theirs.DriverError, OSError) as error:
                replay.end_attempt(attempt, error)
                self._check_open(replay.outcome)
                if self._pool is not pool:
                    continue  # the server has moved, and another call has seen it first
                if self._recovery.has_recovered(
                    error, replay, self._threads, server_pid=server_pid
                ):
                    replay.pause()
                    continue
                self._check_open(replay.outcome)
                if not replayable(error) or not replay.has_time:
                    raise translate(
                        error, name=replay.name, may_be_applied=replay.may_be_applied
                    ) from error
                log.debug("%s: replayed after %s", replay.name, type(error).__name__)
                replay.pause()
            except ContextPersistenceError as error:  # of the transaction's own work
                if replay.may_be_applied:
                    error.outcome = "unknown"
                raise
            else:
                replay.may_be_applied = replay.may_be_applied or attempt.has_changed
                return value

    def _look(self) -> Server:
        def once(attempt: Attempt, _seconds: float) -> tuple[str, str, bool]:
            with self._session(attempt, writes=False) as session:
                result = session.run(cypher.load("maintenance/components").text)
                rows = {row["name"]: row for row in result}
                kernel = rows["Neo4j Kernel"]
                return (
                    kernel["versions"][0],
                    kernel["edition"],
                    result.consume().server.protocol_version >= (6, 0),
                )

        version, edition, binary = self._in_time(once, "server")
        return Server(
            version=version, edition=edition, dialect=dialect_of(version), binary_vectors=binary
        )

    def _encode(self, value: Any) -> Any:
        """Parameters with their vectors in the encoding that this server takes; arrays are looked for in maps and lists."""
        if isinstance(value, np.ndarray):
            if self.server.binary_vectors:
                return Vector(value.astype(np.float32, copy=False))
            return value.astype(float).tolist()
        if isinstance(value, Mapping):
            return {
                key: self._encode(one) if isinstance(one, (list, dict, np.ndarray)) else one
                for key, one in value.items()
            }
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
