"""Analyses of several clients share the server's memory; times are by the server's clock."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError
from mcp_context_persistence.kg import timestamps
from mcp_context_persistence.kg.local import sizes
from mcp_context_persistence.queries.analytics import admission
from mcp_context_persistence.queries.analytics.admission import (
    MemoryNeed,
    ProjectionOptions,
)
from mcp_context_persistence.queries.analytics.algorithms import NEEDS, SIMILAR_BYTES, THREADS
from mcp_context_persistence.queries.analytics.heap_share import (
    MIB,
    SERVER_BYTES,
    compute_memory_limit,
)
from tests.graph.reference_graphs import count_projections, fill

ROOT = Path(__file__).resolve().parents[2]
EDGES = [("a", "b", 0.9), ("b", "c", 0.8), ("c", "a", 0.7)]
QUEUE = "MATCH (s:SchemaVersion) RETURN s.analytics_queue AS queue"
RUNNING = """
SHOW TRANSACTIONS YIELD metaData WHERE metaData.statement = 'analytics/project'
RETURN count(*) AS running
"""
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
def other_client(server, namespace):
    """Open another client in the same namespace, with a short deadline."""
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, config={"deadline": 3.0}
    ) as client:
        yield client


def reserve(client, share, seconds=0.0):
    """Reserve a share of the memory of all analyses, as a call does."""
    client_admission = client._engine.analytics._admission
    need = MemoryNeed(per_entity=int(client_admission.read_memory_limit() * share / 3))
    with client_admission.admit(
        client._engine.namespace, need, kind="call", options=ProjectionOptions(undirected=True)
    ):
        time.sleep(seconds)


def test_reservations_of_other_clients_count(client, other_client):
    fill(client, EDGES)
    client_admission = client._engine.analytics._admission
    need = MemoryNeed(per_entity=int(client_admission.read_memory_limit() * 0.9 / 3))
    with client_admission.admit(
        client._engine.namespace, need, kind="block", options=ProjectionOptions(undirected=True)
    ):
        reserve(other_client, 0.01)
        with pytest.raises(GraphError, match="other analyses") as caught:
            reserve(other_client, 0.2)
        assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
    reserve(other_client, 0.2)
    assert count_projections(client) == 0


def test_a_deadline_that_ends_during_a_statement_of_the_wait_names_the_wait(client, other_client):
    fill(client, EDGES)
    held = MemoryNeed(
        per_entity=int(client._engine.analytics._admission.read_memory_limit() * 0.9 / 3)
    )
    admission, graph = other_client._engine.analytics._admission, other_client._engine.graph
    run, names = admission._run, []

    def run_late(statement):
        names.append(statement.name)
        if names.count("analytics/project") == 2:
            graph.spend(graph.seconds_left - 0.0001)
        return run(statement)

    admission._run = run_late
    with (
        client._engine.analytics._admission.admit(
            client._engine.namespace, held, kind="block", options=ProjectionOptions(undirected=True)
        ),
        pytest.raises(GraphError, match="other analyses") as caught,
    ):
        reserve(other_client, 0.2)
    assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
    assert "deadline" in str(caught.value.__cause__)


def test_a_queue_from_before_the_clock_was_set_back_delays_nobody(client, other_client):
    fill(client, EDGES)
    hour = 3_600_000
    client._engine.graph.driver.execute_query(
        "MATCH (s:SchemaVersion) WITH s, datetime.realtime().epochMillis + $hour AS later "
        "SET s.analytics_queue = ['dead ' + toString(later - 2 * $hour) + ' ' + toString(later)]",
        hour=hour,
    )
    try:
        reserve(other_client, 0.01)
    finally:
        client._engine.graph.driver.execute_query(
            "MATCH (s:SchemaVersion) REMOVE s.analytics_queue"
        )


def test_a_call_waits_until_there_is_memory(client, other_client):
    fill(client, EDGES)
    holder = threading.Thread(target=reserve, args=(client, 0.8, 1.0))
    holder.start()
    time.sleep(0.3)
    reserve(other_client, 0.8)
    holder.join()
    assert client._engine.graph.driver.execute_query(QUEUE).records[0]["queue"] is None


def test_small_analyses_do_not_starve_a_large_one(client, other_client):
    """Three threads always reserve some of the memory; the large one needs all of it."""
    fill(client, EDGES)
    reserve(client, 0.1)  # so that the server has planned the statements
    reserve(other_client, 0.1)
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
        other_client._engine.graph._deadline = 20.0
        reserve(other_client, 0.95)
    finally:
        is_over.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_large_analysis_that_waits_for_a_block_does_not_delay_others(
    client, other_client, server, namespace
):
    fill(client, EDGES)
    client_admission = client._engine.analytics._admission
    need = MemoryNeed(per_entity=int(client_admission.read_memory_limit() * 0.5 / 3))
    with client_admission.admit(
        namespace, need, kind="block", options=ProjectionOptions(undirected=True)
    ):
        errors = []

        def run():
            try:
                reserve(other_client, 0.8)
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


def test_the_memory_of_a_killed_client_is_freed(client, server, namespace, monkeypatch):
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
        assert count_projections(client) == 1
        holder.kill()
    client.find_central_entities("degree")
    assert count_projections(client) == 1  # the client may be reconnecting
    monkeypatch.setattr(admission, "GRACE_SECONDS", 0)
    deadline = time.monotonic() + 30
    while count_projections(client) and time.monotonic() < deadline:
        time.sleep(0.2)
        client.find_central_entities("degree")
    assert count_projections(client) == 0


def test_a_client_that_hangs_with_the_lock_delays_others_until_their_deadline(client, other_client):
    fill(client, EDGES)
    driver = client._engine.graph.driver
    with driver.session() as session, session.begin_transaction() as transaction:
        transaction.run("MATCH (s:SchemaVersion) REMOVE s.namespace").consume()
        with pytest.raises(GraphError) as caught:
            other_client.find_central_entities()
        assert (caught.value.retryable, caught.value.outcome) == (True, "not_applied")
        transaction.rollback()
    deadline = time.monotonic() + 15
    while driver.execute_query(RUNNING).records[0]["running"] and time.monotonic() < deadline:
        time.sleep(0.2)
    assert driver.execute_query(RUNNING).records[0]["running"] == 0
    assert count_projections(client) == 0
    assert len(client.find_central_entities()) == 3


@pytest.mark.parametrize("hours", [2, -2])
def test_a_wrong_clock_of_a_client_drops_no_projection_of_others(
    client, other_client, monkeypatch, hours
):
    fill(client, EDGES)
    with client.graph_data_science() as (library, graph):
        wall, wall_ns = time.time, time.time_ns
        monkeypatch.setattr(time, "time", lambda: wall() + hours * 3600)
        monkeypatch.setattr(time, "time_ns", lambda: wall_ns() + hours * 3_600_000_000_000)
        assert abs(timestamps.now_ms() - wall() * 1000) > 7_000_000
        assert len(other_client.find_central_entities()) == 3
        assert other_client.get_graph_analytics().total_nodes == 3
        monkeypatch.undo()
        assert count_projections(client) == 1
        assert len(library.degree.stream(graph)) == 3
    with other_client.graph_data_science():
        assert count_projections(client) == 1
    assert count_projections(client) == 0


@pytest.mark.parametrize(
    ("name", "remains"),
    [
        ("context-someone-call-0-1-x", False),
        ("context-someone-call-600-1-x", True),
        ("context-1000-earlier", True),
    ],
)
def test_a_projection_is_dropped_when_its_time_is_over_by_the_servers_clock(client, name, remains):
    """A name of an earlier release contains a time of its client's clock, which is ignored."""
    fill(client, EDGES)
    driver = client._engine.graph.driver
    driver.execute_query(
        "MATCH (a:Entity {namespace: $n}) "
        "WITH gds.graph.project($name, a, null) AS g RETURN g.nodeCount",
        n=client._engine.namespace,
        name=name,
    )
    try:
        time.sleep(1.1)
        client.find_central_entities("degree")
        assert count_projections(client) == remains
    finally:
        driver.execute_query(
            "CALL gds.graph.drop($name, false) YIELD graphName RETURN graphName", name=name
        )


