"""What is done about a managed server that is gone, or whose database has stopped, before a statement is sent again."""

import logging
import time
from collections.abc import Callable
from functools import partial

from mcp_context_persistence.kg.driver.deadline import Threads
from mcp_context_persistence.kg.driver.error_mapping import (
    has_stopped,
    may_have_stopped,
    nobody_listens,
)
from mcp_context_persistence.kg.driver.replay import Replay
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError, Outcome

log = logging.getLogger(__name__)

Recover = Callable[[], str | None]
Restart = Callable[[int], str | None]


class Recovery:
    """Brings a server back, if somebody manages it."""

    def __init__(
        self,
        *,
        revive: Recover | None,
        restart: Restart | None,
        server_pid: Callable[[], int],
        move: Callable[[str], None],
        check_open: Callable[[Outcome], None],
    ) -> None:
        """Nothing is done yet.

        Args:
            revive: See `kg.driver.graph.Graph`.
            restart: Likewise.
            server_pid: Likewise.
            move: Is told the server's address.
            check_open: Raises where the graph was closed.
        """
        self._revive, self._restart, self._move, self._check_open = (
            revive,
            restart,
            move,
            check_open,
        )
        self.server_pid = server_pid

    def has_recovered(
        self, error: Exception, replay: Replay, threads: Threads, *, server_pid: int
    ) -> bool:
        """Have the server run again in time, if that is what the error needs; return whether it does.

        Args:
            error: What an attempt ended with.
            replay: The attempts.
            threads: Where it may wait.
            server_pid: The process that the attempt was sent to. Another one may serve the store by now, and goes on then.

        Raises:
            DatabaseError: The server cannot run again; the text says why, and what to do.
        """
        if self._restart is not None and may_have_stopped(error):
            return replay.has_time  # the next attempt tells
        restarts = self._restart is not None and has_stopped(error)
        recover: Recover | None = self._revive if nobody_listens(error) else None
        if self._restart is not None and restarts:
            recover = partial(self._restart, server_pid)
        left = replay.end - time.monotonic()
        if recover is None or left <= 0:
            return False
        try:
            moved = threads.call(recover, seconds=left)
        except ContextPersistenceError as refusal:
            self._check_open(replay.outcome)
            raise DatabaseError(
                f"{replay.name}: {refusal}", retryable=refusal.retryable, outcome=replay.outcome
            ) from error
        except (TimeoutError, OSError) as failure:
            if restarts:
                text = f"{replay.name}: the server is being started again, and was not there within the deadline; try again"
                raise DatabaseError(text, retryable=True, outcome=replay.outcome) from error
            log.warning("the server could not be started again: %s", type(failure).__name__)
            return False
        if moved:
            self._move(moved)
        return True
