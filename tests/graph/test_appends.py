"""Appending messages on a real server."""

import asyncio
import re
import threading

import neo4j
import numpy as np
import pytest

from mcp_context_persistence import AsyncContextPersistenceClient
from mcp_context_persistence.exceptions import ValidationError
from mcp_context_persistence.models import Conversation
from tests.graph.conversations import dump, turns

TEXTS = (
    "The DataProcessor class uses pandas.",
    "It depends on numpy too.",
    "Marta works for Harbor Retail.",
    "We decided to use PostgreSQL.",
)


def load(client, conversation_id="c"):
    return client.load_conversation_history(conversation_id).messages


def read_order(client, conversation_id="c"):
    """Return the positions, and the ids along the NEXT relationships."""
    with client._engine.graph.driver.session() as session:
        rows = session.run(
            "MATCH (:Conversation {namespace: $namespace, id: $id})-[:HAS_MESSAGE]->(m) "
            "OPTIONAL MATCH (m)-[:NEXT]->(n) "
            "RETURN m.id AS id, m.position AS position, collect(n.id) AS next ORDER BY position",
            namespace=client._engine.namespace,
            id=conversation_id,
        ).data()
    return (
        [row["id"] for row in rows],
        [row["position"] for row in rows],
        [row["next"] for row in rows],
    )


def assert_in_order(client, conversation_id="c"):
    """Check that positions are dense and that the messages form one chain; return their ids."""
    ids, positions, following = read_order(client, conversation_id)
    assert positions == list(range(len(ids)))
    assert following == [[key] for key in ids[1:]] + [[]]
    return ids


def test_an_append_creates_the_conversation_and_adds_to_its_end(client):
    first = client.append_messages(
        "c", turns(TEXTS[0]), metadata={"project": "orders"}, project_path="/x"
    )
    assert (first.status, first.conversation_created) == ("appended", True)
    assert (first.created, first.created_ids, first.first_position) == (1, ["c:0"], 0)
    assert first.embeddings_generated == 1
    assert first.entities_found >= 2
    second = client.append_messages("c", turns(*TEXTS[1:3]))
    assert (second.conversation_created, second.created_ids) == (False, ["c:1", "c:2"])
    assert (second.message_count, second.first_position, second.total_messages) == (2, 1, 3)
    assert [message.content for message in load(client)] == list(TEXTS[:3])
    assert client.load_conversation_history("c").metadata == {"project": "orders"}
    assert_in_order(client)


@pytest.mark.parametrize("mode", ["conversation", "knowledge", "hybrid"])
def test_appending_one_by_one_gives_the_graph_of_one_save(connect, namespace, mode):
    messages = [{**message, "timestamp": "2026-01-02"} for message in turns(*TEXTS)]
    metadata = {"project": "orders", "tags": ["t"], "topic": "etl"}
    one, other = connect(namespace=f"{namespace}a"), connect(namespace=f"{namespace}b")
    for message in messages:
        one.append_messages("c", [message], "/p", mode, metadata)
    other.save_conversation("c", messages, "/p", mode, metadata)

    assert _read_plainly(one, f"{namespace}a") == _read_plainly(other, f"{namespace}b")


def _read_plainly(client, namespace):
    """Return nodes and relationships without what differs between namespaces and calls."""
    nodes, relationships = dump(client)
    rows = [row.replace(namespace, "N") for row in (*nodes, *relationships)]
    rows = [re.sub(r"'facets': \[[^]]*\]|'embedding': \[[^]]*\]", "", row) for row in rows]
    return sorted(re.sub(r"'append_key': '[0-9a-f]*', ", "", row) for row in rows)


def test_the_same_ids_again_change_nothing(client):
    messages = [
        {"id": f"m{number}", "role": "user", "content": text} for number, text in enumerate(TEXTS)
    ]
    client.append_messages("c", messages)
    before = dump(client)
    again = client.append_messages("c", messages)
    assert (again.status, again.created, again.unchanged) == ("unchanged", 0, 4)
    assert again.unchanged_ids == ["m0", "m1", "m2", "m3"]
    assert again.first_position is None
    assert dump(client) == before


