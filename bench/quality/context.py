"""Measure how much evidence a prompt context has for its length, against the best messages.

    python -m bench.quality.context DATA [--database-url URL] [--every N] [--diversity D]

For each question of LoCoMo (or for every N-th): `build_context` with several budgets, and the
messages of `search_hybrid` and of its mode `semantic`, best first, as many as fit the same budget.
Prints the share of the evidence that is in the text, the share of the answer's words, the tokens,
the evidence for 1,000 tokens, and its ratio to that of the best messages of `hybrid`; once for the
conversations by which the constants of `queries.prompt_context.builder` were chosen, and once for
the others. Writes bench/results/context.json.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.datasets.sets import evidence, locomo, message_ids
from bench.files import write_result
from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.kg.text.words import list_words
from mcp_context_persistence.queries.prompt_context.builder import DIVERSITY
from mcp_context_persistence.queries.search.query_terms import extract_terms

BUDGETS = (250, 500, 1_000)
DEEP = 50
CHOSEN_BY = 3  # conversations
PARTS = ("chosen by", "others")
ONLY = {"content_types": "message"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """The figures of one text.

    Attributes:
        evidence: Share of the evidence.
        answer: Share of the answer's words, None where the answer has none.
        tokens: Its tokens.
    """

    evidence: float
    answer: float | None
    tokens: int


Figures = defaultdict[tuple[str, int, str], list[Figure]]


def fit_messages(
    messages: Sequence[tuple[str, str, int]], budget: int
) -> tuple[set[str], str, int]:
    """Return the best messages that fit the budget: their ids, their texts and their tokens."""
    ids, texts, used = set[str](), list[str](), 0
    for message_id, text, size in messages:
        if used + size > budget:
            break
        ids.add(message_id)
        texts.append(text)
        used += size
    return ids, "\n".join(texts), used


def evaluate_text(
    question: Mapping[str, Any], evidence_ids: set[str], text: tuple[set[str], str, int]
) -> Figure:
    """Return the figures of one text: its message ids, itself, and its tokens."""
    ids, content, used = text
    answer = set(map(stem, extract_terms(str(question.get("answer") or "")).words))
    share = len(answer & set(map(stem, list_words(content)))) / len(answer) if answer else None
    return Figure(evidence=len(evidence_ids & ids) / len(evidence_ids), answer=share, tokens=used)


def measure(
    client: ContextPersistenceClient,
    questions: Sequence[Mapping[str, Any]],
    ids: set[str],
    *,
    part: str,
    diversity: float,
) -> Figures:
    """Return the figures of one chat."""
    count = client._engine.embeddings.current().embedder.count_tokens
    figures: Figures = defaultdict(list)
    for question in questions:
        evidence_ids = evidence(dict(question)) & ids
        if not evidence_ids:
            continue
        messages = {}
        for mode in ("hybrid", "semantic"):
            results = client.search_hybrid(
                question["question"], mode=mode, limit=DEEP, filters=ONLY
            ).results
            sizes = count([result.content for result in results])
            messages[mode] = [
                (result.id, result.content, size + 1)
                for result, size in zip(results, sizes, strict=True)
            ]
        for budget in BUDGETS:
            context = client.build_context(
                question["question"], budget, filters=ONLY, diversity=diversity
            )
            texts = {mode: fit_messages(rows, budget) for mode, rows in messages.items()}
            ids_of_context = {citation.id for citation in context.citations}
            texts["build_context"] = ids_of_context, context.text, context.tokens
            for name, text in texts.items():
                figures[part, budget, name].append(evaluate_text(question, evidence_ids, text))
    return figures


def summary(figures: Sequence[Figure]) -> tuple[float, float, float, float]:
    """Return means of evidence, answers' words and tokens, and the evidence for 1,000 tokens."""
    covered = statistics.mean(figure.evidence for figure in figures)
    answers = [figure.answer for figure in figures if figure.answer is not None]
    used = statistics.mean(figure.tokens for figure in figures)
    return (
        covered,
        statistics.mean(answers) if answers else 0.0,
        used,
        1_000 * covered / used if used else 0.0,
    )


def make_table(figures: Figures) -> Table:
    """Make the table of the figures."""
    table = Table(
        "conversations", "budget", "text", "evidence", "answer", "tokens", "for 1,000", "of hybrid"
    )
    for (part, budget, name), values in sorted(
        figures.items(), key=lambda item: (PARTS.index(item[0][0]), *item[0][1:])
    ):
        covered, answer, used, rate = summary(values)
        hybrid_rate = summary(figures[part, budget, "hybrid"])[-1]
        table.add_row(
            part,
            str(budget),
            name,
            f"{covered:.3f}",
            f"{answer:.3f}",
            f"{used:.0f}",
            f"{rate:.2f}",
            f"{rate / hybrid_rate:.2f}" if hybrid_rate else "",
        )
    return table


def make_results(figures: Figures) -> list[dict[str, object]]:
    """Return the figures as they are written to the file."""
    names = ("evidence", "answer", "tokens", "rate")
    return [
        {
            "part": part,
            "budget": budget,
            "text": text,
            **dict(zip(names, summary(values), strict=True)),
        }
        for (part, budget, text), values in figures.items()
    ]


def main() -> int:
    """Ask the questions, measure, and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--every", type=int, default=1, help="ask every N-th question only")
    parser.add_argument("--diversity", type=float, default=DIVERSITY)
    options = parser.parse_args()
    figures: Figures = defaultdict(list)
    for number, (namespace, sessions, sample) in enumerate(locomo(options.data)):
        with ContextPersistenceClient(
            options.database_url, namespace=namespace, config={"deadline": 300.0}
        ) as client:
            client.batch_save_conversations(sessions)
            ids = message_ids(sessions)
            questions = sample["qa"][:: options.every]
            chat_figures = measure(
                client, questions, ids, part=PARTS[number >= CHOSEN_BY], diversity=options.diversity
            )
            for key, values in chat_figures.items():
                figures[key].extend(values)
    Console(width=110).print(make_table(figures))
    write_result("context.json", make_results(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
