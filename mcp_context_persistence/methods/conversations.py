"""Methods that save, load and count conversations."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mcp_context_persistence.kg import validation
from mcp_context_persistence.kg.errors import DatabaseError, NLPError, VectorDBError
from mcp_context_persistence.models import (
    Conversation,
    GetConversationStatsResponse,
    LoadConversationHistoryResponse,
    SaveConversationResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations, history, statistics


class ConversationCalls:
    """Saves and loads conversations."""

    _engine: Engine

    @public_call(DatabaseError, VectorDBError, NLPError)
    def save_conversation(
        self,
        conversation_id: str | Conversation,
        messages: Sequence[Mapping[str, Any] | Any] | None = None,
        project_path: str | None = None,
        mode: str | None = None,
        metadata: dict[str, Any] | None = None,
        *,
        embeddings: NDArray[np.float32] | None = None,
        replace: bool = False,
    ) -> SaveConversationResponse:
        """Save a conversation: its messages, their vectors, and the entities that they mention.

        Saving a conversation again updates it. A message is identified by its id, or by its
        position if it has no id. Changed messages are analyzed again, unchanged messages are not.
        Stored messages that are not in the list are kept, unless `replace` is True. Messages with
        new ids are appended. The call refuses a list that would overwrite messages by accident: a
        list that is shorter than the stored conversation and is not its beginning, or a list with a
        message without an id at the position of a different message that has an id. To add
        messages, use `append_messages`.

        Args:
            conversation_id: The id of the conversation (at most 512 bytes), or a `Conversation`
                object that has all the other values.
            messages: Messages in order: mappings with `role`, `content` and optionally `timestamp`
                (in UTC if it has no time zone), `metadata`, `name` and `id`, which is unique in
                the namespace. docs/messages.md describes parts, tool calls, and objects of other
                libraries. If only some messages have an id, the list must begin with the stored
                messages in their order. A message with a `parent_id` follows that message, and
                may begin another branch.
            project_path: The path of a project. It is stored as text and never opened. Its last
                part is the project, if there is no `metadata["project"]`.
            mode: `conversation` stores text and vectors, `knowledge` stores text and graph,
                `hybrid` stores all three. None means the mode of the `Conversation` object, or the
                configured default, `hybrid`.
            metadata: A mapping; docs/graph.md lists the types of its values. Searches can filter by
                `project`, `tags` and all other values. It replaces the stored metadata. None keeps
                the stored metadata.
            embeddings: Vectors to use instead of computed ones, `(number of messages, dimension)
                float32`, made by the namespace's embedding model.
            replace: Whether stored messages that are not in the list are removed.

        Raises:
            ValidationError: An argument is not valid (also a `ValueError`).
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
        return conversations.save_conversation(
            self._engine,
            conversation,
            embeddings=embeddings,
            replace=validation.check_flag("replace", replace),
        )

    @public_call(DatabaseError)
    def load_conversation_history(
        self,
        conversation_id: str,
        limit: int | None = None,
        *,
        before: str | datetime | date | None = None,
        after: str | datetime | date | None = None,
        cursor: str | None = None,
        leaf_id: str | None = None,
        all_branches: bool = False,
    ) -> LoadConversationHistoryResponse:
        """Load the last messages of a conversation, or a page of them, oldest first.

        Of a conversation with branches, the current branch is loaded: the one of the message that
        was added last.

        If there are more messages, `next_cursor` of the response has a value. Pass it as `cursor`
        to get the next page. If messages are appended between two calls, no page repeats or skips a
        message. If messages are removed or get other positions, a page may repeat or skip some.

        Args:
            conversation_id: The id of the conversation.
            limit: The maximum number of messages to load, 1 to 10,000. None means 10,000. A page
                ends earlier where its messages have more than 33,554,432 bytes.
            before: The id of a message of the conversation, or a time. Only messages before it are
                loaded. A time is a `datetime`, a `date` or a string in ISO 8601, in UTC if it has
                no time zone. A string that is the id of a message is not read as a time.
            after: The same, for messages after it. With `after`, the first messages are loaded and
                the next page has newer ones. Without it, the last messages are loaded and the next
                page has older ones.
            cursor: `next_cursor` of the previous page, instead of `before`, `after`, `leaf_id` and
                `all_branches`. The limit may differ.
            leaf_id: The id of a message. The branch through this message is loaded.
            all_branches: Whether the messages of all branches are loaded, in the order in which
                they were added. `parent_id` of a message tells which one it follows.

        Raises:
            NotFoundError: The conversation, or the message `before`, `after` or `leaf_id`, does
                not exist, or the last message of the cursor's branch was deleted.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
        """
        return history.load_history(
            self._engine,
            conversation_id,
            limit,
            before=before,
            after=after,
            cursor=cursor,
            leaf_id=leaf_id,
            all_branches=all_branches,
        )

    @public_call(DatabaseError)
    def get_conversation_stats(self) -> GetConversationStatsResponse:
        """Count the conversations, messages, entities, relationships, decisions and documents.

        Raises:
            DatabaseError: The database operation failed.
        """
        return statistics.count_stored(self._engine.graph, self._engine.namespace)
