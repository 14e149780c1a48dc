"""Writes between a merge and its undoing, and at the same time, on a real server."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.exceptions import (
    GraphError,
    NotFoundError,
    ValidationError,
)
from mcp_context_persistence.services import patterns
from mcp_context_persistence.services.knowledge_writer import build_knowledge
from tests.graph.duplicate_entities import (
    PATTERNS,
    conversation_messages,
    entities,
    fill,
    mentioning,
    query,
)

BLOCKED = (
    "SHOW TRANSACTIONS YIELD status, metaData WHERE status STARTS WITH 'Blocked' "
    "RETURN metaData.statement AS name"
)


def test_an_unmerge_gives_each_entity_what_was_saved_under_its_name(client):
    fill(client)
    done = client.merge_entities("Acme", "acme_corp")
    client.save_conversation(
        "three",
        conversation_messages(
            "Acme Corp uses numpy.", "Acme uses scipy.", "Acme Corp and Acme use Kafka."
        ),
    )
    client.save_conversation("two", conversation_messages("Nothing.", "Nothing any more."))
    client.undo_merge(done.merge_id)
    assert mentioning(client, "acme_corp").keys() >= {"one:0", "one:2", "three:0", "three:2"}
    assert mentioning(client, "Acme").keys() == {"one:1", "one:2", "three:1", "three:2"}
    assert "two:1" not in mentioning(client, "acme_corp")
    uses = {
        (row["a"], row["b"])
        for row in query(
            client, "MATCH (a:Entity {namespace: $n})-[r:USES]->(b) RETURN a.id AS a, b.id AS b"
        )
    }
    assert ("acme_corp", "numpy") in uses
    assert ("Acme", "numpy") not in uses
    assert ("Acme", "scipy") in uses
    assert ("acme_corp", "scipy") not in uses


def test_an_unmerge_does_not_restore_a_relationship_that_a_changed_text_supported(client):
    """Between the merged entities: it is kept for the undo only."""
    client.save_conversation("c", conversation_messages("Kafka uses Redis."))
    done = client.merge_entities("Kafka", ["Redis"])
    client.save_conversation("c", conversation_messages("Redis depends on Linux."))
    client.undo_merge(done.merge_id)
    stored = query(client, "MATCH (:Entity {namespace: $n})-[r]->(:Entity) RETURN type(r) AS type")
    assert [row["type"] for row in stored] == ["DEPENDS_ON"]


def test_an_unmerge_keeps_changes_made_after_the_merge(client):
    fill(client)
    done = client.merge_entities("Acme", "acme_corp")
    client.update_knowledge_graph(
        [{"id": "Acme", "description": "A maker of rockets", "aliases": ["Acme Corp", "The Acme"]}],
        [],
    )
    client.create_relationship("Acme", "vienna", "works in", 0.7)
    client.create_relationship("audit", "pandas", "uses", 0.7)
    client.undo_merge(done.merge_id)
    kept = client.query_knowledge_graph("Acme").context.entity
    assert (kept.description, kept.aliases) == ("A maker of rockets", ["The Acme"])
    rows = query(
        client,
        "MATCH (a:Entity {namespace: $n})-[r:WORKS_IN]->() RETURN a.id AS id, r.confidence AS "
        "confidence, r.properties AS own",
    )
    assert {row["id"]: (row["confidence"], row["own"]) for row in rows} == {
        "Acme": (0.7, '{"a":1}'),
        "acme_corp": (0.9, '{"b":2}'),
    }
    assert [result.id for result in client.search_hybrid("rockets", "keyword").results] == ["Acme"]


def test_an_edited_message_supports_the_entity_that_it_names_now(client):
    fill(client)
    done = client.merge_entities("Acme", "acme_corp")
    client.save_conversation("one", conversation_messages("Acme uses pandas."), replace=True)
    client.undo_merge(done.merge_id)
    rows = query(
        client, "MATCH (a:Entity {namespace: $n})-[:USES]->({id: 'pandas'}) RETURN a.id AS id"
    )
    assert [row["id"] for row in rows] == ["Acme"]
    assert "one:0" in mentioning(client, "Acme")
    assert "one:0" not in mentioning(client, "acme_corp")


def test_an_unmerge_works_after_neighbors_were_merged_or_deleted(client):
    fill(client)
    client.save_conversation(
        "five", conversation_messages("Northwind uses PostgreSQL. Acme Corp uses PostgreSQL.")
    )
    done = client.merge_entities("Acme", "acme_corp")
    other = client.merge_entities("audit", "PostgreSQL")
    client.undo_merge(done.merge_id)
    assert "PostgreSQL" not in entities(client)
    rows = query(
        client,
        "MATCH (a:Entity {namespace: $n})-[r:USES]->(b {id: 'audit'}) RETURN collect(DISTINCT "
        "a.id) AS ids",
    )
    assert {"acme_corp", "Northwind"} <= set(rows[0]["ids"])
    client.undo_merge(other.merge_id)
    assert "PostgreSQL" in entities(client)


def test_concurrent_saves_and_merges_lose_nothing(server, namespace, client):
    """One thread merges and undoes merges while others save texts with the names of the entities.

    In the end every text mentions the entities that it names.
    """
    fill(client)
    ends, failures = threading.Event(), []

    def merge():
        with ContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace
        ) as other:
            while not ends.is_set():
                done = other.merge_entities("Acme", "acme_corp")
                time.sleep(0.3)
                other.undo_merge(done.merge_id)
                time.sleep(0.3)

    def save(number):
        try:
            with ContextPersistenceClient(
                server.bolt_url, auth=server.auth, namespace=namespace
            ) as other:
                for step in range(8):
                    other.save_conversation(
                        f"r{number}-{step}",
                        conversation_messages(f"Acme Corp uses pandas{number}.", "Acme is large."),
                    )
                    other.create_relationship(
                        "acme_corp",
                        "Acme" if step % 2 else "vienna",
                        f"made {number}x{step}".replace(" ", "_"),
                    )
        except Exception as error:
            failures.append(error)

    with ThreadPoolExecutor(4) as threads:
        merging = threads.submit(merge)
        writers = [threads.submit(save, number) for number in range(3)]
        for one in writers:
            one.result()
        ends.set()
        merging.result()
    assert failures == []
    names = {f"r{number}-{step}" for number in range(3) for step in range(8)}
    assert {f"{one}:0" for one in names} <= mentioning(client, "acme_corp").keys()
    assert {f"{one}:1" for one in names} <= mentioning(client, "Acme").keys()
    assert not {f"{one}:1" for one in names} & mentioning(client, "acme_corp").keys()
    made = "MATCH (:Entity {namespace: $n})-[r]->() WHERE type(r) STARTS WITH 'MADE' "
    assert query(client, f"{made} RETURN count(r) AS count") == [{"count": 24}]
    merged = "MATCH (x:MergedEntity {namespace: $n}) RETURN count(x) AS count"
    assert query(client, merged) == [{"count": 0}]


def test_a_relationship_written_during_a_merge_belongs_to_the_kept_entity(client):
    """The entity is merged while the statement that has found it already waits for its lock."""
    client.update_knowledge_graph([{"id": "gone"}, {"id": "kept"}, {"id": "audit"}], [])
    found = {"n": client._engine.namespace}
    with (
        ThreadPoolExecutor(1) as threads,
        client._engine.graph.driver.session() as session,
        session.begin_transaction() as transaction,
    ):
        transaction.run(
            "MATCH (e:Entity {namespace: $n, id: 'gone'}), (k:Entity {namespace: $n, id: "
            "'kept'}) SET e.updated_ms = 1 "
            "CREATE (e)<-[:MERGED]-(:Merge {namespace: $n, id: 'merge:' + $n})-[:INTO]->(k)",
            found,
        ).consume()
        waiting = threads.submit(client.create_relationship, "gone", "audit", "pays")
        while "create_relationship" not in {row["name"] for row in query(client, BLOCKED)}:
            time.sleep(0.05)
        transaction.run(
            "MATCH (e:Entity {namespace: $n, id: 'gone'}) REMOVE e:Entity SET e:MergedEntity", found
        ).consume()
        transaction.commit()
        assert waiting.result().relationship.source_entity_id == "kept"
    rows = query(client, "MATCH (e {namespace: $n})-[:PAYS]->() RETURN e.id AS id")
    assert [row["id"] for row in rows] == ["kept"]


NAMES = ["Alpha", "Beta", "Gamma", "Delta"]


def merge_and_part(client, drawn, ends):
    while not ends.is_set():
        with suppress(NotFoundError, ValidationError, GraphError):  # the other one was faster
            if drawn.random() < 0.5:
                client.merge_entities(*drawn.sample(NAMES, 2))
            elif open_ones := [
                merge.merge_id for merge in client.list_merges().merges if merge.can_undo
            ]:
                client.undo_merge(drawn.choice(open_ones))


def save_again(client, talk, drawn):
    """Save a conversation with other words, again and again; the last ones."""
    for _ in range(40):
        words = [drawn.sample([*NAMES, "Nobody"], drawn.choice([1, 2, 3])) for _ in range(3)]
        client.save_conversation(
            talk, conversation_messages(*(f"{' and '.join(one)}." for one in words))
        )
    return {f"{talk}:{place}": word for place, word in enumerate(words)}


def test_concurrent_edits_and_merges_leave_the_mentions_of_the_texts(server, namespace, client):
    """Texts change while their entities are merged and merges are undone.

    In the end each text mentions the entities that it names, and every merge could be undone.
    """
    client.configure_entity_patterns({"thing": ["|".join(NAMES)]})
    client.update_knowledge_graph([{"id": one, "type": "thing"} for one in NAMES], [])
    ends = threading.Event()
    with ExitStack() as stack:
        clients = [
            stack.enter_context(
                ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace)
            )
            for _ in range(4)
        ]
        threads = stack.enter_context(ThreadPoolExecutor(4))
        merging = [
            threads.submit(merge_and_part, one, random.Random(seed), ends)
            for seed, one in enumerate(clients[:2])
        ]
        writers = [
            threads.submit(save_again, one, f"r{seed}", random.Random(seed))
            for seed, one in enumerate(clients[2:])
        ]
        try:
            named = {place: words for one in writers for place, words in one.result().items()}
        finally:
            ends.set()
        assert [one.result() for one in merging] == [None, None]
    while left := [
        merge.merge_id for merge in client.list_merges().merges if merge.undone_at is None
    ]:
        client.undo_merge(left[0])
    assert {name: set(mentioning(client, name)) for name in NAMES} == {
        name: {place for place, words in named.items() if name in words} for name in NAMES
    }
    assert (
        query(client, "MATCH (x:MergedEntity {namespace: $n}) RETURN count(x) AS count")[0]["count"]
        == 0
    )


def test_a_relationship_that_is_written_while_a_merge_is_undone_is_kept(client):
    client.update_knowledge_graph(
        [{"id": name, "name": name, "type": "person"} for name in ("Kept", "Other", "Target")], []
    )
    for number in range(25):
        kind = f"knows{number}"
        client.create_relationship("Other", "Target", kind, 0.5)
        merge = client.merge_entities("Kept", ["Other"])
        with ThreadPoolExecutor(2) as threads:
            undo = threads.submit(client.undo_merge, merge.merge_id)
            time.sleep(random.uniform(0, 0.05))
            write = threads.submit(client.create_relationship, "Kept", "Target", kind, 0.7)
            undo.result()
            write.result()
        rows = query(
            client,
            "MATCH (:Entity {namespace: $n})-[r]->(:Entity {namespace: $n, id: 'Target'}) "
            "WHERE r.name = $kind RETURN r.confidence AS confidence",
            kind=kind,
        )
        assert 0.7 in [row["confidence"] for row in rows], number


def test_a_reextraction_goes_on_where_others_merge_again_and_again(client, connect, monkeypatch):
    """Seven times, a merge or its undoing comes between the reading of a page and its write."""
    fill(client)
    client.save_conversation("ticket", conversation_messages("OPS-7: Acme Corp uses pandas."))
    client.configure_entity_patterns({**PATTERNS, "ticket": [r"OPS-\d+"]})
    other, changes = connect(), []

    def build_after_a_change(*arguments, **options):
        if len(changes) < 7:
            changes.append(
                other.undo_merge(changes[-1].merge_id)
                if len(changes) % 2
                else other.merge_entities("Acme", "acme_corp")
            )
        return build_knowledge(*arguments, **options)

    monkeypatch.setattr(patterns, "build_knowledge", build_after_a_change)
    done = client.reextract(apply=True)
    assert len(changes) == 7
    assert (done.texts_changed, done.mentions_added, done.total_entities_added) == (1, 1, 1)
    assert mentioning(client, "Acme").keys() >= {"ticket:0"}
    assert client.reextract().texts_changed == 0
    other.undo_merge(changes[-1].merge_id)
    assert "ticket:0" in mentioning(client, "acme_corp")
