"""Projections of Graph Data Science, and its own client."""

import asyncio
import threading
import time

import pytest
from neo4j.exceptions import ServiceUnavailable

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError, GraphError
from mcp_context_persistence.kg.driver.gds_client import OpenDriver
from mcp_context_persistence.kg.progress import CallerError
from tests.graph.reference_graphs import count_projections, fill, load
from tests.unit.children import in_child


def test_the_librarys_own_client_has_the_graph_during_the_block(client):
    with pytest.raises(GraphError, match="no entities"), client.graph_data_science():
        pass
    graph = load(client, "graphs/karate.csv")
    with client.graph_data_science() as (gds, projected):
        assert (projected.node_count(), projected.relationship_count()) == (
            34,
            2 * graph.number_of_edges(),
        )
        assert len(gds.page_rank.stream(projected)) == 34
        assert count_projections(client) == 1
    assert count_projections(client) == 0
    assert len(client.find_central_entities("degree")) == 10


def test_the_librarys_own_client_works_with_asyncio(client, server, namespace):
    from mcp_context_persistence import AsyncContextPersistenceClient

    load(client, "graphs/karate.csv")

    async def main():
        async with (
            AsyncContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace
            ) as other_client,
            other_client.graph_data_science(directed=True) as (_, projected),
        ):
            assert projected.node_count() == 34

    asyncio.run(main())
    assert count_projections(client) == 0


def test_two_hundred_calls_from_four_threads_leave_no_projection_behind(managed_store, namespace):
    """On a managed server: if it ends under the load, the calls are repeated on its successor."""
    url = f"local:{managed_store.store}"
    with ContextPersistenceClient(url, namespace=namespace) as client:
        fill(client, [(f"n{number}", f"n{number * 7 % 50}", 0.5) for number in range(50)])
        errors = []
        calls = [
            client.get_graph_analytics,
            client.find_central_entities,
            client.detect_communities,
            lambda: client.find_shortest_paths("n1", "n2"),
            client.find_similar_entities,
        ]

        def work(number):
            for step in range(50):
                try:
                    calls[(number + step) % len(calls)]()
                except Exception as error:
                    errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert count_projections(client) == 0


def test_a_projection_is_dropped_when_the_block_fails(client):
    fill(client, [("a", "b", 1.0)])

    def fail():
        with client._engine.analytics.project(
            client._engine.namespace, undirected=True, task="degree"
        ):
            assert count_projections(client) == 1
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fail()
    assert count_projections(client) == 0


def test_a_projection_that_the_server_finishes_after_an_interrupt_is_dropped(client):
    fill(client, [("a", "b", 1.0)])
    admission = client._engine.analytics._admission
    run, late = admission._run, []

    def interrupt(statement):
        if statement.name == "analytics/project" and not late:
            late.append(statement)
            raise KeyboardInterrupt
        return run(statement)

    admission._run = interrupt
    with pytest.raises(KeyboardInterrupt), client.graph_data_science():
        pass
    run(late[0])
    assert count_projections(client) == 1
    with client.graph_data_science() as (_, projected):
        client.find_central_entities("degree")
        assert count_projections(client) == 1
        assert projected.node_count() == 2
    assert count_projections(client) == 0


def test_a_client_that_is_closed_during_an_analysis_leaves_no_projection(
    client, server, namespace, monkeypatch
):
    fill(client, [("a", "b", 1.0)])
    other = ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
    analyzer, counts = other._engine.analytics, []
    run = analyzer._run

    def close_and_run(statement):
        counts.append(count_projections(client))
        other.close()
        return run(statement)

    monkeypatch.setattr(analyzer, "_run", close_and_run)
    with client.graph_data_science():
        with pytest.raises(GraphError, match="the client is closed"):
            other.find_central_entities("degree")
        assert counts == [2]
        assert count_projections(client) == 1
    assert count_projections(client) == 0


