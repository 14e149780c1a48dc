"""Entity tags, and the conditions of requests on them."""

import json
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from pydantic import BaseModel
from starlette.datastructures import Headers

from mcp_context_persistence.rest.problems import ProblemError
from mcp_context_persistence.runtime.call_scope import TIME_FIELD

# What differs between two pages of one state of a conversation.
PAGE_FIELDS = frozenset({"messages", "message_count", "next_cursor", "leaf_id"})
_TAG = re.compile(r'(?:W/)?"([!#-~]*)"')
CONDITION_PATTERN = r'^(\*|(W/)?"[!#-~]*"( *, *(W/)?"[!#-~]*")*)$'
_CONDITION = re.compile(CONDITION_PATTERN)
NAMES = ("if-match", "if-none-match")
DIGITS = 24


def make_tag(response: BaseModel) -> str:
    """Return the tag of a response: it depends on the state of the item and on the page of it."""
    fields = response.model_dump(mode="json", exclude={TIME_FIELD})
    state = {name: value for name, value in fields.items() if name not in PAGE_FIELDS}
    page = {name: value for name, value in fields.items() if name in PAGE_FIELDS}
    return f'"{_digest(state)}{"." + _digest(page) if page else ""}"'


def has_match(tag: str, condition: str) -> bool:
    """Return whether a header `If-None-Match` names this tag."""
    return condition.strip() == "*" or tag.strip('"') in _TAG.findall(condition)


def check_conditions(headers: Headers, tag: str | None) -> None:
    """Check `If-Match` and `If-None-Match` before a write.

    Args:
        headers: Of the request.
        tag: Of the item as it is stored; None where there is none.

    Raises:
        ProblemError: A condition does not hold; nothing was written.
    """
    required, refused = headers.get("if-match"), headers.get("if-none-match")
    if required is not None and (tag is None or not _has_state(tag, required)):
        raise _fail()
    if refused is not None and tag is not None and _has_state(tag, refused):
        raise _fail()


def has_conditions(headers: Headers) -> bool:
    """Return whether a request depends on the stored state.

    Raises:
        ProblemError: A condition is not a list of entity tags: it must not be taken for none.
    """
    for name in NAMES:
        values = headers.getlist(name)
        if len(values) > 1 or any(not _CONDITION.fullmatch(value.strip()) for value in values):
            raise ProblemError("invalid", "If-Match and If-None-Match must be entity tags or *")
    return any(name in headers for name in NAMES)


def _has_state(tag: str, condition: str) -> bool:
    """Return whether a condition names the state of a tag, whatever page it was read with."""
    if condition.strip() == "*":
        return True
    return _state(tag.strip('"')) in map(_state, _TAG.findall(condition))


def _state(tag: str) -> str:
    return tag.partition(".")[0]


def _digest(fields: Mapping[str, Any]) -> str:
    text = json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:DIGITS]


def _fail() -> ProblemError:
    return ProblemError(
        "precondition-failed", "the item is not in the state that the request names; read it again"
    )
