"""Stored JSON that a damaged database has cut: a documented error, not one of Python."""

import pytest

from mcp_context_persistence.exceptions import ContextPersistenceError, ValidationError
from tests.graph.duplicate_entities import query

ANSWER = {"role": "assistant", "content": "They are in the shed."}
CUT = '{"secret": "Ros'


@pytest.fixture
def damaged(client):
    """Return a client whose stored metadata and properties are cut."""
    client.save_conversation(
        "talk",
        [{"role": "user", "content": "Orders of the garden.", "metadata": {"a": 1}}],
        metadata={"b": 2},
    )
    client.update_knowledge_graph(
        [{"id": name, "type": "thing", "metadata": {"c": 3}} for name in ("Acme", "Acme Inc")],
        [
            {
                "from_entity": "Acme",
                "to_entity": "Acme Inc",
                "relationship_type": "owns",
                "properties": {"d": 4},
            }
        ],
    )
    query(
        client,
        "MATCH (n {namespace: $n}) WHERE n.metadata IS NOT NULL SET n.metadata = $cut",
        cut=CUT,
    )
    query(client, "MATCH ({namespace: $n})-[r:OWNS]->() SET r.properties = $cut", cut=CUT)
    return client


def test_parts_that_are_cut_are_a_documented_error(client):
    client.append_messages("talk", [{"role": "user", "content": ["Roses."]}])
    query(client, "MATCH (m:Message {namespace: $n}) SET m.data = $cut", cut=CUT)
    with pytest.raises(ContextPersistenceError, match="stored data of a message") as caught:
        client.load_conversation_history("talk")
    assert "Ros" not in str(caught.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.load_conversation_history("talk"),
        lambda client: client.search_hybrid("orders of the garden", include_metadata=True),
        lambda client: client.search_similar_conversations(
            "orders of the garden", min_score=0.0, include_metadata=True
        ),
        lambda client: client.query_knowledge_graph("Acme"),
        lambda client: client.find_duplicate_entities(),
        lambda client: client.update_knowledge_graph([{"id": "Acme", "metadata": {"e": 5}}], []),
        lambda client: client.create_relationship("Acme", "Acme Inc", "owns"),
        lambda client: client.save_conversation(
            "talk", [{"role": "user", "content": "Orders of the garden."}, ANSWER]
        ),
    ],
    ids=["load", "search", "similar", "graph", "duplicates", "update", "relationship", "save"],
)
def test_json_that_is_cut_is_a_documented_error(damaged, call):
    with pytest.raises(ContextPersistenceError, match="cannot be read") as caught:
        call(damaged)
    assert not isinstance(caught.value, ValidationError)
    assert not caught.value.retryable
    assert "Ros" not in str(caught.value)
