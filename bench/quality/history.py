"""Measure how well prompt contexts show the history of a topic, and what changed.

    python -m bench.quality.history DATA [--database-url URL]

For each question of BEAM about the order of events, a summary, knowledge that changed or
contradictions: the share of its evidence that the text of `build_context` cites, and whether it
cites all of it, with `order="conversation"` and with `order="time"`, in 500 and 2,000 tokens. Even
chats are those on which the constants were chosen. Then, in how many of the cases of
bench/data/changes_*.jsonl exactly the message that changed is marked. Writes
bench/results/history.json.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.datasets.sets import beam
from bench.files import ROOT, write_result
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.queries.search.candidate import Candidate
from mcp_context_persistence.queries.search.changes import find_changes
from mcp_context_persistence.services.instructions import find_addresses

ABILITIES = (
    "event_ordering",
    "summarization",
    "knowledge_update",
    "contradiction_resolution",
)
BUDGETS = (500, 2_000)
ORDERS = ("conversation", "time")
PARTS = ("chosen by", "others")
CASES = ("changes_dev.jsonl", "changes_kept.jsonl")

# For each part, ability, budget and order: evidence (0 to 1) and tokens of each question.
Figures = defaultdict[tuple[str, str, int, str], list[tuple[float, int]]]


def measure_contexts(
    client: ContextPersistenceClient, questions: Iterable[dict[str, Any]], *, part: str
) -> Figures:
    """Return the figures of one chat."""
    figures: Figures = defaultdict(list)
    for question in questions:
        evidence = {str(message_id) for message_id in question.get("evidence") or ()}
        if question["ability"] not in ABILITIES or not evidence:
            continue
        for budget in BUDGETS:
            for order in ORDERS:
                context = client.build_context(question["question"], budget, order=order)
                cited = {citation.id for citation in context.citations}
                covered = len(evidence & cited) / len(evidence)
                figures[part, question["ability"], budget, order].append((covered, context.tokens))
    return figures


def count_recognized(file: Path) -> tuple[int, int]:
    """Return in how many cases exactly the message that changed is marked, and their number."""
    cases = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    return sum(map(_is_recognized, cases)), len(cases)


def _is_recognized(case: dict[str, Any]) -> bool:
    start = int(datetime(2024, 3, 1, tzinfo=UTC).timestamp() * 1000)
    messages = [
        Candidate(
            kind="message",
            id=str(position),
            conversation_id="case",
            timestamp_ms=start + position,
            content=text,
            position=position,
            role="user",
        )
        for position, text in enumerate(case["messages"])
    ]
    changes = find_changes(messages, case["query"], find_addresses)
    marked = {earlier_id: later.id for earlier_id, later in changes.items()}
    is_unchanged = case["earlier"] is None
    return marked == ({} if is_unchanged else {str(case["earlier"]): str(case["later"])})


def make_table(figures: Figures) -> Table:
    """Make the table of the contexts."""
    table = Table("chats", "questions", "budget", "order", "number", "evidence", "all", "tokens")
    for (part, ability, budget, order), values in sorted(figures.items()):
        table.add_row(
            part,
            ability,
            str(budget),
            order,
            str(len(values)),
            f"{statistics.mean(covered for covered, _ in values):.3f}",
            f"{statistics.mean(covered == 1 for covered, _ in values):.3f}",
            f"{statistics.mean(tokens for _, tokens in values):.0f}",
        )
    return table


def make_results(figures: Figures) -> list[dict[str, Any]]:
    """Return the figures over all chats as they are written to the file."""
    values: defaultdict[tuple[str, int, str], list[tuple[float, int]]] = defaultdict(list)
    for (_, ability, budget, order), rows in figures.items():
        values[ability, budget, order].extend(rows)
    return [
        {
            "ability": ability,
            "budget": budget,
            "order": order,
            "evidence": statistics.mean(covered for covered, _ in rows),
            "all": statistics.mean(covered == 1 for covered, _ in rows),
            "tokens": statistics.mean(tokens for _, tokens in rows),
        }
        for (ability, budget, order), rows in values.items()
    ]


def main() -> int:
    """Save the chats, build the contexts, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    for number, (namespace, batches, questions) in enumerate(beam(options.data)):
        with ContextPersistenceClient(
            options.database_url, namespace=namespace, config={"deadline": 300.0}
        ) as client:
            client.batch_save_conversations(batches)
            chat_figures = measure_contexts(client, questions, part=PARTS[number % 2])
            for key, values in chat_figures.items():
                figures[key].extend(values)
    recognized = {name: count_recognized(ROOT / "bench" / "data" / name) for name in CASES}
    console = Console(width=110)
    console.print(make_table(figures))
    for name, (right, count) in recognized.items():
        console.print(f"{name}: {right} of {count}")
    write_result("history.json", {"contexts": make_results(figures), "cases": recognized})
    return 0


if __name__ == "__main__":
    sys.exit(main())
