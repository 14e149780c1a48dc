"""Build statements that delete what was stored; nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.vector_spaces import WriteGuard


@dataclass(frozen=True, kw_only=True)
class Texts:
    """The ids of texts that are deleted together.

    Attributes:
        messages: Ids of messages.
        passages: Ids of passages of documents.
        decisions: Ids of decisions.
        conversations: Ids of conversations whose messages are deleted too, or were before.
        text_prefix: Begins the ids of texts that were extracted for the conversation and not
            stored; None where there are none.
    """

    messages: Sequence[str] = ()
    passages: Sequence[str] = ()
    decisions: Sequence[str] = ()
    conversations: Sequence[str] = ()
    text_prefix: str | None = None


def delete_texts(namespace: str, texts: Texts, *, preview: bool, now: int) -> Statement[Row]:
    """Delete texts and what only they support; the end of its transaction."""
    return Statement(
        name="delete/texts",
        parameters=_batch(namespace, now=now, preview=preview, **asdict(texts)),
        read=as_is,
        writes=True,
    )


def unlink_message(namespace: str, message_id: str, *, now: int) -> Statement[Row]:
    """Take a message out of the order of its conversation, which is locked."""
    return Statement(
        name="delete/unlink_message",
        parameters=_batch(namespace, id=message_id, now=now),
        read=as_is,
        writes=True,
    )


def read_evidence(namespace: str, message_ids: Sequence[str]) -> Statement[Row]:
    """Lock and read the decisions that messages are evidence of."""
    return Statement(
        name="delete/evidence",
        parameters=_batch(namespace, ids=list(message_ids)),
        read=as_is,
        writes=True,
    )


def save_decision_texts(
    namespace: str, rows: Sequence[Row], guard: WriteGuard, *, now: int
) -> Statement[Row]:
    """Replace the text of decisions; `touch` with the same vector state must follow."""
    return Statement(
        name="delete/decision_texts",
        parameters=_batch(namespace, now=now, rows=list(rows), expected_state=guard.parameters()),
        read=as_is,
        writes=True,
    )


def save_snapshots(namespace: str, snapshots: Mapping[str, str]) -> Statement[Row]:
    """Replace the snapshots of merges."""
    rows = [{"id": merge_id, "snapshot": text} for merge_id, text in sorted(snapshots.items())]
    return Statement(
        name="delete/snapshots", parameters=_batch(namespace, rows=rows), read=as_is, writes=True
    )


def lock_conversation(namespace: str, conversation_id: str) -> Statement[Row]:
    """Lock a conversation, and list its messages and decisions."""
    return Statement(
        name="delete/conversation_contents",
        parameters=_batch(namespace, id=conversation_id),
        read=as_is,
        writes=True,
    )


def mark_conversation(namespace: str, conversation_id: str) -> Statement[Row]:
    """Mark a conversation that is deleted in several transactions."""
    return Statement(
        name="delete/mark_conversation",
        parameters=_batch(namespace, id=conversation_id),
        read=as_is,
        writes=True,
    )


def find_marked_conversation(namespace: str, conversation_id: str) -> Statement[Row]:
    """Find a conversation whose deletion was begun and not completed."""
    return Statement(
        name="delete/marked_conversation",
        parameters=_batch(namespace, id=conversation_id),
        read=as_is,
    )


def delete_document(namespace: str, document_id: str, *, now: int) -> Statement[Row]:
    """Delete a document without its passages."""
    return Statement(
        name="delete/document",
        parameters=_batch(namespace, id=document_id, now=now),
        read=as_is,
        writes=True,
    )


def delete_relationship(
    namespace: str, source: str, stored_type: str, target: str, *, now: int
) -> Statement[Row]:
    """Delete a relationship; the end of its transaction."""
    return Statement(
        name="delete/relationship",
        parameters=_batch(namespace, source=source, type=stored_type, target=target, now=now),
        read=as_is,
        writes=True,
    )


def lock_entity(namespace: str, entity_id: str, *, now: int) -> Statement[Row]:
    """Lock an entity, and read what its deletion changes."""
    return Statement(
        name="delete/entity_state",
        parameters=_batch(namespace, id=entity_id, now=now),
        read=as_is,
        writes=True,
    )


def delete_entity(
    namespace: str,
    entity_id: str,
    *,
    ids: Sequence[str],
    texts: Sequence[Row],
    merges: int,
    now: int,
) -> Statement[Row]:
    """Delete a locked entity; the end of its transaction.

    Args:
        namespace: Name of the namespace.
        entity_id: Id of the entity.
        ids: Its id and those of the entities that were merged into it.
        texts: Texts with their new relations that they do not assert.
        merges: The number of merges, settled before the transaction.
        now: Milliseconds since 1970.
    """
    return Statement(
        name="delete/entity",
        parameters=_batch(
            namespace, id=entity_id, ids=list(ids), texts=list(texts), merges=merges, now=now
        ),
        read=as_is,
        writes=True,
    )


def mark_conversations(namespace: str, *, limit: int) -> Statement[Row]:
    """Mark some conversations of a namespace, before they are deleted."""
    return Statement(
        name="delete/mark_conversations",
        parameters=_batch(namespace, limit=limit),
        read=as_is,
        writes=True,
    )


def delete_namespace(namespace: str, *, limit: int) -> Statement[Row]:
    """Delete some nodes of a namespace."""
    return Statement(
        name="delete/namespace", parameters=_batch(namespace, limit=limit), read=as_is, writes=True
    )


def count_namespace(namespace: str) -> Statement[Row]:
    """Count what the deletion of a namespace would delete."""
    return Statement(name="delete/namespace_counts", parameters=_batch(namespace), read=as_is)


def _batch(namespace: str, **values: Any) -> dict[str, Any]:
    """Return the parameters of a statement, all in one map."""
    return {"batch": {"namespace": namespace, **values}}
