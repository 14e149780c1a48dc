"""Methods for instructions, preferences and facts about the user."""

from collections.abc import Sequence

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.responses.instructions import (
    ListInstructionsResponse,
    RetireInstructionResponse,
    SaveInstructionResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import instructions


class InstructionCalls:
    """Saves, lists and retires instructions, preferences and facts about the user."""

    _engine: Engine

    @public_call(DatabaseError)
    def save_instruction(
        self, text: str, *, scope: str | None = None, kind: str = "instruction"
    ) -> SaveInstructionResponse:
        """Save an instruction, a preference or a fact about the user.

        You do not need this call for what a user writes in a message: saving the message finds it.
        See docs/instructions.md. If an earlier instruction has the same subject and attribute, the
        new one supersedes it. If you save the same text again, it becomes the latest instruction,
        even if it was retired.

        Args:
            text: The words of the user, at most 1,000 characters.
            scope: `always`, or the topic of the queries for which the instruction applies, at most
                500 characters. If you leave it out, the topic is read from the text ("when I ask
                about ...").
            kind: `instruction`, `preference` or `fact`.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return instructions.save_instruction(self._engine, text, scope=scope, kind=kind)

    @public_call(DatabaseError)
    def list_instructions(
        self,
        *,
        status: str | Sequence[str] | None = "active",
        limit: int = 100,
        cursor: str | None = None,
    ) -> ListInstructionsResponse:
        """List instructions, preferences and facts about the user, latest first, in pages.

        Args:
            status: `active`, `superseded` or `retired`, or a list of these. None means all.
            limit: The maximum number of instructions, 1 to 1,000.
            cursor: `next_cursor` of the previous page, with the same status.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return instructions.list_instructions(
            self._engine, status=status, limit=limit, cursor=cursor
        )

    @public_call(DatabaseError)
    def retire_instruction(self, instruction_id: str) -> RetireInstructionResponse:
        """Retire an instruction: keep it, but remove it from searches and prompt contexts.

        The instruction stays retired if its message is saved again. If it superseded an earlier
        instruction, that one stays superseded.

        Args:
            instruction_id: The id that `list_instructions` and searches return.

        Raises:
            DatabaseError: The database operation failed.
            NotFoundError: The instruction does not exist.
            ValidationError: An argument is not valid.
        """
        return instructions.retire_instruction(self._engine, instruction_id)
