"""Search: the fused search against the bare vector call and the bare fulltext call, in turn."""

import re
import statistics
import uuid
from collections.abc import Sequence
from pathlib import Path

import neo4j
import numpy as np
from neo4j.vector import Vector
from numpy.typing import NDArray

from bench.datasets.texts import dialogue_texts, made_texts, made_vectors
from bench.measure import Row, in_turn
from mcp_context_persistence import ContextPersistenceClient

VECTOR = """CYPHER 25
MATCH (n)
  SEARCH n IN (
    VECTOR INDEX memory_vectors FOR $vector WHERE n.namespace = $namespace LIMIT 30
  ) SCORE AS score
RETURN n.id AS id, score"""
FULLTEXT = """CALL db.index.fulltext.queryNodes('memory_text', $query, {limit: 30})
YIELD node, score
RETURN node.id AS id, score"""


MESSAGES_PER_CONVERSATION = 1000
DIMENSION = 384
WARM, ROUNDS = 100, 300


class GivenVectors:
    """An embedding model that knows the vectors of some texts."""

    def __init__(self, vectors: dict[str, NDArray[np.float32]]) -> None:
        self._vectors = vectors
        self._other = np.ones(DIMENSION, np.float32) / np.sqrt(DIMENSION)

    def encode(self, texts: Sequence[str], **_: object) -> NDArray[np.float32]:
        """Return the vector of each text; that of an unknown text is always the same."""
        return np.stack([self._vectors.get(text, self._other) for text in texts])


def hybrid(
    url: str,
    auth: tuple[str, str] | None,
    data: Path,
    *,
    total: int = 20_000,
    recipe: str = "balanced",
    namespace: str | None = None,
) -> Row:
    """Measure hybrid search over `total` messages, the query's vector given.

    Args:
        url: The server.
        auth: User and password.
        data: Folder of the data sets; without it, texts are made.
        total: How many messages.
        recipe: The recipe.
        namespace: Where the messages are saved; a new one when left out.
    """
    namespace = namespace or f"search-{uuid.uuid4().hex}"
    real = dialogue_texts(data, total + WARM + ROUNDS)
    texts = real or made_texts(total + WARM + ROUNDS, seed=7)
    queries = [
        " ".join(re.findall(r"[a-z]+", text.lower())[:12]) or "hello" for text in texts[total:]
    ]
    vectors = make_query_vectors(len(queries))
    by_query = dict(zip(queries, vectors, strict=True))
    with (
        ContextPersistenceClient(
            url, auth=auth, namespace=namespace, config={"deadline": 300.0}
        ) as client,
        neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF") as driver,
        driver.session() as session,
    ):
        client.configure_embedding_model(GivenVectors(by_query))
        save_messages(client, texts[:total])

        def ours(number: int) -> None:
            if client.search_hybrid(queries[number], recipe=recipe).total_results != 10:
                raise RuntimeError("the search did not find ten messages")

        def bare(number: int) -> None:
            vector = Vector(by_query[queries[number]])
            if not list(session.run(VECTOR, vector=vector, namespace=namespace)):
                raise RuntimeError("the bare vector call did not find anything")
            list(session.run(FULLTEXT, {"query": queries[number]}))

        our_seconds, bare_seconds, _ = in_turn(ours, bare, times=ROUNDS, warm=WARM)
    our_median, bare_median = statistics.median(our_seconds), statistics.median(bare_seconds)
    kind = "real" if real else "made"
    return Row(
        work=f"hybrid search over {total:,} {kind} messages, query vector given, p50",
        ours=our_median * 1000,
        bare=bare_median * 1000,
        unit="ms",
        ratio=our_median / bare_median,
        need="<= 1.2",
        met=our_median / bare_median <= 1.2,
    )


def save_messages(client: ContextPersistenceClient, texts: Sequence[str]) -> None:
    """Save texts with made vectors, a thousand in each conversation."""
    vectors = made_vectors(len(texts), seed=7)
    for start in range(0, len(texts), MESSAGES_PER_CONVERSATION):
        end = start + MESSAGES_PER_CONVERSATION
        client.save_conversation(
            f"c{start}",
            [{"role": "user", "content": text} for text in texts[start:end]],
            mode="conversation",
            embeddings=vectors[start:end],
        )


def make_query_vectors(count: int) -> NDArray[np.float32]:
    """Make vectors of queries, each near a made vector of a message; of length one."""
    random = np.random.default_rng(11)
    noise = 0.02 * random.standard_normal((count, DIMENSION)).astype(np.float32)
    vectors: NDArray[np.float32] = made_vectors(count, seed=7) + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
