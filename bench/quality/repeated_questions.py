"""Measure whether a prompt context holds the answer where the questions themselves are stored.

    python -m bench.quality.repeated_questions [--half dev|kept] [--budget N] [--database-url URL]

An assistant saves what its user asks before it looks for the answer. The texts are this project's
own: a user tells an assistant things over two months, and asks for them later. Each question is
asked without being saved; then as the last message of the day's conversation; then once more, a
week later, when the graph holds the same question with "let me look that up". Writes
bench/results/repeated_questions.json.
"""

import argparse
import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table

from bench.files import ROOT, read_lines, write_result
from mcp_context_persistence import ContextPersistenceClient

BUDGET = 400
TEXTS = ROOT / "bench" / "data"
DAYS = {"saved before it is looked up": "2026-05-03", "asked a week ago": "2026-05-10"}
NAMESPACE = "bench-repeated-questions"


def save_talk(client: ContextPersistenceClient) -> None:
    """Save the conversations in which the user told the answers."""
    messages = read_lines(TEXTS / "assistant_messages.jsonl")
    for conversation_id, group in itertools.groupby(messages, lambda row: row.pop("conversation")):
        client.save_conversation(conversation_id, list(group))


def ask_all(
    client: ContextPersistenceClient, questions: Sequence[dict[str, str]], budget: int, day: str
) -> Iterator[tuple[bool, int]]:
    """Ask each question; return whether the context holds the answer, and its tokens.

    Args:
        client: The graph.
        questions: The questions with their answers.
        budget: Tokens of a context.
        day: The date of the conversation in which the questions are saved, "" to save none.
    """
    for number, row in enumerate(questions):
        at = f"{day}T09:{number:02}:00Z"
        if day:
            question = {"role": "user", "content": row["question"], "timestamp": at}
            client.append_messages(day, [question])
        context = client.build_context(row["question"], budget)
        yield row["answer"].casefold() in context.text.casefold(), context.tokens
        if day:
            reply = {"role": "assistant", "content": "Let me look that up.", "timestamp": at}
            client.append_messages(day, [reply])


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--half", choices=["dev", "kept"], default="dev")
    parser.add_argument("--budget", type=int, default=BUDGET)
    parser.add_argument("--limit", type=int, help="ask only so many questions")
    parser.add_argument("--database-url", default="local:")
    arguments = parser.parse_args()
    file = TEXTS / f"assistant_questions_{arguments.half}.jsonl"
    questions = read_lines(file)[: arguments.limit]
    table = Table("questions", "number", "answer in context", "tokens", "missed")
    results = {}
    with ContextPersistenceClient(arguments.database_url, namespace=NAMESPACE) as client:
        client.delete_namespace(confirm=NAMESPACE)
        save_talk(client)
        for kind, day in {"not saved": "", **DAYS}.items():
            answers = list(ask_all(client, questions, arguments.budget, day))
            share = statistics.mean(holds for holds, _ in answers)
            missed = [
                row["question"]
                for row, (holds, _) in zip(questions, answers, strict=True)
                if not holds
            ]
            tokens = statistics.mean(tokens for _, tokens in answers)
            results[kind] = {"answers": share, "tokens": tokens, "missed": missed}
            table.add_row(
                kind, str(len(answers)), f"{share:.3f}", f"{tokens:.0f}", str(len(missed))
            )
        client.delete_namespace(confirm=NAMESPACE)
    Console().print(table)
    write_result("repeated_questions.json", results)
    return 0


if __name__ == "__main__":
    sys.exit(main())
