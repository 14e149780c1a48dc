"""Give a batch up when the database fails for one item after the other."""

import threading

from mcp_context_persistence.kg.driver.error_mapping import is_out_of_memory
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.driver.server import read_components
from mcp_context_persistence.kg.errors import ContextPersistenceError, DatabaseError

GIVE_UP_AFTER = 3  # failures of the database in a row


class FailureStreak:
    """Counts failures of the database in a row; shared by the groups of one batch.

    A batch on a dead server ends after two deadlines, however many items it has. The first is the
    deadline of the items that are being written. In the second the server is asked whether it
    lives, and no other item starts. Where the server lives, but fails for items in a row,
    `GIVE_UP_AFTER` of them use up their deadlines.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._failures = 0
        self._lock = threading.Lock()

    def note(self, error: ContextPersistenceError | None) -> None:
        """Note the error of an item, None for an item that succeeded."""
        is_database_failure = (
            isinstance(error, DatabaseError) and error.retryable and not is_out_of_memory(error)
        )
        with self._lock:
            self._failures = self._failures + 1 if is_database_failure else 0
            if 0 < self._failures < GIVE_UP_AFTER and not self._is_alive():
                self._failures = GIVE_UP_AFTER

    def check(self) -> None:
        """Refuse to try another item where the database is dead, or failed again and again."""
        with self._lock:
            has_given_up = self._failures >= GIVE_UP_AFTER
        if has_given_up:
            raise DatabaseError(
                "not tried: the database failed for the items before; run the batch again",
                retryable=True,
            )

    def _is_alive(self) -> bool:
        try:
            self._graph.run(read_components())
        except ContextPersistenceError:
            return False
        return True
