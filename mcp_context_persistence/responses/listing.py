"""Responses of the methods that read single items and list them."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Decision, Entity, Message
from mcp_context_persistence.responses.base import Response


class GetMessageResponse(Response):
    """A message, and where it belongs."""

    message_id: str
    conversation_id: str
    message: Message
    position: int = Field(..., description="Its position in the conversation; the first has 0")
    entity_ids: list[str] = Field(default_factory=list, description="Entities that it mentions")
    created_at: datetime | None = Field(None, description="When it was saved first")
    updated_at: datetime | None = Field(None, description="When it was written last")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class GetDocumentResponse(Response):
    """A document."""

    document_id: str
    text: str
    metadata: dict[str, Any] | None = None
    project_path: str | None = None
    passages: int = Field(..., description="Number of its passages")
    entity_ids: list[str] = Field(default_factory=list, description="Entities that it mentions")
    created_at: datetime | None = None
    updated_at: datetime | None = None
    processing_time: float = Field(0.0, description="Processing time in seconds")


class GetDecisionResponse(Response):
    """A decision, whatever its status."""

    decision_id: str
    decision: Decision
    evidence: list[str] = Field(default_factory=list, description="Messages with its sentence")
    entity_ids: list[str] = Field(default_factory=list, description="Entities that it is about")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ListedEntity(Entity):
    """An entity with the number of texts that mention it."""

    mention_count: int = Field(0, description="Number of texts that mention it")


class GetEntityResponse(Response):
    """An entity, and what refers to it."""

    entity_id: str = Field(..., description="Its id, also if it was asked for by another name")
    entity: ListedEntity
    relationship_count: int = Field(..., description="Number of its relationships to entities")
    merged_ids: list[str] = Field(
        default_factory=list, description="Ids of entities that were merged into it"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ListedConversation(BaseModel):
    """A conversation without its messages."""

    conversation_id: str
    total_messages: int = Field(..., description="Number of stored messages")
    project_path: str | None = None
    mode: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ListedDocument(BaseModel):
    """A document without its text."""

    document_id: str
    passages: int = Field(..., description="Number of its passages")
    project_path: str | None = None
    metadata: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None


class ListResponse(Response):
    """A page of a list."""

    next_cursor: str | None = Field(None, description="Cursor of the next page; None at the end")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ListConversationsResponse(ListResponse):
    """A page of conversations."""

    conversations: list[ListedConversation] = Field(default_factory=list)


class ListDocumentsResponse(ListResponse):
    """A page of documents."""

    documents: list[ListedDocument] = Field(default_factory=list)


class ListDecisionsResponse(ListResponse):
    """A page of decisions."""

    decisions: list[Decision] = Field(default_factory=list)


class ListEntitiesResponse(ListResponse):
    """A page of entities."""

    entities: list[ListedEntity] = Field(default_factory=list)


class UpdateMessageResponse(Response):
    """A message after its update."""

    message_id: str
    conversation_id: str
    message: Message
    changed: bool = Field(..., description="Whether anything was written")
    embeddings_generated: int = Field(0, description="Number of vectors that were made")
    entities_found: int = Field(0, description="Number of entities in its new text")
    relationships_found: int = Field(0, description="Number of relationships in its new text")
    processing_time: float = Field(0.0, description="Processing time in seconds")
