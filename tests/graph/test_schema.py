"""The schema on a real server, and the neomodel classes on what is written."""

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import vector_spaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.schema import indexes, migrations
from tests.graph.schema_states import Counted, run, verdicts
from tests.graph.versions import make_old


@pytest.fixture
def graph(server):
    graph = Graph(server.bolt_url, server.auth)
    yield graph
    graph.close()


def test_indexes_are_online_and_named(graph):
    migrations.ensure_schema(graph, vector_size=384)
    existing = indexes.read_indexes(graph)
    wanted = migrations.list_required_indexes(graph, vector_size=384)
    assert {index.name: index.assess(existing) for index in wanted} == {
        index.name: "ready" for index in wanted
    }
    assert {name for name, row in existing.items() if row["constraint"] == name} == {
        one.name for one in wanted if one.is_unique
    }


def test_a_second_look_changes_nothing(graph):
    first = migrations.ensure_schema(graph, vector_size=384)
    assert migrations.ensure_schema(graph, vector_size=384) == first


def test_the_first_index_keeps_its_size(graph):
    migrations.ensure_schema(graph, vector_size=384)
    assert migrations.ensure_schema(graph, vector_size=768).vector_size == 384


def test_an_index_for_vectors_of_another_size_stands_beside_it(graph):
    migrations.ensure_schema(graph, vector_size=384)
    space = vector_spaces.VectorSpace(model="wide@1", size=768, property_name="embedding_768_a")
    for _ in range(2):
        migrations.ensure_vector_indexes(graph, space)
    rows = [
        row
        for name, row in indexes.read_indexes(graph).items()
        if name.startswith("memory_vectors_768_a")
    ]
    assert [row["config"]["vector.dimensions"] for row in rows] == [768] * len(
        migrations.list_vector_indexes(graph, space)
    )
    with pytest.raises(ValueError, match="not a name"):
        migrations.ensure_vector_indexes(
            graph, vector_spaces.VectorSpace(model="wide@1", size=768, property_name="embedding_x`")
        )


@pytest.mark.parametrize(
    "version",
    [
        pytest.param(
            version, marks=pytest.mark.long if 1 < version < migrations.VERSION - 2 else ()
        )
        for version in range(1, migrations.VERSION)
    ],
)
def test_an_older_version_is_brought_up_to_date_by_openers_that_die_after_each_statement(
    client, server, namespace, version
):
    graph = client._engine.graph
    client.save_conversation("c", [{"role": "user", "content": "The night train to Vienna."}])
    before = client.get_embedding_status()
    make_old(graph, version, vector_size=384, model=before.model, namespace=namespace)
    deaths = 0
    while migrations.read_schema_state(graph).version < migrations.VERSION:
        assert deaths < 40  # more than ten where earlier tests have left many texts
        opener = Counted(
            server.bolt_url, server.auth, dies="after", spares=deaths
        )  # data is changed again until the mark is there
        with closing(opener), contextlib.suppress(KeyboardInterrupt):
            migrations.ensure_schema(opener, vector_size=384)
        deaths += 1
    assert deaths >= 3
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as again:
        assert verdicts(graph) == {"ready"}
        assert again.get_embedding_status() == before
        assert (
            again.search_similar_conversations("train", min_score=0.0).results[0].conversation_id
            == "c"
        )
        assert "c:0" in {
            one.message_id for one in again.search_hybrid("night train", "keyword").results
        }
        assert again.query_knowledge_graph("VIENNA").entity_id == "Vienna"
        again.save_document("book", "Backups run at night.")
        found = again.search_hybrid("backups", "keyword").results
        assert [result.id for result in found if result.type == "document"] == ["book"]
        again.save_conversation("d", [{"role": "user", "content": "We flew to VIENNA."}])
        assert again.query_knowledge_graph("VIENNA").entity_id == "Vienna"


@pytest.mark.parametrize("times", [1, pytest.param(3, marks=pytest.mark.long)])
def test_a_client_goes_on_while_others_bring_the_database_up_to_date(client, server, times):
    graph, ended, failures = client._engine.graph, threading.Event(), []

    def write():
        number = 0
        while not ended.is_set():
            try:
                client.save_conversation(
                    f"c{number}",
                    [{"role": "user", "content": f"Message {number}"}],
                    mode="conversation",
                )
            except Exception as error:
                failures.append(error)
            number += 1
        if client.get_conversation_stats().stats.total_conversations != number:
            failures.append(AssertionError("a save is missing"))

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(times):
            make_old(graph, 4, vector_size=384)
            with closing(Graph(server.bolt_url, server.auth)) as opener:
                migrations.ensure_schema(opener, vector_size=384)
    finally:
        ended.set()
        writer.join()
    assert failures == []
    assert verdicts(graph) == {"ready"}


