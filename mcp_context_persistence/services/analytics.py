"""Analytics: arguments are checked, the graph is projected and asked, the answer is told."""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver import gds_client
from mcp_context_persistence.kg.errors import GraphError, ValidationError
from mcp_context_persistence.models import GraphPath, GraphStep
from mcp_context_persistence.queries.analytics.algorithms import (
    ALGORITHMS,
    METRICS,
    WEIGHED_ALGORITHMS,
    WEIGHED_METRICS,
    Algorithm,
    Metric,
)
from mcp_context_persistence.responses.analytics import (
    CentralEntity,
    Communities,
    Community,
    GraphAnalytics,
    SimilarEntity,
)
from mcp_context_persistence.runtime.engine import Engine

LABEL_NAMES = 3  # of a community
_METRIC_NAMES = {
    "articlerank": "article_rank",
    "betweenness_centrality": "betweenness",
    "closeness_centrality": "closeness",
    "harmonic_centrality": "harmonic",
    "eigenvector_centrality": "eigenvector",
    "degree_centrality": "degree",
    "page_rank": "pagerank",
}
_ALGORITHM_NAMES = {
    "kcore": "k_core",
    "labelpropagation": "label_propagation",
    "weakly_connected_components": "wcc",
}


def _choice(
    field: str, given: object, known: Mapping[Any, object], others: Mapping[str, str]
) -> str:
    """One of the known names, under any of its spellings."""
    plain = (
        given.strip().lower().replace("-", "_").replace(" ", "_")
        if isinstance(given, str)
        else given
    )
    return validation.choice(
        field, others.get(plain, plain) if isinstance(plain, str) else plain, tuple(known)
    )


@contextmanager
def library(engine: Engine, *, directed: bool, costs: bool) -> Iterator[Any]:
    """The library's own client with the graph projected."""
    with engine.memory.call(tidy=False), ExitStack() as stack:
        with engine.call("graph_data_science", GraphError):
            projection = stack.enter_context(
                engine.analytics.projection(
                    engine.namespace,
                    undirected=not directed,
                    task="block",
                    weighted=True,
                    costs=costs,
                )
            )
            if projection is None:
                raise GraphError("there are no entities yet; save or extract something first")
            found = gds_client.client(engine.graph, projection.name)
        yield found


def overview(engine: Engine) -> GraphAnalytics:
    """The shape of the graph."""
    start = time.perf_counter()
    with engine.analytics.projection(
        engine.namespace, undirected=True, task="summary"
    ) as projection:
        row = engine.analytics.summary(projection) if projection else {}
    nodes, edges = (projection.nodes, projection.relationships) if projection else (0, 0)
    return GraphAnalytics(
        total_nodes=nodes,
        total_edges=edges,
        density=edges / (nodes * (nodes - 1)) if nodes > 1 else 0.0,
        avg_degree=2 * edges / nodes if nodes else 0.0,
        components=row.get("components", 0),
        largest_component=row.get("largest_component", 0),
        clustering=row.get("clustering", 0.0),
        triangles=row.get("triangles", 0),
        degree_distribution={one["degree"]: one["entities"] for one in row.get("degrees", ())},
        processing_time=time.perf_counter() - start,
    )


def central(
    engine: Engine, metric: object, top_k: object, *, directed: bool, weighted: bool
) -> list[CentralEntity]:
    """The most central entities."""
    asked = cast("Metric", _choice("metric", metric, METRICS, _METRIC_NAMES))
    most = validation.whole("top_k", top_k, least=1, most=limits.CENTRAL_ENTITIES)
    if weighted and asked not in WEIGHED_METRICS:
        raise ValidationError(
            f"weighted is understood by these metrics: {', '.join(sorted(WEIGHED_METRICS))}"
        )
    with engine.analytics.projection(
        engine.namespace, undirected=not directed, task=asked, weighted=weighted
    ) as projection:
        found = (
            engine.analytics.central(projection, asked, limit=most, weighted=weighted)
            if projection
            else []
        )
    return [
        CentralEntity(id=one.id, name=one.name, type=one.type, centrality_score=one.score)
        for one in found
    ]


