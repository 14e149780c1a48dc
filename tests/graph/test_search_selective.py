"""Searches of which filters leave little, arms that are turned off, and searches beside writers."""

import threading
import time
import uuid
from dataclasses import replace

import numpy as np
import pytest

from mcp_context_persistence import ContextPersistenceClient
from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.queries.search import hybrid_search, search_modes
from mcp_context_persistence.queries.search.filters import read_filters
from mcp_context_persistence.queries.search.query_terms import extract_terms
from mcp_context_persistence.queries.search.recipes import read_recipe
from mcp_context_persistence.queries.search.request import SearchRequest
from mcp_context_persistence.queries.search.retrieval import QueryVector
from tests.conftest import RUN

CONVERSATIONS, MESSAGES = 30, 100


def direction(seed):
    vector = np.random.default_rng(seed).standard_normal(384).astype(np.float32)
    return vector / np.linalg.norm(vector)


def fill(client, *, conversations=CONVERSATIONS, towards=None):
    """Save conversations of similar messages, of which one in a hundred passes the filters."""
    random = np.random.default_rng(3)
    common = (
        np.zeros(384, np.float32) if towards is None else 20 * direction(towards)
    )  # as long as what is added
    for number in range(conversations):
        special = number == 7
        client.save_conversation(
            f"c{number}",
            [
                {
                    "id": f"{number}:{place}",
                    "role": "system" if place == 50 else "user",
                    "content": "The apples of the garden are green, "
                    f"says number {place} of {number}",
                    "timestamp": f"2024-01-{number + 1:02}T10:{place // 60:02}:{place % 60:02}",
                    "metadata": {"rare": 1, "tags": ["odd"]} if place == 50 else None,
                }
                for place in range(MESSAGES)
            ],
            mode="conversation",
            embeddings=random.standard_normal((MESSAGES, 384)).astype(np.float32) + common,
            metadata={"project": "special" if special else "plain"},
        )


@pytest.fixture(scope="module")
def many(server):
    """A client whose namespace has many messages; tests may add others."""
    namespace = f"{RUN}{uuid.uuid4().hex[:12]}"
    with ContextPersistenceClient(server.bolt_url, auth=server.auth, namespace=namespace) as client:
        fill(client)
        yield client


def build_search_context(client, seed=0):
    engine = client._engine
    vector = QueryVector(
        numbers=direction(seed), vector_state=engine.embeddings.current().vector_state
    )
    return hybrid_search.SearchContext(
        run=engine.graph.run, namespace=engine.namespace, vector=vector
    )


def order_exactly(client, conversation_id, *, limit):
    rows = client._engine.graph.driver.execute_query(
        "MATCH (m:Message {namespace: $namespace, conversation_id: $id}) "
        "RETURN m.id AS id ORDER BY vector.similarity.cosine(m.embedding, $vector) DESC "
        "LIMIT $limit",
        namespace=client.namespace,
        id=conversation_id,
        vector=direction(0).tolist(),
        limit=limit,
    ).records
    return [row["id"] for row in rows]


def build_request(query="green apples", **more):
    return SearchRequest(query=query, terms=extract_terms(query), now_ms=0, **more)


def search(client, *, seed=0, **more):
    answer = search_modes.search(build_search_context(client, seed), build_request(**more))
    return [result.scored for result in answer.results]


def test_a_filter_that_leaves_one_in_a_hundred_leaves_as_many_as_are_asked_for(many):
    one_in_a_hundred = (
        {"conversation_id": "c7"},
        {"role": "system"},
        {"project": "special"},
        {"date_range": {"start": "2024-01-08", "end": "2024-01-08"}},
        {"metadata.rare": 1},
        {"tags": "odd"},
    )
    for given in one_in_a_hundred:
        for mode in ("hybrid", "semantic", "keyword"):
            filters = read_filters({**given, "content_types": "message"})
            found = search(many, mode=mode, filters=filters, limit=25)
            assert len(found) == 25, (given, mode)
            places = {tuple(one.candidate.id.split(":")) for one in found}
            assert all(conversation == "7" or place == "50" for conversation, place in places), (
                given,
                mode,
            )
    # The nearest are found, not just any: as an exact comparison orders them.
    filters = read_filters({"conversation_id": "c7"})
    found = search(many, mode="semantic", filters=filters, limit=25)
    assert {one.candidate.id for one in found} == set(order_exactly(many, "c7", limit=25))


