"""neo4j-agent-memory without a language model: its short-term memory, by default and with the threshold taken away."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from given import DEPTH, Chat, Search, Vectors, address, answer
from neo4j_agent_memory import MemoryClient, MemorySettings, Neo4jConfig
from neo4j_agent_memory.config.settings import ExtractionConfig, ExtractorType
from pydantic import SecretStr

loop = asyncio.new_event_loop()


class Given:
    """The vectors that everybody uses, in both shapes that the library knows."""

    model = "all-MiniLM-L6-v2"

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self.dimensions = vectors.size

    async def embed(self, texts: str | Sequence[str]) -> Any:
        """The vector of a text, or the vectors of texts."""
        return self._vectors.of(texts) if isinstance(texts, str) else self._vectors.of_all(texts)

    async def embed_batch(self, texts: Sequence[str]) -> list[list[float]]:
        """The vectors of texts."""
        return self._vectors.of_all(texts)

    async def embed_one(self, text: str) -> list[float]:
        """The vector of a text."""
        return self._vectors.of(text)


async def stored(chat: Chat, vectors: Vectors) -> MemoryClient:
    """A client with nothing but this chat: its search takes no account of sessions, so what was there before goes."""
    url, (user, password) = address()
    settings = MemorySettings(
        neo4j=Neo4jConfig(uri=url, username=user, password=SecretStr(password)),
        embedding=Given(vectors),
        llm=None,
        extraction=ExtractionConfig(extractor_type=ExtractorType.NONE, enable_llm_fallback=False),
    )
    client = MemoryClient(settings)
    await client.connect()
    await client._client.execute_write("MATCH (n) DETACH DELETE n")
    for session in dict.fromkeys(one["session"] for one in chat["texts"]):
        turns = [one for one in chat["texts"] if one["session"] == session]
        messages = [{"role": "user", "content": one["content"], "metadata": {"turn": one["id"]}} for one in turns]
        await client.short_term.add_messages_batch(f"{chat['name']}-{session}", messages, extract_entities=False)
    return client


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store the chat, a session as a session."""
    client = loop.run_until_complete(stored(chat, vectors))

    def search(question: str, **more: Any) -> list[str]:
        found = loop.run_until_complete(client.short_term.search_messages(question, limit=DEPTH, **more))
        return [one.metadata["turn"] for one in found]

    return [("default (threshold 0.7)", search), ("threshold 0", lambda question: search(question, threshold=0.0))]


answer(work)
