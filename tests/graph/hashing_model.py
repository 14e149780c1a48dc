"""An embedding model without weights, and conversations to embed with it."""

import hashlib
import time

import numpy as np

TOPICS = [
    "the night train",
    "order validation",
    "garden irrigation",
    "database backups",
    "a birthday cake",
    "chess openings",
]


class HashingModel:
    """A model whose vectors are hashed counts of words, rotated by a seed.

    Similar texts have similar vectors; vectors of two seeds have nothing in common.
    """

    def __init__(self, size: int, seed: int, pause: float = 0.0) -> None:
        self.size, self.seed, self.pause, self.calls = size, seed, pause, 0
        self._turn = np.random.default_rng(seed).normal(size=(128, size))

    def encode(self, texts):
        self.calls += 1
        time.sleep(self.pause)
        counts = np.zeros((len(texts), 128))
        for row, text in enumerate(texts):
            for word in text.lower().split():
                counts[row, int(hashlib.sha256(word.encode()).hexdigest(), 16) % 128] += 1
            counts[row, 0] += 0.01
        return counts @ self._turn


def messages(number, about):
    return [
        {
            "role": "user",
            "content": f"Message {number}.{place} is about {about} and project{number}.",
        }
        for place in range(4)
    ]


def fill(client, count=12):
    for number in range(count):
        client.save_conversation(f"c{number}", messages(number, TOPICS[number % len(TOPICS)]))


def vectors(client, prop="embedding"):
    records = client._engine.graph.driver.execute_query(
        "MATCH (n:Message|Chunk|Entity|Decision|Instruction {namespace: $n}) "
        "RETURN labels(n)[0] AS label, n.id AS id, n[$p] AS vector",
        n=client._engine.namespace,
        p=prop,
    ).records
    return {(row["label"], row["id"]): row["vector"] for row in records}


def unit(model, text):
    vector = model.encode([text])[0]
    return vector / np.linalg.norm(vector)


def contents(client):
    records = client._engine.graph.driver.execute_query(
        "MATCH (n:Message {namespace: $n}) RETURN n.id AS id, n.content AS content",
        n=client._engine.namespace,
    ).records
    return {("Message", row["id"]): row["content"] for row in records}
