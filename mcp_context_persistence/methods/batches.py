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
    """Saves many conversations or extracts from many texts, and returns a response for each."""

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

        The texts of the conversations are analyzed and embedded together. Each conversation is
        written as a whole or not at all.

        If a call was interrupted, for example by Ctrl-C, repeat it: conversations that are already
        stored are only compared. If the server has not enough memory for a conversation, the
        conversation is tried once more, alone, after all others. Each conversation has the deadline
        of one call. If the database fails again and again, the remaining conversations are not
        tried, and their responses say so. If the server no longer responds, the batch ends after
        two deadlines, for any number of conversations.

        Args:
            conversations: At most 100,000 `Conversation` objects, or mappings with
                `conversation_id`, `messages` and optionally `project_path`, `mode`, `metadata` and
                `created_at`. About `chunk_size` messages are processed at a time, which limits the
                memory in use.
            parallel: Whether analyzing, embedding and writing run at the same time; None means the
                setting `enable_parallel_processing`.
            max_workers: The maximum number of conversations that are written at the same time, 1 to
                64. At most four are used. 1 turns parallel processing off. None means the value
                that was given to `configure_parallel_processing`.
            replace: Whether stored messages that are not in the given conversation are removed.
            progress: A function that is called in the thread of the caller. It gets
                "conversations", the number of finished conversations, and the number of all
                conversations. If it raises an error, the batch is interrupted, and the call raises
                this error. Without this argument, a progress bar is shown if standard error is a
                terminal.

        Returns:
            A response for each conversation, in their order. A conversation that failed has
            `success=False` and `error`; the others are saved. `failure` of its response is the
            error itself.

        Raises:
            ValidationError: An argument is not valid. A single conversation that is not valid does
                not raise: its response has the error.
            DatabaseError: The embedding model of the namespace could not be read.
            VectorDBError: The embedding model is missing.
        """
        return batch_saving.save_batch(
            self._engine,
            conversations,
            parallel=parallel,
            max_workers=max_workers,
            replace=validation.check_flag("replace", replace),
            progress=validation.check_progress(progress),
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

        One statement stores the entities and relationships of up to 100 texts. If the server has
        not enough memory for this statement, they are stored in smaller parts.

        Args:
            texts: At most 100,000 texts of at most 1,000,000 characters each.
            parallel: Whether analyzing, embedding and writing run at the same time.
            max_workers: The maximum number of statements that run at the same time if `parallel` is
                True, 1 to 64. At most four are used. None means the value that was given to
                `configure_parallel_processing`.
            entity_types: The types of entities to return; entities of all types are stored.
            store: Whether to store the entities and relationships.
            progress: A function as for `batch_save_conversations`. It gets "texts" as its first
                argument.

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
            progress=validation.check_progress(progress),
        )

    @public_call(ValidationError)
    def configure_parallel_processing(self, max_workers: int = 4, chunk_size: int = 100) -> None:
        """Set how this client processes batches.

        Args:
            max_workers: The maximum number of items that are written at the same time, 1 to 64. At
                most four are used. 1 turns parallel processing off.
            chunk_size: The number of messages or texts that are analyzed together, 1 to 10,000. A
                higher number needs more memory. A conversation is never split.

        Raises:
            ValidationError: An argument is not valid.
        """
        self._engine.batches = batch_settings.check_settings(max_workers, chunk_size)
