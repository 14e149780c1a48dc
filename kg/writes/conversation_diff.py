"""The difference between a conversation as the caller passes it and as it is stored."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import replace as replace_fields
from typing import Any

from mcp_context_persistence.kg import limits, timestamps, validation
from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.filter_tokens import (
    build_own_tokens,
    build_shared_tokens,
    build_token,
    build_tokens,
    read_project,
    read_tags,
)
from mcp_context_persistence.kg.models import Conversation
from mcp_context_persistence.kg.stored_json import load_stored
from mcp_context_persistence.kg.text.terms import text_properties
from mcp_context_persistence.kg.writes.message_diff import (
    MessageDiff,
    MessageSlot,
    SharedProperties,
    StoredMessage,
    diff_message,
)
from mcp_context_persistence.kg.writes.message_matching import match_messages
from mcp_context_persistence.kg.writes.message_tree import (
    TreeDiff,
    diff_tree,
    has_parents,
    require_ids,
)


@dataclass(frozen=True, kw_only=True)
class StoredConversation:
    """A conversation as it is stored.

    Attributes:
        revision: Grows with each save; 0 for a conversation that is not stored.
        conversation: Properties of its node; empty for one that is not stored.
        messages: Its messages, by position.
        ids_used_elsewhere: Ids of the request that belong to messages of another conversation.
        patterns: Version of the namespace's entity patterns, 0 for none.
        end: The position of the next message, only of a conversation with branches.
        leaf_id: The last message of the current branch, only of a conversation with branches.
        has_decisions: Whether there are decisions of it, whose evidence its messages may be.
        now: When it was read, in milliseconds since 1970 by the server's clock.
    """

    revision: int
    conversation: Mapping[str, Any]
    messages: tuple[StoredMessage, ...]
    ids_used_elsewhere: tuple[str, ...]
    patterns: int = 0
    end: int | None = None
    leaf_id: str | None = None
    has_decisions: bool = False
    now: int


@dataclass(frozen=True, kw_only=True)
class ConversationDiff:
    """The difference between a conversation as the caller passes it and as it is stored.

    Attributes:
        conversation_id: Id of the conversation.
        revision: The revision that was read. Nothing is written over another revision.
        properties: Properties for the conversation's node.
        is_changed: Whether these properties differ from the stored ones.
        items: The messages of the request, in its order.
        removed_ids: Ids of stored messages that are deleted.
        needs_relink: Whether the order of the messages has changed.
        last_stored_id: Id of the last stored message. New messages follow it.
        inherited: What messages and decisions take from their conversation, if that has changed:
            `stale_tokens`, `tokens` and `project_tokens` (lists of filter tokens), and `project`.
        tree: The branches, None for a conversation without any.
    """

    conversation_id: str
    revision: int
    properties: dict[str, Any]
    is_changed: bool
    items: tuple[MessageDiff, ...]
    removed_ids: tuple[str, ...] = ()
    needs_relink: bool = False
    last_stored_id: str | None = None
    inherited: Mapping[str, Any] | None = None
    tree: TreeDiff | None = None

    @property
    def created_count(self) -> int:
        """The number of new messages."""
        return sum(item.stored is None for item in self.items)

    @property
    def updated_count(self) -> int:
        """The number of stored messages that are written again."""
        return sum(item.stored is not None and item.is_changed for item in self.items)

    @property
    def lost_text_ids(self) -> list[str]:
        """The ids of stored messages whose text is replaced or deleted."""
        return [
            *(item.stored.id for item in self.items if item.stored and item.has_new_text),
            *self.removed_ids,
        ]

    @property
    def is_unchanged(self) -> bool:
        """Whether there is nothing to write."""
        return (
            not self.is_changed
            and not self.removed_ids
            and not self.needs_relink
            and not (self.tree and self.tree.links)
            and not any(item.is_changed for item in self.items)
        )


def conversation_properties(
    namespace: str,
    conversation_id: str,
    *,
    project_path: str | None,
    mode: str,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the properties of a conversation's node.

    The fulltext index finds it by the words of its metadata, its project and its tags.
    """
    project, tags = read_project(project_path, metadata), read_tags(metadata)
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
        "metadata": validation.dump_metadata("metadata", metadata),
        "conversation_id": conversation_id,
        **text_properties(" ".join(dict.fromkeys(word for word in words if word))),
        "facets": [
            *build_tokens(
                namespace, kind="conversation", conversation_id=conversation_id, project=project
            ),
            *build_own_tokens(metadata),
        ],
    }


