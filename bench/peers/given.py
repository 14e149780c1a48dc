"""What a peer is given, and what it gives back. Runs in the peer's own environment: numpy, and nothing of this project.

A chat has `name`, `texts` (each with `id`, `session`, `speaker`, `timestamp`, `content`, in order) and `questions`. Vectors are looked up by text.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

DEPTH = 10
Chat = dict[str, Any]
Search = Callable[[str], list[str]]


class Vectors:
    """The vectors that everybody uses, by text."""

    size = 384

    def __init__(self, folder: Path) -> None:
        self._rows = np.load(folder / "vectors.npy")
        self._places = {text: place for place, text in enumerate(json.loads((folder / "texts.json").read_text()))}

    def of(self, text: str) -> list[float]:
        """The vector of a text or a question; of any other, which some libraries try, one that is like nothing."""
        if text not in self._places:
            return [1.0] + [0.0] * (self.size - 1)
        found: list[float] = self._rows[self._places[text]].tolist()
        return found

    def of_all(self, texts: Iterable[str]) -> list[list[float]]:
        """The vectors of texts."""
        return [self.of(text) for text in texts]


def address() -> tuple[str, tuple[str, str]]:
    """Where the database is, and who may enter."""
    return os.environ["PEER_URI"], (os.environ["PEER_USER"], os.environ["PEER_PASSWORD"])


def chats(folder: Path) -> list[Chat]:
    """The chats."""
    found: list[Chat] = json.loads((folder / "chats.json").read_text())
    return found


def answer(work: Callable[[Chat, Vectors], Iterable[tuple[str, Search]]]) -> None:
    """Run a peer: `work` stores a chat and gives for each of its settings a search, from a question to ids, best first."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    vectors = Vectors(folder)
    with out.open("w", encoding="utf-8") as file:
        for chat in chats(folder):
            searches = list(work(chat, vectors))
            for number, question in enumerate(chat["questions"]):
                for setting, search in searches:
                    start = time.perf_counter()
                    ids = search(question)[:DEPTH]
                    seconds = time.perf_counter() - start
                    line = {"chat": chat["name"], "question": number, "setting": setting, "ids": ids, "seconds": seconds}
                    file.write(json.dumps(line) + "\n")
