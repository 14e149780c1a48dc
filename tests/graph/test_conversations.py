"""Saving and loading on a real server."""

import enum
import re
from datetime import UTC, date, datetime

import numpy as np
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError, ValidationError, VectorDBError
from mcp_context_persistence.models import Conversation
from tests.graph.conversations import turns


def test_a_conversation_comes_back_as_it_was_saved(client):
    when = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    messages = [
        {
            "role": "user",
            "content": "Grüße 👋 \u202e right",
            "timestamp": when,
            "metadata": {"n": 1, "deep": {"a": [1, 2.5, None]}},
            "name": "Ana",
        },
        {"role": "assistant", "content": "  spaces stay  "},
    ]
    saved = client.save_conversation(
        "c", messages, project_path="/projects/x y", metadata={"project": "p", "tags": ["a", "b"]}
    )
    loaded = client.load_conversation_history("c")
    assert (saved.message_count, saved.created, saved.updated, saved.kept) == (2, 2, 0, 0)
    assert [message.content for message in loaded.messages] == [one["content"] for one in messages]
    assert (loaded.messages[0].timestamp, loaded.messages[0].metadata, loaded.messages[0].name) == (
        when,
        messages[0]["metadata"],
        "Ana",
    )
    assert (loaded.project_path, loaded.metadata) == (
        "/projects/x y",
        {"project": "p", "tags": ["a", "b"]},
    )


def test_messages_are_linked_in_order(client):
    client.save_conversation("c", turns("one", "two"), mode="conversation")
    client.save_conversation("c", turns("one", "two", "three", "four"), mode="conversation")
    rows = client._engine.graph.driver.execute_query(
        "MATCH (c:Conversation {namespace: $n, id: 'c'})-[:HAS_MESSAGE]->(m) "
        "WHERE NOT (:Message)-[:NEXT]->(m) "
        "MATCH p = (m)-[:NEXT*]->(last) WHERE NOT (last)-[:NEXT]->() "
        "RETURN [x IN nodes(p) | x.content] AS texts",
        n=client._engine.namespace,
    ).records
    assert [row["texts"] for row in rows] == [["one", "two", "three", "four"]]


def test_the_mode_decides_what_is_stored(client):
    text = turns("The DataProcessor class uses pandas.")
    client.save_conversation("text", text, mode="conversation")
    assert client.get_conversation_stats().stats.total_entities == 0
    knowledge = client.save_conversation("graph", text, mode="knowledge")
    assert knowledge.embeddings_generated == 0
    assert client.get_conversation_stats().stats.total_entities > 0
    upgraded = client.save_conversation("text", text, mode="hybrid")
    assert (upgraded.updated, upgraded.embeddings_generated) == (1, 0)
    assert upgraded.entities_found > 0


def test_the_history_has_the_last_messages_in_order(client):
    client.save_conversation("c", turns(*"abcdef"), mode="knowledge")
    answer = client.load_conversation_history("c", limit=2)
    assert (
        [message.content for message in answer.messages],
        answer.message_count,
        answer.total_messages,
    ) == (["e", "f"], 2, 6)
    with pytest.raises(NotFoundError):
        client.load_conversation_history("nothing")


def test_vectors_of_the_caller_are_stored_and_invalid_ones_refused(client):
    vectors = np.eye(2, 384, dtype=np.float32)
    assert (
        client.save_conversation(
            "c", turns("a", "b"), mode="conversation", embeddings=vectors
        ).embeddings_generated
        == 0
    )
    for wrong in (
        np.zeros((2, 384)),
        np.full((2, 384), np.nan),
        np.ones((2, 3)),
        np.ones((3, 384)),
    ):
        with pytest.raises(VectorDBError):
            client.save_conversation("d", turns("a", "b"), mode="conversation", embeddings=wrong)
    with pytest.raises(NotFoundError):
        client.load_conversation_history("d")


def test_a_long_message_is_embedded_in_passages(client):
    text = " ".join(f"Sentence number {n} talks about topic {n % 7}." for n in range(200))
    answer = client.save_conversation("c", turns(text), mode="conversation")
    assert answer.embeddings_generated > 3
    rows = client._engine.graph.driver.execute_query(
        "MATCH (m:Message {namespace: $n})-[:HAS_CHUNK]->(k) WITH m, k ORDER BY k.start "
        "RETURN m.embedding IS NULL AS bare, collect([k.start, k.end, k.content]) AS parts, "
        "m.content AS content",
        n=client._engine.namespace,
    ).records
    assert rows[0]["bare"]
    assert all(rows[0]["content"][start:end] == part for start, end, part in rows[0]["parts"])
    assert rows[0]["parts"][0][0] == 0
    assert rows[0]["parts"][-1][1] == len(text)


