"""What the analytics answer."""

from pydantic import BaseModel, Field


class GraphAnalytics(BaseModel):
    """The shape of a namespace's graph of entities.

    Components, clustering and degrees are those of the undirected graph in which several relationships between the same two entities are
    one. `density` is that of a directed graph: `total_edges` by the number of ordered pairs.
    """

    total_nodes: int = Field(..., description="Entities")
    total_edges: int = Field(..., description="Relationships between entities")
    density: float = Field(
        ..., description="Relationships by ordered pairs of entities, 0.0 or more"
    )
    avg_degree: float = Field(
        ..., description="Relationships per entity, incoming and outgoing together"
    )
    components: int = Field(..., description="Parts that are not connected with each other")
    largest_component: int = Field(..., description="Entities in the largest of them")
    clustering: float = Field(..., description="Average local clustering coefficient, 0.0 to 1.0")
    triangles: int = Field(
        ..., description="Triples of entities that are all related to each other"
    )
    degree_distribution: dict[int, int] = Field(
        ..., description="For each number of neighbours how many entities have it"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class CentralEntity(BaseModel):
    """An entity with its centrality."""

    id: str
    name: str
    type: str
    centrality_score: float = Field(
        ..., description="Normalised as the call documents, 0.0 or more"
    )


class Community(BaseModel):
    """Entities that belong together.

    `entities` are the most central ones, those with the most relationships inside the community first; their `centrality_score` is the
    share of the other members that this is. `size` counts all members.
    """

    id: int = Field(..., description="Place by size, 0 for the largest")
    label: str = Field(..., description="Names of its most central entities")
    size: int = Field(..., description="Entities in it")
    entities: list[CentralEntity] = Field(
        ..., description="Its most central entities, 1,000 at most"
    )


class Communities(list[Community]):
    """Communities, largest first. `truncated` says that there are more than were returned."""

    truncated: bool = False


class SimilarEntity(BaseModel):
    """Two entities with the same neighbours. `similarity` is the overlap of their neighbourhoods (Jaccard), 0.0 to 1.0."""

    entity_id: str
    other_id: str
    other_name: str
    other_type: str
    similarity: float
