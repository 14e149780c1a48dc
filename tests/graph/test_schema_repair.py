"""Indexes and constraints that are missing, wrong or those of others."""

import contextlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from mcp_context_persistence.kg import vector_spaces
from mcp_context_persistence.kg.driver.graph import Graph
from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.kg.schema import indexes, migrations
from tests.graph.schema_states import Counted, run, verdicts


@pytest.fixture
def graph(server):
    graph = Graph(server.bolt_url, server.auth)
    yield graph
    graph.close()


@pytest.fixture
def whole(graph):
    """The graph with a whole schema, before the test and after it."""
    migrations.ensure_schema(graph, vector_size=384)
    yield graph
    migrations.ensure_schema(graph, vector_size=384)
    assert verdicts(graph) == {"ready"}


def test_a_constraint_whose_making_was_killed_is_made_again(whole):
    for index in migrations.BASE:
        if index.is_unique:
            keys = ", ".join(f"n.{key}" for key in index.properties)
            run(whole, f"DROP CONSTRAINT {index.name}")
            run(whole, f"CREATE RANGE INDEX {index.name} FOR (n:{index.labels[0]}) ON ({keys})")
    migrations.ensure_schema(whole, vector_size=384)
    assert verdicts(whole) == {"ready"}
    names = {row["name"] for row in run(whole, "SHOW CONSTRAINTS YIELD name")}
    assert names >= {index.name for index in migrations.BASE if index.is_unique}


@pytest.mark.parametrize("index", ["memory_text", "memory_vectors"])
def test_an_open_client_creates_a_lost_index_again(whole, client, index):
    client.save_conversation("talk", [{"role": "user", "content": "Irrigation of the garden."}])
    run(whole, f"DROP INDEX {index}")
    mode = "keyword" if index == "memory_text" else "semantic"
    filters = {"content_types": "message"}
    found = client.search_hybrid("irrigation of the garden", mode, filters).results
    assert [result.conversation_id for result in found] == ["talk"]
    assert verdicts(whole) == {"ready"}


FULLTEXT = (
    "CREATE FULLTEXT INDEX memory_text FOR (n:{}) ON EACH [n.terms, n.facets] "
    "OPTIONS {{indexConfig: {{`fulltext.analyzer`: '{}'}}}}"
)


ALL = "Message|Chunk|Entity|Decision|Instruction|Conversation"


@pytest.mark.parametrize(
    "changes",
    [
        (
            "DROP INDEX memory_text",
            FULLTEXT.format(ALL.removesuffix("|Conversation"), "whitespace"),
        ),
        ("DROP INDEX memory_text", FULLTEXT.format(ALL, "standard-no-stop-words")),
        ("DROP INDEX memory_text", "CREATE RANGE INDEX memory_text FOR (n:Message) ON (n.terms)"),
        ("DROP INDEX entity_name", "CREATE RANGE INDEX entity_name FOR (n:Entity) ON (n.name)"),
        ("DROP INDEX entity_type", "CREATE TEXT INDEX entity_type FOR (n:Entity) ON (n.type)"),
        (
            "DROP INDEX entity_type",
            "CREATE CONSTRAINT entity_type FOR (n:Entity) "
            "REQUIRE (n.namespace, n.type, n.id) IS UNIQUE",
        ),
        (
            "DROP CONSTRAINT merge_id",
            "CREATE CONSTRAINT merge_id FOR (n:Merge) REQUIRE (n.id, n.created_ms) IS UNIQUE",
        ),
        ("DROP CONSTRAINT merge_id", "CREATE RANGE INDEX merge_id FOR (n:Person) ON (n.name)"),
        (
            "DROP INDEX memory_vectors",
            "CREATE VECTOR INDEX memory_vectors FOR (n:Message) ON (n.embedding) "
            "OPTIONS {indexConfig: {`vector.dimensions`: 96}}",
        ),
    ],
)
def test_an_index_of_another_shape_is_made_again(whole, changes):
    for text in changes:
        run(whole, text)
    assert verdicts(whole) == {"ready", "broken"}
    assert migrations.ensure_schema(whole, vector_size=768).vector_size == 384
    assert verdicts(whole) == {"ready"}


