"""What texts deny, plan or report is kept apart from the relationships of the graph."""

import pytest

from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.kg import limits
from tests.graph.conversations import turns

PLAN = "Kafka plans to use Redis."
FACT = "Kafka uses Redis."
DENIAL = "Django does not use Kafka."


def facts(client, entity):
    """Return the relationships of an entity that a query returns by default."""
    neighbors = client.query_knowledge_graph(entity).neighbors
    assert {neighbor.modality for neighbor in neighbors} <= {"asserted"}
    return {(neighbor.relationship_type, neighbor.entity_id) for neighbor in neighbors}


def stances(client, entity, depth=1):
    """Return the modality of each relationship of an entity, with all that texts say."""
    answer = client.query_knowledge_graph(entity, depth=depth, include_unasserted=True)
    return {
        (neighbor.relationship_type, neighbor.entity_id): neighbor.modality
        for neighbor in answer.neighbors
    }


def test_only_a_query_that_asks_for_it_returns_what_is_not_asserted(client):
    client.save_conversation("c", turns(PLAN, DENIAL, "Django supports PostgreSQL."))
    assert facts(client, "Kafka") == set()
    assert facts(client, "Django") == {("supports", "PostgreSQL")}
    assert stances(client, "Kafka") == {("uses", "Redis"): "planned", ("uses", "Django"): "denied"}
    answer = client.query_knowledge_graph("Kafka", depth=1, include_unasserted=True)
    plan = next(neighbor for neighbor in answer.neighbors if neighbor.entity_id == "Redis")
    assert (plan.evidence, plan.sources, plan.direction) == (PLAN, ["c:0"], "outgoing")
    assert (plan.modality, plan.polarity) == ("planned", "positive")
    denial = next(path for path in answer.paths if path.from_entity == "Django")
    assert (denial.modality, denial.steps[0].polarity) == ("denied", "negative")


def test_what_is_not_asserted_counts_nowhere(client):
    client.save_conversation("c", turns(PLAN, DENIAL))
    assert client.get_conversation_stats().stats.total_relationships == 0
    assert client.get_graph_analytics().total_edges == 0
    assert not client.find_shortest_paths("Kafka", "Redis")
    assert all(community.size == 1 for community in client.detect_communities())


def test_paths_follow_what_is_not_asserted_where_it_is_asked_for(client):
    client.save_conversation("c", turns(PLAN, "Redis supports Kubernetes."))
    answer = client.query_knowledge_graph("Kafka", include_unasserted=True)
    path = next(path for path in answer.paths if path.to_entity == "Kubernetes")
    assert (path.entities, path.modality) == (["Kafka", "Redis", "Kubernetes"], "planned")
    assert [step.modality for step in path.steps] == ["planned", "asserted"]


def test_a_plan_becomes_a_fact_and_a_plan_again(client):
    client.save_conversation("plan", turns(PLAN))
    client.save_conversation("done", turns(FACT))
    assert facts(client, "Kafka") == {("uses", "Redis")}
    assert stances(client, "Kafka") == {("uses", "Redis"): "asserted"}
    (fact,) = client.query_knowledge_graph("Kafka").neighbors
    assert (fact.sources, fact.evidence) == (["done:0"], FACT)
    client.save_conversation("done", turns("Nothing to report."))
    assert facts(client, "Kafka") == set()
    assert stances(client, "Kafka") == {("uses", "Redis"): "planned"}


def test_a_plan_disappears_with_its_text(client):
    client.update_knowledge_graph([{"id": "Kafka"}], [])
    client.save_conversation("c", [{"id": "m", "role": "user", "content": f"{PLAN} {DENIAL}"}])
    client.save_conversation("c", [{"id": "m", "role": "user", "content": DENIAL}])
    assert stances(client, "Kafka") == {("uses", "Django"): "denied"}
    client.save_conversation(
        "c", [{"id": "m", "role": "user", "content": "Kafka."}], mode="conversation"
    )
    assert stances(client, "Kafka") == {}