def test_a_client_that_is_closed_while_the_server_projects_leaves_no_projection(
    client, server, namespace, monkeypatch
):
    fill(client, [("a", "b", 1.0)])
    other = ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
    graph, is_projecting, errors = other._engine.graph, threading.Event(), []
    run = graph.run

    def run_slowly(statement, **options):
        if statement.name == "analytics/project":
            is_projecting.set()
            time.sleep(0.3)
        return run(statement, **options)

    def analyze():
        try:
            other.find_central_entities("degree")
        except GraphError as error:
            errors.append(str(error))

    monkeypatch.setattr(graph, "run", run_slowly)
    threads = [threading.Thread(target=analyze) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert is_projecting.wait(30)
    other.close()
    for thread in threads:
        thread.join()
    assert all("the client is closed" in error for error in errors)
    assert count_projections(client) == 0


@pytest.mark.parametrize("ends_by", ["the block", "close"])
def test_an_error_of_a_signal_handler_ends_the_cleanup_as_it_is(
    client, server, namespace, monkeypatch, ends_by
):
    fill(client, [("a", "b", 1.0)])
    other = ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
    graph, run = other._engine.graph, other._engine.graph.run

    def interrupt(statement, **options):
        if statement.name == "analytics/sweep":
            monkeypatch.undo()
            raise CallerError(TimeoutError("mine"))
        return run(statement, **options)

    def use_block():
        with other.graph_data_science():
            monkeypatch.setattr(graph, "run", interrupt)
            if ends_by == "close":
                other.close()

    with pytest.raises(TimeoutError, match="mine"):
        use_block()
    other.close()
    assert count_projections(client) == 0


@pytest.fixture
def impatient(monkeypatch):
    """The library's own client tries once, where it would try for ten minutes."""
    from graphdatascience.query_runner.neo4j_query_runner import Neo4jQueryRunner

    retries = Neo4jQueryRunner.ConnectivityRetriesConfig(max_retries=1, wait_time=0)
    monkeypatch.setattr(Neo4jQueryRunner, "ConnectivityRetriesConfig", lambda: retries)


@pytest.mark.usefixtures("impatient")
def test_the_librarys_own_client_goes_on_with_new_connections(client):
    fill(client, [("a", "b", 1.0)])
    with client.graph_data_science() as (gds, projected):
        client._engine.graph._lifecycle.reconnect()
        assert len(gds.page_rank.stream(projected)) == 2
        gds.close()
        assert client.find_central_entities("degree", 1)[0].id in {"a", "b"}


@pytest.mark.usefixtures("impatient")
def test_the_librarys_own_client_ends_with_the_client(client, server, namespace):
    fill(client, [("a", "b", 1.0)])
    with (
        ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as other,
        other.graph_data_science() as (gds, projected),
    ):
        other.close()
        with pytest.raises(DatabaseError, match="the client is closed"):
            gds.page_rank.stream(projected)
    assert count_projections(client) == 0


@pytest.mark.usefixtures("impatient")
def test_the_librarys_own_client_uses_no_connection_of_its_parent(client):
    fill(client, [("a", "b", 1.0)])
    with client.graph_data_science() as (gds, projected):

        def is_refused():
            with pytest.raises(DatabaseError, match="belongs to the parent process"):
                gds.page_rank.stream(projected)
            return True

        assert in_child(is_refused)
        assert len(gds.page_rank.stream(projected)) == 2


@pytest.mark.usefixtures("impatient")
def test_a_block_that_cannot_be_opened_raises_a_documented_error(client, monkeypatch):
    fill(client, [("a", "b", 1.0)])

    def fail(self, **options):
        raise ServiceUnavailable("lost")

    monkeypatch.setattr(OpenDriver, "verify_connectivity", fail)
    with (
        pytest.raises(GraphError, match="call again") as caught,
        client.graph_data_science(),
    ):
        pass
    assert caught.value.retryable
    assert count_projections(client) == 0
