"""Measure the search on a small and a large store, and how exact the vector index is.

    python -m bench.speed.scale DATA [--small 26000] [--large 262000]

Real texts (SGD) and made vectors. The fused search is timed in turn with the bare vector call and
the bare fulltext call on the same index, at both sizes. Recall is the share of the ten nearest by
an exact comparison that mode `semantic` finds, among all messages and within one conversation.
Writes bench/results/scale.json.
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
from bench.speed.reading import (
    MESSAGES_PER_CONVERSATION,
    GivenVectors,
    hybrid,
    make_query_vectors,
)
from mcp_context_persistence import ContextPersistenceClient

QUERIES = 200
PART = MESSAGES_PER_CONVERSATION


def measure_recall(
    client: ContextPersistenceClient, total: int, count: int = QUERIES
) -> Mapping[str, float]:
    """Measure recall@10 of what `bench.speed.reading` has saved."""
    vectors = made_vectors(total, seed=7)
    random = np.random.default_rng(5)
    query_vectors = make_query_vectors(count)
    queries = [f"query {number}" for number in range(count)]
    client.configure_embedding_model(GivenVectors(dict(zip(queries, query_vectors, strict=True))))
    shares: dict[str, list[float]] = {"unfiltered": [], "one conversation": []}
    for query, query_vector in zip(queries, query_vectors, strict=True):
        start = PART * int(random.integers(0, max(1, total // PART)))
        for name, first, last, filters in (
            ("unfiltered", 0, total, {"content_types": "message"}),
            (
                "one conversation",
                start,
                min(total, start + PART),
                {"content_types": "message", "conversation_id": f"c{start}"},
            ),
        ):
            nearest = first + np.argsort(-(vectors[first:last] @ query_vector))[:10]
            ids = {f"c{index // PART * PART}:{index % PART}" for index in nearest.tolist()}
            results = client.search_hybrid(query, mode="semantic", filters=filters).results
            shares[name].append(len(ids & {result.id for result in results}) / 10)
    return {name: statistics.mean(values) for name, values in shares.items()}


def rows(shares: Mapping[str, float], needs: Sequence[float], total: int) -> list[Row]:
    """Return the recall as rows of the table."""
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
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--small", type=int, default=26_000)
    parser.add_argument("--large", type=int, default=262_000)
    parser.add_argument("--queries", type=int, default=QUERIES, help="for the recall")
    parser.add_argument("--database-url", help="a server that runs, instead of managed ones")
    options = parser.parse_args()
    table_rows: list[Row] = []
    for total in (options.small, options.large):
        start, namespace = time.monotonic(), f"scale-{uuid.uuid4().hex}"
        with open_server(options.database_url) as (url, auth):
            table_rows.append(hybrid(url, auth, options.data, total=total, namespace=namespace))
            with ContextPersistenceClient(
                url, auth=auth, namespace=namespace, config={"deadline": 300.0}
            ) as client:
                table_rows += rows(
                    measure_recall(client, total, options.queries), (0.97, 0.99), total
                )
        print(
            f"{total:,} messages: {time.monotonic() - start:.0f} s",
            *table_rows[-3:],
            sep="\n",
            flush=True,
        )
    small, large = (row for row in table_rows if row.work.startswith("hybrid"))
    growth = large.ours / small.ours
    table_rows.append(
        Row(
            work="the same, growth of p50",
            ours=large.ours,
            bare=small.ours,
            unit="ms",
            ratio=growth,
            need="<= 2",
            met=growth <= 2,
        )
    )
    Console(width=150).print(table(table_rows))
    write_result("scale.json", [asdict(row) for row in table_rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