def test_the_index_of_a_models_vectors_is_made_again_where_it_is_lost(client, server, namespace):
    class Small:
        def encode(self, texts):
            return np.ones((len(texts), 48))

    client.configure_embedding_model(Small())
    client.save_conversation("c", [{"role": "user", "content": "A message"}], mode="conversation")
    space = client._engine.embeddings.current().vector_state.active
    names = [index.name for index in migrations.list_vector_indexes(client._engine.graph, space)]
    for name in names:
        run(client._engine.graph, f"DROP INDEX {name}")
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as other:
        other.configure_embedding_model(Small())
        assert other.search_hybrid("anything", mode="semantic").results[0].message_id == "c:0"
    for name in names:
        run(client._engine.graph, f"DROP INDEX {name}")


def test_many_openers_agree(server):
    def open_one(_):
        graph = Graph(server.bolt_url, server.auth)
        try:
            return migrations.ensure_schema(graph, vector_size=384).version
        finally:
            graph.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(open_one, range(8))) == {migrations.VERSION}


def save_every_property(client):
    """Save nodes of every label, with all their properties."""
    client.save_conversation(
        "c",
        [
            {
                "role": "user",
                "content": "The DataProcessor class uses pandas and never uses numpy.",
                "name": "Ana",
                "metadata": {"a": 1, "project": "q"},
            },
            {"role": "assistant", "content": "word " * 600},
        ],
        project_path="/p",
        metadata={"tags": ["x"]},
    )
    client.append_messages("c", [{"role": "user", "content": ["In parts."]}])
    wish = {"role": "user", "content": "Always use polars.", "metadata": {"a": 1, "project": "q"}}
    client.append_messages("c", [wish])
    client.save_decision("c", "architecture", "We talked about pandas", "Use polars", 0.5)
    client.extract_entities("The OrderParser class uses polars.", conversation_id="c")
    client.update_knowledge_graph([{"id": "e", "metadata": {"a": 1}, "description": "d"}], [])
    branches = [{"id": key, "role": "user", "content": key, "parent_id": "root"} for key in "lr"]
    client.save_conversation("tree", [{"id": "root", "role": "user", "content": "T."}, *branches])
    vector = np.ones((1, 384), np.float32)
    client.save_conversation(
        "g", [{"role": "user", "content": "Vector given."}], mode="conversation", embeddings=vector
    )
    client.save_document(
        "d",
        "The OrderParser class never uses numpy. " + "We talked about it. " * 200,
        {"tags": ["x"], "project": "q"},
        "/p",
    )
    client.configure_entity_patterns({"tool": ["pandas"]})
    client.update_knowledge_graph(
        [{"id": "f", "metadata": {"a": 1}, "description": "d"}, {"id": "g"}], []
    )
    client.merge_entities("e", "f", reason="the same", merged_by="Ana", evidence={"score": 0.9})
    client.undo_merge(client.merge_entities("e", "g").merge_id)
    graph, known = client._engine.graph, client._engine.embeddings.current().vector_state
    other = vector_spaces.VectorSpace(model="other@1", size=384, property_name="embedding_384_a")
    assert graph.run(
        vector_spaces.begin_migration(client._engine.namespace, known, other, "stopped", now=1)
    )


def test_the_object_mapper_has_the_labels_and_properties_of_the_graph(client):
    from mcp_context_persistence.kg import ogm

    save_every_property(client)
    driver = client._engine.graph.driver
    for name in ogm.SchemaVersion.ALL:
        model = getattr(ogm, name)
        rows = driver.execute_query(
            f"MATCH (n:{name}) WHERE n.namespace = $n OR n:SchemaVersion "
            "UNWIND keys(n) AS key RETURN collect(DISTINCT key) AS keys",
            n=client._engine.namespace,
        ).records
        described = {
            prop.db_property or key
            for key, prop in model.defined_properties(rels=False, aliases=False).items()
        }
        assert model.__label__ == name
        assert set(rows[0]["keys"]) == described, name
    constraints = driver.execute_query(
        "SHOW CONSTRAINTS YIELD labelsOrTypes, properties RETURN labelsOrTypes[0] AS label"
    ).records
    assert {row["label"] for row in constraints} == set(ogm.SchemaVersion.ALL)