def test_a_stored_id_with_another_text_is_kept_and_named(client):
    client.append_messages("c", [{"id": "a", "role": "user", "content": "old"}])
    answer = client.append_messages(
        "c",
        [
            {"id": "a", "role": "user", "content": "new"},
            {"id": "b", "role": "user", "content": "two"},
            {"role": "user", "content": "three"},
        ],
    )
    assert (answer.created_ids, answer.unchanged_ids) == (["b", "c:2"], ["a"])
    assert answer.differing_ids == ["a"]
    assert [message.content for message in load(client)] == ["old", "two", "three"]
    assert_in_order(client)


def test_an_id_of_another_conversation_is_refused(client):
    client.append_messages("c", [{"id": "a", "role": "user", "content": "one"}])
    before = dump(client)
    with pytest.raises(ValidationError, match="messages: an id belongs to a message of another"):
        client.append_messages("d", [{"id": "a", "role": "user", "content": "one"}])
    assert dump(client) == before


def test_a_message_without_an_id_gets_a_free_one(client):
    client.append_messages("c", [{"id": "c:1", "role": "user", "content": "one"}])
    client.append_messages("d", [{"id": "c:2", "role": "user", "content": "other"}])
    answer = client.append_messages("c", turns("two", "three"))
    assert len({*answer.created_ids, "c:1", "c:2"}) == 4
    assert [message.content for message in load(client)] == ["one", "two", "three"]
    assert_in_order(client)


def test_a_conversation_object_is_appended(client):
    client.append_messages(Conversation(conversation_id="c", messages=turns("a"), mode="knowledge"))
    client.append_messages(Conversation(conversation_id="c", messages=turns("b"), mode="knowledge"))
    assert [message.content for message in load(client)] == ["a", "b"]


def test_without_a_mode_the_stored_one_is_kept(client):
    client.save_conversation("c", turns("We use pandas."), mode="conversation")
    answer = client.append_messages("c", turns("We use polars."))
    assert (answer.embeddings_generated, answer.entities_found) == (1, 0)
    client.save_conversation("d", turns("We use pandas."), mode="knowledge")
    answer = client.append_messages("d", turns("We use polars."))
    assert (answer.embeddings_generated, answer.entities_found) == (0, 1)


def test_own_vectors_go_to_their_messages(client):
    vectors = np.eye(3, 384, dtype=np.float32)
    client.append_messages(
        "c", [{"id": "a", "role": "user", "content": "one"}], embeddings=vectors[:1]
    )
    messages = [{"id": key, "role": "user", "content": key} for key in ("b", "a", "d")]
    answer = client.append_messages("c", messages, embeddings=vectors[[1, 0, 2]])
    assert (answer.created_ids, answer.embeddings_generated) == (["b", "d"], 0)
    with client._engine.graph.driver.session() as session:
        rows = session.run(
            "MATCH (m:Message {namespace: $namespace}) RETURN m.id AS id, m.embedding AS vector",
            namespace=client._engine.namespace,
        )
        stored = {row["id"]: int(np.argmax(list(row["vector"]))) for row in rows}
    assert stored == {"a": 0, "b": 1, "d": 2}
    with pytest.raises(ValidationError, match="embeddings"):
        client.append_messages("d", turns("x"), mode="knowledge", embeddings=vectors[:1])


def test_writers_at_once_lose_nothing_and_keep_their_order(connect):
    clients = [connect() for _ in range(4)]
    errors = []

    def write(number):
        try:
            for step in range(5):
                clients[number].append_messages(
                    "c",
                    turns(f"{number} {2 * step}", f"{number} {2 * step + 1}"),
                    mode="knowledge",
                )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(assert_in_order(clients[0])) == 40
    texts = [message.content for message in load(clients[0])]
    for number in range(4):
        own = [text for text in texts if text.startswith(f"{number} ")]
        assert own == [f"{number} {step}" for step in range(10)]
    for start in range(0, 40, 2):
        assert texts[start].split()[0] == texts[start + 1].split()[0]


def test_an_append_finds_the_end_after_other_writers_changed_it(client):
    client.save_conversation("c", turns("a", "b", "c"))
    client.append_messages("c", turns("d"))
    client.save_conversation("c", turns("a", "b"), replace=True)
    client.append_messages("c", turns("x"))
    assert [message.content for message in load(client)] == ["a", "b", "x"]
    assert_in_order(client)
    client.save_conversation("c", [*turns("a", "b"), *turns("x"), *turns("y")])
    client.append_messages("c", turns("z"))
    assert [message.content for message in load(client)] == ["a", "b", "x", "y", "z"]
    assert_in_order(client)


