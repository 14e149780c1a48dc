"""Everything in a namespace: export it in pages, and ingest it again."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import READ_INTEGER, Cursor
from mcp_context_persistence.rest.operations import (
    PREFIX,
    Body,
    CurrentSession,
    QueryArguments,
    StrictRoute,
    operation,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["namespace"])


class ExportArguments(QueryArguments):
    """A page of an export."""

    limit: Annotated[int, Field(ge=1, le=limits.EXPORTED_ITEMS), READ_INTEGER] = 100
    cursor: Cursor | None = None


class IngestItems(Body):
    """Items of an export, in its order."""

    items: Annotated[list[dict[str, Any]], Field(max_length=limits.INGESTED_ITEMS)] = Field(
        ..., examples=[[{"kind": "entity", "id": "Kafka", "name": "Kafka", "type": "technology"}]]
    )


@router.get(
    "/items", **operation("export_items", scope="read", response=models.ExportItemsResponse)
)
def export_items(session: CurrentSession, query: Annotated[ExportArguments, Query()]) -> Response:
    arguments = session.read_cursor(query.arguments(), "export_items")
    return session.answer(lambda client: client.export_items(**arguments), operation="export_items")


@router.post(
    "/items:ingest", **operation("ingest_items", scope="admin", response=models.IngestItemsResponse)
)
def ingest_items(session: CurrentSession, body: IngestItems) -> Response:
    return session.answer(lambda client: client.ingest_items(**body.arguments()))
