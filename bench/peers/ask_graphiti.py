"""graphiti-core: each turn is written as a fact between two people, as its own writes would need a language model; its own search over facts, without a cross-encoder."""

import asyncio
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

os.environ.update(GRAPHITI_TELEMETRY_ENABLED="false", OPENAI_API_KEY="none", SEMAPHORE_LIMIT="2")

from given import DEPTH, Chat, Search, Vectors, address, answer
from graphiti_core import Graphiti
from graphiti_core.cross_encoder.client import CrossEncoderClient
from graphiti_core.edges import EntityEdge
from graphiti_core.embedder.client import EmbedderClient
from graphiti_core.nodes import EntityNode
from graphiti_core.search.search_config_recipes import EDGE_HYBRID_SEARCH_MMR, EDGE_HYBRID_SEARCH_RRF

loop = asyncio.new_event_loop()


class Given(EmbedderClient):
    """The vectors that everybody uses."""

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors

    async def create(self, input_data: Any) -> list[float]:
        """The vector of a text."""
        return self._vectors.of(input_data if isinstance(input_data, str) else input_data[0])

    async def create_batch(self, input_data_list: list[str]) -> list[list[float]]:
        """The vectors of texts."""
        return self._vectors.of_all(input_data_list)


class Nobody(CrossEncoderClient):
    """The recipes that are asked for have no cross-encoder."""

    async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
        """Is not called."""
        raise NotImplementedError


async def stored(chat: Chat, vectors: Vectors) -> tuple[Graphiti, dict[str, str]]:
    """The chat's people as nodes, its turns as facts between them; and the turn of each fact."""
    url, (user, password) = address()
    graph = Graphiti(url, user, password, embedder=Given(vectors), cross_encoder=Nobody())
    await graph.build_indices_and_constraints()
    group = chat["name"]
    names = list(dict.fromkeys(one["speaker"] for one in chat["texts"]))
    people = {
        name: EntityNode(
            name=name, group_id=group, labels=["Entity"], name_embedding=vectors.of(name), created_at=datetime.now(UTC)
        )
        for name in names
    }
    for person in people.values():
        await person.save(graph.driver)
    turns = {}
    for one in chat["texts"]:
        other = next((name for name in names if name != one["speaker"]), one["speaker"])
        fact = EntityEdge(
            source_node_uuid=people[one["speaker"]].uuid,
            target_node_uuid=people[other].uuid,
            group_id=group,
            name="SAID",
            fact=one["content"],
            fact_embedding=vectors.of(one["content"]),
            created_at=datetime.fromisoformat(one["timestamp"]),
            valid_at=datetime.fromisoformat(one["timestamp"]),
        )
        await fact.save(graph.driver)
        turns[fact.uuid] = one["id"]
    await graph.driver.execute_query("CALL db.awaitIndexes(300)")
    return graph, turns


def work(chat: Chat, vectors: Vectors) -> Iterable[tuple[str, Search]]:
    """Store the chat in a group of its own."""
    graph, turns = loop.run_until_complete(stored(chat, vectors))
    group = [chat["name"]]

    def plain(question: str) -> list[str]:
        found = loop.run_until_complete(graph.search(question, group_ids=group, num_results=DEPTH))
        return [turns[one.uuid] for one in found]

    def recipe(question: str, config: Any) -> list[str]:
        found = loop.run_until_complete(graph.search_(question, config=config, group_ids=group))
        return [turns[one.uuid] for one in found.edges]

    return [
        ("default (facts, RRF)", plain),
        ("facts, RRF recipe", lambda question: recipe(question, EDGE_HYBRID_SEARCH_RRF)),
        ("facts, MMR recipe", lambda question: recipe(question, EDGE_HYBRID_SEARCH_MMR)),
    ]


answer(work)
