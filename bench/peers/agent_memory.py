"""neo4j-agent-memory without a language model: its search of messages, which is by vectors alone."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from exchange import LIMIT, Question, Search, Text, serve, server, vectors
from neo4j_agent_memory import MemoryClient, MemorySettings
from neo4j_agent_memory.config.settings import ExtractionConfig, ExtractorType, Neo4jConfig


class Known:
    """The vectors that are known, as the library's EmbeddingProvider."""

    model = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, found: dict[str, list[float]]) -> None:
        self._found = found

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """The texts' vectors."""
        return [self._found[text] for text in texts]

    async def embed_one(self, text: str) -> list[float]:
        """One text's vector."""
        return self._found[text]


async def store(client: MemoryClient, texts: list[Text]) -> None:
    """Each session as one of the library's sessions, through its bulk call."""
    await client.connect()
    for session, messages in groupby(texts, key=lambda one: one.session):
        await client.short_term.add_messages_batch(
            session,
            [
                {
                    "role": one.role,
                    "content": one.text,
                    "metadata": {"source": one.id, "speaker": one.speaker},
                }
                for one in messages
            ],
        )


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """The searches; messages carry their own ids as metadata, because the library gives them new ones."""
    address, (user, password) = server()
    loop = asyncio.new_event_loop()
    client = MemoryClient(
        MemorySettings(
            neo4j=Neo4jConfig(uri=address, username=user, password=password),
            embedding=Known(vectors(texts, questions)),
            llm=None,
            extraction=ExtractionConfig(
                extractor_type=ExtractorType.NONE, enable_llm_fallback=False
            ),
        )
    )
    loop.run_until_complete(store(client, texts))

    def search(question: Question, **settings: object) -> list[str]:
        found = loop.run_until_complete(
            client.short_term.search_messages(question.text, limit=LIMIT, **settings)
        )
        return [one.metadata["source"] for one in found]

    return {
        "search_messages, threshold 0.7 (default)": search,
        "search_messages, threshold 0": lambda question: search(question, threshold=0.0),
    }


if __name__ == "__main__":
    serve(prepare)