def test_namespaces_are_isolated(server, namespace):
    with (
        ContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=f"{namespace}-a"
        ) as one,
        ContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=f"{namespace}-b"
        ) as other,
    ):
        one.save_conversation("c", turns("The DataProcessor class uses pandas."))
        with pytest.raises(NotFoundError):
            other.load_conversation_history("c")
        assert other.get_conversation_stats().stats.total_messages == 0
        assert other.save_conversation("c", turns("other")).created == 1
        assert (
            one.load_conversation_history("c").messages[0].content.startswith("The DataProcessor")
        )


def hits(client, **filters):
    return {
        result.id
        for result in client.search_hybrid("pandas", "keyword", filters=filters).results
        if result.type in {"message", "decision"}
    }


def test_stored_messages_count_towards_the_limit(server, namespace):
    config = {"max_conversation_length": 3}
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=namespace, config=config
    ) as client:
        messages = [{"id": f"m{number}", "role": "user", "content": "text"} for number in range(4)]
        client.save_conversation("c", messages[:3], mode="knowledge")
        with pytest.raises(ValidationError, match="max_conversation_length"):
            client.save_conversation("c", messages[3:], mode="knowledge")
        client.save_conversation("c", messages[1:], mode="knowledge", replace=True)
        assert [message.id for message in client.load_conversation_history("c").messages] == [
            "m1",
            "m2",
            "m3",
        ]


@pytest.mark.parametrize(
    "arguments",
    [
        {"conversation_id": "c", "messages": turns("a"), "replace": "false"},
        {
            "conversation_id": "c",
            "messages": [{"role": "user", "content": "a", "timestamp": "2024"}],
        },
        {"conversation_id": "c", "messages": [{"role": "user", "content": "a", "timestamp": 5}]},
        {"conversation_id": Conversation.model_construct()},  # type: ignore[call-arg]
        {
            "conversation_id": "c",
            "messages": turns("a"),
            "mode": "knowledge",
            "embeddings": np.ones((1, 384)),
        },
        {
            "conversation_id": "c",
            "messages": turns("a"),
            "metadata": {"tags": [str(number) for number in range(65)]},
        },
        {"conversation_id": "c", "messages": turns("a"), "metadata": {"tags": ["x" * 513]}},
        {"conversation_id": "c", "messages": turns("a"), "metadata": {"project": "x" * 513}},
        {"conversation_id": "", "messages": turns("a")},
        {"conversation_id": "a\nb", "messages": turns("a")},
        {"conversation_id": "a" * 513, "messages": turns("a")},
        {"conversation_id": "\u200b", "messages": turns("a")},
        {"conversation_id": "c", "messages": []},
        {"conversation_id": "c", "messages": "text"},
        {"conversation_id": "c", "messages": [{"role": "nobody", "content": "a"}]},
        {"conversation_id": "c", "messages": [{"role": "user"}]},
        {"conversation_id": "c", "messages": turns("\ud800")},
        {"conversation_id": "c", "messages": turns("a"), "mode": "everything"},
        {"conversation_id": "c", "messages": turns("a"), "metadata": {"x": float("nan")}},
        {"conversation_id": "c", "messages": turns("a"), "metadata": {"x": {1}}},
        {"conversation_id": "c", "messages": turns("a"), "metadata": {"x": 2**70}},
        {"conversation_id": "c", "messages": [{"role": "user", "content": [{"x": {1}}]}]},
        {"conversation_id": "c", "messages": [{"role": "user", "content": None}]},
        {"conversation_id": "c", "messages": [{"role": "tool", "content": "a", "tool_calls": 1}]},
        {"conversation_id": "c", "messages": [{"id": "x", "role": "user", "content": "a"}] * 2},
        {
            "conversation_id": Conversation(conversation_id="c", messages=turns("a")),
            "messages": turns("a"),
        },
    ],
)
def test_invalid_conversations_are_refused_and_not_stored(client, arguments):
    calls = [client.save_conversation]
    if "replace" not in arguments:
        calls.append(client.append_messages)
    for call in calls:
        with pytest.raises(ValidationError) as caught:
            call(**arguments)
        assert isinstance(caught.value, ValueError)
        assert re.match(
            "conversation_id|messages|metadata|mode|embeddings|replace|give a Conversation",
            str(caught.value),
        )
    assert client.get_conversation_stats().stats.total_conversations == 0


