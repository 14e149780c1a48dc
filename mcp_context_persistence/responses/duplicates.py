"""What comes back when duplicates are looked for, merged, and parted again."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Response


class DuplicateEvidence(BaseModel):
    """What one stage says of a pair."""

    stage: str = Field(..., description="exact, fuzzy, fields, vector or neighbours")
    score: float = Field(..., description="How alike the two are in this, 0.0 to 1.0")
    detail: str = Field("", description="How")


class DuplicatePair(BaseModel):
    """Two entities that may be one. `keep_id` is the one with the fuller name."""

    keep_id: str
    keep_name: str
    duplicate_id: str
    duplicate_name: str
    type: str = Field(..., description="Type of the one to keep")
    score: float = Field(..., description="0.0 to 1.0")
    band: Literal["same", "review"] = Field(
        ..., description="same: beyond the threshold; review: somebody should look"
    )
    evidence: list[DuplicateEvidence]


class DuplicateGroup(BaseModel):
    """Entities that are one by all pairs of the band `same`, none of which contradicts another."""

    keep_id: str = Field(..., description="The one with the fullest name")
    duplicate_ids: list[str]


class FindDuplicateEntitiesResponse(Response):
    """Pairs, best first, and the groups that can be merged."""

    pairs: list[DuplicatePair]
    groups: list[DuplicateGroup]
    total_pairs: int = Field(..., description="Pairs that were found, those that were cut off too")
    compared: int = Field(..., description="Entities that were compared")
    neighbors_by: Literal["gds", "cypher"] | None = Field(
        None,
        description="Who found the pairs that share neighbours: Graph Data Science, or without it what was read of the graph; None where no "
        "entity has enough of them",
    )
    truncated: bool = Field(False, description="Whether there were more entities, or more pairs")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class MergeEntitiesResponse(Response):
    """A merge; `merge_id` is what `undo_merge` needs."""

    merge_id: str
    kept_id: str
    merged_ids: list[str]
    mentions: int = Field(
        ..., description="Mentions of the merged entities, which are mentions of the kept one now"
    )
    relationships: int = Field(..., description="Relationships of the merged entities")
    decisions: int = Field(..., description="Links from decisions to the merged entities")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class UndoMergeResponse(Response):
    """Entities that were parted again."""

    merge_id: str
    kept_id: str
    restored_ids: list[str]
    mentions: int = Field(..., description="Mentions that are those of the restored entities again")
    relationships: int = Field(..., description="Relationships that they have again")
    decisions: int = Field(..., description="Decisions that are about them again")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class MergeMember(BaseModel):
    """An entity of a merge."""

    id: str
    name: str = Field(..., description="Its name, or its id where there is no such entity any more")


class MergeRecord(BaseModel):
    """A merge in the history of the graph."""

    merge_id: str
    kept: MergeMember = Field(
        ...,
        description="The entity that the others became part of; it may have been merged itself since",
    )
    merged: list[MergeMember]
    merged_at: datetime
    reason: str | None = None
    merged_by: str | None = None
    evidence: list[Any] = Field(default_factory=list, description="What `merge_entities` was given")
    undone_at: datetime | None = Field(
        None, description="When it was undone; None for one that is in effect"
    )
    can_undo: bool = Field(
        ...,
        description="Whether `undo_merge` can undo it now; not when it was undone, others come first, or an entity was deleted",
    )
    undo_first: list[str] = Field(
        default_factory=list,
        description="Merges that must be undone before it, in this order; 100 at most",
    )
    undo_first_count: int = Field(0, description="How many these are in all")


class ListMergesResponse(Response):
    """Merges, newest first."""

    merges: list[MergeRecord]
    total_merges: int = Field(
        ..., description="Merges of the namespace, those that were undone too"
    )
    truncated: bool = Field(False, description="Whether there are older ones")
    processing_time: float = Field(0.0, description="Processing time in seconds")
