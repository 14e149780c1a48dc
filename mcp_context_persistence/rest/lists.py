"""Responses of calls that return lists: an object, so that it can have more fields later."""

from pydantic import BaseModel

from mcp_context_persistence import models


class CentralEntities(BaseModel):
    """The most central entities."""

    entities: list[models.CentralEntity]


class CommunityList(BaseModel):
    """Communities, the largest first."""

    communities: list[models.Community]
    truncated: bool


class SimilarEntities(BaseModel):
    """Pairs of entities that share neighbors."""

    pairs: list[models.SimilarEntity]


class Paths(BaseModel):
    """The shortest paths between two entities."""

    paths: list[models.GraphPath]


class ExtractedTexts(BaseModel):
    """The entities of several texts, in their order."""

    results: list[models.ExtractEntitiesResponse]


class Embeddings(BaseModel):
    """A vector for each text."""

    embeddings: list[list[float]]


class Empty(BaseModel):
    """A call that returns nothing."""

    success: bool = True
