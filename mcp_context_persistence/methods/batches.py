"""Methods that process many conversations or texts in one call."""

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
from mcp_context_persistence.services import batch_extraction, batch_saving, batch_settings


class BatchCalls:
    """Saves many conversations, and extracts from many texts, with one response for each."""

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
        """Save many conversations.

        Their texts are analyzed and embedded together. Each conversation is written as a whole or
        not at all.

        Repeat a call that was interrupted, for example by Ctrl-C: conversations that are stored
        already are only compared. When the server has not enough memory for a conversation, it is
        saved once more after all others, alone. Each conversation has the deadline of one call.
        When the database fails again and again, the remaining conversations are not tried, and
        their responses say so. On a server that no longer responds, the batch ends after two
        deadlines, however many conversations it has.

        Args:
            conversations: At most 100,000 `Conversation` objects, or mappings with
                `conversation_id`, `messages` and optionally `project_path`, `mode`, `metadata` and
                `created_at`. About `chunk_size` messages are processed at a time, which limits the
                memory in use.
            parallel: Whether analyzing, embedding and writing run at the same time; None means the
                setting `enable_parallel_processing`.
            max_workers: The most conversations that are written at the same time, 1 to 64; at most
                four are used. 1 turns parallel processing off. None means the value that was given
                to `configure_parallel_processing`.
            replace: Whether stored messages that are not in the given conversation are removed.
            progress: Called in the caller's thread with "conversations", the number of finished
                conversations, and the number of all. When it raises, the batch is interrupted.
                Without it, a progress bar is shown if standard error is a terminal.

        Returns:
            A response for each conversation, in their order. A conversation that failed has
            `success=False` and `error`; the others are saved.

        Raises:
            ValidationError: An argument is not valid. A single conversation that is not valid does
                not raise: its response has the error.
            DatabaseError: The database did not tell which embedding model the namespace uses.
            VectorDBError: The embedding model is missing.
        """
        return batch_saving.save_batch(
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
        """Extract entities and relationships from many texts, as `extract_entities` does from one.

        What was found in up to 100 texts is stored by one statement. When the server has not enough
        memory for it, it is stored in smaller parts.

        Args:
            texts: At most 100,000 texts of at most 1,000,000 characters each.
            parallel: Whether analyzing, embedding and writing run at the same time.
            max_workers: The most statements that run at the same time if `parallel` is True, 1 to
                64; at most four are used. None means the value that was given to
                `configure_parallel_processing`.
            entity_types: The types of entities to return; entities of all types are stored.
            store: Whether to store what was found.
            progress: As for `batch_save_conversations`, with "texts".

        Returns:
            A response for each text, in their order. A text that failed has `success=False` and
            `error`.

        Raises:
            ValidationError: An argument is not valid. A single text that is not valid does not
                raise: its response has the error.
            NLPError: The embedding model of the namespace could not be determined.
        """
        return batch_extraction.extract_batch(
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
        """Set how this client processes batches.

        Args:
            max_workers: The most items that are written at the same time, 1 to 64; at most four are
                used. 1 turns parallel processing off.
            chunk_size: The number of messages or texts that are analyzed together, 1 to 10,000.
                More of them need more memory. A conversation is never split.

        Raises:
            ValidationError: An argument is not valid.
        """
        self._engine.batches = batch_settings.check_settings(max_workers, chunk_size)
