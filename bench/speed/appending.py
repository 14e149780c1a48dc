"""Measure appends to a long conversation against bare driver calls that write the same rows."""

import statistics
import uuid

import neo4j
from neo4j.vector import Vector

from bench.datasets.texts import made_texts, made_vectors
from bench.measure import Row, in_turn
from bench.speed.writing import CONVERSATION, LINKS, MESSAGES, read_properties
from mcp_context_persistence import ContextPersistenceClient

TALK = "talk"


class Appenders:
    """Appends messages to two equal conversations: by the client, and by the bare driver."""

    def __init__(
        self, url: str, auth: tuple[str, str] | None, *, length: int, count: int, seed: int
    ) -> None:
        """Save both conversations.

        Args:
            url: The server.
            auth: User and password.
            length: Messages of a conversation at first.
            count: Messages that will be appended.
            seed: Of the made texts and vectors.
        """
        texts, vectors = (
            made_texts(length + count, seed=seed),
            made_vectors(length + count, seed=seed),
        )
        messages = [{"role": "user", "content": text} for text in texts]
        self._messages, self._vectors = messages[length:], vectors[length:]
        self._length = length
        name = uuid.uuid4().hex
        self._bare_namespace = f"bare-{name}"
        self.client, bare = (
            ContextPersistenceClient(
                url, auth=auth, namespace=namespace, config={"deadline": 300.0}
            )
            for namespace in (f"ours-{name}", self._bare_namespace)
        )
        with bare:
            for client in (self.client, bare):
                client.save_conversation(
                    TALK, messages[:length], mode="conversation", embeddings=vectors[:length]
                )
        # The properties of the rows that the driver writes are those of the client.
        self.client.append_messages(
            "template", self._messages, mode="conversation", embeddings=self._vectors
        )
        self._conversation, self._rows = read_properties(self.client, "template")
        self._driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")

    def append_ours(self, number: int) -> None:
        """Append a message by the client."""
        self.client.append_messages(
            TALK, self._messages[number : number + 1], embeddings=self._vectors[number : number + 1]
        )

    def append_bare(self, number: int) -> None:
        """Write the same node, properties and relationships by the driver, in one transaction."""
        position = self._length + number
        last_id, message_id = (f"{TALK}:{place}" for place in (position - 1, position))
        kept = {key: self._conversation[key] for key in ("mode", "project", "tags", "content")}
        properties = kept | {
            "terms": self._conversation["terms"],
            "facets": self._conversation["facets"],
            "revision": number + 2,
            "last_id": message_id,
            "updated_ms": self._conversation["updated_ms"] + number,
        }
        row = {
            "properties": {
                **self._rows[number],
                "namespace": self._bare_namespace,
                "id": message_id,
                "conversation_id": TALK,
                "position": position,
            },
            "vector": Vector(self._vectors[number]),
        }
        namespace = self._bare_namespace
        with self._driver.session() as session, session.begin_transaction() as transaction:
            transaction.run(
                CONVERSATION, namespace=namespace, id=TALK, properties=properties
            ).consume()
            transaction.run(MESSAGES, namespace=namespace, id=TALK, rows=[row]).consume()
            transaction.run(LINKS, namespace=namespace, pairs=[[last_id, message_id]]).consume()
            transaction.commit()

    def close(self) -> None:
        """Close the client and the driver."""
        self.client.close()
        self._driver.close()


def measure_appends(
    url: str, auth: tuple[str, str] | None, *, length: int = 10_000, times: int = 200
) -> Row:
    """Measure appends of one message to a conversation of `length` messages, vectors given."""
    warm = max(1, times // 4)
    appenders = Appenders(url, auth, length=length, count=times + warm, seed=5)
    our_seconds, bare_seconds, ratio = in_turn(
        appenders.append_ours, appenders.append_bare, times=times, warm=warm
    )
    appenders.close()
    return Row(
        work=f"append of one message to a conversation of {length:,}, vector given",
        ours=statistics.median(our_seconds) * 1000,
        bare=statistics.median(bare_seconds) * 1000,
        unit="ms",
        ratio=ratio,
        need="<= 1.5",
        met=ratio <= 1.5,
    )
