"""The calls that do many things at once."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import (
    DatabaseError,
    NLPError,
    ValidationError,
    VectorDBError,
)
from mcp_context_persistence.models import (
    Conversation,
    ExtractEntitiesResponse,
    SaveConversationResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import batch_extraction, batches


class BatchCalls:
    """Many conversations or texts in one call: analysed together, answered one by one."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError, NLPError)
    def batch_save_conversations(
        self,
        conversations: Sequence[Conversation | Mapping[str, Any]],
        *,
        parallel: bool | None = None,
        max_workers: int | None = None,
        replace: bool = False,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[SaveConversationResponse]:
        """Save many conversations. Their texts are embedded and read together, and each conversation is written as a whole, or not at all.

        Running the same again resumes: what is stored already costs a look at it. After an interruption (Ctrl-C) the graph holds whole
        conversations only. Where the server's memory does not suffice, a conversation is tried once more with nothing beside it. Each
        conversation has the deadline of one call; when the database fails again and again, the rest is not tried, and says so. On a server
        that does not answer any more the batch ends two deadlines later, however many conversations there are.

        Args:
            conversations: `Conversation` objects, or mappings with `conversation_id`, `messages` and perhaps `project_path`, `mode`,
                `metadata`, `created_at`; 100,000 at most. They are not kept in memory twice: `chunk_size` messages are worked on at a time.
            parallel: Whether reading, embedding and writing overlap; None means the setting `enable_parallel_processing`.
            max_workers: Conversations written at the same time, 1 to 64, of which four are used at most; 1 means that nothing overlaps;
                None means what `configure_parallel_processing` says.
            replace: Whether stored messages that are not given are removed.
            progress: Called in the caller's thread with "conversations", how many are done, and how many there are. Without it a bar shows
                where standard error is a terminal. What it raises ends the batch like an interruption.

        Returns:
            An answer for each conversation, in their order. One that failed has `success=False` and `error`; the others are saved.

        Raises:
            ValidationError: An argument is not valid (a bad conversation is not: its answer says so).
            DatabaseError: The database could not be asked which model made its vectors.
            VectorDBError: The embedding model is missing.
        """
        return batches.save(
            self._engine,
            conversations,
            parallel=parallel,
            max_workers=max_workers,
            replace=validation.check_flag("replace", replace),
            progress=validation.check_function("progress", progress),
        )

    @public_call(NLPError)
    def batch_extract_entities(
        self,
        texts: Sequence[str],
        parallel: bool = False,
        max_workers: int | None = None,
        *,
        entity_types: list[str] | None = None,
        store: bool = True,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> list[ExtractEntitiesResponse]:
        """Find entities and relationships in many texts and keep them, as `extract_entities` does with one.

        What up to 100 texts say is stored by one statement, in halves where the server's memory does not suffice.

        Args:
            texts: At most 100,000, each of at most 1,000,000 characters.
            parallel: Whether reading, embedding and writing overlap.
            max_workers: Portions stored at the same time when `parallel`, 1 to 64, of which four are used at most; None means what
                `configure_parallel_processing` says.
            entity_types: Types to answer with. All that is recognised is stored nevertheless.
            store: Whether to store what was found; False only looks.
            progress: As in `batch_save_conversations`, with "texts".

        Returns:
            An answer for each text, in their order. One that failed has `success=False` and `error`.

        Raises:
            ValidationError: An argument is not valid (a bad text is not: its answer says so).
            NLPError: The vectors' model could not be settled.
        """
        return batch_extraction.extract(
            self._engine,
            texts,
            parallel=parallel,
            max_workers=max_workers,
            entity_types=entity_types,
            store=validation.check_flag("store", store),
            progress=validation.check_function("progress", progress),
        )

    @public_call(ValidationError)
    def configure_parallel_processing(self, max_workers: int = 4, chunk_size: int = 100) -> None:
        """Set how this client works off batches.

        Args:
            max_workers: Items written at the same time, 1 to 64, of which four are used at most; 1 means that nothing overlaps.
            chunk_size: Messages or texts that are analysed together, 1 to 10,000. More of them need more memory; a conversation is never divided.

        Raises:
            ValidationError: An argument is not valid.
        """
        self._engine.batches = batches.configure(max_workers, chunk_size)
