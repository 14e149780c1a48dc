"""Build statements that save, propose, list and review decisions; nothing is run here."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import build_token, build_tokens
from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.vector_spaces import WriteGuard


def save(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    guard: WriteGuard,
    conversation: Mapping[str, Any],
    entities: Sequence[Mapping[str, Any]],
    now: int,
) -> Statement[Row]:
    """Write a decision.

    Args:
        namespace: Name of the namespace.
        decision: A validated decision with its id.
        content: The text by which searches find it.
        vector: `(dim,) float32`.
        guard: What the write takes for granted.
        conversation: Properties for its conversation, which is created if it does not exist.
        entities: Rows of the entities that it is about. They must be stored already.
        now: Milliseconds since 1970.
    """
    batch = _decision_batch(
        namespace,
        decision,
        content=content,
        vector=vector,
        guard=guard,
        entities=entities,
        now=now,
    )
    batch["conversation"] = dict(conversation)
    batch["properties"]["status"] = decision.status
    return Statement(name="decision/save", parameters={"batch": batch}, read=as_is, writes=True)


def propose(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    guard: WriteGuard,
    entities: Sequence[Mapping[str, Any]],
    supported: Sequence[str],
    evidence: Mapping[str, str],
    now: int,
) -> Statement[Row]:
    """Write a decision as a proposal. A decision that was reviewed does not change.

    Returns no row if the text of a message has changed.

    Args:
        namespace: Name of the namespace.
        decision: A decision with its id. Its conversation must exist.
        content: The text by which searches find it.
        vector: `(dim,) float32`.
        guard: What the write takes for granted.
        entities: Rows of the entities that it is about. They must be stored already.
        supported: Ids of the relationships that its words support.
        evidence: For the id of each message that states it, the hash of the message's text.
        now: Milliseconds since 1970.
    """
    batch = _decision_batch(
        namespace,
        decision,
        content=content,
        vector=vector,
        guard=guard,
        entities=entities,
        now=now,
    )
    batch["supported_ids"] = list(supported)
    batch["evidence"] = [
        {"id": message_id, "hash": content_hash} for message_id, content_hash in evidence.items()
    ]
    return Statement(name="decision/propose", parameters={"batch": batch}, read=as_is, writes=True)


def _decision_batch(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    guard: WriteGuard,
    entities: Sequence[Mapping[str, Any]],
    now: int,
) -> dict[str, Any]:
    """Return the parameters that `save` and `propose` have in common."""
    properties = {
        "conversation_id": decision.conversation_id,
        "decision_type": decision.decision_type,
        "context": decision.context,
        "outcome": decision.outcome,
        **text_properties(content),
        "confidence": 1.0 if decision.confidence is None else decision.confidence,
        "stated_confidence": decision.confidence,
        "kind": "decision",
        "role": "",
        "facets": build_tokens(
            namespace,
            kind="decision",
            conversation_id=decision.conversation_id,
            type=decision.decision_type,
        ),
    }
    return {
        "namespace": namespace,
        "conversation_id": decision.conversation_id,
        "now": now,
        "id": decision.id,
        "properties": properties,
        "vector": vector,
        "conversation_token": build_token("kind", "conversation"),
        "entity_ids": [row["id"] for row in entities],
        "expected_state": guard.parameters(),
    }


def list_of_conversation(namespace: str, conversation_id: str) -> Statement[Row]:
    """List the decisions of a conversation, whatever their status.

    Rows have `id`, `status`, `created_ms`, `context` and `evidence`.
    """
    return Statement(
        name="decision/list",
        parameters={"namespace": namespace, "conversation_id": conversation_id},
        read=as_is,
    )


def review(namespace: str, decision_id: str, *, status: str, now: int) -> Statement[Row]:
    """Accept or reject a decision."""
    batch = {"namespace": namespace, "id": decision_id, "status": status, "now": now}
    return Statement(name="decision/review", parameters={"batch": batch}, read=as_is, writes=True)