def test_a_models_index_of_another_size_is_made_again(whole):
    space = vector_spaces.VectorSpace(model="wide@1", size=64, property_name="embedding_64_b")
    migrations.ensure_vector_indexes(whole, space)
    run(whole, "DROP INDEX memory_vectors_64_b")
    run(
        whole,
        "CREATE VECTOR INDEX memory_vectors_64_b FOR (n:Message) ON (n.embedding_64_b) "
        "OPTIONS {indexConfig: {`vector.dimensions`: 32}}",
    )
    migrations.ensure_vector_indexes(whole, space)
    existing = indexes.read_indexes(whole)
    assert {index.assess(existing) for index in migrations.list_vector_indexes(whole, space)} == {
        "ready"
    }
    run(whole, "DROP INDEX memory_vectors_64_b")


@pytest.mark.parametrize(
    ("drop", "text"),
    [
        (
            "DROP CONSTRAINT merge_id",
            "CREATE CONSTRAINT theirs FOR (n:Merge) REQUIRE (n.namespace, n.id) IS UNIQUE",
        ),
        (
            "DROP INDEX entity_name",
            "CREATE RANGE INDEX theirs FOR (n:Entity) ON (n.namespace, n.name)",
        ),
    ],
)
def test_somebody_elses_index_that_is_as_good_is_taken(whole, drop, text):
    run(whole, drop)
    run(whole, text)
    migrations.ensure_schema(whole, vector_size=384)
    assert indexes.read_indexes(whole)["theirs"]["state"] == "ONLINE"
    run(whole, "DROP CONSTRAINT theirs" if "CONSTRAINT" in text else "DROP INDEX theirs")


@pytest.mark.parametrize(
    ("drop", "text"),
    [
        (
            "DROP CONSTRAINT merge_id",
            "CREATE RANGE INDEX theirs FOR (n:Merge) ON (n.namespace, n.id)",
        ),
        (
            "DROP INDEX memory_text",
            FULLTEXT.format(ALL, "whitespace").replace("memory_text", "theirs"),
        ),
    ],
)
def test_somebody_elses_index_is_named_and_not_dropped(whole, monkeypatch, drop, text):
    monkeypatch.setattr(indexes, "MAX_ATTEMPTS", 2)
    run(whole, drop)
    run(whole, text)
    with pytest.raises(DatabaseError, match=r"merge_id|memory_text") as error:
        migrations.ensure_schema(whole, vector_size=384)
    assert not error.value.retryable
    assert "theirs" in indexes.read_indexes(whole)
    run(whole, "DROP INDEX theirs")


def test_a_constraint_that_nodes_violate_is_told_and_made_when_they_are_gone(whole):
    run(whole, "DROP CONSTRAINT merge_id")
    run(
        whole,
        "CREATE (:Merge {namespace: 'twice', id: 'm'}), (:Merge {namespace: 'twice', id: 'm'})",
    )
    try:
        with pytest.raises(
            DatabaseError, match=r"merge_id .* several Merge nodes have the same namespace and id"
        ) as error:
            migrations.ensure_schema(whole, vector_size=384)
        assert not error.value.retryable
        assert "twice" not in str(error.value)
    finally:
        run(whole, "MATCH (n:Merge {namespace: 'twice'}) DELETE n")


def test_a_whole_schema_is_only_read(whole, server):
    with closing(Counted(server.bolt_url, server.auth, dies="before")) as graph:
        migrations.ensure_schema(graph, vector_size=384)
        assert graph.names == ["schema/version", "schema/indexes"]


