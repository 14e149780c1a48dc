"""Responses of the methods for instructions."""

from pydantic import Field

from mcp_context_persistence.kg.models import Instruction
from mcp_context_persistence.responses.base import Response


class SaveInstructionResponse(Response):
    """The instruction as it is stored."""

    instruction: Instruction
    created: bool = Field(..., description="Whether it is new")
    processing_time: float = Field(0.0, description="Processing time in seconds")

    @property
    def instruction_id(self) -> str:
        """The id of the instruction."""
        return self.instruction.id


class ListInstructionsResponse(Response):
    """A page of instructions, preferences and facts about the user, latest first."""

    instructions: list[Instruction] = Field(default_factory=list)
    next_cursor: str | None = Field(None, description="Position of the next page; None at the end")
    processing_time: float = Field(0.0, description="Processing time in seconds")


class RetireInstructionResponse(Response):
    """The retired instruction."""

    instruction: Instruction
    changed: bool = Field(..., description="Whether its status was changed")
    processing_time: float = Field(0.0, description="Processing time in seconds")
