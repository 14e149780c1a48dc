"""Saving and loading conversations: what is new, what has changed, and the rows that say so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kg import checks, limits
from kg.errors import ValidationError
from kg.facets import facet, facets, project_of, shared_facets, tags_of
from kg.models import Conversation, Message
from kg.names import digest, message_id
from kg.statement import Row, Statement, as_is


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
        return not self.changed and not self.removed and not any(item.changed for item in self.items)


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
    ids = [message.id for message in conversation.messages if message.id is not None]
    return Statement(
        name="conversation/state",
        parameters={"batch": {"namespace": namespace, "conversation_id": conversation.conversation_id, "ids": ids}},
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


def conversation_properties(
    namespace: str, conversation_id: str, *, project_path: str | None, mode: str, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Properties of a conversation's own node. It is found by the words of its metadata, its project and its tags."""
    project, tags = project_of(project_path, metadata), tags_of(metadata)
    words = [project, *tags, *(value for value in (metadata or {}).values() if isinstance(value, str))]
    return {
        "mode": mode,
        "project_path": project_path,
        "project": project,
        "tags": tags,
        "metadata": checks.metadata("metadata", metadata),
        "conversation_id": conversation_id,
        "content": " ".join(dict.fromkeys(word for word in words if word)),
        "facets": [
            *facets(namespace, kind="conversation", conversation_id=conversation_id, project=project),
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

    Raises:
        ValidationError: A message's id belongs to another conversation, or there are too many messages.
    """
    if stored.foreign:
        raise ValidationError("messages: an id is taken by a message of another conversation in this namespace")
    old = stored.conversation
    old_metadata = json.loads(old.get("metadata") or "null")
    metadata = conversation.metadata if conversation.metadata is not None else old_metadata
    properties = _properties(namespace, conversation, old, mode=mode, metadata=metadata)
    places = _places(conversation, stored, replace=replace)
    items = tuple(
        _item(
            namespace,
            conversation.conversation_id,
            message,
            place,
            project=properties["project"],
            metadata=metadata,
            mode=mode,
            now=now,
        )
        for message, place in zip(conversation.messages, places, strict=True)
    )
    given = {item.properties["id"] for item in items}
    removed = tuple(one.id for one in stored.messages if replace and one.id not in given)
    if len(stored.messages) + sum(item.stored is None for item in items) - len(removed) > most:
        raise ValidationError(f"a conversation has at most {most:,} messages (max_conversation_length), the stored ones included")
    return Plan(
        conversation_id=conversation.conversation_id,
        revision=stored.revision,
        properties=properties,
        changed=not old or any(old[key] != properties.get(key, old[key]) for key in old),
        items=items,
        removed=removed,
        relink=bool(removed) or any(item.stored and item.stored.position != item.properties["position"] for item in items),
        previous=stored.messages[-1].id if stored.messages else None,
        inherited=_inherited(old, old_metadata, properties, metadata) if old else None,
    )


def _properties(
    namespace: str, conversation: Conversation, old: Mapping[str, Any], *, mode: str, metadata: Mapping[str, Any] | None
) -> dict[str, Any]:
    project_path = conversation.project_path if conversation.project_path is not None else old.get("project_path")
    found = conversation_properties(
        namespace, conversation.conversation_id, project_path=project_path, mode=mode, metadata=metadata
    )
    if conversation.created_at is not None:
        found["created_ms"] = checks.milliseconds(conversation.created_at)
    return found


def _inherited(
    old: Mapping[str, Any], old_metadata: Mapping[str, Any] | None, new: Mapping[str, Any], metadata: Mapping[str, Any] | None
) -> dict[str, Any] | None:
    """What the messages have from their conversation, if it has changed; see `Plan`."""
    before, after = shared_facets(old_metadata), shared_facets(metadata)
    project_before = project_of(old.get("project_path"), old_metadata)
    if (before, project_before) == (after, new["project"]):
        return None
    project = [facet("project", new["project"])] if new["project"] else []
    stale = [*before, *after, *project, *([facet("project", project_before)] if project_before else [])]
    return {
        "old": list(dict.fromkeys(stale)),
        "new": list(dict.fromkeys(after)),
        "project_facet": project,
        "project": new["project"],
    }


def _places(conversation: Conversation, stored: State, *, replace: bool) -> list[tuple[str, int, Stored | None]]:
    """For each given message its id, its position and what is stored under it."""
    by_id = {one.id: one for one in stored.messages}
    end = max((one.position for one in stored.messages), default=-1) + 1
    places: list[tuple[str, int, Stored | None]] = []
    at = {one.position: one for one in stored.messages}
    for index, message in enumerate(conversation.messages):
        if message.id is None:
            known = at.get(index)
            places.append((known.id if known else message_id(conversation.conversation_id, index), index, known))
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


def _own(message: Message) -> tuple[str, list[str]]:
    """The project and the filter tokens that a message has from its own metadata."""
    project = project_of(None, message.metadata)
    return project, [*([facet("project", project)] if project else []), *shared_facets(message.metadata)]


def _item(
    namespace: str,
    conversation_id: str,
    message: Message,
    place: tuple[str, int, Stored | None],
    *,
    project: str,
    metadata: Mapping[str, Any] | None,
    mode: str,
    now: int,
) -> Item:
    known_id, position, stored = place
    own_project, own = _own(message)
    tokens = facets(namespace, kind="message", conversation_id=conversation_id, role=message.role, project=own_project or project)
    given_ms = None if message.timestamp is None else checks.milliseconds(message.timestamp)
    content_hash = digest(message.content)
    whole = digest(str(position), message.role, message.name or "", content_hash, message.metadata_json or "", str(given_ms or ""))
    new_text = stored is None or stored.content_hash != content_hash
    needs_vector = mode in {"conversation", "hybrid"} and (new_text or not (stored and stored.embedded))
    needs_graph = mode in {"knowledge", "hybrid"} and (new_text or not (stored and stored.extracted))
    properties = {
        "id": known_id,
        "conversation_id": conversation_id,
        "position": position,
        "kind": "message",
        "role": message.role,
        "name": message.name,
        "content": message.content,
        "bytes": len(message.content.encode()),
        "content_hash": content_hash,
        "hash": whole,
        "metadata": message.metadata_json,
        "project": own_project or project,
        "timestamp_ms": given_ms if given_ms is not None else stored.timestamp_ms if stored else now,
        "confidence": 1.0,
        "facets": list(dict.fromkeys([*tokens, *shared_facets(metadata), *own])),
        "own_facets": own or None,
        "own_project": own_project or None,
        "embedded": needs_vector or bool(stored and stored.embedded and not new_text),
        "extracted": needs_graph or bool(stored and stored.extracted and not new_text),
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


def save(namespace: str, difference: Plan, findings: Findings, *, now: int) -> Statement[Row]:
    """Write the difference. No row comes back when somebody else has written the conversation since it was read."""
    created = [
        {"properties": item.properties, "vector": findings.vectors.get(item.properties["id"])}
        for item in sorted(difference.items, key=lambda item: item.properties["position"])
        if item.stored is None
    ]
    changed = [
        {
            "properties": item.properties,
            "vector": findings.vectors.get(item.properties["id"]),
            "stale_vector": item.new_text,
        }
        for item in difference.items
        if item.stored is not None and item.changed
    ]
    stale = [item.properties["id"] for item in difference.items if item.stored is not None and (item.new_text or item.needs_graph)]
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
