"""The connection to one database: runs statements, ends them in time, replays them, maps errors.

Every write of this library may be repeated (deterministic keys, `MERGE` on constraints), so a write
whose answer was lost is replayed like a read. A statement runs as an auto-commit transaction, which
takes one round trip; begin, run and commit would take three.
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, TypeVar

import neo4j
import neo4j.exceptions as driver_errors

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.attempt import Attempt
from mcp_context_persistence.kg.driver.attempts import Attempts
from mcp_context_persistence.kg.driver.call_budget import CallBudget
from mcp_context_persistence.kg.driver.daemon_threads import OverdueError
from mcp_context_persistence.kg.driver.error_mapping import is_replayable, translate_error
from mcp_context_persistence.kg.driver.parameters import encode_parameters
from mcp_context_persistence.kg.driver.plans import LatePlans
from mcp_context_persistence.kg.driver.pool import Auth
from mcp_context_persistence.kg.driver.pool_lifecycle import PoolLifecycle
from mcp_context_persistence.kg.driver.schema_repair import Repair, SchemaRepair
from mcp_context_persistence.kg.driver.server import Server, describe_server, read_components
from mcp_context_persistence.kg.driver.server_recovery import Recover, Recovery, Restart
from mcp_context_persistence.kg.driver.statement import IncompleteRowError, Run, Statement
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, Rollback
from mcp_context_persistence.kg.limits import DEADLINE_SECONDS
from mcp_context_persistence.kg.progress import CallerError

log = logging.getLogger(__name__)

T = TypeVar("T")
DRIVER_ERRORS = (driver_errors.Neo4jError, driver_errors.DriverError, OSError, IncompleteRowError)


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
            revive: Called when nothing listens at the address. It returns when the server is back,
                with its address if that may have changed, or raises the error for the user.
            restart: What to do where a server answers, but its database has stopped after an error.
            server_pid: Returns the server's process now; 0 where nobody manages it.
            credentials: Used instead of `auth`: called for each new connection, with the pool's
                address. It returns None where another process than the server listens there, so
                that the password is not sent.
        """
        self._database = database
        self.client_id = uuid.uuid4().hex  # identifies its connections on the server
        self._lifecycle = PoolLifecycle(
            uri,
            auth,
            size=pool_size,
            deadline=deadline,
            user_agent=f"context-persistence/{self.client_id}",
            credentials=credentials,
        )
        self._recovery = Recovery(
            revive=revive,
            restart=restart,
            server_pid=server_pid,
            move=self._lifecycle.move,
            check_open=self._lifecycle.check_open,
        )
        self._schema = SchemaRepair()
        self._budget = CallBudget(deadline)
        self._late_plans = LatePlans(self)
        self._local = threading.local()
        self._server: Server | None = None

    @property
    def driver(self) -> neo4j.Driver:
        """The driver, for libraries that run statements of their own."""
        self._lifecycle.check_open()
        return self._lifecycle.pool.driver

    @property
    def database(self) -> str | None:
        """Name of the server's database, None for its default one."""
        return self._database

    @property
    def server(self) -> Server:
        """Version and abilities of the server; read once."""
        if self._server is None:
            self._server = self._read_server()
        return self._server

    def run(self, statement: Statement[T], *, deadline: float | None = None) -> list[T]:
        """Run one statement in a transaction of its own and read all of its rows.

        A read that takes locks belongs to the transaction of this thread, which it could wait for.

        Args:
            statement: What to run.
            deadline: Seconds, instead of the pool's own.

        Raises:
            DatabaseError: It failed; the driver's error is the cause.
        """
        if statement.locks and (own_run := getattr(self._local, "run", None)):
            return list(own_run(statement))
        text = statement.text(self.server.dialect)
        parameters = self._encode(statement.parameters)
        bookmarks: list[neo4j.Bookmarks] | None = getattr(self._local, "bookmarks", None)

        def make_attempt(attempt: Attempt, seconds: float) -> list[T]:
            after = bookmarks[-1] if bookmarks else None
            writes = statement.writes or statement.locks
            with (
                self._session(attempt, writes=writes, after=after) as session,
                self._late_plans.watch(statement),
            ):
                query = neo4j.Query(text, metadata={"statement": statement.name}, timeout=seconds)
                result = session.run(query, parameters)
                rows = [statement.read(row) for row in result]
                if statement.changes_data:
                    attempt.has_changed = result.consume().counters.contains_updates
                if bookmarks is not None:
                    bookmarks.append(session.last_bookmarks())
                return rows

        return self._run_in_time(
            make_attempt,
            statement.name,
            applies_when_sent=statement.writes,
            changes_data=statement.changes_data,
            deadline=deadline,
        )

    def transact(
        self,
        work: Callable[[Run], T],
        *,
        name: str,
        deadline: float | None = None,
        changes_data: bool = True,
    ) -> T:
        """Run several statements in one transaction: all of them, or none.

        Args:
            work: Gets a function that runs a statement and returns its rows; may be called again
                from the start.
            name: Name of the transaction in the server's logs.
            deadline: Seconds, instead of the pool's own.
            changes_data: Whether it changes users' data; False if it only takes locks for a read.
        """
        dialect = self.server.dialect

        def make_attempt(attempt: Attempt, seconds: float) -> T:
            with (
                self._session(attempt, writes=True) as session,
                session.begin_transaction(
                    metadata={"statement": name}, timeout=seconds
                ) as transaction,
            ):

                def run(statement: Statement[Any]) -> list[Any]:
                    parameters = self._encode(statement.parameters)
                    with self._late_plans.watch(statement):
                        result = transaction.run(statement.text(dialect), parameters)
                        rows = [statement.read(row) for row in result]
                    if statement.changes_data and result.consume().counters.contains_updates:
                        attempt.has_changed = True
                    return rows

                self._local.run = run
                try:
                    value = work(run)
                finally:
                    self._local.run = None
                if changes_data:
                    attempt.note_commit()
                transaction.commit()
                return value

        return self._run_in_time(
            make_attempt,
            name,
            applies_when_sent=False,
            changes_data=changes_data,
            deadline=deadline,
        )

    @property
    def seconds_left(self) -> float:
        """Seconds that this thread's call has left; a whole deadline outside of a call."""
        return self._budget.seconds_left

    def spend(self, seconds: float) -> None:
        """Count a wait that is no statement against the deadline of this thread's call."""
        self._budget.spend(seconds)

    def call(
        self, seconds: float | None = None, *, is_separate: bool = False
    ) -> AbstractContextManager[None]:
        """Make everything that this thread runs inside share one deadline.

        What is computed between the statements does not count. An error that ends the call says
        that nothing was applied only where no statement of it can have been applied: neither one
        that the server acknowledged, nor one whose answer was lost, whatever its replay ended with.

        Args:
            seconds: Inside a call, a part of its deadline.
            is_separate: Whether this part of a call has a whole deadline of its own, because the
                call has any number of such parts.
        """
        return self._budget.share(seconds, is_separate=is_separate)

    @contextmanager
    def in_order(self) -> Iterator[None]:
        """Make each statement that this thread runs inside see all that the earlier ones saw.

        This includes indexes and the members of a cluster.
        """
        self._local.bookmarks = []
        try:
            yield
        finally:
            self._local.bookmarks = None

    @property
    def is_forked(self) -> bool:
        """Whether this is a copy in a forked child, which must not use the parent's connections."""
        return self._lifecycle.is_forked

    def close(self) -> None:
        """Close the pool when the running calls have ended.

        A second call does nothing; in a forked child the parent's connections stay open.
        """
        self._lifecycle.close()

    def keep_schema(self, repair: Repair) -> None:
        """Have the schema repaired from now on, when another process serves the store, or fails.

        Args:
            repair: Makes the schema complete before a deadline, or raises.
        """
        self._schema.begin(repair, server_pid=self._recovery.server_pid())

    def reconnect(self) -> None:
        """Use new connections from now on, because the server is about to be restarted.

        Idle connections are closed now, the others after their calls.
        """
        self._lifecycle.reconnect()

    @contextmanager
    def _session(
        self, attempt: Attempt, *, writes: bool, after: neo4j.Bookmarks | None = None
    ) -> Iterator[neo4j.Session]:
        mode = neo4j.WRITE_ACCESS if writes else neo4j.READ_ACCESS
        with (
            self._lifecycle.pool.use(attempt) as driver,
            driver.session(
                database=self._database, bookmarks=after, default_access_mode=mode
            ) as session,
        ):
            try:
                yield session
            except (*DRIVER_ERRORS, ContextPersistenceError, Rollback):
                raise
            except BaseException:
                attempt.abandon()  # nobody knows what the connection still has to read
                raise

    def _run_in_time(
        self,
        make_attempt: Callable[[Attempt, float], T],
        name: str,
        *,
        applies_when_sent: bool = False,
        changes_data: bool = False,
        deadline: float | None = None,
    ) -> T:
        """Make attempts until one succeeds or fails for good, or the deadline has passed.

        Args:
            make_attempt: Makes an attempt that may take so many seconds.
            name: For errors.
            applies_when_sent: See `Attempt`.
            changes_data: Whether it writes users' data, and not only what the library needs itself.
            deadline: Seconds, instead of the call's or the graph's own.
        """
        self._lifecycle.check_open()
        call = self._budget.current
        seconds = self.seconds_left if deadline is None else deadline
        start = time.monotonic()
        attempts = Attempts(
            deadline=Deadline(start + seconds),
            name=name,
            applies_when_sent=applies_when_sent,
            changes_data=changes_data,
        )
        try:
            return self._run_attempts(attempts, make_attempt)
        finally:
            if call is not None:
                call.seconds -= time.monotonic() - start
                call.may_be_applied = call.may_be_applied or (
                    changes_data and attempts.may_be_applied
                )

    def _run_attempts(self, attempts: Attempts, make_attempt: Callable[[Attempt, float], T]) -> T:
        while True:
            pool, server_pid, attempt = (
                self._lifecycle.pool,
                self._recovery.server_pid(),
                attempts.begin(),
            )
            self._schema.check(attempts, self._lifecycle.threads, server_pid=server_pid)
            seconds = attempts.attempt_seconds
            try:
                make = partial(make_attempt, attempt, seconds)
                value = self._lifecycle.threads.call(make, seconds=seconds, abandon=attempt.abandon)
            except OverdueError as error:
                attempts.end_attempt(attempt, error)
                self._lifecycle.check_open(attempts.outcome)
                raise DatabaseError(
                    f"{attempts.name}: no answer within the deadline of {self._budget.seconds:g} s"
                    f"; {str(error) or 'is the server alive?'}",
                    retryable=True,
                    outcome=attempts.outcome,
                ) from error
            except DRIVER_ERRORS as error:
                attempts.end_attempt(attempt, error)
                self._lifecycle.check_open(attempts.outcome)
                if self._lifecycle.pool is not pool:
                    continue  # the server has moved, and another call has seen it first
                self._prepare_next_attempt(error, attempts, server_pid)
            except ContextPersistenceError as error:  # of the transaction's own work
                if attempts.may_be_applied:
                    error.outcome = "unknown"
                raise
            except (Rollback, CallerError):
                raise
            except Exception as error:  # what the driver or the reader of a row did not understand
                attempts.end_attempt(attempt, error)
                raise translate_error(
                    error, name=attempts.name, may_be_applied=attempts.may_be_applied
                ) from error
            else:
                attempts.may_be_applied = attempts.may_be_applied or attempt.has_changed
                return value

    def _prepare_next_attempt(self, error: Exception, attempts: Attempts, server_pid: int) -> None:
        """Pause before the next attempt; raise the error for the caller where there may be none."""
        if self._schema.handle(error, attempts, self._lifecycle.threads, server_pid=server_pid):
            return
        if not self._recovery.recover(
            error, attempts, self._lifecycle.threads, server_pid=server_pid
        ):
            self._lifecycle.check_open(attempts.outcome)
            is_replayed = is_replayable(error, changes_data=attempts.changes_data)
            if not is_replayed or not attempts.has_time:
                raise translate_error(
                    error, name=attempts.name, may_be_applied=attempts.may_be_applied
                ) from error
            log.debug("%s: replayed after %s", attempts.name, type(error).__name__)
        attempts.pause()

    def _read_server(self) -> Server:
        def make_attempt(attempt: Attempt, _seconds: float) -> Server:
            with self._session(attempt, writes=False) as session:
                result = session.run(read_components().text())
                return describe_server(list(result), result.consume().server.protocol_version)

        return self._run_in_time(make_attempt, "server")

    def _encode(self, parameters: Any) -> Any:
        return encode_parameters(parameters, has_binary_vectors=self.server.has_binary_vectors)
