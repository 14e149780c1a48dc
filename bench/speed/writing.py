"""Measure writes: the client against bare driver calls that write the same rows."""

import statistics
import uuid
from itertools import pairwise
from typing import Any

import neo4j
from neo4j.vector import Vector

from bench.datasets.texts import made_texts, made_vectors
from bench.measure import Row, in_turn
from mcp_context_persistence import ContextPersistenceClient

CONVERSATION = """CYPHER 25
MERGE (c:Conversation {namespace: $namespace, id: $id}) SET c += $properties"""
MESSAGES = """CYPHER 25
MATCH (c:Conversation {namespace: $namespace, id: $id})
UNWIND $rows AS row
CREATE (c)-[:HAS_MESSAGE]->(m:Message {namespace: $namespace})
SET m += row.properties
WITH m, row
CALL db.create.setNodeVectorProperty(m, 'embedding', row.vector)"""
LINKS = """CYPHER 25
UNWIND $pairs AS pair
MATCH (a:Message {namespace: $namespace, id: pair[0]})
MATCH (b:Message {namespace: $namespace, id: pair[1]})
CREATE (a)-[:NEXT]->(b)"""
PROPERTIES = """
MATCH (c:Conversation {namespace: $namespace, id: $id})-[:HAS_MESSAGE]->(m)
WITH c, m ORDER BY m.position
RETURN properties(c) AS conversation, collect(m {.*, embedding: null}) AS messages
"""


def read_properties(
    client: ContextPersistenceClient, conversation: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Read what the client wrote for a conversation.

    Returns:
        The properties of the conversation, and those of its messages without the vectors.
    """
    engine = client._engine
    with engine.graph.driver.session() as session:
        row = session.run(PROPERTIES, namespace=engine.namespace, id=conversation).single(
            strict=True
        )
    return row["conversation"], [
        {key: value for key, value in message.items() if value is not None}
        for message in row["messages"]
    ]


class Writers:
    """Writes the same conversation by the client and by the bare driver.

    Every round writes a new conversation; each of the two has a namespace of its own.
    """

    def __init__(self, url: str, auth: tuple[str, str] | None, *, size: int, seed: int) -> None:
        """Save a first conversation, whose properties the bare driver copies.

        Args:
            url: The server.
            auth: User and password.
            size: Messages of a conversation.
            seed: Of the made texts and vectors.
        """
        self._size = size
        self._vectors = made_vectors(size, seed=seed)
        self._messages = [{"role": "user", "content": text} for text in made_texts(size, seed=seed)]
        self._namespace = uuid.uuid4().hex
        self.client = ContextPersistenceClient(
            url, auth=auth, namespace=f"ours-{self._namespace}", config={"deadline": 300.0}
        )
        self._driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")
        self.client.save_conversation(
            "template", self._messages, mode="conversation", embeddings=self._vectors
        )
        self._conversation, self._rows = read_properties(self.client, "template")

    def write_ours(self, number: int) -> None:
        """Write a conversation by the client."""
        self.client.save_conversation(
            f"c{number}", self._messages, mode="conversation", embeddings=self._vectors
        )

    def write_bare(self, number: int) -> None:
        """Write the same nodes, properties and relationships by the driver, in one transaction."""
        namespace, conversation = f"bare-{self._namespace}", f"c{number}"
        ids = [f"{conversation}:{position}" for position in range(self._size)]
        properties = {
            key: value
            for key, value in self._conversation.items()
            if key not in {"id", "namespace"}
        }
        rows = [
            {
                "properties": {
                    **row,
                    "namespace": namespace,
                    "id": message_id,
                    "conversation_id": conversation,
                },
                "vector": Vector(vector),
            }
            for message_id, row, vector in zip(ids, self._rows, self._vectors, strict=True)
        ]
        with self._driver.session() as session, session.begin_transaction() as transaction:
            transaction.run(
                CONVERSATION, namespace=namespace, id=conversation, properties=properties
            ).consume()
            transaction.run(MESSAGES, namespace=namespace, id=conversation, rows=rows).consume()
            transaction.run(
                LINKS, namespace=namespace, pairs=[list(pair) for pair in pairwise(ids)]
            ).consume()
            transaction.commit()

    def close(self) -> None:
        """Close the client and the driver."""
        self.client.close()
        self._driver.close()


def measure_small_saves(url: str, auth: tuple[str, str] | None, *, times: int = 60) -> Row:
    """Measure saves of conversations of ten messages, vectors given."""
    writers = Writers(url, auth, size=10, seed=3)
    our_seconds, bare_seconds, ratio = in_turn(
        writers.write_ours, writers.write_bare, times=times, warm=max(1, times // 4)
    )
    writers.close()
    return Row(
        work="save of a 10-message conversation, vectors given",
        ours=statistics.median(our_seconds) * 1000,
        bare=statistics.median(bare_seconds) * 1000,
        unit="ms",
        ratio=ratio,
        need="<= 1.5",
        met=ratio <= 1.5,
    )


def measure_bulk_write(
    url: str, auth: tuple[str, str] | None, *, total: int = 20_000, size: int = 1_000
) -> Row:
    """Measure the write of messages with vectors, in conversations of `size` messages."""
    writers = Writers(url, auth, size=size, seed=4)
    our_seconds, bare_seconds, _ = in_turn(
        writers.write_ours, writers.write_bare, times=total // size, warm=1
    )
    writers.close()
    ours, bare = total / sum(our_seconds), total / sum(bare_seconds)
    return Row(
        work=f"bulk write of {total:,} messages with vectors",
        ours=ours,
        bare=bare,
        unit="messages/s",
        ratio=ours / bare,
        need=">= 0.8",
        met=ours / bare >= 0.8,
    )
