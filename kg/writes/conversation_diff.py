"""What is new in a conversation and what has changed: the difference between what is given and what is stored."""

import itertools
import json
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.filter_tokens import (
    facet,
    facets,
    project_of,
    shared_facets,
    tags_of,
)
from mcp_context_persistence.kg.identifiers import digest, message_id
from mcp_context_persistence.kg.models import Conversation, Message


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A message as the store holds it: its place, and hashes by which a change is seen."""

    id: str
    position: int
    hash: str | None
    content_hash: str | None
    embedded: bool
    extracted: bool
    timestamp_ms: int
    given_vector: str | None


@dataclass(frozen=True, kw_only=True)
class State:
    """What the store holds of a conversation. A new one has revision 0; `patterns` is the version of the namespace's own patterns."""

    revision: int
    conversation: Mapping[str, Any]
    messages: tuple[Stored, ...]
    foreign: tuple[str, ...]
    patterns: int = 0


@dataclass(frozen=True, kw_only=True)
class Item:
    """One message on its way into the store.

    Attributes:
        properties: Of its node.
        stored: What was there, None when it is new.
        changed: Whether its node must be written.
        new_text: Whether its text is new.
        needs_vector: Whether it must be embedded.
        needs_graph: Whether entities must be looked for in it.
    """

    properties: dict[str, Any]
    stored: Stored | None
    changed: bool
    new_text: bool
    needs_vector: bool
    needs_graph: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The difference between a conversation as it is given and as it is stored.

    Attributes:
        conversation_id: Its id.
        revision: The one that was read; nothing is written over another one.
        properties: Of its own node.
        changed: Whether those differ from what is stored.
        items: Its messages as they are given.
        removed: Ids of stored messages that go.
        relink: Whether the order of the messages must be linked anew.
        previous: Id of the last stored message, after which new ones are linked.
        inherited: What all of its messages and decisions have from it, when that has changed: `old`, `new`, `project_facet` (lists of
            filter tokens) and `project`.
    """

    conversation_id: str
    revision: int
    properties: dict[str, Any]
    changed: bool
    items: tuple[Item, ...]
    removed: tuple[str, ...] = ()
    relink: bool = False
    previous: str | None = None
    inherited: Mapping[str, Any] | None = None

    @property
    def created(self) -> int:
        """How many messages are new."""
        return sum(item.stored is None for item in self.items)

    @property
    def updated(self) -> int:
        """How many stored messages are written again."""
        return sum(item.stored is not None and item.changed for item in self.items)

    @property
    def unchanged(self) -> bool:
        """Whether there is nothing to write."""
        return (
            not self.changed and not self.removed and not any(item.changed for item in self.items)
        )


def conversation_properties(
    namespace: str,
    conversation_id: str,
    *,
    project_path: str | None,
    mode: str,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Properties of a conversation's own node. It is found by the words of its metadata, its project and its tags."""
    project, tags = project_of(project_path, metadata), tags_of(metadata)
    words = [
        project,
        *tags,
        *(value for value in (metadata or {}).values() if isinstance(value, str)),
    ]
    return {
        "mode": mode,
        "project_path": project_path,
        "project": project,
        "tags": tags,
        "metadata": validation.metadata("metadata", metadata),
        "conversation_id": conversation_id,
        "content": " ".join(dict.fromkeys(word for word in words if word)),
        "facets": [
            *facets(
                namespace, kind="conversation", conversation_id=conversation_id, project=project
            ),
            *shared_facets(metadata),
        ],
    }


def plan(
    namespace: str,
    conversation: Conversation,
    stored: State,
    *,
    mode: str,
    now: int,
    replace: bool = False,
    most: int = limits.MESSAGES_PER_CONVERSATION,
    vectors: Sequence[str] | None = None,
) -> Plan:
    """Compare a conversation with what is stored of it.

    Args:
        namespace: Where it lives.
        conversation: As it is given; project path and metadata that are None stay as they are stored.
        stored: What was read.
        mode: `conversation`, `knowledge` or `hybrid`.
        now: Milliseconds since 1970, for messages without a time stamp.
        replace: Whether stored messages that are no longer given go.
        most: Messages that it may have in the end.
        vectors: A hash of each message's vector, where the caller gave them.

    Raises:
        ValidationError: A message's id belongs to another conversation, or there are too many messages.
    """
    if any(message.id in stored.foreign for message in conversation.messages):
        raise ValidationError(
            "messages: an id is taken by a message of another conversation in this namespace"
        )
    old = stored.conversation
    old_metadata = json.loads(old.get("metadata") or "null")
    metadata = conversation.metadata if conversation.metadata is not None else old_metadata
    properties = _properties(namespace, conversation, old, mode=mode, metadata=metadata)
    frame = _Frame(
        namespace=namespace,
        conversation_id=conversation.conversation_id,
        project=properties["project"],
        facets=shared_facets(metadata),
        mode=mode,
        now=now,
    )
    places = _places(conversation, stored, replace=replace)
    items = tuple(
        _item(frame, message, place, vector=vectors[index] if vectors else None)
        for index, (message, place) in enumerate(zip(conversation.messages, places, strict=True))
    )
    given = {item.properties["id"] for item in items}
    removed = tuple(one.id for one in stored.messages if replace and one.id not in given)
    if len(stored.messages) + sum(item.stored is None for item in items) - len(removed) > most:
        raise ValidationError(
            f"a conversation has at most {most:,} messages (max_conversation_length), the stored ones included"
        )
    return Plan(
        conversation_id=conversation.conversation_id,
        revision=stored.revision,
        properties=properties,
        changed=not old or any(old[key] != properties.get(key, old[key]) for key in old),
        items=items,
        removed=removed,
        relink=bool(removed)
        or any(
            item.stored and item.stored.position != item.properties["position"] for item in items
        ),
        previous=stored.messages[-1].id if stored.messages else None,
        inherited=_inherited(old, old_metadata, properties, metadata) if old else None,
    )


