"""Types of entities of the caller's own, on a real server."""

import re

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.kg import limits

REFERENCE = {
    "technology": [
        r"\b(Python|JavaScript|TypeScript|React|Vue|Angular)\b",
        r"\b(pandas|numpy|scikit-learn|tensorflow|pytorch)\b",
    ],
    "file_type": [r"\b(\.py|\.js|\.ts|\.json|\.yaml|\.md)\b"],
    "concept": [r"\b(microservices|API|REST|GraphQL|gRPC)\b"],
}
TICKETS = {"ticket": [r"#\d{1,6}\b"]}
SAID = [
    {"role": "user", "content": "Ticket #1234 blocks the DataProcessor class, which uses pandas."},
    {"role": "assistant", "content": "The DataProcessor class uses numpy too, see #1234 and #7."},
    {"role": "user", "content": "Thank you."},
]


def graph(client):
    """All that the namespace holds, but times, versions and vectors."""
    driver, mine = client._engine.graph.driver, client._engine.namespace
    nodes = driver.execute_query(
        "MATCH (n {namespace: $n}) WHERE NOT n:NamespaceVersion AND NOT n:EntityPatterns "
        "RETURN labels(n) AS labels, n {.*, embedding: null, created_ms: null, updated_ms: null, "
        "timestamp_ms: null, revision: null} AS p",
        n=mine,
    ).records
    links = driver.execute_query(
        "MATCH (a {namespace: $n})-[r]->(b) RETURN a.id AS a, type(r) AS t, b.id AS b, r {.*, "
        "created_ms: null, updated_ms: null} AS p",
        n=mine,
    ).records
    return (
        sorted((sorted(row["labels"]), sorted(_plain(row["p"]))) for row in nodes),
        sorted((row["a"], row["t"], row["b"], sorted(_plain(row["p"]))) for row in links),
    )


def _plain(properties):
    return [
        (key, repr(sorted(value) if isinstance(value, list) else value))
        for key, value in properties.items()
        if value is not None
    ]


def types(client, text):
    return {
        entity.name: entity.type for entity in client.extract_entities(text, store=False).entities
    }


def test_the_example_of_the_reference_works(client):
    done = client.configure_entity_patterns(REFERENCE)
    assert (done.success, done.version, done.changed, done.types, done.patterns) == (
        True,
        1,
        True,
        list(REFERENCE),
        4,
    )
    found = client.extract_entities(
        text="We built a React frontend using TypeScript and a Python backend with REST APIs",
        entity_types=["technology", "concept"],
    ).entities
    assert {
        "React": "technology",
        "TypeScript": "technology",
        "Python": "technology",
        "REST": "concept",
    }.items() <= {one.name: one.type for one in found}.items()
    by = {one.name: (one.confidence, one.metadata["extractors"]) for one in found}
    assert by["REST"] == (0.5, ["pattern:concept"])


def test_patterns_belong_to_the_namespace_and_have_a_version(server, namespace, client):
    assert "#1234" not in types(client, SAID[0]["content"])
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as other:
        assert "#1234" not in types(other, SAID[0]["content"])
        assert client.configure_entity_patterns(TICKETS, confidence=0.9).version == 1
        assert types(other, SAID[0]["content"])["#1234"] == "ticket"
        again = other.configure_entity_patterns(TICKETS, confidence=0.9)
        assert (again.version, again.changed) == (1, False)
        assert other.configure_entity_patterns({}).version == 2
        assert "#1234" not in types(client, SAID[0]["content"])
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-2"
    ) as foreign:
        client.configure_entity_patterns(TICKETS)
        assert "#1234" not in types(foreign, SAID[0]["content"])


def test_patterns_apply_to_conversations_decisions_and_documents(server, namespace, client):
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as other:
        other.save_conversation(
            "before", SAID[2:]
        )  # it has looked for patterns when there were none
        client.configure_entity_patterns(TICKETS)
        other.save_conversation("c", SAID)
        other.save_document("d", "#99 was closed by the team.")
        other.save_decision("c", "plan", "We looked at #42", "Close it")
    rows = client._engine.graph.driver.execute_query(
        "MATCH (x)-[r:MENTIONS|ABOUT]->(e:Ticket {namespace: $n}) RETURN DISTINCT labels(x)[0] "
        "AS at, e.id AS id, e.type AS type",
        n=namespace,
    ).records
    assert {(row["at"], row["id"], row["type"]) for row in rows} == {
        ("Message", "#1234", "ticket"),
        ("Message", "#7", "ticket"),
        ("Chunk", "#99", "ticket"),
        ("Decision", "#42", "ticket"),
    }
    assert {
        result.id
        for result in client.search_hybrid("#1234", filters={"entity_types": ["ticket"]}).results
    } >= {"#1234"}


def test_reextract_shows_the_difference_and_applies_it(client):
    client.save_conversation("c", SAID)
    client.save_document("d", "#99 was closed by the team.")
    client.configure_entity_patterns(TICKETS | {"tool": ["pandas"]})
    before = graph(client)
    shown = client.reextract()
    assert graph(client) == before
    assert (shown.applied, shown.patterns_version, shown.texts_read) == (False, 1, 4)
    assert {"#1234", "#7", "#99"} <= {change.id for change in shown.entities_added}
    assert {
        change.id: (change.previous_type, change.type) for change in shown.entities_retyped
    } == {"pandas": ("library", "tool")}
    done = client.reextract(apply=True)
    same = {"applied", "processing_time"}
    assert done.model_dump(exclude=same) == shown.model_dump(exclude=same)
    assert client.reextract().texts_changed == 0
    assert {
        result.id
        for result in client.search_hybrid("pandas", filters={"entity_types": ["tool"]}).results
    } >= {"pandas"}
    assert {
        result.content
        for result in client.search_hybrid("pandas", filters={"entity_types": ["library"]}).results
    } >= {SAID[1]["content"]}
    assert client.save_conversation("c", SAID).status == "unchanged"


