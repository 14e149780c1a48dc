"""Saving a conversation again on a real server."""

import threading
from datetime import UTC, datetime

import numpy as np
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.models import Conversation
from tests.graph.conversations import dump, turns


def test_saving_the_same_conversation_again_is_a_no_op(client):
    texts = turns(
        "The DataProcessor class uses pandas.",
        "It depends on numpy too.",
        "Marta works for Harbor Retail.",
    )
    client.save_conversation("c", texts)
    before = dump(client)
    again = client.save_conversation("c", texts)
    assert (again.kept, again.embeddings_generated, again.status) == (3, 0, "unchanged")
    assert dump(client) == before


def test_a_changed_message_is_replaced_and_its_old_mentions_are_removed(client):
    client.save_conversation("c", turns("The DataProcessor class uses pandas.", "Fine."))
    answer = client.save_conversation("c", turns("The OrderParser class uses polars.", "Fine."))
    assert (answer.updated, answer.kept, answer.embeddings_generated) == (1, 1, 1)
    with pytest.raises(NotFoundError):
        client.query_knowledge_graph("DataProcessor")
    assert client.query_knowledge_graph("OrderParser").success


def test_the_graph_after_a_change_equals_the_graph_of_a_new_save(server, namespace):
    new = turns("The OrderParser class uses polars.", "Fine, it depends on numpy.", "Thanks")
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}a"
    ) as one:
        one.save_conversation(
            "c", turns("The DataProcessor class uses pandas.", "Fine, it depends on numpy.")
        )
        one.save_conversation("c", new)
        left = dump(one)
    with ContextPersistenceClient(
        server.bolt_url, auth=server.auth, namespace=f"{namespace}b"
    ) as other:
        other.save_conversation("c", new)
        right = dump(other)

    def plain(rows):
        return [
            row.replace(f"{namespace}a", "N")
            .replace(f"{namespace}b", "N")
            .split("'facets'")[0]
            .split("'embedding'")[0]
            for row in rows
        ]

    assert plain(left[1]) == plain(right[1])
    assert plain(left[0]) == plain(right[0])


@pytest.mark.parametrize("kind", ["message", "update", "document"])
def test_no_sentence_of_a_replaced_text_stays_as_evidence_or_description(client, kind):
    def write(text):
        if kind == "document":
            client.save_document("d", text)
        elif kind == "update" and client.list_conversations().conversations:
            client.update_message("m", content=text)
        else:
            client.save_conversation("c", [{"id": "m", "role": "user", "content": text}])

    def find_secret():
        return [row for rows in dump(client) for row in rows if "zqsecret" in row]

    write("The OrderParser class uses pandas for zqsecret.")
    client.save_conversation("other", turns("The OrderParser class uses pandas."))
    assert len(find_secret()) > 3
    write("The OrderParser class uses pandas today.")
    assert find_secret() == []
    shown = client.get_entity("OrderParser").entity.description
    assert shown == "The OrderParser class uses pandas today."


def test_messages_are_identified_by_id_and_new_ones_are_appended(client):
    client.save_conversation(
        "c",
        [
            {"id": "m1", "role": "user", "content": "a"},
            {"id": "m2", "role": "user", "content": "b"},
        ],
    )
    answer = client.save_conversation(
        "c",
        [
            {"id": "m2", "role": "user", "content": "B"},
            {"id": "m3", "role": "user", "content": "c"},
        ],
    )
    assert (answer.created, answer.updated) == (1, 1)
    assert [message.content for message in client.load_conversation_history("c").messages] == [
        "a",
        "B",
        "c",
    ]
    with pytest.raises(ValidationError, match="another conversation"):
        client.save_conversation("d", [{"id": "m1", "role": "user", "content": "a"}])


def test_replace_removes_missing_messages_and_relinks_the_others(client):
    client.save_conversation("c", turns("one", "two", "three"), mode="conversation")
    answer = client.save_conversation("c", turns("one", "2"), mode="conversation", replace=True)
    assert (answer.removed, answer.updated, answer.kept) == (1, 1, 1)
    assert [message.content for message in client.load_conversation_history("c").messages] == [
        "one",
        "2",
    ]
    assert client.get_conversation_stats().stats.total_messages == 2


