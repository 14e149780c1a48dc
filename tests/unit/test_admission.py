"""The order in which the analyses of a client wait, and what they are told at their deadline."""

import sys

import pytest

from mcp_context_persistence.kg.errors import DatabaseError, GraphError
from mcp_context_persistence.queries.analytics import turns
from mcp_context_persistence.queries.analytics.admission import Admission


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


@pytest.mark.parametrize(("left", "words"), [(0.0, "other analyses"), (1.0, "no answer")])
def test_a_deadline_that_comes_while_it_asks_for_memory_is_that_of_the_memory(
    monkeypatch, left, words
):
    graph = Graph()
    answers = iter([{"admitted": False, "block_bytes": 1, "projections": []}])

    def run(statement):
        if statement.name != "analytics/project":
            raise DatabaseError("nothing was dropped")
        try:
            return [next(answers)]
        except StopIteration:
            graph.seconds_left = left
            raise GraphError("no answer within the deadline") from None  # as the analyzer does

    batch = {"name": "a", "bytes": 2, "limit": 2, "queued_ms": None}
    admission = Admission(graph, run)
    monkeypatch.setattr(admission, "_drop", lambda _name: None)
    with pytest.raises(GraphError, match=words):
        admission._wait_for_memory(batch)
