"""Saving and loading conversations: the statements, and what goes into them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement, as_is
from mcp_context_persistence.kg.identifiers import message_id
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.vector_spaces import Vectors
from mcp_context_persistence.kg.writes.conversation_diff import Plan, State, Stored


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What goes into the graph beside the messages themselves: rows for the statement, by the names of its parameters."""

    vectors: Mapping[str, Any] = field(default_factory=dict)  # message id -> (dim,) float32
    chunks: Sequence[Mapping[str, Any]] = ()
    entities: Sequence[Mapping[str, Any]] = ()
    mentions: Sequence[Mapping[str, Any]] = ()
    relations: Sequence[Mapping[str, Any]] = ()


def state(namespace: str, conversation: Conversation) -> Statement[State]:
    """What the store holds of a conversation."""
    known = conversation.conversation_id
    ids = [
        message_id(known, place) if one.id is None else one.id
        for place, one in enumerate(conversation.messages)
    ]
    return Statement(
        name="conversation/state",
        parameters={
            "batch": {
                "namespace": namespace,
                "conversation_id": conversation.conversation_id,
                "ids": ids,
            }
        },
        read=_state,
    )


def _state(row: Row) -> State:
    return State(
        revision=row["revision"],
        conversation=row["conversation"] or {},
        messages=tuple(
            Stored(
                id=one["id"],
                position=one["position"],
                hash=one["hash"],
                content_hash=one["content_hash"],
                embedded=bool(one["embedded"]),
                extracted=bool(one["extracted"]),
                timestamp_ms=one["timestamp_ms"],
                given_vector=one["given_vector"],
            )
            for one in row["messages"]
            if one["id"] is not None
        ),
        foreign=tuple(row["foreign"]),
        patterns=row["patterns"],
    )


def lock(namespace: str, conversation_id: str) -> Statement[Row]:
    """Keep other writers from a conversation for the rest of the transaction."""
    return Statement(
        name="conversation/lock",
        parameters={"namespace": namespace, "conversation_id": conversation_id},
        read=as_is,
        writes=True,
    )


def save(
    namespace: str, difference: Plan, findings: Findings, vectors: Vectors | None, *, now: int
) -> Statement[Row]:
    """Write the difference. No row comes back when somebody else has written the conversation since it was read.

    Args:
        namespace: Where it lives.
        difference: What must be written.
        findings: What was found in the texts.
        vectors: Where vectors go; None where there are none and no text has changed.
        now: Milliseconds since 1970.
    """
    created = [
        {"properties": item.properties, "vector": findings.vectors.get(item.properties["id"])}
        for item in sorted(difference.items, key=lambda item: item.properties["position"])
        if item.stored is None
    ]
    changed = [
        {
            "properties": item.properties,
            "vector": findings.vectors.get(item.properties["id"]),
            "stale_vector": item.new_text or (item.needs_vector and item.stored.embedded),
        }
        for item in difference.items
        if item.stored is not None and item.changed
    ]
    stale = [
        item.properties["id"]
        for item in difference.items
        if item.stored is not None and (item.new_text or item.needs_graph)
    ]
    return Statement(
        name="conversation/save",
        parameters={
            "batch": {
                "namespace": namespace,
                "conversation_id": difference.conversation_id,
                "revision": difference.revision,
                "now": now,
                "conversation": difference.properties,
                "stale": [*stale, *difference.removed],
                "removed": list(difference.removed),
                "changed": changed,
                "created": created,
                "previous": difference.previous,
                "relink": difference.relink,
                "inherited": None if difference.inherited is None else dict(difference.inherited),
                "chunks": list(findings.chunks),
                "entities": list(findings.entities),
                "mentions": list(findings.mentions),
                "relations": list(findings.relations),
                "evidence": limits.EVIDENCE_PER_RELATIONSHIP,
                "space": vectors.writing() if vectors else None,
            }
        },
        read=as_is,
        writes=True,
    )


def load(namespace: str, conversation_id: str, *, limit: int) -> Statement[Row]:
    """The last `limit` messages of a conversation, in order."""
    return Statement(
        name="conversation/load",
        parameters={"namespace": namespace, "conversation_id": conversation_id, "limit": limit},
        read=as_is,
    )
