"""Response of `build_context`."""

from datetime import datetime

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Instruction
from mcp_context_persistence.responses.base import Response, Score


class Citation(BaseModel):
    """A message, decision, document or saved instruction that the text shows."""

    key: str = Field(
        ...,
        description="The text in brackets before it: m:, d:, doc: or i: and the id, "
        "with %, [ and ] percent-encoded; the same in every response",
    )
    id: str
    type: str = Field(..., description="message, decision, document or instruction")
    conversation_id: str | None = None
    timestamp: datetime | None = None
    role: str | None = Field(None, description="Role of who wrote a message")
    name: str | None = Field(None, description="Name of who wrote a message, where it has one")
    similarity_score: Score = Field(
        ..., description="0.0 to 1.0; comparable within one response only"
    )


class BuildContextResponse(Response):
    """A text for a prompt."""

    query: str
    text: str = Field(
        ..., description="The chosen texts with their citations; if it is empty, `notes` says why"
    )
    citations: list[Citation] = Field(
        default_factory=list, description="What the text shows, in its order"
    )
    instructions: list[Instruction] = Field(
        default_factory=list,
        description="Instructions, preferences and facts about the user that the text shows",
    )
    tokens: int = Field(..., description="Number of tokens of the text")
    confidence: Score | None = Field(
        None, description="How likely what was found answers the query; None if it is not known"
    )
    token_budget: int
    notes: list[str] = Field(default_factory=list, description="Remarks, such as why it is empty")
    processing_time: float = Field(0.0, description="Processing time in seconds")
