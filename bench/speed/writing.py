"""Writing: the client against bare driver calls that write the same rows."""

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


def properties_of(
    client: ContextPersistenceClient, conversation: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What the client wrote for a conversation: its own properties, and those of its messages without the vectors."""
    core = client._engine
    with core.graph.driver.session() as session:
        row = session.run(
            "MATCH (c:Conversation {namespace: $n, id: $id})-[:HAS_MESSAGE]->(m) WITH c, m ORDER BY m.position "
            "RETURN properties(c) AS c, collect(m {.*, embedding: null}) AS messages",
            n=core.namespace,
            id=conversation,
        ).single(strict=True)
    return row["c"], [
        {key: value for key, value in one.items() if value is not None} for one in row["messages"]
    ]


class Writers:
    """The two ways of writing the same conversation; every round writes a new one, each in a namespace of its own."""

    def __init__(self, url: str, auth: tuple[str, str], *, size: int, seed: int) -> None:
        self._size = size
        self._texts = made_texts(size, seed=seed)
        self._vectors = made_vectors(size, seed=seed)
        self._messages = [{"role": "user", "content": text} for text in self._texts]
        self._namespace = uuid.uuid4().hex
        self.client = ContextPersistenceClient(
            url, auth=auth, namespace=f"ours-{self._namespace}", config={"deadline": 300.0}
        )
        self._driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")
        self.client.save_conversation(
            "template", self._messages, mode="conversation", embeddings=self._vectors
        )
        self._conversation, self._rows = properties_of(self.client, "template")

    def ours(self, number: int) -> None:
        """By the client."""
        self.client.save_conversation(
            f"c{number}", self._messages, mode="conversation", embeddings=self._vectors
        )

    def bare(self, number: int) -> None:
        """By the driver: the same nodes, properties and relationships, in one transaction."""
        namespace, conversation = f"bare-{self._namespace}", f"c{number}"
        ids = [f"{conversation}:{place}" for place in range(self._size)]
        own = {
            key: value
            for key, value in self._conversation.items()
            if key not in {"id", "namespace"}
        }
        rows = [
            {
                "properties": {
                    **row,
                    "namespace": namespace,
                    "id": one,
                    "conversation_id": conversation,
                },
                "vector": Vector(vector),
            }
            for one, row, vector in zip(ids, self._rows, self._vectors, strict=True)
        ]
        with self._driver.session() as session, session.begin_transaction() as transaction:
            transaction.run(
                CONVERSATION, namespace=namespace, id=conversation, properties=own
            ).consume()
            transaction.run(MESSAGES, namespace=namespace, id=conversation, rows=rows).consume()
            transaction.run(
                LINKS, namespace=namespace, pairs=[list(pair) for pair in pairwise(ids)]
            ).consume()
            transaction.commit()

    def close(self) -> None:
        """Let both go."""
        self.client.close()
        self._driver.close()


def small(url: str, auth: tuple[str, str]) -> Row:
    """A conversation of ten messages, vectors given."""
    writers = Writers(url, auth, size=10, seed=3)
    first, second, ratio = in_turn(writers.ours, writers.bare, times=60, warm=15)
    writers.close()
    return Row(
        work="save of a 10-message conversation, vectors given",
        ours=statistics.median(first) * 1000,
        bare=statistics.median(second) * 1000,
        unit="ms",
        ratio=ratio,
        need="<= 1.5",
        met=ratio <= 1.5,
    )


def bulk(url: str, auth: tuple[str, str], *, total: int = 20_000, size: int = 1_000) -> Row:
    """20,000 messages with vectors, in conversations of a thousand."""
    writers = Writers(url, auth, size=size, seed=4)
    first, second, _ = in_turn(writers.ours, writers.bare, times=total // size, warm=1)
    writers.close()
    ours, bare = total / sum(first), total / sum(second)
    return Row(
        work=f"bulk write of {total:,} messages with vectors",
        ours=ours,
        bare=bare,
        unit="messages/s",
        ratio=ours / bare,
        need=">= 0.8",
        met=ours / bare >= 0.8,
    )
