"""Analyses end in time when the server stops answering, and clean up after dead clients."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError
from mcp_context_persistence.queries.analytics import admission
from tests.faults.attack import Attack
from tests.faults.proxy import Proxy

DEADLINE = 2.0


@pytest.fixture
def proxy(bolt_target):
    with Proxy.to(bolt_target.bolt_url) as proxy:
        yield proxy


@pytest.fixture
def client(bolt_target, proxy, direct):
    namespace = Attack.namespace()
    direct.execute_query(
        "CREATE (:Entity {namespace: $n, id: 'a'})-[:USES]->(:Entity {namespace: $n, id: 'b'})",
        n=namespace,
    )
    with ContextPersistenceClient(
        proxy.url, auth=bolt_target.auth, namespace=namespace, config={"deadline": 60.0}
    ) as client:
        assert client.find_central_entities(metric="degree")  # the first call is slow
        yield client


def test_an_analysis_ends_soon_after_its_deadline_when_the_server_stops_answering(client, proxy):
    client._engine.graph._budget.seconds = DEADLINE
    cut = proxy.cut(
        "RUN",
        silent=True,
        matches=lambda message: message.statement == "analytics/project",
        then=lambda: proxy.silence(new=True),
    )
    start = time.monotonic()
    with pytest.raises(GraphError) as caught:
        client.find_central_entities(metric="degree")
    assert time.monotonic() - start < DEADLINE + admission.DROP_SECONDS - 2
    assert caught.value.retryable
    assert cut.fired == 1


def test_a_waiting_client_gets_the_memory_of_a_dead_client(client, direct, monkeypatch):
    monkeypatch.setattr(admission, "GRACE_SECONDS", 1)
    direct.execute_query(
        "MATCH (a:Entity {namespace: $n}) "
        "WITH gds.graph.project($name, a, null) AS g RETURN g.nodeCount",
        n=client.namespace,
        name=f"context-{uuid.uuid4().hex}-call-3600-{2**50}-dead",
    )
    assert client.find_central_entities(metric="degree")


def test_a_queue_entry_has_the_time_after_the_lock(client, direct):
    client_admission = client._engine.analytics._admission
    with (
        ThreadPoolExecutor(1) as pool,
        direct.session() as session,
        session.begin_transaction() as transaction,
    ):
        # Removing a property locks the node.
        transaction.run("MATCH (s:SchemaVersion {id: 'schema'}) REMOVE s.namespace").consume()
        queued_ms = pool.submit(client_admission._enter_queue)
        time.sleep(1)
        now = transaction.run("RETURN datetime.realtime().epochMillis AS now").single(strict=True)[
            "now"
        ]
        transaction.commit()
        assert queued_ms.result() >= now
    client_admission._leave_queue()
