"""Analyses of several clients share the server's memory, by the server's clock."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError
from mcp_context_persistence.kg import timestamps
from mcp_context_persistence.queries.analytics import admission
from mcp_context_persistence.queries.analytics.admission import MIB, Need, Options, share_of
from mcp_context_persistence.queries.analytics.algorithms import NEEDS, SIMILAR_BYTES, THREADS
from tests.graph.test_analytics import fill, left

ROOT = Path(__file__).resolve().parents[2]
EDGES = [("a", "b", 0.9), ("b", "c", 0.8), ("c", "a", 0.7)]
QUEUE = "MATCH (s:SchemaVersion) RETURN s.analytics_queue AS queue"
RUNNING = "SHOW TRANSACTIONS YIELD metaData WHERE metaData.statement = 'analytics/project' RETURN count(*) AS running"
HOLD = """
import sys, time
from mcp_context_persistence import ContextPersistenceClient
url, user, password, namespace = sys.argv[1:]
client = ContextPersistenceClient(url, auth=(user, password) if user else None, namespace=namespace)
with client.graph_data_science():
    print("holds", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def other(server, namespace):
    """Another client in the same namespace, with a short deadline."""
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, config={"deadline": 3.0}
    ) as client:
        yield client


def reserve(client, share, seconds=0.0):
    """Hold a part of the memory of all analyses, as a call does."""
    part = client._engine.analytics._admission
    need = Need(per_entity=int(part.share() * share / 3))
    with part.admit(client._engine.namespace, need, kind="call", options=Options(undirected=True)):
        time.sleep(seconds)


def test_what_another_client_holds_is_counted(client, other):
    fill(client, EDGES)
    part = client._engine.analytics._admission
    need = Need(per_entity=int(part.share() * 0.9 / 3))
    with part.admit(client._engine.namespace, need, kind="block", options=Options(undirected=True)):
        reserve(other, 0.01)
        with pytest.raises(GraphError, match="other analyses") as caught:
            reserve(other, 0.2)
        assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
    reserve(other, 0.2)
    assert left(client) == 0


def test_a_wait_ends_as_soon_as_there_is_memory(client, other):
    fill(client, EDGES)
    holder = threading.Thread(target=reserve, args=(client, 0.8, 1.0))
    holder.start()
    time.sleep(0.3)
    reserve(other, 0.8)
    holder.join()
    assert client._engine.graph.driver.execute_query(QUEUE).records[0]["queue"] is None


def test_small_analyses_do_not_starve_a_large_one(client, other):
    """Three threads always hold some of the memory; the large one needs all of it."""
    fill(client, EDGES)
    reserve(client, 0.1)  # the server has seen the statements
    reserve(other, 0.1)
    is_over, errors = threading.Event(), []

    def run():
        while not is_over.is_set():
            try:
                reserve(client, 0.3, 2.0)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    try:
        other._engine.graph._deadline = 20.0
        reserve(other, 0.95)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_large_analysis_that_a_block_keeps_out_does_not_keep_out_others(
    client, other, server, namespace
):
    fill(client, EDGES)
    part = client._engine.analytics._admission
    need = Need(per_entity=int(part.share() * 0.5 / 3))
    with part.admit(namespace, need, kind="block", options=Options(undirected=True)):
        errors = []

        def run():
            try:
                reserve(other, 0.8)
            except GraphError as error:
                errors.append(error)

        waiting = threading.Thread(target=run)
        waiting.start()
        time.sleep(0.5)
        start = time.monotonic()
        reserve(client, 0.1)
        assert waiting.is_alive()
        assert time.monotonic() - start < 3
        waiting.join()
    assert [error.retryable for error in errors] == [True]


def test_what_a_client_held_that_was_killed_is_free_again(client, server, namespace, monkeypatch):
    fill(client, EDGES)
    arguments = [
        server.bolt_url,
        server.auth[0] if server.auth else "",
        server.auth[1] if server.auth else "",
        namespace,
    ]
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as holder:
        assert holder.stdout.readline() == "holds\n"
        client.find_central_entities("degree")
        assert left(client) == 1
        holder.kill()
    client.find_central_entities("degree")
    assert left(client) == 1  # it may be connecting again
    monkeypatch.setattr(admission, "GRACE_SECONDS", 0)
    deadline = time.monotonic() + 30
    while left(client) and time.monotonic() < deadline:
        time.sleep(0.2)
        client.find_central_entities("degree")
    assert left(client) == 0


