"""Histories in pages: ranges by message and by time, and cursors that do not shift."""

import asyncio
import base64
import json
from datetime import UTC, date, datetime

import pytest

from mcp_context_persistence import AsyncContextPersistenceClient
from mcp_context_persistence.exceptions import NotFoundError, ValidationError
from mcp_context_persistence.kg import limits

DAYS = 12


def build_messages(start, end):
    return [
        {
            "id": f"m{number}",
            "role": "user",
            "content": f"Message {number}",
            "timestamp": datetime(2026, 1, 1 + number, 12, tzinfo=UTC),
        }
        for number in range(start, end)
    ]


def append(client, start, end):
    client.save_conversation("c", build_messages(start, end), mode="knowledge")


@pytest.fixture
def diary(client):
    """Return a client with a conversation of a message each day at noon."""
    append(client, 0, DAYS)
    return client


def load(client, **options):
    response = client.load_conversation_history("c", **options)
    assert response.message_count == len(response.messages)
    return [int(message.id[1:]) for message in response.messages], response.next_cursor


def test_without_a_bound_the_last_messages_are_loaded(diary):
    assert load(diary) == (list(range(DAYS)), None)
    assert load(diary, limit=DAYS) == (list(range(DAYS)), None)
    numbers, cursor = load(diary, limit=DAYS - 1)
    assert numbers == list(range(1, DAYS))
    assert load(diary, cursor=cursor) == ([0], None)


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"before": "m3"}, [0, 1, 2]),
        ({"before": "m3", "limit": 2}, [1, 2]),
        ({"after": "m8"}, [9, 10, 11]),
        ({"after": "m8", "limit": 2}, [9, 10]),
        ({"after": "m2", "before": "m5"}, [3, 4]),
        ({"after": "m5", "before": "m2"}, []),
        ({"before": "m0"}, []),
        ({"after": "m11"}, []),
        ({"before": datetime(2026, 1, 3, 12, tzinfo=UTC)}, [0, 1]),
        ({"before": "2026-01-03T12:00:00.001Z"}, [0, 1, 2]),
        ({"before": "2026-01-03"}, [0, 1]),
        ({"after": "2026-01-10"}, [10, 11]),
        ({"after": date(2026, 1, 10)}, [10, 11]),
        ({"after": "m8", "before": "2026-01-11"}, [9]),
    ],
)
def test_bounds_are_messages_or_times_and_are_left_out(diary, options, numbers):
    assert load(diary, **options)[0] == numbers


@pytest.mark.parametrize("limit", [1, 3, 5])
def test_pages_neither_repeat_nor_skip_a_message_while_messages_are_appended(diary, limit):
    older, cursor, saved = [], None, DAYS
    while cursor or not older:
        numbers, cursor = load(diary, limit=limit, cursor=cursor)
        older = numbers + older
        append(diary, saved, saved + 1)
        saved += 1
    assert older == list(range(DAYS))

    newer, cursor = load(diary, limit=limit, after="m0")
    while cursor:
        if saved < 2 * DAYS:
            append(diary, saved, saved + 1)
            saved += 1
        numbers, cursor = load(diary, limit=limit, cursor=cursor)
        newer += numbers
    assert newer == list(range(1, saved))


def test_a_cursor_keeps_both_bounds(diary):
    numbers, cursor = load(diary, limit=2, after="m1", before="2026-01-08")
    assert numbers == [2, 3]
    numbers, cursor = load(diary, limit=2, cursor=cursor)
    assert numbers == [4, 5]
    assert load(diary, limit=2, cursor=cursor) == ([6], None)
    numbers, cursor = load(diary, limit=2, before="m5")
    assert numbers == [3, 4]
    assert load(diary, cursor=cursor) == ([0, 1, 2], None)


def test_times_that_are_not_in_the_order_of_the_messages(client):
    days = [5, 1, 4, 2, 3]
    messages = [
        {"id": f"m{n}", "role": "user", "content": "x", "timestamp": f"2026-01-0{day}T12:00:00Z"}
        for n, day in enumerate(days)
    ]
    client.save_conversation("c", messages, mode="knowledge")
    numbers, cursor = load(client, limit=1, before="2026-01-04")
    seen = numbers
    while cursor:
        numbers, cursor = load(client, limit=1, cursor=cursor)
        seen = numbers + seen
    assert seen == [1, 3, 4]


def test_an_id_that_looks_like_a_time_is_an_id(client):
    messages = [
        {"id": key, "role": "user", "content": "x", "timestamp": "2026-01-05"}
        for key in ("2026-01-01", "2026-01-02", "2026-01-03")
    ]
    client.save_conversation("c", messages, mode="knowledge")
    response = client.load_conversation_history("c", before="2026-01-02")
    assert [message.id for message in response.messages] == ["2026-01-01"]
    response = client.load_conversation_history("c", limit=1, after="2026-01-01")
    assert [message.id for message in response.messages] == ["2026-01-02"]
    response = client.load_conversation_history("c", cursor=response.next_cursor)
    assert [message.id for message in response.messages] == ["2026-01-03"]
    response = client.load_conversation_history("c", before="2026-01-05")  # no id: a time
    assert response.messages == []


def forge(*fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


def test_bad_bounds_and_cursors_are_refused_by_name(diary):
    diary.save_conversation("d", build_messages(20, 23))
    _, cursor = load(diary, limit=1)
    assert cursor
    digest = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))[0]
    bad = ["x", "ä", cursor[:-2], cursor + "A", forge(), forge(digest), forge(digest, False)]
    bad += [forge(digest, 1, None, None, None, None), forge(digest, False, 2**63, None, None, None)]
    bad += [forge(digest, False, "1", None, None, None), forge(digest, False, 1.5, None, None, 0)]
    bad += [forge(digest, False, True, None, None, None), 5, b"x", [], "x" * 600]
    for value in bad:
        with pytest.raises(ValidationError, match=r"^cursor"):
            load(diary, cursor=value)
    with pytest.raises(ValidationError, match=r"^cursor.*another conversation"):
        diary.load_conversation_history("d", cursor=cursor)
    for field in ("before", "after"):
        with pytest.raises(ValidationError, match=r"^cursor: leave out before"):
            load(diary, cursor=cursor, **{field: "m3"})
        for value in (5, True, b"x", [], "", "m3\n", object()):
            with pytest.raises(ValidationError, match=f"^{field}"):
                load(diary, **{field: value})
        for missing in ("nothing", "m20", "c:0"):
            with pytest.raises(NotFoundError, match=f"^{field}"):
                load(diary, **{field: missing})
    for limit in (0, -1, True, 1.5, limits.MESSAGES_PER_CONVERSATION + 1):
        with pytest.raises(ValidationError, match=r"^limit"):
            load(diary, limit=limit, cursor=cursor)
    assert load(diary, limit=limits.MESSAGES_PER_CONVERSATION, cursor=cursor)[0]


def test_the_asynchronous_client_has_pages_too(diary, server, namespace):
    async def load_all():
        numbers, cursor = [], None
        async with AsyncContextPersistenceClient(
            server.bolt_url, auth=server.auth, namespace=namespace
        ) as client:
            while cursor or not numbers:
                page = await client.load_conversation_history("c", limit=5, cursor=cursor)
                numbers, cursor = (
                    [message.id for message in page.messages] + numbers,
                    (page.next_cursor),
                )
        return numbers

    assert asyncio.run(load_all()) == [f"m{number}" for number in range(DAYS)]
