"""Statistics, graph analytics, duplicates and merges."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.queries.analytics.algorithms import Algorithm, Metric
from mcp_context_persistence.rest.fields import READ_INTEGER, Flag, Identifier, ItemId, Share
from mcp_context_persistence.rest.lists import CentralEntities, CommunityList
from mcp_context_persistence.rest.operations import (
    PREFIX,
    Body,
    CurrentSession,
    QueryArguments,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import MergeListArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["analytics"])


class CentralArguments(QueryArguments):
    """How central entities are found."""

    metric: Metric = "pagerank"
    top_k: Annotated[int, Field(ge=1, le=limits.CENTRAL_ENTITIES), READ_INTEGER] = 10
    directed: Flag = False
    weighted: Flag = False


class CommunityArguments(QueryArguments):
    """How communities are found."""

    algorithm: Algorithm = "leiden"
    min_size: Annotated[int, Field(ge=1, le=1_000_000), READ_INTEGER] = 2
    weighted: Flag = False


class DuplicateArguments(QueryArguments):
    """Which duplicates."""

    MULTIPLE = frozenset({"entity_types"})

    entity_id: Identifier | None = None
    entity_types: Annotated[list[Identifier], Field(max_length=limits.FILTER_VALUES)] = Field(
        default_factory=list, description="All of them where it is left out"
    )
    min_score: Share = 0.5
    limit: Annotated[int, Field(ge=1, le=limits.DUPLICATE_PAIRS), READ_INTEGER] = 100


class MergeEntities(Body):
    """Entities that are the same."""

    keep_id: Identifier = Field(..., examples=["pandas"])
    duplicate_ids: Annotated[
        list[Identifier], Field(min_length=1, max_length=limits.MERGED_AT_ONCE)
    ] = Field(..., examples=[["OrderValidator"]])
    reason: str | None = None
    merged_by: Identifier | None = None
    evidence: dict[str, Any] | list[Any] | None = None


@router.get(
    "/stats",
    **operation(
        "get_conversation_stats", scope="read", response=models.GetConversationStatsResponse
    ),
)
def get_conversation_stats(session: CurrentSession) -> Response:
    return session.answer(lambda client: client.get_conversation_stats())


@router.get(
    "/analytics", **operation("get_graph_analytics", scope="read", response=models.GraphAnalytics)
)
def get_graph_analytics(session: CurrentSession) -> Response:
    return session.answer(lambda client: client.get_graph_analytics())


@router.get(
    "/central-entities",
    **operation("find_central_entities", scope="read", response=CentralEntities),
)
def find_central_entities(
    session: CurrentSession, query: Annotated[CentralArguments, Query()]
) -> Response:
    return session.answer(
        lambda client: CentralEntities(entities=client.find_central_entities(**query.arguments()))
    )


@router.get("/communities", **operation("detect_communities", scope="read", response=CommunityList))
def detect_communities(
    session: CurrentSession, query: Annotated[CommunityArguments, Query()]
) -> Response:
    def call(client: Any) -> CommunityList:
        communities = client.detect_communities(**query.arguments())
        return CommunityList(communities=list(communities), truncated=communities.truncated)

    return session.answer(call)


@router.get(
    "/duplicates",
    **operation(
        "find_duplicate_entities", scope="read", response=models.FindDuplicateEntitiesResponse
    ),
)
def find_duplicate_entities(
    session: CurrentSession, query: Annotated[DuplicateArguments, Query()]
) -> Response:
    return session.answer(lambda client: client.find_duplicate_entities(**query.arguments()))


@router.post(
    "/merges", **operation("merge_entities", scope="write", response=models.MergeEntitiesResponse)
)
def merge_entities(session: CurrentSession, body: MergeEntities) -> Response:
    return session.answer(lambda client: client.merge_entities(**body.arguments()))


@router.get("/merges", **operation("list_merges", scope="read", response=models.ListMergesResponse))
def list_merges(session: CurrentSession, query: Annotated[MergeListArguments, Query()]) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_merges")
    return session.answer(lambda client: client.list_merges(**arguments), operation="list_merges")


@router.post(
    "/merges/{merge_id}/undo",
    **operation("undo_merge", scope="write", response=models.UndoMergeResponse),
)
def undo_merge(session: CurrentSession, merge_id: ItemId) -> Response:
    return session.answer(lambda client: client.undo_merge(merge_id))
