"""Reads while another write is being committed, on a real server.

Neo4j makes a commit visible record by record: a new revision may be visible before the messages
that belong to it. A writer that relies on a revision therefore waits for the lock of its node.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.kg import models, namespaces, vector_spaces
from mcp_context_persistence.kg.driver.statement import Statement, complete
from mcp_context_persistence.kg.merging.redirects import read_redirects
from mcp_context_persistence.kg.merging.unmerge import undo_merge
from mcp_context_persistence.kg.writes import appends, conversations, documents, patterns
from tests.graph.conversations import turns
from tests.graph.duplicate_entities import query

SAVE = (
    "MATCH (c:Conversation {namespace: $n, id: 'c'}) SET c.revision = c.revision + 1 "
    "CREATE (c)-[:HAS_MESSAGE]->(:Message {namespace: $n, id: 'c:1', position: 1})"
)
BLOCKED = "SHOW TRANSACTIONS YIELD status WHERE status STARTS WITH 'Blocked' RETURN status"
# What a merge, an unmerge or a reextraction does with the mentions of a text.
MOVE = """
MATCH (m:Message|Chunk {namespace: $n, id: $id})
SET m.updated_ms = m.updated_ms
WITH m
MATCH (m)-[old:MENTIONS]->(:Entity)
DELETE old
WITH DISTINCT m
CREATE (a:Entity {namespace: $n, id: 'a'})
  -[:USES {id: 'r', sources: [m.id], origin: 'extracted'}]->(b:Entity {namespace: $n, id: 'b'})
