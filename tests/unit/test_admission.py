"""The order in which the analyses of a client wait."""

import sys

import pytest

from mcp_context_persistence.queries.analytics import turns


class Graph:
    seconds_left = 5.0

    def spend(self, seconds: float) -> None:
        self.seconds_left -= seconds


def acquire(lock: "turns.FairLock") -> str:
    with lock.acquire(Graph()):
        return "acquired"


def test_an_interrupt_while_the_lock_is_acquired_leaves_it_free():
    lines = 0

    def interrupt(limit):
        def trace(frame, event, _argument):
            nonlocal lines
            if frame.f_code.co_name != "acquire" or "turns" not in frame.f_code.co_filename:
                return trace
            if event == "line":
                lines += 1
                if lines == limit:
                    raise KeyboardInterrupt
            return trace

        return trace

    for limit in range(1, 6):
        lock, lines = turns.FairLock(), 0
        sys.settrace(interrupt(limit))
        try:
            with pytest.raises(KeyboardInterrupt):
                acquire(lock)
        finally:
            sys.settrace(None)
        assert acquire(lock) == "acquired"
