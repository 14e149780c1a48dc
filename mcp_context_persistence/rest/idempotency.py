"""The header `Idempotency-Key`, for messages that have no id.

Every other write has the same effect when it is repeated. Messages without an id would be added
again, so they get ids that are made of the key. A repeated request then finds them in the graph,
whichever replica it reaches, and for as long as they are stored.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from starlette.datastructures import Headers

from mcp_context_persistence.client import ContextPersistenceClient
from mcp_context_persistence.kg.errors import NotFoundError
from mcp_context_persistence.models import AppendMessagesResponse
from mcp_context_persistence.rest.problems import ProblemError

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
DIGITS = 40


def read_key(headers: Headers) -> str | None:
    """Return the key of a request, None where it has none.

    Raises:
        ProblemError: It is not 1 to 255 visible characters of ASCII, or there are several.
    """
    values = headers.getlist(HEADER)
    if not values:
        return None
    if len(values) > 1 or not _KEY.fullmatch(values[0]):
        raise ProblemError("invalid", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return values[0]


def make_lock_path(key: str) -> str:
    """Return an address for the lock of a key, which no item has.

    Without it, requests with the same key at the same time would all find no earlier one.
    """
    return f"/{HEADER}/{sha256(key.encode()).hexdigest()}"


def append_once(
    client: ContextPersistenceClient,
    conversation_id: str,
    arguments: Mapping[str, Any],
    key: str,
) -> AppendMessagesResponse:
    """Append messages, which get their ids from a key where they have none.

    Raises:
        ProblemError: The key belongs to another request.
    """
    messages = _add_ids(arguments["messages"], key)
    _check_earlier(client, conversation_id, messages, key)
    response = client.append_messages(conversation_id, **{**arguments, "messages": messages})
    own_ids = {_make_id(key, index) for index in range(len(messages))}
    if own_ids.intersection(response.differing_ids):
        raise _conflict()
    return response


def _add_ids(messages: Sequence[Mapping[str, Any]], key: str) -> list[dict[str, Any]]:
    return [
        {**message, "id": _make_id(key, index)} if message.get("id") is None else {**message}
        for index, message in enumerate(messages)
    ]


def _check_earlier(
    client: ContextPersistenceClient,
    conversation_id: str,
    messages: Sequence[Mapping[str, Any]],
    key: str,
) -> None:
    """Refuse another number of messages, or another conversation, than the first request had."""
    indexes = [
        index for index, message in enumerate(messages) if message["id"] == _make_id(key, index)
    ]
    stored = [_find_conversation(client, _make_id(key, index)) for index in indexes[:1]]
    if stored in ([], [None]):
        return
    stored += [_find_conversation(client, _make_id(key, index)) for index in indexes[1:]]
    is_longer = _find_conversation(client, _make_id(key, len(messages))) is not None
    if is_longer or any(other != conversation_id for other in stored):
        raise _conflict()


def _find_conversation(client: ContextPersistenceClient, message_id: str) -> str | None:
    try:
        return client.get_message(message_id).conversation_id
    except NotFoundError:
        return None


def _make_id(key: str, index: int) -> str:
    return f"key-{sha256(f'{index} {key}'.encode()).hexdigest()[:DIGITS]}"


def _conflict() -> ProblemError:
    return ProblemError(
        "conflict", "this Idempotency-Key belongs to another request; nothing was changed"
    )
