"""Response of `get_conversation_stats`."""

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Response


class StorageUsage(BaseModel):
    """The size of a namespace."""

    conversations_size: int = Field(
        ..., description="Size of the text of all messages, in bytes of UTF-8"
    )
    entities_count: int
    relationships_count: int
    messages_count: int = 0
    decisions_count: int = 0


class ConversationStats(BaseModel):
    """The counts of one namespace."""

    total_conversations: int
    total_messages: int
    total_entities: int
    total_relationships: int
    total_decisions: int = 0
    total_documents: int = 0
    storage_usage: StorageUsage


class GetConversationStatsResponse(Response):
    """The statistics of one namespace."""

    stats: ConversationStats
    processing_time: float = Field(0.0, description="Processing time in seconds")
