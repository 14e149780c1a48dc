"""The method that appends messages to a conversation."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.models import AppendMessagesResponse, Conversation
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import appends, conversations


class AppendCalls:
    """Appends messages."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError, NLPError)
    def append_messages(
        self,
        conversation_id: str | Conversation,
        messages: Sequence[Mapping[str, Any] | Any] | None = None,
        project_path: str | None = None,
        mode: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        embeddings: NDArray[np.float32] | None = None,
    ) -> AppendMessagesResponse:
        """Add messages to the end of a conversation, which is created if it does not exist.

        The cost does not depend on the length of the conversation. Stored messages never change. If
        the conversation already has a message with the same id, the new message is left out, and
        the response lists its id. A message without an id is always added. So give your messages
        ids if you want to repeat a call whose outcome is `unknown`. Several writers may append at
        the same time: all messages are kept, and those of one call stay together and in order.

        Args:
            conversation_id: The id of the conversation (at most 512 bytes), or a `Conversation`
                object that has all the other values.
            messages: The new messages in order, as in `save_conversation`.
            project_path: The path of a project, as in `save_conversation`. None keeps the stored
                one.
            mode: `conversation`, `knowledge` or `hybrid`, as in `save_conversation`. None means the
                mode of the stored conversation, or the configured default.
            metadata: Metadata of the conversation, as in `save_conversation`. If it differs from
                the stored metadata, all messages of the conversation get its filter tokens.
            embeddings: Vectors to use instead of computed ones, `(number of messages, dimension)
                float32`, made by the namespace's embedding model.

        Raises:
            ValidationError: An argument is not valid, or an id belongs to another conversation.
            DatabaseError: The database operation failed.
            VectorDBError: A vector is not valid or could not be made.
            NLPError: The text could not be analyzed.
        """
        conversation = conversations.build_conversation(
            conversation_id,
            messages,
            project_path,
            mode,
            metadata,
            max_messages=self._engine.config.max_conversation_length,
        )
        return appends.append_messages(
            self._engine, conversation, mode=conversation.mode, embeddings=embeddings
        )
