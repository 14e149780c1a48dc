"""Decisions: what was decided, in which conversation, about what."""

from collections.abc import Mapping, Sequence
from typing import Any

from kg.facets import facet, facets
from kg.models import Decision
from kg.spaces import Vectors
from kg.statement import Row, Statement, as_is


def save(
    namespace: str,
    decision: Decision,
    *,
    content: str,
    vector: Any,
    vectors: Vectors,
    conversation: Mapping[str, Any],
    entities: Sequence[Mapping[str, Any]],
    evidence: Sequence[str] = (),
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
        evidence: Ids of the messages that tell of it.
        now: Milliseconds since 1970.
    """
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
        "status": decision.status,
        "facets": facets(namespace, kind="decision", conversation_id=decision.conversation_id, type=decision.decision_type),
    }
    return Statement(
        name="decision/save",
        parameters={
            "batch": {
                "namespace": namespace,
                "conversation_id": decision.conversation_id,
                "now": now,
                "id": decision.id,
                "conversation": dict(conversation),
                "properties": properties,
                "vector": vector,
                "conversation_kind": facet("kind", "conversation"),
                "about": [row["id"] for row in entities],
                "evidence": list(evidence),
                "space": vectors.writing(),
            }
        },
        read=as_is,
        writes=True,
    )


def known(namespace: str, conversation_id: str) -> Statement[Row]:
    """The decisions that a conversation has: rows of `id` and `status`."""
    return Statement(name="decision/known", parameters={"namespace": namespace, "conversation_id": conversation_id}, read=as_is)


def review(namespace: str, decision_id: str, *, status: str, vectors: Vectors, now: int) -> Statement[Row]:
    """Accept or reject a decision."""
    batch = {"namespace": namespace, "id": decision_id, "status": status, "now": now}
    space = vectors.writing()
    batch |= {"vectors": space["vectors"], "other": space["other"]}
    return Statement(name="decision/review", parameters={"batch": batch}, read=as_is, writes=True)
