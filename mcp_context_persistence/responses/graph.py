"""Responses of the methods for entities and relationships."""

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Entity, Relationship
from mcp_context_persistence.responses.base import Response, Score


class ExtractEntitiesResponse(Response):
    """The entities of a text, in the order of their first mention."""

    entities: list[Entity] = Field(..., description="Extracted entities")
    conversation_id: str | None = Field(None, description="Conversation ID")
    message_id: str | None = Field(None, description="Message ID")
    total_entities: int = Field(..., description="Number of returned entities")
    processing_time: float = Field(..., description="Processing time in seconds")
    relationships: list[Relationship] = Field(
        default_factory=list, description="Extracted relationships"
    )
    unasserted: list[Relationship] = Field(
        default_factory=list,
        description="Relationships that the text denies, plans, supposes, reports and so on",
    )
    stored: bool = Field(False, description="Whether the entities are in the graph now")
    truncated: bool = Field(
        False,
        description="Whether the text has more entities or relationships than "
        "were extracted or returned",
    )
    language_understood: bool = Field(
        True,
        description="Whether the text is in a language that the extraction understands; in others, "
        "only names are found whose own form shows what they are",
    )
    linked_to: str | None = Field(
        None, description="What the entities were linked to: 'message', 'conversation' or nothing"
    )


class CreateRelationshipResponse(Response):
    """The relationship as it is stored now; `created` is False if it existed and was updated."""

    relationship: Relationship = Field(..., description="The relationship")
    created: bool = Field(..., description="Whether it is new")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def relationship_id(self) -> str:
        """The id of the relationship."""
        return self.relationship.id


class GraphNeighbor(BaseModel):
    """An entity near the start entity.

    `confidence` is the product of the confidences on the path to it, 0.0 to 1.0.
    """

    entity_id: str
    name: str
    type: str
    description: str = ""
    relationship_type: str = Field(
        ..., description="Type of the last relationship on the path, as it was given"
    )
    direction: str = Field(
        ..., description="'outgoing' if that relationship points away from the start, or 'incoming'"
    )
    confidence: Score
    distance: int = Field(..., description="Number of relationships from the start, 1 or more")
    evidence: str | None = Field(
        None, description="The sentence that states an extracted relationship"
    )
    sources: list[str] = Field(
        default_factory=list, description="Messages that support the relationship"
    )
    has_more_sources: bool = Field(
        False, description="Whether more messages support it than `sources` lists"
    )
    modality: str = Field(
        "asserted", description="asserted for a relationship of the graph, see `include_unasserted`"
    )
    polarity: str = Field("positive", description="Polarity of that relationship")


class GraphStep(BaseModel):
    """A relationship of a path, in its own direction."""

    from_entity: str
    relationship_type: str
    to_entity: str
    confidence: Score = 1.0
    modality: str = Field(
        "asserted", description="asserted for a relationship of the graph, see `include_unasserted`"
    )
    polarity: str = Field("positive", description="negative for the contrary")


class GraphPath(BaseModel):
    """A path through the graph.

    A path of one relationship has the direction of the relationship. A longer path begins at the
    start entity: `entities` are its entities in order, `relationship_type` joins the types of its
    relationships with " -> ", and `steps` has the direction of each relationship.
    """

    from_entity: str
    relationship_type: str
    to_entity: str
    entities: list[str] = Field(default_factory=list)
    steps: list[GraphStep] = Field(default_factory=list)
    length: int = 1
    confidence: Score = Field(1.0, description="Product of the confidences of its steps")

    @property
    def modality(self) -> str:
        """The modality of the first step that is not asserted, else `asserted`."""
        modalities = (step.modality for step in self.steps)
        return next((modality for modality in modalities if modality != "asserted"), "asserted")


class GraphContext(BaseModel):
    """The neighbors of an entity and the paths to them; its length is the number of neighbors."""

    entity: Entity | None = None
    neighbors: list[GraphNeighbor] = Field(default_factory=list)
    paths: list[GraphPath] = Field(default_factory=list)

    def __len__(self) -> int:
        return len({neighbor.entity_id for neighbor in self.neighbors})

    def __bool__(self) -> bool:
        return True


class QueryKnowledgeGraphResponse(Response):
    """The graph near an entity."""

    entity_id: str = Field(..., description="ID of the start entity")
    operation: str = Field(..., description="The operation of the call")
    depth: int = Field(..., description="The depth of the call")
    context: GraphContext = Field(..., description="Neighbors and paths")
    truncated: bool = Field(False, description="Whether there is more than was returned")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def neighbors(self) -> list[GraphNeighbor]:
        """The neighbors, nearest and most confident first."""
        return self.context.neighbors

    @property
    def paths(self) -> list[GraphPath]:
        """The paths, shortest first."""
        return self.context.paths


class UpdateKnowledgeGraphResponse(Response):
    """The counts of an update; `updated_*` counts what was written, whether new or changed."""

    updated_entities: int = Field(..., description="Number of entities that were written")
    updated_relationships: int = Field(..., description="Number of relationships that were written")
    created_entities: int = Field(0, description="Number of new entities among them")
    created_relationships: int = Field(0, description="Number of new relationships among them")
    unchanged_entities: int = Field(
        0, description="Number of entities that were stored with the same values"
    )
    unchanged_relationships: int = Field(
        0, description="Number of relationships that were stored with the same values"
    )
    skipped_entities: int = Field(
        0, description="Number of existing entities that 'skip' did not change"
    )
    skipped_relationships: int = Field(
        0, description="Number of existing relationships that 'skip' did not change"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
