"""Deletions that take several transactions, and are interrupted after any of them."""

import re
from contextlib import suppress

import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import DatabaseError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.services import conversation_deletion
from mcp_context_persistence.services.deletion import delete_texts
from tests.graph.conversations import dump, normalize, stop_after_first_transaction

MARK, DELETE = "delete/mark_conversations", "delete/namespace"
LONG = " ".join(f"The OrderParser class uses pandas for table {number}." for number in range(25))
RULE = "Always answer in German. We decided to use Redis for the StockLoader."
TALK = [
    {"id": "a", "role": "user", "content": LONG, "timestamp": "2024-03-01"},
    {"id": "b", "role": "user", "content": RULE, "timestamp": "2024-03-02"},
    {"id": "c", "role": "assistant", "content": "The OrderReader class uses Kafka."},
]


def save_talk(client):
    client.save_conversation("talk", TALK)
    client.propose_decisions("talk")


def save(client):
    save_talk(client)
    client.save_document("doc", LONG)


def list_rows(client):
    """Return what the namespace holds; the last digits of a vector depend on its batch of texts."""
    return [
        [re.sub(r"'embedding': \[[^]]*\]", "", row) for row in part] for part in normalize(client)
    ]


def interrupt(client, monkeypatch, should_stop, *, meanwhile=lambda: None):
    """Delete the namespace, and return whether it was interrupted.

    `should_stop` gets the names of the statements so far, with the next one. When the conversations
    are marked, and nothing is deleted yet, another client writes `meanwhile`.
    """
    run, names = client._engine.graph.run, []
    is_interrupted = False

    def fail(statement, **options):
        nonlocal is_interrupted
        if statement.name in (MARK, DELETE):
            names.append(statement.name)
            if should_stop(names):
                is_interrupted = True
                raise DatabaseError("interrupted")
            if statement.name == DELETE and names.count(DELETE) == 1:
                meanwhile()
        return run(statement, **options)

    monkeypatch.setattr(client._engine.graph, "run", fail)
    with suppress(DatabaseError):
        client.delete_namespace(client.namespace)
    monkeypatch.setattr(client._engine.graph, "run", run)
    return is_interrupted


def stop_after(transactions):
    return lambda names: len(names) > transactions


def test_what_is_saved_after_an_interrupted_deletion_is_whole(
    client, connect, namespace, monkeypatch
):
    save(other := connect(namespace=f"{namespace}-other"))
    expected = list_rows(other)
    monkeypatch.setattr(limits, "DELETED_AT_ONCE", 2)
    transactions, is_interrupted = 1, True
    while is_interrupted:
        save(client)
        is_interrupted = interrupt(client, monkeypatch, stop_after(transactions))
        save(client)
        assert list_rows(client) == expected, f"interrupted after {transactions}"
        client.delete_namespace(namespace)
        assert dump(client) == ([], [])
        transactions += 4
    assert transactions > 7


def test_merges_that_an_interrupted_deletion_leaves_can_be_undone(client, namespace, monkeypatch):
    monkeypatch.setattr(limits, "DELETED_AT_ONCE", 1)
    transactions, is_interrupted, left = 4, True, []
    while is_interrupted:
        client.save_conversation("talk", TALK[1:])
        client.merge_entities("Kafka", ["Redis"])
        client.merge_entities("StockLoader", ["Kafka"])
        is_interrupted = interrupt(client, monkeypatch, stop_after(transactions))
        left.append([merge.merge_id for merge in client.list_merges().merges])
        for merge_id in left[-1]:
            client.undo_merge(merge_id)
        assert not any("MergedEntity" in node for node in dump(client)[0])
        client.delete_namespace(namespace)
        assert dump(client) == ([], [])
        transactions += 1
    assert [len(ids) for ids in left] == sorted((len(ids) for ids in left), reverse=True)
    assert {len(ids) for ids in left} >= {0, 2}


def test_what_is_saved_during_an_interrupted_deletion_is_whole(
    client, connect, namespace, monkeypatch
):
    writer, alone = connect(), connect(namespace=f"{namespace}-other")
    save_talk(alone)
    client.save_conversation("old", [{"role": "user", "content": "Ada Novak met Jan Hora."}])
    client.save_document("old", "Brno is a city.")
    assert interrupt(
        client,
        monkeypatch,
        lambda names: names[-2:] == [DELETE, MARK],
        meanwhile=lambda: save_talk(writer),
    )
    rows, expected = list_rows(client), list_rows(alone)
    assert [[row for row in part if "'old" not in row] for part in rows] == expected
    client.delete_namespace(namespace)
    assert dump(client) == ([], [])


def test_no_call_finds_what_is_left_of_a_conversation(client, connect, namespace, monkeypatch):
    save_talk(client)
    client.save_decision("talk", "design", "Two designs", "We use Redis.")
    preview = client.delete_conversation("talk", dry_run=True)
    monkeypatch.setattr(limits, "DELETED_MESSAGES", 1)
    removal = stop_after_first_transaction(client, "talk", monkeypatch)
    assert client.get_conversation_stats().stats.total_messages == 2
    assert client.list_decisions().decisions == []
    assert client.list_instructions().instructions == []
    copy = connect(namespace=f"{namespace}-copy")
    copy.ingest_items(client.export_items().items)
    total = client.delete_conversation("talk").deleted.model_dump()
    for name, count in removal.deleted.items():
        total[name] += count
    assert total == preview.deleted.model_dump()
    assert dump(client) == ([], [])


@pytest.mark.parametrize("save", ["append_messages", "save_decision"])
def test_what_another_client_saves_after_it_completed_the_deletion_stays(
    client, server, namespace, monkeypatch, save
):
    """Both find the mark; the other one is the first to complete the deletion, and to save."""
    other = ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
    graph = client._engine.graph
    save_talk(client)
    graph.run(statements.mark_conversation(client._engine.namespace, "talk"))
    run = graph.run

    def save_meanwhile(statement, **options):
        rows = run(statement, **options)
        if statement.name == "delete/marked_conversation" and rows:
            monkeypatch.setattr(graph, "run", run)
            other.save_conversation("talk", [{"id": "new", "role": "user", "content": "Hi."}])
        return rows

    monkeypatch.setattr(graph, "run", save_meanwhile)
    if save == "append_messages":
        client.append_messages("talk", [{"id": "own", "role": "user", "content": "Hello."}])
    else:
        client.save_decision("talk", "design", "Redis", "fast")
    with other:
        messages = other.load_conversation_history("talk").messages
    assert messages[0].content == "Hi."


def test_a_deletion_whose_transaction_is_rolled_back_is_tried_again(client, monkeypatch):
    save_talk(client)
    failures = ["deadlock"]

    def fail_once(*arguments, **options):
        removal = delete_texts(*arguments, **options)
        if failures:
            failures.pop()
            raise Neo4jError._hydrate_neo4j(
                code="Neo.TransientError.Transaction.DeadlockDetected", message="x"
            )
        return removal

    monkeypatch.setattr(conversation_deletion, "delete_texts", fail_once)
    assert client.delete_conversation("talk").existed
    assert not failures
    assert client.get_conversation_stats().stats.total_messages == 0
