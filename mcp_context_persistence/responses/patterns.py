"""What comes back when patterns are configured and applied."""

from pydantic import BaseModel, Field


class EntityChange(BaseModel):
    """An entity that comes, goes, or is of another type."""

    id: str = Field(..., description="Entity identifier")
    name: str = Field(..., description="Its name")
    type: str = Field(..., description="Its type; the new one where it changes")
    previous_type: str | None = Field(None, description="Its type before, where it changes")
    mentions: int = Field(0, description="Messages and passages that begin or cease to mention it")


class ConfigureEntityPatternsResponse(BaseModel):
    """The patterns that the namespace has now."""

    success: bool = Field(True, description="Operation success status")
    error: str | None = Field(None, description="Error message if failed")
    version: int = Field(
        ..., description="Version of the namespace's patterns, one more after every change"
    )
    changed: bool = Field(..., description="Whether they differ from those before")
    types: list[str] = Field(..., description="Types that have patterns")
    patterns: int = Field(..., description="How many expressions there are")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ReextractResponse(BaseModel):
    """The difference between what is stored and what the present rules find. Lists hold 1,000 entities at most, the counts all of them."""

    success: bool = Field(True, description="Operation success status")
    error: str | None = Field(None, description="Error message if failed")
    applied: bool = Field(..., description="Whether the graph was changed accordingly")
    patterns_version: int = Field(
        ..., description="Version of the patterns that were used, 0 for none"
    )
    texts_read: int = Field(0, description="Messages and passages of documents that were read")
    texts_changed: int = Field(
        0, description="Those that mention something else, or elsewhere, or by another rule"
    )
    mentions_added: int = Field(0, description="Mentions that come")
    mentions_removed: int = Field(0, description="Mentions that go")
    mentions_changed: int = Field(
        0, description="Mentions that stay, with another place, count, confidence or rule"
    )
    entities_added: list[EntityChange] = Field(
        default_factory=list, description="Entities that come"
    )
    entities_removed: list[EntityChange] = Field(
        default_factory=list, description="Entities that nothing supports any more"
    )
    entities_retyped: list[EntityChange] = Field(
        default_factory=list, description="Entities of another type"
    )
    total_entities_added: int = Field(0, description="Number of entities that come")
    total_entities_removed: int = Field(0, description="Number of entities that go")
    total_entities_retyped: int = Field(0, description="Number of entities of another type")
    truncated: bool = Field(False, description="Whether a list is longer than what is shown")
    processing_time: float = Field(0.0, description="Processing time in seconds")
