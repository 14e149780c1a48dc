"""The stored graph is a function of the texts, whichever writer is first."""

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg import limits
from mcp_context_persistence.services import conversations

Talk = tuple[str, list[dict[str, Any]]]

TEXTS = (
    "I met Jon at the gym.",  # Jon is less certain here than in the next text
    "Jon works for Volvo and likes the tasks.",
    "We use Kafka for the queue, and Kafka is slow today.",
    "The queue of the Baltic team was lost, although Kafka was up.",
    "The OrderParser class uses pandas.",
    "pandas is a library, and OrderParser uses pandas for the totals.",
    "Priya flew to Leipzig on Monday with her brother.",
    "Leipzig is where Priya works.",
)
START = datetime(2025, 3, 1, tzinfo=UTC)


def make_talks() -> list[Talk]:
    """Return conversations of texts that mention the same entities, with times of their own.

    One relationship is stated more often than sources are kept.
    """
    rng = random.Random(5)
    talks = []
    for number in range(8):
        texts = [rng.choice(TEXTS) for _ in range(6)]
        texts += ["Priya works for Volvo."] * (limits.EVIDENCE_PER_RELATIONSHIP // 8 + 2)
        start = START + timedelta(hours=rng.randrange(3))
        talks.append(
            (
                f"talk-{number}",
                [
                    {
                        "role": "user",
                        "content": text,
                        "timestamp": start + timedelta(minutes=minute),
                    }
                    for minute, text in enumerate(texts)
                ],
            )
        )
    return talks


def export(client: ContextPersistenceClient) -> dict[str, dict[str, Any]]:
    """Return all items without the times of the writes."""
    items = client.export_items(limit=1_000).items
    return {
        f"{item['kind']} {item.get('id') or item.get('conversation_id')}": {
            key: value for key, value in item.items() if key != "created_at"
        }
        for item in items
    }


def list_types(client: ContextPersistenceClient) -> list[tuple[Any, ...]]:
    """Return the labels of each entity, and the filter tokens of each text for its mentions."""
    records = client._engine.graph.driver.execute_query(
        "MATCH (n:Entity|Message {namespace: $n}) WITH n ORDER BY n.id "
        "RETURN n.id AS id, labels(n) AS labels, n.mentioned AS mentioned, "
        "[f IN n.facets WHERE f IN n.mentioned] AS tokens",
        n=client._engine.namespace,
    ).records
    return [
        (row["id"], sorted(row["labels"]), set(row["mentioned"] or ()), set(row["tokens"] or ()))
        for row in records
    ]


def append_in_pieces(client: ContextPersistenceClient, talks: list[Talk], seed: int) -> None:
    """Append the talks in a random order, in random pieces, by one to four writers."""
    rng = random.Random(seed)
    talks = rng.sample(talks, len(talks))
    workers = seed % 4 + 1
    sizes = [[rng.randint(1, 5) for _ in messages] for _, messages in talks]

    def append(number: int) -> None:
        conversation_id, messages = talks[number]
        start = 0
        for size in sizes[number]:
            if start < len(messages):
                client.append_messages(conversation_id, messages[start : start + size])
            start += size

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(append, range(len(talks))))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_graph_does_not_depend_on_the_order_of_the_writers(
    client: ContextPersistenceClient,
    connect: Callable[..., ContextPersistenceClient],
    namespace: str,
    seed: int,
) -> None:
    talks = make_talks()
    client.batch_save_conversations(
        [{"conversation_id": key, "messages": messages} for key, messages in talks], parallel=False
    )
    other = connect(namespace=f"{namespace}-other")
    append_in_pieces(other, talks, seed)
    assert export(other) == export(client)
    assert list_types(other) == list_types(client)


def test_a_parallel_batch_gives_a_name_the_spelling_of_its_first_conversation(
    client: ContextPersistenceClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, is_written = conversations.save_conversation, threading.Event()

    def save_first_last(engine: Any, conversation: Any, **arguments: Any) -> Any:
        if conversation.conversation_id == "talk-0":
            assert is_written.wait(60)
        response = save(engine, conversation, **arguments)
        is_written.set()
        return response

    monkeypatch.setattr(conversations, "save_conversation", save_first_last)
    texts = [f"We use {spelling} for queues." for spelling in ("RabbitMQ", "rabbitmq", "RABBITMQ")]
    client.batch_save_conversations(
        [
            {
                "conversation_id": f"talk-{number}",
                "messages": [{"role": "user", "content": text}],
            }
            for number, text in enumerate(texts)
        ],
        parallel=True,
        max_workers=4,
    )
    entities = [item for item in client.export_items().items if item["kind"] == "entity"]
    brokers = [item for item in entities if item["id"].lower() == "rabbitmq"]
    assert [(item["id"], item["name"]) for item in brokers] == [("RabbitMQ", "RabbitMQ")]


def test_a_better_mention_types_the_entity_for_filters_too(
    client: ContextPersistenceClient,
) -> None:
    client.save_conversation("first", [{"role": "user", "content": "Ask Zephyr on Monday."}])
    client.configure_entity_patterns({"tool": ["Zephyr"]})
    client.save_conversation("second", [{"role": "user", "content": "Zephyr is slow."}])
    entity = client.query_knowledge_graph("Zephyr", operation="context").context.entity
    assert (entity.type, entity.description) == ("tool", "Zephyr is slow.")
    response = client.search_hybrid("Zephyr", filters={"entity_types": ["tool"]})
    found = {result.conversation_id for result in response.results if result.type == "message"}
    assert found == {"first", "second"}
