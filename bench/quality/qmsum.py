"""Measure retrieval on QMSum's validation meetings, through the client.

    python -m bench.quality.qmsum DATA [--database-url URL] [--meetings N] [--mode hybrid]

The figures are nDCG@10 and hit@10 of the turns in a query's relevant spans. A meeting is a
namespace and a conversation, a turn a message. Only vectors and texts are stored: ranking needs no
entities. Writes bench/results/qmsum.jsonl with a line per query.
"""

import argparse
import json
import math
import statistics
import sys
from pathlib import Path
from typing import Any

from bench.datasets.sets import qmsum
from bench.files import result_file
from mcp_context_persistence import ContextPersistenceClient

DEPTH = 10


def main() -> int:
    """Save the meetings, ask the queries, print the figures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--meetings", type=int, default=35)
    parser.add_argument("--mode", default="hybrid")
    options = parser.parse_args()
    if not (options.data / "qmsum" / "val.jsonl").is_file():
        print(f"skipped: there is no QMSum in {options.data}")
        return 0
    lines: list[dict[str, Any]] = []
    for number, (name, conversation, meeting) in enumerate(qmsum(options.data)):
        if number == options.meetings:
            break
        with ContextPersistenceClient(
            options.database_url, namespace=f"qmsum-{name}", config={"deadline": 300.0}
        ) as client:
            client.save_conversation(conversation.model_copy(update={"mode": "conversation"}))
            for query in meeting["specific_query_list"]:
                answer = client.search_hybrid(
                    query["query"],
                    mode=options.mode,
                    limit=DEPTH,
                    filters={"content_types": "message"},
                )
                positions = [int(result.id.rpartition(":")[2]) for result in answer.results]
                lines.append(
                    {"meeting": name, "query": query["query"], **score(positions, gold(query))}
                )
        print(f"{name}: {len(conversation.messages)} turns, {summary(lines)} so far", flush=True)
    result_file("qmsum.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    print(f"{options.mode}: {summary(lines)} ({len(lines)} queries)")
    return 0


def gold(query: dict[str, Any]) -> set[int]:
    """Return the positions of all turns in the query's spans."""
    return {
        position
        for first, last in query["relevant_text_span"]
        for position in range(int(first), int(last) + 1)
    }


def score(positions: list[int], relevant: set[int]) -> dict[str, float]:
    """Return nDCG@10 with binary gain, and whether any of the ten is relevant."""
    gain = sum(
        1 / math.log2(rank + 2) for rank, position in enumerate(positions) if position in relevant
    )
    best = sum(1 / math.log2(rank + 2) for rank in range(min(DEPTH, len(relevant))))
    return {
        "ndcg": gain / best if best else 0.0,
        "hit": float(any(position in relevant for position in positions)),
    }


def summary(lines: list[dict[str, Any]]) -> str:
    """Return the means as a text."""
    ndcg = statistics.mean(line["ndcg"] for line in lines)
    hit = statistics.mean(line["hit"] for line in lines)
    return f"nDCG@10 {ndcg:.3f}  hit@10 {hit:.3f}"


if __name__ == "__main__":
    sys.exit(main())
