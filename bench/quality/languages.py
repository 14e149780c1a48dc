"""Measure the search in languages other than English, on texts that were written for this project.

    python -m bench.quality.languages [--database-url URL] [--languages de fr ...] [--half dev]

`bench/data/search_LANGUAGE_messages.jsonl` has the messages of one chat, and the file of questions
the messages that answer each. R@10 is the share of these among the first ten. The half `kept` is
for checks only: nothing was chosen by it.
"""

import argparse
import statistics
import sys
from collections import defaultdict
from pathlib import Path

from bench.files import read_lines, write_result
from mcp_context_persistence import ContextPersistenceClient

FOLDER = Path(__file__).resolve().parents[1] / "data"
LANGUAGES = ("de", "fr", "es", "ja", "zh")
MODES = ("keyword", "semantic", "hybrid")
DEPTH = 10
CONVERSATION_MESSAGES = 30


def measure(
    language: str, half: str, database_url: str, *, max_questions: int | None = None
) -> dict[str, float]:
    """Return R@10 of each mode for the questions of a language."""
    messages = read_lines(FOLDER / f"search_{language}_messages.jsonl")
    questions = [
        question
        for question in read_lines(FOLDER / f"search_{language}_questions.jsonl")
        if question["half"] == half
    ]
    shares: defaultdict[str, list[float]] = defaultdict(list)
    with ContextPersistenceClient(database_url, namespace=f"language-{language}") as client:
        for start in range(0, len(messages), CONVERSATION_MESSAGES):
            client.save_conversation(
                conversation_id=f"{language}-{start}",
                mode="conversation",
                messages=[
                    {"id": message["id"], "role": message["role"], "content": message["text"]}
                    for message in messages[start : start + CONVERSATION_MESSAGES]
                ],
            )
        for question in questions[:max_questions]:
            gold = set(question["evidence"])
            for mode in MODES:
                answer = client.search_hybrid(
                    question["question"],
                    mode=mode,
                    limit=DEPTH,
                    filters={"content_types": ["message"]},
                )
                ids = {result.id for result in answer.results}
                shares[mode].append(len(gold & ids) / len(gold))
    return {mode: statistics.mean(shares[mode]) for mode in MODES}


def main() -> int:
    """Measure each language, print the figures, and write them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--database-url", default=":memory:")
    parser.add_argument("--languages", nargs="+", default=LANGUAGES)
    parser.add_argument("--half", choices=("dev", "kept"), default="dev")
    parser.add_argument("--questions", type=int, help="how many of each language, by default all")
    options = parser.parse_args()
    figures = {}
    for language in options.languages:
        figures[language] = measure(
            language, options.half, options.database_url, max_questions=options.questions
        )
        shares = "  ".join(f"{mode} {share:.3f}" for mode, share in figures[language].items())
        print(f"{language}  {shares}", flush=True)
    write_result(f"languages_{options.half}.json", figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
