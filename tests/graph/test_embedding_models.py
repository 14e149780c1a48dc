"""Configure embedding models: in empty namespaces, in several namespaces, and invalid ones."""

import numpy as np
import pytest

from mcp_context_persistence.kg import vector_spaces
from mcp_context_persistence.kg.errors import StaleStateError, ValidationError, VectorDBError
from tests.graph.hashing_model import TOPICS, HashingModel, fill, messages


@pytest.mark.parametrize("size", [384, 96])
def test_an_empty_namespace_uses_the_new_model_at_once(connect, size):
    client, model = connect(), HashingModel(size, 1)
    status = client.configure_embedding_model(model, vector_size=size)
    assert (status.vector_size, status.migrating_to) == (size, None)
    made = client.generate_embeddings(["One text", "Another text", "word " * 3000])
    assert (made.shape, made.dtype) == ((3, size), np.float32)
    assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
    fill(client)
    found = client.search_hybrid("Message 3.1 is about database backups", mode="semantic", limit=1)
    assert found.results[0].message_id == "c3:1"
    assert found.best_score > 0.7
    assert client.get_embedding_status().vectors >= 48
    with pytest.raises(ValidationError, match="another embedding model"):
        connect().search_hybrid("anything")
    assert connect().search_hybrid("birthday", mode="keyword").results  # words need no model
    other = connect()
    other.configure_embedding_model(HashingModel(size, 1))
    assert (
        other.search_hybrid("Message 3.1 is about database backups", mode="semantic", limit=1)
        .results[0]
        .message_id
        == "c3:1"
    )


def test_other_namespaces_keep_their_model(connect, namespace):
    client, other = connect(), connect(namespace=f"{namespace}-b")
    other.save_conversation("c", messages(1, TOPICS[0]))
    client.configure_embedding_model(HashingModel(384, 1))
    fill(client, 2)
    assert (
        other.search_similar_conversations("night train", limit=1, min_score=0.1)
        .results[0]
        .conversation_id
        == "c"
    )
    fill(other, 2)


class Broken:
    def encode(self, texts):
        if len(texts) > 1:
            raise RuntimeError("no such luck")
        return np.ones((len(texts), 8))


@pytest.mark.usefixtures("impatient_migration")
def test_invalid_models_are_refused(connect):
    client = connect()
    fill(client, 2)
    with pytest.raises(ValidationError, match="model"):
        client.configure_embedding_model(object())
    with pytest.raises(ValidationError, match="vector_size"):
        client.configure_embedding_model(HashingModel(8, 1), vector_size=384)
    for size in (0, 4_097):
        with pytest.raises(ValidationError, match="1 to 4,096 numbers"):
            client.configure_embedding_model(HashingModel(size, 1))
    with pytest.raises(ValidationError, match="batch_size"):
        client.configure_embedding_model(HashingModel(8, 1), batch_size=0)
    with pytest.raises(ValidationError, match="texts"):
        client.generate_embeddings("one text")
    assert client.generate_embeddings([]).shape == (0, 384)
    with pytest.raises(VectorDBError) as told:
        client.configure_embedding_model(Broken(), wait=True)
    assert "no such luck" not in str(told.value)
    assert client.search_hybrid("birthday cake", mode="semantic", limit=1).results
    assert client.get_embedding_status().failure


def test_a_writer_with_a_stale_model_is_refused(connect, namespace):
    client = connect()
    client.save_conversation("c", messages(1, TOPICS[0]))
    graph = client._engine.graph
    known = graph.run(vector_spaces.read_state(namespace))[0]
    other = vector_spaces.VectorSpace(model="x@1", size=384, property_name="embedding_384_a")
    assert graph.run(vector_spaces.begin_migration(namespace, known, other, "filling", now=1)) == [
        known.revision + 1
    ]
    assert graph.run(vector_spaces.begin_migration(namespace, known, other, "filling", now=1)) == []
    client.save_conversation(
        "c2", messages(2, TOPICS[1])
    )  # with what it knew: told, read again, written
    assert client._engine.embeddings.current().vector_state.revision == known.revision + 1
    stale = vector_spaces.VectorState(
        active=known.active, revision=known.revision, inactive=other, progress="filling"
    )
    with pytest.raises(StaleStateError):
        graph.run(vector_spaces.fill_vectors(namespace, stale, [], now=1))
