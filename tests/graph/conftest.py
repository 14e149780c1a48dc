"""What tests on a real server share."""

from dataclasses import replace

import pytest

from mcp_context_persistence.kg.schema import migrations


@pytest.fixture
def old_server(client):
    """The client as it is on a server without SEARCH; the indexes that it needs there are dropped afterwards."""
    graph = client._engine.graph
    now = graph.server
    graph._server = replace(now, dialect="5")
    migrations.ensure(graph, vector_size=384)
    yield client
    graph._server = now
    with graph.driver.session() as session:
        for name in migrations.VECTORS_BY_LABEL:
            session.run(f"DROP INDEX memory_{name.removeprefix('schema/')}").consume()
