"""Delete a conversation, a long one in several transactions."""

from collections.abc import Sequence

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.driver.statement import Row, Run
from mcp_context_persistence.kg.writes import deletion as statements
from mcp_context_persistence.kg.writes.deletion import Texts
from mcp_context_persistence.responses.deletion import DeleteConversationResponse
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services.deletion import Removal, delete_texts, run_deletion


class _ConversationDeletion:
    """The deletion of one conversation.

    A transaction deletes so many messages that the server has the memory for it. The first one of
    several marks the conversation, so that a conversation of which a part is deleted is not loaded,
    listed or saved to, and deletes its decisions and instructions. If the client is killed, the
    next deletion goes on.
    """

    def __init__(
        self, engine: Engine, conversation_id: str, *, dry_run: bool, is_resumed: bool = False
    ) -> None:
        """Keep the conversation.

        Args:
            engine: Gives the graph.
            conversation_id: The conversation.
            dry_run: Whether to only count.
            is_resumed: Whether to delete only if the conversation is still marked. If another
                client has completed the deletion and saved the conversation again, nothing is
                deleted.
        """
        self._engine, self._conversation_id, self._dry_run = engine, conversation_id, dry_run
        self._is_resumed = is_resumed
        self._is_complete = False

    def run(self) -> Removal:
        total = Removal()
        while not self._is_complete:
            with self._engine.graph.call(is_separate=True):
                removal = run_deletion(
                    self._engine, self._work, name="delete_conversation", dry_run=self._dry_run
                )
            # A transaction that is rolled back and tried again has marked nothing.
            self._is_resumed = not self._dry_run
            total.existed = total.existed or removal.existed
            total.deleted.update(removal.deleted)
            total.changed.update(removal.changed)
        return total

    def _work(self, run: Run) -> Removal:
        namespace, conversation_id = self._engine.namespace, self._conversation_id
        rows = run(statements.lock_conversation(namespace, conversation_id))
        self._is_complete = True
        if not rows or (self._is_resumed and not rows[0]["is_marked"]):
            return Removal()
        messages = rows[0]["messages"]
        # A preview keeps the messages' texts, which take most of the memory.
        chunk = list(messages) if self._dry_run else _take_chunk(messages)
        self._is_complete = len(chunk) == len(messages)
        instructions = 0
        if not self._is_complete:
            marked = run(statements.mark_conversation(namespace, conversation_id))
            instructions = marked[0]["instructions"]
        texts = Texts(
            messages=[message["id"] for message in chunk],
            decisions=rows[0]["decision_ids"],
            conversations=[conversation_id] if self._is_complete else [],
            text_prefix=f"{conversation_id}:text:",
        )
        removal = delete_texts(self._engine, run, texts, preview=self._dry_run)
        removal.existed = True
        removal.deleted["instructions"] += instructions
        return removal


def _take_chunk(messages: Sequence[Row]) -> list[Row]:
    """Return the messages that one transaction deletes, at least one if there is any."""
    chunk: list[Row] = []
    size = 0
    for message in messages:
        size += message["bytes"] or 0
        if chunk and (size > limits.DELETED_BYTES or len(chunk) == limits.DELETED_MESSAGES):
            break
        chunk.append(message)
    return chunk


def delete_conversation(
    engine: Engine, conversation_id: object, *, dry_run: object
) -> DeleteConversationResponse:
    """Delete a conversation, or count what would be deleted with it."""
    checked_id = validation.check_identifier("conversation_id", conversation_id)
    is_preview = validation.check_flag("dry_run", dry_run)
    removal = _ConversationDeletion(engine, checked_id, dry_run=is_preview).run()
    return DeleteConversationResponse(
        conversation_id=checked_id, dry_run=is_preview, **removal.fields()
    )


def complete_deletion(engine: Engine, conversation_id: str) -> bool:
    """Complete the deletion of a conversation that was begun and interrupted; return if it was."""
    if not engine.graph.run(statements.find_marked_conversation(engine.namespace, conversation_id)):
        return False
    _ConversationDeletion(engine, conversation_id, dry_run=False, is_resumed=True).run()
    return True
