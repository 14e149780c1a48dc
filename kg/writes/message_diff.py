"""The difference between a message as the caller passes it and as it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg.filter_tokens import (
    build_own_tokens,
    build_token,
    build_tokens,
    read_project,
)
from mcp_context_persistence.kg.identifiers import digest
from mcp_context_persistence.kg.models import Message
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.timestamps import to_milliseconds

_NOT_EXTRACTED: Mapping[str, Any] = {"mentioned": [], "unasserted": None, "unasserted_ids": None}


@dataclass(frozen=True, kw_only=True)
class StoredMessage:
    """The fields of a stored message that show whether it has changed."""

    id: str
    position: int
    role: str
    hash: str | None
    content_hash: str | None
    embedded: bool
    extracted: bool
    timestamp_ms: int
    given_vector: str | None
    parent_id: str | None = None  # only in a conversation with branches


@dataclass(frozen=True, kw_only=True)
class MessageDiff:
    """The difference between a message as the caller passes it and as it is stored.

    Attributes:
        properties: Properties for its node.
        stored: The stored message; None for a new one.
        is_changed: Whether its node must be written.
        has_new_text: Whether its text is new.
        needs_vector: Whether it must be embedded.
        needs_graph: Whether entities and relations must be extracted from it.
    """

    properties: dict[str, Any]
    stored: StoredMessage | None
    is_changed: bool
    has_new_text: bool
    needs_vector: bool
    needs_graph: bool


@dataclass(frozen=True, kw_only=True)
class MessageSlot:
    """Id and position of a message of the request, and the stored message that it replaces."""

    id: str
    position: int
    stored: StoredMessage | None


@dataclass(frozen=True, kw_only=True)
class SharedProperties:
    """What all messages of a conversation have in common."""

    namespace: str
    conversation_id: str
    project: str
    tokens: list[str]
    mode: str
    now: int
    language: str | None = None


def diff_message(
    shared: SharedProperties, message: Message, slot: MessageSlot, *, vector_hash: str | None
) -> MessageDiff:
    """Compare a message with the stored message of its slot."""
    stored = slot.stored
    own_timestamp_ms = None if message.timestamp is None else to_milliseconds(message.timestamp)
    data = message.data_json
    content_hash, full_hash = _hash_message(message, slot.position, own_timestamp_ms, data)
    has_new_text = stored is None or stored.content_hash != content_hash
    same_text = stored if not has_new_text else None
    is_embedded = bool(same_text and same_text.embedded)
    is_extracted = bool(same_text and same_text.extracted)
    stored_vector_hash = same_text.given_vector if same_text else None
    has_new_vector = vector_hash is not None and vector_hash != stored_vector_hash
    has_text = bool(message.content.strip())
    needs_vector = shared.mode != "knowledge" and (has_new_vector or (has_text and not is_embedded))
    needs_graph = shared.mode != "conversation" and has_text and not is_extracted
    properties = {
        **_message_properties(shared, message, slot),
        "data": data,
        "bytes": len(message.content.encode()) + len((data or "").encode()),
        "content_hash": content_hash,
        "hash": full_hash,
        "timestamp_ms": own_timestamp_ms
        if own_timestamp_ms is not None
        else stored.timestamp_ms
        if stored
        else shared.now,
        "embedded": needs_vector or is_embedded,
        "extracted": needs_graph or is_extracted,
        "given_vector": vector_hash or stored_vector_hash,
        **(_NOT_EXTRACTED if has_new_text else {}),
    }
    return MessageDiff(
        properties=properties,
        stored=stored,
        is_changed=stored is None or stored.hash != full_hash or needs_vector or needs_graph,
        has_new_text=has_new_text,
        needs_vector=needs_vector,
        needs_graph=needs_graph,
    )


def _message_properties(
    shared: SharedProperties, message: Message, slot: MessageSlot
) -> dict[str, Any]:
    """Return the properties that do not depend on the stored message."""
    own_project, own_tokens = _read_own_metadata(message)
    project = own_project or shared.project
    tokens = build_tokens(
        shared.namespace,
        kind="message",
        conversation_id=shared.conversation_id,
        role=message.stored_role,
        project=project,
    )
    return {
        "id": slot.id,
        "conversation_id": shared.conversation_id,
        "position": slot.position,
        "kind": "message",
        "role": message.stored_role,
        "name": message.name,
        **text_properties(message.indexed_text, shared.language),
        "content": message.content,
        "metadata": message.metadata_json,
        "project": project,
        "confidence": 1.0,
        "facets": list(dict.fromkeys([*tokens, *shared.tokens, *own_tokens])),
        "own_facets": own_tokens or None,
        "own_project": own_project or None,
    }


def _hash_message(
    message: Message, position: int, timestamp_ms: int | None, data: str | None
) -> tuple[str, str]:
    """Return the hash of the text and the hash of all fields."""
    content_hash = digest(message.content)
    return content_hash, digest(
        str(position),
        message.role,
        message.name or "",
        content_hash,
        message.metadata_json or "",
        str(timestamp_ms or ""),
        *([data] if data else []),
    )


def _read_own_metadata(message: Message) -> tuple[str, list[str]]:
    """Return the project and the filter tokens that come from the message's own metadata."""
    project = read_project(None, message.metadata)
    return project, [
        *([build_token("project", project)] if project else []),
        *build_own_tokens(message.metadata),
    ]
