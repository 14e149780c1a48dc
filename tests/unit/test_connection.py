"""The connection of a client to a managed server."""

from types import SimpleNamespace

import pytest

from mcp_context_persistence.kg import local, url
from mcp_context_persistence.runtime import connection
from mcp_context_persistence.runtime.config.settings import load_config


def test_a_connection_that_is_interrupted_detaches_from_the_server(monkeypatch, tmp_path):
    closed = []
    attachment = SimpleNamespace(
        bolt_url="bolt://127.0.0.1:1",
        user="neo4j",
        password="",
        credentials=None,
        mark_stopped_database=None,
        close=lambda: closed.append(True),
    )

    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(local, "attach", lambda *_, **__: attachment)
    monkeypatch.setattr(connection, "Graph", interrupt)
    opening = connection.Connection(
        url.LocalTarget(path=tmp_path), load_config({}), auth=None, database=None
    )
    with pytest.raises(KeyboardInterrupt):
        opening.open(local.ServerSettings(), None)
    opening.close()
    assert closed == [True]
