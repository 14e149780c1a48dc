"""Deleting: what rests on what is deleted goes, what others support stays."""

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from tests.graph.conversations import dump, normalize, stop_after_first_transaction, turns

TALK = [
    {"id": "a", "role": "user", "content": "The OrderParser class uses pandas for the totals."},
    {"id": "b", "role": "assistant", "content": "We decided to use Redis for the queue."},
    {"id": "c", "role": "user", "content": "The InvoicePrinter class uses pandas."},
]


def save(client, *messages):
    client.save_conversation("talk", list(messages))


def find_text(client, text):
    """Return the properties of all nodes and relationships that hold a text."""
    nodes, links = dump(client)
    return [row for row in nodes + links if text in row]


def test_a_deleted_message_leaves_the_graph_of_the_other_messages(client, connect, namespace):
    save(client, *TALK)
    receipt = client.delete_message("a")
    assert receipt.existed
    assert not receipt.dry_run
    assert (receipt.message_id, receipt.conversation_id) == ("a", "talk")
    assert (receipt.deleted.messages, receipt.deleted.entities) == (1, 2)
    assert find_text(client, "OrderParser") == []
    assert client.search_hybrid("OrderParser totals", mode="keyword").results == []
    history = client.load_conversation_history("talk")
    assert [message.id for message in history.messages] == ["b", "c"]
    other = connect(namespace=f"{namespace}-other")
    save(other, *TALK[1:])
    assert normalize(client) == normalize(other)


def test_the_last_message_leaves_the_graph_of_those_before_it(client, connect, namespace):
    save(client, *TALK)
    client.delete_message("c")
    other = connect(namespace=f"{namespace}-other")
    save(other, *TALK[:2])
    assert normalize(client) == normalize(other)
    client.delete_message("a")
    client.delete_message("b")
    assert find_text(client, "last_id") == []


def test_a_second_deletion_finds_nothing(client):
    save(client, *TALK)
    client.delete_message("a")
    before = dump(client)
    receipt = client.delete_message("a")
    assert not receipt.existed
    assert set(receipt.deleted.model_dump().values()) == {0}
    assert dump(client) == before


def test_a_preview_counts_and_changes_nothing(client):
    save(client, *TALK)
    before = dump(client)
    preview = client.delete_message("a", dry_run=True)
    assert preview.dry_run
    assert preview.existed
    assert dump(client) == before
    receipt = client.delete_message("a")
    assert (receipt.deleted, receipt.changed) == (preview.deleted, preview.changed)


def test_positions_and_order_close_up(client):
    client.save_conversation("talk", turns("zero", "one", "two", "three"))
    client.delete_message("talk:1")
    assert [client.get_message(f"talk:{n}").position for n in (0, 2, 3)] == [0, 1, 2]
    _, links = dump(client)
    assert [row for row in links if " NEXT " in row] == [
        "talk:0 NEXT talk:2 {}",
        "talk:2 NEXT talk:3 {}",
    ]
    client.save_conversation("talk", turns("zero", "two", "three", "four"))
    history = client.load_conversation_history("talk")
    assert [message.content for message in history.messages] == ["zero", "two", "three", "four"]


def test_a_deleted_conversation_leaves_what_others_support(client, connect, namespace):
    client.save_conversation("other", turns("The InvoicePrinter class uses pandas."))
    save(client, *TALK)
    client.propose_decisions("talk")
    client.save_decision("talk", "plan", "OrderParser or pandas", "Use OrderParser")
    client.extract_entities("The StockLoader class uses pandas.", conversation_id="talk")
    preview = client.delete_conversation("talk", dry_run=True)
    receipt = client.delete_conversation("talk")
    assert (receipt.deleted, receipt.changed) == (preview.deleted, preview.changed)
    assert (receipt.deleted.messages, receipt.deleted.decisions) == (3, 2)
    for text in ("OrderParser", "StockLoader", "talk", "Redis"):
        assert find_text(client, text) == []
    with pytest.raises(NotFoundError):
        client.load_conversation_history("talk")
    alone = connect(namespace=f"{namespace}-other")
    alone.save_conversation("other", turns("The InvoicePrinter class uses pandas."))
    assert normalize(client) == normalize(alone)
    assert not client.delete_conversation("talk").existed


def test_evidence_and_descriptions_of_a_deleted_text_do_not_stay(client):
    first, second = (
        "The OrderParser class uses pandas at noon.",
        "The OrderParser class uses pandas.",
    )
    client.save_conversation("a", turns(first))
    client.save_conversation("b", turns(second))
    assert find_text(client, "at noon")
    receipt = client.delete_conversation("a")
    assert receipt.changed.relationships == 1
    assert find_text(client, "at noon") == []
    assert client.get_entity("OrderParser").entity.mention_count == 1
    client.save_conversation("c", turns(second))
    (neighbor,) = client.query_knowledge_graph("OrderParser", depth=1).context.neighbors
    assert neighbor.evidence == second


def test_a_changed_text_is_no_longer_evidence(client):
    client.save_conversation("a", turns("The OrderParser class uses pandas at noon."))
    client.save_conversation("b", turns("The OrderParser class uses pandas."))
    client.save_conversation("a", turns("Nothing is said here."))
    assert [row for row in dump(client)[1] if "at noon" in row] == []


