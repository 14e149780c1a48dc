"""Read what an append needs, and find what it adds; nothing is run here.

The cost does not depend on the number of stored messages: only the last one is read, and those
that have an id of the request.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mcp_context_persistence.kg import limits
from mcp_context_persistence.kg.driver.statement import Row, Statement
from mcp_context_persistence.kg.identifiers import digest, list_message_id_prefixes
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.writes.conversation_diff import (
    ConversationDiff,
    check_message_count,
    diff_properties,
    refuse_foreign_ids,
)
from mcp_context_persistence.kg.writes.message_diff import (
    MessageDiff,
    MessageSlot,
    SharedProperties,
    diff_message,
)
from mcp_context_persistence.kg.writes.message_matching import find_free_id
from mcp_context_persistence.kg.writes.message_tree import TreeBuilder, TreeDiff, TreeMessage


@dataclass(frozen=True, kw_only=True)
class AppendRequest:
    """An append.

    Attributes:
        conversation: The new messages, and the properties of their conversation.
        key: A random key. The messages keep it, so that an attempt recognizes what an earlier
            one has written.
        tried_ids: The ids that an earlier attempt has chosen for the messages; empty before.
        vector_hashes: A hash for each message's vector, if the caller passed vectors.
    """

    conversation: Conversation
    key: str
    tried_ids: Sequence[str] = ()
    vector_hashes: Sequence[str] | None = None


@dataclass(frozen=True, kw_only=True)
class AppendState:
    """What is stored of a conversation to which messages are appended.

    Attributes:
        revision: Grows with each save; 0 for a conversation that is not stored.
        conversation: Properties of its node; empty for one that is not stored.
        total: The number of its messages.
        end: The position of the next message.
        is_tree: Whether it has branches.
        last_id: Id of its last message, with branches that of the current one.
        last_position: The position of that message.
        known_messages: The stored messages with an id of the request, by id.
        used_ids: Those ids for the next positions that are in use.
        patterns: Version of the namespace's entity patterns, 0 for none.
        now: When it was read, in milliseconds since 1970 by the server's clock.
    """

    revision: int
    conversation: Mapping[str, Any]
    total: int
    end: int
    is_tree: bool
    last_id: str | None
    last_position: int | None
    known_messages: Mapping[str, Row]
    used_ids: frozenset[str]
    patterns: int
    now: int


@dataclass(frozen=True, kw_only=True)
class AppendDiff:
    """What an append adds, and what of it is stored already.

    Attributes:
        conversation: The difference that must be written; its items are the new messages.
        new_indexes: For each of these items the index of its message in the request.
        ids: For each message of the request its id.
        created_indexes: Indexes of the messages that this append adds, or has added before its
            reply was lost.
        differing_ids: Ids of stored messages that have another text, role or parent than the given
            one.
        first_position: Position of the first added message.
        total: The number of messages of the conversation afterwards.
    """

    conversation: ConversationDiff
    new_indexes: tuple[int, ...]
    ids: tuple[str, ...]
    created_indexes: tuple[int, ...]
    differing_ids: tuple[str, ...]
    first_position: int | None
    total: int


def read_append_state(namespace: str, request: AppendRequest) -> Statement[AppendState]:
    """Read what an append needs of a conversation."""
    conversation = request.conversation
    given_ids = [message.id for message in conversation.messages if message.id is not None]
    parent_ids = [message.parent_id for message in conversation.messages if message.parent_id]
    batch = {
        "namespace": namespace,
        "conversation_id": conversation.conversation_id,
        "ids": list(dict.fromkeys([*given_ids, *parent_ids, *request.tried_ids])),
        "prefixes": list_message_id_prefixes(conversation.conversation_id),
        "count": len(conversation.messages) if len(given_ids) < len(conversation.messages) else 0,
    }
    return Statement(
        name="conversation/append_state",
        parameters={"batch": batch},
        read=_parse_append_state,
        locks=True,
    )


def _parse_append_state(row: Row) -> AppendState:
    return AppendState(
        revision=row["revision"],
        conversation=row["conversation"] or {},
        total=row["total"],
        end=row["end"],
        is_tree=row["is_tree"],
        last_id=row["last_id"],
        last_position=row["last_position"],
        known_messages={message["id"]: message for message in row["known"]},
        used_ids=frozenset(row["used_ids"]),
        patterns=row["patterns"],
        now=row["now"],
    )


def diff_append(
    namespace: str,
    request: AppendRequest,
    stored: AppendState,
    *,
    mode: str,
    now: int,
    max_messages: int = limits.APPENDED_MESSAGES,
    language: str | None = None,
) -> AppendDiff:
    """Find the messages that are not stored yet, and their positions.

    Args:
        namespace: Name of the namespace.
        request: The messages.
        stored: The stored state.
        mode: `conversation`, `knowledge` or `hybrid`.
        now: Milliseconds since 1970, for messages without a time stamp.
        max_messages: The largest number of messages that the conversation may have afterwards.
        language: The language of the messages; recognized in each where it is left out.

    Raises:
        ValidationError: A message id belongs to another conversation, or there are too many
            messages.
    """
    conversation = request.conversation
    shared, changes = diff_properties(
        namespace, conversation, stored.conversation, mode=mode, now=now, language=language
    )
    matches = _match_stored(request, stored)
    slots, tree = _place_messages(request, stored, matches)
    items = tuple(
        _build_item(shared, request, index, slot) for index, slot in sorted(slots.items())
    )
    check_message_count(stored.total + len(items), max_messages)
    written_positions = {
        index: match["position"]
        for index, match in matches.items()
        if match["append_key"] == request.key
    }
    ids = tuple(
        slots[index].id if index in slots else matches[index]["id"]
        for index in range(len(conversation.messages))
    )
    return AppendDiff(
        conversation=replace(
            changes,
            revision=stored.revision,
            properties=changes.properties | _list_ends(items, tree),
            items=items,
            last_stored_id=stored.last_id,
            tree=tree,
        ),
        new_indexes=tuple(sorted(slots)),
        ids=ids,
        created_indexes=(*written_positions, *sorted(slots)),
        differing_ids=_find_differing(request, matches),
        first_position=min(
            [*written_positions.values(), *(slot.position for slot in slots.values())], default=None
        ),
        total=stored.total + len(items),
    )


def _list_ends(items: Sequence[MessageDiff], tree: TreeDiff | None) -> dict[str, Any]:
    """Return the properties of the conversation that say where it ends."""
    last_id = {"last_id": items[-1].properties["id"]} if items else {}
    return last_id | ({"end": tree.end} if tree else {})


def _match_stored(request: AppendRequest, stored: AppendState) -> dict[int, Row]:
    """Return, by index in the request, the stored messages: those with the same id.

    A message without an id is stored only if an earlier attempt of the same append has written it.
    """
    conversation_id = request.conversation.conversation_id
    foreign_ids = {
        key
        for key, message in stored.known_messages.items()
        if message["conversation_id"] != conversation_id
    }
    refuse_foreign_ids(request.conversation, foreign_ids)
    matches: dict[int, Row] = {}
    for index, message in enumerate(request.conversation.messages):
        tried_id = message.id or (request.tried_ids[index] if request.tried_ids else None)
        match = stored.known_messages.get(tried_id) if tried_id else None
        if match is not None and (message.id or match["append_key"] == request.key):
            matches[index] = match
    return matches


def _place_messages(
    request: AppendRequest, stored: AppendState, matches: Container[int]
) -> tuple[dict[int, MessageSlot], TreeDiff | None]:
    """Return id and position of each new message, by index in the request, and the branches."""
    conversation = request.conversation
    used_ids = {
        *stored.used_ids,
        *stored.known_messages,
        *(message.id for message in conversation.messages if message.id is not None),
    }
    slots: dict[int, MessageSlot] = {}
    builder = _begin_tree(conversation, stored)
    for index, message in enumerate(conversation.messages):
        if index not in matches:
            position = stored.end + len(slots)
            message_id = message.id or find_free_id(
                conversation.conversation_id, position, used_ids
            )
            slots[index] = MessageSlot(id=message_id, position=position, stored=None)
            builder.add(index, message, message_id)
    tree = builder.build()
    if tree is None:
        return slots, None
    return {
        index: replace(slot, position=tree.positions[slot.id]) for index, slot in slots.items()
    }, tree


def _begin_tree(conversation: Conversation, stored: AppendState) -> TreeBuilder:
    """Return a builder that knows the end of the current branch and the named parents."""
    positions = {
        key: message["position"]
        for key, message in stored.known_messages.items()
        if message["conversation_id"] == conversation.conversation_id
    }
    if stored.last_id is not None and stored.last_position is not None:
        positions[stored.last_id] = stored.last_position
    return TreeBuilder(
        conversation,
        {
            key: TreeMessage(position=position, parent_id=None)
            for key, position in positions.items()
        },
        leaf_id=stored.last_id,
        end=stored.end,
        is_tree=stored.is_tree,
    )


def _build_item(
    shared: SharedProperties, request: AppendRequest, index: int, slot: MessageSlot
) -> MessageDiff:
    vector_hash = request.vector_hashes[index] if request.vector_hashes else None
    message = request.conversation.messages[index]
    item = diff_message(shared, message, slot, vector_hash=vector_hash)
    return replace(item, properties={**item.properties, "append_key": request.key})


def _find_differing(request: AppendRequest, matches: Mapping[int, Row]) -> tuple[str, ...]:
    """Return the ids of stored messages with another text, role or parent than the given ones."""
    conversation = request.conversation
    messages = conversation.messages
    return tuple(
        match["id"]
        for index, match in matches.items()
        if (match["role"], match["content_hash"])
        != (messages[index].stored_role, digest(messages[index].content))
        or messages[index].parent_id
        not in {None, match["parent_id"] or conversation.conversation_id}
    )