def diff_conversation(
    namespace: str,
    conversation: Conversation,
    stored: StoredConversation,
    *,
    mode: str,
    now: int,
    replace: bool = False,
    max_messages: int = limits.MESSAGES_PER_CONVERSATION,
    vector_hashes: Sequence[str] | None = None,
    language: str | None = None,
) -> ConversationDiff:
    """Compare a conversation with its stored state.

    Args:
        namespace: Name of the namespace.
        conversation: The conversation of the request. A project path or metadata of None leaves
            the stored value.
        stored: The stored state.
        mode: `conversation`, `knowledge` or `hybrid`.
        now: Milliseconds since 1970, for messages without a time stamp.
        replace: Whether stored messages that are missing from the request are deleted.
        max_messages: The largest number of messages that the conversation may have afterwards.
        vector_hashes: A hash for each message's vector, if the caller passed vectors.
        language: The language of the messages; recognized in each where it is left out.

    Raises:
        ValidationError: A message id belongs to another conversation, or there are too many
            messages.
    """
    refuse_foreign_ids(conversation, stored.ids_used_elsewhere)
    shared, changes = diff_properties(
        namespace, conversation, stored.conversation, mode=mode, now=now, language=language
    )
    slots, tree = _place_messages(conversation, stored, replace=replace)
    items = tuple(
        diff_message(
            shared, message, slot, vector_hash=vector_hashes[index] if vector_hashes else None
        )
        for index, (message, slot) in enumerate(zip(conversation.messages, slots, strict=True))
    )
    removed_ids = _find_removed(stored, items) if replace else ()
    new_count = sum(item.stored is None for item in items)
    check_message_count(len(stored.messages) + new_count - len(removed_ids), max_messages)
    return replace_fields(
        changes,
        revision=stored.revision,
        properties={
            **changes.properties,
            "last_id": tree.leaf_id if tree else _find_last_id(stored, items, removed_ids),
            **({"end": tree.end if tree else None} if tree or stored.end is not None else {}),
        },
        items=items,
        removed_ids=removed_ids,
        needs_relink=tree is None
        and (bool(removed_ids) or stored.end is not None or any(map(_is_moved, items))),
        last_stored_id=stored.messages[-1].id if stored.messages else None,
        tree=tree,
    )


def _place_messages(
    conversation: Conversation, stored: StoredConversation, *, replace: bool
) -> tuple[list[MessageSlot], TreeDiff | None]:
    """Find id, position and stored message of each message of the request, and the branches."""
    has_branches = stored.end is not None or has_parents(conversation.messages)
    if has_branches and not replace:
        require_ids(conversation.messages)
    slots = match_messages(
        conversation, stored.messages, stored.ids_used_elsewhere, replace=replace
    )
    if not has_branches:
        return slots, None
    tree = diff_tree(
        conversation,
        slots,
        stored.messages,
        leaf_id=stored.leaf_id,
        end=stored.end,
        replaced=replace,
    )
    if tree is None:
        return slots, None
    return [replace_fields(slot, position=tree.positions[slot.id]) for slot in slots], tree


def refuse_foreign_ids(conversation: Conversation, used_ids: Container[str]) -> None:
    """Refuse ids that belong to messages of other conversations."""
    if any(message.id in used_ids for message in conversation.messages):
        raise ValidationError(
            "messages: an id belongs to a message of another conversation in this namespace; "
            "use another id"
        )


