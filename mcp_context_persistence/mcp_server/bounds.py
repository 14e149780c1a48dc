"""Cut answers to the size that assistants accept."""

import json
from collections.abc import Iterator
from typing import Any

from mcp_context_persistence.kg import limits

ELLIPSIS = " …"
MIN_STRING = 200  # characters that a shortened string keeps at least


def shorten(text: str, characters: int) -> str:
    """Cut a text at a space, with an ellipsis, if it is longer than a number of characters."""
    if len(text) <= characters:
        return text
    cut = text[: characters - len(ELLIPSIS)]
    return (cut.rsplit(" ", 1)[0] if " " in cut[len(cut) // 2 :] else cut) + ELLIPSIS


def fit(data: dict[str, Any], characters: int = limits.MCP_ANSWER_CHARACTERS) -> bool:
    """Shorten the lists and texts of an answer in place until its JSON is short enough.

    Returns:
        Whether anything was left out; `truncated` of the answer says so, too.
    """
    was_cut = False
    while len(dump(data)) > characters and _cut_largest(data):
        was_cut = data["truncated"] = True
    return was_cut


def dump(data: object) -> str:
    """Return an answer as JSON, as it is counted."""
    return json.dumps(data, ensure_ascii=False, default=str)


def _cut_largest(data: dict[str, Any]) -> bool:
    """Halve the list with most text, else the longest text; return whether there was one."""
    lists = [(len(dump(value)), owner, key) for owner, key, value in _walk(data)
             if isinstance(value, list) and len(value) > 1]  # fmt: skip
    if lists:
        _, owner, key = max(lists, key=lambda entry: entry[0])
        owner[key] = owner[key][: len(owner[key]) // 2]
        return True
    texts = [(len(value), owner, key) for owner, key, value in _walk(data)
             if isinstance(value, str) and len(value) > MIN_STRING]  # fmt: skip
    if texts:
        length, owner, key = max(texts, key=lambda entry: entry[0])
        owner[key] = shorten(owner[key], max(length // 2, MIN_STRING))
        return True
    return False


def _walk(value: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Yield every item inside a value with its container and key."""
    pairs: Any = ()
    if isinstance(value, dict):
        pairs = value.items()
    elif isinstance(value, list):
        pairs = enumerate(value)
    for key, item in pairs:
        yield value, key, item
        yield from _walk(item)
