"""Run graph algorithms: check the arguments, project the graph, and build the response."""

import contextlib
import functools
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver import gds_client
from mcp_context_persistence.kg.errors import GraphError, ValidationError
from mcp_context_persistence.kg.progress import original_errors
from mcp_context_persistence.models import GraphPath, GraphStep
from mcp_context_persistence.queries.analytics.admission import LostProjectionError
from mcp_context_persistence.queries.analytics.algorithms import (
    ALGORITHMS,
    METRICS,
    WEIGHTED_ALGORITHMS,
    WEIGHTED_METRICS,
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
ATTEMPTS = 3  # of an analysis whose projection is lost

P = ParamSpec("P")
R = TypeVar("R")

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


@validation.reads_argument
def _canonical_name(
    field: str, value: object, *, choices: Mapping[Any, object], synonyms: Mapping[str, str]
) -> str:
    """Return the documented name of a choice, for any of its spellings."""
    name = (
        str.__str__(value).strip().lower().replace("-", "_").replace(" ", "_")
        if isinstance(value, str)
        else ""
    )
    return validation.check_choice(field, synonyms.get(name, name), tuple(choices))


def _repeats_when_lost(
    analyze: Callable[Concatenate[Engine, P], R],
) -> Callable[Concatenate[Engine, P], R]:
    """Make an analysis run again, within the deadline of its call, where its projection is lost."""

    @functools.wraps(analyze)
    def repeat(engine: Engine, /, *args: P.args, **kwargs: P.kwargs) -> R:
        for _ in range(ATTEMPTS - 1):
            with contextlib.suppress(LostProjectionError):
                return analyze(engine, *args, **kwargs)
        return analyze(engine, *args, **kwargs)

    return repeat


@contextmanager
def open_gds_client(engine: Engine, *, directed: bool, costs: bool) -> Iterator[Any]:
    """Project the graph; yield the library's own client and the projected graph."""
    with original_errors(), engine.memory.call(tidy=False), ExitStack() as stack:
        with engine.call("graph_data_science", GraphError):
            gds_client.check_gds_package()
            engine.blocks.add(stack)
            stack.callback(engine.blocks.discard, stack)
            projection = stack.enter_context(
                engine.analytics.project(
                    engine.namespace,
                    undirected=not directed,
                    task="block",
                    weighted=True,
                    costs=costs,
                )
            )
            if projection is None:
                raise GraphError("there are no entities yet; save or extract something first")
            client_and_graph = gds_client.open_gds_client(engine.graph, projection.name)
        yield client_and_graph


@_repeats_when_lost
def summarize_graph(engine: Engine) -> GraphAnalytics:
    """Measure the graph."""
    with engine.analytics.project(engine.namespace, undirected=True, task="summary") as projection:
        row = engine.analytics.summarize(projection) if projection else {}
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
        degree_distribution={item["degree"]: item["entities"] for item in row.get("degrees", ())},
    )


@_repeats_when_lost
def find_central_entities(
    engine: Engine, metric: object, top_k: object, *, directed: bool, weighted: bool
) -> list[CentralEntity]:
    """Find the most central entities."""
    metric_name = cast(
        "Metric", _canonical_name("metric", metric, choices=METRICS, synonyms=_METRIC_NAMES)
    )
    limit = validation.check_integer("top_k", top_k, minimum=1, maximum=limits.CENTRAL_ENTITIES)
    if weighted and metric_name not in WEIGHTED_METRICS:
        raise ValidationError(
            f"weighted is available for these metrics: {', '.join(sorted(WEIGHTED_METRICS))}"
        )
    with engine.analytics.project(
        engine.namespace, undirected=not directed, task=metric_name, weighted=weighted
    ) as projection:
        ranked = (
            engine.analytics.rank_entities(projection, metric_name, limit=limit, weighted=weighted)
            if projection
            else []
        )
    return [
        CentralEntity(
            id=entity.id, name=entity.name, type=entity.type, centrality_score=entity.score
        )
        for entity in ranked
    ]


@_repeats_when_lost
def detect_communities(
    engine: Engine, algorithm: object, *, min_size: object, weighted: bool
) -> Communities:
    """Find communities of entities."""
    algorithm_name = cast(
        "Algorithm",
        _canonical_name("algorithm", algorithm, choices=ALGORITHMS, synonyms=_ALGORITHM_NAMES),
    )
    smallest = validation.check_integer("min_size", min_size, minimum=1, maximum=2**31)
    if weighted and algorithm_name not in WEIGHTED_ALGORITHMS:
        raise ValidationError(
            f"weighted is available for these algorithms: {', '.join(sorted(WEIGHTED_ALGORITHMS))}"
        )
    with engine.analytics.project(
        engine.namespace, undirected=True, task=algorithm_name, weighted=weighted
    ) as projection:
        rows = (
            engine.analytics.find_communities(
                projection, algorithm_name, min_size=smallest, weighted=weighted
            )
            if projection
            else []
        )
    result = Communities(
        _build_community(index, **row) for index, row in enumerate(rows[: limits.COMMUNITIES])
    )
    result.truncated = len(rows) > limits.COMMUNITIES
    return result


def _build_community(
    index: int,
    *,
    size: int,
    ids: list[str],
    names: list[str],
    types: list[str],
    internal_degrees: list[int],
) -> Community:
    possible_neighbors = max(size - 1, 1)
    members = [
        CentralEntity(
            id=entity_id, name=name, type=entity_type, centrality_score=degree / possible_neighbors
        )
        for entity_id, name, entity_type, degree in zip(
            ids, names, types, internal_degrees, strict=True
        )
    ]
    return Community(id=index, label=", ".join(names[:LABEL_NAMES]), size=size, entities=members)


@_repeats_when_lost
def find_similar_entities(
    engine: Engine, entity_id: object, top_k: object, *, min_similarity: object
) -> list[SimilarEntity]:
    """Find pairs of entities that share neighbors."""
    limit = validation.check_integer("top_k", top_k, minimum=1, maximum=limits.SIMILAR_ENTITIES)
    threshold = validation.check_share("min_similarity", min_similarity)
    compared_id = (
        None
        if entity_id is None
        else engine.state.resolve_entities(
            {"entity_id": validation.check_identifier("entity_id", entity_id)}
        )["entity_id"]
    )
    with engine.analytics.project(
        engine.namespace, undirected=True, task="similar", similar_per_entity=limit
    ) as projection:
        rows = (
            engine.analytics.find_similar(
                projection,
                engine.namespace,
                entity_id=compared_id,
                limit=limit,
                min_similarity=threshold,
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


@_repeats_when_lost
def find_shortest_paths(
    engine: Engine, source: object, target: object, count: object, *, directed: bool, weighted: bool
) -> list[GraphPath]:
    """Find the shortest paths between two entities."""
    references = {
        "source_entity_id": validation.check_identifier("source_entity_id", source),
        "target_entity_id": validation.check_identifier("target_entity_id", target),
    }
    limit = validation.check_integer("k", count, minimum=1, maximum=limits.SHORTEST_PATHS)
    ids = engine.state.resolve_entities(references)
    source_id, target_id = ids["source_entity_id"], ids["target_entity_id"]
    if source_id == target_id:
        return []
    with engine.analytics.project(
        engine.namespace, undirected=not directed, task="paths", weighted=weighted, costs=True
    ) as projection:
        rows = (
            engine.analytics.find_paths(
                projection,
                engine.namespace,
                source=source_id,
                target=target_id,
                count=limit,
                weighted=weighted,
            )
            if projection
            else []
        )
    return [
        GraphPath(
            from_entity=source_id,
            to_entity=target_id,
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