CREATE (m)-[:MENTIONS]->(a), (m)-[:MENTIONS]->(b)
"""
SOURCES = "MATCH (:Entity {namespace: $n})-[r]->(:Entity) UNWIND r.sources AS id RETURN id"
DELETE = "MATCH (:Entity {namespace: $n, id: 'DataProcessor'})-[r:USES]->() DELETE r"
# From 50 relationships on, Neo4j changes one of a node without the lock of the node.
DENSE = """
MATCH (e:Entity {namespace: $n}) UNWIND range(1, 60) AS i
CREATE (e)<-[:MENTIONS]-(:Chunk {namespace: $n, id: e.id + toString(i)})
"""
TEXT, ENTITY = "The DataProcessor class uses pandas.", "The DataProcessor class is small."
MERGE = "MATCH (v:NamespaceVersion {namespace: $n}) SET v.merges = coalesce(v.merges, 0) + 1"


def call_beside(client, change, call, **parameters):
    """Return what a call returns; a change is committed when the call waits for it, or ends."""
    with (
        ThreadPoolExecutor(1) as threads,
        client._engine.graph.driver.session() as session,
        session.begin_transaction() as opened,
    ):
        opened.run(change, n=client.namespace, **parameters).consume()
        result = threads.submit(call)
        while not result.done() and not query(client, BLOCKED):
            time.sleep(0.02)
        opened.commit()
        return result.result()


def run_beside(client, change, statement):
    return call_beside(client, change, lambda: client._engine.graph.run(statement))


def test_the_state_of_a_conversation_is_read_after_the_save_that_changes_it(client):
    client.save_conversation("c", turns("Fine."), mode="conversation")
    conversation = models.conversation("c", turns("Fine."))
    statement = conversations.read_state(client.namespace, conversation)
    before = client._engine.graph.run(statement)[0]
    after = run_beside(client, SAVE, statement)[0]
    assert (after.revision, len(after.messages)) == (before.revision + 1, 2)


def test_an_append_reads_the_conversation_after_the_save_that_changes_it(client):
    client.save_conversation("c", turns("Fine."), mode="conversation")
    request = appends.AppendRequest(conversation=models.conversation("c", turns("More.")), key="k")
    statement = appends.read_append_state(client.namespace, request)
    before = client._engine.graph.run(statement)[0]
    after = run_beside(client, SAVE, statement)[0]
    assert (after.revision, after.total) == (before.revision + 1, before.total + 1)


def test_the_state_of_a_new_conversation_waits_for_nothing(client):
    conversation = models.conversation("new", turns("Fine."))
    state = client._engine.graph.run(conversations.read_state(client.namespace, conversation))[0]
    assert (state.revision, state.messages) == (0, ())


def test_redirects_are_read_after_the_merge_that_changes_them(client):
    client._engine.graph.run(namespaces.touch(client.namespace))
    before = client._engine.graph.run(read_redirects(client.namespace))[0].merges
    assert run_beside(client, MERGE, read_redirects(client.namespace))[0].merges == before + 1


@pytest.mark.parametrize(
    ("change", "read", "column"),
    [
        (
            "MATCH (v:NamespaceVersion {namespace: $n}) SET v.other_progress = 'stopped'",
            vector_spaces.read_state,
            "progress",
        ),
        (
            "MATCH (p:EntityPatterns {namespace: $n}) SET p.patterns = 'stopped'",
            lambda namespace: patterns.read(namespace, known_version=0),
            "patterns",
        ),
        (
            "MATCH (d:Document {namespace: $n}) SET d.hash = 'stopped'",
            lambda namespace: documents.read_state(namespace, "d"),
            "hash",
        ),
    ],
)
def test_what_a_later_write_compares_is_read_under_a_lock(client, change, read, column):
    client.save_document("d", TEXT)
    client._engine.graph.run(patterns.save(client.namespace, "{}", now=1))
    row = run_beside(client, change, read(client.namespace))[0]
    assert (getattr(row, column) if column == "progress" else row[column]) == "stopped"


def test_mentions_that_others_move_are_deleted_with_their_message(client):
    client.save_conversation("c", turns("Fine.", ENTITY))

    def shorten():
        client.save_conversation("c", turns("Fine."), replace=True)

    call_beside(client, MOVE, shorten, id="c:1")
    assert query(client, SOURCES) == []


def test_mentions_that_others_move_are_deleted_with_their_passage(client):
    client.save_document("d", ENTITY)
    passage = query(client, "MATCH (k:Chunk {namespace: $n}) RETURN k.id AS id")[0]["id"]
    call_beside(client, MOVE, lambda: client.save_document("d", "Fine."), id=passage)
    assert query(client, SOURCES) == []


def test_a_relationship_that_another_writer_deletes_is_written_again(client):
    client.save_conversation("one", turns(TEXT))
    query(client, DENSE)
    call_beside(client, DELETE, lambda: client.save_conversation("two", turns(TEXT)))
    assert len(query(client, SOURCES)) == 1


def test_a_relationship_that_somebody_made_without_an_id_is_supported(client):
    names = ("DataProcessor", "class"), ("pandas", "library")
    client.update_knowledge_graph([{"id": name, "type": kind} for name, kind in names], [])
    query(
        client,
        "MATCH (a:Entity {namespace: $n, id: 'DataProcessor'}), "
        "(b:Entity {namespace: $n, id: 'pandas'}) CREATE (a)-[:USES]->(b)",
    )
    client.save_conversation("two", turns(TEXT))
    client.save_document("d", TEXT)
    assert len(query(client, SOURCES)) == 2


def test_a_reextraction_waits_for_the_entities_that_it_mentions(client):
    client.save_conversation("one", turns(TEXT, TEXT))
    query(client, DENSE)
    query(client, "MATCH (:Message {namespace: $n, id: 'one:0'})-[r:MENTIONS]->() DELETE r")
    moment = []
    claim = "MATCH (e:Entity {namespace: $n, id: 'pandas'}) SET e.updated_ms = 1"

    def reextract():
        client.reextract(apply=True)
        moment.append(query(client, "MATCH (e:Entity {namespace: $n, id: 'pandas'}) RETURN e")[0])

    call_beside(client, claim, reextract)
    assert moment[0]["e"]["updated_ms"] == 1


def test_an_unmerge_does_not_restore_what_a_deletion_has_removed_meanwhile(client):
    client.update_knowledge_graph([{"id": name, "type": "class"} for name in "ab"], [])
    done = client.merge_entities("a", ["b"])
    graph = client._engine.graph
    snapshots = []

    def note(run, namespace, row, *arguments, **options):
        if not snapshots:
            changed = {**json.loads(row["snapshot"]), "note": 1}
            query(
                client, "MATCH (g:Merge {namespace: $n}) SET g.snapshot = $s", s=json.dumps(changed)
            )
        snapshots.append(row["snapshot"])
        return undo_merge(run, namespace, row, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mcp_context_persistence.kg.merging.unmerge.undo_merge", note)
        client.undo_merge(done.merge_id)
    assert len(snapshots) == 2
    assert graph.run(namespaces.read_settled_merges(client.namespace)) == [2]


def test_a_locked_read_belongs_to_the_transaction_of_its_thread(client):
    """In a transaction of its own, it would wait for the lock that this one has."""
    graph = client._engine.graph
    graph.run(namespaces.touch(client.namespace))
    statement = namespaces.read_settled_version(client.namespace)

    def work(run):
        return run(namespaces.touch(client.namespace)), graph.run(statement, deadline=2)

    touched, read = graph.transact(work, name="both")
    assert touched == read
    assert graph.run(statement) == read


def test_a_deletion_of_an_entity_begins_again_after_a_merge(client, monkeypatch):
    client.update_knowledge_graph([{"id": name, "type": "class"} for name in "abc"], [])
    statement = namespaces.read_settled_merges(client.namespace)
    before = client._engine.graph.run(statement)
    reads = []

    def read(namespace):
        reads.append(namespace)
        if len(reads) == 2:
            monkeypatch.undo()
        return statement

    monkeypatch.setattr(
        "mcp_context_persistence.services.knowledge_deletion.read_settled_merges", read
    )
    run = client._engine.graph.run

    def run_late(sent, **options):
        rows = run(sent, **options)
        if sent is statement and len(reads) == 1:
            client.merge_entities("b", ["c"])
        return rows

    monkeypatch.setattr(client._engine.graph, "run", run_late)
    assert client.delete_entity("a").deleted.entities == 1
    assert (len(reads), client._engine.graph.run(statement)) == (2, [before[0] + 1])


REMOVE = "MATCH (x:Instruction|MergedEntity {namespace: $n, id: $id}) DETACH DELETE x"


def test_an_instruction_that_is_deleted_meanwhile_cannot_be_retired(client):
    saved = client.save_instruction("Use tables.").instruction_id
    with pytest.raises(NotFoundError):
        call_beside(client, REMOVE, lambda: client.retire_instruction(saved), id=saved)


def test_a_merge_whose_entity_is_deleted_meanwhile_cannot_be_undone(client):
    client.update_knowledge_graph([{"id": name, "type": "class"} for name in "ab"], [])
    merged = client.merge_entities("a", ["b"]).merge_id
    with pytest.raises(ValidationError, match="an entity of this merge was deleted"):
        call_beside(client, REMOVE, lambda: client.undo_merge(merged), id="b")


def test_a_node_that_is_deleted_while_it_is_read_is_read_again(client):
    rows = [{"item": {"id": "a"}}, {"item": None}]
    statement = Statement(
        name="namespace/types",
        parameters={"namespace": client.namespace},
        read=lambda _: complete("item")(rows.pop()),
    )
    assert client._engine.graph.run(statement) == [{"item": {"id": "a"}}]
    assert rows == []
