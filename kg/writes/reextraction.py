"""Build statements that read stored texts and replace their mentions; nothing is run here."""

from collections.abc import Mapping, Sequence
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.identifiers import build_label
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.entities import search_properties


def read_messages(namespace: str, *, after: str, limit: int) -> Statement[Row]:
    """Read a page of messages, by id."""
    return Statement(
        name="reextract/messages",
        parameters={"namespace": namespace, "after": after, "limit": limit},
        read=as_is,
    )


def read_passages(namespace: str, *, after: str, limit: int) -> Statement[Row]:
    """Read a page of the passages of documents, by id."""
    return Statement(
        name="reextract/passages",
        parameters={"namespace": namespace, "after": after, "limit": limit},
        read=as_is,
    )


def read_conversation(
    namespace: str, conversation_id: str, *, after: int, limit: int
) -> Statement[Row]:
    """Read a page of a conversation's messages, by position."""
    parameters = {
        "namespace": namespace,
        "conversation_id": conversation_id,
        "after": after,
        "limit": limit,
    }
    return Statement(name="reextract/conversation", parameters=parameters, read=as_is)


def predict_entities(namespace: str, lost: Mapping[str, Sequence[str]]) -> Statement[Row]:
    """Read entities, and whether they would be deleted if these texts no longer mentioned them.

    Args:
        namespace: Name of the namespace.
        lost: For each entity id the ids of the texts that no longer mention it.
    """
    batch = {
        "namespace": namespace,
        "entities": [
            {"id": entity_id, "lost": list(text_ids)}
            for entity_id, text_ids in sorted(lost.items())
        ],
    }
    return Statement(name="reextract/entities", parameters={"batch": batch}, read=as_is)


def retyped_row(namespace: str, entity: Row, new_type: str, confidence: float) -> dict[str, Any]:
    """Return the row for `apply` of an extracted entity whose type changes."""
    properties = search_properties(
        namespace, entity_id=entity["id"], name=entity["name"], entity_type=new_type, aliases=()
    )
    return {
        "id": entity["id"],
        "label": build_label(new_type),
        "stale_label": build_label(entity["type"]),
        "properties": {
            "type": new_type,
            "type_facet": properties["type_facet"],
            "facets": properties["facets"],
            "confidence": confidence,
        },
    }


def apply(
    namespace: str,
    texts: Sequence[Mapping[str, Any]],
    *,
    entities: Sequence[Mapping[str, Any]],
    retyped: Sequence[Mapping[str, Any]],
    relations: Sequence[Mapping[str, Any]],
    guard: WriteGuard,
    now: int,
) -> Statement[Row]:
    """Replace the mentions of texts. Texts that have changed since they were read are skipped.

    Args:
        namespace: Name of the namespace.
        texts: Rows with `id`, `guard`, the new mentions as `entities`, and `unasserted`: the
            properties that keep what the text does not assert.
        entities: Rows of the mentioned entities, sorted by id.
        retyped: Rows of entities whose type changes.
        relations: Rows of the relationships that the texts support.
        guard: What the write takes for granted.
        now: Milliseconds since 1970.
    """
    batch = {
        "namespace": namespace,
        "now": now,
        "texts": list(texts),
        "entities": list(entities),
        "retyped": list(retyped),
        "relations": list(relations),
        "max_evidence": limits.EVIDENCE_PER_RELATIONSHIP,
        "expected_state": guard.parameters(),
    }
    return Statement(name="reextract/apply", parameters={"batch": batch}, read=as_is, writes=True)
