"""Reads while another write is being committed, on a real server.

Neo4j makes a commit visible record by record: a new revision may be visible before the messages
that belong to it. A writer that relies on a revision therefore waits for the lock of its node.
"""

import threading

from mcp_context_persistence.kg import models, namespaces
from mcp_context_persistence.kg.merging.redirects import read_redirects
from mcp_context_persistence.kg.writes import appends, conversations
from tests.graph.conversations import turns

SAVE = (
    "MATCH (c:Conversation {namespace: $n, id: 'c'}) SET c.revision = c.revision + 1 "
    "CREATE (c)-[:HAS_MESSAGE]->(:Message {namespace: $n, id: 'c:1', position: 1})"
)
MERGE = "MATCH (v:NamespaceVersion {namespace: $n}) SET v.merges = coalesce(v.merges, 0) + 1"


def run_beside(client, change, statement):
    """Return the rows of a statement that runs while a change waits for its commit."""
    graph = client._engine.graph
    with graph.driver.session() as session, session.begin_transaction() as transaction:
        transaction.run(change, n=client.namespace).consume()
        timer = threading.Timer(0.3, transaction.commit)
        timer.start()
        rows = graph.run(statement)
        timer.join()
    return rows


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
