"""The MCP server over standard input and output ends also where a thread or a stream is missing."""

import os
import signal
import sys

import pytest

from mcp_context_persistence.kg import thread_start
from mcp_context_persistence.mcp_server import stdio


class Ended(BaseException):
    """The process would have ended."""


class Memory:
    closed = 0

    def close(self):
        self.closed += 1


@pytest.fixture
def memory(monkeypatch):
    def end(status):
        raise Ended(status)

    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    monkeypatch.setattr(os, "_exit", end)
    yield Memory()
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def no_threads(monkeypatch):
    def refuse(_thread):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(thread_start, "start", refuse)


def test_it_ends_without_a_thread(memory, no_threads):
    stdio._end_with_parent(memory)
    with pytest.raises(Ended, match="0"):
        stdio._end(memory)
    with pytest.raises(Ended, match="0"):
        signal.raise_signal(signal.SIGTERM)
    assert memory.closed == 0


class LostOutput:
    """Standard error whose reader has died with the parent."""

    def flush(self):
        raise BrokenPipeError


@pytest.mark.parametrize("stream", [LostOutput(), None], ids=["broken", "closed at the start"])
def test_it_ends_without_standard_error(memory, monkeypatch, stream):
    monkeypatch.setattr(sys, "stderr", stream)
    with pytest.raises(Ended, match="0"):
        stdio._end(memory)
    assert memory.closed == 1


def test_it_closes_its_client(memory):
    with pytest.raises(Ended, match="0"):
        stdio._end(memory)
    assert memory.closed == 1