def communities(
    engine: Engine, algorithm: object, *, min_size: object, weighted: bool
) -> Communities:
    """The communities."""
    asked = cast("Algorithm", _choice("algorithm", algorithm, ALGORITHMS, _ALGORITHM_NAMES))
    least = validation.whole("min_size", min_size, least=1, most=2**31)
    if weighted and asked not in WEIGHED_ALGORITHMS:
        raise ValidationError(
            f"weighted is understood by these algorithms: {', '.join(sorted(WEIGHED_ALGORITHMS))}"
        )
    with engine.analytics.projection(
        engine.namespace, undirected=True, task=asked, weighted=weighted
    ) as projection:
        rows = (
            engine.analytics.communities(projection, asked, min_size=least, weighted=weighted)
            if projection
            else []
        )
    found = Communities(
        _community(place, **row) for place, row in enumerate(rows[: limits.COMMUNITIES])
    )
    found.truncated = len(rows) > limits.COMMUNITIES
    return found


def _community(
    place: int, *, size: int, ids: list[str], names: list[str], types: list[str], inside: list[int]
) -> Community:
    others = max(size - 1, 1)
    members = [
        CentralEntity(id=one, name=name, type=kind, centrality_score=within / others)
        for one, name, kind, within in zip(ids, names, types, inside, strict=True)
    ]
    return Community(id=place, label=", ".join(names[:LABEL_NAMES]), size=size, entities=members)


def similar(
    engine: Engine, entity_id: object, top_k: object, *, min_similarity: object
) -> list[SimilarEntity]:
    """Entities with the same neighbours."""
    most = validation.whole("top_k", top_k, least=1, most=limits.SIMILAR_ENTITIES)
    cutoff = validation.confidence("min_similarity", min_similarity)
    start = (
        None
        if entity_id is None
        else engine.entity_ids({"entity_id": validation.identifier("entity_id", entity_id)})[
            "entity_id"
        ]
    )
    with engine.analytics.projection(
        engine.namespace, undirected=True, task="similar", top=most
    ) as projection:
        rows = (
            engine.analytics.similar(
                projection, engine.namespace, entity_id=start, limit=most, cutoff=cutoff
            )
            if projection
            else []
        )
    return [
        SimilarEntity(
            entity_id=row["id"],
            other_id=row["other_id"],
            other_name=row["other_name"] or row["other_id"],
            other_type=row["other_type"] or "concept",
            similarity=row["similarity"],
        )
        for row in rows
    ]


def paths(
    engine: Engine, source: object, target: object, count: object, *, directed: bool, weighted: bool
) -> list[GraphPath]:
    """The shortest paths between two entities."""
    references = {
        "source_entity_id": validation.identifier("source_entity_id", source),
        "target_entity_id": validation.identifier("target_entity_id", target),
    }
    most = validation.whole("k", count, least=1, most=limits.SHORTEST_PATHS)
    ids = engine.entity_ids(references)
    first, last = ids["source_entity_id"], ids["target_entity_id"]
    if first == last:
        return []
    with engine.analytics.projection(
        engine.namespace, undirected=not directed, task="paths", weighted=weighted, costs=True
    ) as projection:
        rows = (
            engine.analytics.paths(
                projection,
                engine.namespace,
                source=first,
                target=last,
                count=most,
                weighted=weighted,
            )
            if projection
            else []
        )
    return [
        GraphPath(
            from_entity=first,
            to_entity=last,
            relationship_type=" -> ".join(step["type"] for step in row["steps"]),
            entities=row["nodes"],
            steps=[
                GraphStep(
                    from_entity=step["source"],
                    relationship_type=step["type"],
                    to_entity=step["target"],
                    confidence=step["confidence"],
                )
                for step in row["steps"]
            ],
            length=len(row["steps"]),
            confidence=math.prod(step["confidence"] for step in row["steps"]),
        )
        for row in rows
    ]
