"""Responses of the methods that configure patterns and extract again."""

from pydantic import BaseModel, Field


class EntityChange(BaseModel):
    """An entity that is added, is removed, or gets another type."""

    id: str = Field(..., description="Entity identifier")
    name: str = Field(..., description="Its name")
    type: str = Field(..., description="Its type; the new type if it changes")
    previous_type: str | None = Field(None, description="Its previous type if it changes")
    mentions: int = Field(
        0, description="Number of messages and passages whose mention of it is added or removed"
    )


class ConfigureEntityPatternsResponse(BaseModel):
    """The patterns of the namespace."""

    success: bool = Field(True, description="Whether the operation succeeded")
    error: str | None = Field(None, description="Error message of an operation that failed")
    version: int = Field(..., description="Version of the namespace's patterns; each change adds 1")
    changed: bool = Field(..., description="Whether the patterns were changed")
    types: list[str] = Field(..., description="Types that have patterns")
    patterns: int = Field(..., description="Number of all expressions")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ReextractResponse(BaseModel):
    """The difference between the stored mentions and those that are extracted now.

    The lists have at most 1,000 entities each; the counts include all entities.
    """

    success: bool = Field(True, description="Whether the operation succeeded")
    error: str | None = Field(None, description="Error message of an operation that failed")
    applied: bool = Field(..., description="Whether the graph was changed")
    patterns_version: int = Field(
        ..., description="Version of the patterns that were used; 0 for none"
    )
    texts_read: int = Field(0, description="Number of messages and passages that were read")
    texts_changed: int = Field(0, description="Number of texts whose mentions differ")
    mentions_added: int = Field(0, description="Number of new mentions")
    mentions_removed: int = Field(0, description="Number of removed mentions")
    mentions_changed: int = Field(
        0,
        description="Number of mentions whose position, count, confidence or rule is changed",
    )
    entities_added: list[EntityChange] = Field(default_factory=list, description="New entities")
    entities_removed: list[EntityChange] = Field(
        default_factory=list, description="Entities that have no support any more"
    )
    entities_retyped: list[EntityChange] = Field(
        default_factory=list, description="Entities that get another type"
    )
    total_entities_added: int = Field(0, description="Number of new entities")
    total_entities_removed: int = Field(0, description="Number of removed entities")
    total_entities_retyped: int = Field(0, description="Number of entities that get another type")
    truncated: bool = Field(False, description="Whether there are more entities than a list has")
    processing_time: float = Field(0.0, description="Processing time in seconds")
