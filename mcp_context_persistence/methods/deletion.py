"""Methods that delete what was stored."""

from mcp_context_persistence.kg.errors import DatabaseError, VectorDBError
from mcp_context_persistence.models import DeleteMessageResponse
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import message_deletion


class DeletionCalls:
    """Deletes messages, conversations, documents, decisions, entities and relationships."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError)
    def delete_message(self, message_id: str, *, dry_run: bool = False) -> DeleteMessageResponse:
        """Delete a message, and everything that only this message supports.

        Its vectors, passages and mentions are deleted. Relationships, entities and proposed
        decisions are deleted if no other text supports them. Accepted decisions stay; if their
        context was this message, only their outcome is kept. Later messages of the conversation
        move up by one position.

        Args:
            message_id: The id of the message.
            dry_run: Whether to only count what would be deleted.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
            VectorDBError: A vector could not be made.
        """
        return message_deletion.delete_message(self._engine, message_id, dry_run=dry_run)
