"""What tests on a real server share."""

from dataclasses import replace

import pytest

from mcp_context_persistence.kg.schema import migrations


@pytest.fixture
def old_server(client):
    """Return the client as on a server without SEARCH; drop that server's indexes afterwards."""
    graph = client._engine.graph
    now = graph.server
    graph._server = replace(now, dialect="5")
    migrations.ensure_schema(graph, vector_size=384)
    yield client
    graph._server = now
    with graph.driver.session() as session:
        for name in migrations.VECTORS_BY_LABEL:
            session.run(f"DROP INDEX memory_{name.removeprefix('schema/')}").consume()


@pytest.fixture
def connect(server, namespace):
    """Open clients of the namespace with these arguments; close them afterwards."""
    from mcp_context_persistence import ContextPersistenceClient

    opened = []

    def open_client(**arguments):
        opened.append(
            ContextPersistenceClient(
                server.bolt_url,
                auth=server.auth,
                namespace=arguments.pop("namespace", namespace),
                **arguments,
            )
        )
        return opened[-1]

    yield open_client
    for client in opened:
        client.close()
