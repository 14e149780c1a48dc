"""Entities, relationships, and the graph that they make."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import (
    READ_INTEGER,
    Flag,
    Identifier,
    ItemId,
    Metadata,
    Share,
)
from mcp_context_persistence.rest.lists import Paths, SimilarEntities
from mcp_context_persistence.rest.operations import (
    PREFIX,
    READ_HEADERS,
    WRITE_HEADERS,
    Body,
    CurrentSession,
    QueryArguments,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import DeleteArguments, ListArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["graph"])

TypeName = Annotated[str, Field(pattern="^[A-Za-z][A-Za-z0-9_ -]{0,62}$")]


class NeighborArguments(QueryArguments):
    """How much of the graph to read."""

    depth: Annotated[int, Field(ge=1, le=limits.TRAVERSAL_DEPTH), READ_INTEGER] = 2
    operation: Literal["context", "neighbors", "paths"] = "context"
    include_unasserted: Flag = False


class PathArguments(QueryArguments):
    """The other end of the paths."""

    target_entity_id: Identifier
    k: Annotated[int, Field(ge=1, le=limits.SHORTEST_PATHS), READ_INTEGER] = 3
    directed: Flag = False
    weighted: Flag = True


class SimilarArguments(QueryArguments):
    """How many pairs."""

    top_k: Annotated[int, Field(ge=1, le=limits.SIMILAR_ENTITIES), READ_INTEGER] = 10
    min_similarity: Share = 0.0


class CreateRelationship(Body):
    """A relationship."""

    source_entity_id: Identifier = Field(..., examples=["OrderValidator"])
    target_entity_id: Identifier = Field(..., examples=["pandas"])
    relationship_type: TypeName = Field(..., examples=["depends on"])
    confidence: Share = Field(1.0, examples=[0.9])
    properties: Metadata | None = None


class DeleteRelationshipArguments(DeleteArguments):
    """The relationship to delete."""

    source_entity_id: Identifier
    target_entity_id: Identifier
    relationship_type: TypeName


class UpdateGraph(Body):
    """Entities and relationships."""

    entities: Annotated[list[dict[str, Any]], Field(max_length=limits.ENTITIES_PER_UPDATE)] = Field(
        ..., examples=[[{"id": "audit", "type": "project", "name": "Audit 2026"}]]
    )
    relationships: Annotated[
        list[dict[str, Any]], Field(max_length=limits.RELATIONSHIPS_PER_UPDATE)
    ] = Field(
        ...,
        examples=[
            [
                {
                    "from_entity": "audit",
                    "to_entity": "OrderValidator",
                    "relationship_type": "checks",
                }
            ]
        ],
    )
    merge_strategy: Literal["upsert", "merge", "skip"] = "upsert"


@router.get(
    "/entities", **operation("list_entities", scope="read", response=models.ListEntitiesResponse)
)
def list_entities(session: CurrentSession, query: Annotated[ListArguments, Query()]) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_entities")
    return session.answer(
        lambda client: client.list_entities(**arguments), operation="list_entities"
    )


@router.get(
    "/entities/{entity_id}",
    **operation(
        "get_entity", scope="read", response=models.GetEntityResponse, headers=READ_HEADERS
    ),
)
def get_entity(session: CurrentSession, entity_id: ItemId) -> Response:
    return session.answer(lambda client: client.get_entity(entity_id), has_tag=True)


@router.delete(
    "/entities/{entity_id}",
    **operation(
        "delete_entity", scope="forget", response=models.DeleteEntityResponse, headers=WRITE_HEADERS
    ),
)
def delete_entity(
    session: CurrentSession, entity_id: ItemId, query: Annotated[DeleteArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.delete_entity(entity_id, dry_run=query.dry_run),
        stored=lambda client: client.get_entity(entity_id),
    )


@router.get(
    "/entities/{entity_id}/neighbors",
    **operation("query_knowledge_graph", scope="read", response=models.QueryKnowledgeGraphResponse),
)
def query_knowledge_graph(
    session: CurrentSession, entity_id: ItemId, query: Annotated[NeighborArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: client.query_knowledge_graph(entity_id, **query.arguments())
    )


@router.get(
    "/entities/{entity_id}/paths",
    **operation("find_shortest_paths", scope="read", response=Paths),
)
def find_shortest_paths(
    session: CurrentSession, entity_id: ItemId, query: Annotated[PathArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: Paths(paths=client.find_shortest_paths(entity_id, **query.arguments()))
    )


@router.get(
    "/entities/{entity_id}/similar",
    **operation("find_similar_entities", scope="read", response=SimilarEntities),
)
def find_similar_entities(
    session: CurrentSession, entity_id: ItemId, query: Annotated[SimilarArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: SimilarEntities(
            pairs=client.find_similar_entities(entity_id, **query.arguments())
        )
    )


@router.get(
    "/similar-entities",
    **operation(
        "find_similar_entities.all",
        scope="read",
        response=SimilarEntities,
        summary="Find the most similar pairs of all entities.",
    ),
)
def find_all_similar_entities(
    session: CurrentSession, query: Annotated[SimilarArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: SimilarEntities(pairs=client.find_similar_entities(**query.arguments()))
    )


@router.post(
    "/relationships",
    **operation("create_relationship", scope="write", response=models.CreateRelationshipResponse),
)
def create_relationship(session: CurrentSession, body: CreateRelationship) -> Response:
    return session.answer(lambda client: client.create_relationship(**body.arguments()))


@router.delete(
    "/relationships",
    **operation("delete_relationship", scope="forget", response=models.DeleteRelationshipResponse),
)
def delete_relationship(
    session: CurrentSession, query: Annotated[DeleteRelationshipArguments, Query()]
) -> Response:
    return session.answer(lambda client: client.delete_relationship(**query.arguments()))


@router.post(
    "/graph:update",
    **operation(
        "update_knowledge_graph", scope="write", response=models.UpdateKnowledgeGraphResponse
    ),
)
def update_knowledge_graph(session: CurrentSession, body: UpdateGraph) -> Response:
    return session.answer(lambda client: client.update_knowledge_graph(**body.arguments()))
