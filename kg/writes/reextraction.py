"""Reading stored texts once more: what they mention, and putting something else in its place."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.identifiers import label
from mcp_context_persistence.kg.vector_spaces import Vectors
from mcp_context_persistence.kg.writes.entities import searchable


def messages(namespace: str, *, after: str, limit: int) -> Statement[Row]:
    """A page of messages by id."""
    return Statement(
        name="reextract/messages",
        parameters={"namespace": namespace, "after": after, "limit": limit},
        read=as_is,
    )


def passages(namespace: str, *, after: str, limit: int) -> Statement[Row]:
    """A page of the passages of documents by id."""
    return Statement(
        name="reextract/passages",
        parameters={"namespace": namespace, "after": after, "limit": limit},
        read=as_is,
    )


def conversation(namespace: str, conversation_id: str, *, after: int, limit: int) -> Statement[Row]:
    """A page of a conversation's messages by position."""
    parameters = {
        "namespace": namespace,
        "conversation_id": conversation_id,
        "after": after,
        "limit": limit,
    }
    return Statement(name="reextract/conversation", parameters=parameters, read=as_is)


def entities(namespace: str, lost: Mapping[str, Sequence[str]]) -> Statement[Row]:
    """Entities by id, and whether they go once these places no longer mention them."""
    batch = {
        "namespace": namespace,
        "entities": [{"id": one, "lost": list(places)} for one, places in sorted(lost.items())],
    }
    return Statement(name="reextract/entities", parameters={"batch": batch}, read=as_is)


def retyped(namespace: str, stored: Row, new_type: str, confidence: float) -> dict[str, Any]:
    """The row of an entity that was found in text and is of another type now."""
    words = searchable(
        namespace, entity_id=stored["id"], name=stored["name"], entity_type=new_type, aliases=()
    )
    return {
        "id": stored["id"],
        "label": label(new_type),
        "stale_label": label(stored["type"]),
        "properties": {
            "type": new_type,
            "type_facet": words["type_facet"],
            "facets": words["facets"],
            "confidence": confidence,
        },
    }


def apply(
    namespace: str,
    places: Sequence[Mapping[str, Any]],
    *,
    entities: Sequence[Mapping[str, Any]],
    retyped: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    vectors: Vectors,
    now: int,
) -> Statement[Row]:
    """Put what was found in these places in the place of what they mention; those whose text is another one by now are left alone."""
    batch = {
        "namespace": namespace,
        "now": now,
        "places": list(places),
        "entities": list(entities),
        "retyped": list(retyped),
        "relations": list(relations),
        "evidence": limits.EVIDENCE_PER_RELATIONSHIP,
        "space": vectors.writing(),
    }
    return Statement(name="reextract/apply", parameters={"batch": batch}, read=as_is, writes=True)
