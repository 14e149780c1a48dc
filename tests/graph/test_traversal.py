"""Traversals of the knowledge graph on a real server."""

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError


def test_a_traversal_has_the_given_depth_and_returns_the_paths(client):
    things = [{"id": name} for name in "abcde"]
    links = [
        {"from_entity": x, "to_entity": y, "relationship_type": "next to", "confidence": 0.5}
        for x, y in zip("abcd", "bcde", strict=True)
    ]
    client.update_knowledge_graph(things, links)
    near = client.query_knowledge_graph("a", depth=1)
    far = client.query_knowledge_graph("a", depth=3)
    assert len(near.context) == 1
    assert [
        (neighbor.entity_id, neighbor.distance, neighbor.confidence) for neighbor in far.neighbors
    ] == [
        ("b", 1, 0.5),
        ("c", 2, 0.25),
        ("d", 3, 0.125),
    ]
    longest = far.paths[-1]
    assert (longest.from_entity, longest.to_entity, longest.entities) == (
        "a",
        "d",
        ["a", "b", "c", "d"],
    )
    assert longest.relationship_type == "next to -> next to -> next to"
    back = client.query_knowledge_graph("e", depth=1).paths[0]
    assert (back.from_entity, back.to_entity) == ("d", "e")
    assert client.query_knowledge_graph("a", operation="neighbors").paths == []
    assert client.query_knowledge_graph("a", operation="paths").neighbors == []


def test_a_traversal_of_cycles_and_self_loops_ends(client):
    links = [
        {"from_entity": x, "to_entity": y, "relationship_type": "knows"}
        for x, y in ("ab", "ba", "aa")
    ]
    client.update_knowledge_graph([{"id": "a"}, {"id": "b"}], links)
    answer = client.query_knowledge_graph("a", depth=5)
    assert len(answer.context) == 1
    assert client.get_conversation_stats().stats.total_relationships == 3


def test_a_traversal_of_a_supernode_is_truncated(client):
    things = [{"id": "hub"}] + [{"id": f"n{number}"} for number in range(600)]
    links = [
        {"from_entity": "hub", "to_entity": f"n{number}", "relationship_type": "has"}
        for number in range(600)
    ]
    client.update_knowledge_graph(things, links)
    answer = client.query_knowledge_graph("hub", depth=2)
    assert (len(answer.context), answer.truncated) == (500, True)


def test_exactly_as_many_neighbors_as_the_limit_are_not_truncated(client):
    names = [f"n{number}" for number in range(500)]
    links = [
        {"from_entity": "hub", "to_entity": name, "relationship_type": "has"} for name in names
    ]
    client.update_knowledge_graph([{"id": "hub"}, *({"id": name} for name in names)], links)
    answer = client.query_knowledge_graph("hub", depth=2)
    assert (len(answer.context), answer.truncated) == (500, False)
    client.create_relationship("n7", "hub", "belongs to")
    assert client.query_knowledge_graph("hub", depth=1).truncated


def test_a_truncated_response_says_so(server, namespace):
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, config={"max_entities_per_text": 2}
    ) as client:
        assert client.extract_entities("We use pandas, numpy and scipy.").truncated
        assert not client.extract_entities("We use pandas.").truncated


@pytest.mark.parametrize("depth", [0, -1, 6, 2.0, True, "2"])
def test_depth_is_a_whole_number_from_1_to_5(client, depth):
    with pytest.raises(ValidationError, match="depth"):
        client.query_knowledge_graph("a", depth=depth)