def test_concurrent_writers_of_one_conversation_lose_no_message(server, namespace):
    errors = []

    def write(number):
        try:
            with ContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace
            ) as client:
                for step in range(4):
                    client.save_conversation(
                        "c",
                        [
                            {
                                "id": f"m{number}-{step}",
                                "role": "user",
                                "content": f"{number} {step}",
                            }
                        ],
                        mode="knowledge",
                    )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client:
        loaded = client.load_conversation_history("c")
        rows = client._engine.graph.driver.execute_query(
            "MATCH (m:Message {namespace: $namespace}) RETURN m.position AS position",
            namespace=namespace,
        ).records
    assert sorted(message.id for message in loaded.messages) == sorted(
        f"m{n}-{s}" for n in range(6) for s in range(4)
    )
    assert sorted(row["position"] for row in rows) == list(range(24))


def hits(client, **filters):
    return {
        result.id
        for result in client.search_hybrid("pandas", "keyword", filters=filters).results
        if result.type in {"message", "decision"}
    }


def test_a_changed_project_tag_or_value_reaches_every_message_and_decision(client):
    own = {
        "role": "user",
        "content": "pandas too",
        "metadata": {"project": "own", "tags": ["mine", "old"]},
    }
    first = [{"role": "user", "content": "pandas first"}, own]
    client.save_conversation("c", first, "/work/one", metadata={"tags": ["old"], "level": 1})
    decision = client.save_decision("c", "tool", "pandas or polars", "pandas").decision_id
    assert hits(client, project="one") == {"c:0", decision}
    assert hits(client, tags=["old"]) == {"c:0", "c:1", decision}
    again = client.save_conversation(
        "c", first[:1], "/work/two", metadata={"tags": ["new"], "level": 2}
    )
    assert (again.status, again.created, again.updated) == ("saved", 0, 0)
    assert hits(client, project="one") == set()
    assert hits(client, project="two") == {"c:0", decision}
    assert hits(client, project="own") == {"c:1"}
    assert hits(client, tags=["new"]) == {"c:0", "c:1", decision}
    assert hits(client, tags=["old"]) == {"c:1"}
    assert hits(client, **{"metadata.level": 2}) == {"c:0", "c:1", decision}
    assert hits(client, **{"metadata.level": 1}) == set()
    assert client.save_conversation("c", first).status == "unchanged"


def test_the_creation_time_can_be_set_by_a_later_save(client):
    client.save_conversation(Conversation(conversation_id="c", messages=turns("a")))
    began = datetime(2024, 5, 1, tzinfo=UTC)
    assert (
        client.save_conversation(
            Conversation(conversation_id="c", messages=turns("a"), created_at=began)
        ).status
        == "saved"
    )
    assert client.load_conversation_history("c").created_at == began


def test_other_vectors_replace_stored_ones(client):
    def stored():
        return client._engine.graph.driver.execute_query(
            "MATCH (m:Message {namespace: $n}) "
            "RETURN m.embedding AS vector, COUNT { (m)-[:HAS_CHUNK]->() } AS chunks",
            n=client._engine.namespace,
        ).records[0]

    long = turns("word " * 600)
    client.save_conversation("c", long, mode="conversation")
    assert (stored()["vector"], stored()["chunks"] > 1) == (None, True)
    for axis in (0, 1):
        given = np.eye(384, dtype=np.float32)[axis : axis + 1]
        assert (
            client.save_conversation("c", long, mode="conversation", embeddings=given).updated == 1
        )
        assert (stored()["vector"][axis], stored()["chunks"]) == (1.0, 0)
        assert (
            client.save_conversation("c", long, mode="conversation", embeddings=given).status
            == "unchanged"
        )
        assert client.save_conversation("c", long, mode="conversation").status == "unchanged"


def test_a_concurrent_save_that_removes_entities_loses_no_mentions(client):
    for turn in range(8):
        text = f"The RareWidget{turn} class uses OddGadget{turn}."
        wanted = {entity.id for entity in client.extract_entities(text, store=False).entities}
        client.save_conversation(f"a{turn}", turns(text), mode="knowledge")
        start, errors = threading.Barrier(2), []

        def save(key, words, start=start, errors=errors):
            start.wait()
            try:
                client.save_conversation(key, turns(words), mode="knowledge")
            except Exception as error:
                errors.append(error)

        threads = [
            threading.Thread(target=save, args=(f"a{turn}", "Nothing at all.")),
            threading.Thread(target=save, args=(f"b{turn}", text)),
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        rows = client._engine.graph.driver.execute_query(
            "MATCH (m:Message {namespace: $n, conversation_id: $c})-[:MENTIONS]->(e) "
            "RETURN e.id AS id",
            n=client._engine.namespace,
            c=f"b{turn}",
        ).records
        assert {row["id"] for row in rows} == wanted
