"""Amounts at a limit and one above it; the limits are lowered, so that a test takes seconds."""

import pytest
from neo4j.exceptions import Neo4jError

from mcp_context_persistence.exceptions import DatabaseError, NotFoundError, ValidationError
from mcp_context_persistence.kg import limits
from mcp_context_persistence.service.clients import ClientPool
from mcp_context_persistence.service.settings import ServiceSettings
from mcp_context_persistence.services import conversation_deletion
from mcp_context_persistence.services.deletion import run_deletion


def driver_error(name):
    return Neo4jError._hydrate_neo4j(code=f"Neo.ClientError.General.{name}", message="")


GRAPH = "MATCH (n {namespace: $namespace}) RETURN labels(n)[0] AS label, count(*) AS nodes"


def count_nodes(client):
    records = client._engine.graph.driver.execute_query(GRAPH, namespace=client.namespace).records
    return {record["label"]: record["nodes"] for record in records}


def say(count, text="We met."):
    return [{"role": "user", "content": f"{number}: {text}"} for number in range(count)]


def test_a_conversation_may_have_so_many_messages_and_no_more(client, monkeypatch):
    monkeypatch.setattr(limits, "APPENDED_MESSAGES", 5)
    client.append_messages("talk", say(3))
    assert client.append_messages("talk", say(2)).total_messages == 5
    before = count_nodes(client)
    with pytest.raises(ValidationError, match="5"):
        client.append_messages("talk", say(1))
    assert count_nodes(client) == before
    assert len(client.load_conversation_history("talk").messages) == 5


@pytest.mark.parametrize("count", [3, 4, 7])
def test_a_conversation_is_deleted_in_as_many_transactions_as_it_needs(client, monkeypatch, count):
    monkeypatch.setattr(limits, "DELETED_MESSAGES", 3)
    client.save_conversation("kept", say(2, "Ada Novak lives in Brno."))
    before = count_nodes(client)
    client.save_conversation("talk", say(count, "Ada Novak lives in Brno with Jan Hora."))
    preview = client.delete_conversation("talk", dry_run=True)
    removed = client.delete_conversation("talk")
    assert removed.deleted == preview.deleted
    assert removed.deleted.messages == count
    assert count_nodes(client) == before


def test_metadata_counts_for_the_transactions_of_a_deletion(client, monkeypatch):
    monkeypatch.setattr(limits, "DELETED_BYTES", 1_000)
    metadata = {"x": "y" * 600}
    client.save_conversation("talk", [{**message, "metadata": metadata} for message in say(4)])
    steps = []

    def run_step(*arguments, **options):
        steps.append(run_deletion(*arguments, **options))
        return steps[-1]

    monkeypatch.setattr(conversation_deletion, "run_deletion", run_step)
    client.delete_conversation("talk")
    assert [step.deleted["messages"] for step in steps] == [1, 1, 1, 1]


def test_a_page_of_an_export_ends_after_so_many_bytes(client, connect, monkeypatch):
    client.save_conversation("talk", say(6, "Ada Novak lives in Brno with Jan Hora."))
    whole = client.export_items().items
    for size, most in ((1, 1), (1_000, 5)):
        monkeypatch.setattr(limits, "EXPORTED_BYTES", size)
        copy = connect(namespace=f"{client.namespace}-{size}")
        pages, cursor = 0, None
        while not pages or cursor:
            page = client.export_items(cursor=cursor)
            assert len(page.items) <= most
            copy.ingest_items(page.items)
            pages, cursor = pages + 1, page.next_cursor
        assert pages > 1
        monkeypatch.undo()
        assert copy.export_items().items == whole


def test_the_largest_communities_are_returned(client, monkeypatch):
    monkeypatch.setattr(limits, "COMMUNITIES", 2)
    edges = [("a1", "a2"), ("a2", "a3"), ("b1", "b2"), ("b2", "b3"), ("b3", "b4")]
    save_graph(client, edges)
    found = client.detect_communities()
    assert ([one.size for one in found], found.truncated) == ([4, 3], False)
    save_graph(client, [("c1", "c2")])
    found = client.detect_communities()
    assert ([one.size for one in found], found.truncated) == ([4, 3], True)


