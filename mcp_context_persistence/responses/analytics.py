"""Responses of the analytics."""

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Score


class GraphAnalytics(BaseModel):
    """The measures of a namespace's graph of entities.

    Components, clustering and degrees are those of the undirected graph in which several
    relationships between the same two entities are one. `density` is that of a directed graph:
    `total_edges` divided by the number of ordered pairs of entities.
    """

    total_nodes: int = Field(..., description="Number of entities")
    total_edges: int = Field(..., description="Number of relationships between entities")
    density: Score = Field(
        ..., description="Relationships per ordered pair of entities, 0.0 or more"
    )
    avg_degree: Score = Field(
        ..., description="Relationships per entity, incoming and outgoing together"
    )
    components: int = Field(..., description="Number of connected components")
    largest_component: int = Field(
        ..., description="Number of entities in the largest connected component"
    )
    clustering: Score = Field(..., description="Average local clustering coefficient, 0.0 to 1.0")
    triangles: int = Field(
        ..., description="Number of triples of entities that are all related to each other"
    )
    degree_distribution: dict[int, int] = Field(
        ..., description="Number of entities for each number of neighbors"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class CentralEntity(BaseModel):
    """An entity with its centrality."""

    id: str
    name: str
    type: str
    centrality_score: Score = Field(
        ..., description="Normalized as the method documents it, 0.0 or more"
    )


class Community(BaseModel):
    """A group of entities with many relationships among each other.

    `entities` has the most central members: those with relationships to most other members come
    first. Their `centrality_score` is the share of the other members that they are related to.
    """

    id: int = Field(..., description="Rank by size, 0 for the largest")
    label: str = Field(..., description="Names of its most central entities")
    size: int = Field(..., description="Number of all members")
    entities: list[CentralEntity] = Field(
        ..., description="Its most central entities, at most 1,000"
    )


class Communities(list[Community]):
    """A list of communities, the largest first; `truncated` tells whether there are more."""

    truncated: bool = False


class SimilarEntity(BaseModel):
    """Two entities that share neighbors.

    `similarity` is the Jaccard index of their sets of neighbors, 0.0 to 1.0.
    """

    entity_id: str
    other_id: str
    other_name: str
    other_type: str
    similarity: Score
