"""The graph retriever: the entities that a query names, and what is near them in the graph."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import build_token
from mcp_context_persistence.kg.text.stemming import stem
from mcp_context_persistence.queries.search.candidate import (
    Candidate,
    is_present,
    read_candidate,
)
from mcp_context_persistence.queries.search.filters import Filters
from mcp_context_persistence.queries.search.query_terms import (
    QueryTerms,
    build_keyword_query,
)
from mcp_context_persistence.queries.search.score_fusion import measure_coverage

NAME_MATCHES = 100  # entities that share a word with the query
MAX_STARTS = 10  # entities that a query can name
FAN = 50  # relationships that are followed from each entity
MAX_ENTITIES = 500  # entities whose messages are read
MESSAGES_PER_ENTITY = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class StartEntity:
    """An entity that the query names.

    Attributes:
        id: Its id.
        weight: How fully the query names it, times its confidence.
        name: Its name in the query.
    """

    id: str
    weight: float
    name: str


@dataclass(frozen=True, kw_only=True, slots=True)
class GraphMatch:
    """A candidate that is near entities which the query names.

    Attributes:
        candidate: The candidate.
        score: How certain it is, 0 to 1.
        through: The names of the entities that lead to it, the strongest first.
        path: The relationships on the way, where explanations are requested.
        start_name: The name of the path's first entity in the query.
    """

    candidate: Candidate
    score: float
    through: Sequence[str]
    path: Sequence[Row] = ()
    start_name: str | None = None


def search_graph(
    run: Run,
    *,
    namespace: str,
    terms: QueryTerms,
    filters: Filters,
    limit: int,
    metadata: bool,
    explain: bool,
) -> list[GraphMatch]:
    """Find messages and entities near the entities that a query names, best first.

    Args:
        run: Runs a statement and returns its rows.
        namespace: Name of the namespace.
        terms: The informative words of the query.
        filters: What may be returned.
        limit: Matches at most.
        metadata: Whether candidates carry their metadata.
        explain: Whether matches carry their paths.
    """
    starts = find_start_entities(run, namespace=namespace, terms=terms)
    if not starts:
        return []
    batch = {
        "namespace": namespace,
        "starts": [{"id": start.id, "weight": start.weight} for start in starts],
        "fan": FAN,
        "max_entities": MAX_ENTITIES,
        "messages_per_entity": MESSAGES_PER_ENTITY,
        "kinds": list(filters.kinds),
        **filters.bounds,
        "limit": limit,
        "metadata": metadata,
        "explain": explain,
    }
    rows = run(Statement(name="search/near_entities", parameters={"batch": batch}, read=as_is))
    names = {start.id: start.name for start in starts}
    return [_read_match(row, names) for row in rows if is_present(row)]


def find_start_entities(run: Run, *, namespace: str, terms: QueryTerms) -> list[StartEntity]:
    """Find the entities that a query names, the heaviest first.

    An entity is named when the query has all the words of its name or of an alias. Where no entity
    is named, those that share words with the query are returned instead, with less weight.
    """
    if not terms.words:
        return []
    groups = [[build_token("namespace", namespace)], [build_token("kind", "entity")]]
    batch = {
        "namespace": namespace,
        "text": build_keyword_query(groups, terms.index_terms),
        "limit": NAME_MATCHES,
    }
    query_stems = frozenset(map(stem, terms.words))
    coverages: list[tuple[float, int, str, Mapping[str, Any]]] = []
    for row in run(
        Statement(name="search/entities_by_words", parameters={"batch": batch}, read=as_is)
    ):
        if row["id"] is not None:
            names = (row["name"] or row["id"], row["id"], *row["aliases"])
            share, count, name = max(
                ((*measure_coverage(query_stems, name), name) for name in names),
                key=lambda coverage: coverage[:2],
            )
            coverages.append((share, count, name, row))
    best = [entry for entry in coverages if entry[0] == 1.0] or [
        entry for entry in coverages if entry[0] > 0
    ]
    longest = max((count for _, count, _, _ in best), default=1)
    starts = [
        StartEntity(id=row["id"], weight=share * count / longest * row["confidence"], name=name)
        for share, count, name, row in best
    ]
    starts.sort(key=lambda start: (-start.weight, start.id))
    return starts[:MAX_STARTS]


def _read_match(row: Row, names: Mapping[str, str]) -> GraphMatch:
    path = row["path"] or ()
    start_id = path[0]["from"] if path else row["id"]
    return GraphMatch(
        candidate=read_candidate(row),
        score=row["score"],
        through=row["through"],
        path=path,
        start_name=names.get(start_id),
    )
