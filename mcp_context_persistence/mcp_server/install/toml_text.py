"""Change one table of a TOML file as text, so that comments and layout stay."""

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from mcp_context_persistence.kg.errors import ValidationError

_HEADER = re.compile(r"^[ \t]*\[(?!\[).*\][ \t]*(?:#.*)?$|^[ \t]*\[\[.*\]\][ \t]*(?:#.*)?$", re.M)


def parse(text: str) -> dict[str, Any]:
    """Return the value of a TOML text.

    Raises:
        ValidationError: It is not valid.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValidationError("the file is not valid TOML") from error


def set_table(text: str, path: tuple[str, str], value: Mapping[str, Any]) -> str:
    """Return the text with a table of a table set to a value."""
    text = remove_table(text, path)
    lines = [f"[{path[0]}.{path[1]}]"]
    tables = {key: item for key, item in value.items() if isinstance(item, Mapping) and item}
    lines += [
        f"{key} = {_dump(item)}"
        for key, item in value.items()
        if key not in tables and not isinstance(item, Mapping)
    ]
    for key, table in tables.items():
        lines += ["", f"[{path[0]}.{path[1]}.{key}]"]
        lines += [f"{_dump(name)} = {_dump(item)}" for name, item in table.items()]
    gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
    return f"{text}{gap}{chr(10).join(lines)}\n"


def remove_table(text: str, path: tuple[str, str]) -> str:
    """Return the text without a table of a table and the tables in it."""
    starts = [match.start() for match in _HEADER.finditer(text)]
    remaining = text[: starts[0]] if starts else text
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        block = text[start:end]
        if not _is_inside(block.splitlines()[0], path):
            remaining += block
        else:
            remaining += _trailing_comments(block)
    return re.sub(r"\n{3,}\Z", "\n", remaining)


def _is_inside(header: str, path: tuple[str, str]) -> bool:
    """Return whether a header names the table of a path or a table in it."""
    try:
        value: Any = tomllib.loads(header)
    except tomllib.TOMLDecodeError:
        return False
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    return True


def _trailing_comments(block: str) -> str:
    """Return the comment lines at the end of a block: they are about what follows it."""
    lines = block.splitlines(keepends=True)
    comment_start = len(lines)
    while comment_start > 1:
        line = lines[comment_start - 1].strip()
        if line and not line.startswith("#"):
            break
        comment_start -= 1
    rest = "".join(lines[comment_start:])
    return rest if "#" in rest else ""


def _dump(value: Any) -> str:
    """Return a string, number, boolean or list as TOML; its strings are those of JSON."""
    if isinstance(value, list):
        return f"[{', '.join(map(_dump, value))}]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