def test_an_append_to_a_conversation_of_an_older_version(client):
    client.save_conversation("c", turns("a", "b"))
    with client._engine.graph.driver.session() as session:
        session.run(
            "MATCH (c:Conversation {namespace: $namespace}) REMOVE c.last_id",
            namespace=client._engine.namespace,
        ).consume()
    client.append_messages("c", turns("c"))
    assert_in_order(client)


def test_the_limit_counts_stored_messages(connect):
    client = connect(config={"max_conversation_length": 3})
    client.append_messages("c", turns("a", "b"))
    before = dump(client)
    with pytest.raises(ValidationError, match="at most 3 messages"):
        client.append_messages("c", turns("c", "d"))
    assert dump(client) == before
    client.append_messages("c", turns("c"))


def _sum_profile(plan, key):
    return plan.get(key, 0) + sum(_sum_profile(child, key) for child in plan.get("children", ()))


@pytest.fixture
def profiles(monkeypatch):
    """Collect (rows, database hits) of every statement that the driver sends."""
    results = []
    send = neo4j.Session.run

    def run(session, query, *args, **options):
        text = query.text if isinstance(query, neo4j.Query) else query
        result = send(session, f"PROFILE {text}", *args, **options)
        results.append(result)
        return result

    monkeypatch.setattr(neo4j.Session, "run", run)

    def collect():
        plans = [result.consume().profile for result in results]
        results.clear()
        return [(_sum_profile(plan, "rows"), _sum_profile(plan, "dbHits")) for plan in plans]

    return collect


def test_the_cost_of_an_append_does_not_depend_on_the_length(client, profiles):
    costs = {}
    for length in (10, 10_000):
        conversation_id = f"c{length}"
        vectors = np.eye(384, dtype=np.float32)[np.arange(length) % 384]
        client.save_conversation(
            conversation_id,
            [{"role": "user", "content": f"Text {number}"} for number in range(length)],
            mode="conversation",
            embeddings=vectors,
        )
        client.append_messages(conversation_id, turns("warm"), embeddings=vectors[:1])
        profiles()
        client.append_messages(conversation_id, turns("Text without id"), embeddings=vectors[:1])
        without_id = profiles()
        client.append_messages(
            conversation_id,
            [{"id": f"{length}", "role": "user", "content": "Text with id"}],
            embeddings=vectors[:1],
        )
        costs[length] = (without_id, profiles())
        assert client.load_conversation_history(conversation_id, 1).total_messages == length + 3
    short, long = costs.values()
    assert [len(statements) for statements in (*short, *long)] == [2, 2, 2, 2]
    # The server may choose another plan meanwhile, which has some rows more or fewer.
    room = 20
    assert np.all(np.array(long) <= np.array(short) + room), (short, long)


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("key", [None, "m1"])
def test_an_append_whose_reply_was_lost_adds_its_messages_once(client, monkeypatch, is_new, key):
    if not is_new:
        client.save_conversation("c", turns("a"))
    write, replies = client._engine.types.run, []

    def lose_first_reply(statement, types):
        replies.append(write(statement, types))
        if len(replies) == 1:  # another writer appends the same text before the replay
            monkeypatch.setattr(client._engine.types, "run", write)
            client.append_messages("c", turns("b"))
            monkeypatch.setattr(client._engine.types, "run", lose_first_reply)
            return []
        return replies[-1]

    monkeypatch.setattr(client._engine.types, "run", lose_first_reply)
    message = {"role": "user", "content": "b", **({"id": key} if key else {})}
    answer = client.append_messages("c", [message])
    first_id = key or f"c:{int(not is_new)}"
    assert (answer.created_ids, answer.status) == ([first_id], "appended")
    assert (answer.conversation_created, answer.first_position) == (is_new, int(not is_new))
    assert len(replies) == 1
    assert [message.content for message in load(client)] == [*([] if is_new else ["a"]), "b", "b"]
    assert_in_order(client)


def test_tasks_append_at_once(server, namespace):
    async def append() -> list[str]:
        async with AsyncContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace
        ) as client:
            calls = [
                client.append_messages("c", turns(f"{number}"), mode="knowledge")
                for number in range(6)
            ]
            answers = await asyncio.gather(*calls)
            history = await client.load_conversation_history("c")
        assert [message.id for message in history.messages] == [f"c:{n}" for n in range(6)]
        return [key for answer in answers for key in answer.created_ids]

    assert sorted(asyncio.run(append())) == [f"c:{number}" for number in range(6)]
