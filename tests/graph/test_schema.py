"""The schema on a real server, and the neomodel classes on what is written."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kg import schema
from kg.driver import Graph
from kg.errors import ValidationError


@pytest.fixture
def graph(server):
    graph = Graph(server.bolt_url, server.auth)
    yield graph
    graph.close()


def test_indexes_are_online_and_named(graph):
    schema.ensure(graph, vector_size=384)
    states, names = schema._indexes(graph), schema.expected(graph).values()
    assert {name: states[name] for name in names} == dict.fromkeys(names, "ONLINE")


def test_a_second_look_changes_nothing(graph):
    first = schema.ensure(graph, vector_size=384)
    assert schema.ensure(graph, vector_size=384) == first


def test_another_width_is_refused(graph):
    schema.ensure(graph, vector_size=384)
    with pytest.raises(ValidationError, match="vector_size"):
        schema.ensure(graph, vector_size=768)


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
    driver = client._core.graph.driver
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
