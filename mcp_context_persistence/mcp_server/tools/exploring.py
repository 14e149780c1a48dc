"""The tool that walks the graph: `explore`."""

from typing import Any

from mcp.server.mcpserver.exceptions import ToolError
from pydantic import BaseModel, Field

from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.mcp_server import bounds
from mcp_context_persistence.mcp_server.citations import cite, read_entity
from mcp_context_persistence.mcp_server.tool import (
    READS,
    REMINDER,
    Answer,
    Arguments,
    Call,
    ToolSpec,
    optional,
)
from mcp_context_persistence.mcp_server.tools.missing_entities import (
    describe_missing,
    find_missing,
)

PATHS = 3  # that are returned unless a limit was given
MAX_PATHS = 50
DESCRIPTION_CHARACTERS = 300


class ExploreArguments(Arguments):
    """Arguments of `explore`."""

    entity: str = Field(description="Name, alias or id")
    to: str = optional("Other end: shortest paths")
    depth: int = Field(1, ge=1, le=3)
    relation: str = optional()
    limit: int = Field(20, ge=1, le=100)


class Neighbor(BaseModel):
    """An entity near the start."""

    id: str
    name: str
    type: str
    relation: str
    direction: str
    distance: int
    confidence: float
    modality: str


class Path(BaseModel):
    """A path between two entities."""

    entities: list[str]
    relations: list[str]
    confidence: float


class ExploreAnswer(BaseModel):
    """The data of `explore`."""

    entity: str
    name: str
    type: str
    description: str
    neighbors: list[Neighbor]
    paths: list[Path]
    truncated: bool


def explore(call: Call, arguments: ExploreArguments) -> Answer:
    """Return the neighbors of an entity, or the shortest paths to another one.

    Raises:
        NotFoundError: There is no such entity.
    """
    names = _read_names(arguments)
    entity = call.client.get_entity(names["entity"]).entity
    neighbors: list[Neighbor] = []
    paths: list[Path] = []
    truncated = False
    if "to" in names:
        paths = _read_paths(call, entity.id, names["to"], arguments)
    else:
        neighbors, truncated = _read_neighbors(call, entity.id, arguments)
    data = ExploreAnswer(
        entity=cite("entity", entity.id),
        name=entity.name,
        type=entity.type,
        description=bounds.shorten(entity.description, DESCRIPTION_CHARACTERS),
        neighbors=neighbors,
        paths=paths,
        truncated=truncated,
    ).model_dump(mode="json")
    bounds.fit(data)
    return Answer(text="\n".join(_format(data)), data=data)


def _explore_or_name_nearest(call: Call, arguments: ExploreArguments) -> Answer:
    try:
        return explore(call, arguments)
    except NotFoundError:
        missing = find_missing(call, _read_names(arguments))
        if not missing:  # another call has just created it
            raise
        raise ToolError(f"{describe_missing(call, missing)} (retry: no)") from None


def _read_names(arguments: ExploreArguments) -> dict[str, str]:
    """Return, by argument, the ids and names of the entities."""
    names = {"entity": read_entity(arguments.entity)}
    if arguments.to is not None:
        names["to"] = read_entity(arguments.to)
    return names


def _read_neighbors(
    call: Call, entity_id: str, arguments: ExploreArguments
) -> tuple[list[Neighbor], bool]:
    """Return the neighbors, and whether there are more."""
    response = call.client.query_knowledge_graph(entity_id, arguments.depth, "neighbors")
    has_relation = "relation" in arguments.model_fields_set
    relation = _normalize(arguments.relation) if has_relation else None
    rows = [
        row
        for row in response.neighbors
        if relation is None or _normalize(row.relationship_type) == relation
    ]
    neighbors = [
        Neighbor(
            id=cite("entity", row.entity_id),
            name=row.name,
            type=row.type,
            relation=row.relationship_type,
            direction=row.direction,
            distance=row.distance,
            confidence=row.confidence,
            modality=row.modality,
        )
        for row in rows[: arguments.limit]
    ]
    return neighbors, response.truncated or len(rows) > arguments.limit


def _read_paths(call: Call, entity_id: str, target: str, arguments: ExploreArguments) -> list[Path]:
    count = min(arguments.limit, MAX_PATHS) if "limit" in arguments.model_fields_set else PATHS
    paths = call.client.find_shortest_paths(entity_id, target, count)
    return [
        Path(
            entities=[cite("entity", name) for name in path.entities],
            relations=[step.relationship_type for step in path.steps],
            confidence=path.confidence,
        )
        for path in paths
    ]


def _normalize(relation: str) -> str:
    return relation.strip().replace(" ", "_").replace("-", "_").upper()


def _format(data: dict[str, Any]) -> list[str]:
    lines = [REMINDER, f"[{data['entity']}] {data['name']} ({data['type']})"]
    if data["description"]:
        lines[-1] += f": {data['description']}"
    for row in data["neighbors"]:
        arrow = "->" if row["direction"] == "outgoing" else "<-"
        lines.append(f"{arrow} {row['relation']} {arrow} [{row['id']}] {row['name']}")
        if row["distance"] > 1:
            lines[-1] += f" ({row['distance']} steps away)"
    for path in data["paths"]:
        steps = zip(path["relations"], path["entities"][1:], strict=False)
        lines.append(path["entities"][0] + "".join(f" -{name}- {end}" for name, end in steps))
    if not data["neighbors"] and not data["paths"]:
        lines.append("No relations were found.")
    if data["truncated"]:
        lines.append("Note: there is more; name a relation, or set a higher limit.")
    return lines


EXPLORE = ToolSpec(
    name="explore",
    description=(
        "Use when the question is how people, projects or things are connected. Returns the "
        "neighbors of an entity or, with to, the shortest paths between two. It searches no "
        'texts; use recall for these. Example: {"entity": "Postgres", "depth": 2}'
    ),
    arguments=ExploreArguments,
    answer=ExploreAnswer,
    run=_explore_or_name_nearest,
    hints=READS,
    fields={"entity_id": "entity", "source_entity_id": "entity", "target_entity_id": "to"},
)