def drop_all(graph):
    """Leave nothing of the schema."""
    run(graph, "MATCH (v:SchemaVersion) DETACH DELETE v")
    for index in migrations.list_required_indexes(graph, vector_size=384):
        run(graph, f"DROP {'CONSTRAINT' if index.is_unique else 'INDEX'} {index.name} IF EXISTS")


def test_openers_that_die_after_each_statement_make_a_whole_schema_together(whole, server):
    drop_all(whole)
    wanted = migrations.list_required_indexes(whole, vector_size=384)
    for spares in [0] * len(wanted) + list(
        range(5)
    ):  # data is changed again until the mark is there
        opener = Counted(server.bolt_url, server.auth, dies="after", spares=spares)
        with closing(opener), contextlib.suppress(KeyboardInterrupt):
            migrations.ensure_schema(opener, vector_size=384)
            break
    with closing(Counted(server.bolt_url, server.auth, dies="before")) as graph:
        assert migrations.ensure_schema(graph, vector_size=384) == migrations.SchemaState(
            version=migrations.VERSION, vector_size=384
        )


def test_openers_with_models_of_two_sizes_agree(whole, server):
    drop_all(whole)

    def open_one(size):
        with closing(Graph(server.bolt_url, server.auth)) as graph:
            return migrations.ensure_schema(graph, vector_size=size)

    with ThreadPoolExecutor(4) as threads:
        states = set(threads.map(open_one, [384, 96, 384, 96]))
    assert len(states) == 1
    if states.pop().vector_size == 96:
        run(whole, "MATCH (v:SchemaVersion) SET v.vector_size = 384")


def test_another_applications_constraint_in_a_database_that_is_not_ours_stays(whole):
    run(whole, "MATCH (v:SchemaVersion) DETACH DELETE v")
    run(whole, "DROP CONSTRAINT merge_id")
    run(whole, "CREATE CONSTRAINT merge_id FOR (n:Merge) REQUIRE n.id IS UNIQUE")
    with pytest.raises(
        DatabaseError, match="another application's constraint has the name merge_id"
    ):
        migrations.ensure_schema(whole, vector_size=384)
    assert run(whole, "SHOW CONSTRAINTS YIELD name, properties WHERE name = 'merge_id'")[0][
        "properties"
    ] == ["id"]
    run(whole, "DROP CONSTRAINT merge_id")


def test_an_index_that_takes_longer_than_opening_may_is_told_and_made_by_the_next_opening(
    whole, monkeypatch
):
    run(whole, "DROP INDEX entity_type")
    with (
        monkeypatch.context() as patch,
        whole.driver.session() as session,
        session.begin_transaction() as writer,
    ):
        writer.run(
            "CREATE (:Entity {namespace: 'full', type: 'x'})"
        ).consume()  # no index over its label is made before it ends
        patch.setattr(migrations, "SCHEMA_SECONDS", 1.0)
        with pytest.raises(
            DatabaseError, match=r"still being built after 1 s: entity_type"
        ) as error:
            migrations.ensure_schema(whole, vector_size=384)
        writer.rollback()
    assert error.value.retryable
    migrations.ensure_schema(whole, vector_size=384)


@pytest.fixture
def full(whole):
    """A graph with so many entities that an index over them takes a moment."""
    run(
        whole,
        "UNWIND range(0, 19999) AS i "
        "CREATE (:Entity {namespace: 'full', id: toString(i), name: 'x', type: 'x'})",
    )
    yield whole
    run(whole, "MATCH (n:Entity {namespace: 'full'}) DELETE n")


def test_openers_at_once_mend_a_constraint_of_a_full_store(full, server):
    run(full, "DROP CONSTRAINT entity_id")
    run(full, "CREATE RANGE INDEX entity_id FOR (n:Entity) ON (n.namespace, n.id)")

    def open_one(_):
        with closing(Graph(server.bolt_url, server.auth)) as graph:
            migrations.ensure_schema(graph, vector_size=384)
            return verdicts(graph)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(open_one, range(4))) == [{"ready"}] * 4
