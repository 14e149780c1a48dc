"""Repair the schema of a database that an open client uses, where an index fails or disappears.

A server that was killed may fill indexes again when it starts, and fails where it cannot, for
example on a full disk. So the schema is checked whenever another process serves the store, before
the first statement is sent to it. Where nobody manages the server, its errors show that an index
has failed.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from mcp_context_persistence.kg.deadline import Deadline
from mcp_context_persistence.kg.driver.attempts import Attempts
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads, OverdueError
from mcp_context_persistence.kg.driver.error_mapping import shows_broken_schema
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children

Repair = Callable[[Deadline], None]


class SchemaRepair:
    """Repairs the schema, once for each process that serves the store, and where it is broken."""

    def __init__(self) -> None:
        """Create it; it does nothing before `begin`."""
        self._repair: Repair | None = None
        self._checked_pid = 0
        self._lock = threading.Lock()
        self._local = threading.local()
        renew_locks_in_children(self)

    def begin(self, repair: Repair, *, server_pid: int) -> None:
        """Repair the schema from now on.

        Args:
            repair: Makes the schema complete before a deadline, or raises.
            server_pid: The process whose schema is known to be complete; 0 where nobody manages
                the server.
        """
        self._repair, self._checked_pid = repair, server_pid

    def check(self, attempts: Attempts, threads: DaemonThreads, *, server_pid: int) -> None:
        """Make the schema complete if another process serves the store than before.

        Args:
            attempts: The attempts of the statement that is about to be sent.
            threads: Where the repair may wait.
            server_pid: The process that serves the store now.

        Raises:
            DatabaseError: The schema is not complete before the deadline; the text says why.
        """
        if self._repair is None or server_pid == self._checked_pid:
            return
        if not getattr(self._local, "is_repairing", False):
            self._run(self._repair, attempts, threads, server_pid=server_pid, is_forced=False)

    def handle(
        self, error: Exception, attempts: Attempts, threads: DaemonThreads, *, server_pid: int
    ) -> bool:
        """Make the schema complete if an error shows that it is not.

        Args:
            error: What an attempt ended with.
            attempts: The attempts so far; only one of them leads to a repair.
            threads: Where the repair may wait.
            server_pid: The process that serves the store.

        Returns:
            Whether to try again.

        Raises:
            DatabaseError: The schema is not complete before the deadline; the text says why.
        """
        if (
            self._repair is None
            or attempts.has_repaired
            or attempts.name.startswith(("schema/", "analytics/"))
            or not shows_broken_schema(error)
        ):
            return False
        attempts.has_repaired = True
        self._run(self._repair, attempts, threads, server_pid=server_pid, is_forced=True)
        return True

    def _run(
        self,
        repair: Repair,
        attempts: Attempts,
        threads: DaemonThreads,
        *,
        server_pid: int,
        is_forced: bool,
    ) -> None:
        try:
            with self._hold_lock(attempts.deadline):
                if is_forced or server_pid != self._checked_pid:
                    threads.call(
                        partial(self._call, repair, attempts.deadline),
                        seconds=attempts.attempt_seconds,
                    )
                    self._checked_pid = server_pid
        except OverdueError as error:
            raise DatabaseError(
                f"{attempts.name}: the indexes were not checked within the deadline; try again",
                retryable=True,
                outcome=attempts.outcome,
            ) from error
        except ContextPersistenceError as error:
            raise DatabaseError(
                f"{attempts.name}: {error}", retryable=error.retryable, outcome=attempts.outcome
            ) from error

    @contextmanager
    def _hold_lock(self, deadline: Deadline) -> Iterator[None]:
        if not self._lock.acquire(timeout=deadline.seconds_left):
            raise OverdueError
        try:
            yield
        finally:
            self._lock.release()

    def _call(self, repair: Repair, deadline: Deadline) -> None:
        self._local.is_repairing = True
        try:
            repair(deadline)
        finally:
            self._local.is_repairing = False
