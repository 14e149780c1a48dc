"""Shared neighbors of duplicates are the same with Graph Data Science and without it."""

import math
import random

import pytest

from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.queries.analytics import analyzer
from tests.graph.duplicate_entities import query

TYPES = ("technology", "organization", "concept")


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """Allow for the first call of the library, which is slow on a busy machine."""
    monkeypatch.setattr(analyzer, "RELATED_SECONDS", 25.0)


@pytest.fixture
def without_library(monkeypatch):
    """Call procedures that do not exist, as on a server without the library."""
    text = Statement.text
    monkeypatch.setattr(
        Statement,
        "text",
        lambda statement, *dialect: (
            text(statement, *dialect).replace("gds.", "absent.")
            if statement.name.startswith("analytics/")
            else text(statement, *dialect)
        ),
    )


def relate(client, *pairs):
    client.update_knowledge_graph(
        [], [{"from_entity": a, "to_entity": b, "relationship_type": "uses"} for a, b in pairs]
    )


def fill(client):
    names = ["Postgres", "elephant", "Billing", "Orders", "Reports", "Ledger", "leaf", "other"]
    client.update_knowledge_graph(
        [{"id": name, "type": "technology" if name in names[:2] else "service"} for name in names],
        [],
    )
    relate(
        client,
        *(
            (user, database)
            for user in ("Billing", "Orders", "Reports")
            for database in ("Postgres", "elephant")
        ),
    )
    relate(client, ("Ledger", "Postgres"), ("Ledger", "leaf"), ("Ledger", "other"))


def list_pairs(duplicates):
    return [
        (
            pair.keep_id,
            pair.duplicate_id,
            pair.score,
            pair.band,
            [(evidence.stage, evidence.score) for evidence in pair.evidence],
        )
        for pair in duplicates.pairs
    ]


def projections(client):
    return [
        row["name"]
        for row in query(client, "CALL gds.graph.list() YIELD graphName RETURN graphName AS name")
    ]


def test_shared_neighbors_alone_are_proposed_for_review(client):
    fill(client)
    duplicates = client.find_duplicate_entities()
    assert duplicates.neighbors_by == "gds"
    (pair,) = [
        pair
        for pair in duplicates.pairs
        if {pair.keep_id, pair.duplicate_id} == {"Postgres", "elephant"}
    ]
    (evidence,) = [item for item in pair.evidence if item.stage == "neighbors"]
    assert (pair.band, evidence.score, evidence.detail) == ("review", 0.75, "3 shared")
    assert duplicates.groups == []
    similar = client.find_similar_entities("Postgres", 1)[0]
    assert (similar.other_id, similar.similarity) == ("elephant", 0.75)
    assert projections(client) == []


def test_one_shared_neighbor_or_a_relationship_between_the_two_proposes_nothing(client):
    fill(client)
    relate(client, ("elephant", "Postgres"))
    pairs = {
        frozenset((pair.keep_id, pair.duplicate_id))
        for pair in client.find_duplicate_entities().pairs
    }
    assert {frozenset(("Postgres", "elephant")), frozenset(("leaf", "other"))} & pairs == set()


@pytest.mark.parametrize("seed", range(4))
def test_the_result_is_the_same_without_the_library(client, request, seed):
    drawn = random.Random(seed)
    names = [
        f"{drawn.choice(['alpha', 'beta', 'gamma'])}{letter}" for letter in "abcdefghijklmnopqr"
    ]
    client.update_knowledge_graph([{"id": name, "type": drawn.choice(TYPES)} for name in names], [])
    relate(client, *{(drawn.choice(names), drawn.choice(names[:6])) for _ in range(90)})
    first = client.find_duplicate_entities(limit=1000)
    assert first.neighbors_by == "gds"
    assert any(
        [item.stage for item in pair.evidence] == ["neighbors"]
        or pair.evidence[-1].stage == "neighbors"
        for pair in first.pairs
    )
    request.getfixturevalue("without_library")
    second = client.find_duplicate_entities(limit=1000)
    assert second.neighbors_by == "cypher"
    assert list_pairs(second) == list_pairs(first)
    with pytest.raises(Exception, match="Graph Data Science"):
        client.get_graph_analytics()


def test_too_little_memory_or_time_is_no_error(client, monkeypatch):
    fill(client)
    monkeypatch.setattr(client._engine.analytics._admission, "_memory_limit", (math.inf, 1))
    assert client.find_duplicate_entities().neighbors_by == "cypher"
    monkeypatch.setattr(client._engine.analytics._admission, "_memory_limit", None)
    monkeypatch.setattr(analyzer, "RELATED_SECONDS", 0.0001)
    duplicates = client.find_duplicate_entities()
    assert duplicates.neighbors_by == "cypher"
    assert any(pair.evidence[-1].stage == "neighbors" for pair in duplicates.pairs)
    monkeypatch.setattr(analyzer, "RELATED_SECONDS", 25.0)
    assert client.find_duplicate_entities().neighbors_by == "gds"
    assert projections(client) == []


def test_nothing_is_projected_without_relationships(client):
    client.update_knowledge_graph([{"id": "a"}, {"id": "b"}], [])
    assert client.find_duplicate_entities().neighbors_by is None
