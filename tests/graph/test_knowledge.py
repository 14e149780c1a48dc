"""Entities, relationships, decisions and statistics on a real server."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.models import Entity, Relationship

TEXT = """
The DataProcessor class in the data_processing module handles
data transformation and cleanup operations. It uses pandas
for data manipulation and numpy for numerical operations.
"""


def test_extracted_entities_are_stored_and_filtered_by_type(client):
    answer = client.extract_entities(
        TEXT, entity_types=["class", "module", "library"], context={"domain": "data"}
    )
    assert {"DataProcessor", "data_processing", "pandas", "numpy"} <= {
        entity.id for entity in answer.entities
    }
    assert {entity.type for entity in answer.entities} <= {"class", "module", "library"}
    assert all(0.0 <= entity.confidence <= 1.0 and entity.description for entity in answer.entities)
    assert (answer.stored, answer.linked_to) == (True, None)
    for concept in ("data_transformation", "data_manipulation", "numerical_operations"):
        assert client.query_knowledge_graph(concept).entity_id == concept


def test_store_false_writes_nothing(client):
    assert client.extract_entities(TEXT, store=False).entities
    assert client.get_conversation_stats().stats.total_entities == 0


def test_what_a_text_does_not_assert_is_no_relationship_of_the_graph(client):
    answer = client.extract_entities("Kafka plans to use Redis. Django does not use ZooKeeper.")
    assert not answer.relationships
    assert [
        (one.source_entity_id, one.relationship_type, one.target_entity_id, one.modality)
        for one in answer.unasserted
    ] == [("Kafka", "uses", "Redis", "planned"), ("Django", "uses", "ZooKeeper", "denied")]
    assert [one.polarity for one in answer.unasserted] == ["positive", "negative"]
    assert not client.query_knowledge_graph("Kafka").neighbors
    assert client.get_conversation_stats().stats.total_relationships == 0


def test_entities_are_linked_to_existing_messages_and_conversations(client):
    client.save_conversation(
        "c", [{"id": "m", "role": "user", "content": "Hello there"}], mode="conversation"
    )
    assert client.extract_entities(TEXT, conversation_id="c").linked_to == "conversation"
    assert client.extract_entities(TEXT, conversation_id="c", message_id="m").linked_to == "message"
    assert client.extract_entities(TEXT, conversation_id="missing").linked_to is None


def test_the_same_triple_is_one_relationship(client):
    client.extract_entities("The DataProcessor class handles data transformation and cleanup.")
    first = client.create_relationship("DataProcessor", "data_transformation", "implements", 0.9)
    again = client.create_relationship(
        "DataProcessor", "data_transformation", "implements", 0.4, {"why": "x"}
    )
    assert (first.created, again.created) == (True, False)
    assert first.relationship.id == again.relationship.id
    neighbours = client.query_knowledge_graph("DataProcessor", depth=1).neighbors
    found = [neighbor for neighbor in neighbours if neighbor.relationship_type == "implements"]
    assert [(one.entity_id, one.confidence, one.direction) for one in found] == [
        ("data_transformation", 0.4, "outgoing")
    ]


def test_names_and_aliases_are_accepted_as_ids(client):
    client.update_knowledge_graph(
        [
            {"id": "pg", "name": "PostgreSQL", "type": "technology", "aliases": ["Postgres"]},
            {"id": "x"},
        ],
        [],
    )
    assert client.create_relationship("Postgres", "x", "uses").relationship.source_entity_id == "pg"
    assert client.query_knowledge_graph("PostgreSQL").entity_id == "pg"
    with pytest.raises(NotFoundError, match="target_entity_id"):
        client.create_relationship("pg", "nowhere", "uses")


@pytest.mark.parametrize("confidence", [-0.1, 1.1, float("nan"), "1", True, None])
def test_confidence_must_be_a_number_from_0_to_1(client, confidence):
    with pytest.raises(ValidationError, match="confidence"):
        client.create_relationship("a", "b", "uses", confidence)


@pytest.mark.parametrize(
    "name", ["", "A`]->() DELETE", "\\u0060", "a" * 64, "ＵＳＥＳ", "x\n", "1st", "uses;"]
)
def test_invalid_types_are_refused(client, name):
    with pytest.raises(ValidationError, match="relationship_type"):
        client.create_relationship("a", "b", name)


def test_each_strategy_combines_new_and_stored_entities(client):
    old = {
        "id": "e",
        "type": "class",
        "name": "E",
        "description": "old",
        "confidence": 0.5,
        "metadata": {"a": {"x": 1}, "b": 1},
    }
    assert client.update_knowledge_graph([old], []).created_entities == 1
    assert client.update_knowledge_graph([old], []).unchanged_entities == 1
    new = {"id": "e", "description": "new", "metadata": {"a": {"x": 2, "y": 2}, "c": 3}}

    def stored():
        return client.query_knowledge_graph("e").context.entity

    assert client.update_knowledge_graph([new], [], "skip").skipped_entities == 1
    assert stored().description == "old"
    assert client.update_knowledge_graph([new], [], "merge").updated_entities == 1
    assert (stored().description, stored().metadata) == (
        "old",
        {"a": {"x": 1, "y": 2}, "b": 1, "c": 3},
    )
    assert client.update_knowledge_graph([new], [], "upsert").updated_entities == 1
    assert (stored().description, stored().metadata, stored().type, stored().confidence) == (
        "new",
        new["metadata"],
        "class",
        0.5,
    )


def vector(client, entity_id):
    return client._engine.graph.driver.execute_query(
        "MATCH (e:Entity {namespace: $n, id: $id}) RETURN e.embedding AS vector",
        n=client._engine.namespace,
        id=entity_id,
    ).records[0]["vector"]


def test_the_vector_is_that_of_the_combined_entity(client):
    client.update_knowledge_graph(
        [{"id": "e", "name": "Queue", "description": "keeps orders until they are packed"}], []
    )
    whole = vector(client, "e")
    client.update_knowledge_graph([{"id": "e", "confidence": 0.5}], [])
    assert vector(client, "e") == whole
    client.update_knowledge_graph([{"id": "e", "description": "keeps parcels"}], [])
    assert vector(client, "e") != whole
    client.update_knowledge_graph(
        [{"id": "f", "name": "Queue", "description": "keeps parcels"}], []
    )
    assert vector(client, "f") == pytest.approx(vector(client, "e"), abs=1e-6)


def test_concurrent_merging_writers_lose_no_metadata_key(client):
    def write(number):
        link = {
            "from_entity": "e",
            "to_entity": "e",
            "relationship_type": "knows",
            "properties": {f"k{number}": number},
        }
        client.update_knowledge_graph(
            [{"id": "e", "metadata": {f"k{number}": number}}], [link], "merge"
        )

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(16)))
    keys = {f"k{number}": number for number in range(16)}
    assert client.query_knowledge_graph("e").context.entity.metadata == keys
    rows = client._engine.graph.driver.execute_query(
        "MATCH (:Entity {namespace: $n})-[r:KNOWS]->() RETURN r.properties AS properties",
        n=client._engine.namespace,
    ).records
    assert [json.loads(row["properties"]) for row in rows] == [keys]


def test_entities_and_relationships_may_be_objects_or_have_a_name_alone(client):
    client.update_knowledge_graph([{"name": "data transformation"}, {"name": "pandas"}], [])
    link = client.create_relationship(
        "data_transformation", "pandas", "uses", 0.9, {"why": "speed"}
    ).relationship
    entity = client.query_knowledge_graph("pandas").context.entity
    assert client.update_knowledge_graph([entity], [link]).updated_relationships == 0
    assert client.create_relationship(
        "data_transformation", "pandas", "uses", 0.9
    ).relationship.properties == {"why": "speed"}


def test_a_key_and_its_synonym_must_have_the_same_value(client):
    link = {
        "from_entity": "a",
        "source_entity_id": "b",
        "to_entity": "b",
        "relationship_type": "uses",
    }
    with pytest.raises(ValidationError, match=r"relationships\.0\.from_entity"):
        client.update_knowledge_graph([{"id": "a"}, {"id": "b"}], [link])


def test_a_relationship_given_twice_must_have_the_same_values(client):
    link = {"from_entity": "a", "to_entity": "b", "relationship_type": "uses", "confidence": 0.1}
    with pytest.raises(ValidationError, match="relationships"):
        client.update_knowledge_graph(
            [{"id": "a"}, {"id": "b"}], [link, link | {"confidence": 0.9}]
        )
    with pytest.raises(ValidationError, match="relationships"):
        client.update_knowledge_graph(
            [{"id": "a"}, {"id": "b"}], [link, link | {"properties": {"why": "speed"}}]
        )
    for wrong in ({"entities": [Entity]}, {"relationships": [Relationship]}):
        with pytest.raises(ValidationError, match="0 must be a mapping"):
            client.update_knowledge_graph(**({"entities": [], "relationships": []} | wrong))
    assert (
        client.update_knowledge_graph(
            [{"id": "a"}, {"id": "b"}], [link, link]
        ).created_relationships
        == 1
    )


def test_nodes_created_with_cypher_can_be_read_and_updated(client):
    client._engine.graph.driver.execute_query(
        "CREATE (:Entity {namespace: $n, id: 'x'})-[:LIKES]->(:Entity {namespace: $n, id: 'y'})",
        n=client._engine.namespace,
    )
    assert [
        neighbor.relationship_type for neighbor in client.query_knowledge_graph("x").neighbors
    ] == ["LIKES"]
    link = {"from_entity": "x", "to_entity": "y", "relationship_type": "likes"}
    for strategy in ("skip", "merge", "upsert"):
        client.update_knowledge_graph([{"id": "x", "type": "person"}], [link], strategy)
    assert client.query_knowledge_graph("x").context.entity.type == "person"
    assert [
        neighbor.relationship_type for neighbor in client.query_knowledge_graph("x").neighbors
    ] == ["likes"]


def test_relationships_follow_the_strategy_too(client):
    things = [{"id": "a"}, {"id": "b"}]
    link = {
        "from_entity": "a",
        "to_entity": "b",
        "relationship_type": "depends on",
        "confidence": 0.5,
        "properties": {"x": 1},
    }
    assert client.update_knowledge_graph(things, [link]).created_relationships == 1
    assert client.update_knowledge_graph([], [link]).unchanged_relationships == 1
    other = link | {"confidence": 0.9, "properties": {"x": 2, "y": 2}}
    assert client.update_knowledge_graph([], [other], "skip").skipped_relationships == 1
    assert client.update_knowledge_graph([], [other], "merge").updated_relationships == 1
    assert client.query_knowledge_graph("a").neighbors[0].confidence == 0.5
    assert client.update_knowledge_graph([], [other], "upsert").updated_relationships == 1
    assert client.query_knowledge_graph("a").neighbors[0].confidence == 0.9


def test_an_update_is_atomic(client):
    with pytest.raises(NotFoundError, match="to_entity"):
        client.update_knowledge_graph(
            [{"id": "a"}], [{"from_entity": "a", "to_entity": "zzz", "relationship_type": "uses"}]
        )
    assert client.get_conversation_stats().stats.total_entities == 0


@pytest.mark.parametrize(
    "entity",
    [
        {},
        {"id": ""},
        {"id": "a", "colour": "red"},
        {"id": "a", "type": "a`b"},
        {"id": "a", "confidence": 2},
        "a",
        {"id": "a", "aliases": "x"},
    ],
)
def test_invalid_entities_are_refused(client, entity):
    with pytest.raises(ValidationError, match=r"entities\.0"):
        client.update_knowledge_graph([entity], [])


def test_types_become_labels_and_relationship_types(client):
    client.update_knowledge_graph(
        [{"id": "a", "type": "data store"}, {"id": "m", "type": "message"}],
        [{"from_entity": "a", "to_entity": "m", "relationship_type": "depends on"}],
    )
    rows = client._engine.graph.driver.execute_query(
        "MATCH (a:DataStore {namespace: $n})-[r:DEPENDS_ON]->(m:MessageType) "
        "RETURN r.name AS name, labels(m) AS labels",
        n=client._engine.namespace,
    ).records
    assert [(row["name"], sorted(row["labels"])) for row in rows] == [
        ("depends on", ["Entity", "MessageType"])
    ]


def test_a_decision_is_saved_once_and_creates_its_conversation(client):
    arguments = ("c", "architecture", "Team compared Kafka with PostgreSQL", "Use PostgreSQL", 0.85)
    first, again = client.save_decision(*arguments), client.save_decision(*arguments)
    assert (
        first.created,
        first.conversation_created,
        again.created,
        again.conversation_created,
    ) == (True, True, False, False)
    assert first.decision_id == again.decision_id
    assert first.entities_linked >= 2
    assert len(vector(client, "PostgreSQL")) == 384
    assert client.load_conversation_history("c").total_messages == 0
    assert client.get_conversation_stats().stats.total_decisions == 1


def test_a_decision_is_found_by_the_types_that_its_entities_have(client):
    client.update_knowledge_graph([{"id": "pandas", "type": "animal"}], [])
    decision = client.save_decision(
        "c", "tool", "We compared pandas with polars", "Use pandas"
    ).decision_id

    def found(kind):
        results = client.search_hybrid(
            "pandas", "keyword", filters={"entity_types": kind, "content_types": "decision"}
        ).results
        return decision in {one.id for one in results}

    assert found("animal")
    client.update_knowledge_graph([{"id": "pandas", "type": "robot"}], [])
    assert (found("animal"), found("robot")) == (False, True)


def test_entities_are_found_by_words_of_their_names(client):
    client.update_knowledge_graph([{"id": "BookingService", "type": "class"}], [])
    for mode in ("keyword", "hybrid", "graph"):
        assert "BookingService" in {
            result.id for result in client.search_hybrid("booking service", mode).results
        }, mode


def test_statistics_count_what_is_there(client):
    client.save_conversation(
        "c", [{"role": "user", "content": "The DataProcessor class uses pandas. äö"}]
    )
    stats = client.get_conversation_stats().stats
    assert (stats.total_conversations, stats.total_messages) == (1, 1)
    assert stats.storage_usage.conversations_size == len(
        "The DataProcessor class uses pandas. äö".encode()
    )
    assert stats.storage_usage.entities_count == stats.total_entities >= 2


def test_reserved_relationship_types_can_be_used_between_entities(client):
    client.update_knowledge_graph([{"id": "readme"}, {"id": "pandas"}], [])
    client.create_relationship("readme", "pandas", "mentions", 0.9, {"by": "hand"})
    client.create_relationship("readme", "pandas", "mentions", 0.8)
    assert [
        (neighbor.entity_id, neighbor.relationship_type)
        for neighbor in client.query_knowledge_graph("readme").neighbors
    ] == [("pandas", "mentions")]
    rows = client._engine.graph.driver.execute_query(
        "MATCH (:Entity {namespace: $n})-[r:MENTIONS_TYPE]->() RETURN r.properties AS properties",
        n=client._engine.namespace,
    ).records
    assert [row["properties"] for row in rows] == ['{"by":"hand"}']
