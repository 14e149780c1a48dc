"""The neighborhood of an entity, breadth first.

One statement runs for each distance. The most confident relationships come first, and the numbers
of relationships, entities and paths are limited.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Run, Statement, as_is
from mcp_context_persistence.queries.unasserted import Fact, find_unasserted

_FACT = ("asserted", "positive")
MAX_ROWS = 4 * limits.TRAVERSAL_NODES  # relationships that one statement returns


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """An entity that was reached, with the last relationship of a shortest path to it.

    An entity that has several relationships with the start appears once for each of them.

    Attributes:
        entity_id: Its id.
        name: Its name, or its id where it has no name.
        type: Its type.
        description: Its description, or an empty string.
        relationship_type: Type of the last relationship.
        direction: ``outgoing`` if the last relationship points away from the start, else
            ``incoming``.
        confidence: The product of the confidences along the path.
        distance: Number of relationships from the start.
        evidence: Evidence of the last relationship.
        sources: Sources of the last relationship.
        has_more_sources: Whether it has more than those.
        modality: Modality of the last relationship, ``asserted`` for one of the graph.
        polarity: Polarity of the last relationship.
    """

    entity_id: str
    name: str
    type: str
    description: str
    relationship_type: str
    direction: str
    confidence: float
    distance: int
    evidence: str | None
    sources: tuple[str, ...]
    has_more_sources: bool
    modality: str
    polarity: str


@dataclass(frozen=True, kw_only=True)
class PathStep:
    """One relationship of a path, in its own direction."""

    from_entity: str
    relationship_type: str
    to_entity: str
    confidence: float
    modality: str
    polarity: str


@dataclass(frozen=True, kw_only=True)
class Neighborhood:
    """The entities that were reached, nearest first, and the paths to them, shortest first.

    Attributes:
        neighbors: The entities.
        paths: A shortest path to each entity, and the other relationships of the start.
        truncated: Whether there were more than the limits allow.
    """

    neighbors: tuple[Neighbor, ...]
    paths: tuple[tuple[PathStep, ...], ...]
    truncated: bool


@dataclass(kw_only=True)
class _Traversal:
    """The state of a traversal.

    Attributes:
        confidences: By entity id.
        paths: A shortest path by entity id.
        neighbors: In the order in which they were reached.
        parallel_paths: More relationships between the start and its neighbors.
        edges: Source, type, target, modality and polarity of the relationships that were followed.
    """

    confidences: dict[str, float]
    paths: dict[str, tuple[PathStep, ...]]
    neighbors: list[Neighbor] = field(default_factory=list)
    parallel_paths: list[tuple[PathStep, ...]] = field(default_factory=list)
    edges: set[tuple[str, str, str, str, str]] = field(default_factory=set)


def expand(namespace: str, frontier: list[str]) -> Statement[Row]:
    """Return the statement that reads the relationships of the `frontier`.

    It reads one row more than the limits allow, so that the caller sees when there are more.
    """
    return Statement(
        name="traverse/expand",
        parameters={
            "batch": {
                "namespace": namespace,
                "frontier": frontier,
                "max_relationships": limits.TRAVERSAL_NODES + 1,
                "limit": MAX_ROWS + 1,
            }
        },
        read=as_is,
    )


def find_neighborhood(
    run: Run, namespace: str, entity_id: str, *, depth: int, include_unasserted: bool = False
) -> Neighborhood:
    """Follow the relationships of an entity in both directions.

    At most `kg.limits.TRAVERSAL_NODES` entities and `kg.limits.TRAVERSAL_PATHS` paths are returned.

    Args:
        run: Runs a statement.
        namespace: Where the entity is.
        entity_id: The start.
        depth: Number of relationships between the start and the farthest entity.
        include_unasserted: Whether to follow also what texts deny, plan, suppose and so on.
    """
    traversal = _Traversal(confidences={entity_id: 1.0}, paths={entity_id: ()})
    frontier, truncated = [entity_id], False
    for distance in range(1, depth + 1):
        rows = run(expand(namespace, frontier))
        most_relationships = max(Counter(row["from"] for row in rows).values(), default=0)
        if len(rows) > MAX_ROWS or most_relationships > limits.TRAVERSAL_NODES:
            truncated = True
        if include_unasserted:
            unasserted = find_unasserted(run, namespace, frontier, _list_facts(rows))
            rows, truncated = [*rows, *unasserted.rows], truncated or unasserted.is_cut
        rows.sort(
            key=lambda row: (
                _get_stance(row) != _FACT,  # a path through facts comes first
                -traversal.confidences[row["from"]] * row["confidence"],
                row["to"],
            )
        )
        frontier = _follow(traversal, rows, distance)
        if not frontier or len(traversal.paths) - 1 > limits.TRAVERSAL_NODES:
            break
    reached = list(dict.fromkeys(neighbor.entity_id for neighbor in traversal.neighbors))
    returned = set(reached[: limits.TRAVERSAL_NODES])
    paths = sorted([traversal.paths[end] for end in reached] + traversal.parallel_paths, key=len)
    return Neighborhood(
        neighbors=tuple(
            neighbor for neighbor in traversal.neighbors if neighbor.entity_id in returned
        ),
        paths=tuple(paths[: limits.TRAVERSAL_PATHS]),
        truncated=truncated or len(reached) > len(returned) or len(paths) > limits.TRAVERSAL_PATHS,
    )


def _list_facts(rows: Sequence[Row]) -> set[Fact]:
    return {(row["source"], row["relationship_type"], row["target"]) for row in rows}


def _get_stance(row: Row) -> tuple[str, str]:
    """Return the modality and the polarity of a relationship."""
    return row.get("modality", _FACT[0]), row.get("polarity", _FACT[1])


def _follow(traversal: _Traversal, rows: list[Row], distance: int) -> list[str]:
    """Add the relationships of one distance; return the new entities, the next frontier."""
    reached: list[str] = []
    for row in rows:
        edge = (row["source"], row["relationship_type"], row["target"], *_get_stance(row))
        if edge in traversal.edges:
            continue
        traversal.edges.add(edge)
        start, end = row["from"], row["to"]
        path = (*traversal.paths[start], _build_step(row))
        if end in traversal.paths:
            if distance == 1 and end != start:
                traversal.parallel_paths.append(path)
                traversal.neighbors.append(_build_neighbor(row, row["confidence"], distance))
            continue
        traversal.paths[end] = path
        traversal.confidences[end] = traversal.confidences[start] * row["confidence"]
        traversal.neighbors.append(_build_neighbor(row, traversal.confidences[end], distance))
        reached.append(end)
    return reached


def _build_step(row: Row) -> PathStep:
    """Return the step of a relationship."""
    modality, polarity = _get_stance(row)
    return PathStep(
        from_entity=row["source"],
        relationship_type=row["relationship_type"],
        to_entity=row["target"],
        confidence=row["confidence"],
        modality=modality,
        polarity=polarity,
    )


def _build_neighbor(row: Row, confidence: float, distance: int) -> Neighbor:
    """Return the entity that a relationship leads to."""
    modality, polarity = _get_stance(row)
    return Neighbor(
        entity_id=row["to"],
        name=row["name"],
        type=row["type"],
        description=row["description"] or "",
        relationship_type=row["relationship_type"],
        direction="outgoing" if row["source"] == row["from"] else "incoming",
        confidence=confidence,
        distance=distance,
        evidence=row["evidence"],
        sources=tuple(row["sources"] or ()),
        has_more_sources=row["has_more_sources"],
        modality=modality,
        polarity=polarity,
    )
