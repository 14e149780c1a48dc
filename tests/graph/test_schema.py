"""The schema on a real server, and the neomodel classes on what is written."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kg import indexes, schema, spaces
from kg.driver import Graph


@pytest.fixture
def graph(server):
    graph = Graph(server.bolt_url, server.auth)
    yield graph
    graph.close()


def test_indexes_are_online_and_named(graph):
    schema.ensure(graph, vector_size=384)
    existing = indexes.read(graph)
    wanted = schema.expected(graph, vector_size=384)
    assert {index.name: index.verdict(existing) for index in wanted} == {index.name: "ready" for index in wanted}
    assert {name for name, row in existing.items() if row["constraint"] == name} == {one.name for one in wanted if one.unique}


def test_a_second_look_changes_nothing(graph):
    first = schema.ensure(graph, vector_size=384)
    assert schema.ensure(graph, vector_size=384) == first


def test_the_first_index_keeps_its_size(graph):
    schema.ensure(graph, vector_size=384)
    assert schema.ensure(graph, vector_size=768).vector_size == 384


def test_an_index_for_vectors_of_another_size_stands_beside_it(graph):
    schema.ensure(graph, vector_size=384)
    space = spaces.Space(model="wide@1", size=768, vectors="embedding_768_a")
    for _ in range(2):
        schema.ensure_vectors(graph, space)
    rows = [row for name, row in indexes.read(graph).items() if name.startswith("memory_vectors_768_a")]
    assert [row["config"]["vector.dimensions"] for row in rows] == [768] * len(schema.vector_indexes(graph, space))
    with pytest.raises(ValueError, match="not a name"):
        schema.ensure_vectors(graph, spaces.Space(model="wide@1", size=768, vectors="embedding_x`"))


def test_a_namespace_of_the_third_version_says_which_model_made_its_vectors(tmp_path):
    from contextlib import closing

    from kg import local
    from mcp_context_persistence import ContextPersistenceClient

    with (
        local.attach(tmp_path / "store") as server,
        closing(Graph(server.bolt_url, (server.user, server.password))) as old,
        ContextPersistenceClient(server.bolt_url, auth=(server.user, server.password)) as client,
    ):
        client.save_conversation("c", [{"role": "user", "content": "The night train to Vienna."}])
        before = client.get_embedding_status()
        with old.driver.session() as session:
            session.run("MATCH (v:NamespaceVersion) DETACH DELETE v").consume()
            session.run("MATCH (v:SchemaVersion) SET v.version = 3, v.embedding_model = $model", model=before.model).consume()
        with ContextPersistenceClient(server.bolt_url, auth=(server.user, server.password)) as again:
            assert schema.read(old).version == schema.VERSION
            assert again.get_embedding_status() == before
            assert again.search_similar_conversations("train", min_score=0.0).results[0].conversation_id == "c"


def test_many_openers_agree(server):
    def open_one(_):
        graph = Graph(server.bolt_url, server.auth)
        try:
            return schema.ensure(graph, vector_size=384).version
        finally:
            graph.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(open_one, range(8))) == {schema.VERSION}


def test_the_object_mapper_has_the_labels_and_properties_of_the_graph(client):
    from kg import nodes

    client.save_conversation(
        "c",
        [
            {
                "role": "user",
                "content": "The DataProcessor class uses pandas.",
                "name": "Ana",
                "metadata": {"a": 1, "project": "q"},
            },
            {"role": "assistant", "content": "word " * 600},
        ],
        project_path="/p",
        metadata={"tags": ["x"]},
    )
    client.save_decision("c", "architecture", "We talked about pandas", "Use polars", 0.5)
    client.extract_entities("The OrderParser class uses polars.", conversation_id="c")
    client.update_knowledge_graph([{"id": "e", "metadata": {"a": 1}, "description": "d"}], [])
    vector = np.ones((1, 384), np.float32)
    client.save_conversation("g", [{"role": "user", "content": "Vector given."}], mode="conversation", embeddings=vector)
    client.save_document("d", "We use polars. " + "word " * 600, {"tags": ["x"], "project": "q"}, "/p")
    client.configure_entity_patterns({"tool": ["pandas"]})
    client.update_knowledge_graph([{"id": "f", "metadata": {"a": 1}, "description": "d"}, {"id": "g"}], [])
    client.merge_entities("e", "f", reason="the same", merged_by="Ana", evidence={"score": 0.9})
    client.undo_merge(client.merge_entities("e", "g").merge_id)
    graph, known = client._core.graph, client._core.embeddings.current().vectors
    other = spaces.Space(model="other@1", size=384, vectors="embedding_384_a")
    assert graph.run(spaces.begin(client._core.namespace, known, other, "stopped", now=1))
    driver = graph.driver
    for name in nodes.SchemaVersion.ALL:
        model = getattr(nodes, name)
        rows = driver.execute_query(
            f"MATCH (n:{name}) WHERE n.namespace = $n OR n:SchemaVersion UNWIND keys(n) AS key RETURN collect(DISTINCT key) AS keys",
            n=client._core.namespace,
        ).records
        described = {prop.db_property or key for key, prop in model.defined_properties(rels=False, aliases=False).items()}
        assert model.__label__ == name
        assert set(rows[0]["keys"]) == described, name
    constraints = driver.execute_query("SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes[0] AS label").records
    assert {row["label"] for row in constraints} == set(nodes.SchemaVersion.ALL)
