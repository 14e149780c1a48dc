"""The side of the peers: reads texts and questions with their vectors, writes ranked ids.

Runs in an environment of the peer's own, so it needs nothing but the standard library. A peer's
module is started as ``python -m bench.peers.NAME INPUT OUTPUT`` with NEO4J_URI, NEO4J_USERNAME and
NEO4J_PASSWORD set. It gives `serve` a function that stores the texts and returns its searches.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 10  # requested results
WARM = 20  # questions before those that are timed


@dataclass(frozen=True, kw_only=True)
class Text:
    """A message; `session` orders the conversations, `time` is ISO 8601, `vector` has length 1."""

    id: str
    text: str
    role: str
    speaker: str
    session: str
    time: str
    vector: list[float]


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question and its vector."""

    id: str
    text: str
    vector: list[float]


Search = Callable[[Question], Sequence[str]]
Prepare = Callable[[list[Text], list[Question]], dict[str, Search]]


def server() -> tuple[str, tuple[str, str]]:
    """Return the URL of the server, and user and password."""
    return os.environ["NEO4J_URI"], (os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"])


def vectors(texts: Sequence[Text], questions: Sequence[Question]) -> dict[str, list[float]]:
    """Return each text's vector, for peers that call an embedding model themselves."""
    items: list[Text | Question] = [*texts, *questions]
    return {item.text: item.vector for item in items}


def serve(prepare: Prepare) -> None:
    """Store the texts, ask every question with every search, and write a line for each answer.

    The answer of a question that fails is its error.
    """
    lines = [
        json.loads(line) for line in Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    ]
    texts = [Text(**line["text"]) for line in lines if "text" in line]
    questions = [Question(**line["question"]) for line in lines if "question" in line]
    start = time.perf_counter()
    searches = prepare(texts, questions)
    print(f"stored {len(texts)} texts in {time.perf_counter() - start:.1f} s", file=sys.stderr)
    with Path(sys.argv[2]).open("w", encoding="utf-8") as out:
        for settings, search in searches.items():
            for question in questions[:WARM]:
                with contextlib.suppress(Exception):
                    search(question)
            for question in questions:
                out.write(
                    json.dumps(
                        {"settings": settings, "question": question.id, **_ask(search, question)}
                    )
                    + "\n"
                )


def _ask(search: Search, question: Question) -> dict[str, object]:
    start = time.perf_counter()
    try:
        ids = list(search(question))
    except Exception as error:
        return {
            "ids": [],
            "seconds": None,
            "error": f"{type(error).__name__}: {error}".splitlines()[0][:300],
        }
    return {"ids": ids, "seconds": time.perf_counter() - start}
