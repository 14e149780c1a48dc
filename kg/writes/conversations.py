"""Build statements that save and load conversations; nothing is run here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.identifiers import build_message_id
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.vector_spaces import WriteGuard
from mcp_context_persistence.kg.writes.conversation_diff import ConversationDiff, StoredConversation
from mcp_context_persistence.kg.writes.message_diff import MessageDiff, StoredMessage


@dataclass(frozen=True, kw_only=True)
class Findings:
    """The rows of a save apart from its messages, by the names of the statement's parameters.

    Attributes:
        vectors_by_id: For each message id its vector, `(dim,) float32`.
        chunks: Passages of long messages, with their vectors.
        entities: Extracted entities, sorted by id.
        mentions: For each message the entities that it mentions.
        relations: Extracted relations.
        instructions: The instructions of new and changed messages, with their vectors.
    """

    vectors_by_id: Mapping[str, Any] = field(default_factory=dict)
    chunks: Sequence[Mapping[str, Any]] = ()
    entities: Sequence[Mapping[str, Any]] = ()
    mentions: Sequence[Mapping[str, Any]] = ()
    relations: Sequence[Mapping[str, Any]] = ()
    instructions: Sequence[Mapping[str, Any]] = ()


def read_state(namespace: str, conversation: Conversation) -> Statement[StoredConversation]:
    """Read the stored state of a conversation and of the message ids in the request."""
    conversation_id = conversation.conversation_id
    ids = [
        build_message_id(conversation_id, position) if message.id is None else message.id
        for position, message in enumerate(conversation.messages)
    ]
    batch = {"namespace": namespace, "conversation_id": conversation_id, "ids": ids}
    return Statement(
        name="conversation/state",
        parameters={"batch": batch},
        read=_parse_stored_conversation,
        locks=True,
    )


def _parse_stored_conversation(row: Row) -> StoredConversation:
    return StoredConversation(
        revision=row["revision"],
        conversation=row["conversation"] or {},
        messages=tuple(
            StoredMessage(
                id=message["id"],
                position=message["position"],
                role=message["role"],
                hash=message["hash"],
                content_hash=message["content_hash"],
                embedded=bool(message["embedded"]),
                extracted=bool(message["extracted"]),
                timestamp_ms=message["timestamp_ms"],
                given_vector=message["given_vector"],
                parent_id=message["parent_id"],
            )
            for message in row["messages"]
            if message["id"] is not None
        ),
        ids_used_elsewhere=tuple(row["ids_used_elsewhere"]),
        patterns=row["patterns"],
        end=row["end"],
        leaf_id=row["leaf_id"],
        has_decisions=row["has_decisions"],
        now=row["now"],
    )


def lock(namespace: str, conversation_id: str) -> Statement[Row]:
    """Lock a conversation against other writers until the transaction ends."""
    return Statement(
        name="conversation/lock",
        parameters={"namespace": namespace, "conversation_id": conversation_id},
        read=as_is,
        writes=True,
    )


def save(
    namespace: str,
    difference: ConversationDiff,
    findings: Findings,
    guard: WriteGuard | None,
    *,
    now: int,
) -> Statement[Row]:
    """Write the difference.

    Returns no row if another writer has changed the conversation since it was read.

    Args:
        namespace: Name of the namespace.
        difference: What must be written.
        findings: Vectors, entities and relations of the texts.
        guard: What the write takes for granted; None if there are no vectors and no new text.
        now: Milliseconds since 1970.
    """
    changes = _list_changes(difference, findings)
    name = "conversation/save" if any(changes.values()) else "conversation/extend"
    batch = {
        "namespace": namespace,
        "conversation_id": difference.conversation_id,
        "revision": difference.revision,
        "now": now,
        "conversation": difference.properties,
        **changes,
        "created": _created_rows(difference.items, findings.vectors_by_id),
        "last_stored_id": difference.last_stored_id,
        "links": difference.tree.link_rows() if difference.tree else None,
        "ends": list(difference.tree.ends) if difference.tree else [],
        "instruction_ids": [row["id"] for row in findings.instructions],
        "instructions": list(findings.instructions),
        "chunks": list(findings.chunks),
        "entities": list(findings.entities),
        "mentions": list(findings.mentions),
        "relations": list(findings.relations),
        "max_evidence": limits.EVIDENCE_PER_RELATIONSHIP,
        "expected_state": guard.parameters() if guard else None,
    }
    return Statement(name=name, parameters={"batch": batch}, read=as_is, writes=True)


def _created_rows(
    items: Sequence[MessageDiff], vectors_by_id: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each new message, by position."""
    return [
        {"properties": item.properties, "vector": vectors_by_id.get(item.properties["id"])}
        for item in sorted(items, key=lambda item: item.properties["position"])
        if item.stored is None
    ]


def _list_changes(difference: ConversationDiff, findings: Findings) -> dict[str, Any]:
    """Return what changes of stored messages; all values are empty if they stay as they are."""
    stale_ids = [
        item.properties["id"]
        for item in difference.items
        if item.stored is not None and (item.has_new_text or item.needs_graph)
    ]
    changed_ids = [
        item.properties["id"] for item in difference.items if item.is_changed and item.stored
    ]
    inherited = difference.inherited
    return {
        "stale_ids": [*stale_ids, *difference.removed_ids],
        "removed_ids": list(difference.removed_ids),
        "changed": _changed_rows(difference.items, findings.vectors_by_id),
        "relink": difference.needs_relink,
        "inherited": None if inherited is None else dict(inherited),
        "restated_ids": [*changed_ids, *difference.removed_ids],
    }


def _changed_rows(
    items: Sequence[MessageDiff], vectors_by_id: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each stored message that is written again."""
    return [
        {
            "properties": item.properties,
            "vector": vectors_by_id.get(item.properties["id"]),
            "stale_vector": item.has_new_text or (item.needs_vector and item.stored.embedded),
        }
        for item in items
        if item.stored is not None and item.is_changed
    ]


def load(namespace: str, conversation_id: str, **options: Any) -> Statement[Row]:
    """Load messages of a conversation, in order; the statement describes the options."""
    return Statement(
        name="conversation/load",
        parameters={
            "batch": {"namespace": namespace, "conversation_id": conversation_id, **options}
        },
        read=as_is,
    )


def load_branches(namespace: str, conversation_id: str, **options: Any) -> Statement[Row]:
    """Load messages of a conversation with branches; the statement describes the options."""
    return Statement(
        name="conversation/load_branches",
        parameters={
            "batch": {"namespace": namespace, "conversation_id": conversation_id, **options}
        },
        read=as_is,
    )
