"""Responses of the methods for decisions."""

from datetime import datetime

from pydantic import BaseModel, Field

from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.responses.base import Response


class ProposedDecision(BaseModel):
    """A sentence that states a decision, in one message or in several."""

    decision: Decision = Field(
        ...,
        description="`outcome` is the sentence, `context` the message, `status` the stored status",
    )
    context_cut: bool = Field(
        False,
        description="Whether `context` is only the text near the sentence, "
        "because the message is longer than a context may be",
    )
    message_id: str = Field(..., description="The first message with the sentence")
    evidence: list[str] = Field(..., description="All messages with the sentence, in their order")
    timestamp: datetime | None = Field(None, description="The earliest time of these messages")
    start: int = Field(..., description="Start of the sentence in the message, in characters")
    end: int = Field(..., description="End of the sentence, exclusive")
    cue: str = Field(..., description="Name of the wording that was recognized")
    created: bool = Field(..., description="Whether the proposal is new")
    kept: bool = Field(
        ...,
        description="Whether the proposal is stored now; False if it was not to be saved, "
        "or if its message was changed or removed meanwhile",
    )


class ProposeDecisionsResponse(Response):
    """The decisions that the messages of a conversation state, in the order of the messages."""

    conversation_id: str
    proposals: list[ProposedDecision] = Field(default_factory=list)
    saved: int = Field(0, description="Number of new proposals that were stored")
    outdated: int = Field(
        0,
        description="Number of proposals that were not stored because a message was changed or "
        "removed meanwhile; propose again",
    )
    processing_time: float = Field(0.0, description="Processing time in seconds")


class ReviewDecisionResponse(Response):
    """The reviewed decision."""

    decision: Decision
    changed: bool = Field(..., description="Whether its status was changed")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class SaveDecisionResponse(Response):
    """The decision as it is stored.

    `conversation_created` tells whether its conversation did not exist and was created without
    messages.
    """

    decision: Decision = Field(..., description="The decision")
    created: bool = Field(..., description="Whether it is new")
    conversation_created: bool = Field(
        False, description="Whether its conversation had to be created"
    )
    entities_linked: int = Field(0, description="Number of entities that it is about")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def decision_id(self) -> str:
        """The id of the decision."""
        return self.decision.id
