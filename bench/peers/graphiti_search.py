"""graphiti-core: its own search over messages that are stored as its facts and as its episodes.

Graphiti extracts facts with a language model. Here each message is stored as a fact instead, word
for word, as an edge between the two speakers; the episodes have the messages too.
"""

import asyncio
import os
from collections.abc import Iterable
from datetime import datetime

from bench.peers.exchange import LIMIT, Question, Search, Text, serve, server, vectors

os.environ["EMBEDDING_DIM"] = "384"

from graphiti_core import Graphiti
from graphiti_core.cross_encoder.client import CrossEncoderClient
from graphiti_core.edges import EntityEdge
from graphiti_core.embedder.client import EmbedderClient
from graphiti_core.llm_client.client import LLMClient
from graphiti_core.llm_client.config import LLMConfig
from graphiti_core.nodes import EntityNode, EpisodeType, EpisodicNode
from graphiti_core.search.search_config import (
    EpisodeReranker,
    EpisodeSearchConfig,
    EpisodeSearchMethod,
    SearchConfig,
)
from graphiti_core.search.search_config_recipes import (
    EDGE_HYBRID_SEARCH_MMR,
    EDGE_HYBRID_SEARCH_RRF,
)
from graphiti_core.utils.bulk_utils import add_nodes_and_edges_bulk

GROUP = "chat"


class GivenVectors(EmbedderClient):
    """Returns the given vectors, as the library's embedder."""

    def __init__(self, vector_of: dict[str, list[float]]) -> None:
        self._vector_of = vector_of

    async def create(
        self, input_data: str | list[str] | Iterable[int] | Iterable[Iterable[int]]
    ) -> list[float]:
        """Return the text's vector."""
        text = input_data if isinstance(input_data, str) else next(iter(input_data))
        return self._vector_of[str(text)]


class NoModel(LLMClient):
    """Refuses to be asked: there is no language model."""

    async def _generate_response(self, *_: object, **__: object) -> dict[str, object]:
        raise NotImplementedError("these searches ask no language model")


class NoEncoder(CrossEncoderClient):
    """Refuses to be asked: there is no cross-encoder."""

    async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
        """Raise an error."""
        raise NotImplementedError("these searches ask no cross-encoder")


async def store(graph: Graphiti, texts: list[Text]) -> None:
    """Store two speakers, and a fact and an episode per message, through the bulk writer."""
    await graph.build_indices_and_constraints()
    zero = [1.0] + [0.0] * 383
    speakers = {
        name: EntityNode(name=name, group_id=GROUP, name_embedding=zero)
        for name in dict.fromkeys(text.speaker for text in texts)
    }
    listener_of = dict(zip(speakers, reversed(speakers), strict=True))
    episodes, facts = [], []
    for text in texts:
        time = datetime.fromisoformat(text.time)
        source, target = speakers[text.speaker].uuid, speakers[listener_of[text.speaker]].uuid
        fields = {"uuid": text.id, "group_id": GROUP, "created_at": time, "valid_at": time}
        episodes.append(
            EpisodicNode(
                name=text.id,
                source=EpisodeType.message,
                source_description="chat",
                content=text.text,
                **fields,
            )
        )
        facts.append(
            EntityEdge(
                name="SAID",
                fact=text.text,
                fact_embedding=text.vector,
                source_node_uuid=source,
                target_node_uuid=target,
                episodes=[text.id],
                **fields,
            )
        )
    await add_nodes_and_edges_bulk(
        graph.driver, episodes, [], list(speakers.values()), facts, graph.embedder
    )
    await graph.driver.execute_query("CALL db.awaitIndexes(300)")


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """Return the searches."""
    url, (user, password) = server()
    loop = asyncio.new_event_loop()
    embedder = GivenVectors(vectors(texts, questions))

    async def connect() -> Graphiti:
        graph = Graphiti(
            url,
            user,
            password,
            llm_client=NoModel(LLMConfig()),
            embedder=embedder,
            cross_encoder=NoEncoder(),
        )
        await store(graph, texts)
        return graph

    graph = loop.run_until_complete(connect())

    def ask(question: Question, config: SearchConfig) -> list[str]:
        answer = loop.run_until_complete(
            graph.search_(question.text, config, group_ids=[GROUP], query_vector=question.vector)
        )
        return [item.uuid for item in (*answer.edges, *answer.episodes)]

    rrf, mmr = (
        recipe.model_copy(deep=True, update={"limit": LIMIT})
        for recipe in (EDGE_HYBRID_SEARCH_RRF, EDGE_HYBRID_SEARCH_MMR)
    )
    unlimited = rrf.model_copy(deep=True)
    unlimited.edge_config.sim_min_score = 0.0
    only_relevance = mmr.model_copy(deep=True)
    only_relevance.edge_config.mmr_lambda = 1.0
    words = SearchConfig(
        episode_config=EpisodeSearchConfig(
            search_methods=[EpisodeSearchMethod.bm25], reranker=EpisodeReranker.rrf
        ),
        limit=LIMIT,
    )
    return {
        "facts, EDGE_HYBRID_SEARCH_RRF (default)": lambda question: ask(question, rrf),
        "facts, EDGE_HYBRID_SEARCH_RRF, no least similarity": lambda question: ask(
            question, unlimited
        ),
        "facts, EDGE_HYBRID_SEARCH_MMR": lambda question: ask(question, mmr),
        "facts, EDGE_HYBRID_SEARCH_MMR, lambda 1 (as in the combined recipe)": lambda question: ask(
            question, only_relevance
        ),
        "episodes, BM25": lambda question: ask(question, words),
    }


if __name__ == "__main__":
    serve(prepare)
