"""Responses of the methods for conversations."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field, PrivateAttr

from mcp_context_persistence.kg.errors import ContextPersistenceError
from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.responses.base import Response


class SaveConversationResponse(Response):
    """The result of a save; `message_count` is the sum of `created`, `updated` and `kept`."""

    conversation_id: str = Field(..., description="Conversation identifier")
    message_count: int = Field(..., description="Number of messages that were given")
    status: str = Field(..., description="saved, unchanged or failed")
    embeddings_generated: int = Field(..., description="Number of vectors that were made")
    processing_time: float = Field(..., description="Processing time in seconds")
    created: int = Field(0, description="Number of new messages")
    updated: int = Field(0, description="Number of stored messages that were changed")
    kept: int = Field(0, description="Number of stored messages that are unchanged")
    removed: int = Field(0, description="Number of stored messages that `replace` removed")
    entities_found: int = Field(0, description="Number of entities in the new and changed messages")
    relationships_found: int = Field(
        0, description="Number of relationships in the new and changed messages"
    )
    truncated: bool = Field(
        False,
        description="Whether entities, or relationships that are not asserted, of a message "
        "were left out because of the limits of a text",
    )
    _failure: ContextPersistenceError | None = PrivateAttr(default=None)

    @property
    def failure(self) -> ContextPersistenceError | None:
        """The error of a conversation of a batch that failed; it is no part of the JSON."""
        return self._failure

    def with_failure(self, error: ContextPersistenceError) -> Self:
        """Note the error, and return the response."""
        self._failure = error
        return self


class LoadConversationHistoryResponse(Response):
    """Messages of a conversation, oldest first."""

    conversation_id: str = Field(..., description="Conversation identifier")
    messages: list[Message] = Field(..., description="Messages in order")
    message_count: int = Field(..., description="Number of returned messages")
    total_messages: int = Field(..., description="Number of stored messages")
    next_cursor: str | None = Field(
        None,
        description="Cursor of the next page: older messages, or newer ones if `after` was given; "
        "None if there are none",
    )
    project_path: str | None = Field(None, description="Project path of the conversation")
    metadata: dict[str, Any] | None = Field(None, description="Metadata of the conversation")
    created_at: datetime | None = Field(None, description="Creation timestamp")
    updated_at: datetime | None = Field(None, description="Last update timestamp")
    leaf_id: str | None = Field(
        None,
        description="Id of the last message of the loaded branch, with `all_branches` of the "
        "current one; None for a conversation without branches",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