def test_relationships_of_callers_are_asserted(client):
    client.save_conversation("c", turns(PLAN))
    created = client.create_relationship("Kafka", "Redis", "uses")
    assert (created.relationship.modality, created.relationship.polarity) == (
        "asserted",
        "positive",
    )
    assert stances(client, "Kafka") == {("uses", "Redis"): "asserted"}


def test_several_texts_with_the_same_plan_are_one_relationship(client):
    client.save_conversation("a", turns(PLAN, "Kafka wants to use Redis."))
    client.save_conversation("b", turns(PLAN))
    answer = client.query_knowledge_graph("Kafka", depth=1, include_unasserted=True)
    assert sorted((n.modality, sorted(n.sources)) for n in answer.neighbors) == [
        ("planned", ["a:0", "b:0"]),
        ("wished", ["a:1"]),
    ]


def test_merged_entities_keep_what_was_said_of_them(client):
    client.save_conversation("c", turns(PLAN, "Redis supports Kubernetes."))
    client.update_knowledge_graph([{"id": "Valkey", "type": "technology"}], [])
    merge = client.merge_entities("Valkey", "Redis")
    assert stances(client, "Kafka") == {("uses", "Valkey"): "planned"}
    assert stances(client, "Valkey") == {
        ("uses", "Kafka"): "planned",
        ("supports", "Kubernetes"): "asserted",
    }
    client.save_conversation("later", turns("Django plans to use Redis."))
    assert stances(client, "Django") == {("uses", "Valkey"): "planned"}
    client.undo_merge(merge.merge_id)
    assert stances(client, "Kafka") == {("uses", "Redis"): "planned"}
    assert stances(client, "Django") == {("uses", "Redis"): "planned"}
    assert stances(client, "Valkey") == {}


def test_an_extraction_names_the_entities_that_names_were_merged_into(client):
    client.save_conversation("c", turns("Redis supports Kubernetes."))
    client.update_knowledge_graph([{"id": "Valkey", "type": "technology"}], [])
    client.merge_entities("Valkey", "Redis")
    (plan,) = client.extract_entities(PLAN).unasserted
    assert (plan.source_entity_id, plan.target_entity_id) == ("Kafka", "Valkey")


def test_documents_keep_what_they_do_not_assert(client):
    client.save_document("handbook", f"{PLAN} {DENIAL}")
    assert stances(client, "Kafka") == {("uses", "Redis"): "planned", ("uses", "Django"): "denied"}
    client.save_document("handbook", DENIAL)
    assert stances(client, "Kafka") == {("uses", "Django"): "denied"}


def test_reextract_corrects_what_older_versions_stored_as_a_fact(client):
    client.save_conversation("c", turns(PLAN))
    client._engine.graph.driver.execute_query(
        """
        MATCH (m:Message {namespace: $namespace}) REMOVE m.unasserted, m.unasserted_ids
        WITH m
        MATCH (a:Entity {namespace: $namespace, id: 'Kafka'})
        MATCH (b:Entity {namespace: $namespace, id: 'Redis'})
        CREATE (a)-[:USES {id: 'rel', namespace: $namespace, name: 'uses', confidence: 0.8,
          origin: 'extracted', sources: [m.id], created_ms: 1, updated_ms: 1}]->(b)
        """,
        namespace=client.namespace,
    )
    assert facts(client, "Kafka") == {("uses", "Redis")}
    assert client.reextract().texts_changed == 1
    client.reextract(apply=True)
    assert facts(client, "Kafka") == set()
    assert stances(client, "Kafka") == {("uses", "Redis"): "planned"}
    assert client.reextract().texts_changed == 0


def test_only_the_last_texts_of_an_entity_are_read(client, monkeypatch):
    client.save_conversation("c", turns(PLAN, "Kafka plans to use Celery."))
    monkeypatch.setattr(limits, "UNASSERTED_TEXTS", 1)
    answer = client.query_knowledge_graph("Kafka", depth=1, include_unasserted=True)
    assert (len(answer.neighbors), answer.truncated) == (1, True)
    assert not client.query_knowledge_graph("Kafka").truncated


def test_a_flag_must_be_a_flag(client):
    with pytest.raises(ValidationError, match="include_unasserted"):
        client.query_knowledge_graph("Kafka", include_unasserted="yes")
