"""Methods that save, propose and review decisions."""

from mcp_context_persistence.kg.errors import DatabaseError
from mcp_context_persistence.models import (
    SaveDecisionResponse,
)
from mcp_context_persistence.responses.decisions import (
    ProposeDecisionsResponse,
    ReviewDecisionResponse,
)
from mcp_context_persistence.runtime.call_scope import public_call
from mcp_context_persistence.runtime.engine import Engine
from mcp_context_persistence.services import decisions


class DecisionCalls:
    """Saves decisions, proposes them from messages, and reviews proposals."""

    _engine: Engine

    @public_call(DatabaseError)
    def save_decision(
        self,
        conversation_id: str,
        decision_type: str,
        context: str,
        outcome: str,
        confidence: float | None = None,
        *,
        project: str | None = None,
    ) -> SaveDecisionResponse:
        """Save a decision, and link it to its conversation and to the entities that it is about.

        Args:
            conversation_id: The id of the conversation. If it does not exist, it is created without
                messages, and the response says so.
            decision_type: For example `architecture`.
            context: What led to the decision, at most 20,000 characters.
            outcome: What was decided, at most 20,000 characters.
            confidence: How certain the decision is, 0.0 to 1.0.
            project: The project of the conversation if it is created. An existing conversation
                keeps its project.

        Raises:
            DatabaseError: The database operation failed.
            ValidationError: An argument is not valid.
        """
        return decisions.save_decision(
            self._engine,
            conversation_id,
            decision_type,
            context,
            outcome,
            confidence,
            project=project,
        )

    @public_call(DatabaseError)
    def propose_decisions(
        self, conversation_id: str, *, save: bool = True
    ) -> ProposeDecisionsResponse:
        """Find sentences in a conversation that state decisions, and save them as proposals.

        A proposal is a `Decision` with the status `proposed`. Searches find it like other
        decisions. Its evidence is the messages that contain its sentence. English sentences of 3 to
        80 words are recognized by certain words, or by a label such as "Decision:". Code, logs,
        JSON, quoted text and unchecked checkboxes (`[ ]`) are left out.

        If you call this again, known proposals keep their status. A rejected proposal does not come
        back, even if another message has the same sentence. A proposal has the time of its message.
        If no message contains its sentence any more, the proposal is removed. A reviewed decision
        is kept.

        If the message of a proposal is changed or removed during the call, the proposal is not
        saved. Its `kept` is False, and `outdated` counts it. The context of a proposal is its
        message. If the message has more than 20,000 characters, the context is only the text near
        the sentence, and `context_cut` is True.

        Each proposal is saved separately. A call may fail after some of them, for example because
        several hundred proposals need more time than the deadline. Then the error has the outcome
        `unknown`. Call again to save the others.

        Args:
            conversation_id: The id of the conversation.
            save: Whether to save the proposals. False only returns them.

        Raises:
            DatabaseError: The database operation failed.
            NotFoundError: The conversation does not exist.
            ValidationError: An argument is not valid.
        """
        return decisions.propose_decisions(self._engine, conversation_id, save=save)

    @public_call(DatabaseError)
    def review_decision(self, decision_id: str, accept: bool = True) -> ReviewDecisionResponse:
        """Accept or reject a proposed decision.

        No search finds a rejected decision, and it is not proposed again.

        Args:
            decision_id: The id that `propose_decisions` and searches return.
            accept: True accepts the decision, False rejects it. A rejected decision cannot be
                accepted later; use `save_decision` to save it as a new one.

        Raises:
            DatabaseError: The database operation failed.
            NotFoundError: The decision does not exist, or was rejected before.
            ValidationError: An argument is not valid.
        """
        return decisions.review_decision(self._engine, decision_id, accept)
