"""Entities that are related to the same others, found by Graph Data Science on a real server and without it: the same is said of them."""

import math
import random

import pytest

from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.queries.analytics import algorithms
from tests.graph.test_duplicates import query

TYPES = ("technology", "organization", "concept")


@pytest.fixture(autouse=True)
def _patient(monkeypatch):
    """The library's first answer takes long on a busy machine."""
    monkeypatch.setattr(algorithms, "RELATED_SECONDS", 25.0)


@pytest.fixture
def without_library(monkeypatch):
    """The server is asked for procedures that it does not have, as one without the library would be."""
    text = Statement.text
    monkeypatch.setattr(
        Statement,
        "text",
        lambda statement, *given: (
            text(statement, *given).replace("gds.", "absent.")
            if statement.name.startswith("analytics/")
            else text(statement, *given)
        ),
    )


def relate(client, *pairs):
    client.update_knowledge_graph(
        [], [{"from_entity": a, "to_entity": b, "relationship_type": "uses"} for a, b in pairs]
    )


def fill(client):
    names = ["Postgres", "elephant", "Billing", "Orders", "Reports", "Ledger", "leaf", "other"]
    client.update_knowledge_graph(
        [{"id": one, "type": "technology" if one in names[:2] else "service"} for one in names], []
    )
    relate(
        client,
        *(
            (user, one)
            for user in ("Billing", "Orders", "Reports")
            for one in ("Postgres", "elephant")
        ),
    )
    relate(client, ("Ledger", "Postgres"), ("Ledger", "leaf"), ("Ledger", "other"))


def said(found):
    return [
        (
            pair.keep_id,
            pair.duplicate_id,
            pair.score,
            pair.band,
            [(one.stage, one.score) for one in pair.evidence],
        )
        for pair in found.pairs
    ]


def projections(client):
    return [
        row["name"]
        for row in query(client, "CALL gds.graph.list() YIELD graphName RETURN graphName AS name")
    ]


def test_shared_neighbours_alone_are_for_somebody_to_look_at(client):
    fill(client)
    found = client.find_duplicate_entities()
    assert found.neighbors_by == "gds"
    (pair,) = [
        one for one in found.pairs if {one.keep_id, one.duplicate_id} == {"Postgres", "elephant"}
    ]
    (evidence,) = [one for one in pair.evidence if one.stage == "neighbours"]
    assert (pair.band, evidence.score, evidence.detail) == ("review", 0.75, "3 shared")
    assert found.groups == []
    similar = client.find_similar_entities("Postgres", 1)[0]
    assert (similar.other_id, similar.similarity) == ("elephant", 0.75)
    assert projections(client) == []


def test_one_shared_neighbour_or_a_relationship_between_the_two_proposes_nothing(client):
    fill(client)
    relate(client, ("elephant", "Postgres"))
    pairs = {
        frozenset((one.keep_id, one.duplicate_id)) for one in client.find_duplicate_entities().pairs
    }
    assert {frozenset(("Postgres", "elephant")), frozenset(("leaf", "other"))} & pairs == set()


@pytest.mark.parametrize("seed", range(4))
def test_without_the_library_the_same_is_found(client, request, seed):
    drawn = random.Random(seed)
    names = [
        f"{drawn.choice(['alpha', 'beta', 'gamma'])}{letter}" for letter in "abcdefghijklmnopqr"
    ]
    client.update_knowledge_graph([{"id": one, "type": drawn.choice(TYPES)} for one in names], [])
    relate(client, *{(drawn.choice(names), drawn.choice(names[:6])) for _ in range(90)})
    first = client.find_duplicate_entities(limit=1000)
    assert first.neighbors_by == "gds"
    assert any(
        [one.stage for one in pair.evidence] == ["neighbours"]
        or pair.evidence[-1].stage == "neighbours"
        for pair in first.pairs
    )
    request.getfixturevalue("without_library")
    second = client.find_duplicate_entities(limit=1000)
    assert second.neighbors_by == "cypher"
    assert said(second) == said(first)
    with pytest.raises(Exception, match="Graph Data Science"):
        client.get_graph_analytics()


def test_too_little_memory_or_time_is_no_failure(client, monkeypatch):
    fill(client)
    monkeypatch.setattr(client._engine.analytics._admission, "_share", (math.inf, 1))
    assert client.find_duplicate_entities().neighbors_by == "cypher"
    monkeypatch.setattr(client._engine.analytics._admission, "_share", None)
    monkeypatch.setattr(algorithms, "RELATED_SECONDS", 0.0001)
    found = client.find_duplicate_entities()
    assert found.neighbors_by == "cypher"
    assert any(pair.evidence[-1].stage == "neighbours" for pair in found.pairs)
    monkeypatch.setattr(algorithms, "RELATED_SECONDS", 25.0)
    assert client.find_duplicate_entities().neighbors_by == "gds"
    assert projections(client) == []


def test_where_nothing_is_related_nothing_is_projected(client):
    client.update_knowledge_graph([{"id": "a"}, {"id": "b"}], [])
    assert client.find_duplicate_entities().neighbors_by is None