def test_a_message_without_id_gets_a_free_one(client):
    client.save_conversation("p", turns("one", "two", "three"), mode="knowledge")
    kept = client.load_conversation_history("p").messages[1:]
    client.save_conversation("p", kept, mode="knowledge", replace=True)
    client.save_conversation("p", turns("two", "three", "four"), mode="knowledge")
    assert [message.content for message in client.load_conversation_history("p").messages] == [
        "two",
        "three",
        "four",
    ]
    assert (
        client.save_conversation("p", turns("two", "three", "four"), mode="knowledge").updated == 0
    )
    client.save_conversation(
        "other", [{"id": "victim:0", "role": "user", "content": "x"}], mode="knowledge"
    )
    client.save_conversation("victim", turns("hello"), mode="knowledge")
    assert (
        client.save_conversation("victim", turns("hello"), mode="knowledge").status == "unchanged"
    )
    assert [message.content for message in client.load_conversation_history("victim").messages] == [
        "hello"
    ]
    with pytest.raises(ValidationError, match="another conversation"):
        client.save_conversation(
            "third", [{"id": "victim:0", "role": "user", "content": "x"}], mode="knowledge"
        )


def test_entities_have_vectors_in_every_mode(client):
    client.save_conversation("c", turns("The OrderParser class uses pandas."), mode="knowledge")
    found = client.search_hybrid("order parser", "semantic").results
    assert "OrderParser" in {one.id for one in found}
    assert {one.type for one in found} == {"entity"}


def test_no_error_text_contains_values_of_the_caller(client):
    for message in (
        {"unknown": {"SeCrEt"}},
        {"metadata": {("SeCrEt",): 1}},
        {"role": "SeCrEt"},
        {"timestamp": "SeCrEt"},
    ):
        with pytest.raises(ValidationError, match="messages") as caught:
            client.save_conversation("c", [{"role": "user", "content": "a", **message}])
        assert "SeCrEt" not in str(caught.value)


def test_metadata_filters_see_the_stored_values(client):
    class Level(str, enum.Enum):  # noqa: UP042  a StrEnum would be told as what it is worth
        HIGH = "high"

    values = {
        "when": date(2024, 5, 1),
        "level": Level.HIGH,
        "share": 1.0,
        "tags": [Level.HIGH],
        "project": Level.HIGH,
    }
    client.save_conversation("c", turns("pandas"), mode="conversation", metadata=values)
    client.save_conversation(
        "c", turns("pandas", "pandas again"), mode="conversation", metadata=values
    )
    both = {"c:0", "c:1"}
    assert hits(client, **{"metadata.when": "2024-05-01"}) == both
    assert (
        hits(client, **{"metadata.level": "high"})
        == hits(client, **{"metadata.level": Level.HIGH})
        == both
    )
    assert (
        hits(client, **{"metadata.share": 1})
        == hits(client, **{"metadata.share": np.float64(1.0)})
        == both
    )
    assert hits(client, tags=["high"]) == hits(client, project=Level.HIGH) == both
    for bad in (10**30, float("inf")):
        with pytest.raises(ValidationError, match="metadata"):
            client.search_hybrid("pandas", filters={"metadata.x": bad})


@pytest.mark.parametrize("method", ["save_conversation", "append_messages"])
def test_an_id_that_another_writer_uses_at_the_same_moment_is_refused(client, monkeypatch, method):
    graph, messages = client._engine.graph, [{"id": "m", "role": "user", "content": "Hello."}]
    run, written = graph.run, []

    def run_after_another_writer(statement, **options):
        if statement.writes and not written:
            written.append(statement.name)
            client.save_conversation("other", messages)
        return run(statement, **options)

    monkeypatch.setattr(graph, "run", run_after_another_writer)
    with pytest.raises(ValidationError, match="another conversation"):
        getattr(client, method)("talk", messages)
    assert written
    assert client.get_message("m").conversation_id == "other"
    with pytest.raises(NotFoundError):
        client.load_conversation_history("talk")
