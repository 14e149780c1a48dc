"""Documents: kept in passages, found like messages."""

import pytest

from mcp_context_persistence.exceptions import ValidationError

FILLER = (
    "The team met on Monday and talked about the weather, the lunch and the new chairs in the "
    "office. " * 30
)
BOOK = (
    f"{FILLER}The OrderValidator class uses pydantic to check every order. "
    f"{FILLER}Backups run at four in the night with restic."
)


def graph(client):
    """Nodes and relationships of the namespace by kind."""
    rows = client._engine.graph.driver.execute_query(
        "MATCH (n {namespace: $n}) OPTIONAL MATCH (n)-[r]->() "
        "RETURN labels(n)[0] AS label, n.id AS id, n.content AS content, count(r) AS links ORDER "
        "BY label, id",
        n=client._engine.namespace,
    ).records
    return [tuple(row.values()) for row in rows]


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword"])
def test_the_relevant_passage_is_found(client, mode):
    saved = client.save_document("book", BOOK, {"tags": ["handbook"], "level": 2}, "/work/orders")
    assert (saved.status, saved.created) == ("saved", True)
    assert saved.passages > 3
    best = client.search_hybrid(
        "when do the backups run",
        mode,
        filters={"content_types": ["document"]},
        include_metadata=True,
    )
    assert [result.id for result in best.results] == ["book"]
    found = best.results[0]
    assert (found.type, found.conversation_id, found.message_id) == ("document", None, None)
    assert "restic" in found.content
    place = found.explanation["passage"]
    assert BOOK[place["start"] : place["end"]] == found.content
    assert found.metadata == {"tags": ["handbook"], "level": 2}


def test_documents_are_found_with_messages_and_by_the_graph(client):
    client.save_document("book", BOOK)
    client.save_conversation("c", [{"role": "user", "content": "Which class checks an order?"}])
    types = {
        result.type
        for result in client.search_hybrid("OrderValidator checks the order", limit=20).results
    }
    assert {"document", "message", "entity"} <= types
    assert "book" in {
        result.id for result in client.search_hybrid("OrderValidator", "graph").results
    }
    assert "pydantic" in {
        neighbor.entity_id for neighbor in client.query_knowledge_graph("OrderValidator").neighbors
    }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"project": "orders"}, True),
        ({"project": "other"}, False),
        ({"tags": ["handbook"]}, True),
        ({"tags": ["x"]}, False),
        ({"metadata.level": 2}, True),
        ({"metadata.level": 3}, False),
        ({"role": "user"}, False),
        ({"conversation_id": "c"}, False),
        ({"entity_types": "class"}, True),
        ({"entity_types": "place"}, False),
        ({"content_types": "message"}, False),
        ({"confidence_min": 1.0}, True),
        ({"date_range": {"end": "2020-01-01"}}, False),
    ],
)
def test_filters_apply_to_documents_in_every_mode(client, filters, found):
    client.save_document("book", BOOK, {"tags": ["handbook"], "level": 2}, "/work/orders")
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        results = client.search_hybrid(
            "OrderValidator checks orders with pydantic", mode, filters=filters
        ).results
        assert ("book" in {one.id for one in results}) == found, mode


def test_the_same_document_is_a_no_op_and_another_text_replaces_it(client):
    client.save_document("book", BOOK)
    before = graph(client)
    assert client.save_document("book", BOOK).status == "unchanged"
    assert graph(client) == before
    again = client.save_document("book", "The DataProcessor class uses polars.")
    assert (again.status, again.created, again.passages) == ("saved", False, 1)
    left = {row[:2] for row in graph(client)}
    assert not {id for _, id in left} & {"OrderValidator", "pydantic", "restic"}
    assert ("Document", "book") in left
    assert len([row for row in left if row[0] == "Chunk"]) == 1
    assert client.get_conversation_stats().stats.total_documents == 1
    client.save_document("book", BOOK)
    assert graph(client) == before


def test_facts_with_other_evidence_stay_when_a_document_changes(client):
    client.save_document("book", "The DataProcessor class uses polars.")
    client.save_conversation(
        "c", [{"role": "user", "content": "The DataProcessor class uses polars."}]
    )
    client.save_document("book", "Nothing about software.")
    assert "polars" in {
        neighbor.entity_id for neighbor in client.query_knowledge_graph("DataProcessor").neighbors
    }


def test_passages_are_numbered_in_order(client):
    count = client.save_document("book", BOOK).passages
    rows = client._engine.graph.driver.execute_query(
        "MATCH (:Document {namespace: $n})-[:HAS_CHUNK]->(k) WITH k ORDER BY k.position WITH "
        "collect(k) AS all "
        "RETURN all[0].start AS first, all[-1].end AS last, [k IN all | size([(k)-[:NEXT]->(x) | "
        "x])] AS next",
        n=client._engine.namespace,
    ).records
    assert (rows[0]["first"], rows[0]["last"]) == (0, len(BOOK))
    assert rows[0]["next"] == [1] * (count - 1) + [0]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        (("", "text"), "document_id"),
        (("d", ""), "text"),
        (("d", "x" * 1_000_001), "text"),
        (("d", 5), "text"),
        (("d", "text", {"x": {1}}), "metadata"),
        (("d", "text", {"tags": ["t"] * 65}), "tags"),
        (("d", "text", None, ""), "project_path"),
    ],
)
def test_invalid_documents_are_refused(client, arguments, field):
    with pytest.raises(ValidationError, match=field):
        client.save_document(*arguments)
    assert client.get_conversation_stats().stats.total_documents == 0


def test_relationships_that_a_new_text_still_states_stay(client):
    """New passages have the ids of the old ones, whose relationships are removed."""
    said = "The OrderService class depends on numpy. "

    def related():
        rows = client._engine.graph.driver.execute_query(
            "MATCH (:Entity {namespace: $n})-[r]->(:Entity) RETURN type(r) AS type, r.sources AS "
            "sources ORDER BY type",
            n=client._engine.namespace,
        ).records
        return [(row["type"], len(row["sources"])) for row in rows]

    client.save_document("paper", said)
    assert ("DEPENDS_ON", 1) in related()
    client.save_document("paper", f"{said}It is fast.")
    assert ("DEPENDS_ON", 1) in related()
    client.save_document("paper", "It is fast.")
    assert related() == []
