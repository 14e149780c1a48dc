"""Responses of the methods that find duplicates, merge entities, and undo merges."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Response, Score


class DuplicateEvidence(BaseModel):
    """The result of one comparison of a pair."""

    stage: str = Field(..., description="exact, fuzzy, fields, vector or neighbors")
    score: Score = Field(..., description="Similarity of the two by this comparison, 0.0 to 1.0")
    detail: str = Field("", description="What is similar")


class DuplicatePair(BaseModel):
    """Two entities that are probably the same; `keep_id` is the one with the fuller name."""

    keep_id: str
    keep_name: str
    duplicate_id: str
    duplicate_name: str
    type: str = Field(..., description="Type of the entity to keep")
    score: Score = Field(..., description="0.0 to 1.0")
    band: Literal["same", "review"] = Field(
        ..., description="same: above the threshold; review: a person should decide"
    )
    evidence: list[DuplicateEvidence]


class DuplicateGroup(BaseModel):
    """Entities that are the same by all pairs of the band `same`, without a contradiction."""

    keep_id: str = Field(..., description="The entity with the fullest name")
    duplicate_ids: list[str]


class FindDuplicateEntitiesResponse(Response):
    """Pairs of duplicates, best first, and groups that can be merged."""

    pairs: list[DuplicatePair]
    groups: list[DuplicateGroup]
    total_pairs: int = Field(..., description="Number of all pairs, also of those not returned")
    compared: int = Field(..., description="Number of entities that were compared")
    neighbors_by: Literal["gds", "cypher"] | None = Field(
        None,
        description="How pairs with shared neighbors were found: gds for Graph Data Science, "
        "cypher without it; None if no entity has enough neighbors",
    )
    truncated: bool = Field(False, description="Whether there are more entities or more pairs")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class MergeEntitiesResponse(Response):
    """A merge; pass `merge_id` to `undo_merge` to undo it."""

    merge_id: str
    kept_id: str
    merged_ids: list[str]
    mentions: int = Field(..., description="Number of mentions that the kept entity took over")
    relationships: int = Field(..., description="Number of relationships of the merged entities")
    decisions: int = Field(..., description="Number of links from decisions to the merged entities")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class UndoMergeResponse(Response):
    """The entities that are separate again."""

    merge_id: str
    kept_id: str
    restored_ids: list[str]
    mentions: int = Field(..., description="Number of mentions that were given back")
    relationships: int = Field(..., description="Number of relationships that were given back")
    decisions: int = Field(..., description="Number of links from decisions that were given back")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class MergeMember(BaseModel):
    """An entity of a merge."""

    id: str
    name: str = Field(..., description="Its name, or its id if the entity no longer exists")


class MergeRecord(BaseModel):
    """A merge in the history of the graph."""

    merge_id: str
    kept: MergeMember = Field(
        ...,
        description="The entity that the others were merged into; "
        "it may have been merged itself since",
    )
    merged: list[MergeMember]
    merged_at: datetime
    reason: str | None = None
    merged_by: str | None = None
    evidence: list[Any] = Field(
        default_factory=list, description="The evidence that was given to `merge_entities`"
    )
    undone_at: datetime | None = Field(
        None, description="When the merge was undone; None if it is in effect"
    )
    can_undo: bool = Field(
        ...,
        description="Whether `undo_merge` can undo it now; False if it was undone, if other merges "
        "must be undone first, or if an entity was deleted",
    )
    undo_first: list[str] = Field(
        default_factory=list,
        description="Merges that must be undone before it, in this order; at most 100",
    )
    undo_first_count: int = Field(0, description="Number of all merges to undo before it")


class ListMergesResponse(Response):
    """Merges, newest first."""

    merges: list[MergeRecord]
    total_merges: int = Field(
        ..., description="Number of all merges of the namespace, also of those that were undone"
    )
    next_cursor: str | None = Field(
        None, description="Cursor of the next page, of older merges; None if there are none"
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
