"""Save and search on a server of the official image, with a password and without GDS."""

from collections.abc import Iterator
from uuid import uuid4

import neo4j
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import ContextPersistenceError, DatabaseError, NotFoundError

pytestmark = pytest.mark.timeout(900)  # the first test may have to pull the image

MESSAGES = [
    {"role": "user", "content": "The DataProcessor class uses pandas for data transformation."},
    {
        "role": "assistant",
        "content": "Then let us validate the rows with pydantic before they reach PostgreSQL.",
    },
    {"role": "user", "content": "Agreed. The weather is nice today."},
]


@pytest.fixture
def namespace() -> str:
    return f"container-{uuid4().hex}"


@pytest.fixture
def client(container, namespace: str) -> Iterator[ContextPersistenceClient]:
    with connect(container, namespace) as client:
        yield client


def connect(container, namespace: str) -> ContextPersistenceClient:
    return ContextPersistenceClient(
        database_url=container.bolt_url,
        auth=(container.user, container.password),
        namespace=namespace,
    )


def test_the_server_has_no_graph_data_science(container) -> None:
    with neo4j.GraphDatabase.driver(
        container.bolt_url, auth=(container.user, container.password)
    ) as driver:
        rows = driver.execute_query(
            "SHOW PROCEDURES YIELD name WHERE name STARTS WITH 'gds.' RETURN count(*) AS procedures"
        ).records
    assert rows[0]["procedures"] == 0


def test_a_conversation_comes_back_as_it_was_saved(client) -> None:
    saved = client.save_conversation(
        conversation_id="conv-1", messages=MESSAGES, metadata={"project": "pipeline"}
    )
    assert (saved.success, saved.message_count) == (True, 3)

    history = client.load_conversation_history("conv-1")
    assert [(m.role, m.content) for m in history.messages] == [
        (m["role"], m["content"]) for m in MESSAGES
    ]
    assert client.load_conversation_history("conv-1", limit=1).total_messages == 3


def test_saving_twice_changes_nothing(client) -> None:
    for _ in range(2):
        client.save_conversation(conversation_id="conv-1", messages=MESSAGES)
    stats = client.get_conversation_stats().stats
    assert (stats.total_conversations, stats.total_messages) == (1, 3)


def test_entities_are_extracted_related_and_found_in_the_graph(client) -> None:
    found = client.extract_entities(text=MESSAGES[0]["content"])
    assert {"DataProcessor", "pandas"} <= {entity.id for entity in found.entities}

    related = client.create_relationship("DataProcessor", "pandas", "depends_on", confidence=0.9)
    assert related.success
    around = client.query_knowledge_graph("DataProcessor", operation="neighbors")
    assert "pandas" in {neighbor.entity_id for neighbor in around.context.neighbors}


def test_a_relationship_to_nobody_is_refused(client) -> None:
    client.extract_entities(text=MESSAGES[0]["content"])
    with pytest.raises(NotFoundError):
        client.create_relationship("DataProcessor", "nobody_knows_this", "uses")


@pytest.mark.parametrize("mode", ["hybrid", "semantic", "keyword", "graph"])
def test_every_search_mode_finds_the_message(client, mode: str) -> None:
    client.save_conversation(conversation_id="conv-1", messages=MESSAGES, mode="hybrid")
    results = client.search_hybrid(query="pandas data transformation", mode=mode, limit=5).results
    assert any(
        result.conversation_id == "conv-1" or "pandas" in result.content for result in results
    )


def test_a_similar_conversation_is_found(client) -> None:
    client.save_conversation(conversation_id="conv-1", messages=MESSAGES)
    found = client.search_similar_conversations(
        "a class that transforms data with pandas", min_score=0.3
    )
    assert [result.conversation_id for result in found.results] == ["conv-1"]


def test_a_decision_is_counted_and_found(client) -> None:
    client.save_conversation(conversation_id="conv-1", messages=MESSAGES)
    saved = client.save_decision(
        conversation_id="conv-1",
        decision_type="technology",
        context="Rows arrive unchecked",
        outcome="Validate them with pydantic",
        confidence=0.8,
    )
    assert saved.success
    results = client.search_hybrid(query="validate rows with pydantic").results
    assert "decision" in {result.type for result in results}


def test_a_second_client_sees_what_the_first_one_saved(container, client, namespace: str) -> None:
    client.save_conversation(conversation_id="conv-1", messages=MESSAGES)
    with connect(container, namespace) as second:
        assert second.load_conversation_history("conv-1").message_count == 3
    with connect(container, f"{namespace}-other") as foreign, pytest.raises(NotFoundError):
        foreign.load_conversation_history("conv-1")


def test_a_closed_client_refuses_to_work(container, namespace: str) -> None:
    client = connect(container, namespace)
    client.close()
    client.close()
    with pytest.raises(ContextPersistenceError):
        client.get_conversation_stats()


def test_a_wrong_password_is_a_database_error_that_keeps_it_secret(
    container, namespace: str
) -> None:
    with pytest.raises(DatabaseError) as caught:
        ContextPersistenceClient(
            database_url=container.bolt_url,
            auth=(container.user, "not-the-password"),
            namespace=namespace,
        ).get_conversation_stats()
    assert "not-the-password" not in str(caught.value)
