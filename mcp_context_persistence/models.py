"""What goes in and what comes back."""

from datetime import datetime
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    field_validator,
    model_serializer,
)

from kg.models import Conversation, Decision, Entity, Message, Relationship
from mcp_context_persistence.metrics_models import CallMetrics, GetMetricsResponse
from mcp_context_persistence.pattern_models import ConfigureEntityPatternsResponse, EntityChange, ReextractResponse
from queries.recipes import DEFAULT

__all__ = [
    "CallMetrics",
    "ConfigureEntityPatternsResponse",
    "Conversation",
    "ConversationStats",
    "CreateRelationshipResponse",
    "Decision",
    "Entity",
    "EntityChange",
    "ExtractEntitiesResponse",
    "GetConversationStatsResponse",
    "GetMetricsResponse",
    "GraphContext",
    "GraphNeighbor",
    "GraphPath",
    "GraphStep",
    "HybridSearchParams",
    "LoadConversationHistoryResponse",
    "Message",
    "QueryKnowledgeGraphResponse",
    "ReextractResponse",
    "Relationship",
    "SaveConversationResponse",
    "SaveDecisionResponse",
    "SaveDocumentResponse",
    "SearchFilters",
    "SearchHybridResponse",
    "SearchResult",
    "SearchSimilarConversationsResponse",
    "SimilarConversation",
    "StorageUsage",
    "UpdateKnowledgeGraphResponse",
]


