"""Measure retrieval on LoCoMo's development half, through the client.

    python -m bench.quality.locomo DATA [--database-url URL] [--modes hybrid ...]

R@k is the share of a question's evidence among the first k messages. A long chat is a namespace, a
session a conversation, a turn a message. Writes bench/results/locomo.jsonl with a line per question
and search.
"""

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from bench.datasets.sets import evidence, locomo, message_ids
from bench.files import result_file
from mcp_context_persistence import ContextPersistenceClient

DEPTHS = (5, 10, 20)
KINDS = {"all kinds": None, "messages": {"content_types": ["message"]}}


def ask(
    client: ContextPersistenceClient, question: str, gold: set[str], modes: list[str]
) -> Iterator[tuple[tuple[str, str, int], float]]:
    """Yield for each search the share of the evidence that it finds.

    Nothing is yielded for a question without evidence.
    """
    if not gold:
        return
    for mode in modes:
        for kinds, filters in KINDS.items():
            for depth in DEPTHS:  # each is a search of its own, not the start of a longer one
                answer = client.search_hybrid(question, mode=mode, limit=depth, filters=filters)
                ids = {result.message_id for result in answer.results if result.message_id}
                yield (mode, kinds, depth), len(gold & ids) / len(gold)


def main() -> int:
    """Save the chats, ask the questions, print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--modes", nargs="+", default=["hybrid", "semantic", "keyword"])
    options = parser.parse_args()
    if not (options.data / "locomo" / "locomo_dev.json").is_file():
        print(f"skipped: there is no LoCoMo in {options.data}")
        return 0
    shares_by_search: defaultdict[tuple[str, str, int], list[float]] = defaultdict(list)
    lines = []
    for namespace, sessions, sample in locomo(options.data):
        with ContextPersistenceClient(
            options.database_url, namespace=namespace, config={"deadline": 120.0}
        ) as client:
            start = time.perf_counter()
            for session in sessions:
                client.save_conversation(session)
            print(f"{namespace}: saved in {time.perf_counter() - start:.0f} s", flush=True)
            turns = message_ids(sessions)
            for question in sample["qa"]:
                gold = evidence(question) & turns
                for key, share in ask(client, question["question"], gold, options.modes):
                    shares_by_search[key].append(share)
                    lines.append(
                        {
                            "set": namespace,
                            "question": question["question"],
                            "search": key,
                            "recall": share,
                        }
                    )
    for mode in options.modes:
        for kinds in KINDS:
            shares = "  ".join(
                f"R@{depth} {statistics.mean(shares_by_search[mode, kinds, depth]):.3f}"
                for depth in DEPTHS
            )
            count = len(shares_by_search[mode, kinds, 10])
            print(f"{mode:<10} {kinds:<10} {shares}  ({count} questions)")
    result_file("locomo.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
