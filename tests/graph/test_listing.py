"""Single items and lists: filters, orders, and cursors that are stable under writes."""

from typing import Any

import pytest

from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from tests.graph.conversations import turns


def save(client, number, **metadata):
    client.save_conversation(
        f"c{number}", turns(f"The Parser{number} class uses pandas."), metadata=metadata or None
    )


def list_all(method, key, **arguments):
    """Return the ids of all pages, and how many pages there were."""
    ids, cursor, pages = [], None, 0
    while cursor or not pages:
        page = method(cursor=cursor, **arguments)
        ids += [getattr(item, key) for item in getattr(page, method.__name__.split("_")[1])]
        cursor, pages = page.next_cursor, pages + 1
    return ids, pages


@pytest.fixture
def shelf(client):
    """Return a client with five conversations, the last one without a project."""
    for number in range(4):
        save(client, number, project="even" if number % 2 == 0 else "odd", year=2000 + number)
    save(client, 4)
    return client


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (None, [4, 3, 2, 1, 0]),
        ({"project": "even"}, [2, 0]),
        ({"metadata.year": {"gte": 2002}}, [3, 2]),
        ({"metadata.year": {"not": [2000]}, "project": "even"}, [2]),
        ({"conversation_id": ["c1", "c4", "none"]}, [4, 1]),
        ({"date_range": {"end": "2000-01-01"}}, []),
    ],
)
def test_filters_of_conversations(shelf, filters, numbers):
    ids, _ = list_all(shelf.list_conversations, "conversation_id", filters=filters)
    assert ids == [f"c{number}" for number in numbers]


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
@pytest.mark.parametrize("order", ["newest", "oldest", "updated", "id"])
def test_pages_are_complete_in_every_order(shelf, order, limit):
    save(shelf, 1, project="odd", year=1999)
    expected = {
        "newest": [4, 3, 2, 1, 0],
        "oldest": [0, 1, 2, 3, 4],
        "updated": [1, 4, 3, 2, 0],
        "id": [0, 1, 2, 3, 4],
    }[order]
    ids, pages = list_all(shelf.list_conversations, "conversation_id", order=order, limit=limit)
    assert ids == [f"c{number}" for number in expected]
    assert pages == -(-5 // limit)


@pytest.mark.parametrize("order", ["newest", "oldest", "id"])
def test_pages_neither_repeat_nor_skip_what_was_there_all_the_time(shelf, order):
    ids, cursor = [], None
    for number in (5, 6, 7):
        page = shelf.list_conversations(order=order, limit=2, cursor=cursor)
        ids += [item.conversation_id for item in page.conversations]
        cursor = page.next_cursor
        save(shelf, number)
        shelf.save_conversation(f"c{number - 5}", turns("changed"))
        if number == 5:
            shelf.delete_conversation(ids[0])  # the row that the cursor may stand on
            shelf.delete_conversation(ids[1])
    assert len(ids) == len(set(ids))
    assert set(ids) >= {f"c{number}" for number in range(5)}


def test_a_listed_conversation_has_its_properties_and_number_of_messages(client):
    client.save_conversation("c", turns("a", "b"), project_path="/x/y", metadata={"k": [1]})
    (item,) = client.list_conversations().conversations
    assert (item.conversation_id, item.total_messages) == ("c", 2)
    assert (item.project_path, item.mode, item.metadata) == ("/x/y", "hybrid", {"k": [1]})
    assert item.created_at <= item.updated_at


def test_decisions_by_conversation_and_status(client):
    client.save_conversation("c", turns("We decided to use Redis.", "We decided to drop Kafka."))
    proposals = client.propose_decisions("c").proposals
    client.review_decision(proposals[0].decision.id, accept=False)
    saved = client.save_decision("d", "plan", "Two ways", "The short way").decision_id
    ids = [proposal.decision.id for proposal in proposals]

    def listed(**arguments):
        return sorted(list_all(client.list_decisions, "id", **arguments)[0])

    assert listed() == sorted([*ids, saved])
    assert listed(status="rejected") == [ids[0]]
    assert listed(status=["accepted", "proposed"]) == sorted([ids[1], saved])
    assert listed(filters={"conversation_id": "c"}) == sorted(ids)
    assert client.get_decision(ids[0]).decision.status == "rejected"
    assert client.get_decision(ids[1]).evidence == ["c:1"]


def test_entities_by_type(client):
    client.save_conversation("c", turns("The Parser class uses pandas.", "We like pandas."))
    ids, _ = list_all(client.list_entities, "id", filters={"entity_types": ["library"]})
    assert ids == ["pandas"]
    entity = client.get_entity("pandas")
    assert entity.entity.mention_count == 2
    assert entity.relationship_count == 1


def test_an_entity_is_read_by_the_id_of_a_merged_one(client):
    client.update_knowledge_graph([{"name": "Acme"}, {"name": "ACME Corp"}], [])
    client.merge_entities("Acme", ["ACME Corp"])
    for name in ("Acme", "acme_corp", "ACME Corp"):
        response = client.get_entity(name)
        assert (response.entity_id, response.merged_ids) == ("Acme", ["acme_corp"])


def test_a_message_and_a_document_are_read_as_they_were_saved(client):
    message = {"id": "m", "role": "user", "content": "Hello pandas", "metadata": {"a": 1}}
    client.save_conversation("c", [{**message, "timestamp": "2026-01-02T03:04:05Z"}])
    response = client.get_message("m")
    assert (response.conversation_id, response.position) == ("c", 0)
    assert response.message == client.load_conversation_history("c").messages[0]
    client.save_document("d", "One text.", metadata={"a": 1}, project_path="/p")
    document = client.get_document("d")
    assert (document.text, document.metadata, document.passages) == ("One text.", {"a": 1}, 1)


@pytest.mark.parametrize(
    ("filters", "ids"),
    [
        (None, ["long", "b", "a"]),
        ({"project": "orders"}, ["b", "a"]),
        ({"tags": ["x", "y"]}, ["b", "a"]),
        ({"metadata.year": {"gte": 2001}}, ["b"]),
        ({"metadata.year": {"not": [2001]}}, ["long", "a"]),
        ({"entity_types": "library"}, ["long", "a"]),
        ({"entity_types": "library", "project": "orders"}, ["a"]),
        ({"date_range": {"end": "2000-01-01"}}, []),
    ],
)
@pytest.mark.parametrize("limit", [1, 2, 4])
def test_filters_and_pages_of_documents(client, filters, ids, limit):
    a = {"project": "orders", "tags": ["x"], "year": 2000}
    client.save_document("a", "The Parser class uses pandas.", metadata=a)
    client.save_document("b", "One text.", metadata={**a, "tags": ["y"], "year": 2001})
    # Its last passage alone has the entity.
    client.save_document("long", f"{'We water the tomatoes. ' * 200}The Parser class uses pandas.")
    listed, pages = list_all(client.list_documents, "document_id", filters=filters, limit=limit)
    assert listed == ids
    assert pages == max(1, -(-len(ids) // limit))


@pytest.mark.parametrize(
    ("order", "ids"),
    [("newest", "cba"), ("oldest", "abc"), ("updated", "acb"), ("id", "abc")],
)
def test_documents_in_every_order(client, order, ids):
    for name in "abc":
        client.save_document(name, f"Text {name}.")
    client.save_document("a", "Another text.", project_path="/p", metadata={"k": [1]})
    listed, _ = list_all(client.list_documents, "document_id", order=order, limit=2)
    assert listed == list(ids)
    [first] = [item for item in client.list_documents().documents if item.document_id == "a"]
    assert (first.passages, first.project_path, first.metadata) == (1, "/p", {"k": [1]})
    assert first.created_at < first.updated_at


def test_what_is_not_there_is_not_found(client):
    for kind in ("message", "document", "decision", "entity"):
        with pytest.raises(NotFoundError, match=f"^{kind}_id"):
            getattr(client, f"get_{kind}")("none")
    with pytest.raises(NotFoundError, match=r"^message_id"):
        client.update_message("none", "text")


def test_bad_arguments_are_refused_by_name(shelf):
    cursor = shelf.list_conversations(limit=1).next_cursor
    bad = {
        "cursor": ["x", "ä", cursor[:-2], 5, b"x"],
        "order": ["latest", 1, None],
        "limit": [0, -1, True, 1.5, 1_001],
        "filters": [{"role": "user"}, {"unknown": 1}, 5, {"project": None}, {"confidence_min": 1}],
    }
    for field, values in bad.items():
        for value in values:
            with pytest.raises(ValidationError, match=f"^{field}"):
                shelf.list_conversations(**{field: value})
    for change in ({"order": "oldest"}, {"filters": {"project": "even"}}):
        with pytest.raises(ValidationError, match=r"^cursor.*another list"):
            shelf.list_conversations(cursor=cursor, **change)
    with pytest.raises(ValidationError, match=r"^cursor"):
        shelf.list_entities(cursor=cursor)
    for value in ("done", [], ["accepted", "x"], 5):
        with pytest.raises(ValidationError, match=r"^status"):
            shelf.list_decisions(status=value)
    for field in ("project", "tags", "conversation_id", "metadata.a"):
        with pytest.raises(ValidationError, match=rf"^filters\.{field.split('.')[0]}"):
            shelf.list_entities({field: "x"})
    for filters in ({"conversation_id": "x"}, {"confidence_min": 0.5}, {"role": "user"}):
        with pytest.raises(ValidationError, match=rf"^filters\.{min(filters)}"):
            shelf.list_documents(filters)
    with pytest.raises(ValidationError, match=r"^cursor"):
        shelf.list_documents(cursor=cursor)


def test_a_message_is_updated_like_a_saved_one(client, connect, namespace):
    from tests.graph.conversations import normalize

    old, new = "The Parser class uses pandas.", "The Loader class uses Flask."
    messages: list[dict[str, Any]] = [
        {"id": "a", "role": "user", "content": old},
        {"id": "b", "role": "user", "content": "b"},
    ]
    client.save_conversation("c", messages)
    response = client.update_message("a", new, metadata={"k": 1})
    assert (response.conversation_id, response.changed) == ("c", True)
    assert response.embeddings_generated == 1
    assert not client.update_message("a", new).changed
    other = connect(namespace=f"{namespace}-other")
    messages[0] = {**messages[0], "content": new, "metadata": {"k": 1}}
    other.save_conversation("c", messages)
    assert normalize(client) == normalize(other)
    for field, value in {"content": " ", "role": "boss", "name": "", "timestamp": "x"}.items():
        with pytest.raises(ValidationError, match=f"^{field}"):
            client.update_message("a", **{field: value})
    assert client.update_message("a", role="assistant").changed
    assert client.get_message("a").message.role == "assistant"