def diff_properties(
    namespace: str,
    conversation: Conversation,
    old: Mapping[str, Any],
    *,
    mode: str,
    now: int,
    language: str | None,
) -> tuple[SharedProperties, ConversationDiff]:
    """Compare the properties of a conversation with the stored ones.

    Returns:
        What its messages have in common, and the difference without messages.
    """
    old_metadata = load_stored(old.get("metadata"), "metadata of a conversation")
    metadata = conversation.metadata if conversation.metadata is not None else old_metadata
    properties = _merge_properties(namespace, conversation, old, mode=mode, metadata=metadata)
    shared = SharedProperties(
        namespace=namespace,
        conversation_id=conversation.conversation_id,
        project=properties["project"],
        tokens=build_shared_tokens(metadata),
        mode=mode,
        now=now,
        language=language,
    )
    return shared, ConversationDiff(
        conversation_id=conversation.conversation_id,
        revision=0,
        properties=properties,
        is_changed=not old or any(old[key] != properties.get(key, old[key]) for key in old),
        items=(),
        inherited=_diff_inherited(old, old_metadata, properties, metadata) if old else None,
    )


def _is_moved(item: MessageDiff) -> bool:
    """Return whether a stored message gets another position."""
    return item.stored is not None and item.stored.position != item.properties["position"]


def _find_removed(stored: StoredConversation, items: Sequence[MessageDiff]) -> tuple[str, ...]:
    """Return the ids of stored messages that are missing from the request."""
    request_ids = {item.properties["id"] for item in items}
    return tuple(message.id for message in stored.messages if message.id not in request_ids)


def _find_last_id(
    stored: StoredConversation, items: Sequence[MessageDiff], removed_ids: Sequence[str]
) -> str | None:
    """Return the id of the message that has the last position after the save."""
    positions = {message.id: message.position for message in stored.messages}
    positions.update({item.properties["id"]: item.properties["position"] for item in items})
    for removed_id in removed_ids:
        del positions[removed_id]
    return max(positions, key=positions.__getitem__, default=None)


def check_message_count(count: int, max_messages: int) -> None:
    """Refuse a conversation that would have too many messages."""
    if count > max_messages:
        raise ValidationError(
            f"messages: a conversation has at most {max_messages:,} messages "
            "(max_conversation_length), the stored ones included"
        )


def _merge_properties(
    namespace: str,
    conversation: Conversation,
    old: Mapping[str, Any],
    *,
    mode: str,
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the properties of the conversation's node after the save."""
    project_path = (
        conversation.project_path
        if conversation.project_path is not None
        else old.get("project_path")
    )
    properties = conversation_properties(
        namespace,
        conversation.conversation_id,
        project_path=project_path,
        mode=mode,
        metadata=metadata,
    )
    if conversation.created_at is not None:
        properties["created_ms"] = timestamps.to_milliseconds(conversation.created_at)
    return properties


def _diff_inherited(
    old: Mapping[str, Any],
    old_metadata: Mapping[str, Any] | None,
    new: Mapping[str, Any],
    metadata: Mapping[str, Any] | None,
) -> dict[str, Any] | None:
    """Return `ConversationDiff.inherited`: None if nothing that messages inherit has changed."""
    old_tokens, new_tokens = build_shared_tokens(old_metadata), build_shared_tokens(metadata)
    old_project = read_project(old.get("project_path"), old_metadata)
    if (old_tokens, old_project) == (new_tokens, new["project"]):
        return None
    project_tokens = [build_token("project", new["project"])] if new["project"] else []
    stale_tokens = [
        *old_tokens,
        *new_tokens,
        *project_tokens,
        *([build_token("project", old_project)] if old_project else []),
    ]
    return {
        "stale_tokens": list(dict.fromkeys(stale_tokens)),
        "tokens": list(dict.fromkeys(new_tokens)),
        "project_tokens": project_tokens,
        "project": new["project"],
    }
