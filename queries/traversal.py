"""The neighbourhood of an entity: breadth first, one statement per step, the most confident relationships first, never unlimited."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is

Run = Callable[[Statement[Row]], list[Row]]

ROWS = 4 * limits.TRAVERSAL_NODES  # relationships that are looked at in one step


@dataclass(frozen=True, kw_only=True)
class Neighbor:
    """An entity that was reached, by the last relationship of a shortest way to it.

    An entity that is related to the start in several ways appears once for each of them. `direction` is ``outgoing`` when that
    relationship points away from the start, `distance` counts relationships from the start, `confidence` is the product along the way.
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


@dataclass(frozen=True, kw_only=True)
class Step:
    """One relationship, as it points."""

    from_entity: str
    relationship_type: str
    to_entity: str
    confidence: float


@dataclass(frozen=True, kw_only=True)
class Walk:
    """All that was reached, nearest first, and for each the way there."""

    neighbors: tuple[Neighbor, ...]
    ways: tuple[tuple[Step, ...], ...]
    truncated: bool


@dataclass(kw_only=True)
class _Progress:
    """The state of one walk."""

    confidence: dict[str, float]
    ways: dict[str, tuple[Step, ...]]
    neighbors: list[Neighbor] = field(default_factory=list)
    extra: list[tuple[Step, ...]] = field(default_factory=list)
    edges: set[tuple[str, str, str]] = field(default_factory=set)


def expand(namespace: str, frontier: list[str]) -> Statement[Row]:
    """One step outwards from `frontier`; one row more than fits of each kind, so that a cut is noticed."""
    return Statement(
        name="traverse/expand",
        parameters={
            "batch": {
                "namespace": namespace,
                "frontier": frontier,
                "fan": limits.TRAVERSAL_NODES + 1,
                "limit": ROWS + 1,
            }
        },
        read=as_is,
    )


def walk(run: Run, namespace: str, entity_id: str, *, depth: int) -> Walk:
    """Go up to `depth` relationships out from an entity, in both directions.

    At most `kg.limits.TRAVERSAL_NODES` entities and `kg.limits.TRAVERSAL_PATHS` ways are returned; `truncated` says when there were more.
    """
    progress = _Progress(confidence={entity_id: 1.0}, ways={entity_id: ()})
    frontier, truncated = [entity_id], False
    for distance in range(1, depth + 1):
        rows = run(expand(namespace, frontier))
        truncated = (
            truncated
            or len(rows) > ROWS
            or max(Counter(row["from"] for row in rows).values(), default=0)
            > limits.TRAVERSAL_NODES
        )
        rows.sort(
            key=lambda row: (-progress.confidence[row["from"]] * row["confidence"], row["to"])
        )
        frontier = _take(progress, rows, distance)
        if not frontier or len(progress.ways) - 1 > limits.TRAVERSAL_NODES:
            break
    reached = list(dict.fromkeys(one.entity_id for one in progress.neighbors))
    kept = set(reached[: limits.TRAVERSAL_NODES])
    ways = sorted([progress.ways[one] for one in reached] + progress.extra, key=len)
    return Walk(
        neighbors=tuple(one for one in progress.neighbors if one.entity_id in kept),
        ways=tuple(ways[: limits.TRAVERSAL_PATHS]),
        truncated=truncated or len(reached) > len(kept) or len(ways) > limits.TRAVERSAL_PATHS,
    )


def _take(progress: _Progress, rows: list[Row], distance: int) -> list[str]:
    """Note what one step found; the new entities are the next frontier."""
    reached: list[str] = []
    for row in rows:
        edge = (row["source"], row["relationship_type"], row["target"])
        if edge in progress.edges:
            continue
        progress.edges.add(edge)
        way = (*progress.ways[row["from"]], _step(row))
        if row["to"] in progress.ways:
            if distance == 1 and row["to"] != row["from"]:
                progress.extra.append(way)
                progress.neighbors.append(_neighbor(row, row["confidence"], distance))
            continue
        progress.ways[row["to"]] = way
        progress.confidence[row["to"]] = progress.confidence[row["from"]] * row["confidence"]
        progress.neighbors.append(_neighbor(row, progress.confidence[row["to"]], distance))
        reached.append(row["to"])
    return reached


def _step(row: Row) -> Step:
    return Step(
        from_entity=row["source"],
        relationship_type=row["relationship_type"],
        to_entity=row["target"],
        confidence=row["confidence"],
    )


def _neighbor(row: Row, confidence: float, distance: int) -> Neighbor:
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
    )
