"""Instructions, preferences and facts about the user."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from mcp_context_persistence import models
from mcp_context_persistence.kg import limits
from mcp_context_persistence.rest.fields import ItemId
from mcp_context_persistence.rest.operations import (
    PREFIX,
    Body,
    CurrentSession,
    StrictRoute,
    operation,
)
from mcp_context_persistence.rest.pages import InstructionListArguments

router = APIRouter(prefix=PREFIX, route_class=StrictRoute, tags=["instructions"])


class SaveInstruction(Body):
    """An instruction, a preference or a fact about the user."""

    text: Annotated[str, Field(min_length=1, max_length=limits.INSTRUCTION_CHARACTERS)] = Field(
        ..., examples=["Answer in short sentences."]
    )
    scope: (
        Annotated[str, Field(min_length=1, max_length=limits.INSTRUCTION_TOPIC_CHARACTERS)] | None
    ) = None
    kind: Literal["instruction", "preference", "fact"] = "instruction"


@router.get(
    "/instructions",
    **operation("list_instructions", scope="read", response=models.ListInstructionsResponse),
)
def list_instructions(
    session: CurrentSession, query: Annotated[InstructionListArguments, Query()]
) -> Response:
    arguments = session.read_cursor(query.arguments(), "list_instructions")
    return session.answer(
        lambda client: client.list_instructions(**arguments), operation="list_instructions"
    )


@router.post(
    "/instructions",
    **operation("save_instruction", scope="write", response=models.SaveInstructionResponse),
)
def save_instruction(session: CurrentSession, body: SaveInstruction) -> Response:
    return session.answer(lambda client: client.save_instruction(**body.arguments()))


@router.post(
    "/instructions/{instruction_id}/retire",
    **operation("retire_instruction", scope="write", response=models.RetireInstructionResponse),
)
def retire_instruction(session: CurrentSession, instruction_id: ItemId) -> Response:
    return session.answer(lambda client: client.retire_instruction(instruction_id))
