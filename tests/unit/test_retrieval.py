from dataclasses import replace
from typing import Any

import numpy as np

from mcp_context_persistence.kg.vector_spaces import VectorSpace, VectorState
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.candidate import (
    Candidates,
    RetrieverCounts,
    read_candidates,
)
from mcp_context_persistence.queries.search.filters import NO_FILTERS, read_filters
from mcp_context_persistence.queries.search.retrieval import (
    FILTERED_CANDIDATES,
    GROWTH,
    KEYWORD_CANDIDATES,
    VECTOR_CANDIDATES,
    Depth,
    QueryVector,
    Retrieval,
)

DEPTH = Depth(vector_limit=VECTOR_CANDIDATES, keyword_limit=KEYWORD_CANDIDATES)


def build_retrieval(**changes: Any) -> Retrieval:
    vector = QueryVector(
        numbers=np.zeros(3, np.float32),
        vector_state=VectorState(active=VectorSpace(model="m", size=3, property_name="embedding")),
    )
    retrieval = Retrieval(
        namespace="n",
        filters=NO_FILTERS,
        vector=vector,
        terms=(),
        weights=score_fusion.HYBRID,
        limit=10,
        other_limit=10,
    )
    return replace(retrieval, **changes)


def test_the_vector_retriever_looks_deeper_even_where_splitting_by_kind_brought_the_same_rows() -> (
    None
):
    """Servers without SEARCH always search by kind, so both rounds return equally many rows."""
    counts = RetrieverCounts(rows=5 * VECTOR_CANDIDATES, matches=5)
    depths, rounds = [], 0
    retrieval = build_retrieval(weights=score_fusion.VECTOR_ONLY, limit=50)

    def run(statement: Any) -> list[Candidates]:
        nonlocal rounds
        rounds += 1
        batch = statement.parameters["batch"]
        depths.append((batch["open"], bool(batch["kinds"]), batch["vector_limit"]))
        return [Candidates(vector_counts=counts)]

    retrieval.retrieve(run, DEPTH)
    assert depths == [
        (True, False, VECTOR_CANDIDATES),
        (False, True, VECTOR_CANDIDATES),
        (False, True, GROWTH * VECTOR_CANDIDATES),
    ]


def test_where_the_index_filters_it_is_asked_for_more_than_is_kept() -> None:
    retrieval = build_retrieval(filters=read_filters({"role": "user"}))
    batch = retrieval.build_statement(DEPTH).parameters["batch"]
    assert batch["ranges"]
    assert (batch["vector_limit"], batch["index_limit"]) == (30, FILTERED_CANDIDATES)
    deep = build_retrieval().build_statement(replace(DEPTH, vector_limit=500))
    assert deep.parameters["batch"]["index_limit"] == 500


def test_no_cosines_are_calculated_where_the_vector_weight_is_0() -> None:
    without = build_retrieval(weights=score_fusion.KEYWORD_ONLY).build_statement(DEPTH)
    assert without.parameters["batch"]["cosine_window"] == -1
    assert build_retrieval().build_statement(DEPTH).parameters["batch"]["cosine_window"] == 1


def test_what_is_deleted_while_it_is_read_is_left_out() -> None:
    others = [
        {"id": None, "kind": "entity"},
        {"id": "e", "kind": "entity"},
        {"id": "d", "kind": None},
        {"id": "k", "kind": "document", "document_id": None},
    ]

    def message(message_id: str | None, conversation: str | None, position: int | None) -> Any:
        return [message_id, conversation, 0, "hi" * 5, None, 0.5, None, 0.1, True, [], position]

    messages = [
        message("b", "c", 1),
        message("a", "c", 0),
        message(None, None, None),
        message("b", None, None),
        message("d", "c", None),
    ]
    counts = ("scores", "min", "max", "rows", "matches", "messages")
    row: dict[str, Any] = {f"{name}_{part}": 0 for name in ("vector", "keyword") for part in counts}
    row |= {"messages": messages, "others": others, "scanned": 0, "revision": 1, "model": "m"}
    candidates = read_candidates(row, characters=8)
    assert [candidate.id for candidate in candidates.messages] == ["a", "b"]
    assert [candidate.id for candidate in candidates.others] == ["e"]
