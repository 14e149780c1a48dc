"""The list of the merges of a namespace, and the order in which they can be undone."""

import asyncio

import pytest

from mcp_context_persistence import AsyncContextPersistenceClient
from mcp_context_persistence.exceptions import GraphError, NotFoundError, ValidationError
from mcp_context_persistence.kg import limits
from tests.graph.duplicate_entities import query


def fill(client, *names):
    client.update_knowledge_graph(
        [{"id": one, "name": one.title(), "type": "organization"} for one in names], []
    )


def test_merges_are_listed_newest_first_with_who_when_and_why(client):
    fill(client, "a", "b", "c", "d")
    assert client.list_merges().merges == []
    first = client.merge_entities(
        "a", ["b", "c"], reason="the same firm", merged_by="ana", evidence={"score": 0.9}
    )
    second = client.merge_entities("a", "d")
    found = client.list_merges()
    assert [merge.merge_id for merge in found.merges] == [second.merge_id, first.merge_id]
    assert (found.total_merges, found.next_cursor) == (2, None)
    old = found.merges[1]
    assert (old.kept.id, old.kept.name) == ("a", "A")
    assert [(one.id, one.name) for one in old.merged] == [("b", "B"), ("c", "C")]
    assert (old.reason, old.merged_by, old.evidence) == ("the same firm", "ana", [{"score": 0.9}])
    assert old.merged_at <= found.merges[0].merged_at
    assert (old.undone_at, old.can_undo, old.undo_first) == (None, False, [second.merge_id])
    assert (found.merges[0].can_undo, found.merges[0].undo_first) == (True, [])
    client.undo_merge(second.merge_id)
    newest, old = client.list_merges().merges
    assert (newest.undone_at is None, newest.can_undo, old.can_undo, old.undo_first) == (
        False,
        False,
        True,
        [],
    )
    assert [(one.id, one.name) for one in newest.merged] == [("d", "D")]


def test_the_order_in_which_merges_must_be_undone_is_complete(client):
    fill(client, "a", "b", "c", "d", "e", "f", "x", "y")
    merges = {
        name: client.merge_entities(keep, gone).merge_id
        for name, keep, gone in [
            ("ab", "a", "b"),
            ("xy", "x", "y"),
            ("ae", "a", "e"),  # into the same one, later
            ("ca", "c", "a"),  # and that one into another
            ("dx", "d", "x"),
            ("dc", "d", "c"),
            ("df", "d", "f"),
        ]
    }
    called = {merge_id: name for name, merge_id in merges.items()}
    order = {
        called[merge.merge_id]: [called[each] for each in merge.undo_first]
        for merge in client.list_merges().merges
    }
    assert order == {
        "df": [],
        "dc": ["df"],
        "dx": ["df", "dc"],
        "ca": ["df", "dc"],
        "ae": ["df", "dc", "ca"],
        "xy": ["df", "dc", "dx"],
        "ab": ["df", "dc", "ca", "ae"],
    }
    with pytest.raises(GraphError, match=", ".join(merges[one] for one in order["ab"])):
        client.undo_merge(merges["ab"])
    for name in [*order["ab"], "ab"]:
        client.undo_merge(merges[name])
    assert {merge.merge_id for merge in client.list_merges().merges if merge.can_undo} == {
        merges["dx"]
    }


def test_a_merge_whose_entity_was_deleted_by_hand_says_so(client):
    fill(client, "a", "b")
    done = client.merge_entities("a", "b")
    query(client, "MATCH (e:Entity {namespace: $n, id: 'a'}) DETACH DELETE e")
    (only,) = client.list_merges().merges
    assert (only.can_undo, only.undo_first, only.kept.name) == (False, [], "a")
    with pytest.raises(ValidationError, match="was deleted"):
        client.undo_merge(done.merge_id)


def test_lists_of_merges_are_bounded(client):
    fill(client, "a", *(f"n{number}" for number in range(5)))
    done = [client.merge_entities("a", f"n{number}").merge_id for number in range(5)]
    page = client.list_merges(limit=2)
    assert ([merge.merge_id for merge in page.merges], page.total_merges, page.next_cursor) == (
        [done[4], done[3]],
        5,
        done[3],
    )
    rest = client.list_merges(limit=3, cursor=page.next_cursor)
    assert ([merge.merge_id for merge in rest.merges], rest.total_merges, rest.next_cursor) == (
        [done[2], done[1], done[0]],
        5,
        None,
    )
    assert rest.merges[-1].undo_first == [done[4], done[3], done[2], done[1]]
    assert client.list_merges(limit=limits.LISTED_MERGES).merges
    for wrong in (0, limits.LISTED_MERGES + 1, True):
        with pytest.raises(ValidationError, match="limit"):
            client.list_merges(limit=wrong)
    with pytest.raises(NotFoundError, match="cursor"):
        client.list_merges(cursor="merge:none")


def test_a_long_undo_order_is_truncated_after_the_first_merges(client, monkeypatch):
    monkeypatch.setattr(limits, "LISTED_MERGES", 3)
    fill(client, "a", *(f"n{number}" for number in range(5)))
    done = [client.merge_entities("a", f"n{number}").merge_id for number in range(5)]
    second, first = client.list_merges(limit=2, cursor=done[2]).merges
    assert (second.undo_first, second.undo_first_count) == (done[:1:-1], 3)
    assert (first.undo_first, first.undo_first_count) == (done[:1:-1], 4)
    with pytest.raises(GraphError, match=", ".join(done[:1:-1]) + ", and 1 more"):
        client.undo_merge(done[0])


def test_merges_of_another_namespace_are_not_listed_by_either_client(client, server, namespace):
    fill(client, "a", "b")
    done = client.merge_entities("a", "b")

    async def listed(name):
        async with AsyncContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=name
        ) as aio:
            return [merge.merge_id for merge in (await aio.list_merges()).merges]

    assert asyncio.run(listed(namespace)) == [done.merge_id]
    assert asyncio.run(listed(f"{namespace}-other")) == []
