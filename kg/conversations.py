"""Saving and loading conversations: what is new, what has changed, and the rows that say so."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from kg import checks, limits
from kg.errors import ValidationError
from kg.facets import facet, facets
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
    """What the store holds of a conversation. A new one has revision 0."""

    revision: int
    conversation: Mapping[str, Any]
    messages: tuple[Stored, ...]
    foreign: tuple[str, ...]


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
    """The difference between a conversation as it is given and as it is stored."""

    conversation_id: str
    revision: int
    properties: dict[str, Any]
    items: tuple[Item, ...]
    removed: tuple[str, ...] = ()
    relink: bool = False
    previous: str | None = None

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
        return not self.removed and not any(item.stored is None or item.changed for item in self.items)


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
    )


def project_of(project_path: str | None, metadata: Mapping[str, Any] | None) -> str:
    """The project that a filter names: `metadata["project"]`, else the last part of the path, else nothing."""
    named = (metadata or {}).get("project")
    if isinstance(named, str) and named.strip():
        return named[: limits.IDENTIFIER_BYTES // 4]
    if not project_path:
        return ""
    kind = PureWindowsPath if "\\" in project_path and "/" not in project_path else PurePosixPath
    return kind(project_path).name


def tags_of(metadata: Mapping[str, Any] | None) -> list[str]:
    """The tags that a filter names: `metadata["tags"]`, a list of strings or one string."""
    found = (metadata or {}).get("tags")
    listed = [found] if isinstance(found, str) else found if isinstance(found, list) else []
    return [tag for tag in listed if isinstance(tag, str)][: limits.TAGS]


def metadata_facets(metadata: Mapping[str, Any] | None) -> list[str]:
    """Tokens for the top-level values of metadata that a filter `metadata.KEY` can name: strings, numbers, booleans."""
    return [
        facet(f"metadata.{key}", value if isinstance(value, str) else json.dumps(value))
        for key, value in (metadata or {}).items()
        if isinstance(value, (str, bool, int, float))
    ]


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
            *(facet("tag", tag) for tag in tags),
            *metadata_facets(metadata),
        ],
    }


def plan(namespace: str, conversation: Conversation, stored: State, *, mode: str, now: int, replace: bool = False) -> Plan:
    """Compare a conversation with what is stored of it.

    Args:
        namespace: Where it lives.
        conversation: As it is given; project path and metadata that are None stay as they are stored.
        stored: What was read.
        mode: `conversation`, `knowledge` or `hybrid`.
        now: Milliseconds since 1970, for messages without a time stamp.
        replace: Whether stored messages that are no longer given go.

    Raises:
        ValidationError: A message's id belongs to another conversation.
    """
    if stored.foreign:
        raise ValidationError("messages: an id is taken by a message of another conversation in this namespace")
    old = stored.conversation
    metadata = conversation.metadata if conversation.metadata is not None else json.loads(old.get("metadata") or "null")
    project_path = conversation.project_path if conversation.project_path is not None else old.get("project_path")
    properties = conversation_properties(
        namespace, conversation.conversation_id, project_path=project_path, mode=mode, metadata=metadata
    )
    if conversation.created_at is not None:
        properties["created_ms"] = checks.milliseconds(conversation.created_at)
    shared = {"project": properties["project"], "tags": properties["tags"], "metadata": metadata}
    places = _places(conversation, stored, replace=replace)
    items = tuple(
        _item(namespace, conversation.conversation_id, message, place, shared=shared, mode=mode, now=now)
        for message, place in zip(conversation.messages, places, strict=True)
    )
    given = {item.properties["id"] for item in items}
    removed = tuple(one.id for one in stored.messages if replace and one.id not in given)
    moved = any(item.stored is not None and item.stored.position != item.properties["position"] for item in items)
    return Plan(
        conversation_id=conversation.conversation_id,
        revision=stored.revision,
        properties=properties,
        items=items,
        removed=removed,
        relink=bool(removed) or moved,
        previous=stored.messages[-1].id if stored.messages else None,
    )


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


def _item(
    namespace: str,
    conversation_id: str,
    message: Message,
    place: tuple[str, int, Stored | None],
    *,
    shared: Mapping[str, Any],
    mode: str,
    now: int,
) -> Item:
    known_id, position, stored = place
    project = project_of(None, message.metadata) or shared["project"]
    tokens = _tokens(namespace, conversation_id, message, project=project, shared=shared)
    given_ms = None if message.timestamp is None else checks.milliseconds(message.timestamp)
    content_hash = digest(message.content)
    own = (str(position), message.role, message.name or "", content_hash, message.metadata_json or "", str(given_ms or ""), project)
    whole = digest(*own, *tokens)
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
        "project": project,
        "timestamp_ms": given_ms if given_ms is not None else stored.timestamp_ms if stored else now,
        "confidence": 1.0,
        "facets": tokens,
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


def _tokens(namespace: str, conversation_id: str, message: Message, *, project: str, shared: Mapping[str, Any]) -> list[str]:
    """The filter tokens of a message: its own, and those that it has from its conversation."""
    tags = dict.fromkeys([*shared["tags"], *tags_of(message.metadata)])
    found = [
        *facets(namespace, kind="message", conversation_id=conversation_id, role=message.role, project=project),
        *(facet("tag", tag) for tag in tags),
        *metadata_facets(shared["metadata"]),
        *metadata_facets(message.metadata),
    ]
    return list(dict.fromkeys(found))


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
