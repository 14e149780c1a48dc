"""Entities of texts that belong to no conversation, and the patterns of a namespace."""

from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import Identifier, Share
from mcp_context_persistence.rest.lists import ExtractedTexts
from mcp_context_persistence.rest.operations import (
    PREFIX,
    Body,
    CurrentSession,
    StrictRoute,
    operation,
)

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["texts"])

Text = Annotated[str, Field(min_length=1, max_length=limits.EXTRACTION_CHARACTERS)]
TEXT = "The DataProcessor class uses pandas."


class ExtractEntities(Body):
    """A text."""

    text: Text = Field(..., examples=[TEXT])
    conversation_id: Identifier | None = None
    message_id: Identifier | None = None
    entity_types: Annotated[list[Identifier], Field(max_length=limits.FILTER_VALUES)] | None = None
    context: dict[str, Any] | None = None
    store: bool = Field(True, description="Whether the entities are stored", examples=[False])


class ExtractTexts(Body):
    """Several texts."""

    texts: Annotated[list[Text], Field(max_length=limits.INGESTED_LINES)] = Field(
        ..., examples=[[TEXT]]
    )
    entity_types: Annotated[list[Identifier], Field(max_length=limits.FILTER_VALUES)] | None = None
    store: bool = Field(True, description="Whether the entities are stored", examples=[False])


class EntityPatterns(Body):
    """Regular expressions by entity type."""

    patterns: dict[str, list[str]] = Field(..., examples=[{"ticket": ["T-[0-9]+"]}])
    confidence: Share = 0.5


class Reextract(Body):
    """What to extract again."""

    conversation_id: Identifier | None = None
    apply: bool = Field(False, description="Change the graph; else the changes are only shown")


@router.post(
    "/extract",
    **operation("extract_entities", scope="write", response=models.ExtractEntitiesResponse),
)
def extract_entities(session: CurrentSession, body: ExtractEntities) -> Response:
    return session.answer(lambda client: client.extract_entities(**body.arguments()))


@router.post(
    "/extract:batch", **operation("batch_extract_entities", scope="write", response=ExtractedTexts)
)
def batch_extract_entities(session: CurrentSession, body: ExtractTexts) -> Response:
    return session.answer(
        lambda client: ExtractedTexts(results=client.batch_extract_entities(**body.arguments()))
    )


@router.put(
    "/entity-patterns",
    **operation(
        "configure_entity_patterns",
        scope="admin",
        response=models.ConfigureEntityPatternsResponse,
    ),
)
def configure_entity_patterns(session: CurrentSession, body: EntityPatterns) -> Response:
    return session.answer(lambda client: client.configure_entity_patterns(**body.arguments()))


@router.post(
    "/reextract", **operation("reextract", scope="admin", response=models.ReextractResponse)
)
def reextract(session: CurrentSession, body: Reextract) -> Response:
    return session.answer(lambda client: client.reextract(**body.arguments()))
