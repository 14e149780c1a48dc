"""Responses of the methods that delete."""

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Response


class DeletedCounts(BaseModel):
    """What was deleted; in a dry run, what would be deleted."""

    conversations: int = 0
    messages: int = 0
    documents: int = 0
    passages: int = Field(0, description="Passages of documents and of long messages")
    decisions: int = Field(0, description="Decisions and proposals")
    instructions: int = Field(0, description="Instructions, preferences and facts about the user")
    entities: int = Field(0, description="Entities that nothing else supports")
    relationships: int = Field(0, description="Relationships that nothing else supports")
    mentions: int = Field(0, description="Mentions of entities in texts, and of decisions")
    merges: int = Field(0, description="Records of merges")


class ChangedCounts(BaseModel):
    """What stays but was changed; in a dry run, what would be changed."""

    relationships: int = Field(0, description="Relationships that lost some of their evidence")
    decisions: int = Field(0, description="Decisions whose context was a deleted message")
    texts: int = Field(0, description="Texts that mentioned a deleted entity")


class DeleteResponse(Response):
    """The receipt of a deletion.

    If nothing was there, `existed` is False and all counts are 0. That is no error: the second of
    two equal calls finds nothing.
    """

    existed: bool = Field(..., description="Whether there was something to delete")
    dry_run: bool = Field(..., description="Whether this is only a preview")
    deleted: DeletedCounts = Field(default_factory=DeletedCounts)
    changed: ChangedCounts = Field(default_factory=ChangedCounts)
    processing_time: float = Field(0.0, description="Processing time in seconds")


class DeleteMessageResponse(DeleteResponse):
    """The receipt of a deleted message."""

    message_id: str
    conversation_id: str | None = Field(None, description="Its conversation; None if not stored")


class DeleteConversationResponse(DeleteResponse):
    """The receipt of a deleted conversation."""

    conversation_id: str


class DeleteDocumentResponse(DeleteResponse):
    """The receipt of a deleted document."""

    document_id: str


class DeleteDecisionResponse(DeleteResponse):
    """The receipt of a deleted decision."""

    decision_id: str


class DeleteEntityResponse(DeleteResponse):
    """The receipt of a deleted entity."""

    entity_id: str


class DeleteRelationshipResponse(DeleteResponse):
    """The receipt of a deleted relationship."""

    source_entity_id: str
    target_entity_id: str
    relationship_type: str


class DeleteNamespaceResponse(DeleteResponse):
    """The receipt of a deleted namespace."""

    namespace: str