def save_graph(client, edges):
    client.update_knowledge_graph(
        [{"id": name, "type": "person"} for name in sorted({*sum(edges, ())})],
        [{"from_entity": a, "to_entity": b, "type": "knows"} for a, b in edges],
    )


def test_the_entities_with_the_most_mentions_are_compared(client, monkeypatch):
    monkeypatch.setattr(limits, "COMPARED_ENTITIES", 2)
    names = ["Ada Novak", "Ada Novack"]
    client.update_knowledge_graph([{"id": name, "type": "person"} for name in names], [])
    found = client.find_duplicate_entities()
    assert (found.compared, found.truncated) == (2, False)
    client.save_conversation("talk", say(1, "Brno Motors hired Lena Horak."))
    found = client.find_duplicate_entities()
    assert (found.compared, found.truncated) == (2, True)
    with pytest.raises(NotFoundError, match="entity_types"):
        client.find_duplicate_entities(entity_id="Ada Novak")


def test_a_relationship_with_all_its_evidence_is_kept_as_long_as_a_text_mentions_its_ends(
    client, monkeypatch
):
    monkeypatch.setattr(limits, "EVIDENCE_PER_RELATIONSHIP", 2)
    query = "MATCH (:Entity {namespace: $n})-[r]->(:Entity) RETURN r.sources AS sources"

    def read():
        records = client._engine.graph.driver.execute_query(query, n=client.namespace).records
        return [len(record["sources"]) for record in records]

    for number in range(3):
        client.save_conversation(
            f"talk-{number}", [{"role": "user", "content": "Ada Novak works at Brno Motors."}]
        )
        assert read() == [min(2, number + 1)]
        (neighbor,) = client.query_knowledge_graph("Ada Novak").context.neighbors
        assert (len(neighbor.sources), neighbor.has_more_sources) == (
            min(2, number + 1),
            number > 1,
        )
    for number in (0, 1):
        client.delete_conversation(f"talk-{number}")
        assert len(read()) == 1
    client.delete_conversation("talk-2")
    assert read() == []
    assert "Entity" not in count_nodes(client)


def test_a_prompt_context_looks_at_the_latest_instructions_and_says_so(client, monkeypatch):
    monkeypatch.setattr(limits, "APPLYING_INSTRUCTIONS", 2)
    for number, text in enumerate(["Answer in French.", "Use metric units.", "Sign with Ada."]):
        client.save_instruction(text)
        context = client.build_context("units", 500, instruction_share=1.0)
        assert len(context.instructions) == min(2, number + 1)
        assert any("the latest 2 active" in note for note in context.notes) is (number > 1)
    assert "Answer in French." not in [shown.text for shown in context.instructions]


def test_the_service_closes_clients_without_calls_for_other_namespaces(
    server, namespace, monkeypatch
):
    monkeypatch.setattr(limits, "SERVICE_NAMESPACES", 2)
    clients = ClientPool(ServiceSettings(database_url=server.bolt_url, auth=server.auth))
    names = [f"{namespace}-{letter}" for letter in "abc"]
    with clients.use(names[0]) as first:
        with clients.use(names[1]) as second:
            with pytest.raises(DatabaseError) as caught, clients.use(names[2]):
                pass
            assert caught.value.retryable
        with clients.use(names[2]) as third:
            assert third.list_conversations().conversations == []
        with pytest.raises(DatabaseError):
            second.list_conversations()
        assert first.list_conversations().conversations == []
    clients.close()


@pytest.mark.parametrize("branches", [False, True])
@pytest.mark.parametrize("options", [{}, {"after": "2000-01-01"}, {"all_branches": True}])
def test_a_page_of_a_history_ends_after_so_many_bytes(client, monkeypatch, branches, options):
    said = [
        {"id": f"m{number}", "role": "user", "content": "x" * size, "metadata": {"y": "z" * 40}}
        for number, size in enumerate((100, 900, 10, 10, 300, 2_000, 5))
    ]
    client.append_messages("talk", said)
    if branches:
        client.append_messages("talk", [{"role": "user", "content": "x" * 90, "parent_id": "m5"}])
    whole = client.load_conversation_history("talk", **options).messages
    for size, most in ((1, 1), (1_100, 4), (10_000, 8)):
        monkeypatch.setattr(limits, "HISTORY_BYTES", size)
        page, pages = client.load_conversation_history("talk", **options), []
        while page.next_cursor:
            pages.append(page.messages)
            page = client.load_conversation_history("talk", cursor=page.next_cursor)
        pages.append(page.messages)
        assert max(map(len, pages)) <= most
        assert (len(pages) > 1) == (size < 10_000)
        in_order = pages if "after" in options else reversed(pages)
        assert [message for messages in in_order for message in messages] == whole
    assert client.load_conversation_history("talk", limit=2).next_cursor


