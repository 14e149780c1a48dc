"""The response of an append."""

from pydantic import Field

from mcp_context_persistence.responses.base import Response


class AppendMessagesResponse(Response):
    """The receipt of an append; `message_count` is the sum of `created` and `unchanged`."""

    conversation_id: str = Field(..., description="Conversation identifier")
    status: str = Field(..., description="appended, or unchanged if nothing was new")
    message_count: int = Field(..., description="Number of messages that were given")
    created: int = Field(..., description="Number of messages that were added")
    unchanged: int = Field(..., description="Number of messages that were stored already")
    created_ids: list[str] = Field(..., description="Ids of the added messages, in order")
    unchanged_ids: list[str] = Field(..., description="Ids that were stored already, in order")
    differing_ids: list[str] = Field(
        ...,
        description="Those of `unchanged_ids` whose stored text, role or parent is not the given "
        "one; the stored message was kept",
    )
    first_position: int | None = Field(None, description="Position of the first added message")
    total_messages: int = Field(..., description="Number of stored messages afterwards")
    conversation_created: bool = Field(..., description="Whether the conversation is new")
    embeddings_generated: int = Field(..., description="Number of vectors that were made")
    entities_found: int = Field(0, description="Number of entities in the added messages")
    relationships_found: int = Field(0, description="Number of relationships in the added messages")
    truncated: bool = Field(
        False,
        description="Whether entities, or relationships that are not asserted, of a message "
        "were left out because of the limits of a text",
    )
    processing_time: float = Field(..., description="Processing time in seconds")
