"""Measure how many instructions and preferences of users reach a prompt context.

    python -m bench.quality.instructions DATA [--database-url URL] [--budget N] [--share S ...]

For each question of BEAM: whether the messages of its evidence are cited in the text of
`build_context`, with each share of the budget for instructions, and how many tokens it has. Then
how many sentences the rules find in the messages of chats between people and of meetings, where
almost nobody speaks to an assistant. Writes bench/results/instructions.json.
"""

import argparse
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.datasets.sets import beam, locomo, qmsum
from bench.files import write_result
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.ingest.extraction.instruction_cues import find_instructions
from mcp_context_persistence.models import Conversation
from mcp_context_persistence.queries.prompt_context.instructions import SHARE

BUDGET = 500

# For each ability and share: evidence (0 to 1) and tokens of each question.
Figures = defaultdict[tuple[str, float], list[tuple[float, int]]]


def measure_contexts(
    client: ContextPersistenceClient,
    questions: Iterable[dict[str, Any]],
    *,
    budget: int,
    shares: Sequence[float],
) -> Figures:
    """Return the figures of one chat."""
    figures: Figures = defaultdict(list)
    for question in questions:
        evidence = {str(message_id) for message_id in question.get("evidence") or ()}
        for share in shares if evidence else ():
            context = client.build_context(question["question"], budget, instruction_share=share)
            cited = {citation.id for citation in context.citations}
            covered = len(evidence & cited) / len(evidence)
            figures[question["ability"], share].append((covered, context.tokens))
    return figures


def count_found(conversations: Iterable[Conversation]) -> tuple[int, Counter[str]]:
    """Return the number of messages, and of sentences that each rule finds in them."""
    messages = 0
    rules: Counter[str] = Counter()
    for conversation in conversations:
        for message in conversation.messages:
            messages += 1
            words = message.content.removeprefix(f"{message.name}: ")
            rules.update(instruction.rule for instruction in find_instructions(words))
    return messages, rules


def make_table(figures: Figures) -> Table:
    """Make the table of the contexts."""
    table = Table("questions", "share", "number", "evidence", "any evidence", "tokens")
    for (ability, share), values in sorted(figures.items()):
        table.add_row(
            ability,
            f"{share:.2f}",
            str(len(values)),
            f"{statistics.mean(covered for covered, _ in values):.3f}",
            f"{statistics.mean(covered > 0 for covered, _ in values):.3f}",
            f"{statistics.mean(tokens for _, tokens in values):.0f}",
        )
    return table


def main() -> int:
    """Save the chats, ask the questions, count, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--budget", type=int, default=BUDGET)
    parser.add_argument("--share", type=float, nargs="*", default=[0.0, SHARE])
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    for namespace, batches, questions in beam(options.data):
        with ContextPersistenceClient(
            options.database_url, namespace=namespace, config={"deadline": 300.0}
        ) as client:
            client.batch_save_conversations(batches)
            chat_figures = measure_contexts(
                client, questions, budget=options.budget, shares=options.share
            )
            for key, values in chat_figures.items():
                figures[key].extend(values)
    chats = [session for _, sessions, _ in locomo(options.data) for session in sessions]
    meetings = [meeting for _, meeting, _ in qmsum(options.data)]
    counts = {
        name: count_found(talks) for name, talks in (("chats", chats), ("meetings", meetings))
    }
    console = Console(width=110)
    console.print(make_table(figures))
    for name, (messages, rules) in counts.items():
        console.print(f"{name}: {rules.total()} in {messages:,} messages", dict(rules))
    write_result(
        "instructions.json",
        {
            "contexts": [
                {"ability": ability, "share": share, "figures": values}
                for (ability, share), values in figures.items()
            ],
            "found": {name: [messages, dict(rules)] for name, (messages, rules) in counts.items()},
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
