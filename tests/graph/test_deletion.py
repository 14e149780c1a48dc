"""Deleting: what rests on what is deleted goes, what others support stays."""

from tests.graph.conversations import dump

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


def normalize(client):
    """Return the graph of a namespace without what depends on the order of saves."""
    namespace = client._engine.namespace
    nodes, links = dump(client)
    return [
        sorted(drop_hashes(row.replace(namespace, "N")) for row in rows) for rows in (nodes, links)
    ]


def drop_hashes(row):
    import re

    return re.sub(
        r"'(hash|facets|evidence|description)': ('[^']*'|\"[^\"]*\"|\[[^]]*\]|None)", "", row
    )


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
