"""The header `Idempotency-Key`, for messages that have no id.

Every other write has the same effect when it is repeated. Messages without an id would be added
again, so they get ids that are made of the key. A repeated request then finds them in the graph,
whichever replica it reaches, and for as long as they are stored.
"""

import re
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
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
    numbers = count()
    messages = [
        {**message, "id": _make_id(key, next(numbers))} if message.get("id") is None else message
        for message in arguments["messages"]
    ]
    key_ids = [_make_id(key, index) for index in range(next(numbers))]
    if _is_repeated(client, conversation_id, key_ids, key):
        # Compared before anything is written: other messages of the request may be new.
        ids = set(key_ids)
        named = [message for message in messages if message["id"] in ids]
        _check_texts(client.append_messages(conversation_id, named), key_ids)
    response = client.append_messages(conversation_id, **{**arguments, "messages": messages})
    _check_texts(response, key_ids)
    return response


def _is_repeated(
    client: ContextPersistenceClient, conversation_id: str, key_ids: Sequence[str], key: str
) -> bool:
    """Return whether the messages of an earlier request with this key are stored.

    Raises:
        ProblemError: They are in another conversation, or their number is another one.
    """
    first = _find_conversation(client, _make_id(key, 0))
    if first is None:
        return False
    stored = [first, *(_find_conversation(client, message_id) for message_id in key_ids[1:])]
    is_longer = _find_conversation(client, _make_id(key, len(key_ids))) is not None
    if is_longer or any(other != conversation_id for other in stored):
        raise _conflict()
    return True


def _check_texts(response: AppendMessagesResponse, key_ids: Sequence[str]) -> None:
    """Refuse messages with other texts or roles than those of the first request."""
    if set(key_ids).intersection(response.differing_ids):
        raise _conflict(outcome="unknown" if response.created else "not_applied")


def _find_conversation(client: ContextPersistenceClient, message_id: str) -> str | None:
    try:
        return client.get_message(message_id).conversation_id
    except NotFoundError:
        return None


def _make_id(key: str, index: int) -> str:
    return f"key-{sha256(f'{index} {key}'.encode()).hexdigest()[:DIGITS]}"


def _conflict(*, outcome: str = "not_applied") -> ProblemError:
    return ProblemError(
        "conflict", "this Idempotency-Key belongs to another request", outcome=outcome
    )
