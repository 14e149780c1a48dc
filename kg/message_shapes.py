"""Read messages as assistants' programs have them, and return the fields of `kg.models.Message`.

A message is a mapping, a model with `model_dump` (of LangChain, OpenAI, Anthropic and others) or a
dataclass. What the fields do not hold is kept as `extra`.
"""

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import LimitError, ValidationError
from mcp_context_persistence.kg.message_parts import read_part_texts
from mcp_context_persistence.kg.plain_values import to_number, to_plain

FIELDS = (
    "role",
    "content",
    "timestamp",
    "metadata",
    "id",
    "name",
    "parent_id",
    "parts",
    "tool_calls",
    "tool_call_id",
    "extra",
)
# Roles whose messages may have no text: they call a tool, or a tool returned nothing.
ROLES_WITHOUT_TEXT = frozenset({"assistant", "tool", "function"})
_ROLES_BY_OTHER_NAME = {
    "human": "user",
    "ai": "assistant",
    "aimessagechunk": "assistant",
    "humanmessagechunk": "user",
    "bot": "assistant",
    "model": "assistant",
}
_PLAIN_KEYS = frozenset({"role", "content", "timestamp", "metadata", "id", "name", "parent_id"})
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# A number is seconds since 1970 from the year 1973 to 5138, and milliseconds for the same years.
_SECONDS_FROM = 1e8
_MILLISECONDS_FROM = 1e11
_MILLISECONDS_TO = 1e14


def read_message(value: Any) -> Any:
    """Return a message as a mapping of its fields; return any other value unchanged.

    Raises:
        ValidationError: A part or another value cannot be stored. The text begins with `value`,
            which stands for the message.
    """
    mapping = _to_mapping(value)
    if mapping is None:
        return value
    fields = validation.check_mapping("value", mapping)
    role = _read_role(fields)
    if role is not None:
        fields["role"] = role
    if fields.keys() <= _PLAIN_KEYS and isinstance(fields.get("content"), str):
        return fields
    _read_content(fields)
    is_object = not isinstance(value, Mapping)
    if is_object and fields.get("tool_calls") == []:
        del fields["tool_calls"]  # objects have all of their fields
    if fields.get("tool_calls") is not None:
        fields["tool_calls"] = _read_items("value.tool_calls", fields["tool_calls"])
    fields["extra"] = _read_extra(fields, is_object=is_object)
    return fields


def _to_mapping(value: Any) -> Mapping[Any, Any] | None:
    """Return an object as a mapping, None if it cannot be one."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, type):
        return None
    if callable(getattr(value, "model_dump", None)):
        dumped = value.model_dump()
        return dumped if isinstance(dumped, Mapping) else None
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    return None


def _read_role(fields: dict[Any, Any]) -> object:
    """Return the role by its usual name; `type` is the role in models of LangChain."""
    role = fields.get("role")
    if role is None and isinstance(fields.get("type"), str):
        role = fields.pop("type")
    if isinstance(role, str):
        name = str.__str__(role)
        return _ROLES_BY_OTHER_NAME.get(name.lower(), name)
    return role


def _read_content(fields: dict[Any, Any]) -> None:
    """Replace parts by their text, and no content by an empty text where that is allowed."""
    content, parts = fields.get("content"), fields.get("parts")
    if parts is None and isinstance(content, (list, tuple)):
        parts, name = content, "content"
    else:
        name = "parts"
    if parts is not None:
        fields["parts"] = checked = _read_items(f"value.{name}", parts)
        texts = read_part_texts(checked)
        fields["content"] = texts.spoken or texts.tool_results
        return
    has_calls = fields.get("tool_calls") is not None or fields.get("function_call") is not None
    role = fields.get("role")
    may_lack_text = isinstance(role, str) and role in ROLES_WITHOUT_TEXT
    if content is None and may_lack_text and ("content" in fields or has_calls):
        fields["content"] = ""


def _read_items(field: str, value: Any) -> list[Any]:
    """Return parts or calls as plain JSON: each is a mapping, an object with one, or a text."""
    items = validation.check_list(field, value, limit=limits.MESSAGE_PARTS)
    converted = []
    for index, item in enumerate(items):
        mapping = None if isinstance(item, str) else _to_mapping(item)
        if mapping is None and not isinstance(item, str):
            raise ValidationError(f"{field}.{index} must be a mapping or a string")
        stored_item = to_plain(f"{field}.{index}", item if mapping is None else mapping)
        if (
            isinstance(stored_item, dict)
            and "text" in stored_item
            and not _is_text(stored_item["text"])
        ):
            raise ValidationError(f"{field}.{index}.text must be a string")
        converted.append(stored_item)
    return converted


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, (str, Mapping))


def _read_extra(fields: dict[Any, Any], *, is_object: bool) -> dict[str, Any] | None:
    """Return the keys that have no field, without empty values of objects."""
    extra = fields.pop("extra", None)
    extra_fields = (
        {}
        if extra is None
        else to_plain("value.extra", validation.check_mapping("value.extra", extra))
    )
    for key in [key for key in fields if key not in FIELDS]:
        value = fields.pop(key)
        if value is None or (is_object and _is_empty(value)):
            continue
        if not isinstance(key, str):
            raise ValidationError(f"value must have strings as keys, not {type(key).__name__}")
        extra_fields.update(to_plain("value", {key: value}))
    return extra_fields or None


def _is_empty(value: Any) -> bool:
    return value is False or (isinstance(value, (dict, list, str)) and not value)


def dump_data(**values: Any) -> str | None:
    """Return the values that are not None as canonical JSON, None where there are none.

    Raises:
        ValidationError: It is too long.
    """
    values_by_key = {key: value for key, value in values.items() if value is not None}
    if not values_by_key:
        return None
    text = json.dumps(values_by_key, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise ValidationError(
            "value contains half of a surrogate pair, which cannot be stored"
        ) from error
    if size > limits.MESSAGE_DATA_BYTES:
        raise LimitError(
            f"value has more than {limits.MESSAGE_DATA_BYTES:,} bytes of parts and other data"
        )
    return text


def read_epoch(value: object) -> datetime | None:
    """Return the time of seconds or milliseconds since 1970, None for anything else."""
    number = to_number(value)
    if number is None or not _SECONDS_FROM <= number < _MILLISECONDS_TO:
        return None
    milliseconds = number if number >= _MILLISECONDS_FROM else number * 1000
    return _EPOCH + timedelta(milliseconds=round(milliseconds))
