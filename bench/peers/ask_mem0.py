"""mem0 without a language model (infer=False), on its vector store in the process."""

import os
import tempfile
from collections.abc import Iterable

os.environ.update(MEM0_TELEMETRY="False", MEM0_DIR=tempfile.mkdtemp(), OPENAI_API_KEY="none")

from given import DEPTH, Chat, Search, Vectors, answer
from mem0 import Memory


class Given:
    """The vectors that everybody uses."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    def embed(self, text: str, memory_action: str | None = None) -> list[float]:
        """The vector of a text."""
        return self._vectors.of(text)

    def embed_batch(self, texts: list[str], memory_action: str | None = None) -> list[list[float]]:
        """The vectors of texts."""
        return self._vectors.of_all(texts)


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store each turn as a memory of one user."""
    place = {"path": tempfile.mkdtemp(), "embedding_model_dims": vectors.size, "collection_name": "turns"}
    memory = Memory.from_config({"vector_store": {"provider": "qdrant", "config": place}})
    memory.embedding_model = Given(vectors)
    for one in chat["texts"]:
        memory.add(one["content"], user_id="ann", metadata={"turn": one["id"]}, infer=False)

    def search(question: str, **more: object) -> list[str]:
        found = memory.search(question, filters={"user_id": "ann"}, top_k=DEPTH, **more)
        return [one["metadata"]["turn"] for one in found["results"]]

    return [("default", search), ("threshold 0", lambda question: search(question, threshold=0.0))]


answer(work)