def test_reextract_gives_the_same_graph_as_a_new_save(server, namespace, client):
    client.save_conversation("c", SAID)
    client.save_document("d", "#99 was closed by the team that uses pandas.")
    client.configure_entity_patterns(TICKETS | {"tool": ["pandas"]})
    client.reextract(apply=True)
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}-2"
    ) as fresh:
        fresh.configure_entity_patterns(TICKETS | {"tool": ["pandas"]})
        fresh.save_conversation("c", SAID)
        fresh.save_document("d", "#99 was closed by the team that uses pandas.")
        assert links(client) == links(fresh)
        assert entities(client) == entities(fresh)


def links(client):
    """Mentions and relationships, with what supports them."""
    rows = client._engine.graph.driver.execute_query(
        "MATCH (a {namespace: $n})-[r]->(b:Entity) RETURN a.id AS a, type(r) AS t, b.id AS b, "
        "r.extractor AS x, r.confidence AS c, r.sources AS s",
        n=client._engine.namespace,
    ).records
    return sorted(
        (row["a"], row["t"], row["b"], row["x"], row["c"], tuple(row["s"] or ())) for row in rows
    )


def entities(client):
    rows = client._engine.graph.driver.execute_query(
        "MATCH (e:Entity {namespace: $n}) RETURN e.id AS id, labels(e) AS labels, e.type AS "
        "type, e.confidence AS c, e.embedding IS NOT NULL AS v",
        n=client._engine.namespace,
    ).records
    return sorted(
        (row["id"], sorted(row["labels"]), row["type"], row["c"], row["v"]) for row in rows
    )


def test_removed_patterns_remove_their_entities_but_not_written_ones(client):
    client.configure_entity_patterns(TICKETS)
    client.save_conversation("c", SAID)
    client.update_knowledge_graph([{"id": "#7", "description": "ours"}], [])
    client.configure_entity_patterns({})
    shown = client.reextract("c")
    assert [change.id for change in shown.entities_removed if change.id.startswith("#")] == [
        "#1234"
    ]
    done = client.reextract("c", apply=True)
    assert done.entities_removed == shown.entities_removed
    ids = {row[0] for row in entities(client)}
    assert "#7" in ids
    assert "#1234" not in ids


def test_reextract_of_one_conversation_reads_no_other(client):
    client.save_conversation("a", SAID[:1])
    client.save_conversation("b", SAID[1:2])
    client.save_conversation("plain", SAID[:1], mode="conversation")
    client.configure_entity_patterns(TICKETS)
    assert client.reextract("b", apply=True).texts_read == 1
    assert client.reextract().texts_changed == 1
    assert client.reextract("plain").texts_read == 0
    with pytest.raises(NotFoundError, match="conversation_id"):
        client.reextract("nowhere")


def test_pages_contain_every_message_once(client):
    client.configure_parallel_processing(chunk_size=2)
    client.save_conversation("c", SAID * 3)
    client.configure_entity_patterns(TICKETS)
    assert client.reextract().texts_read == 9
    assert client.reextract("c", apply=True).texts_read == 9
    assert client.reextract().texts_changed == 0


@pytest.mark.parametrize(
    ("patterns", "text"),
    [
        (
            {"ticket": ["ok", r"a(b"]},
            r"patterns\.ticket\[1\] is not a valid expression at position 1: missing \)",
        ),
        ({"ticket": [r"abc(?=d)"]}, r"patterns\.ticket\[0\] .* position 3: look-arounds"),
        ({"ticket": [r"(a)\1"]}, r"patterns\.ticket\[0\] .* position 3"),
        ({"ticket": ["x*"]}, r"patterns\.ticket\[0\] matches the empty string"),
        (
            {"ticket": ["x" * (limits.PATTERN_CHARACTERS + 1)]},
            r"patterns\.ticket\[0\] has more than 1,000",
        ),
        ({"ticket": ["x"] * (limits.ENTITY_PATTERNS + 1)}, "more than 200"),
        ({"ticket": "x"}, r"patterns\.ticket must be a list"),
        ({"ticket": [5]}, r"patterns\.ticket\[0\] must be a string"),
        ({"`x`": ["x"]}, "a type must be a letter"),
        (["x"], "mapping"),
    ],
)
def test_invalid_patterns_are_refused(client, patterns, text):
    client.configure_entity_patterns(TICKETS)
    with pytest.raises(ValidationError) as error:
        client.configure_entity_patterns(patterns)
    assert re.search(text, str(error.value))
    assert types(client, "#5 is open")["#5"] == "ticket"
    assert client.configure_entity_patterns(TICKETS).version == 1


def test_the_largest_allowed_patterns_are_accepted(client):
    long = "x" * limits.PATTERN_CHARACTERS
    assert (
        client.configure_entity_patterns({"ticket": [long] * limits.ENTITY_PATTERNS}).patterns
        == limits.ENTITY_PATTERNS
    )
    with pytest.raises(ValidationError, match="confidence"):
        client.configure_entity_patterns(TICKETS, confidence=1.5)
