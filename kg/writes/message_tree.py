"""Conversations with branches: which message follows which, and the current branch.

A message follows its parent. Positions grow along each branch. Where a message does not follow the
one with the position before it, its position is `BRANCH_GAP` higher, so that messages with
neighboring positions always belong to one branch. The searches rely on it.

The current branch is the one of the message that was added last. A conversation in which every
message follows the one before it has no branches, and is stored as a chain.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.models import Conversation, Message
from mcp_context_persistence.kg.writes.message_diff import MessageSlot, StoredMessage

BRANCH_GAP = 16  # more than the window of any feature of the ranker


@dataclass(frozen=True, kw_only=True)
class TreeMessage:
    """The position of a message in its conversation.

    Attributes:
        position: Its position.
        parent_id: The message that it follows; None for one that begins the conversation.
    """

    position: int
    parent_id: str | None


@dataclass(frozen=True, kw_only=True)
class TreeDiff:
    """What a write changes in a conversation with branches.

    Attributes:
        positions: The positions of all written messages, by id.
        links: The parent of each message that is new or gets another one, by id.
        leaf_id: The last message of the current branch.
        end: The position of the next message.
        ends: The last messages of branches to which messages were added, in their order; empty
            where the current branch only grows.
    """

    positions: Mapping[str, int]
    links: Mapping[str, str | None]
    leaf_id: str | None
    end: int
    ends: Sequence[str]

    def link_rows(self) -> list[dict[str, str | None]]:
        """Return the links as rows of the statement."""
        return [{"id": key, "parent_id": parent_id} for key, parent_id in self.links.items()]


class TreeBuilder:
    """Adds messages to a conversation, and finds out whether it has branches."""

    def __init__(
        self,
        conversation: Conversation,
        stored: Mapping[str, TreeMessage],
        *,
        leaf_id: str | None,
        end: int,
        is_tree: bool,
    ) -> None:
        """Begin with the stored messages.

        Args:
            conversation: The request.
            stored: The stored messages that the request may name as parents, by id.
            leaf_id: The last message of the current branch.
            end: The position of the next message.
            is_tree: Whether the stored conversation has branches.
        """
        self._conversation = conversation
        self._messages = dict(stored)
        self._leaf_id = leaf_id
        self._end = end
        leaf = stored.get(leaf_id) if leaf_id is not None else None
        # The message with the position before the next one; an empty text where it is not known.
        self._last_id = leaf_id if leaf is not None and leaf.position == end - 1 else ""
        self._links: dict[str, str | None] = {}
        self._ends: list[str] = []
        self._is_switched = False
        self._is_tree = is_tree

    def add(self, index: int, message: Message, message_id: str) -> None:
        """Add a new message; without a parent it follows the end of the current branch."""
        parent_id = self._read_parent(index, message, message_id, default=self._leaf_id)
        if self._end and parent_id != self._last_id:
            self._is_tree = True
            self._end += BRANCH_GAP
        if parent_id != self._leaf_id:
            self._is_switched = True
            if self._links:
                self._ends.append(str(self._leaf_id))
        self._messages[message_id] = TreeMessage(position=self._end, parent_id=parent_id)
        self._links[message_id] = parent_id
        self._leaf_id = self._last_id = message_id
        self._end += 1

    def keep(self, index: int, message: Message, message_id: str) -> None:
        """Refuse another parent for a stored message, which keeps its own."""
        stored = self._messages[message_id]
        parent_id = self._read_parent(index, message, message_id, default=stored.parent_id)
        if parent_id != stored.parent_id:
            raise _refuse(
                index, "the stored message follows another one; use replace=True to change that"
            )

    def _read_parent(
        self, index: int, message: Message, message_id: str, *, default: str | None
    ) -> str | None:
        parent_id = message.parent_id
        if parent_id is None:
            return default
        if parent_id == message_id:
            raise _refuse(index, "a message cannot follow itself")
        if parent_id in self._messages:
            return parent_id
        if parent_id == self._conversation.conversation_id:
            return None
        if any(other.id == parent_id for other in self._conversation.messages[index:]):
            raise _refuse(index, "the message that it names must come before this one in the list")
        raise _refuse(index, "the conversation has no message with this id")

    def build(self) -> TreeDiff | None:
        """Return what must be written, None for a conversation without branches."""
        if not self._is_tree:
            return None
        return TreeDiff(
            positions={key: message.position for key, message in self._messages.items()},
            links=self._links,
            leaf_id=self._leaf_id,
            end=self._end,
            ends=self._list_ends(),
        )

    def _list_ends(self) -> list[str]:
        if not self._is_switched:
            return []
        return [*self._ends, str(self._leaf_id)]


def _refuse(index: int, reason: str) -> ValidationError:
    return ValidationError(f"messages.{index}.parent_id: {reason}")


def has_parents(messages: Sequence[Message]) -> bool:
    """Return whether a request says which message follows which."""
    return any(message.parent_id is not None for message in messages)


def require_ids(messages: Sequence[Message]) -> None:
    """Refuse a list in which messages would be matched by their position."""
    for index, message in enumerate(messages):
        if message.id is None:
            raise ValidationError(
                f"messages.{index}.id: is missing; in a conversation with branches, every message "
                "of the list needs an id. Use append_messages to add messages without one"
            )


def diff_tree(
    conversation: Conversation,
    slots: Sequence[MessageSlot],
    stored: Sequence[StoredMessage],
    *,
    leaf_id: str | None,
    end: int | None,
    replaced: bool,
) -> TreeDiff | None:
    """Find the branches of a conversation after a save; None where there are none.

    Args:
        conversation: The request.
        slots: Where its messages are stored.
        stored: The stored messages, by position.
        leaf_id: The last message of the current branch, if the stored conversation has branches.
        end: The position of the next message, if the stored conversation has branches.
        replaced: Whether the conversation has only the messages of the request afterwards.
    """
    parents = _read_parents(stored, is_tree=end is not None)
    last = stored[-1] if stored else None
    builder = TreeBuilder(
        conversation,
        {}
        if replaced
        else {
            message.id: TreeMessage(position=message.position, parent_id=parents[message.id])
            for message in stored
        },
        leaf_id=None if replaced else leaf_id if end is not None else last.id if last else None,
        end=0 if replaced else end if end is not None else last.position + 1 if last else 0,
        is_tree=end is not None and not replaced,
    )
    for index, (message, slot) in enumerate(zip(conversation.messages, slots, strict=True)):
        if replaced or slot.stored is None:
            builder.add(index, message, slot.id)
        else:
            builder.keep(index, message, slot.id)
    tree = builder.build()
    if tree is None or not replaced:
        return tree
    links = {
        key: parent_id
        for key, parent_id in tree.links.items()
        if key not in parents or parents[key] != parent_id
    }
    if links or len(parents) != len(tree.positions):
        return replace(tree, links=links)
    return replace(tree, links={}, leaf_id=leaf_id, ends=())


def _read_parents(stored: Sequence[StoredMessage], *, is_tree: bool) -> dict[str, str | None]:
    """Return the parents of stored messages; in a chain it is the message before."""
    if is_tree:
        return {message.id: message.parent_id for message in stored}
    ids = [message.id for message in stored]
    return dict(zip(ids, [None, *ids], strict=False))
