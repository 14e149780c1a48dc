"""Responses of the calls on entities and relationships."""

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Entity, Relationship
from mcp_context_persistence.responses.base import Response


class ExtractEntitiesResponse(Response):
    """The entities found in a text, in the order of their first mention. `linked_to` says what they hang on in the graph."""

    entities: list[Entity] = Field(..., description="Extracted entities")
    conversation_id: str | None = Field(None, description="Conversation ID")
    message_id: str | None = Field(None, description="Message ID")
    total_entities: int = Field(..., description="Total number of entities")
    processing_time: float = Field(..., description="Processing time in seconds")
    relationships: list[Relationship] = Field(
        default_factory=list, description="Relationships found in the text"
    )
    stored: bool = Field(False, description="Whether the entities are in the graph now")
    truncated: bool = Field(
        False, description="Whether the text mentions more entities than were looked at or returned"
    )
    linked_to: str | None = Field(
        None, description="'message' or 'conversation' when linked to one, else None"
    )


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
    relationship_type: str = Field(
        ..., description="Type of the last relationship on the way, as given"
    )
    direction: str = Field(..., description="'outgoing' or 'incoming', seen from the start")
    confidence: float
    distance: int = Field(..., description="Relationships from the start, 1 or more")
    evidence: str | None = Field(
        None, description="The sentence that says so, for relationships found in text"
    )
    sources: list[str] = Field(
        default_factory=list, description="Messages that support the relationship"
    )


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
    unchanged_relationships: int = Field(
        0, description="Relationships that were stored like this already"
    )
    skipped_entities: int = Field(0, description="Existing entities left alone by 'skip'")
    skipped_relationships: int = Field(0, description="Existing relationships left alone by 'skip'")
    processing_time: float = Field(0.0, description="Processing time in seconds")