def test_proposals_come_from_all_pages_of_a_history(client, monkeypatch):
    first, last = "Decision: we use Kafka for orders.", "Decision: we use Redis for the cache."
    said = [{"role": "user", "content": text} for text in (first, "We met.", "Yes.", last)]
    client.save_conversation("talk", said)
    whole = client.propose_decisions("talk", save=False).proposals
    assert len(whole) == 2
    monkeypatch.setattr(limits, "HISTORY_BYTES", 1)
    assert client.propose_decisions("talk", save=False).proposals == whole
    assert client.propose_decisions("talk").saved == 2
    with pytest.raises(NotFoundError):
        client.propose_decisions("no talk")


def test_an_interrupted_deletion_of_a_namespace_leaves_no_part_of_a_conversation(
    client, monkeypatch
):
    monkeypatch.setattr(limits, "DELETED_AT_ONCE", 3)
    for name in ("one", "two"):
        client.save_conversation(name, say(4, "Ada Novak lives in Brno with Jan Hora."))
    run = client._engine.graph.run

    def fail(statement, **options):
        rows = run(statement, **options)
        if statement.name == "delete/namespace":
            raise DatabaseError("interrupted")
        return rows

    monkeypatch.setattr(client._engine.graph, "run", fail)
    with pytest.raises(DatabaseError):
        client.delete_namespace(client.namespace)
    monkeypatch.setattr(client._engine.graph, "run", run)
    assert count_nodes(client)["Message"] == 5
    assert client.list_conversations().conversations == []
    for name in ("one", "two"):
        with pytest.raises(NotFoundError):
            client.load_conversation_history(name)
    client.save_conversation("two", say(1))
    assert len(client.load_conversation_history("two").messages) == 1
    assert client.delete_namespace(client.namespace).deleted.conversations == 2
    assert client.get_conversation_stats().stats.total_messages == 0


def test_a_namespace_whose_nodes_need_too_much_memory_is_deleted_in_smaller_parts(
    client, monkeypatch
):
    for number in range(30):
        client.save_conversation(f"talk {number}", say(1))
    run, sizes = client._engine.graph.run, {"delete/mark_conversations": [], "delete/namespace": []}

    def run_with_little_memory(statement, **options):
        if statement.name in sizes:
            size = statement.parameters["batch"]["limit"]
            sizes[statement.name].append(size)
            if size > 1:
                raise DatabaseError("memory") from driver_error("TransactionOutOfMemoryError")
        return run(statement, **options)

    monkeypatch.setattr(client._engine.graph, "run", run_with_little_memory)
    deleted = client.delete_namespace(client.namespace).deleted
    assert (deleted.conversations, deleted.messages) == (30, 30)
    # A statement that has failed again and again is not tried with more nodes after each success.
    assert all(1 <= sum(size > 1 for size in tried) <= 12 for tried in sizes.values())


def test_conversations_of_a_namespace_are_marked_in_several_transactions(client, monkeypatch):
    monkeypatch.setattr(limits, "DELETED_AT_ONCE", 2)
    for number in range(5):
        client.save_conversation(f"talk {number}", say(1))
    run, marked = client._engine.graph.run, []

    def fail_later(statement, **options):
        if statement.name == "delete/mark_conversations" and len(marked) == 2:
            raise DatabaseError("interrupted")
        rows = run(statement, **options)
        if statement.name == "delete/mark_conversations":
            marked.append(rows[0]["nodes"])
        return rows

    monkeypatch.setattr(client._engine.graph, "run", fail_later)
    with pytest.raises(DatabaseError):
        client.delete_namespace(client.namespace)
    assert marked == [2, 2]
    assert len(client.list_conversations().conversations) == 1
    monkeypatch.setattr(client._engine.graph, "run", run)
    assert client.delete_namespace(client.namespace).deleted.conversations == 5
