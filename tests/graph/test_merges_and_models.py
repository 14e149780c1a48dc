"""Vectors of merged entities and rejected decisions while the embedding model changes."""

import numpy as np

from tests.graph.duplicate_entities import query
from tests.graph.hashing_model import HashingModel, fill, unit, vectors

DEFAULT = "all-MiniLM-L6-v2"
NAMES = {"acme": "Acme", "acme_corp": "ACME Corporation"}


def merge(client):
    """Merge two entities that have vectors of two models, in two properties."""
    fill(client, 6)
    rows = [{"id": key, "name": name, "type": "organization"} for key, name in NAMES.items()]
    client.update_knowledge_graph(rows, [])
    client.configure_embedding_model(HashingModel(384, 2), wait=True)
    client.configure_embedding_model(DEFAULT, wait=True)
    return client.merge_entities("acme", "acme_corp").merge_id


def check_vectors(client, model):
    """Assert that the two entities have vectors of the model, each of its own name."""
    space = client._engine.embeddings.current().vector_state.active
    stored = vectors(client, space.property_name)
    for key, name in NAMES.items():
        assert np.allclose(stored["Entity", key], unit(model, name), atol=1e-4)


def test_a_merged_entity_has_no_vectors(client):
    merge(client)
    rows = query(client, "MATCH (e:MergedEntity {namespace: $n}) RETURN keys(e) AS keys")
    assert [key for row in rows for key in row["keys"] if key.startswith("embedding")] == []


def test_an_undo_during_a_migration_brings_back_no_vector_of_another_model(client):
    merge_id = merge(client)
    model = HashingModel(384, 3)  # in the property that had the vectors of the model before
    undone = []

    def undo(*_report):
        if not undone:
            undone.append(client.undo_merge(merge_id))

    client.configure_embedding_model(model, wait=True, progress=undo)
    check_vectors(client, model)


def test_an_undo_after_a_migration_brings_back_no_vector_of_another_model(client):
    merge_id = merge(client)
    model = HashingModel(384, 3)
    client.configure_embedding_model(model, wait=True)
    client.configure_embedding_model(DEFAULT, wait=True)
    client.undo_merge(merge_id)
    client.configure_embedding_model(model, wait=True)
    check_vectors(client, model)


def test_an_undo_removes_all_vectors_that_an_older_version_left_to_an_entity(client):
    merge_id = merge(client)
    query(
        client,
        "MATCH (e:MergedEntity {namespace: $n}) SET e.embedding = $v, e.embedding_384_a = $v, "
        "e.embedding_384_b = $v",
        v=[1.0] * 384,
    )
    client.undo_merge(merge_id)
    rows = query(client, "MATCH (e:Entity {namespace: $n, id: 'acme_corp'}) RETURN keys(e) AS keys")
    assert [key for key in rows[0]["keys"] if key.startswith("embedding")] == ["embedding"]
    model = HashingModel(384, 5)
    client.configure_embedding_model(model, wait=True)
    check_vectors(client, model)


def test_a_rejected_decision_has_no_vectors_of_a_model_that_its_reviewer_did_not_know(connect):
    client, reviewer = connect(), connect()
    decision = reviewer.save_decision("c", "tool", "We compared two parsers", "The second one")
    client.configure_embedding_model(HashingModel(384, 2), wait=True)
    reviewer.review_decision(decision.decision_id, accept=False)
    rows = query(client, "MATCH (d:Decision {namespace: $n}) RETURN keys(d) AS keys")
    assert [key for row in rows for key in row["keys"] if key.startswith("embedding")] == []