def _properties(
    namespace: str,
    conversation: Conversation,
    old: Mapping[str, Any],
    *,
    mode: str,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    project_path = (
        conversation.project_path
        if conversation.project_path is not None
        else old.get("project_path")
    )
    found = conversation_properties(
        namespace,
        conversation.conversation_id,
        project_path=project_path,
        mode=mode,
        metadata=metadata,
    )
    if conversation.created_at is not None:
        found["created_ms"] = validation.milliseconds(conversation.created_at)
    return found


def _inherited(
    old: Mapping[str, Any],
    old_metadata: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """What the messages have from their conversation, if it has changed; see `Plan`."""
    before, after = shared_facets(old_metadata), shared_facets(metadata)
    project_before = project_of(old.get("project_path"), old_metadata)
    if (before, project_before) == (after, new["project"]):
        return None
    project = [facet("project", new["project"])] if new["project"] else []
    stale = [
        *before,
        *after,
        *project,
        *([facet("project", project_before)] if project_before else []),
    ]
    return {
        "old": list(dict.fromkeys(stale)),
        "new": list(dict.fromkeys(after)),
        "project_facet": project,
        "project": new["project"],
    }


def _places(
    conversation: Conversation, stored: State, *, replace: bool
) -> list[tuple[str, int, Stored | None]]:
    """For each given message its id, its position and what is stored under it."""
    by_id = {one.id: one for one in stored.messages}
    end = max((one.position for one in stored.messages), default=-1) + 1
    places: list[tuple[str, int, Stored | None]] = []
    at = {one.position: one for one in stored.messages}
    for index, message in enumerate(conversation.messages):
        if message.id is None:
            known = at.get(index)
            places.append(
                (
                    known.id
                    if known
                    else _free_id(conversation.conversation_id, index, {*by_id, *stored.foreign}),
                    index,
                    known,
                )
            )
            continue
        known = by_id.get(message.id)
        if replace:
            position = index
        elif known:
            position = known.position
        else:
            position, end = end, end + 1
        places.append((message.id, position, known))
    return places


def _free_id(conversation_id: str, position: int, taken: Container[str]) -> str:
    """An id for a message that has none; a stored message may carry the usual one at another place, or in another conversation."""
    found = message_id(conversation_id, position)
    for turn in itertools.count():
        if found not in taken:
            break
        found = f"message:{digest(conversation_id)}:{position}.{turn}"
    return found


def _hashes(message: Message, position: int, given_ms: int | None) -> tuple[str, str]:
    """Of the text, and of the whole message."""
    text = digest(message.content)
    return text, digest(
        str(position),
        message.role,
        message.name or "",
        text,
        message.metadata_json or "",
        str(given_ms or ""),
    )


def _own(message: Message) -> tuple[str, list[str]]:
    """The project and the filter tokens that a message has from its own metadata."""
    project = project_of(None, message.metadata)
    return project, [
        *([facet("project", project)] if project else []),
        *shared_facets(message.metadata),
    ]


@dataclass(frozen=True, kw_only=True)
class _Frame:
    """What the messages of a conversation have in common."""

    namespace: str
    conversation_id: str
    project: str
    facets: list[str]
    mode: str
    now: int


def _item(
    frame: _Frame, message: Message, place: tuple[str, int, Stored | None], *, vector: str | None
) -> Item:
    known_id, position, stored = place
    own_project, own = _own(message)
    project = own_project or frame.project
    tokens = facets(
        frame.namespace,
        kind="message",
        conversation_id=frame.conversation_id,
        role=message.role,
        project=project,
    )
    given_ms = None if message.timestamp is None else validation.milliseconds(message.timestamp)
    content_hash, whole = _hashes(message, position, given_ms)
    new_text = stored is None or stored.content_hash != content_hash
    same = stored if not new_text else None
    other_vector = vector is not None and not (same and same.given_vector == vector)
    needs_vector = frame.mode != "knowledge" and (other_vector or not (same and same.embedded))
    needs_graph = frame.mode != "conversation" and not (same and same.extracted)
    properties = {
        "id": known_id,
        "conversation_id": frame.conversation_id,
        "position": position,
        "kind": "message",
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "bytes": len(message.content.encode()),
        "content_hash": content_hash,
        "hash": whole,
        "metadata": message.metadata_json,
        "project": project,
        "timestamp_ms": given_ms
        if given_ms is not None
        else stored.timestamp_ms
        if stored
        else frame.now,
        "confidence": 1.0,
        "facets": list(dict.fromkeys([*tokens, *frame.facets, *own])),
        "own_facets": own or None,
        "own_project": own_project or None,
        "embedded": needs_vector or bool(same and same.embedded),
        "extracted": needs_graph or bool(same and same.extracted),
        "given_vector": vector or (same.given_vector if same else None),
        **({"mentioned": []} if new_text else {}),
    }
    return Item(
        properties=properties,
        stored=stored,
        changed=stored is None or stored.hash != whole or needs_vector or needs_graph,
        new_text=new_text,
        needs_vector=needs_vector,
        needs_graph=needs_graph,
    )
