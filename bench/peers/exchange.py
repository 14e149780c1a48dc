"""The peers' side: texts and questions with their vectors in, ranked ids out.

Runs in an environment of the peer's own, so it needs nothing but the standard library. A peer's module is started as
``python NAME.py INPUT OUTPUT`` with NEO4J_URI, NEO4J_USERNAME and NEO4J_PASSWORD set, and gives `serve` a function that stores the texts and
names its searches.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT = 10  # results that are asked for
WARM = 20  # questions that are asked before the clock counts


@dataclass(frozen=True, kw_only=True)
class Text:
    """A message: `session` orders the conversations, `time` is ISO 8601, `vector` has length one."""

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
    """The address of the server, and user and password."""
    return os.environ["NEO4J_URI"], (os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"])


def vectors(texts: Sequence[Text], questions: Sequence[Question]) -> dict[str, list[float]]:
    """Each text's vector, for peers that want to embed by themselves."""
    return {one.text: one.vector for one in (*texts, *questions)}


def serve(prepare: Prepare) -> None:
    """Store the texts, ask every question with every search, write a line per answer; a question that fails has an error for an answer."""
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
        found = list(search(question))
    except Exception as error:
        return {
            "ids": [],
            "seconds": None,
            "error": f"{type(error).__name__}: {error}".splitlines()[0][:300],
        }
    return {"ids": found, "seconds": time.perf_counter() - start}
