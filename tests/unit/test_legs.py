from typing import Any

import numpy as np

from mcp_context_persistence.kg.vector_spaces import VectorSpace, VectorState
from mcp_context_persistence.queries.search import score_fusion
from mcp_context_persistence.queries.search.filters import Filters, parse
from mcp_context_persistence.queries.search.retrieval import (
    NEAREST,
    SURELY,
    WIDER,
    Plan,
    QueryVector,
)


def found(**counts: int) -> dict[str, Any]:
    none = {
        "meaning_rows": 0,
        "meaning_kept": 0,
        "meaning_messages": 0,
        "words_rows": 0,
        "words_kept": 0,
        "words_messages": 0,
    }
    return {**none, "scanned": 0, **counts}


def plan(**more: Any) -> Plan:
    given = QueryVector(
        numbers=np.zeros(3, np.float32),
        vectors=VectorState(active=VectorSpace(model="m", size=3, property_name="embedding")),
    )
    return Plan(
        **{
            "namespace": "n",
            "filters": Filters(),
            "arms": score_fusion.HYBRID,
            "words": (),
            "vector": given,
            "limit": 10,
            **more,
        }
    )


def test_a_leg_looks_further_even_where_looking_by_kind_brought_the_same_rows() -> None:
    """Servers without SEARCH always look by kind, so the second round returns as many rows as the first."""
    crowded = found(meaning_rows=5 * NEAREST, meaning_kept=5)
    apart = plan(arms=score_fusion.SEMANTIC, limit=50).next(crowded)
    assert apart is not None
    assert (apart.apart, apart.nearest) == (True, NEAREST)
    wider = apart.next(crowded)
    assert wider is not None
    assert wider.nearest == WIDER * NEAREST
    assert wider.next(crowded) is None


def test_where_the_index_filters_it_is_asked_for_more_than_is_kept() -> None:
    batch = plan(filters=parse({"role": "user"}), nearest=30).statement().parameters["batch"]
    assert batch["boxes"]
    assert (batch["nearest"], batch["looked"]) == (30, SURELY)
    assert plan(nearest=500).statement().parameters["batch"]["looked"] == 500


def test_nothing_is_compared_where_meaning_does_not_count() -> None:
    assert plan(arms=score_fusion.KEYWORD).statement().parameters["batch"]["compared"] == -1
    assert plan().statement().parameters["batch"]["compared"] == 1


def test_what_is_deleted_while_it_is_read_is_left_out() -> None:
    columns = ["id", "conversation_id", "position", "content"]
    others = [
        {"id": None, "kind": "entity"},
        {"id": "e", "kind": "entity"},
        {"id": "d", "kind": None},
        {"id": "k", "kind": "document", "document_id": None},
    ]
    messages = [
        ["a", "c", 0, "hi"],
        [None, None, None, None],
        ["b", None, None, None],
        ["d", "c", None, None],
    ]
    row = plan().statement().read({"columns": columns, "messages": messages, "others": others})
    assert [one["id"] for one in row["messages"]] == ["a"]
    assert [one["id"] for one in row["others"]] == ["e"]
