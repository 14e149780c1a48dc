"""What proposing and reviewing decisions gives back."""

from pydantic import BaseModel, Field

from kg.models import Decision
from mcp_context_persistence.models import Response


class ProposedDecision(BaseModel):
    """A sentence of a message that tells of a decision."""

    decision: Decision = Field(..., description="`outcome` is the sentence, `context` the message; `status` what became of it")
    message_id: str
    start: int = Field(..., description="Where the sentence begins in the message, in characters")
    end: int = Field(..., description="Where it ends, exclusive")
    cue: str = Field(..., description="Name of the wording by which it was known")
    created: bool = Field(..., description="Whether it was not there before")


class ProposeDecisionsResponse(Response):
    """What a conversation tells of decisions, in the order of its messages."""

    conversation_id: str
    proposals: list[ProposedDecision] = Field(default_factory=list)
    saved: int = Field(0, description="How many were kept that were not there before")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ReviewDecisionResponse(Response):
    """A decision as it is now."""

    decision: Decision
    changed: bool = Field(..., description="Whether its status was another one before")
    processing_time: float = Field(0.0, description="Processing time in seconds")
