"""neo4j-agent-memory without a language model: its search of messages, by vectors alone."""

import asyncio
from collections.abc import Sequence
from itertools import groupby

from neo4j_agent_memory import MemoryClient, MemorySettings
from neo4j_agent_memory.config.settings import ExtractionConfig, ExtractorType, Neo4jConfig

from bench.peers.exchange import LIMIT, Question, Search, Text, serve, server, vectors


class GivenVectors:
    """Returns the given vectors, as the library's EmbeddingProvider."""

    model = "all-MiniLM-L6-v2"
    dimensions = 384

    def __init__(self, vector_of: dict[str, list[float]]) -> None:
        self._vector_of = vector_of

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        """Return the texts' vectors."""
        return [self._vector_of[text] for text in texts]

    async def embed_one(self, text: str) -> list[float]:
        """Return one text's vector."""
        return self._vector_of[text]


async def store(client: MemoryClient, texts: list[Text]) -> None:
    """Store each session as one of the library's sessions, through its bulk call."""
    await client.connect()
    for session, messages in groupby(texts, key=lambda text: text.session):
        await client.short_term.add_messages_batch(
            session,
            [
                {
                    "role": message.role,
                    "content": message.text,
                    "metadata": {"source": message.id, "speaker": message.speaker},
                }
                for message in messages
            ],
        )


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """Return the searches.

    The messages have their own ids as metadata, because the library gives them new ones.
    """
    url, (user, password) = server()
    loop = asyncio.new_event_loop()
    client = MemoryClient(
        MemorySettings(
            neo4j=Neo4jConfig(uri=url, username=user, password=password),
            embedding=GivenVectors(vectors(texts, questions)),
            llm=None,
            extraction=ExtractionConfig(
                extractor_type=ExtractorType.NONE, enable_llm_fallback=False
            ),
        )
    )
    loop.run_until_complete(store(client, texts))

    def search(question: Question, **settings: object) -> list[str]:
        messages = loop.run_until_complete(
            client.short_term.search_messages(question.text, limit=LIMIT, **settings)
        )
        return [message.metadata["source"] for message in messages]

    return {
        "search_messages, threshold 0.7 (default)": search,
        "search_messages, threshold 0": lambda question: search(question, threshold=0.0),
    }


if __name__ == "__main__":
    serve(prepare)
