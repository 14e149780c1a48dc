"""Measure the search on a small and a large store, and how exact the vector index is.

    python -m bench.speed.scale DATA [--small 26000] [--large 262000]

Real texts (SGD) and made vectors. The fused search is timed in turn with the bare vector call and the bare fulltext call on the same index, at both sizes. Recall is the
share of the ten nearest by an exact comparison that mode `semantic` finds, among all messages and within one conversation. Writes bench/results/scale.json.
"""

import argparse
import statistics
import sys
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from rich.console import Console

from bench.datasets.texts import made_vectors
from bench.files import write_result
from bench.measure import Row
from bench.report import table
from bench.servers import open_server
from bench.speed.reading import hybrid
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.search import hybrid as search
from mcp_context_persistence.queries.search.filters import parse
from mcp_context_persistence.queries.search.retrieval import QueryVector

QUERIES = 200
PART = 1000  # messages of a conversation, as `bench.speed.reading` saves them


def recall(
    client: ContextPersistenceClient, total: int, count: int = QUERIES
) -> Mapping[str, float]:
    """Recall@10, unfiltered and within one conversation, of what `bench.speed.reading` has saved."""
    vectors = made_vectors(total, seed=7)
    random = np.random.default_rng(5)
    core = client._engine
    found: dict[str, list[float]] = {"unfiltered": [], "one conversation": []}
    for number in range(count):
        asked = made_vectors(400, seed=7)[number] + 0.02 * random.standard_normal(384).astype(
            np.float32
        )
        asked /= np.linalg.norm(asked)
        start = PART * int(random.integers(0, max(1, total // PART)))
        for name, first, last, chosen in (
            ("unfiltered", 0, total, {"content_types": "message"}),
            (
                "one conversation",
                start,
                min(total, start + PART),
                {"content_types": "message", "conversation_id": f"c{start}"},
            ),
        ):
            nearest = first + np.argsort(-(vectors[first:last] @ asked))[:10]
            wanted = {f"c{place // PART * PART}:{place % PART}" for place in nearest.tolist()}
            made = QueryVector(
                numbers=asked.astype(np.float32), vectors=core.embeddings.current().vectors
            )
            answer = search.hybrid(
                core.graph.run,
                search.Search(
                    namespace=core.namespace,
                    query="x",
                    vector=made,
                    mode="semantic",
                    filters=parse(chosen),
                    now_ms=0,
                ),
            )
            found[name].append(len(wanted & {one.id for one in answer.hits}) / 10)
    return {name: statistics.mean(shares) for name, shares in found.items()}


def rows(shares: Mapping[str, float], needs: Sequence[float], total: int) -> list[Row]:
    """Recall as rows of the table."""
    return [
        Row(
            work=f"vector recall@10 against exact, {total:,} messages, {name}",
            ours=share,
            bare=None,
            unit="share",
            ratio=None,
            need=f">= {need}",
            met=share >= need,
        )
        for (name, share), need in zip(shares.items(), needs, strict=True)
    ]


def main() -> int:
    """Load, ask, and show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--small", type=int, default=26_000)
    parser.add_argument("--large", type=int, default=262_000)
    parser.add_argument("--queries", type=int, default=QUERIES, help="for the recall")
    parser.add_argument("--database-url", help="a server that runs, instead of managed ones")
    options = parser.parse_args()
    found: list[Row] = []
    for total in (options.small, options.large):
        start, namespace = time.monotonic(), f"scale-{uuid.uuid4().hex}"
        with open_server(options.database_url) as (url, auth):
            found.append(hybrid(url, auth, options.data, total=total, namespace=namespace))
            with ContextPersistenceClient(
                url, auth=auth, namespace=namespace, config={"deadline": 300.0}
            ) as client:
                found += rows(recall(client, total, options.queries), (0.97, 0.99), total)
        print(
            f"{total:,} messages: {time.monotonic() - start:.0f} s",
            *found[-3:],
            sep="\n",
            flush=True,
        )
    small, large = (row for row in found if row.work.startswith("hybrid"))
    grown = large.ours / small.ours
    found.append(
        Row(
            work="the same, growth of p50",
            ours=large.ours,
            bare=small.ours,
            unit="ms",
            ratio=grown,
            need="<= 2",
            met=grown <= 2,
        )
    )
    Console(width=150).print(table(found))
    write_result("scale.json", [asdict(row) for row in found])
    return 0


if __name__ == "__main__":
    sys.exit(main())
