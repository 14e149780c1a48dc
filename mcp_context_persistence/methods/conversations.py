"""The calls that keep conversations and decisions."""

from collections.abc import Mapping, Sequence
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
    SaveDecisionResponse,
)
from mcp_context_persistence.responses.decisions import (
    ProposeDecisionsResponse,
    ReviewDecisionResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import conversations, decisions, statistics


class ConversationCalls:
    """What is said and decided: saved, loaded, counted."""

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
        """Save a conversation with its messages, their vectors, and what they talk about.

        Saving again updates: a message is known by its id, or else by its place, so a list of one message without an id takes the place of
        the first one. Changed text is analysed again, unchanged text costs nothing, stored messages that are not given stay. Messages with
        ids that are new go to the end.

        Args:
            conversation_id: Its identifier (at most 512 bytes), or a `Conversation` object with everything in it.
            messages: Messages in order, as mappings with `role`, `content` and perhaps `timestamp` (UTC where it has no zone), `metadata`,
                `id`, `name`. All of them have an id, which is unique in the namespace, or none has.
            project_path: A path whose last part names the project, unless `metadata["project"]` does; it is stored as text and never opened.
            mode: `conversation` keeps text and vectors, `knowledge` text and graph, `hybrid` all of it. A `Conversation` object
                carries its own; keywords without a mode mean the configured default, `hybrid`.
            metadata: Anything that JSON can hold. `project` and `tags` can be searched by, and so can other plain values. It takes the place
                of all that was stored; None keeps that.
            embeddings: Vectors instead of computed ones, `(number of messages, dimension) float32`, made by the store's own model.
            replace: Whether stored messages that are not given are removed.

        Raises:
            ValidationError: Something in the arguments is not valid (a `ValueError` too).
            DatabaseError: The database operation failed.
            VectorDBError: A vector could not be made or is not valid.
            NLPError: The text could not be analysed.
        """
        made = conversations.given(
            conversation_id,
            messages,
            project_path,
            mode,
            metadata,
            most=self._engine.config.max_conversation_length,
        )
        return conversations.save(
            self._engine,
            made,
            embeddings=embeddings,
            replace=validation.check_flag("replace", replace),
        )

    @public_call(DatabaseError)
    def load_conversation_history(
        self, conversation_id: str, limit: int | None = None
    ) -> LoadConversationHistoryResponse:
        """Load the last messages of a conversation, oldest first.

        Args:
            conversation_id: The conversation.
            limit: Messages at most, 1 to 10,000; None means 10,000.

        Raises:
            NotFoundError: The conversation does not exist.
            ValidationError: An argument is not valid.
            DatabaseError: The database operation failed.
        """
        return conversations.load(self._engine, conversation_id, limit)

    @public_call(DatabaseError)
    def save_decision(
        self,
        conversation_id: str,
        decision_type: str,
        context: str,
        outcome: str,
        confidence: float | None = None,
    ) -> SaveDecisionResponse:
        """Save a decision and link it to its conversation and to the entities that it is about.

        Args:
            conversation_id: Its conversation; one that does not exist is created, empty, and the response says so.
            decision_type: Such as `architecture`.
            context: What led to it, at most 20,000 characters.
            outcome: What was decided, at most 20,000 characters.
            confidence: 0.0 to 1.0.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return decisions.save(
            self._engine, conversation_id, decision_type, context, outcome, confidence
        )

    @public_call(DatabaseError)
    def propose_decisions(
        self, conversation_id: str, *, save: bool = True
    ) -> ProposeDecisionsResponse:
        """Find what the messages of a conversation tell of decisions, and keep it as proposals, with the messages as their evidence.

        A proposal is a `Decision` whose `status` is `proposed`: it is found like others, and its explanation says what it is. One that was
        proposed before keeps what became of it; nothing that was rejected comes back, also where its message has changed elsewhere or another
        one has the same sentence. Its time is that of its message, and it goes when the last message that has its sentence goes or loses it;
        what was reviewed stays. Sentences of 3 to 80 words are known by their wording, in English; longer ones are none.

        A message that changes or goes meanwhile leaves its proposals unkept: `kept` is false then, and `outdated` counts them. Of a message
        that is longer than a context may be (20,000 characters) what lies around the sentence is kept, and `context_cut` says so.

        Each proposal is kept by itself. A call that fails after some of them, as with more than a deadline has room for (several hundred), says so
        with the outcome `unknown`; called again, it goes on with the others.

        Args:
            conversation_id: Its conversation.
            save: Whether proposals are kept; else they are only returned.

        Raises:
            DatabaseError: The database operation failed.
            NotFoundError: There is no such conversation.
            ValidationError: An argument is not valid.
        """
        return decisions.propose(self._engine, conversation_id, save=save)

    @public_call(DatabaseError)
    def review_decision(self, decision_id: str, accept: bool = True) -> ReviewDecisionResponse:
        """Accept a decision that was proposed, or reject it. A rejected one is found by nothing, and is not proposed again.

        Args:
            decision_id: As `propose_decisions` and searches give it.
            accept: False rejects it. What is rejected cannot be accepted later; `save_decision` saves it anew.

        Raises:
            DatabaseError: The database operation failed.
            NotFoundError: There is no such decision, or it was rejected before.
            ValidationError: An argument is not valid.
        """
        return decisions.review(self._engine, decision_id, accept)

    @public_call(DatabaseError)
    def get_conversation_stats(self) -> GetConversationStatsResponse:
        """Count what the namespace holds.

        Raises:
            DatabaseError: The database operation failed.
        """
        return statistics.count_stored(self._engine)