def test_messages_that_mention_a_rare_type_are_found_among_many(many):
    many.update_knowledge_graph([{"id": "quince", "type": "fruit"}], [])
    texts = [
        {
            "id": f"q{n}",
            "role": "user",
            "content": f"The quince of the garden is green, says number {n}",
        }
        for n in range(12)
    ]
    many.save_conversation("quinces", texts)
    filters = {"entity_types": "fruit", "content_types": "message"}
    for mode in ("hybrid", "semantic", "keyword", "graph"):
        found = many.search_hybrid(
            "green garden quince", mode=mode, filters=filters, limit=10
        ).results
        assert len(found) == 10, mode
        assert all(one.id.startswith("q") for one in found)


def test_a_weight_of_0_leaves_no_influence_on_the_order(client):
    fill(client, conversations=3)
    client.save_decision("c1", "apples", "Green apples", "Keep the green apples of the garden")

    def order(weight, **more):
        recipe = read_recipe({"weights": {weight: 0}, "entity_candidates": 10})
        found = search(client, recipe=recipe, limit=40, **more)
        return [(one.candidate.id, one.score) for one in found]

    first = order("vector", seed=1)
    assert len(first) == 40
    for seed in (2, 3):
        assert order("vector", seed=seed) == first
    first = order("keyword", query="green apples")
    assert len(first) == 40
    for query in ("number", "garden says"):
        assert order("keyword", query=query) == first


def test_the_time_that_is_named_is_looked_at_on_older_servers_too(old_server):
    fill(
        old_server, conversations=12, towards=0
    )  # nearer to the query than what other tests leave in the server
    narrow = read_recipe(
        {
            "vector_candidates": 1,
            "keyword_candidates": 1,
            "neighbor_window": 0,
            "weights": {"keyword": 0},
        }
    )
    graph = old_server._engine.graph
    request = build_request(
        query="what was on 5 January 2024?",
        recipe=narrow,
        filters=read_filters({"content_types": "message"}),
        limit=8,
    )
    found = []
    servers = graph.server, replace(graph.server, dialect="25")
    for graph._server in servers:
        candidates, _, _ = hybrid_search.retrieve_candidates(
            build_search_context(old_server), request, request.recipe, depth=8
        )
        found.append({one.id for one in candidates.messages if one.conversation_id == "c4"})
    assert len(found[0]) == len(found[1]) == 8
    nearest = set(order_exactly(old_server, "c4", limit=8))
    assert all(len(nearest & ids) >= 6 for ids in found)  # an index may miss some of them


class Threads:
    """Repeats each task on its own thread until the time is over or a task fails."""

    def __init__(self, *, seconds):
        self._end = time.monotonic() + seconds
        self._wrong = []

    def run(self, works):
        threads = [threading.Thread(target=self._again, args=(work,)) for work in works]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        if self._wrong:
            raise self._wrong[0]

    def _again(self, work):
        while time.monotonic() < self._end and not self._wrong:
            try:
                work()
            except Exception as error:
                if not (isinstance(error, ContextPersistenceError) and error.retryable):
                    self._wrong.append(error)


def test_searches_beside_deletions_answer(client):
    fill(client, conversations=3)

    def look(mode):
        found = client.search_hybrid(
            "green apples of the garden", mode=mode, limit=50, recipe="precise", explain=True
        ).results
        assert all(hit.id and hit.type for hit in found)

    def replace():
        texts = [
            {"role": "user", "content": f"Green apples of the garden, {time.monotonic_ns()}"}
            for _ in range(50)
        ]
        client.save_conversation("c1", texts, mode="conversation", replace=True)

    def delete():
        client._engine.graph.driver.execute_query(
            "MATCH (m:Message {namespace: $n, conversation_id: 'c2'}) "
            "WITH m LIMIT 5 DETACH DELETE m",
            n=client.namespace,
        )

    modes = ("hybrid", "semantic", "keyword", "graph")
    Threads(seconds=4).run([*(lambda mode=mode: look(mode) for mode in modes), replace, delete])
