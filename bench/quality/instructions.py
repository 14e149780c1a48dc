"""Measure how many instructions and preferences of users reach a prompt context.

    python -m bench.quality.instructions DATA [--database-url URL] [--budget N] [--share S ...]
        [--messages FILE]

For each question of BEAM: whether the messages of its evidence are cited in the text of
`build_context`, with each share of the budget for instructions, and how many tokens it has. Then
how many sentences are found in chats between people, in meetings, and in what users tell a booking
service, where almost nobody instructs an assistant. Then how many of the labeled sentences of our
own messages of users are found; nothing was learned from those of the kept half. Writes
bench/results/instructions.json.
"""

import argparse
import json
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.datasets.sets import beam
from bench.files import ROOT, write_result
from bench.quality.instruction_training import read_talks
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.ingest.extraction.instruction_cues import (
    InstructionSentence,
    find_instructions,
)
from mcp_context_persistence.ingest.extraction.instruction_finder import InstructionFinder
from mcp_context_persistence.queries.prompt_context.instructions import SHARE

BUDGET = 500
KEPT_FILE = ROOT / "bench" / "data" / "instructions_kept.jsonl"

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


def count_found(texts: Sequence[str], finder: InstructionFinder) -> tuple[int, Counter[str]]:
    """Return the number of messages, and of instructions that each rule finds in them."""
    instructions_by_text = finder.find(texts)
    return len(texts), Counter(
        instruction.rule for instructions in instructions_by_text for instruction in instructions
    )


def measure_messages(path: Path, finder: InstructionFinder) -> dict[str, float]:
    """Return precision and recall of the labeled sentences in our own messages of users."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    texts = [row["text"] for row in rows]
    figures = {}
    for name, instructions_by_text in (
        ("rules", map(find_instructions, texts)),
        ("all", finder.find(texts)),
    ):
        counts: Counter[str] = Counter()
        for row, instructions in zip(rows, instructions_by_text, strict=True):
            counts += _count_matches(row, instructions)
        figures[f"precision, {name}"] = counts["matched"] / max(1, counts["instructions"])
        figures[f"recall, {name}"] = counts["right"] / counts["labeled"]
        figures[f"right kind, {name}"] = counts["right kind"] / max(1, counts["right"])
    return figures


def _count_matches(
    row: dict[str, Any], instructions: Sequence[InstructionSentence]
) -> Counter[str]:
    """Count the labeled sentences of a message and the instructions that match them.

    They match if more than half of the sentence is in the instruction.
    """
    counts = Counter(labeled=len(row["spans"]), instructions=len(instructions))
    matched = set[int]()
    for span in row["spans"]:
        start = row["text"].index(span["text"])
        end = start + len(span["text"])
        hits = {
            number
            for number, instruction in enumerate(instructions)
            if min(instruction.end, end) - max(instruction.start, start) > (end - start) / 2
        }
        matched |= hits
        counts["right"] += bool(hits)
        counts["right kind"] += any(instructions[hit].kind == span["kind"] for hit in hits)
    counts["matched"] = len(matched)
    return counts


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
    parser.add_argument("--messages", type=Path, default=KEPT_FILE)
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
    finder = InstructionFinder()
    counts = {name: count_found(texts, finder) for name, texts in read_talks(options.data).items()}
    messages = measure_messages(options.messages, finder)
    console = Console(width=110)
    console.print(make_table(figures))
    for name, (number, rules) in counts.items():
        console.print(f"{name}: {rules.total()} in {number:,} messages", dict(rules))
    console.print({name: round(value, 3) for name, value in messages.items()})
    write_result(
        "instructions.json",
        {
            "contexts": [
                {"ability": ability, "share": share, "figures": values}
                for (ability, share), values in figures.items()
            ],
            "found": {name: [number, dict(rules)] for name, (number, rules) in counts.items()},
            "messages": messages,
        },
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
