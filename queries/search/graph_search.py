"""Searching by the graph: the entities that a query names, and what lies around them."""

from collections.abc import Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.queries.search.filters import FIRST_MS, LAST_MS, Filters
from mcp_context_persistence.queries.search.query_terms import query
from mcp_context_persistence.queries.search.retrieval import there
from mcp_context_persistence.queries.search.score_fusion import coverage

CANDIDATES = 100  # entities that share a word with the query
STARTS = 10  # entities that a query can name
FAN = 50  # relationships that are followed from each entity
LINKED = 500  # entities that are looked at, and messages of each


def named(run: Run, *, namespace: str, words: Sequence[str]) -> list[dict[str, Any]]:
    """The entities that a query names, as starts for `around`: id, weight and the name that the query has of it, heaviest first.

    An entity is named when all the words of its name or of an alias are among the query's. Where none is, those that share words with the
    query stand in, with less weight.
    """
    if not words:
        return []
    text = query(namespace, [[build_token("kind", "entity")]], words)
    candidates = run(
        Statement(
            name="search/named",
            parameters={"batch": {"namespace": namespace, "text": text, "limit": CANDIDATES}},
            read=as_is,
        )
    )
    weighed = []
    for row in candidates:
        if row["id"] is not None:
            names = (row["name"] or row["id"], row["id"], *row["aliases"])
            share, count, name = max(
                ((*coverage(words, name), name) for name in names), key=lambda one: one[:2]
            )
            weighed.append((share, count, name, row))
    best = [one for one in weighed if one[0] == 1.0] or [one for one in weighed if one[0] > 0]
    longest = max((count for _, count, _, _ in best), default=1)
    starts = [
        {"id": row["id"], "weight": share * count / longest * row["confidence"], "name": name}
        for share, count, name, row in best
    ]
    starts.sort(key=lambda start: (-start["weight"], start["id"]))
    return starts[:STARTS]


def around(
    run: Run,
    *,
    namespace: str,
    starts: Sequence[dict[str, Any]],
    filters: Filters,
    limit: int,
    metadata: bool,
    explain: bool,
) -> list[Row]:
    """What lies around the starts, best first: rows of `search/around`."""
    if not starts:
        return []
    rows = run(
        Statement(
            name="search/around",
            parameters={
                "batch": {
                    "namespace": namespace,
                    "starts": list(starts),
                    "fan": FAN,
                    "linked": LINKED,
                    "kinds": list(filters.kinds),
                    "groups": filters.groups,
                    "bounded": filters.bounded,
                    "start_ms": FIRST_MS if filters.start_ms is None else filters.start_ms,
                    "end_ms": LAST_MS if filters.end_ms is None else filters.end_ms,
                    "confidence_min": filters.confidence_min or 0.0,
                    "limit": limit,
                    "metadata": metadata,
                    "explain": explain,
                }
            },
            read=as_is,
        )
    )
    return [row for row in rows if there(row)]
