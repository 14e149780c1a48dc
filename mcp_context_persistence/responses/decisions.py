"""What proposing and reviewing decisions gives back."""

from datetime import datetime

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.responses.base import Response


class ProposedDecision(BaseModel):
    """A sentence that tells of a decision, in one message or in several."""

    decision: Decision = Field(
        ...,
        description="`outcome` is the sentence, `context` the message; `status` what became of it",
    )
    context_cut: bool = Field(
        False,
        description="Whether the message is longer than a context may be; then that is what lies around the sentence",
    )
    message_id: str = Field(..., description="The first message that has the sentence")
    evidence: list[str] = Field(..., description="All messages that have it, in their order")
    timestamp: datetime | None = Field(
        None, description="When it was first said: the earliest time of these messages"
    )
    start: int = Field(..., description="Where the sentence begins in the message, in characters")
    end: int = Field(..., description="Where it ends, exclusive")
    cue: str = Field(..., description="Name of the wording by which it was known")
    created: bool = Field(..., description="Whether it was not there before")
    kept: bool = Field(
        ...,
        description="Whether it is kept now; not where it was only looked for, or a message has changed or gone meanwhile",
    )


class ProposeDecisionsResponse(Response):
    """What a conversation tells of decisions, in the order of its messages."""

    conversation_id: str
    proposals: list[ProposedDecision] = Field(default_factory=list)
    saved: int = Field(0, description="How many were kept that were not there before")
    outdated: int = Field(
        0,
        description="How many were not kept because a message had changed or gone meanwhile; propose again",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ReviewDecisionResponse(Response):
    """A decision as it is now."""

    decision: Decision
    changed: bool = Field(..., description="Whether its status was another one before")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SaveDecisionResponse(Response):
    """The decision as it is stored. `conversation_created` says that its conversation did not exist and is there now, empty."""

    decision: Decision = Field(..., description="The decision")
    created: bool = Field(..., description="Whether it is new")
    conversation_created: bool = Field(
        False, description="Whether its conversation had to be created"
    )
    entities_linked: int = Field(0, description="Entities that it is about")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def decision_id(self) -> str:
        """The decision's id."""
        return self.decision.id
