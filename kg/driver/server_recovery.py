"""Restart a managed server that is gone, or whose database has stopped, before a replay."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from mcp_context_persistence.kg.driver.attempts import Attempts
from mcp_context_persistence.kg.driver.daemon_threads import DaemonThreads
from mcp_context_persistence.kg.driver.error_mapping import (
    has_no_listener,
    has_stopped,
    may_have_stopped,
)
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, Outcome

log = logging.getLogger(__name__)

Recover = Callable[[], str | None]


@dataclass(frozen=True, kw_only=True)
class Restart:
    """What to do where a server answers, but its database has stopped, or may have.

    Attributes:
        mark_stopped_database: Called at each error after which the database may have stopped.
        run: Called where it has stopped, with the process that answered. It returns when the server
            is back, with its address if that may have changed, or raises the error for the user.
    """

    mark_stopped_database: Callable[[], None]
    run: Callable[[int], str | None]


class Recovery:
    """Restarts a managed server that is gone or has stopped."""

    def __init__(
        self,
        *,
        revive: Recover | None,
        restart: Restart | None,
        server_pid: Callable[[], int],
        move: Callable[[str], None],
        check_open: Callable[[Outcome], None],
    ) -> None:
        """Store the callbacks.

        Args:
            revive: See `kg.driver.graph.Graph`.
            restart: See there.
            server_pid: See there.
            move: Called with the new address of the server.
            check_open: Raises where the graph was closed.
        """
        self._revive, self._restart = revive, restart
        self._move, self._check_open = move, check_open
        self.server_pid = server_pid

    def recover(
        self, error: Exception, attempts: Attempts, threads: DaemonThreads, *, server_pid: int
    ) -> bool:
        """Start or restart the server if the error needs that; return whether to try again.

        Args:
            error: What an attempt ended with.
            attempts: The attempts so far.
            threads: Where it may wait.
            server_pid: The process that the attempt was sent to. Where another process serves the
                store by now, that one is used.

        Raises:
            DatabaseError: The server cannot run again; the text says why, and what to do.
        """
        must_restart = self._restart is not None and has_stopped(error)
        if self._restart is not None and (must_restart or may_have_stopped(error)):
            self._restart.mark_stopped_database()
            if not must_restart:
                return attempts.has_time  # the next attempt shows whether the database has stopped
        recover: Recover | None = self._revive if has_no_listener(error) else None
        if self._restart is not None and must_restart:
            recover = partial(self._restart.run, server_pid)
        if recover is None or attempts.deadline.has_passed:
            return False
        try:
            new_address = threads.call(recover, seconds=attempts.deadline.seconds_left)
        except ContextPersistenceError as refusal:
            self._check_open(attempts.outcome)
            raise DatabaseError(
                f"{attempts.name}: {refusal}", retryable=refusal.retryable, outcome=attempts.outcome
            ) from error
        except (TimeoutError, OSError) as failure:
            if must_restart:
                text = (
                    f"{attempts.name}: the server is restarting, and was not ready within the "
                    "deadline; try again"
                )
                raise DatabaseError(text, retryable=True, outcome=attempts.outcome) from error
            log.warning("the server could not be started again: %s", type(failure).__name__)
            return False
        if new_address:
            self._move(new_address)
        return True
