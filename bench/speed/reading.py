"""Searching: the fused search against the bare vector call and the bare fulltext call, one after the other."""

import re
import statistics
import uuid
from pathlib import Path

import neo4j
import numpy as np
from neo4j.vector import Vector

from bench.datasets.texts import dialogue_texts, made_texts, made_vectors
from bench.measure import Row, in_turn
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.search import hybrid as search
from mcp_context_persistence.queries.search.filters import Filters
from mcp_context_persistence.queries.search.recipes import BALANCED, Recipe
from mcp_context_persistence.queries.search.retrieval import QueryVector

VECTOR = """CYPHER 25
MATCH (n)
  SEARCH n IN (VECTOR INDEX memory_vectors FOR $vector WHERE n.namespace = $namespace LIMIT 30) SCORE AS score
RETURN n.id AS id, score"""
FULLTEXT = "CALL db.index.fulltext.queryNodes('memory_text', $query, {limit: 30}) YIELD node, score RETURN node.id AS id, score"


def hybrid(
    url: str,
    auth: tuple[str, str] | None,
    data: Path,
    *,
    total: int = 20_000,
    made: Recipe = BALANCED,
    namespace: str | None = None,
) -> Row:
    """Hybrid search over `total` messages, the query's vector given; real texts where there are some, made vectors."""
    namespace = namespace or f"search-{uuid.uuid4().hex}"
    client = ContextPersistenceClient(
        url, auth=auth, namespace=namespace, config={"deadline": 300.0}
    )
    real = dialogue_texts(data, total + 400)
    texts, vectors = (real or made_texts(total + 400, seed=7)), made_vectors(total, seed=7)
    for start in range(0, total, 1000):
        part = [
            {"role": "user", "content": text} for text in texts[start : min(start + 1000, total)]
        ]
        client.save_conversation(
            f"c{start}", part, mode="conversation", embeddings=vectors[start : start + 1000]
        )
    random = np.random.default_rng(11)
    queries = [
        " ".join(re.findall(r"[a-z]+", text.lower())[:12]) or "hello" for text in texts[total:]
    ]
    asked = made_vectors(400, seed=7) + 0.02 * random.standard_normal((400, 384)).astype(np.float32)
    core = client._engine
    driver = neo4j.GraphDatabase.driver(url, auth=auth, notifications_min_severity="OFF")

    def ours(number: int) -> None:
        answer = search.hybrid(
            core.graph.run,
            search.Search(
                namespace=namespace,
                query=queries[number],
                vector=QueryVector(
                    numbers=asked[number], vectors=core.embeddings.current().vectors
                ),
                filters=Filters(),
                recipe=made,
                now_ms=0,
            ),
        )
        if len(answer.hits) != 10:
            raise RuntimeError("the search did not find ten messages")

    with driver.session() as session:

        def bare(number: int) -> None:
            list(session.run(VECTOR, vector=Vector(asked[number]), namespace=namespace))
            list(session.run(FULLTEXT, {"query": queries[number]}))

        first, second, _ = in_turn(ours, bare, times=300, warm=100)
    driver.close()
    client.close()
    left, right = statistics.median(first), statistics.median(second)
    return Row(
        work=f"hybrid search over {total:,} {'real' if real else 'made'} messages, query vector given, p50",
        ours=left * 1000,
        bare=right * 1000,
        unit="ms",
        ratio=left / right,
        need="<= 1.2",
        met=left / right <= 1.2,
    )
