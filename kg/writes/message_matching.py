"""Find the stored message of each message of a request, and the position of new ones."""

import itertools
from collections.abc import Collection, Container, Sequence

from mcp_context_persistence.kg.errors import ValidationError
from mcp_context_persistence.kg.identifiers import build_message_id, digest, is_built_message_id
from mcp_context_persistence.kg.models import Conversation, Message
from mcp_context_persistence.kg.writes.message_diff import MessageSlot, StoredMessage


def match_messages(
    conversation: Conversation,
    stored_messages: Sequence[StoredMessage],
    ids_used_elsewhere: Collection[str],
    *,
    replace: bool,
) -> list[MessageSlot]:
    """Find the stored message of each message of the request: by its id, else by its position.

    A message without an id never takes the place of one that has an id of its own.

    Raises:
        ValidationError: The list would overwrite a message that it does not continue.
    """
    matching = _Matching(conversation, stored_messages, ids_used_elsewhere)
    if replace:
        return [matching.match_to_replace(index) for index in range(len(conversation.messages))]
    has_id = {message.id is not None for message in conversation.messages}
    if has_id == {True}:
        return matching.match_by_id()
    return [matching.match_in_order(index) for index in range(len(conversation.messages))]


class _Matching:
    """The messages of a request, compared with the stored messages."""

    def __init__(
        self,
        conversation: Conversation,
        stored_messages: Sequence[StoredMessage],
        ids_used_elsewhere: Collection[str],
    ) -> None:
        self._conversation_id = conversation.conversation_id
        self._messages = conversation.messages
        self._by_id = {message.id: message for message in stored_messages}
        self._by_position = {message.position: message for message in stored_messages}
        self._end = max(self._by_position, default=-1) + 1
        self._request_ids = {message.id for message in conversation.messages}
        self._used_ids = {*self._by_id, *ids_used_elsewhere, *self._request_ids}

    def match_by_id(self) -> list[MessageSlot]:
        """Match messages that all have an id; new ones follow the stored ones."""
        slots: list[MessageSlot] = []
        end = self._end
        for message in self._messages:
            message_id = str(message.id)
            match = self._by_id.get(message_id)
            position = match.position if match else end
            end += match is None
            slots.append(MessageSlot(id=message_id, position=position, stored=match))
        return slots

    def match_in_order(self, index: int) -> MessageSlot:
        """Match a message of a list that is the beginning of the conversation, or all of it."""
        message, stored = self._messages[index], self._by_position.get(index)
        if message.id is not None:
            match = self._by_id.get(message.id)
            if match is not stored:
                raise ValidationError(
                    f"messages.{index}: a list in which only some messages have an id must begin "
                    "with the stored messages in their order; give every message an id, or, to "
                    "add messages, use append_messages"
                )
            return MessageSlot(id=message.id, position=index, stored=match)
        if stored is None:
            return MessageSlot(id=self._build_id(index), position=index, stored=None)
        if not _is_same_text(message, stored):
            self._check_overwriting(index, stored)
        return MessageSlot(id=stored.id, position=index, stored=stored)

    def match_to_replace(self, index: int) -> MessageSlot:
        """Match a message of the list that the conversation has afterwards."""
        message = self._messages[index]
        if message.id is not None:
            stored = self._by_id.get(message.id)
            return MessageSlot(id=message.id, position=index, stored=stored)
        stored = self._by_position.get(index)
        if stored is not None and (
            stored.id in self._request_ids
            or not (self._has_built_id(stored) or _is_same_text(message, stored))
        ):
            stored = None
        message_id = stored.id if stored else self._build_id(index)
        return MessageSlot(id=message_id, position=index, stored=stored)

    def _check_overwriting(self, index: int, stored: StoredMessage) -> None:
        """Refuse to overwrite a message by one without an id, if it is probably a new message."""
        if not self._has_built_id(stored):
            raise ValidationError(
                f"messages.{index}: the stored message at this position has an id of its own, and "
                "its text or role differs; to change it, give this message its id; to add "
                "messages, use append_messages; to replace the stored messages, use replace=True"
            )
        if len(self._messages) < len(self._by_id):
            raise ValidationError(
                f"messages.{index}: the list is shorter than the stored conversation and is not "
                "its beginning, so it would overwrite stored messages; to add messages, use "
                "append_messages; to replace the stored messages, use replace=True"
            )

    def _has_built_id(self, stored: StoredMessage) -> bool:
        return is_built_message_id(self._conversation_id, stored.id)

    def _build_id(self, position: int) -> str:
        return find_free_id(self._conversation_id, position, self._used_ids)


def _is_same_text(message: Message, stored: StoredMessage) -> bool:
    return (message.stored_role, digest(message.content)) == (stored.role, stored.content_hash)


def find_free_id(conversation_id: str, position: int, used_ids: Container[str | None]) -> str:
    """Return an unused id for a message without one.

    A stored message may have the usual id at another position or in another conversation.
    """
    candidate = build_message_id(conversation_id, position)
    for suffix in itertools.count():
        if candidate not in used_ids:
            break
        candidate = f"message:{digest(conversation_id)}:{position}.{suffix}"
    return candidate
