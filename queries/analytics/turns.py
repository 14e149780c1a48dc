"""The turns that the threads of a client take, and waiting within the deadline of a call."""

import math
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import GraphError
from mcp_context_persistence.kg.fork_safety import renew_locks_in_children


class FairLock:
    """A lock that threads get in the order in which they asked for it."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._waiting: deque[threading.Event] = deque()
        renew_locks_in_children(self)

    @contextmanager
    def acquire(self, graph: Graph) -> Iterator[None]:
        """Hold the lock for the time of the block.

        Raises:
            GraphError: Other threads held it until the deadline.
        """
        turn = threading.Event()
        try:  # from here on, so that no interrupt leaves the turn behind
            with self._mutex:
                self._waiting.append(turn)
                self._waiting[0].set()
            if not turn.is_set() and not wait_for_event(graph, turn):
                raise build_busy_error()
            yield
        finally:
            with self._mutex:
                if turn in self._waiting:
                    self._waiting.remove(turn)
                if self._waiting:
                    self._waiting[0].set()


def wait_for_event(graph: Graph, event: threading.Event, seconds: float = math.inf) -> bool:
    """Wait for an event, at most until the deadline of this thread's call.

    Args:
        graph: The graph of the call.
        event: The event.
        seconds: Longest wait.

    Returns:
        Whether the event has happened and time is left.
    """
    start = time.monotonic()
    has_happened = event.wait(max(0.0, min(seconds, graph.seconds_left)))
    graph.spend(time.monotonic() - start)
    return has_happened and graph.seconds_left > 0


def build_busy_error() -> GraphError:
    """Return the error of an analysis that waited for others until its deadline."""
    return GraphError(
        "other analyses use the server's memory; call again, or give the server a larger heap",
        retryable=True,
    )