def test_decisions_after_their_message_is_deleted(client):
    sentence = "We decided to use Redis."
    client.save_conversation(
        "talk",
        [
            {"id": "a", "role": "user", "content": f"At noon. {sentence}"},
            {"id": "b", "role": "user", "content": f"At night. {sentence}"},
            {"id": "c", "role": "user", "content": "Secret. We decided to drop Kafka."},
        ],
    )
    redis, kafka = [p.decision.id for p in client.propose_decisions("talk").proposals]
    client.review_decision(kafka)
    receipt = client.delete_message("a")
    assert (receipt.deleted.decisions, receipt.changed.decisions) == (0, 1)
    proposal = client.get_decision(redis)
    assert (proposal.evidence, proposal.decision.context) == (["b"], f"At night. {sentence}")
    receipt = client.delete_message("c")
    assert (receipt.deleted.decisions, receipt.changed.decisions) == (0, 1)
    kept = client.get_decision(kafka).decision
    assert (kept.status, kept.context) == ("accepted", "We decided to drop Kafka.")
    assert find_text(client, "Secret") == []
    assert client.delete_message("b").deleted.decisions == 1
    with pytest.raises(NotFoundError):
        client.get_decision(redis)
    assert client.delete_decision(kafka).existed
    assert client.list_decisions().decisions == []


def test_a_deleted_document_is_not_found(client, connect, namespace):
    save(client, *TALK)
    client.save_document("doc", "The StockLoader class uses pandas. " * 100)
    preview = client.delete_document("doc", dry_run=True)
    receipt = client.delete_document("doc")
    assert receipt.deleted == preview.deleted
    assert (receipt.deleted.documents, receipt.deleted.entities) == (1, 1)
    assert receipt.deleted.passages > 1
    assert find_text(client, "StockLoader") == []
    alone = connect(namespace=f"{namespace}-other")
    save(alone, *TALK)
    assert normalize(client) == normalize(alone)
    assert not client.delete_document("doc").existed


def test_a_deleted_relationship_stays_deleted_after_an_undo(client):
    client.update_knowledge_graph(
        [{"name": name} for name in ("Acme", "Acme2", "Beta")],
        [{"from_entity": "Acme2", "to_entity": "Beta", "relationship_type": "owns"}],
    )
    merge = client.merge_entities("Acme", ["Acme2"])
    receipt = client.delete_relationship("Acme", "Beta", "owns")
    assert receipt.deleted.relationships == 1
    assert not client.delete_relationship("Acme", "Beta", "owns").existed
    assert not client.delete_relationship("Acme", "Nobody", "owns").existed
    client.undo_merge(merge.merge_id)
    assert client.get_conversation_stats().stats.total_relationships == 0


def test_a_deleted_entity_goes_with_what_was_merged_into_it(client):
    save(client, *TALK, {"id": "d", "role": "user", "content": "OrderParser does not use Redis."})
    client.update_knowledge_graph(
        [{"name": "PandasLib"}],
        [{"from_entity": "PandasLib", "to_entity": "Redis", "relationship_type": "knows"}],
    )
    client.merge_entities("pandas", ["PandasLib"])
    other = client.merge_entities("OrderParser", ["InvoicePrinter"])
    with pytest.raises(ValidationError, match=r"^entity_id"):
        client.delete_entity("PandasLib")
    preview = client.delete_entity("pandas", dry_run=True)
    assert client.get_entity("pandas").merged_ids == ["PandasLib"]
    receipt = client.delete_entity("pandas")
    assert (receipt.deleted, receipt.changed) == (preview.deleted, preview.changed)
    assert (receipt.deleted.entities, receipt.deleted.merges, receipt.changed.texts) == (2, 1, 2)
    assert find_text(client, "PandasLib") == []
    assert find_text(client, "'id': 'pandas'") == []
    assert not client.delete_entity("pandas").existed
    client.undo_merge(other.merge_id)
    assert client.query_knowledge_graph("InvoicePrinter").context.neighbors == []
    client.save_conversation("new", turns("PandasLib is back."))
    client.delete_entity("Redis")
    assert [
        row for row in dump(client)[0] if "'unasserted_ids': [" in row and "'Redis'" in row
    ] == []


def test_an_undo_does_not_bring_a_deleted_text_back(client):
    save(client, *TALK)
    merge = client.merge_entities("InvoicePrinter", ["OrderParser"])
    client.delete_message("a")
    assert find_text(client, "for the totals") == []
    client.undo_merge(merge.merge_id)
    assert find_text(client, "for the totals") == []


def test_an_undo_does_not_bring_an_entity_back_that_no_text_names(client):
    save(client, *TALK)
    merge = client.merge_entities("InvoicePrinter", ["OrderParser"])
    client.delete_message("a")
    assert client.undo_merge(merge.merge_id).restored_ids == []
    assert find_text(client, "'id': 'OrderParser'") == []
    other = client.merge_entities("pandas", ["InvoicePrinter"])
    client.delete_message("c")
    assert client.undo_merge(other.merge_id).restored_ids == []
    assert find_text(client, "'id': 'pandas'") == find_text(client, "'id': 'InvoicePrinter'") == []
    assert find_text(client, "'id': 'Redis'") != []


