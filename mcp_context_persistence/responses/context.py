"""What `build_context` gives back."""

from datetime import datetime

from pydantic import BaseModel, Field

from mcp_context_persistence.responses.base import Response


class Citation(BaseModel):
    """Something that the text shows, under its key."""

    key: str = Field(
        ...,
        description="As it stands in the text between brackets: m:, d: or doc: and the id, with %, [ and ] percent-encoded; the same in every answer",
    )
    id: str
    type: str = Field(..., description="message, decision or document")
    conversation_id: str | None = None
    timestamp: datetime | None = None
    similarity_score: float = Field(..., description="0.0 to 1.0, ordered within one answer")


class BuildContextResponse(Response):
    """A text for a prompt."""

    query: str
    text: str = Field(
        ..., description="Passages by conversation and time; empty where nothing fits"
    )
    citations: list[Citation] = Field(
        default_factory=list, description="What is shown, in the order of the text"
    )
    tokens: int = Field(..., description="Of the text")
    token_budget: int
    notes: list[str] = Field(
        default_factory=list,
        description="What the caller should know about how the answer came about",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")
