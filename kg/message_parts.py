"""The texts in the parts of a message: what its speaker says, and what else a search may find."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SPOKEN = frozenset({"", "text", "input_text", "output_text"})
_RESULTS = frozenset({"tool_result", "function_call_output", "functionresponse"})
_CALLS = frozenset(
    {"tool_use", "tool_call", "tool_invocation", "function_call", "functioncall", "function"}
)
# Gemini has no `type`: the only key of a part is its type.
_KEYS_THAT_ARE_TYPES = ("functionCall", "functionResponse")


@dataclass(frozen=True, kw_only=True)
class PartTexts:
    """The texts in the parts of a message.

    Attributes:
        spoken: What the speaker of the message says.
        tool_results: What tools have returned, which is in messages of users in some formats.
        attachments: Names and addresses of files and images, and calls of tools.
    """

    spoken: str
    tool_results: str
    attachments: str


def read_part_texts(
    parts: Sequence[Any] | None, tool_calls: Sequence[Any] | None = None
) -> PartTexts:
    """Return the texts in the parts and in the tool calls of a message, which are plain JSON."""
    texts: dict[str, list[str]] = {"spoken": [], "tool_results": [], "attachments": []}
    for item in parts or ():
        kind, text = _read_part(item)
        texts[kind].append(text)
    texts["attachments"].extend(map(_read_call, tool_calls or ()))
    return PartTexts(**{kind: "\n".join(filter(None, lines)) for kind, lines in texts.items()})


def _read_part(item: Any) -> tuple[str, str]:
    """Return the kind of a part's text, and the text; an empty one where it has none."""
    if isinstance(item, str):
        return "spoken", item
    if not isinstance(item, Mapping):
        return "attachments", ""
    for key in _KEYS_THAT_ARE_TYPES:
        if isinstance(item.get(key), Mapping):
            item = {"type": key, **item[key]}
    kind = str(item.get("type") or "").lower().replace("-", "_")
    if kind in _SPOKEN or kind == "refusal":
        return "spoken", _read_text(item.get(kind if kind == "refusal" else "text"))
    if kind in _RESULTS:
        return "tool_results", _read_result(item)
    if kind in _CALLS:
        return "attachments", _read_call(item)
    return "attachments", "\n".join(_list_references(item))


def _read_text(value: Any) -> str:
    """Return a text, which some formats wrap in a mapping."""
    if isinstance(value, Mapping):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def _read_result(item: Mapping[str, Any]) -> str:
    result = _find_first(item, ("content", "output", "result", "response"))
    if isinstance(result, list):
        texts = read_part_texts(result)
        return texts.spoken
    return _write(result)


def _read_call(call: Any) -> str:
    """Return the name and the arguments of a call."""
    if not isinstance(call, Mapping):
        return ""
    for key in ("function", "toolInvocation"):
        if isinstance(call.get(key), Mapping):
            call = call[key]
    name = _find_first(call, ("name", "toolName"))
    arguments = _find_first(call, ("arguments", "args", "input"))
    return " ".join(filter(None, (_write(name), _write(arguments))))


def _find_first(mapping: Mapping[str, Any], keys: Iterable[str]) -> Any:
    return next((mapping[key] for key in keys if mapping.get(key) is not None), None)


def _write(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _list_references(item: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names and addresses of a file or an image, without data."""
    for key, value in item.items():
        if isinstance(value, Mapping):
            yield from _list_references(value)
        elif (
            key in {"filename", "file_name", "title", "name", "url", "image_url", "uri", "fileUri"}
            and isinstance(value, str)
            and not value.startswith("data:")
        ):
            yield value