class _OnlySetFields(BaseModel):
    """A model that is dumped without the fields that were not set.

    An explicit None is refused where filters are read, so a dump that is validated again must not
    make one of a field that nobody set.
    """

    @model_serializer(mode="wrap")
    def _without_unset_fields(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        unset = type(self).model_fields.keys() - self.model_fields_set
        return {name: value for name, value in dump(self).items() if name not in unset}


class DateRange(_OnlySetFields):
    """A span of time; either end may be left out. A plain date means the whole day, UTC unless it carries an offset."""

    model_config = ConfigDict(extra="forbid")

    start: datetime | str | None = Field(None, description="First moment or day")
    end: datetime | str | None = Field(None, description="Last moment or day, included")


class SearchFilters(_OnlySetFields):
    """What a search may return. All given filters must hold; within one filter any of its values will do.

    A field that is not set does not restrict; one that is set to None is refused when the search is made.
    """

    model_config = ConfigDict(extra="allow")  # `metadata.KEY`; unknown keys are refused when the search is made

    conversation_id: str | list[str] | None = Field(None, description="Conversations to search")
    date_range: DateRange | dict[str, Any] | None = Field(None, description="Time of the messages")
    entity_types: str | list[str] | None = Field(None, description="Messages that mention such entities, and such entities")
    content_types: str | list[str] | None = Field(None, description="message, entity, decision, conversation, document")
    confidence_min: float | None = Field(None, description="Least confidence, 0.0 to 1.0")
    project: str | list[str] | None = Field(None, description="Projects")
    tags: str | list[str] | None = Field(None, description="Tags")
    role: str | list[str] | None = Field(None, description="Roles of the messages")


class HybridSearchParams(BaseModel):
    """The arguments of `search_hybrid` as one object."""

    model_config = ConfigDict(extra="forbid")

    query: str = Field(..., description="Search query")
    mode: str = Field("hybrid", description="hybrid, semantic, keyword or graph")
    filters: SearchFilters | None = Field(None, description="Filters for search results")
    limit: int = Field(10, description="Maximum number of results")
    include_metadata: bool = Field(False, description="Whether results carry metadata")
    recipe: str | dict[str, Any] = Field(DEFAULT, description="How mode hybrid is made: a name, or a mapping that changes one")
    explain: bool = Field(False, description="Whether results tell the path to them and the statements that were run")

    @field_validator("filters", mode="before")
    @classmethod
    def _loose(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        if not all(isinstance(key, str) and not key.startswith("_") for key in value):
            raise ValueError("there is an unknown key")
        return SearchFilters.model_construct(**value)


class Response(BaseModel):
    """What every answer has. A single call raises on failure, so `success` is false only inside the answers of batches."""

    success: bool = Field(True, description="Operation success status")
    error: str | None = Field(None, description="Error message if failed")


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
    relationships_found: int = Field(0, description="Relationships found in the new and changed messages")
    truncated: bool = Field(False, description="Whether a message mentions more than is looked at in one text")


class SaveDocumentResponse(Response):
    """What was saved of a document; `status` is `saved`, or `unchanged` when it was stored like this already."""

    document_id: str = Field(..., description="Document identifier")
    status: str = Field(..., description="Status message")
    created: bool = Field(False, description="Whether it is new")
    passages: int = Field(0, description="Passages written")
    entities_found: int = Field(0, description="Entities mentioned in it")
    relationships_found: int = Field(0, description="Relationships found in it")
    truncated: bool = Field(False, description="Whether a passage mentions more than is looked at in one text")
    processing_time: float = Field(0.0, description="Processing time in seconds")


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


class ExtractEntitiesResponse(Response):
    """The entities found in a text, in the order of their first mention. `linked_to` says what they hang on in the graph."""

    entities: list[Entity] = Field(..., description="Extracted entities")
    conversation_id: str | None = Field(None, description="Conversation ID")
    message_id: str | None = Field(None, description="Message ID")
    total_entities: int = Field(..., description="Total number of entities")
    processing_time: float = Field(..., description="Processing time in seconds")
    relationships: list[Relationship] = Field(default_factory=list, description="Relationships found in the text")
    stored: bool = Field(False, description="Whether the entities are in the graph now")
    truncated: bool = Field(False, description="Whether the text mentions more entities than were looked at or returned")
    linked_to: str | None = Field(None, description="'message' or 'conversation' when linked to one, else None")


class CreateRelationshipResponse(Response):
    """The relationship as it is stored now; `created` is false when it existed and was updated."""

    relationship: Relationship = Field(..., description="The relationship")
    created: bool = Field(..., description="Whether it is new")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def relationship_id(self) -> str:
        """The relationship's id."""
        return self.relationship.id


class GraphNeighbor(BaseModel):
    """An entity near the one asked for. `confidence` is the product along the way to it, 0.0 to 1.0."""

    entity_id: str
    name: str
    type: str
    description: str = ""
    relationship_type: str = Field(..., description="Type of the last relationship on the way, as given")
    direction: str = Field(..., description="'outgoing' or 'incoming', seen from the start")
    confidence: float
    distance: int = Field(..., description="Relationships from the start, 1 or more")
    evidence: str | None = Field(None, description="The sentence that says so, for relationships found in text")
    sources: list[str] = Field(default_factory=list, description="Messages that support the relationship")


class GraphStep(BaseModel):
    """One relationship, as it points."""

    from_entity: str
    relationship_type: str
    to_entity: str
    confidence: float = 1.0


class GraphPath(BaseModel):
    """A way through the graph.

    One relationship is shown as it points. A longer way starts at the entity asked for: `entities` are its nodes in order,
    `relationship_type` joins the types with " -> ", `steps` tells how each points.
    """

    from_entity: str
    relationship_type: str
    to_entity: str
    entities: list[str] = Field(default_factory=list)
    steps: list[GraphStep] = Field(default_factory=list)
    length: int = 1
    confidence: float = Field(1.0, description="Product of the steps' confidences")


class GraphContext(BaseModel):
    """What lies around an entity. Its length is the number of related entities."""

    entity: Entity | None = None
    neighbors: list[GraphNeighbor] = Field(default_factory=list)
    paths: list[GraphPath] = Field(default_factory=list)

    def __len__(self) -> int:
        return len({neighbor.entity_id for neighbor in self.neighbors})

    def __bool__(self) -> bool:
        return True


class QueryKnowledgeGraphResponse(Response):
    """The neighbourhood of an entity. `truncated` says that there is more than was returned."""

    entity_id: str = Field(..., description="Entity ID that was meant")
    operation: str = Field(..., description="Operation that was asked for")
    depth: int = Field(..., description="Depth that was asked for")
    context: GraphContext = Field(..., description="Neighbours and paths")
    truncated: bool = Field(False, description="Whether a limit was reached")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def neighbors(self) -> list[GraphNeighbor]:
        """The neighbours, nearest and most confident first."""
        return self.context.neighbors

    @property
    def paths(self) -> list[GraphPath]:
        """The paths, shortest first."""
        return self.context.paths


class UpdateKnowledgeGraphResponse(Response):
    """What the update did. `updated_*` count what was written: created and changed together."""

    updated_entities: int = Field(..., description="Entities written")
    updated_relationships: int = Field(..., description="Relationships written")
    created_entities: int = Field(0, description="Of these, entities that are new")
    created_relationships: int = Field(0, description="Of these, relationships that are new")
    unchanged_entities: int = Field(0, description="Entities that were stored like this already")
    unchanged_relationships: int = Field(0, description="Relationships that were stored like this already")
    skipped_entities: int = Field(0, description="Existing entities left alone by 'skip'")
    skipped_relationships: int = Field(0, description="Existing relationships left alone by 'skip'")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SimilarConversation(BaseModel):
    """A conversation that has something like the query in it."""

    conversation_id: str
    similarity_score: float = Field(..., description="Raw cosine of its best passage, -1.0 to 1.0")
    messages: list[Message] = Field(default_factory=list, description="Its best-matching messages, best first")
    project_path: str | None = None
    metadata: dict[str, Any] | None = None


class SearchSimilarConversationsResponse(Response):
    """Conversations like the query, best first. `best_score` is the best cosine there was, even when it did not reach the floor."""

    query: str = ""
    results: list[SimilarConversation] = Field(default_factory=list)
    total_results: int = 0
    best_score: float | None = None
    notes: list[str] = Field(default_factory=list, description="What the caller should know about how the answer came about")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SearchResult(BaseModel):
    """One thing that was found."""

    id: str
    type: str = Field(..., description="message, entity, decision, conversation or document")
    content: str
    similarity_score: float = Field(..., description="semantic: raw cosine; the other modes: 0.0 to 1.0, ordered within one answer")
    conversation_id: str | None = None
    message_id: str | None = None
    timestamp: datetime | None = None
    metadata: dict[str, Any] | None = Field(None, description="Own metadata, when asked for")
    explanation: dict[str, Any] = Field(default_factory=dict, description="Rank and score of each arm that found it")


class SearchHybridResponse(Response):
    """What was found, best first."""

    query: str = ""
    mode: str = "hybrid"
    results: list[SearchResult] = Field(default_factory=list)
    total_results: int = 0
    best_score: float | None = None
    notes: list[str] = Field(default_factory=list, description="What the caller should know about how the answer came about")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SaveDecisionResponse(Response):
    """The decision as it is stored. `conversation_created` says that its conversation did not exist and is there now, empty."""

    decision: Decision = Field(..., description="The decision")
    created: bool = Field(..., description="Whether it is new")
    conversation_created: bool = Field(False, description="Whether its conversation had to be created")
    entities_linked: int = Field(0, description="Entities that it is about")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def decision_id(self) -> str:
        """The decision's id."""
        return self.decision.id


class StorageUsage(BaseModel):
    """How much room things take."""

    conversations_size: int = Field(..., description="Bytes of the messages' text in UTF-8")
    entities_count: int
    relationships_count: int
    messages_count: int = 0
    decisions_count: int = 0


class ConversationStats(BaseModel):
    """Counts of one namespace."""

    total_conversations: int
    total_messages: int
    total_entities: int
    total_relationships: int
    total_decisions: int = 0
    total_documents: int = 0
    storage_usage: StorageUsage


class GetConversationStatsResponse(Response):
    """Statistics of one namespace."""

    stats: ConversationStats
    processing_time: float = Field(0.0, description="Processing time in seconds")
