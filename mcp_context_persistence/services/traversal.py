"""Read the graph near an entity."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.models import Entity
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.timestamps import from_milliseconds
from mcp_context_persistence.kg.writes import entities as knowledge
from mcp_context_persistence.models import (
    GraphContext,
    GraphNeighbor,
    GraphPath,
    GraphStep,
    QueryKnowledgeGraphResponse,
)
from mcp_context_persistence.queries.traversal import Neighborhood, PathStep, find_neighborhood
from mcp_context_persistence.runtime.engine import Engine

OPERATIONS = ("context", "neighbors", "paths")


@dataclass(frozen=True, kw_only=True)
class TraversalRequest:
    """The checked arguments of `query_knowledge_graph`."""

    entity_id: str
    depth: int
    operation: str
    include_unasserted: bool


def read_request(
    entity_id: object, *, depth: object, operation: object, include_unasserted: object
) -> TraversalRequest:
    """Check the arguments of `query_knowledge_graph`."""
    return TraversalRequest(
        entity_id=validation.check_identifier("entity_id", entity_id),
        depth=validation.check_integer("depth", depth, minimum=1, maximum=limits.TRAVERSAL_DEPTH),
        operation=validation.check_choice("operation", operation, OPERATIONS),
        include_unasserted=validation.check_flag("include_unasserted", include_unasserted),
    )


def query_graph(engine: Engine, request: TraversalRequest) -> QueryKnowledgeGraphResponse:
    """Return the neighbors of an entity, the paths to them, or both."""
    start_id = engine.state.resolve_entities({"entity_id": request.entity_id})["entity_id"]
    neighborhood = find_neighborhood(
        engine.graph.run,
        engine.namespace,
        start_id,
        depth=request.depth,
        include_unasserted=request.include_unasserted,
    )
    entity_rows = engine.graph.run(knowledge.read_entities(engine.namespace, [start_id]))
    return QueryKnowledgeGraphResponse(
        entity_id=start_id,
        operation=request.operation,
        depth=request.depth,
        context=_build_context(
            neighborhood,
            entity=_build_stored_entity(entity_rows[0]) if entity_rows else None,
            operation=request.operation,
        ),
        truncated=neighborhood.truncated,
    )


def _build_stored_entity(row: Mapping[str, Any]) -> Entity:
    properties = row["properties"]
    return Entity.model_construct(
        id=row["id"],
        type=properties["type"] or "concept",
        name=properties["name"] or row["id"],
        description=properties["description"] or "",
        confidence=1.0 if properties["confidence"] is None else properties["confidence"],
        metadata=load_stored(properties["metadata"], "metadata of an entity"),
        conversation_id=None,
        message_id=None,
        created_at=from_milliseconds(properties["created_ms"]),
        aliases=list(properties["aliases"] or ()),
    )


def _build_context(
    neighborhood: Neighborhood, *, entity: Entity | None, operation: str
) -> GraphContext:
    """Build the response of an operation.

    Args:
        neighborhood: What was read.
        entity: The entity at which the traversal starts.
        operation: Leaves the list empty that the operation does not return.
    """
    neighbors = [
        GraphNeighbor(
            entity_id=neighbor.entity_id,
            name=neighbor.name,
            type=neighbor.type,
            description=neighbor.description,
            relationship_type=neighbor.relationship_type,
            direction=neighbor.direction,
            confidence=neighbor.confidence,
            distance=neighbor.distance,
            evidence=neighbor.evidence,
            sources=list(neighbor.sources),
            has_more_sources=neighbor.has_more_sources,
            modality=neighbor.modality,
            polarity=neighbor.polarity,
        )
        for neighbor in neighborhood.neighbors
    ]
    start = entity.id if entity else ""
    paths = [_build_path(path, start) for path in neighborhood.paths]
    return GraphContext(
        entity=entity,
        neighbors=neighbors if operation != "paths" else [],
        paths=paths if operation != "neighbors" else [],
    )


def _build_path(path: Sequence[PathStep], start: str) -> GraphPath:
    """Return a path that begins at the start; one of a single step has its own direction."""
    node, nodes = start, [start]
    for step in path:
        node = step.to_entity if step.from_entity == node else step.from_entity
        nodes.append(node)
    single = len(path) == 1
    return GraphPath(
        from_entity=path[0].from_entity if single else start,
        to_entity=path[0].to_entity if single else node,
        relationship_type=" -> ".join(step.relationship_type for step in path),
        entities=[path[0].from_entity, path[0].to_entity] if single else nodes,
        steps=[
            GraphStep(
                from_entity=step.from_entity,
                relationship_type=step.relationship_type,
                to_entity=step.to_entity,
                confidence=step.confidence,
                modality=step.modality,
                polarity=step.polarity,
            )
            for step in path
        ],
        length=len(path),
        confidence=math.prod(step.confidence for step in path),
    )
