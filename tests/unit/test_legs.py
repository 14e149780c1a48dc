from typing import Any

import numpy as np

from kg.spaces import Space, Vectors
from queries import fusion
from queries.filters import Filters
from queries.legs import NEAREST, WIDER, Plan, QueryVector


def found(**counts: int) -> dict[str, Any]:
    none = {"meaning_rows": 0, "meaning_kept": 0, "meaning_messages": 0, "words_rows": 0, "words_kept": 0, "words_messages": 0}
    return {**none, "scanned": 0, **counts}


def test_a_leg_looks_further_even_where_looking_by_kind_brought_the_same_rows() -> None:
    """Servers without SEARCH always look by kind, so the second round returns as many rows as the first."""
    given = QueryVector(numbers=np.zeros(3, np.float32), vectors=Vectors(space=Space(model="m", size=3, vectors="embedding")))
    plan = Plan(namespace="n", filters=Filters(), arms=fusion.SEMANTIC, words=(), vector=given, limit=50)
    crowded = found(meaning_rows=5 * NEAREST, meaning_kept=5)
    apart = plan.next(crowded)
    assert apart is not None
    assert (apart.apart, apart.nearest) == (True, NEAREST)
    wider = apart.next(crowded)
    assert wider is not None
    assert wider.nearest == WIDER * NEAREST
    assert wider.next(crowded) is None
