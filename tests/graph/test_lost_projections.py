"""Projections that are lost, dropped too early or finished too late."""

import contextlib

import pytest

from mcp_context_persistence.exceptions import GraphError
from tests.graph.reference_graphs import count_projections, fill

EDGES = [("a", "b", 0.9), ("b", "c", 0.8), ("c", "a", 0.7)]


def test_a_slow_cleanup_drops_no_projection_that_is_newer_than_it(client, monkeypatch):
    fill(client, EDGES)
    graph, blocks, entered = client._engine.graph, contextlib.ExitStack(), []
    run = graph.run

    def run_after_another_projection(statement, **options):
        if statement.name == "analytics/sweep" and not entered:
            entered.append(statement)
            entered.append(blocks.enter_context(client.graph_data_science()))
        return run(statement, **options)

    monkeypatch.setattr(graph, "run", run_after_another_projection)
    with blocks:
        client.find_central_entities("degree")
        library, projection = entered[1]
        assert len(library.degree.stream(projection)) == 3
        assert count_projections(client) == 1
    assert count_projections(client) == 0


def test_a_projection_that_is_finished_after_its_call_is_dropped_by_the_next(client, monkeypatch):
    fill(client, EDGES)
    graph, interrupted = client._engine.graph, []
    run = graph.run

    def run_and_interrupt(statement, **options):
        if statement.name == "analytics/project" and not interrupted:
            interrupted.append((statement, options))
            raise KeyboardInterrupt
        return run(statement, **options)

    monkeypatch.setattr(graph, "run", run_and_interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.find_central_entities("degree")
    statement, options = interrupted[0]
    with graph.call():
        run(statement, **options)
    assert count_projections(client) == 1
    client.find_central_entities("degree")
    assert count_projections(client) == 0


def test_the_error_of_a_lost_projection_is_retryable(client):
    fill(client, EDGES)
    analytics = client._engine.analytics

    def lose():
        with analytics.project(
            client._engine.namespace, undirected=True, task="degree"
        ) as projection:
            client._engine.graph.driver.execute_query(
                "CALL gds.graph.drop($name) YIELD graphName RETURN graphName", name=projection.name
            )
            analytics.rank_entities(projection, "degree", limit=1, weighted=False)

    with pytest.raises(GraphError, match="call again") as caught:
        lose()
    assert caught.value.retryable


def test_an_analysis_whose_projection_is_lost_runs_again(client, monkeypatch):
    fill(client, EDGES)
    analytics, lost = client._engine.analytics, []
    expected = client.find_central_entities("degree")
    rank_entities = analytics.rank_entities

    def rank_after_a_loss(projection, *arguments, **options):
        if len(lost) < 2:
            lost.append(projection.name)
            client._engine.graph.driver.execute_query(
                "CALL gds.graph.drop($name) YIELD graphName RETURN graphName", name=projection.name
            )
        return rank_entities(projection, *arguments, **options)

    monkeypatch.setattr(analytics, "rank_entities", rank_after_a_loss)
    assert client.find_central_entities("degree") == expected
    assert len(lost) == 2
    assert count_projections(client) == 0
