"""Opaque tokens by which the fulltext index filters: one per property value that a search may ask for.

A token is a run of digits, so that no analyzer splits or stems it.
"""

import json
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from mcp_context_persistence.kg import limits, validation
from mcp_context_persistence.kg.errors import ValidationError


def facet(field: str, value: str) -> str:
    """The token for one value of one field: the decimal digits of a 64-bit hash, 1 to 20 of them."""
    digest = blake2b(f"{field}\0{value}".encode(), digest_size=8).digest()
    return str(int.from_bytes(digest, "big"))


def facets(namespace: str, **values: str | None) -> list[str]:
    """The namespace's token and one for each value that is not empty."""
    return [
        facet("namespace", namespace),
        *(facet(field, value) for field, value in values.items() if value),
    ]


def project_of(project_path: str | None, metadata: Mapping[str, Any] | None) -> str:
    """The project that a filter names: `metadata["project"]`, else the last part of the path, else nothing."""
    named = (metadata or {}).get("project")
    if isinstance(named, str) and named.strip():
        return validation.check_identifier("metadata.project", named)
    if not project_path:
        return ""
    kind = PureWindowsPath if "\\" in project_path and "/" not in project_path else PurePosixPath
    return kind(project_path).name


def tags_of(metadata: Mapping[str, Any] | None) -> list[str]:
    """The tags that a filter names: `metadata["tags"]`, a list of strings or one string.

    Raises:
        ValidationError: There are too many, or one is too long.
    """
    found = (metadata or {}).get("tags")
    listed = (
        [found] if isinstance(found, str) else found if isinstance(found, (list, tuple)) else []
    )
    tags = [tag for tag in listed if isinstance(tag, str)]
    if len(tags) > limits.TAGS:
        raise ValidationError(f"metadata.tags has more than {limits.TAGS} tags")
    if any(len(tag.encode()) > limits.IDENTIFIER_BYTES for tag in tags):
        raise ValidationError(
            f"metadata.tags has a tag of more than {limits.IDENTIFIER_BYTES} bytes"
        )
    return tags


def shared_facets(metadata: Mapping[str, Any] | None) -> list[str]:
    """The tokens that messages have from their conversation's metadata, or from their own."""
    return [*(facet("tag", tag) for tag in tags_of(metadata)), *metadata_facets(metadata)]


def metadata_facets(metadata: Mapping[str, Any] | None) -> list[str]:
    """Tokens for the top-level values of metadata that a filter `metadata.KEY` can name: strings, numbers, booleans."""
    return [
        facet(f"metadata.{key}", written(value))
        for key, value in (metadata or {}).items()
        if isinstance(value, (str, bool, int, float))
    ]


def written(value: str | bool | float) -> str:
    """A plain value as its token has it: strings as they are, the rest as JSON, and 1.0 as 1."""
    if isinstance(value, str):
        return value
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
