"""Messages that are no requests: what is wrong with them, and whose answer says so.

The SDK drops a message that it cannot read, so that its sender would wait: half of a surrogate pair
in one argument is enough. It also reads some messages that another program could read differently.
Only a message with an id and a method is a request. Over standard input, nothing else is answered.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData
from pydantic import ValidationError

from mcp_context_persistence.kg.json_objects import has_doubled_key

NOT_JSON = (
    "the message is not valid JSON, or it has half of a surrogate pair or too many levels; "
    "correct it, then send it again"
)
NOT_UTF8 = "the message is not in UTF-8"
NOT_A_REQUEST = "the message is not a request of JSON-RPC 2.0; batches are not supported"
DOUBLED_KEY = "the message has an object with the same key twice"

_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class RefusedText:
    """Stands for a message that is refused before it is parsed.

    The parser of the SDK refuses this class. Its `ValidationError` has the object as `input`, from
    which the reason can be read.

    Attributes:
        text: The message.
        error: What is wrong with it.
    """

    text: str
    error: ErrorData


def read_text(data: bytes) -> str | RefusedText:
    """Return the text of a message, for the parser of the SDK."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        error = ErrorData(code=PARSE_ERROR, message=NOT_UTF8)
        return RefusedText(data.decode("utf-8", errors="replace"), error)
    if has_doubled_key(text):
        return RefusedText(text, ErrorData(code=INVALID_REQUEST, message=DOUBLED_KEY))
    return text


def explain_broken(error: ValidationError) -> tuple[ErrorData, list[int | str]]:
    """Return what is wrong with a message, and the ids of the requests that need an answer.

    Args:
        error: What the parser of the SDK says about the message.
    """
    problem = error.errors(include_url=False, include_context=False)[0]
    refused = problem["input"]
    if isinstance(refused, RefusedText):
        return refused.error, list(_find_ids(_parse(refused.text)))
    if problem["type"] == "json_invalid":
        not_json = ErrorData(code=PARSE_ERROR, message=NOT_JSON)
        return not_json, list(_find_ids(_parse(refused)))
    not_a_request = ErrorData(code=INVALID_REQUEST, message=NOT_A_REQUEST)
    return not_a_request, list(_find_ids(_find_message(error)))


def _find_message(error: ValidationError) -> Any:
    """Return the message that lacks a field or is of the wrong type."""
    for problem in error.errors(include_url=False, include_context=False):
        if len(problem["loc"]) - (problem["type"] == "missing") == 1:
            return problem["input"]
    return None


def _parse(text: Any) -> Any:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None


def _find_ids(message: Any) -> Iterator[int | str]:
    for item in message if isinstance(message, list) else [message]:
        if not isinstance(item, dict) or "method" not in item:
            continue
        request_id: Any = item.get("id")
        is_id = isinstance(request_id, (int, str)) and not isinstance(request_id, bool)
        if is_id and not _SURROGATE.search(str(request_id)):  # JSON cannot return a surrogate
            yield request_id
