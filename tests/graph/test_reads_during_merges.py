"""Entities that are merged, or whose merge is undone, while a call is reading them, on a server.

Neo4j has no snapshots: each step of a statement sees what was committed last, so that a lookup as
`Entity` and then as `MergedEntity` may miss an entity that changes from one to the other meanwhile.
"""

import threading
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mcp_context_persistence.exceptions import NotFoundError
from mcp_context_persistence.kg.driver.statement import Statement
from mcp_context_persistence.kg.merging import statements
from mcp_context_persistence.kg.writes import entities as entity_writes
from mcp_context_persistence.kg.writes import graph_update
from tests.graph.duplicate_entities import query

# A branch for `entity/resolve` without rows, which waits for an answer of the test. A lock would
# not do: in a statement that writes, the seeks take locks, too.
WAIT = """  UNION ALL
  LOAD CSV FROM 'http://127.0.0.1:PORT/' AS line
  WITH line WHERE size(line) > 1
  RETURN '' AS id, 0 AS rank
"""


@pytest.fixture
def act_during_lookup(monkeypatch):
    """Do something once, in the nth lookup of references, between its first two branches."""
    servers, read_text = [], Statement.text

    def prepare(action, *, lookup=1):
        actions, count = [action], 0

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                if actions:
                    actions.pop()()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"nothing\n")

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        wait = WAIT.replace("PORT", str(server.server_port))

        def text(statement, dialect="25"):
            nonlocal count
            plain = read_text(statement, dialect)
            if statement.name == "entity/resolve":
                count += 1
                if count == lookup:
                    return plain.replace("  UNION ALL\n", f"{wait}  UNION ALL\n", 1)
            return plain

        monkeypatch.setattr(Statement, "text", text)
        return lambda: not actions

    yield prepare
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def merge_id(client):
    """Return a merge of `gone` into `kept`; the name of `gone` is not its id."""
    client.update_knowledge_graph(
        [{"id": "gone", "name": "Gone Inc"}, {"id": "kept"}, {"id": "audit"}], []
    )
    return client.merge_entities("kept", "gone").merge_id


def relationship_ends(client, relationship_type):
    rows = query(
        client,
        f"MATCH (a:Entity {{namespace: $n}})-[:{relationship_type}]->(b:Entity) "
        "RETURN a.id AS source, b.id AS target",
    )
    return [(row["source"], row["target"]) for row in rows]


@pytest.mark.parametrize("lookup", [1, 2])
def test_an_entity_restored_during_its_lookup_is_found(client, merge_id, act_during_lookup, lookup):
    has_acted = act_during_lookup(lambda: client.undo_merge(merge_id), lookup=lookup)
    answer = client.create_relationship("gone", "audit", "pays")
    assert has_acted()
    assert answer.relationship.source_entity_id == "gone"
    assert relationship_ends(client, "PAYS") == [("gone", "audit")]


def test_an_end_of_an_update_restored_during_its_lookup_is_found(
    client, merge_id, act_during_lookup
):
    has_acted = act_during_lookup(lambda: client.undo_merge(merge_id))
    row = {"from_entity": "gone", "to_entity": "audit", "relationship_type": "pays"}
    assert client.update_knowledge_graph([], [row]).created_relationships == 1
    assert has_acted()
    assert relationship_ends(client, "PAYS") == [("gone", "audit")]


def test_a_query_finds_an_entity_restored_during_its_lookup(client, merge_id, act_during_lookup):
    has_acted = act_during_lookup(lambda: client.undo_merge(merge_id))
    assert client.query_knowledge_graph("gone").entity_id == "gone"
    assert has_acted()


def test_an_entity_restored_during_its_lookup_is_not_taken_for_one_of_that_name(
    client, merge_id, act_during_lookup
):
    client.update_knowledge_graph([{"id": "namesake", "name": "gone"}], [])
    has_acted = act_during_lookup(lambda: client.undo_merge(merge_id), lookup=2)
    answer = client.create_relationship("gone", "audit", "pays")
    assert has_acted()
    assert answer.relationship.source_entity_id == "gone"
    assert relationship_ends(client, "PAYS") == [("gone", "audit")]


