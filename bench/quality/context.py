"""How much evidence a text for a prompt has for its length, against the best messages one after the other.

    python -m bench.quality.context DATA [--database-url URL] [--every N] [--diversity D]

For each question of LoCoMo (or for every N-th): `build_context` with several budgets, and the messages of `search_hybrid` and of its mode `semantic`, best
first, as many as fit the same budget. Shown are the share of the evidence that is in the text, the share of the answer's words that are, the tokens, the
evidence for 1,000 tokens, and how many times that of the best messages of `hybrid` it is; once for the conversations by which the constants of
`queries.prompt_context.builder` were chosen, and once for the others. Writes bench/results/context.json.
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
from mcp_context_persistence.queries.prompt_context.builder import DIVERSITY
from mcp_context_persistence.queries.search.query_terms import extract_terms, stem, tokenize

BUDGETS = (250, 500, 1_000)
DEEP = 50
CHOSEN_BY = 3  # conversations
PARTS = ("chosen by", "others")
ONLY = {"content_types": "message"}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """What one text has: shares of the evidence and of the answer's words (None where the answer has none), and its tokens."""

    evidence: float
    answer: float | None
    tokens: int


Figures = defaultdict[tuple[str, int, str], list[Figure]]


def fitting(found: Sequence[tuple[str, str, int]], budget: int) -> tuple[set[str], str, int]:
    """The best messages that fit the budget: their ids, their texts and their tokens."""
    shown, texts, used = set[str](), list[str](), 0
    for one, text, size in found:
        if used + size > budget:
            break
        shown.add(one)
        texts.append(text)
        used += size
    return shown, "\n".join(texts), used


def figure(
    question: Mapping[str, Any], wanted: set[str], text: tuple[set[str], str, int]
) -> Figure:
    """Judges one text."""
    shown, said, used = text
    answer = set(map(stem, extract_terms(str(question.get("answer") or "")).words))
    share = len(answer & set(map(stem, tokenize(said)))) / len(answer) if answer else None
    return Figure(evidence=len(wanted & shown) / len(wanted), answer=share, tokens=used)


def measure(
    client: ContextPersistenceClient,
    questions: Sequence[Mapping[str, Any]],
    ids: set[str],
    *,
    part: str,
    diversity: float,
) -> Figures:
    """The figures of one chat."""
    count = client._engine.embeddings.current().embedder.count_tokens
    figures: Figures = defaultdict(list)
    for question in questions:
        wanted = evidence(dict(question)) & ids
        if not wanted:
            continue
        plain = {}
        for mode in ("hybrid", "semantic"):
            found = client.search_hybrid(
                question["question"], mode=mode, limit=DEEP, filters=ONLY
            ).results
            sizes = count([one.content for one in found])
            plain[mode] = [
                (one.id, one.content, size + 1) for one, size in zip(found, sizes, strict=True)
            ]
        for budget in BUDGETS:
            made = client.build_context(
                question["question"], budget, filters=ONLY, diversity=diversity
            )
            texts = {mode: fitting(found, budget) for mode, found in plain.items()}
            texts["build_context"] = {one.id for one in made.citations}, made.text, made.tokens
            for name, text in texts.items():
                figures[part, budget, name].append(figure(question, wanted, text))
    return figures


def summary(figures: Sequence[Figure]) -> tuple[float, float, float, float]:
    """Mean evidence, mean share of the answers' words, mean tokens, and evidence for 1,000 tokens."""
    covered = statistics.mean(one.evidence for one in figures)
    answers = [one.answer for one in figures if one.answer is not None]
    used = statistics.mean(one.tokens for one in figures)
    return (
        covered,
        statistics.mean(answers) if answers else 0.0,
        used,
        1_000 * covered / used if used else 0.0,
    )


def shown(figures: Figures) -> Table:
    """The table of it."""
    table = Table(
        "conversations", "budget", "text", "evidence", "answer", "tokens", "for 1,000", "of hybrid"
    )
    for (part, budget, name), found in sorted(
        figures.items(), key=lambda one: (PARTS.index(one[0][0]), *one[0][1:])
    ):
        covered, answer, used, rate = summary(found)
        plain = summary(figures[part, budget, "hybrid"])[-1]
        table.add_row(
            part,
            str(budget),
            name,
            f"{covered:.3f}",
            f"{answer:.3f}",
            f"{used:.0f}",
            f"{rate:.2f}",
            f"{rate / plain:.2f}" if plain else "",
        )
    return table


def kept(figures: Figures) -> list[dict[str, object]]:
    """The same as it is written down."""
    names = ("evidence", "answer", "tokens", "rate")
    return [
        {
            "part": part,
            "budget": budget,
            "text": text,
            **dict(zip(names, summary(found), strict=True)),
        }
        for (part, budget, text), found in figures.items()
    ]


def main() -> int:
    """Ask, count, show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--every", type=int, default=1, help="ask every so manieth question only")
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
            found = measure(
                client, questions, ids, part=PARTS[number >= CHOSEN_BY], diversity=options.diversity
            )
            for key, values in found.items():
                figures[key].extend(values)
    Console(width=110).print(shown(figures))
    write_result("context.json", kept(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
