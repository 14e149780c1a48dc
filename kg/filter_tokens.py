"""Filter tokens: opaque words in the fulltext index, one for each property value of a filter.

A token consists of digits only, so that no analyzer splits or stems it. Nodes keep them in the
property `facets`.
"""

import json
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import LimitError


def build_token(field: str, value: str) -> str:
    """Return the token for a value of a field: the 1 to 20 decimal digits of a 64-bit hash."""
    digest = blake2b(f"{field}\0{value}".encode(), digest_size=8).digest()
    return str(int.from_bytes(digest, "big"))


def build_tokens(namespace: str, **values: str | None) -> list[str]:
    """Return the namespace's token and one for each value that is not empty."""
    return [
        build_token("namespace", namespace),
        *(build_token(field, value) for field, value in values.items() if value),
    ]


def read_project(project_path: str | None, metadata: Mapping[str, Any] | None) -> str:
    """Return the project for filters.

    It is `metadata["project"]`, else the last component of the path, else an empty string.
    """
    project = (metadata or {}).get("project")
    if isinstance(project, str) and project.strip():
        return validation.check_identifier("metadata.project", project)
    if not project_path:
        return ""
    is_windows = "\\" in project_path and "/" not in project_path
    return (PureWindowsPath if is_windows else PurePosixPath)(project_path).name


def read_tags(metadata: Mapping[str, Any] | None) -> list[str]:
    """Return the tags for filters: `metadata["tags"]`, a list of strings or one string.

    Raises:
        ValidationError: There are too many tags, or one is too long.
    """
    value = (metadata or {}).get("tags")
    items = [value] if isinstance(value, str) else value if isinstance(value, (list, tuple)) else []
    tags = [item for item in items if isinstance(item, str)]
    if len(tags) > limits.TAGS:
        raise LimitError(f"metadata.tags has more than {limits.TAGS} tags")
    for index, tag in enumerate(tags):
        if len(tag.encode()) > limits.IDENTIFIER_BYTES:
            raise LimitError(
                f"metadata.tags[{index}] has more than {limits.IDENTIFIER_BYTES} bytes"
            )
    return tags


def build_own_tokens(metadata: Mapping[str, Any] | None) -> list[str]:
    """Return the tokens of the node to which metadata belongs: the shared ones, and its keys.

    By the tokens of the keys, ranges find the nodes whose values they compare.
    """
    return [*build_shared_tokens(metadata), *dict.fromkeys(map(build_key_token, metadata or {}))]


def build_shared_tokens(metadata: Mapping[str, Any] | None) -> list[str]:
    """Return the tokens that messages have from their conversation's metadata or from their own."""
    return [
        *(build_token("tag", tag) for tag in read_tags(metadata)),
        *dict.fromkeys(
            build_value_token(path, format_value(value))
            for path, value in list_values(metadata or {})
        ),
    ]


def build_key_token(path: str) -> str:
    """Return the token for metadata that has the first part of a path as a key."""
    return build_token("metadata key", path.split(".", maxsplit=1)[0])


def build_value_token(path: str, text: str) -> str:
    """Return the token for a value of metadata, which is written as `format_value` does."""
    return build_token(f"metadata:{path}", text)


def list_values(metadata: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the strings, numbers and booleans in metadata with their paths, as filters name them.

    The keys of a path are joined by dots. Each element of a list counts as a value of its key; a
    list inside a list does not.
    """
    for key, value in metadata.items():
        for item in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(item, Mapping):
                yield from list_values(item, f"{prefix}{key}.")
            elif isinstance(item, (str, bool, int, float)):
                yield f"{prefix}{key}", item


def format_value(value: str | bool | float) -> str:
    """Return a value as JSON, and 1.0 as 1; a string differs from a number that looks like it."""
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
