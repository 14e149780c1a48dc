"""How much evidence a text for a prompt has for its length, against the best messages one after the other.

    python -m bench.context DATA [--database-url URL]

For each question of LoCoMo: `build_context` with several budgets, and the messages of `search_hybrid` and of its mode `semantic`, best first, as many as fit
the same budget. Shown are the share of the evidence that is in the text, its tokens, and the quotient of both: evidence for 1,000 tokens.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.sets import evidence, locomo
from mcp_context_persistence import ContextPersistenceClient

Figures = defaultdict[tuple[int, str], list[tuple[float, int]]]
BUDGETS = (250, 500, 1_000)
DEEP = 50


def fitting(found: Sequence[tuple[str, int]], budget: int) -> tuple[set[str], int]:
    """The best messages that fit the budget, and their tokens."""
    shown, used = set[str](), 0
    for one, size in found:
        if used + size > budget:
            break
        shown.add(one)
        used += size
    return shown, used


def measure(client: ContextPersistenceClient, sample: Mapping[str, Any], ids: set[str], figures: Figures) -> None:
    """Adds the figures of one chat."""
    count = client._core.embeddings.current().embedder.tokens
    for question in sample["qa"]:
        wanted = evidence(question) & ids
        if not wanted:
            continue
        plain = {}
        for mode in ("hybrid", "semantic"):
            found = client.search_hybrid(question["question"], mode=mode, limit=DEEP, filters={"content_types": "message"})
            plain[mode] = [(one.id, count(one.content) + 1) for one in found.results]
        for budget in BUDGETS:
            made = client.build_context(question["question"], budget, filters={"content_types": "message"})
            rows = {mode: fitting(found, budget) for mode, found in plain.items()}
            rows["build_context"] = {one.id for one in made.citations}, made.tokens
            for name, (shown, used) in rows.items():
                figures[budget, name].append((len(wanted & shown) / len(wanted), used))


def summary(figures: Sequence[tuple[float, int]]) -> tuple[float, float, float]:
    """Mean evidence, mean tokens, and their quotient for 1,000 tokens."""
    covered = statistics.mean(share for share, _ in figures)
    used = statistics.mean(size for _, size in figures)
    return covered, used, 1_000 * covered / used


def main() -> int:
    """Ask, count, show."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    for namespace, sessions, sample in locomo(options.data):
        with ContextPersistenceClient(options.database_url, namespace=f"learn-{namespace}", config={"deadline": 300.0}) as client:
            client.batch_save_conversations([one.model_copy(update={"mode": "conversation"}) for one in sessions])
            measure(client, sample, {message.id for session in sessions for message in session.messages}, figures)
    table = Table("budget", "text", "evidence", "tokens", "for 1,000 tokens")
    for (budget, name), found in sorted(figures.items()):
        covered, used, rate = summary(found)
        table.add_row(str(budget), name, f"{covered:.3f}", f"{used:.0f}", f"{rate:.2f}")
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
