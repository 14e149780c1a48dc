"""Decisions: what was decided, in which conversation, about what."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.filter_tokens import facet, facets
from mcp_context_persistence.kg.models import Decision
from mcp_context_persistence.kg.vector_spaces import Vectors


def save(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    vectors: Vectors,
    conversation: Mapping[str, Any],
    entities: Sequence[Mapping[str, Any]],
    now: int,
) -> Statement[Row]:
    """Write a decision.

    Args:
        namespace: Where it lives.
        decision: Checked, with its id.
        content: The text by which it is found.
        vector: `(dim,) float32`.
        vectors: Where it goes.
        conversation: Properties of its conversation, for the case that it does not exist.
        entities: Rows of the entities that it is about; they are stored already.
        now: Milliseconds since 1970.
    """
    batch = _batch(
        namespace,
        decision,
        content=content,
        vector=vector,
        vectors=vectors,
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
    vectors: Vectors,
    entities: Sequence[Mapping[str, Any]],
    supported: Sequence[str],
    evidence: Mapping[str, str],
    now: int,
) -> Statement[Row]:
    """Keep a decision as a proposal. No row comes back where a message has another text by now; what was reviewed stays as it is.

    Args:
        namespace: Where it lives.
        decision: With its id; its conversation exists.
        content: The text by which it is found.
        vector: `(dim,) float32`.
        vectors: Where it goes.
        entities: Rows of the entities that it is about; they are stored already.
        supported: Ids of the relationships that its words support.
        evidence: For the id of each message that tells of it the hash of its text.
        now: Milliseconds since 1970.
    """
    batch = _batch(
        namespace,
        decision,
        content=content,
        vector=vector,
        vectors=vectors,
        entities=entities,
        now=now,
    )
    batch["supported"] = list(supported)
    batch["evidence"] = [{"id": key, "hash": text} for key, text in evidence.items()]
    return Statement(name="decision/propose", parameters={"batch": batch}, read=as_is, writes=True)


def _batch(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    vectors: Vectors,
    entities: Sequence[Mapping[str, Any]],
    now: int,
) -> dict[str, Any]:
    """What both ways to write a decision need."""
    properties = {
        "conversation_id": decision.conversation_id,
        "decision_type": decision.decision_type,
        "context": decision.context,
        "outcome": decision.outcome,
        "content": content,
        "confidence": 1.0 if decision.confidence is None else decision.confidence,
        "stated_confidence": decision.confidence,
        "kind": "decision",
        "role": "",
        "facets": facets(
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
        "conversation_kind": facet("kind", "conversation"),
        "about": [row["id"] for row in entities],
        "space": vectors.writing(),
    }


def known(namespace: str, conversation_id: str) -> Statement[Row]:
    """The decisions that a conversation has: rows of `id`, `status`, `created_ms`, `context` and `evidence`."""
    return Statement(
        name="decision/known",
        parameters={"namespace": namespace, "conversation_id": conversation_id},
        read=as_is,
    )


def review(
    namespace: str, decision_id: str, *, status: str, vectors: Vectors, now: int
) -> Statement[Row]:
    """Accept or reject a decision."""
    batch = {"namespace": namespace, "id": decision_id, "status": status, "now": now}
    space = vectors.writing()
    batch |= {"vectors": space["vectors"], "other": space["other"]}
    return Statement(name="decision/review", parameters={"batch": batch}, read=as_is, writes=True)
