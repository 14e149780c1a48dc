"""The items of an export, and the responses of the methods that export and ingest them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.identifiers import build_relationship_type
from mcp_context_persistence.kg.models import (
    Confidence,
    Identifier,
    Message,
    Metadata,
    Timestamp,
    TypeName,
)
from mcp_context_persistence.responses.base import Response

FALLBACK_TYPE = "RELATED_TO"
Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
Sentence = Annotated[str, Field(max_length=limits.DESCRIPTION_CHARACTERS)]
DecisionText = Annotated[str, Field(min_length=1, max_length=limits.DECISION_CHARACTERS)]


class _Item(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ExportedMention(_Item):
    """How a text mentions an entity."""

    entity_id: Identifier
    start: Count | None = None
    end: Count | None = None
    count: Count | None = None
    confidence: Confidence | None = None
    extractor: Identifier | None = None


class ExportedRelation(_Item):
    """A relation that a text denies, plans, supposes and so on."""

    source: Identifier
    type: TypeName
    target: Identifier
    modality: Identifier
    polarity: Identifier
    confidence: Confidence
    evidence: Sentence


class TextKnowledge(_Item):
    """What was found in a text."""

    mentions: list[ExportedMention] = Field(
        default_factory=list, max_length=limits.ENTITIES_PER_TEXT
    )
    unasserted: list[ExportedRelation] = Field(
        default_factory=list, max_length=limits.UNASSERTED_PER_TEXT
    )


class ExportedPatterns(_Item):
    """The entity patterns of a namespace."""

    kind: Literal["patterns"] = "patterns"
    patterns: dict[str, list[str]]
    confidence: Confidence = 0.5


class ExportedEntity(_Item):
    """An entity; `origin` says whether a user wrote it, or texts mention it."""

    kind: Literal["entity"] = "entity"
    id: Identifier
    name: Identifier
    type: TypeName
    description: Sentence = ""
    confidence: Confidence = 1.0
    aliases: list[Identifier] = Field(default_factory=list)
    metadata: Metadata = None
    origin: Literal["user", "extracted"] = "user"
    created_at: Timestamp = None


class ExportedConversation(_Item):
    """A conversation, or a part of it: the next items with its id have its other messages.

    `knowledge` has what was found in the messages, by their ids. Without it, the messages are
    analyzed when they are ingested.
    """

    kind: Literal["conversation"] = "conversation"
    conversation_id: Identifier
    project_path: Identifier | None = None
    mode: Literal["conversation", "knowledge", "hybrid"] = "hybrid"
    metadata: Metadata = None
    created_at: Timestamp = None
    messages: list[Message] = Field(default_factory=list)
    mentions: list[ExportedMention] = Field(default_factory=list)
    knowledge: dict[str, TextKnowledge] | None = None


class ExportedDocument(_Item):
    """A document; `passages` has what was found in each of its passages."""

    kind: Literal["document"] = "document"
    document_id: Identifier
    text: Annotated[str, Field(min_length=1, max_length=limits.DOCUMENT_CHARACTERS)]
    project_path: Identifier | None = None
    metadata: Metadata = None
    created_at: Timestamp = None
    timestamp: Timestamp = None
    passages: list[TextKnowledge] | None = None


class ExportedDecision(_Item):
    """A decision with the entities that it is about, and its evidence if it is a proposal."""

    kind: Literal["decision"] = "decision"
    id: Identifier
    conversation_id: Identifier
    decision_type: TypeName
    context: DecisionText
    outcome: DecisionText
    confidence: Confidence | None = None
    status: Literal["accepted", "proposed", "rejected"] = "accepted"
    created_at: Timestamp = None
    timestamp: Timestamp = None
    entity_ids: list[Identifier] = Field(default_factory=list)
    evidence: list[Identifier] = Field(default_factory=list)


class ExportedInstruction(_Item):
    """An instruction; one with a `message_id` is found in that message when it is ingested."""

    kind: Literal["instruction"] = "instruction"
    id: Identifier
    text: Annotated[str, Field(min_length=1, max_length=limits.MESSAGE_CHARACTERS)]
    instruction_kind: Literal["instruction", "preference", "fact"]
    scope: Annotated[str, Field(max_length=limits.MESSAGE_CHARACTERS)] = "always"
    subject: str
    attribute: str
    rule: Identifier
    message_id: Identifier | None = None
    status: Literal["active", "retired"] = "active"
    created_at: Timestamp = None
    timestamp: Timestamp = None


class ExportedRelationship(_Item):
    """A relationship; `sources` are the texts and decisions that support it."""

    kind: Literal["relationship"] = "relationship"
    id: str | None = None
    source_entity_id: Identifier
    target_entity_id: Identifier
    relationship_type: TypeName
    stored_type: str
    confidence: Confidence = 1.0
    properties: Metadata = None
    origin: Literal["user", "extracted"] = "user"
    evidence: Sentence | None = None
    extractor: Identifier | None = None
    sources: list[Identifier] = Field(
        default_factory=list, max_length=limits.EVIDENCE_PER_RELATIONSHIP
    )
    has_more_sources: bool = False
    created_at: Timestamp = None

    @model_validator(mode="after")
    def _check_stored_type(self) -> Self:
        if self.stored_type not in {FALLBACK_TYPE, build_relationship_type(self.relationship_type)}:
            raise ValidationError("value.stored_type is not the type of this relationship")
        return self


ExportedItem = (
    ExportedPatterns
    | ExportedEntity
    | ExportedConversation
    | ExportedDocument
    | ExportedDecision
    | ExportedInstruction
    | ExportedRelationship
)


class ExportItemsResponse(Response):
    """A page of the items of a namespace, in the order in which they can be ingested."""

    items: list[dict[str, Any]] = Field(
        default_factory=list,
        description="Each has a `kind`: patterns, entity, conversation, document, decision, "
        "instruction or relationship",
    )
    next_cursor: str | None = Field(None, description="Cursor of the next page; None at the end")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class IngestItemsResponse(Response):
    """The receipt of an ingest."""

    counts: dict[str, int] = Field(
        default_factory=dict, description="Number of ingested items of each kind"
    )
    differing_messages: int = Field(
        0,
        description="Number of messages that are stored with another text or role; these stay",
    )
    missing_instructions: int = Field(
        0, description="Number of instructions that were not found in their messages again"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
