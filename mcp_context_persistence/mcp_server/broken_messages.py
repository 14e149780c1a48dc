"""Answers to requests that the SDK cannot read, so that nobody waits for them.

The SDK drops such a message: half of a surrogate pair in one argument is enough. Only what has an
id and a method is a request. Nothing else is answered.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from mcp_types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

NOT_JSON = (
    "the message is not valid JSON: it has half of a surrogate pair, or too many levels; "
    "send it again without them"
)
NOT_A_REQUEST = "the message is not a request of JSON-RPC 2.0; batches are not supported"

_SURROGATE = re.compile("[\ud800-\udfff]")


def answer_broken(error: Exception) -> Iterator[JSONRPCError]:
    """Yield the answers to a message, or to a batch of them.

    Args:
        error: What the SDK says about the message.
    """
    if not isinstance(error, ValidationError):
        return
    problem = error.errors(include_url=False, include_context=False)[0]
    is_json = problem["type"] != "json_invalid"
    answer = (
        ErrorData(code=INVALID_REQUEST, message=NOT_A_REQUEST)
        if is_json
        else ErrorData(code=PARSE_ERROR, message=NOT_JSON)
    )
    for request_id in _find_ids(_find_message(error) if is_json else _parse(problem["input"])):
        yield JSONRPCError(jsonrpc="2.0", id=request_id, error=answer)


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
