"""The demo as a newcomer runs it, on any machine."""

import io

import pytest
from rich.console import Console

from mcp_context_persistence.cli import demo
from mcp_context_persistence.kg import limits


class OpenedError(Exception):
    """Ends the demo when it opens its client."""


def test_the_demo_waits_longer_for_a_cold_database_than_one_call_does(monkeypatch):
    opened = {}

    def open_client(**arguments):
        opened.update(arguments)
        raise OpenedError

    monkeypatch.setattr(demo, "ContextPersistenceClient", open_client)
    with pytest.raises(OpenedError):
        demo.run_demo(None, store=":memory:", console=Console(file=io.StringIO()))

    assert opened["config"]["deadline"] > limits.DEADLINE_SECONDS