def test_an_analysis_that_needs_more_than_was_reserved_runs_again(client, monkeypatch):
    fill(client, EDGES)
    analytics, reservations = client._engine.analytics, []
    rank_entities = analytics.rank_entities

    def rank_with_a_larger_estimate(projection, *arguments, **options):
        reservations.append(projection.bytes)
        analytics._check_estimate(reservations[0] + MIB, projection)
        return rank_entities(projection, *arguments, **options)

    monkeypatch.setattr(analytics, "rank_entities", rank_with_a_larger_estimate)
    assert len(client.find_central_entities("degree")) == 3
    assert reservations[1] >= reservations[0] + MIB


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


def test_reservations_cover_the_estimates_of_the_library(client):
    """Otherwise too many analyses are admitted, or an algorithm is refused without need."""
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
        options: dict[str, Any] = {
            "concurrency": 1 if task in {"leiden", "louvain", "label_propagation"} else THREADS
        }
        if procedure.endswith(".mutate"):
            options["mutateProperty"] = "x"
        if task == "similar":
            options["topK"] = 10
        if task == "paths":
            options |= {"k": 3, "sourceNode": 0, "targetNode": 1}
        for nodes, relationships in SIZES:
            # The estimate contains the projection; degree centrality needs almost nothing else.
            projection = estimate("degree.stream", nodes, relationships, concurrency=1)
            needed = estimate(procedure, nodes, relationships, **options) - projection
            need = NEEDS[task]
            reserved = need.per_entity * nodes + need.per_relationship * relationships
            reserved += SIMILAR_BYTES * 10 * nodes if task == "similar" else 0
            assert needed <= reserved + MIB, (task, nodes, relationships)
    assert set(PROCEDURES) | {"block"} == set(NEEDS)


def test_a_heap_of_any_size_leaves_memory_for_the_server():
    assert compute_memory_limit(1024 * MIB) == int(0.35 * 1024 * MIB)
    assert compute_memory_limit(sizes.LEAST_HEAP * MIB) >= 24 * MIB
    for heap in range(sizes.LEAST_HEAP * MIB, (sizes.HEAP + 1) * MIB, 16 * MIB):
        statements = sizes.compute_transaction_memory(heap)
        assert compute_memory_limit(heap) + statements + SERVER_BYTES <= heap
