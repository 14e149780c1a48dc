"""graphiti-core: its own search, with reciprocal rank fusion, over messages written as its facts and as its episodes.

It writes with a language model; here the messages stand in for the facts that the model would have written, word for word, each an edge between
the two speakers, and the episodes hold them as they are.
"""

import asyncio
import os
from collections.abc import Iterable
from datetime import datetime

from exchange import LIMIT, Question, Search, Text, serve, server, vectors

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


class Known(EmbedderClient):
    """The vectors that are known, as the library's embedder."""

    def __init__(self, found: dict[str, list[float]]) -> None:
        self._found = found

    async def create(
        self, input_data: str | list[str] | Iterable[int] | Iterable[Iterable[int]]
    ) -> list[float]:
        """The text's vector."""
        return self._found[input_data if isinstance(input_data, str) else next(iter(input_data))]


class NoModel(LLMClient):
    """No language model."""

    async def _generate_response(self, *_: object, **__: object) -> dict[str, object]:
        raise NotImplementedError("these searches ask no language model")


class NoEncoder(CrossEncoderClient):
    """No cross-encoder."""

    async def rank(self, query: str, passages: list[str]) -> list[tuple[str, float]]:
        """Not asked for."""
        raise NotImplementedError("these searches ask no cross-encoder")


async def store(graph: Graphiti, texts: list[Text]) -> None:
    """Two speakers, a fact and an episode per message, through the library's bulk writer."""
    await graph.build_indices_and_constraints()
    zero = [1.0] + [0.0] * 383
    speakers = {
        name: EntityNode(name=name, group_id=GROUP, name_embedding=zero)
        for name in dict.fromkeys(one.speaker for one in texts)
    }
    other = dict(zip(speakers, reversed(speakers), strict=True))
    episodes, facts = [], []
    for one in texts:
        when = datetime.fromisoformat(one.time)
        source, target = speakers[one.speaker].uuid, speakers[other[one.speaker]].uuid
        both = {"uuid": one.id, "group_id": GROUP, "created_at": when, "valid_at": when}
        episodes.append(
            EpisodicNode(
                name=one.id,
                source=EpisodeType.message,
                source_description="chat",
                content=one.text,
                **both,
            )
        )
        facts.append(
            EntityEdge(
                name="SAID",
                fact=one.text,
                fact_embedding=one.vector,
                source_node_uuid=source,
                target_node_uuid=target,
                episodes=[one.id],
                **both,
            )
        )
    await add_nodes_and_edges_bulk(
        graph.driver, episodes, [], list(speakers.values()), facts, graph.embedder
    )
    await graph.driver.execute_query("CALL db.awaitIndexes(300)")


def prepare(texts: list[Text], questions: list[Question]) -> dict[str, Search]:
    """The searches."""
    address, (user, password) = server()
    loop = asyncio.new_event_loop()
    known = Known(vectors(texts, questions))

    async def connect() -> Graphiti:
        graph = Graphiti(
            address,
            user,
            password,
            llm_client=NoModel(LLMConfig()),
            embedder=known,
            cross_encoder=NoEncoder(),
        )
        await store(graph, texts)
        return graph

    graph = loop.run_until_complete(connect())

    def ask(question: Question, config: SearchConfig) -> list[str]:
        found = loop.run_until_complete(
            graph.search_(question.text, config, group_ids=[GROUP], query_vector=question.vector)
        )
        return [one.uuid for one in (*found.edges, *found.episodes)]

    rrf, mmr = (
        one.model_copy(deep=True, update={"limit": LIMIT})
        for one in (EDGE_HYBRID_SEARCH_RRF, EDGE_HYBRID_SEARCH_MMR)
    )
    wide = rrf.model_copy(deep=True)
    wide.edge_config.sim_min_score = 0.0
    near = mmr.model_copy(deep=True)
    near.edge_config.mmr_lambda = 1.0
    words = SearchConfig(
        episode_config=EpisodeSearchConfig(
            search_methods=[EpisodeSearchMethod.bm25], reranker=EpisodeReranker.rrf
        ),
        limit=LIMIT,
    )
    return {
        "facts, EDGE_HYBRID_SEARCH_RRF (default)": lambda question: ask(question, rrf),
        "facts, EDGE_HYBRID_SEARCH_RRF, no least similarity": lambda question: ask(question, wide),
        "facts, EDGE_HYBRID_SEARCH_MMR": lambda question: ask(question, mmr),
        "facts, EDGE_HYBRID_SEARCH_MMR, lambda 1 (as in the combined recipe)": lambda question: ask(
            question, near
        ),
        "episodes, BM25": lambda question: ask(question, words),
    }


if __name__ == "__main__":
    serve(prepare)