def test_a_namespace_is_deleted_when_its_name_is_confirmed(client, connect, namespace):
    other = connect(namespace=f"{namespace}-other")
    save(other, *TALK)
    save(client, *TALK)
    client.save_document("doc", "The StockLoader class uses pandas.")
    client.configure_entity_patterns({"ticket": [r"OPS-\d+"]})
    client.merge_entities("OrderParser", ["InvoicePrinter"])
    before, others = dump(client), dump(other)
    for confirm in ("", f"{namespace}-other", None, True):
        with pytest.raises(ValidationError, match=r"^confirm"):
            client.delete_namespace(confirm)
    preview = client.delete_namespace(namespace, dry_run=True)
    assert dump(client) == before
    receipt = client.delete_namespace(namespace)
    assert receipt.deleted == preview.deleted
    assert dump(client) == ([], [])
    assert dump(other) == others
    assert not client.delete_namespace(namespace).existed
    save(client, *TALK)
    assert normalize(client) == normalize(other)


def test_no_cache_returns_what_was_deleted(client, tmp_path):
    save(client, *TALK)
    client.configure_cache("file", directory=str(tmp_path))
    assert client.search_hybrid("OrderParser totals", mode="keyword").results
    client.delete_message("a")
    assert client.search_hybrid("OrderParser totals", mode="keyword").results == []
    files = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"OrderParser class" in content for content in files)


def test_a_long_conversation_is_deleted_in_steps_that_can_be_repeated(client, monkeypatch):
    from mcp_context_persistence.kg import limits

    save(client, *TALK)
    preview = client.delete_conversation("talk", dry_run=True)
    monkeypatch.setattr(limits, "DELETED_BYTES", 1)
    removal = stop_after_first_transaction(client, "talk", monkeypatch)
    assert client.get_conversation_stats().stats.total_messages == 2
    assert client.list_conversations().conversations == []
    for call in (client.load_conversation_history, client.propose_decisions):
        with pytest.raises(NotFoundError):
            call("talk")
    with pytest.raises(NotFoundError):
        client.get_message("b")
    receipt = client.delete_conversation("talk")
    total = receipt.deleted.model_dump()
    for name, count in removal.deleted.items():
        total[name] += count
    assert total == preview.deleted.model_dump()
    assert dump(client) == ([], [])


def test_a_save_completes_a_deletion_that_was_interrupted(client, monkeypatch):
    from mcp_context_persistence.kg.writes import deletion

    save(client, *TALK)
    client._engine.graph.run(deletion.mark_conversation(client._engine.namespace, "talk"))
    save(client, {"id": "new", "role": "user", "content": "A new start."})
    messages = client.load_conversation_history("talk").messages
    assert [message.id for message in messages] == ["new"]
    assert find_text(client, "OrderParser") == []


@pytest.mark.parametrize("kind", ["conversation", "decision", "saved decision"])
def test_what_is_added_to_a_conversation_completes_its_interrupted_deletion(client, kind):
    from mcp_context_persistence.kg.writes import deletion

    save(client, *TALK)
    client._engine.graph.run(deletion.mark_conversation(client._engine.namespace, "talk"))
    item = {"kind": kind, "id": "d1", "conversation_id": "talk", "decision_type": "design"}
    if kind == "saved decision":
        client.save_decision("talk", "design", "Two designs", "We use Kafka.")
    elif kind == "decision":
        client.ingest_items([{**item, "context": "Two designs", "outcome": "We use Kafka."}])
    else:
        client.ingest_items([{"kind": kind, "conversation_id": "talk", "messages": []}])
    assert [row.conversation_id for row in client.list_conversations().conversations] == ["talk"]
    assert find_text(client, "OrderParser") == []
    save(client, {"id": "new", "role": "user", "content": "A new start."})
    outcomes = [row.outcome for row in client.list_decisions().decisions]
    assert outcomes == ([] if kind == "conversation" else ["We use Kafka."])


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("delete_message", ["message_id"]),
        ("delete_conversation", ["conversation_id"]),
        ("delete_document", ["document_id"]),
        ("delete_decision", ["decision_id"]),
        ("delete_entity", ["entity_id"]),
        ("delete_relationship", ["source_entity_id", "target_entity_id", "relationship_type"]),
    ],
)
def test_bad_arguments_are_refused_by_name_and_change_nothing(client, call, arguments):
    save(client, *TALK)
    before = dump(client)
    good = dict.fromkeys(arguments, "talk")
    for field in arguments:
        for value in ("", " ", None, 5, b"a", "a\n", "a\0", "x" * 513, []):
            with pytest.raises(ValidationError, match=rf"^{field}\b"):
                getattr(client, call)(**{**good, field: value})
    for value in (None, 1, "false"):
        with pytest.raises(ValidationError, match=r"^dry_run\b"):
            getattr(client, call)(**good, dry_run=value)
    assert dump(client) == before