def test_a_client_that_hangs_while_it_is_admitted_keeps_others_for_their_deadline_at_most(
    client, other
):
    fill(client, EDGES)
    driver = client._engine.graph.driver
    with driver.session() as session, session.begin_transaction() as transaction:
        transaction.run("MATCH (s:SchemaVersion) REMOVE s.namespace").consume()
        with pytest.raises(GraphError) as caught:
            other.find_central_entities()
        assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
        transaction.rollback()
    deadline = time.monotonic() + 15
    while driver.execute_query(RUNNING).records[0]["running"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert driver.execute_query(RUNNING).records[0]["running"] == 0
    assert left(client) == 0
    assert len(client.find_central_entities()) == 3


@pytest.mark.parametrize("hours", [2, -2])
def test_a_wrong_clock_drops_nothing_of_others(client, other, monkeypatch, hours):
    fill(client, EDGES)
    with client.graph_data_science() as (library, graph):
        wall, wall_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: wall() + hours * 3600)
        monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + hours * 3_600_000_000_000)
        assert abs(timestamps.now_ms() - wall() * 1000) > 7_000_000
        assert len(other.find_central_entities()) == 3
        assert other.get_graph_analytics().total_nodes == 3
        monkeypatch.undo()
        assert left(client) == 1
        assert len(library.degree.stream(graph)) == 3
    with other.graph_data_science():
        assert left(client) == 1
    assert left(client) == 0


@pytest.mark.parametrize(
    ("name", "remains"),
    [
        ("context-someone-call-0-1-x", False),
        ("context-someone-call-600-1-x", True),
        ("context-1000-earlier", True),
    ],
)
def test_a_projection_goes_when_its_time_is_over_by_the_servers_clock(client, name, remains):
    """The name of an earlier release holds a time by its client's clock, which does not count."""
    fill(client, EDGES)
    driver = client._engine.graph.driver
    driver.execute_query(
        "MATCH (a:Entity {namespace: $n}) WITH gds.graph.project($name, a, null) AS g RETURN g.nodeCount",
        n=client._engine.namespace,
        name=name,
    )
    try:
        time.sleep(1.1)
        client.find_central_entities("degree")
        assert left(client) == remains
    finally:
        driver.execute_query(
            "CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName", name=name
        )


def test_a_projection_that_the_server_lost_is_told_as_retryable(client):
    fill(client, EDGES)
    analytics = client._engine.analytics

    def lose():
        with analytics.projection(
            client._engine.namespace, undirected=True, task="degree"
        ) as projection:
            client._engine.graph.driver.execute_query(
                "CALL gds.graph.drop($name) YIELD graphName RETURN graphName", name=projection.name
            )
            analytics.central(projection, "degree", limit=1, weighted=False)

    with pytest.raises(GraphError, match="call again") as caught:
        lose()
    assert caught.value.retryable


SIZES = [(60, 120), (10_000, 20_000), (10_000, 100_000), (1_000_000, 3_000_000)]
PROCEDURES = {
    "pagerank": "pageRank.stream",
    "article_rank": "articleRank.stream",
    "betweenness": "betweenness.stream",
    "closeness": "closeness.stream",
    "harmonic": "closeness.harmonic.stream",
    "eigenvector": "eigenvector.stream",
    "degree": "degree.stream",
    "leiden": "leiden.mutate",
    "louvain": "louvain.mutate",
    "label_propagation": "labelPropagation.mutate",
    "wcc": "wcc.mutate",
    "k_core": "kcore.mutate",
    "similar": "nodeSimilarity.stream",
    "paths": "shortestPath.yens.stream",
    "summary": "localClusteringCoefficient.stats",
}


def test_what_is_reserved_is_what_the_library_estimates(client):
    """Else too many are admitted, or an algorithm is refused for which there is memory."""
    driver = client._engine.graph.driver

    def estimate(procedure, nodes, relationships, **options):
        graph = {
            "nodeCount": nodes,
            "relationshipCount": relationships,
            "nodeProjection": "*",
            "relationshipProjection": {
                "r": {"type": "*", "orientation": "UNDIRECTED", "properties": "weight"}
            },
        }
        text = f"CALL gds.{procedure}.estimate($graph, $options) YIELD bytesMax RETURN bytesMax"
        return driver.execute_query(text, graph=graph, options=options).records[0]["bytesMax"]

    for task, procedure in PROCEDURES.items():
        options = {
            "concurrency": 1 if task in {"leiden", "louvain", "label_propagation"} else THREADS
        }
        if procedure.endswith(".mutate"):
            options["mutateProperty"] = "x"
        if task == "similar":
            options["topK"] = 10
        if task == "paths":
            options |= {"k": 3, "sourceNode": 0, "targetNode": 1}
        for nodes, relationships in SIZES:
            graph = estimate(
                "degree.stream", nodes, relationships, concurrency=1
            )  # it needs next to nothing itself
            needed = estimate(procedure, nodes, relationships, **options) - graph
            need = NEEDS[task]
            reserved = need.per_entity * nodes + need.per_relationship * relationships
            reserved += SIMILAR_BYTES * 10 * nodes if task == "similar" else 0
            assert needed <= reserved + MIB, (task, nodes, relationships)
    assert set(PROCEDURES) | {"block"} == set(NEEDS)


def test_a_heap_of_any_size_has_room_for_analyses_and_for_the_server():
    assert share_of(1024 * MIB) == int(0.35 * 1024 * MIB)
    assert 24 * MIB <= share_of(400 * MIB) < share_of(700 * MIB)
