"""Responses of the calls on conversations."""

from datetime import datetime
from typing import Any

from pydantic import Field

from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.responses.base import Response


class SaveConversationResponse(Response):
    """What was saved. `message_count` counts the messages given: created, updated and kept ones."""

    conversation_id: str = Field(..., description="Conversation identifier")
    message_count: int = Field(..., description="Number of messages saved")
    status: str = Field(..., description="Status message")
    embeddings_generated: int = Field(..., description="Number of embeddings generated")
    processing_time: float = Field(..., description="Processing time in seconds")
    created: int = Field(0, description="Messages that are new")
    updated: int = Field(0, description="Messages that were stored and have changed")
    kept: int = Field(0, description="Messages that were stored and stay as they are")
    removed: int = Field(0, description="Stored messages that are gone (only with replace)")
    entities_found: int = Field(0, description="Entities mentioned in the new and changed messages")
    relationships_found: int = Field(
        0, description="Relationships found in the new and changed messages"
    )
    truncated: bool = Field(
        False, description="Whether a message mentions more than is looked at in one text"
    )


class LoadConversationHistoryResponse(Response):
    """The last messages of a conversation, oldest first."""

    conversation_id: str = Field(..., description="Conversation identifier")
    messages: list[Message] = Field(..., description="Messages in order")
    message_count: int = Field(..., description="Number of messages returned")
    total_messages: int = Field(..., description="Number of messages stored")
    project_path: str | None = Field(None, description="Project path of the conversation")
    metadata: dict[str, Any] | None = Field(None, description="Metadata of the conversation")
    created_at: datetime | None = Field(None, description="Creation timestamp")
    updated_at: datetime | None = Field(None, description="Last update timestamp")
    processing_time: float = Field(0.0, description="Processing time in seconds")