def test_a_missing_entity_is_not_found(client, merge_id):
    row = {"from_entity": "nobody", "to_entity": "audit", "relationship_type": "pays"}
    for call, field in (
        (lambda: client.create_relationship("audit", "nobody", "pays"), "target_entity_id"),
        (lambda: client.query_knowledge_graph("nobody"), "entity_id"),
        (lambda: client.update_knowledge_graph([{"id": "new"}], [row]), r"relationships\.0\.from"),
    ):
        with pytest.raises(NotFoundError, match=field):
            call()
    with pytest.raises(NotFoundError):
        client.query_knowledge_graph("new")  # nothing was written


@pytest.fixture
def before_statement(monkeypatch):
    """Do something once, before a statement of a module is built."""

    def patch(module, name, action):
        build, is_first = getattr(module, name), [True]

        def act_and_build(*arguments, **options):
            if is_first.pop() if is_first else False:
                action()
            return build(*arguments, **options)

        monkeypatch.setattr(module, name, act_and_build)

    return patch


@pytest.mark.parametrize("statement", ["read_relationships", "save_relationships"])
@pytest.mark.parametrize("entities", [[], [{"id": "new"}]])
def test_an_end_that_is_merged_before_an_update_writes_it_is_followed(
    client, before_statement, statement, entities
):
    client.update_knowledge_graph([{"id": "gone"}, {"id": "kept"}, {"id": "audit"}], [])
    before_statement(graph_update, statement, lambda: client.merge_entities("kept", "gone"))
    row = {"from_entity": "audit", "to_entity": "gone", "relationship_type": "pays"}
    answer = client.update_knowledge_graph(entities, [row])
    assert (answer.created_entities, answer.created_relationships) == (len(entities), 1)
    assert relationship_ends(client, "PAYS") == [("audit", "kept")]


def test_an_end_that_is_merged_and_restored_again_and_again_is_found(client, monkeypatch):
    """More often than a call is repeated without a pause."""
    client.update_knowledge_graph([{"id": "gone"}, {"id": "kept"}, {"id": "audit"}], [])
    build, merge_ids, left = entity_writes.save_relationships, [], [6]

    def merge_or_undo():
        if merge_ids:
            client.undo_merge(merge_ids.pop())
        else:
            merge_ids.append(client.merge_entities("kept", "gone").merge_id)

    def build_after_a_change(*arguments, **options):
        if left[0]:
            left[0] -= 1
            other.submit(merge_or_undo).result()  # this thread is inside a transaction
        return build(*arguments, **options)

    monkeypatch.setattr(entity_writes, "save_relationships", build_after_a_change)
    with ThreadPoolExecutor(1) as other:
        answer = client.create_relationship("gone", "audit", "pays")
    assert (answer.created, answer.relationship.source_entity_id) == (True, "gone")
    assert relationship_ends(client, "PAYS") == [("gone", "audit")]


def test_a_duplicate_that_is_merged_meanwhile_is_followed(client, before_statement):
    client.update_knowledge_graph([{"id": "gone"}, {"id": "kept"}, {"id": "audit"}], [])

    def merge_elsewhere():
        with client._engine.graph.driver.session() as session:
            session.run(
                "MATCH (e:Entity {namespace: $n, id: 'gone'}), (k:Entity {namespace: $n, id: "
                "'kept'}), (v:NamespaceVersion {namespace: $n}) "
                "CREATE (e)<-[:MERGED]-(:Merge {namespace: $n, id: 'merge:' + $n, place: 1, "
                "kept_id: 'kept', merged_ids: ['gone']})-[:INTO]->(k) "
                "REMOVE e:Entity SET e:MergedEntity, v.merges = coalesce(v.merges, 0) + 1",
                n=client._engine.namespace,
            ).consume()

    before_statement(statements, "claim_entities", merge_elsewhere)
    answer = client.merge_entities("audit", "gone")
    assert (answer.kept_id, answer.merged_ids) == ("audit", ["kept"])
